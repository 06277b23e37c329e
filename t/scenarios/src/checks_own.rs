//! Routes that say themselves how their backends are checked.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

const LONG: Duration = Duration::from_secs(15);

/// A backend that says its name, whose `/bad` is bad; the targets that it was asked for.
struct Asked {
    port: u16,
    targets: Arc<Mutex<Vec<String>>>,
}

impl Asked {
    fn start(name: &'static str) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let targets = Arc::<Mutex<Vec<String>>>::default();
        let shared = Arc::clone(&targets);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let targets = Arc::clone(&shared);
                thread::spawn(move || answer(stream, name, &targets));
            }
        });
        Ok(Self { port, targets })
    }

    /// How often it was asked for this.
    fn count(&self, target: &str) -> usize {
        let targets = self
            .targets
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        targets.iter().filter(|one| *one == target).count()
    }

    fn wait(&self, target: &str, count: usize) -> Result<(), String> {
        let before = self.count(target);
        let came = || (self.count(target) >= before + count).then_some(());
        poll::until(LONG, came).ok_or_else(|| format!("{target} is not asked for"))
    }
}

fn answer(mut stream: TcpStream, name: &str, targets: &Mutex<Vec<String>>) {
    let mut text = Vec::new();
    let mut piece = [0; 1024];
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => text.extend_from_slice(piece.get(..count).unwrap_or(&[])),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&text);
    let target = text.split(' ').nth(1).unwrap_or_default();
    let status = if target == "/bad" { "503 No" } else { "200 OK" };
    if let Ok(mut targets) = targets.lock() {
        targets.push(target.to_owned());
    }
    let length = name.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(format!("{head}{name}").as_bytes());
}

fn conf(workers: usize) -> String {
    format!(
        "worker_processes {workers};
        http {{
            upstream_table apps {{
                zone 1m;
                check http uri=/good interval=200ms timeout=200ms rise=1 fall=2 idle=0 panic=100%;
            }}
            upstream backend {{ upstream_lookup apps $host; }}
            access_log off;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location / {{ proxy_pass http://backend; proxy_set_header Host $host; }}
                location /_apps/ {{ upstream_api apps write=on; }}
            }}
        }}"
    )
}

/// With any number of workers: one address under three routes that check it differently has three states, and what a
/// route says can be changed and is refused with its place where it makes no sense.
pub(super) fn run(env: &Env) -> Result<(), String> {
    for workers in [1, 2, 4] {
        with(env, workers).map_err(|why| format!("{workers} workers: {why}"))?;
    }
    Ok(())
}

