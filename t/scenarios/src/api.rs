//! The HTTP API while nginx serves: clients that race, reloads, kills, large documents.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::http::{self, Packet, Response};
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, Setup};
use nix::sys::signal::Signal;

const HTTP: &str = "
    upstream_table apps { zone 128m; file apps.json reload=100ms; }
    upstream backend { upstream_lookup apps $host; }
    access_log off;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location /_apps/ { upstream_api apps write=on; }
        location / { proxy_pass http://backend; proxy_set_header Host $host; }
        location = /ping { return 200 pong; }
    }
";

const JSON: &str = "Content-Type: application/json";
/// Whatever is waited for comes in much less, on a machine with nothing else to do.
const SOON: Duration = Duration::from_secs(20);
/// A client of a large document has more, on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(env: &Env, workers: usize) -> Result<Server, String> {
    let file = br#"{"file.test": {"backends": ["http://127.0.0.1:1"]}}"#;
    Setup::new(env)?
        .file("conf/apps.json", file)?
        .start(&conf(workers))
}

fn conf(workers: usize) -> String {
    format!("worker_processes {workers};\nhttp {{{HTTP}}}")
}

pub(crate) fn send(port: u16, request: &str, headers: &str) -> Result<Response, String> {
    let (headers, chunked) = http::more_headers(format!("{JSON}\n{headers}").as_bytes());
    let data = http::build(request.as_bytes(), &headers, chunked, "close")?;
    let delay = Duration::ZERO;
    let received = http::exchange(port, &[Packet { data, delay }], PATIENCE)?;
    let (response, _) =
        http::parse(&received.bytes, false, true).map_err(|_| "no whole response".to_owned())?;
    Ok(response)
}

/// Sends a request that must be answered so.
fn expect(server: &Server, request: &str, status: u16) -> Result<Response, String> {
    let answer = send(server.port(0), request, "")?;
    if answer.status == status {
        return Ok(answer);
    }
    let first = request.lines().next().unwrap_or_default();
    Err(format!(
        "{first}: {} {}, not {status}",
        answer.status,
        answer.text()
    ))
}

/// The keys that the API owns.
fn keys(server: &Server) -> Result<BTreeSet<String>, String> {
    let all = expect(server, "GET /_apps/?owner=api", 200)?.text();
    let lines = all.lines().filter_map(|line| line.strip_prefix('"'));
    let keys = lines.filter_map(|line| line.split('"').next().map(str::to_owned));
    Ok(keys.collect())
}

/// A document of `h0.test`, `h1.test` …
fn many(count: usize, port: u16) -> String {
    let mut text = String::from("{");
    for number in 0..count {
        let comma = if number > 0 { "," } else { "" };
        let _ = write!(
            text,
            r#"{comma}"h{number}.test":{{"backends":["http://127.0.0.1:{port}"],"meta":{{"n":{number}}}}}"#
        );
    }
    text.push('}');
    text
}

fn on_every_count(env: &Env, run: fn(&Server) -> Result<(), String>) -> Result<(), String> {
    for workers in [1, 2, 4] {
        let server = start(env, workers)?;
        run(&server).map_err(|error| format!("{workers} workers: {error}"))?;
        server.stop()?;
    }
    Ok(())
}

