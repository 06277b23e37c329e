//! Routes changed by the API while a name server keeps silent: a name that a route has keeps its addresses and nobody
//! waits for them, one that is new is asked for.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

use crate::name_server::{NameServer, Said};

const CONF: &str = "http {
    resolver NAMES ipv6=off valid=1s;
    resolver_timeout 30s;
    upstream_table apps { zone 1m; }
    upstream backend { upstream_lookup apps $host; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / { proxy_pass http://backend; proxy_set_header Host $host; }
        location /_apps/ { upstream_api apps write=on; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2;
        location / { return 200 $server_port; }
    }
}";

const SOON: Duration = Duration::from_secs(10);
/// Less than the five seconds that a change waits for names.
const AT_ONCE: Duration = Duration::from_secs(3);

pub(super) fn run(env: &Env) -> Result<(), String> {
    let names = NameServer::start(("127.0.0.1", 0))?;
    let here = || Said::Addresses(1, vec![IpAddr::from([127, 0, 0, 1])]);
    names.say("app.test", here());
    names.say("localhost", Said::Missing);
    names.say("new.test", here());
    let conf = CONF.replace("NAMES", &names.address().to_string());
    let server = Setup::new(env)?.start(&conf)?;
    let (app, new) = (server.port(1), server.port(2));
    let one = format!(r#""http://app.test:{app}""#);
    change(
        &server,
        &format!("PUT /_apps/a.test\n{{\"backends\": [{one}]}}"),
    )?;
    answers(&server, "a.test", &[app])?;
    // nginx knows the addresses no longer than a second.
    names.say("app.test", Said::Silence);
    let before = names.asked("app.test");
    poll::until(SOON, || (names.asked("app.test") > before).then_some(()))
        .ok_or("app.test is not asked for again")?;
    change(&server, "PATCH /_apps/a.test\n{\"id\": \"x\"}")?;
    answers(&server, "a.test", &[app])?;
    let both = format!(r#"{{"backends": [{one}, "http://new.test:{new}"]}}"#);
    change(&server, &format!("PATCH /_apps/a.test\n{both}"))?;
    answers(&server, "a.test", &[app, new])?;
    change(&server, "PATCH /_apps/\n{\"a.test\": {\"id\": \"y\"}}")?;
    answers(&server, "a.test", &[app, new])?;
    // What this machine's own table knows, no name server is asked for.
    let local = format!(r#"{{"backends": ["http://localhost:{app}"]}}"#);
    change(&server, &format!("PUT /_apps/local.test\n{local}"))?;
    answers(&server, "local.test", &[app])?;
    server.stop()
}

/// A change that waits for nobody.
fn change(server: &Server, request: &str) -> Result<(), String> {
    let begin = Instant::now();
    let answer = server.request(request, "Content-Type: application/json")?;
    if !matches!(answer.status, 200 | 201) {
        return Err(format!("{request}: {} {}", answer.status, answer.text()));
    }
    if begin.elapsed() > AT_ONCE {
        return Err(format!("{request}: {:?}", begin.elapsed()));
    }
    Ok(())
}

/// The backends of these ports serve the host, each of them.
fn answers(server: &Server, host: &str, ports: &[u16]) -> Result<(), String> {
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = server.get("/", &format!("Host: {host}"))?.text();
        if !seen.contains(&answer) {
            seen.push(answer);
        }
    }
    let mut wanted: Vec<String> = ports.iter().map(u16::to_string).collect();
    seen.sort();
    wanted.sort();
    if seen == wanted {
        return Ok(());
    }
    Err(format!(
        "expected {wanted:?}, came {seen:?}\n{}",
        server.log()
    ))
}
