//! Files of values that rules name, replaced under load.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

const DEADLINE: Duration = Duration::from_secs(10);

/// Clients are 127.0.0.1, which the database has in Japan.
const CONF: &str = r#"worker_processes 2;
http {
    geoip_db geo.mmdb;
    geoip_policy listed { deny country=@closed.txt; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location = /country { geoip_deny country=@closed.txt; empty_gif; }
        location = /office { geoip_allow address=@office.txt; geoip_deny all; empty_gif; }
        location = /policy { geoip_use listed; empty_gif; }
        location = /free { geoip_deny country=KP; empty_gif; }
    }
}"#;

/// Answers in a row that show what every worker says.
const ENOUGH: usize = 24;

fn setup(env: &Env) -> Result<Setup<'_>, String> {
    let path = env.base.join("t/data/geo.mmdb");
    let database = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Setup::new(env)?
        .file("conf/geo.mmdb", &database)?
        .file("conf/closed.txt", b"KP # and no other\n")?
        .file("conf/office.txt", b"127.0.0.0/8\n")
}

/// Waits until every worker answers a path with a status.
fn wait_for(server: &Server, path: &str, wanted: u16) -> Result<(), String> {
    let mut last = 0;
    let mut all_say_so = || {
        (0..ENOUGH)
            .all(|_| {
                last = server.get(path, "").map_or(0, |answer| answer.status);
                last == wanted
            })
            .then_some(())
    };
    let reached = poll::until(DEADLINE, &mut all_say_so);
    reached.ok_or_else(|| format!("{path} is {last}, not {wanted}:\n{}", server.log()))
}

fn is_said(server: &Server, text: &str, wanted: usize) -> Result<(), String> {
    let count = server.log().lines().filter(|l| l.contains(text)).count();
    if count == wanted {
        return Ok(());
    }
    Err(format!(
        "{count} lines have `{text}`, not {wanted}:\n{}",
        server.log()
    ))
}

/// A good list takes over in every worker, one that is not is refused by one line, and requests go on.
pub(super) fn replace(env: &Env) -> Result<(), String> {
    let server = setup(env)?.start(CONF)?;
    for (path, status) in [("/country", 200), ("/policy", 200), ("/office", 200)] {
        wait_for(&server, path, status)?;
    }
    let load = Load::start(server.port(0), "/free", "", 2, 200);
    load.wait_good(50)?;
    server.write_file("conf/closed.txt", b"# closed since today\nKP\nJP\n")?;
    wait_for(&server, "/country", 403)?;
    wait_for(&server, "/policy", 403)?;
    is_said(&server, "closed.txt\" has been read again", 1)?;
    server.write_file("conf/office.txt", b"192.0.2.0/24\n2001:db8::/32\n")?;
    wait_for(&server, "/office", 403)?;
    for (bad, why) in [
        (
            &b"KP\nJAPAN\n"[..],
            "has an invalid country in line 2, it must be two letters",
        ),
        (b"", "is empty, the old values stay in use"),
    ] {
        server.write_file("conf/closed.txt", bad)?;
        server.wait_log(
            &format!(r"\[error\] .*geoip list .*closed.txt. {why}"),
            DEADLINE,
        )?;
        wait_for(&server, "/country", 403)?;
    }
    fs::remove_file(server.root().join("conf/closed.txt")).map_err(|e| e.to_string())?;
    let gone = r"\[error\] .*closed.txt. cannot be read \(2: No such file or directory\), the old values stay in use";
    server.wait_log(gone, DEADLINE)?;
    wait_for(&server, "/country", 403)?;
    server.write_file("conf/closed.txt", b"KP\n")?;
    wait_for(&server, "/country", 200)?;
    wait_for(&server, "/policy", 200)?;
    // What was replaced stays so across a reload, and is not read twice by those who start.
    server.reload()?;
    wait_for(&server, "/office", 403)?;
    is_said(&server, "office.txt\" has been read again", 1)?;
    let tally = load.stop();
    if tally.bad > 0 || tally.good == 0 {
        return Err(format!("under load: {tally:?}"));
    }
    server.stop()
}

/// A list that only root reads is in force, and `nginx -t` says that changes need a reload.
pub(super) fn root_only(env: &Env) -> Result<(), String> {
    let conf = CONF.replacen("2;", "2; user nobody nogroup;", 1);
    let server = setup(env)?.start(&conf)?;
    let path = server.root().join("conf/office.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(|e| e.to_string())?;
    server.reload()?;
    wait_for(&server, "/office", 200)?;
    let warning = r"\[warn\] .*office.txt. cannot be read again by the workers, whose user is \d+: changes need a reload";
    server.wait_log(warning, DEADLINE)?;
    server.write_file("conf/closed.txt", b"JP\n")?;
    wait_for(&server, "/country", 403)?;
    server.stop()
}
