//! What the command `nginx -s` needs: nothing that is wrong with the files of the configuration keeps an operator from
//! signalling, and so from stopping, a server that runs.

use std::fs;
use std::process::Command;

use nginx_prove::env::Env;
use nginx_prove::server::Setup;

const CONF: &str = "http {
    geoip_db geo.mmdb;
    server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; location / { return 200 fine; } }
}";

pub(super) fn run(env: &Env) -> Result<(), String> {
    let data = env.base.join("t/data/geo.mmdb");
    let database = fs::read(&data).map_err(|e| format!("{}: {e}", data.display()))?;
    let server = Setup::new(env)?
        .file("conf/geo.mmdb", &database)?
        .start(CONF)?;
    server.write_file("conf/geo.mmdb", b"no database")?;
    let output = Command::new(&env.nginx)
        .arg("-p")
        .arg(server.root())
        .args(["-e", "logs/error.log", "-c", "conf/nginx.conf"])
        .args(["-s", "reopen"])
        .output()
        .map_err(|e| format!("{}: {e}", env.nginx.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("nginx -s reopen: {}\n{said}", output.status));
    }
    if server.get("/", "")?.text() != "fine" {
        return Err("the server does not go on".into());
    }
    server.stop()
}
