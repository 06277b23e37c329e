//! A worker killed under load: the master starts another, and the next request is served.

use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::server::Server;

const CONF: &str =
    "http { server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; location / { return 200 ok; } } }";

pub(super) fn run(env: &Env) -> Result<(), String> {
    let mut server = Server::start(env, CONF)?;
    let master = server.master_pid();
    let load = Load::start(server.port(0), "/", "", 2, 200);
    load.wait_good(20)?;
    for _ in 0..3 {
        server.kill_worker()?;
        let response = server.get("/", "")?;
        if response.status != 200 {
            return Err(format!("after the kill: {}", response.status));
        }
        load.wait_good(20)?;
    }
    let tally = load.stop();
    if server.master_pid() != master {
        return Err("the master changed".into());
    }
    // Each kill may cost the requests in flight, one per client, and those in the accept queue.
    if tally.bad > 12 {
        return Err(format!(
            "{} of {} requests failed",
            tally.bad,
            tally.good.saturating_add(tally.bad)
        ));
    }
    server.stop()
}
