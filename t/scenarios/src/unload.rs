//! The module goes with a reload that takes it out of the configuration, and comes back, again and again: the library of
//! signatures leaves nothing behind that would be called when its code is gone.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

/// Keys are parsed by the master, signatures checked by its workers.
const WITH: &str = r#"worker_processes 2;
http {
    token_profile p { format jwt; key file=rsa.pem encoding=pem; key file=ec.pem encoding=pem; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / { token_auth p; root html; }
    }
}"#;

const MODULE: &str = "ngx_http_gatehouse_module";

/// Signed by the private key of t/data/keys/p256.pub.pem: `{"exp":4000000000}`.
const TOKEN: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjIwMjZiIn0.eyJleHAiOjQwMDAwMDAwMDB9.JMTn8wTmRFQZy1mQEEEG3QNVkeSPDb3k9yww7ClhCulrcwXVgZj_3c62FIe7RhWRPghN9VWlTn20rqfZoGkRpg";

/// More than once: the second time is another one for whoever believes to be initialised.
const ROUNDS: usize = 5;

const SOON: Duration = Duration::from_secs(5);

pub(super) fn run(env: &Env) -> Result<(), String> {
    let key = |name: &str| {
        let path = env.base.join("t/data/keys").join(name);
        fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let mut server = Setup::new(env)?
        .file("conf/rsa.pem", &key("rsa.pub.pem")?)?
        .file("conf/ec.pem", &key("p256.pub.pem")?)?
        .file("html/v", b"shown\n")?
        .start(WITH)?;
    for round in 0..ROUNDS {
        let done = there_and_back(&mut server);
        done.map_err(|error| format!("round {round}: {error}"))?;
    }
    server.stop()
}

fn there_and_back(server: &mut Server) -> Result<(), String> {
    let signed = format!("Authorization: Bearer {TOKEN}");
    // Whose signature is none: aws-lc notes an error for its thread.
    let forged = signed.replace(&signed[signed.len() - 4..], "AAAA");
    for (header, wanted) in [(signed.as_str(), 200), (forged.as_str(), 401), ("", 401)] {
        let status = server.get("/v", header)?.status;
        if status != wanted {
            return Err(format!("{status} instead of {wanted}"));
        }
    }
    let master = server.master_pid();
    without_module(server)?;
    server.reload()?;
    // The old workers still have it; the master opens and closes it.
    poll::until(SOON, || (!has_module(master)).then_some(()))
        .ok_or("the master still has the module")?;
    let status = server.get("/v", "")?.status;
    if status != 200 || server.master_pid() != master {
        return Err(format!("without the module: {status}"));
    }
    server.write_conf(WITH)?;
    server.reload()
}

/// Takes the module, and all that needs it, out of the configuration.
fn without_module(server: &Server) -> Result<(), String> {
    server.write_conf(
        &WITH
            .replace("token_profile", "# token_profile")
            .replace("token_auth p;", ""),
    )?;
    let path = server.root().join("conf/nginx.conf");
    let text = fs::read_to_string(&path).map_err(|e| e.to_string())?;
    let lines = text.lines().filter(|line| !line.contains(MODULE));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    server.write_file("conf/nginx.conf", text.as_bytes())
}

fn has_module(pid: u32) -> bool {
    let maps = Path::new("/proc").join(pid.to_string()).join("maps");
    fs::read_to_string(maps).is_ok_and(|maps| maps.contains(MODULE))
}
