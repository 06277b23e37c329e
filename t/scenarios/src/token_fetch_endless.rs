//! Answers of a provider that are too long or never end (`jwks uri=`): they end nothing else, and the next one is asked for.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

use crate::token_fetch::{Does, Provider, ok};
use crate::token_keys::{A, DEADLINE, KID_A, bearer, set};

/// The profile of `/cached` has a location whose answers nginx must keep in a file; that of `/plain` may not keep any there.
const CONF: &str = r#"worker_processes 1;
http {
    proxy_cache_path cache keys_zone=c:1m;
    token_profile plain { format jwt; jwks uri=/_plain refresh=1h; }
    token_profile cached { format jwt; jwks uri=/_cached refresh=1h; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        token_auth_log_level info;
        root html;
        location /plain { token_auth plain; try_files /file =404; }
        location /cached { token_auth cached; try_files /file =404; }
        location = /_plain { internal; proxy_max_temp_file_size 0; proxy_pass http://127.0.0.1:$TEST_NGINX_PROVIDER; }
        location = /_cached { internal; proxy_cache c; proxy_cache_valid 1s; proxy_pass http://127.0.0.1:$TEST_NGINX_PROVIDER; }
    }
}"#;

/// Longer than any set that is taken.
const TOO_LONG: usize = 300_000;
/// A fetch is given up after 10 seconds.
const GIVEN_UP: Duration = Duration::from_secs(25);

fn start(env: &Env, provider: &Provider) -> Result<Server, String> {
    let mut server = Setup::new(env)?
        .name("PROVIDER", &provider.port.to_string())
        .file("html/file", b"file")?
        .start(CONF)?;
    for text in ["too big subrequest response", "upstream timed out"] {
        server.allow(text);
    }
    Ok(server)
}

fn ask(server: &Server, path: &str) -> Result<u16, String> {
    Ok(server.get(path, &bearer(KID_A))?.status)
}

fn expect(server: &Server, path: &str, wanted: u16) -> Result<(), String> {
    match ask(server, path) {
        Ok(status) if status == wanted => Ok(()),
        other => Err(format!("{path}: {other:?}:\n{}", keys_log(server))),
    }
}

/// What the log says, without a line for each refused token.
fn keys_log(server: &Server) -> String {
    let log = server.log();
    let lines = log.lines().filter(|line| !line.contains("token refused"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whoever waits for a set that is too long gets an answer, and the next set is used.
pub(super) fn long(env: &Env) -> Result<(), String> {
    let provider = Provider::start(ok(&"x".repeat(TOO_LONG)))?;
    let server = start(env, &provider)?;
    for path in ["/plain", "/cached"] {
        let begun = Instant::now();
        expect(&server, path, 401)?;
        // Once a request is answered nothing holds it.
        if begun.elapsed() > Duration::from_secs(3) {
            return Err(format!("{path}: open for {:?}", begun.elapsed()));
        }
    }
    // It says nothing of its length, and there is always more of it.
    provider.does(Does::Write(flood));
    let asked = provider.asked().len();
    let took = poll::until(DEADLINE, || {
        let begun = Instant::now();
        let status = ask(&server, "/plain");
        if status != Ok(401) {
            return Some(Err(format!("{status:?}:\n{}", keys_log(&server))));
        }
        (provider.asked().len() > asked).then(|| Ok(begun.elapsed()))
    });
    let took = took.ok_or("it was not asked again")??;
    if took > Duration::from_secs(3) {
        return Err(format!("waited for {took:?}"));
    }
    let padded = set("a", A).replace(
        "{\"keys\"",
        &format!("{{\"pad\":\"{}\",\"keys\"", "x".repeat(200_000)),
    );
    provider.does(ok(&padded));
    for path in ["/plain", "/cached"] {
        let taken = poll::until(DEADLINE, || (ask(&server, path) == Ok(200)).then_some(()));
        taken.ok_or_else(|| format!("{path}: no keys:\n{}", keys_log(&server)))?;
    }
    server.stop()
}

/// An answer that comes byte by byte is given up after some time, and the provider is asked again.
pub(super) fn dripping(env: &Env) -> Result<(), String> {
    let provider = Provider::start(Does::Write(drip))?;
    let server = start(env, &provider)?;
    thread::scope(|scope| {
        let both = ["/plain", "/cached"];
        // A request waits for keys for five seconds, as long as this client for an answer: it may have to ask once more.
        let twice = |path| expect(&server, path, 401).or_else(|_| expect(&server, path, 401));
        let asks = both.map(|path| scope.spawn(move || twice(path)));
        asks.into_iter()
            .try_for_each(|one| one.join().map_err(|_| "panicked")?)
    })?;
    provider.does(ok(&set("a", A)));
    for path in ["/plain", "/cached"] {
        let taken = poll::until(GIVEN_UP, || (ask(&server, path) == Ok(200)).then_some(()));
        taken.ok_or_else(|| format!("{path}: no keys:\n{}", keys_log(&server)))?;
    }
    server.stop()
}

fn flood(mut stream: TcpStream) {
    let piece = [b' '; 65_536];
    let mut written = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    while written.is_ok() {
        written = stream.write_all(&piece);
    }
}

fn drip(mut stream: TcpStream) {
    let mut written = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    while written.is_ok() {
        thread::sleep(Duration::from_millis(100));
        written = stream.write_all(b" ");
    }
}
