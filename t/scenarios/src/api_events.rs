//! `GET /-/events`: who follows a table sees every change, whoever has made it, or is told to begin anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, Setup, request_to};
use nix::sys::signal::Signal;

use crate::follower::{Event, Follower};
use crate::redis_server::Redis;
use crate::redis_site::{self, at, conf_with, is};

const JSON: &str = "Content-Type: application/json";
const KEY: &str = "Authorization: Bearer example";
const SOON: Duration = Duration::from_secs(10);
/// A stream ends with its worker, in much less than a client would wait.
const AT_ONCE: Duration = Duration::from_secs(3);
/// Longer than a maker of a bulk may be silent.
const ABANDONED: Duration = Duration::from_secs(20);
/// So many changes that no buffer of a client that does not read holds their events.
const ROUNDS: usize = 300;

fn conf(workers: usize, more: &str) -> String {
    format!(
        "worker_processes {workers};
        http {{
            upstream_table apps {{ zone 8m; file apps.json reload=100ms; }}
            upstream backend {{ upstream_lookup apps $host; }}
            access_log off;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT {more};
                location / {{ proxy_pass http://backend; }}
                location /_apps/ {{ upstream_api apps write=on; }}
                location = /_join {{ upstream_register apps hosts=*.test key_file=key; }}
            }}
        }}"
    )
}

fn start(env: &Env, workers: usize, more: &str) -> Result<Server, String> {
    let file = br#"{"file.test": {"backends": ["http://127.0.0.1:1", "http://127.0.0.1:2"]}}"#;
    Setup::new(env)?
        .file("conf/apps.json", file)?
        .file("conf/key", b"example\n")?
        .start(&conf(workers, more))
}

fn send(port: u16, request: &str) -> Result<(), String> {
    let answer = request_to(port, request, &format!("{JSON}\n{KEY}"))?;
    let first = request.lines().next().unwrap_or_default();
    let text = || format!("{first}: {} {}", answer.status, answer.text());
    (answer.status < 300).then_some(()).ok_or_else(text)
}

/// A document of hosts `NAME0.test`, `NAME1.test` …
fn bulk(name: &str, count: usize, port: usize) -> String {
    let mut text = String::from("PATCH /_apps/\n{");
    for n in 0..count {
        let comma = if n > 0 { "," } else { "" };
        let _ = write!(
            text,
            r#"{comma}"{name}{n}.test":{{"backends":["http://127.0.0.1:{port}"]}}"#
        );
    }
    text.push('}');
    text
}