fn with(env: &Env, workers: usize) -> Result<(), String> {
    let (one, two) = (Asked::start("one")?, Asked::start("two")?);
    let server = Setup::new(env)?.start(&conf(workers))?;
    let put = |host: &str, check: &str| {
        let [one, two] = [one.port, two.port].map(|port| format!("\"http://127.0.0.1:{port}\""));
        let route = format!("{{\"backends\": [{one}, {two}]{check}}}");
        request(&server, &format!("PUT /_apps/{host}"), &route)
    };
    put("good.test", "")?;
    put(
        "bad.test",
        r#", "check": {"uri": "/bad", "interval": "400ms", "fall": 1}"#,
    )?;
    put("off.test", r#", "check": false"#)?;
    one.wait("/good", 4)?;
    let down = format!(
        "backend http://127.0.0.1:{} \\(check \"uri=/bad interval=400ms fall=1\"\\) is down: status 503",
        one.port
    );
    server.wait_log(&down, LONG)?;
    state(&server, "good.test", &["up,checked", "up,checked"])?;
    state(&server, "bad.test", &["down,checked", "down,checked"])?;
    state(&server, "off.test", &["up", "up"])?;
    for (host, status) in [("good.test", 200), ("bad.test", 502), ("off.test", 200)] {
        let answer = server.get("/", &format!("Host: {host}"))?;
        if answer.status != status {
            return Err(format!("{host}: status {}", answer.status));
        }
    }
    // Each at its own pace, and once however many workers there are.
    let before = [one.count("/good"), one.count("/bad")];
    one.wait("/good", 20)?;
    let [good, bad] = [
        one.count("/good") - before[0],
        one.count("/bad") - before[1],
    ];
    if bad * 2 > good + 4 || bad * 2 + 6 < good {
        return Err(format!("{good} checks each 200 ms, {bad} each 400 ms"));
    }
    // The route goes over to the table's way.
    let route = request(&server, "PATCH /_apps/", r#"{"bad.test": {"check": null}}"#)?;
    if route.0 != 200 && route.0 != 204 {
        return Err(format!("a patch: {route:?}"));
    }
    let is_up = || (server.get("/", "Host: bad.test").ok()?.status == 200).then_some(());
    poll::until(LONG, is_up).ok_or("the table's way does not hold")?;
    let before = one.count("/bad");
    one.wait("/good", 8)?;
    if one.count("/bad") > before + 1 {
        return Err("it is still checked as before".into());
    }
    refusals(&server)?;
    // A hundred changes make no check more: by the clock of the other backend, whose route stays as it is.
    put("good.test", r#", "meta": {"n": 0}"#)?;
    request(
        &server,
        "PUT /_apps/clock.test",
        &format!(
            "{{\"backends\": [\"http://127.0.0.1:{}\"], \"check\": {{\"uri\": \"/clock\"}}}}",
            two.port
        ),
    )?;
    two.wait("/clock", 2)?;
    let before = [one.count("/good"), two.count("/clock")];
    for number in 0..100 {
        put("good.test", &format!(", \"meta\": {{\"n\": {number}}}"))?;
    }
    two.wait("/clock", 10)?;
    let [came, clock] = [
        one.count("/good") - before[0],
        two.count("/clock") - before[1],
    ];
    if came.abs_diff(clock) > 4 {
        return Err(format!(
            "{came} checks of one that changes, {clock} of another"
        ));
    }
    server.stop()
}

fn refusals(server: &Server) -> Result<(), String> {
    for (check, pointer) in [
        (r#"{"url": "/"}"#, "/check/url"),
        (r#"{"interval": 3}"#, "/check/interval"),
        (r#"{"kind": "tcp", "uri": "/"}"#, "/check/uri"),
        ("true", "/check"),
    ] {
        let route = format!("{{\"backends\": [], \"check\": {check}}}");
        let (status, text) = request(server, "PUT /_apps/none.test", &route)?;
        if status != 400 || !text.contains(&format!("\"pointer\":\"{pointer}\"")) {
            return Err(format!("{check}: {status} {text}"));
        }
    }
    Ok(())
}

fn request(server: &Server, line: &str, body: &str) -> Result<(u16, String), String> {
    let kind = "Content-Type: application/json";
    let answer = server.request(&format!("{line}\n{body}"), kind)?;
    Ok((answer.status, answer.text()))
}

/// The states of a route's backends, and whether a check has ended, as the API shows them.
fn state(server: &Server, host: &str, wanted: &[&str]) -> Result<(), String> {
    let is_so = || {
        let health = server
            .get(&format!("/_apps/-/health?search={host}"), "")
            .ok()?
            .text();
        let health: serde_json::Value = serde_json::from_str(&health).ok()?;
        let backends = health.pointer(&format!("/routes/{host}"))?.as_array()?;
        let word = |backend: &serde_json::Value| {
            let state = backend.get("state").and_then(|state| state.as_str());
            let checked = if backend.get("check").is_some() {
                ",checked"
            } else {
                ""
            };
            format!("{}{checked}", state.unwrap_or_default())
        };
        let words: Vec<String> = backends.iter().map(word).collect();
        (words == wanted).then_some(())
    };
    poll::until(LONG, is_so).ok_or_else(|| {
        let health = server
            .get("/_apps/-/health", "")
            .map(|answer| answer.text());
        format!("{host} is not {wanted:?}: {health:?}")
    })
}
