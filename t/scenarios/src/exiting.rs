//! A worker that only waits for its last connection feeds no table any more.

use std::time::Duration;

use nix::sys::signal::Signal;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::Setup;

const CONF: &str = "
worker_shutdown_timeout 30s;
http {
    upstream_table apps { zone 1m; file apps.json reload=1ms; }
    upstream backend { upstream_lookup apps $host; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $http_connection;
        location / { proxy_pass http://backend; }
    }
}";

const SOON: Duration = Duration::from_secs(3);
/// Ten times as long as a worker that feeds lets pass before it looks at its file again.
const TEN_LOOKS: Duration = Duration::from_secs(1);

pub(super) fn run(env: &Env) -> Result<(), String> {
    let echo = Backend::echo()?;
    let routes = |more: &str| {
        let url = format!("http://127.0.0.1:{}", echo.port());
        format!(r#"{{{more} "*": {{"backends": ["{url}"]}}}}"#).into_bytes()
    };
    let server = Setup::new(env)?
        .file("conf/apps.json", &routes(""))?
        .start(CONF)?;
    let mut client = server.websocket("/", "Host: a.test")?;
    server.write_file("conf/apps.json", &routes(r#""a": {"backends": []},"#))?;
    server.wait_log(r"2 routes, 1 changed", SOON)?;

    server.signal(Signal::SIGQUIT)?;
    server.wait_log(r"gracefully shutting down", SOON)?;
    let more = r#""a": {"backends": []}, "b": {"backends": []},"#;
    server.write_file("conf/apps.json", &routes(more))?;
    let fed = || server.log().contains("3 routes").then_some(());
    if poll::until(TEN_LOOKS, fed).is_some() {
        return Err("a worker that is shutting down has read the table's file".into());
    }
    client.send_text("still here")?;
    let came = client.recv_text()?;
    if came != "still here" {
        return Err(format!("the WebSocket answered `{came}`"));
    }
    drop(client);
    server.ended()
}