/// Changes of the API, the file, registrations and requests, through any worker, come in order, and none is missing.
pub(super) fn all_sources(env: &Env) -> Result<(), String> {
    let server = start(env, 3, "")?;
    let port = server.port(0);
    let mut followers = Vec::new();
    for _ in 0..6 {
        followers.push(Follower::start(port, None)?);
    }
    let clients = (0..4).map(|client| {
        thread::spawn(move || -> Result<(), String> {
            for n in 0..30 {
                let text =
                    format!("PUT /_apps/c{client}.test\n{{\"id\": \"{n}\", \"backends\": []}}");
                send(port, &text)?;
                // The same again is no change.
                send(port, &text)?;
            }
            send(port, &format!("DELETE /_apps/c{client}.test"))
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.join().map_err(|_| "a client panicked")??;
    }
    send(port, &bulk("bulk", 200, 1))?;
    send(port, "PUT /_apps/end.test\n{\"backends\": []}")?;
    let mut first: Option<Vec<Event>> = None;
    for follower in &mut followers {
        let mut events = follower.until("end.test")?;
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for event in &events {
            *counts.entry((&event.kind, event.get("key"))).or_default() += 1;
            is("the owner", event.get("owner"), "api")?;
        }
        for client in 0..4 {
            let key = format!("c{client}.test");
            is(&key, counts.get(&("put", &key)), Some(&30))?;
            is(&key, counts.get(&("remove", &key)), Some(&1))?;
        }
        is("all events", events.len(), 4 * 31 + 200 + 1)?;
        // The tag is that of the route as it is when it is told.
        events
            .iter_mut()
            .for_each(|event| event.data = event.get("key").to_owned());
        match &first {
            None => first = Some(events),
            Some(first) => is("another follower", &events, first)?,
        }
    }
    let follower = followers.first_mut().ok_or("no follower")?;
    let answer = request_to(port, "GET /_apps/end.test", "")?;
    send(
        port,
        "PUT /_apps/end.test\n{\"id\": \"e\", \"backends\": []}",
    )?;
    let event = follower.expect("put", "key", "end.test")?;
    let tag = request_to(port, "GET /_apps/end.test", "")?.header("ETag");
    let escaped = tag.clone().unwrap_or_default().replace('"', "\\\"");
    is("an old tag", answer.header("ETag") == tag, false)?;
    is(
        "the tag",
        event.data.contains(&format!("\"etag\":\"{escaped}\"")),
        true,
    )?;
    registered(&server, follower)?;
    from_file(&server, follower)?;
    server.stop()
}

fn registered(server: &Server, follower: &mut Follower) -> Result<(), String> {
    let port = server.port(0);
    let place = "/_join?host=joined.test&port=3000";
    send(port, &format!("POST {place}"))?;
    let event = follower.expect("put", "key", "joined.test")?;
    is("the owner", event.get("owner"), "registration")?;
    // A renewal is no change.
    send(port, &format!("POST {place}"))?;
    send(port, &format!("DELETE {place}"))?;
    follower.expect("remove", "key", "joined.test").map(|_| ())
}

fn from_file(server: &Server, follower: &mut Follower) -> Result<(), String> {
    // Both backends of the file refuse connections: a request takes them out.
    is("a request", server.get("/", "Host: file.test")?.status, 502)?;
    for _ in 0..2 {
        let event = follower.next()?.ok_or("the stream ended")?;
        let (is_down, by) = (event.is("health", "up", "false"), event.get("by"));
        is(&event.data, (is_down, by), (true, "requests"))?;
    }
    send(
        server.port(0),
        "POST /_apps/file.test/backends/reset?url=http://127.0.0.1:1",
    )?;
    let event = follower.expect("health", "backend", "http://127.0.0.1:1")?;
    is(
        &event.data,
        (event.get("up"), event.get("by")),
        ("true", "reset"),
    )?;
    // The other one is out: this one is tried, and goes out again.
    is("a request", server.get("/", "Host: file.test")?.status, 502)?;
    let event = follower.expect("health", "backend", "http://127.0.0.1:1")?;
    is("out again", event.get("up"), "false")?;
    server.write_file("conf/apps.json", b"{")?;
    let event = follower.expect("feeder", "feeder", "file")?;
    is("a broken file", event.get("up"), "false")?;
    server.write_file("conf/apps.json", br#"{"new.test": {"backends": []}}"#)?;
    let mut events = Vec::new();
    for _ in 0..3 {
        let event = follower.next()?.ok_or("the stream ended")?;
        events.push((
            event.kind.clone(),
            event.get("key").to_owned(),
            event.get("up").to_owned(),
        ));
    }
    events.sort();
    let row = |kind: &str, key: &str, up: &str| (kind.to_owned(), key.to_owned(), up.to_owned());
    let wanted = [
        row("feeder", "", "true"),
        row("put", "new.test", ""),
        row("remove", "file.test", ""),
    ];
    is("the file", &events[..], &wanted[..])
}

/// Who comes back goes on where it was; who has been away for too long, or does not read, is told.
pub(super) fn resumed(env: &Env) -> Result<(), String> {
    let server = start(env, 2, "sndbuf=16k")?;
    let port = server.port(0);
    let mut follower = Follower::start(port, None)?;
    send(port, "PUT /_apps/a.test\n{\"backends\": []}")?;
    follower.until("a.test")?;
    let id = follower.id.clone();
    drop(follower);
    for n in 0..50 {
        send(port, &format!("PUT /_apps/b{n}.test\n{{\"backends\": []}}"))?;
    }
    for _ in 0..4 {
        let mut follower = Follower::start(port, Some(&id))?;
        let keys: Vec<String> = follower
            .until("b49.test")?
            .iter()
            .map(|e| e.get("key").to_owned())
            .collect();
        let wanted: Vec<String> = (0..50).map(|n| format!("b{n}.test")).collect();
        is("what was missed", keys, wanted)?;
    }
    let mut lazy = Follower::start(port, None)?;
    // A ring of 32 KiB has a thousand events.
    for round in 1..=ROUNDS {
        send(port, &bulk("many", 200, round))?;
    }
    for strange in [id.as_str(), "x", "-1", "18446744073709551615", "1", "\"1\""] {
        let mut follower = Follower::ask(port, Some(strange))?;
        let event = follower.next()?.ok_or("the stream ended")?;
        is(strange, event.kind.as_str(), "reset")?;
        send(port, "PUT /_apps/c.test\n{\"backends\": []}")?;
        follower.expect("put", "key", "c.test")?;
        send(port, "DELETE /_apps/c.test")?;
    }
    // What this one has not read it has lost, and nobody else has paid for that.
    let (mut count, mut resets) = (0, 0);
    loop {
        let event = lazy.next()?.ok_or("the stream ended")?;
        if event.get("key").starts_with("last") {
            break;
        }
        count += 1;
        if event.kind == "reset" {
            // From here on it misses nothing.
            resets += 1;
            send(
                port,
                &format!("PUT /_apps/last{resets}.test\n{{\"backends\": []}}"),
            )?;
        }
    }
    println!("# a client that did not read was sent {count} events, {resets} of them resets");
    is("not all", count < ROUNDS * 200 && resets > 0, true)?;
    server.stop()
}

/// A reload ends the streams, at once, and loses nothing; a killed writer loses nothing that is not said.
pub(super) fn workers_go(env: &Env) -> Result<(), String> {
    let mut server = start(env, 2, "")?;
    let port = server.port(0);
    let mut followers = Vec::new();
    for _ in 0..8 {
        followers.push(Follower::start(port, None)?);
    }
    let old = server.worker_pids();
    let begun = Instant::now();
    server.reload()?;
    for follower in &mut followers {
        is("a stream of an old worker", follower.next()?, None)?;
    }
    let gone = || {
        old.iter()
            .all(|pid| !server.worker_pids().contains(pid))
            .then_some(())
    };
    poll::until(SOON, gone).ok_or("an old worker stays")?;
    is(
        "a reload ends streams at once",
        begun.elapsed() < AT_ONCE,
        true,
    )?;
    send(port, "PUT /_apps/a.test\n{\"backends\": []}")?;
    let last = followers.first().map(|one| one.id.as_str());
    let mut follower = Follower::start(port, last)?;
    follower.expect("put", "key", "a.test")?;
    let id = follower.id.clone();
    // Whoever makes a bulk is killed, in the middle of it or behind it.
    let text = bulk("many", 80_000, 1);
    let client = thread::spawn(move || send(port, &text));
    let begun = || {
        let text = request_to(port, "GET /_apps/-/metrics", "").ok()?.text();
        let start = "gatehouse_zone_bytes{table=\"apps\",kind=\"routes\"} ";
        let bytes = text.lines().find_map(|line| line.strip_prefix(start))?;
        (bytes.parse::<u64>().ok()? > 100_000).then_some(())
    };
    poll::until(SOON, begun).ok_or("the PATCH did not begin")?;
    for pid in server.worker_pids() {
        process::send(pid, Signal::SIGKILL)?;
    }
    server.allow("exited on signal 9");
    server.allow("was locked by");
    let _ = client.join();
    is("a stream of a killed worker", follower.next()?, None)?;
    let repaired = || send(port, "PUT /_apps/b.test\n{\"backends\": []}").ok();
    poll::until(SOON, repaired).ok_or("no change after the kill")?;
    let anew = || {
        let mut follower = Follower::ask(port, Some(&id)).ok()?;
        let event = follower.next().ok()??;
        // Nothing is told twice or left out while the repair is to come.
        let _ = send(port, "PUT /_apps/b.test\n{\"backends\": [], \"id\": \"1\"}");
        let _ = send(port, "PUT /_apps/b.test\n{\"backends\": [], \"id\": \"2\"}");
        (event.kind == "reset").then_some(())
    };
    poll::until(ABANDONED, anew).ok_or("no reset after a writer was killed")?;
    server.stop()
}

/// So many streams and no more; a silent one is kept open; HTTP/2.
pub(super) fn bounds(env: &Env) -> Result<(), String> {
    let server = start(env, 1, "")?;
    let port = server.port(0);
    let begun = Instant::now();
    let mut followers = Vec::new();
    for _ in 0..64 {
        followers.push(Follower::start(port, None)?);
    }
    let refused = request_to(port, "GET /_apps/-/events", "")?;
    let is_said = refused.text().contains("\"code\":\"too_many_streams\"");
    is("one too many", (refused.status, is_said), (503, true))?;
    // Others are served, and who goes makes room.
    send(port, "PUT /_apps/a.test\n{\"backends\": []}")?;
    followers.truncate(63);
    let mut last = poll::until(SOON, || Follower::start(port, None).ok()).ok_or("no room")?;
    let comment = last.block()?;
    is("a comment", comment.as_deref(), Some(":"))?;
    is(
        "not before its time",
        begun.elapsed() > Duration::from_secs(14),
        true,
    )?;
    drop(followers);
    server.stop()?;
    let server = start(env, 1, "http2")?;
    let port = server.port(0);
    let url = format!("http://127.0.0.1:{port}/_apps/-/events");
    let client = thread::spawn(move || {
        let time = [
            "--http2-prior-knowledge",
            "--silent",
            "--no-buffer",
            "--max-time",
            "3",
        ];
        Command::new("curl").args(time).arg(url).output()
    });
    let until = Instant::now() + Duration::from_secs(2);
    let mut count = 0;
    while Instant::now() < until {
        let output = Command::new("curl")
            .args([
                "--http2-prior-knowledge",
                "--silent",
                "-X",
                "PUT",
                "-H",
                JSON,
                "-d",
            ])
            .arg(format!("{{\"id\": \"{count}\", \"backends\": []}}"))
            .arg(format!("http://127.0.0.1:{port}/_apps/h2.test"))
            .output();
        output.map_err(|e| e.to_string())?;
        count += 1;
    }
    let output = client.join().map_err(|_| "the client panicked")?;
    let text = output.map_err(|e| e.to_string())?.stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    let found = text
        .matches("event: put\ndata: {\"key\":\"h2.test\",\"owner\":\"api\"")
        .count();
    // The first ones may have come before the stream.
    is(
        &format!("{found} events of {count} over HTTP/2"),
        found > 0 && found + 5 > count,
        true,
    )?;
    server.stop()
}

/// Changes of a store are events as well, whoever has written them, and so are its outages.
pub(super) fn of_a_store(env: &Env) -> Result<(), String> {
    let mut redis = Redis::start(&[])?;
    redis.route("a.test", &["http://127.0.0.1:1"])?;
    let locations = "location /_apps/ { upstream_api apps write=on; }";
    let server = redis_site::start(env, &conf_with(&at(&redis), "", locations))?;
    let port = server.port(0);
    let there = || {
        request_to(port, "GET /_apps/a.test", "")
            .ok()
            .filter(|a| a.status == 200)
    };
    poll::until(SOON, there).ok_or("the store is not followed")?;
    let mut follower = Follower::start(port, None)?;
    redis.route("b.test", &["http://127.0.0.1:2"])?;
    let event = follower.until("b.test")?.pop().ok_or("nothing")?;
    is(
        "the owner",
        (event.kind.as_str(), event.get("owner")),
        ("put", "redis"),
    )?;
    send(
        port,
        "PUT /_apps/c.test\n{\"backends\": [\"http://127.0.0.1:3\"]}",
    )?;
    follower.expect("put", "key", "c.test")?;
    redis.ask(&["DEL", "frontend:b.test"])?;
    follower.expect("remove", "key", "b.test")?;
    redis.ask(&["SADD", "dead:a.test", "0"])?;
    redis.ask(&["EXPIRE", "dead:a.test", "60"])?;
    let event = follower.expect("health", "backend", "http://127.0.0.1:1")?;
    is(
        &event.data,
        (event.get("up"), event.get("by")),
        ("false", "mark"),
    )?;
    redis.ask(&["DEL", "dead:a.test"])?;
    let event = follower.expect("health", "backend", "http://127.0.0.1:1")?;
    is(
        &event.data,
        (event.get("up"), event.get("by")),
        ("true", "mark"),
    )?;
    redis.kill();
    // That the store is followed is noted a moment after its routes are there.
    let first = follower.expect("feeder", "feeder", "redis")?;
    if first.get("up") == "true" {
        let event = follower.expect("feeder", "feeder", "redis")?;
        is("an outage", event.get("up"), "false")?;
    }
    redis.run()?;
    let event = follower.expect("feeder", "feeder", "redis")?;
    is("its end", event.get("up"), "true")?;
    server.stop()
}