/// Clients that change one route at the same time lose nothing of each other.
pub(super) fn races(env: &Env) -> Result<(), String> {
    on_every_count(env, |server| {
        expect(server, "PUT /_apps/a.test\n{\"backends\": []}", 201)?;
        let port = server.port(0);
        let clients = (0..4).map(|client| {
            thread::spawn(move || -> Result<(), String> {
                for number in 0..10 {
                    add_backend(port, client * 10 + number)?;
                    count_up(port)?;
                }
                Ok(())
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.join().map_err(|_| "a client panicked")??;
        }
        let route = expect(server, "GET /_apps/a.test", 200)?.text();
        let backends = route.matches("http://10.0.0.1:").count();
        if backends != 40 || !route.contains("\"n\":40") {
            return Err(format!("{backends} backends: {route}"));
        }
        Ok(())
    })
}

/// Without a condition: each backend must stay.
fn add_backend(port: u16, number: u32) -> Result<(), String> {
    let request = format!(
        "POST /_apps/a.test/backends\n\"http://10.0.0.1:{}\"",
        1000 + number
    );
    match send(port, &request, "")? {
        answer if answer.status == 201 => Ok(()),
        answer => Err(format!("POST: {} {}", answer.status, answer.text())),
    }
}

/// Reads a number and writes the next one, if nobody else has done so meanwhile.
fn count_up(port: u16) -> Result<(), String> {
    for _ in 0..1000 {
        let before = send(port, "GET /_apps/a.test", "")?;
        let text = before.text();
        let digits = text.split("\"n\":").nth(1).unwrap_or("0}");
        let number: u32 = digits
            .split('}')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        let patch = format!(
            "PATCH /_apps/a.test\n{{\"meta\": {{\"n\": {}}}}}",
            number + 1
        );
        let tag = before.header("ETag").unwrap_or_default();
        match send(port, &patch, &format!("If-Match: {tag}"))? {
            answer if answer.status == 200 => return Ok(()),
            answer if answer.status == 412 => {}
            answer => return Err(format!("PATCH: {} {}", answer.status, answer.text())),
        }
    }
    Err("another client was always quicker".into())
}

/// Only one of many makes a route that is not there.
pub(super) fn one_makes(env: &Env) -> Result<(), String> {
    on_every_count(env, |server| {
        let port = server.port(0);
        for round in 0..5 {
            let clients = (0..6).map(|_| {
                thread::spawn(move || {
                    let request = format!("PUT /_apps/r{round}.test\n{{\"backends\": []}}");
                    send(port, &request, "If-None-Match: *").map(|answer| answer.status)
                })
            });
            let mut made = Vec::new();
            for client in clients.collect::<Vec<_>>() {
                made.push(client.join().map_err(|_| "a client panicked")??);
            }
            made.sort_unstable();
            if made != [201, 412, 412, 412, 412, 412] {
                return Err(format!("{made:?}"));
            }
        }
        Ok(())
    })
}

/// What the API has made outlives the file, reloads and workers.
pub(super) fn owned(env: &Env) -> Result<(), String> {
    let backend = Backend::http("a")?;
    let mut server = start(env, 2)?;
    expect(
        &server,
        &format!("PATCH /_apps/\n{}", many(200, backend.port())),
        200,
    )?;
    let made = keys(&server)?;
    let unchanged = |server: &Server, when: &str| match keys(server)? {
        now if now == made => Ok(()),
        now => Err(format!("{when}: {} routes of {}", now.len(), made.len())),
    };
    server.write_file("conf/apps.json", br#"{"new.test": {"backends": []}}"#)?;
    let followed = || expect(&server, "GET /_apps/new.test", 200).ok();
    poll::until(SOON, followed).ok_or("the file was not followed")?;
    expect(&server, "GET /_apps/file.test", 404)?;
    unchanged(&server, "the file was read again")?;
    for _ in 0..3 {
        server.reload()?;
        unchanged(&server, "after a reload")?;
    }
    server.kill_worker()?;
    unchanged(&server, "after a kill")?;
    // A key of the file that the API has: it stays the API's.
    server.write_file("conf/apps.json", br#"{"h1.test": {"backends": []}}"#)?;
    server.wait_log(r"1 of 1 changes refused: key belongs to the API", SOON)?;
    unchanged(&server, "the file wants one of them")?;
    let answer = server.get("/", "Host: h1.test")?;
    if answer.status != 200 {
        return Err(format!("h1.test: {}", answer.status));
    }
    server.stop()
}

/// Ten megabytes at once: requests go on, also when the client does not wait for the answer.
pub(super) fn bulk(env: &Env) -> Result<(), String> {
    let server = start(env, 1)?;
    let load = Load::start(server.port(0), "/ping", "", 2, 200);
    load.wait_good(50)?;
    let count = 150_000;
    let text = many(count, 1);
    let begun = Instant::now();
    let answer = expect(&server, &format!("PATCH /_apps/\n{text}"), 200)?.text();
    let took = begun.elapsed();
    if answer != format!("{{\"created\":{count},\"replaced\":0,\"removed\":0,\"unchanged\":0}}\n") {
        return Err(answer);
    }
    let tally = load.stop();
    if tally.bad > 0 || tally.good < 100 {
        return Err(format!(
            "{} of {} requests failed meanwhile",
            tally.bad, tally.good
        ));
    }
    println!(
        "# {} bytes, {count} routes in {took:?}; {} requests meanwhile",
        text.len(),
        tally.good
    );
    let page = expect(&server, "GET /_apps/?limit=100", 200)?.text();
    if page.lines().count() != 101 {
        return Err(page);
    }
    server.stop()
}

/// Hosts that a bulk changes together are seen to change together, whichever worker is asked, while others change other
/// hosts and see that at once.
pub(super) fn bulk_at_once(env: &Env) -> Result<(), String> {
    let (mut old, mut new) = (Backend::http("one")?, Backend::http("two")?);
    let (mut from, mut to) = ("one", "two");
    let server = start(env, 2)?;
    let count = 120_000;
    let of_old = format!("PATCH /_apps/\n{}", many(count, old.port()));
    expect(&server, &of_old, 200)?;
    let mut number = 0;
    // It is made within a part of a second, and a busy machine may look the other way: then it is changed back.
    for _ in 0..8 {
        let before = number;
        change_at_once(&server, count, new.port(), (from, to), &mut number)?;
        let all = expect(&server, "GET /_apps/?owner=api", 200)?.text();
        let found = all
            .matches(&format!("http://127.0.0.1:{}\"", new.port()))
            .count();
        if found != count || keys(&server)?.len() != count + number {
            return Err(format!("{found} routes are new, of {count}"));
        }
        if number > before {
            return server.stop();
        }
        (old, new) = (new, old);
        (from, to) = (to, from);
    }
    Err("nobody looked while it was made".into())
}

/// Sends all hosts to another backend, and looks meanwhile; each look that comes while it is made changes a host of the next
/// number.
fn change_at_once(
    server: &Server,
    count: usize,
    new: u16,
    (from, to): (&str, &str),
    number: &mut usize,
) -> Result<(), String> {
    let before = memory_of_routes(server)?;
    let (text, port) = (many(count, new), server.port(0));
    let client = thread::spawn(move || {
        let begun = Instant::now();
        let answer = send(port, &format!("PATCH /_apps/\n{text}"), "")?;
        Ok::<_, String>((answer.status, begun.elapsed()))
    });
    let is_new = |host: &str| -> Result<bool, String> {
        let answer = server.get("/", &format!("Host: {host}\nConnection: close"))?;
        match answer.header("X-Backend") {
            Some(name) if name == to => Ok(true),
            Some(name) if name == from => Ok(false),
            _ => Err(format!("{host}: {} {}", answer.status, answer.text())),
        }
    };
    // The route that is made first, and the one that is made last, in both orders.
    let (one, other) = (format!("h{}.test", count - 1), "h0.test".to_owned());
    let first = *number;
    loop {
        for (first, second) in [(&one, &other), (&other, &one)] {
            if is_new(first)? && !is_new(second)? {
                return Err(format!("{first} is new, and {second} is old"));
            }
        }
        if is_new(&one)? {
            break;
        }
        // A part of it is made, and nothing of it is to be seen.
        if memory_of_routes(server)? > before * 9 / 8 {
            let put = format!("PUT /_apps/o{number}.test\n{{\"backends\": []}}");
            expect(server, &put, 201)?;
            expect(server, &format!("GET /_apps/o{number}.test"), 200)?;
            *number += 1;
        }
    }
    let (status, took) = client.join().map_err(|_| "the client panicked")??;
    let made = *number - first;
    println!("# {count} routes in {took:?}, looked at {made} times while they were made");
    (status == 200)
        .then_some(())
        .ok_or_else(|| status.to_string())
}

/// Bytes of the zone that routes take, seen or not. The rest of the metrics is not waited for: backends are looked for in
/// all routes, which takes many turns of the loop.
fn memory_of_routes(server: &Server) -> Result<u64, String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port(0)))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /_apps/-/metrics HTTP/1.0\r\n\r\n")?;
        let start = "gatehouse_zone_bytes{table=\"apps\",kind=\"routes\"} ";
        for line in BufReader::new(stream).lines() {
            if let Some(value) = line?.strip_prefix(start) {
                return Ok(value.to_owned());
            }
        }
        Ok("nothing".to_owned())
    };
    let value = ask().map_err(|e| e.to_string())?;
    value
        .parse()
        .map_err(|_| format!("routes take {value} bytes"))
}

/// The same, once nothing is given back any more: that is done in the worker's turns between requests.
fn memory_at_rest(server: &Server) -> Result<u64, String> {
    const TURNS: usize = 20;
    let at_rest = || {
        let first = memory_of_routes(server).ok()?;
        let mut more = (0..TURNS).map(|_| memory_of_routes(server).ok());
        more.all(|now| now == Some(first)).then_some(first)
    };
    poll::until(PATIENCE, at_rest).ok_or_else(|| "the zone comes to no rest".to_owned())
}

/// A client that goes, a reload in the middle: all of it is made. A kill: all of it or nothing, and all when it is sent
/// again.
pub(super) fn bulk_interrupted(env: &Env) -> Result<(), String> {
    let mut server = start(env, 2)?;
    let count = 120_000;
    let whole = |server: &Server| -> Result<usize, String> {
        let all = expect(server, "GET /_apps/?owner=api", 200)?.text();
        let routes = all.lines().skip(1);
        let sound = |line: &str| line.contains("\":{\"backends\":[\"http://127.0.0.1:");
        match routes.clone().find(|line| !sound(line)) {
            Some(line) => Err(format!("a broken route: {line}")),
            None => Ok(routes.count()),
        }
    };
    let begin = |server: &Server, port| {
        let text = many(count, port);
        let (to, head) = (server.port(0), "PATCH /_apps/");
        let request = format!("{head}\n{text}");
        thread::spawn(move || send(to, &request, "").map(|answer| answer.status))
    };
    let has_begun = |server: &Server, before: u64| {
        let more = || memory_of_routes(server).ok().filter(|now| *now > before);
        poll::until(SOON, more).ok_or("the PATCH did not begin")
    };
    // A reload.
    let before = memory_of_routes(&server)?;
    let client = begin(&server, 1);
    has_begun(&server, before)?;
    server.reload()?;
    let status = client.join().map_err(|_| "the client panicked")??;
    if (status, whole(&server)?) != (200, count) {
        return Err(format!(
            "a reload in the middle: {status}, {} routes",
            whole(&server)?
        ));
    }
    // A client that sends all and goes.
    let text = many(count, 2);
    let head = format!(
        "PATCH /_apps/ HTTP/1.1\r\nHost: a\r\n{JSON}\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    send_and_go(server.port(0), &[head.as_bytes(), text.as_bytes()])?;
    let all_made = || {
        let all = expect(&server, "GET /_apps/?owner=api", 200).ok()?.text();
        (all.matches("http://127.0.0.1:2\"").count() == count).then_some(())
    };
    poll::until(PATIENCE, all_made).ok_or("a client that went took its change away")?;
    // A kill of whoever is at it. What the change before has replaced may still be given back.
    let before = memory_at_rest(&server)?;
    let client = begin(&server, 3);
    has_begun(&server, before)?;
    for pid in server.worker_pids() {
        process::send(pid, Signal::SIGKILL)?;
    }
    server.allow("exited on signal 9");
    server.allow("was locked by");
    let _ = client.join();
    let back = || send(server.port(0), "GET /ping", "").ok();
    poll::until(SOON, back).ok_or("no worker came back")?;
    if whole(&server)? != count {
        return Err(format!("{} routes after a kill", whole(&server)?));
    }
    all_at(&server, 2, count).or_else(|_| all_at(&server, 3, count))?;
    // The next change finds what is left of it.
    let put = || {
        send(
            server.port(0),
            "PUT /_apps/next.test\n{\"backends\": []}",
            "",
        )
        .ok()
    };
    let put = || put().filter(|answer| answer.status == 201);
    poll::until(SOON, put).ok_or("no change after the kill")?;
    expect(&server, "DELETE /_apps/next.test", 204)?;
    all_at(&server, 2, count).or_else(|_| all_at(&server, 3, count))?;
    expect(&server, &format!("PATCH /_apps/\n{}", many(count, 3)), 200)?;
    all_at(&server, 3, count)?;
    server.stop()
}

fn all_at(server: &Server, port: u16, count: usize) -> Result<(), String> {
    let all = expect(server, "GET /_apps/?owner=api", 200)?.text();
    match all.matches(&format!("http://127.0.0.1:{port}\"")).count() {
        found if found == count => Ok(()),
        found => Err(format!("{found} routes of {count} at {port}")),
    }
}

fn send_and_go(port: u16, parts: &[&[u8]]) -> Result<(), String> {
    use std::io::Write;
    let mut stream =
        std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
    for part in parts {
        stream.write_all(part).map_err(|e| e.to_string())?;
    }
    Ok(())
}
