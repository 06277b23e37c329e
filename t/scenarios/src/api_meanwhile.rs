//! Bulk changes that wait for a name server: what others change meanwhile refuses those that expect something of the
//! table, or whose own routes were changed, and no other.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::http::Response;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup, request_to};

use crate::name_server::{NameServer, Said};

/// The module waits for names no longer than five seconds, so that the resolver's patience does not count.
const CONF: &str = "http {
    resolver NAMES ipv6=off;
    resolver_timeout 30s;
    upstream_table apps { zone 1m; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location /_apps/ { upstream_api apps write=on; }
    }
}";

const SOON: Duration = Duration::from_secs(4);

pub(super) fn run(env: &Env) -> Result<(), String> {
    let names = NameServer::start(("127.0.0.1", 0))?;
    for name in ["free.test", "bound.test", "late.test"] {
        names.say(name, Said::Silence);
    }
    let conf = CONF.replace("NAMES", &names.address().to_string());
    let server = Setup::new(env)?.start(&conf)?;
    put(&server, "/b.test", 1)?;
    let tag = server.get("/_apps/", "")?.header("ETag").ok_or("no ETag")?;
    let waits = |name: &str, routes: &str, headers: &str| -> Result<_, String> {
        let routes = format!(r#"{{{routes}"{name}": {{"backends": ["http://{name}:80"]}}}}"#);
        let patch = begin(server.port(0), routes, headers);
        poll::until(SOON, || (names.asked(name) > 0).then_some(()))
            .ok_or_else(|| format!("{name} is not asked for"))?;
        Ok(patch)
    };
    let free = waits("free.test", "", "")?;
    let bound = waits("bound.test", "", &format!("If-Match: {tag}"))?;
    let a = r#""a.test": {"backends": ["http://127.0.0.1:1"]},"#;
    let late = waits("late.test", a, "")?;
    put(&server, "/a.test", 2)?;
    put(&server, "/b.test", 2)?;
    answered(free, 200, "created\":1")?;
    answered(bound, 412, "precondition")?;
    answered(late, 409, "\"pointer\":\"/a.test\"")?;
    // What was refused has changed nothing.
    let now = server.get("/_apps/", "")?.text();
    for gone in ["bound.test", "late.test", "127.0.0.1:1"] {
        if now.contains(gone) {
            return Err(format!("{gone} is there: {now}"));
        }
    }
    server.stop()
}

fn put(server: &Server, path: &str, port: u16) -> Result<(), String> {
    let route = format!(r#"{{"backends": ["http://127.0.0.1:{port}"]}}"#);
    let request = format!("PUT /_apps{path}\n{route}");
    let answer = server.request(&request, "Content-Type: application/json")?;
    match answer.status {
        200 | 201 => Ok(()),
        status => Err(format!("PUT {path}: {status} {}", answer.text())),
    }
}

type Patch = JoinHandle<Result<Response, String>>;

fn begin(port: u16, routes: String, headers: &str) -> Patch {
    let headers = format!("Content-Type: application/json\n{headers}");
    thread::spawn(move || request_to(port, &format!("PATCH /_apps/\n{routes}"), &headers))
}

fn answered(patch: Patch, status: u16, says: &str) -> Result<(), String> {
    let answer = patch.join().map_err(|_| "a client has failed")??;
    let text = answer.text();
    if answer.status == status && text.contains(says) {
        return Ok(());
    }
    Err(format!(
        "expected {status} with {says}, came {} {text}",
        answer.status
    ))
}
