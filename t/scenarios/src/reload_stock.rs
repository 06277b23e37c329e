//! Reloads under load with stock directives: no request fails, the configuration changes.

use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::server::Server;

fn conf(word: &str) -> String {
    format!(
        "http {{ server {{ listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; location / {{ return 200 {word}; }} }} }}"
    )
}

pub(super) fn run(env: &Env) -> Result<(), String> {
    let server = Server::start(env, &conf("zero"))?;
    let load = Load::start(server.port(0), "/", "", 2, 200);
    for word in ["one", "two", "three"] {
        load.wait_good(20)?;
        server.write_conf(&conf(word))?;
        server.reload()?;
        let body = server.get("/", "")?.text();
        if body != word {
            return Err(format!("after the reload to {word}: {body}"));
        }
    }
    let tally = load.stop();
    if tally.bad > 0 {
        return Err(format!(
            "{} requests failed, {} were good",
            tally.bad, tally.good
        ));
    }
    server.stop()
}
