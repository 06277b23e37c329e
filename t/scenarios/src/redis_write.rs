//! Routes are changed over the API of an nginx that follows a Redis store: every nginx has them.

use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::http::Response;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::server::{Server, request_to};
use nix::sys::signal::Signal;

use crate::redis_server::Redis;
use crate::redis_site::{
    self, NOTICED, answer, at, conf_with, expect_answer, is, start_writer, url, wait_answer,
};
use crate::redis_ways::replica_of;

/// What the page about Redis says that a writer needs, and no more.
const ACL: &str = "user gate on >secret %RW~frontend:* %R~dead:* %R~join:* resetchannels -@all +hello +select +client|tracking +scan +lrange +smembers +pttl +ping +role +watch +unwatch +multi +exec +exists +del +rpush +pexpire";
/// The same without the rights to write.
const READER: &str = "user reader on >secret %R~frontend:* %R~dead:* %R~join:* resetchannels -@all +hello +select +client|tracking +scan +lrange +smembers +pttl +ping +role +watch +unwatch +multi +exec +exists";

const API: &str = "location /_apps/ { upstream_api apps write=on; }";

fn start(env: &Env, redis: &str) -> Result<Server, String> {
    start_writer(env, redis, API)
}

fn send(port: u16, request: &str, headers: &str) -> Result<Response, String> {
    let (kind, headers) = ("Content-Type: application/json", headers);
    request_to(port, request, &format!("{kind}\n{headers}"))
}

fn expect(server: &Server, request: &str, headers: &str, status: u16) -> Result<Response, String> {
    let answer = send(server.port(0), request, headers)?;
    if answer.status == status {
        return Ok(answer);
    }
    let (line, text) = (request.lines().next().unwrap_or_default(), answer.text());
    Err(format!(
        "{line}: {} instead of {status}: {text}",
        answer.status
    ))
}

/// A refusal with this code.
fn refused(server: &Server, request: &str, status: u16, code: &str) -> Result<String, String> {
    let text = expect(server, request, "", status)?.text();
    let has_code = text.contains(&format!("\"code\":\"{code}\""));
    has_code
        .then(|| text.clone())
        .ok_or_else(|| format!("{request}: {text}"))
}

fn tag(answer: &Response) -> Result<String, String> {
    answer.header("ETag").ok_or_else(|| "no ETag".into())
}

fn put(host: &str, port: u16) -> String {
    format!("PUT /_apps/{host}\n{{\"backends\": [\"{}\"]}}", url(port))
}

/// What is changed over one nginx is in the store, in that nginx at once, and in the other soon.
pub(super) fn api(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[ACL])?;
    let way = format!("{} user=gate password_file=pass", at(&redis));
    let (here, there) = (start(env, &way)?, start(env, &way)?);
    let (one, two) = (Backend::http("one")?, Backend::http("two")?);
    let list = |host: &str| redis.ask(&["LRANGE", &format!("frontend:{host}"), "0", "-1"]);

    let made = expect(&here, &put("a.test", one.port()), "", 201)?;
    for _ in 0..8 {
        expect_answer(&here, "a.test", "one")?;
    }
    wait_answer(&there, "a.test", "one")?;
    is("list", list("a.test")?, format!("\n{}", url(one.port())))?;
    let shown = expect(&here, "GET /_apps/a.test", "", 200)?;
    is("ETag", tag(&shown)?, tag(&made)?)?;

    // The other nginx changes it, by a condition of its own.
    let known = tag(&expect(&there, "GET /_apps/a.test", "", 200)?)?;
    let patch = "PATCH /_apps/a.test\n{\"id\": \"shop\"}";
    let patched = expect(&there, patch, &format!("If-Match: {known}"), 200)?;
    expect(&there, patch, &format!("If-Match: {known}"), 412)?;
    expect(&here, patch, &format!("If-Match: {}", tag(&made)?), 412)?;
    expect(&there, patch, &format!("If-Match: {}", tag(&patched)?), 200)?;
    expect(&here, &put("a.test", 1), "If-None-Match: *", 412)?;
    expect(&here, &put("b.test", two.port()), "If-None-Match: *", 201)?;

    // Single backends, and what the schema can say of them.
    let add = format!(
        "POST /_apps/a.test/backends\n{{\"url\": \"{}\", \"weight\": 5}}",
        url(two.port())
    );
    expect(&here, &add, "", 201)?;
    refused(&here, &add, 409, "backend_exists")?;
    let drain = format!(
        "PATCH /_apps/a.test/backends?url={}\n{{\"drain\": true}}",
        url(one.port())
    );
    expect(&here, &drain, "", 200)?;
    let wanted = format!(
        "shop\n{}#drain=1\n{}#weight=5",
        url(one.port()),
        url(two.port())
    );
    is("list", list("a.test")?, wanted)?;
    for _ in 0..8 {
        expect_answer(&here, "a.test", "two")?;
    }
    expect(
        &here,
        &format!("DELETE /_apps/a.test/backends?url={}", url(two.port())),
        "",
        200,
    )?;

    // A list that has an end keeps it.
    redis.ask(&["PEXPIRE", "frontend:b.test", "60000"])?;
    expect(&here, &put("b.test", one.port()), "", 200)?;
    let left = redis.ask(&["PTTL", "frontend:b.test"])?;
    let left: i64 = left.trim_start_matches(':').parse().unwrap_or(0);
    if !(1..=60_000).contains(&left) {
        return Err(format!("the list of b.test stays for {left} ms"));
    }

    // What the schema has no place for is refused, and so is what is not ours.
    for (member, pointer) in [
        ("\"vars\": {\"tier\": \"gold\"}", "/vars"),
        ("\"keys\": {\"token\": \"x\"}", "/keys"),
        ("\"meta\": {}", "/meta"),
    ] {
        let request = format!("PUT /_apps/c.test\n{{\"backends\": [], {member}}}");
        let text = refused(&here, &request, 400, "invalid_route")?;
        if !text.contains(&format!("\"pointer\":\"{pointer}\"")) {
            return Err(format!("{request}: {text}"));
        }
    }
    redis.ask(&["SET", "frontend:text.test", "x"])?;
    refused(&here, &put("text.test", 1), 409, "unreadable_list")?;
    redis.ask(&[
        "RPUSH",
        "frontend:odd.test",
        "",
        "nonsense",
        &url(one.port()),
    ])?;
    refused(
        &here,
        "PATCH /_apps/odd.test\n{\"id\": \"x\"}",
        409,
        "unreadable_list",
    )?;
    expect(&here, &put("odd.test", two.port()), "", 200)?;
    is("list", list("odd.test")?, format!("\n{}", url(two.port())))?;
    redis.ask(&["ZADD", "join:b.test", "1", "x"])?;
    refused(&here, "DELETE /_apps/b.test", 409, "owned_by_registration")?;
    redis.ask(&["DEL", "join:b.test"])?;

    expect(&here, "DELETE /_apps/b.test", "", 204)?;
    expect_answer(&here, "b.test", "404")?;
    wait_answer(&there, "b.test", "404")?;
    refused(&here, "DELETE /_apps/b.test", 404, "no_route")?;
    bulk(&redis, &here, &there, &one)?;
    here.stop().and_then(|()| there.stop())
}

/// Many routes at once: all or none.
fn bulk(redis: &Redis, here: &Server, there: &Server, one: &Backend) -> Result<(), String> {
    let route = |n: usize| format!("\"h{n}.test\":{{\"backends\":[\"{}\"]}}", url(one.port()));
    let many: Vec<String> = (0..1500).map(route).collect();
    let request = format!(
        "PATCH /_apps/\n{{{},\"a.test\":{{\"id\":\"x\"}}}}",
        many.join(",")
    );
    let text = expect(here, &request, "", 200)?.text();
    is(
        "counts",
        text.trim(),
        r#"{"created":1500,"replaced":1,"removed":0,"unchanged":0}"#,
    )?;
    for host in ["h0.test", "h999.test", "h1499.test"] {
        expect_answer(here, host, "one")?;
        wait_answer(there, host, "one")?;
    }
    // One that cannot be keeps the others from it.
    let wrong =
        "PATCH /_apps/\n{\"new.test\":{\"backends\":[]},\"h1.test\":{\"vars\":{\"a\":\"b\"}}}";
    let text = refused(here, wrong, 400, "invalid_route")?;
    if !text.contains("\"pointer\":\"/h1.test/vars\"") {
        return Err(text);
    }
    is("EXISTS", redis.ask(&["EXISTS", "frontend:new.test"])?, ":0")?;
    let many: Vec<String> = (0..2001)
        .map(|n| format!("\"m{n}.test\":{{\"backends\":[]}}"))
        .collect();
    let request = format!("PATCH /_apps/\n{{{}}}", many.join(","));
    refused(here, &request, 413, "too_large")?;
    is("EXISTS", redis.ask(&["EXISTS", "frontend:m0.test"])?, ":0")?;
    // What no nginx would believe is not written.
    let gone: Vec<String> = (0..1000).map(|n| format!("\"h{n}.test\":null")).collect();
    let request = format!("PATCH /_apps/\n{{{}}}", gone.join(","));
    refused(here, &request, 409, "too_many_removed")?;
    expect_answer(here, "h0.test", "one")?;
    let request = format!(
        "PATCH /_apps/\n{{{}}}",
        gone.get(..500).unwrap_or_default().join(",")
    );
    let text = expect(here, &request, "", 200)?.text();
    is(
        "counts",
        text.trim(),
        r#"{"created":0,"replaced":0,"removed":500,"unchanged":0}"#,
    )?;
    expect_answer(here, "h499.test", "404")?;
    expect_answer(here, "h500.test", "one")?;
    // As many as there may be.
    let request = format!(
        "PATCH /_apps/\n{{{}}}",
        many.get(..2000).unwrap_or_default().join(",")
    );
    expect(here, &request, "", 200).map(drop)
}

/// A store that does not take a change: an error says why, and nothing has changed.
pub(super) fn refusals(env: &Env) -> Result<(), String> {
    let mut redis = Redis::start(&[ACL, READER])?;
    let (one, two) = (Backend::http("one")?, Backend::http("two")?);
    let server = start(env, &at(&redis))?;
    expect(&server, &put("a.test", one.port()), "", 201)?;
    let load = Load::start(server.port(0), "/", "Host: a.test", 1, 200);

    redis.ask(&["CONFIG", "SET", "maxmemory", "1"])?;
    refused(&server, &put("a.test", two.port()), 507, "store_full")?;
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"])?;
    expect_answer(&server, "a.test", "one")?;

    // A route that is too long for any table, though not for the store.
    let name = "n".repeat(60);
    let long: Vec<String> = (1..200)
        .map(|n| format!("\"https://10.0.0.{n}:443#sni={name}.test\""))
        .collect();
    let long = format!(
        "PUT /_apps/long.test\n{{\"backends\": [{}]}}",
        long.join(",")
    );
    refused(&server, &long, 400, "invalid_route")?;
    is(
        "EXISTS",
        redis.ask(&["EXISTS", "frontend:long.test"])?,
        ":0",
    )?;

    let reader = start(
        env,
        &format!("{} user=reader password_file=pass", at(&redis)),
    )?;
    refused(&reader, &put("a.test", two.port()), 403, "store_refused")?;
    reader.stop()?;
    let replica = replica_of(&redis)?;
    let behind = start(env, &at(&replica))?;
    wait_answer(&behind, "a.test", "one")?;
    refused(&behind, &put("a.test", two.port()), 403, "store_refused")?;
    behind.stop()?;
    // The first is read, and the master is written to.
    let both = start(env, &format!("{} {}", at(&replica), at(&redis)))?;
    expect(&both, &put("b.test", two.port()), "", 201)?;
    expect_answer(&both, "b.test", "two")?;
    both.stop()?;

    redis.signal(Signal::SIGSTOP)?;
    let began = Instant::now();
    let answer = expect(&server, &put("a.test", two.port()), "", 503)?;
    is(
        "Retry-After",
        answer.header("Retry-After").unwrap_or_default(),
        "1",
    )?;
    if began.elapsed() > Duration::from_secs(10) || !answer.text().contains("store_unavailable") {
        return Err(format!("after {:?}: {}", began.elapsed(), answer.text()));
    }
    redis.signal(Signal::SIGCONT)?;
    wait_answer(&server, "a.test", "one")?;
    redis.ask(&["SAVE"])?;
    redis.kill();
    refused(
        &server,
        &put("a.test", two.port()),
        503,
        "store_unavailable",
    )?;
    expect_answer(&server, "a.test", "one")?;
    redis.run()?;
    let writes = || {
        let sent = send(server.port(0), &put("a.test", two.port()), "").ok()?;
        (sent.status == 200).then_some(())
    };
    poll::until(NOTICED, writes).ok_or("the store is not written to again")?;
    expect_answer(&server, "a.test", "two")?;
    match load.stop() {
        tally if tally.bad == 0 => server.stop(),
        tally => Err(format!("requests failed: {tally:?}")),
    }
}

/// What a store takes and this nginx cannot have, because its zone is full, is told from what it has.
pub(super) fn late(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[])?;
    let small = conf_with(&at(&redis), "", API).replace("zone 16m", "zone 128k");
    let server = redis_site::start(env, &small)?;
    expect(&server, &put("a.test", 1), "", 201)?;
    for n in 0..2000 {
        redis.route(&format!("h{n}.test"), &[&url(1)])?;
    }
    server.wait_log("zone is full", NOTICED)?;
    expect(&server, &put("new.test", 1), "", 202)?;
    is("EXISTS", redis.ask(&["EXISTS", "frontend:new.test"])?, ":1")?;
    expect(&server, "GET /_apps/new.test", "", 404)?;
    expect(&server, "DELETE /_apps/new.test", "", 204)?;
    is("EXISTS", redis.ask(&["EXISTS", "frontend:new.test"])?, ":0")?;
    server.stop()
}

/// Clients of three nginx change one route at the same time: of those with a condition one wins, and nothing is lost.
pub(super) fn races(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[])?;
    let servers: Result<Vec<Server>, String> = (0..3).map(|_| start(env, &at(&redis))).collect();
    let servers = servers?;
    let first = servers.first().ok_or("no server")?;
    expect(first, "PUT /_apps/a.test\n{\"backends\": []}", "", 201)?;
    for round in 0..10 {
        let mut tags = Vec::new();
        for server in &servers {
            // Each has its own tags, and the route of the round before soon.
            let id = format!("\"id\":\"{}\"", round - 1);
            let seen = || {
                let shown = send(server.port(0), "GET /_apps/a.test", "").ok()?;
                (round == 0 || shown.text().contains(&id)).then(|| tag(&shown).ok())?
            };
            tags.push(poll::until(NOTICED, seen).ok_or("a route is not seen")?);
        }
        let clients: Vec<_> = servers
            .iter()
            .zip(tags)
            .map(|(server, tag)| {
                let port = server.port(0);
                let patch = format!("PATCH /_apps/a.test\n{{\"id\": \"{round}\"}}");
                thread::spawn(move || send(port, &patch, &format!("If-Match: {tag}")))
            })
            .collect();
        let mut statuses = Vec::new();
        for client in clients {
            statuses.push(client.join().map_err(|_| "a client panicked")??.status);
        }
        statuses.sort_unstable();
        if statuses != [200, 412, 412] {
            return Err(format!("round {round}: {statuses:?}"));
        }
    }
    let clients: Vec<_> = (0..6)
        .zip(servers.iter().cycle())
        .map(|(client, server)| {
            let port = server.port(0);
            thread::spawn(move || {
                (0..8).try_for_each(|n| {
                    let backend = 1000 + client * 8 + n;
                    let add = format!("POST /_apps/a.test/backends\n\"http://10.0.0.1:{backend}\"");
                    match send(port, &add, "")? {
                        sent if sent.status == 201 => Ok(()),
                        sent => Err(format!("POST: {} {}", sent.status, sent.text())),
                    }
                })
            })
        })
        .collect();
    for client in clients {
        client.join().map_err(|_| "a client panicked")??;
    }
    is("backends", redis.ask(&["LLEN", "frontend:a.test"])?, ":49")?;
    servers.into_iter().try_for_each(Server::stop)
}

/// Reloads while routes are changed: no change fails, none is lost.
pub(super) fn reloads(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[])?;
    let server = start(env, &at(&redis))?;
    let port = server.port(0);
    expect(&server, "PUT /_apps/a.test\n{\"backends\": []}", "", 201)?;
    let clients: Vec<_> = (0..2)
        .map(|client| {
            thread::spawn(move || {
                (0..60).try_for_each(|n| {
                    let host = format!("h{}.test", client * 1000 + n);
                    match send(port, &put(&host, 1), "")? {
                        sent if sent.status == 201 => Ok(()),
                        sent => Err(format!("PUT: {} {}", sent.status, sent.text())),
                    }
                })
            })
        })
        .collect();
    for _ in 0..3 {
        server.reload()?;
        thread::sleep(Duration::from_millis(100));
    }
    for client in clients {
        client.join().map_err(|_| "a client panicked")??;
    }
    is("routes", redis.ask(&["DBSIZE"])?, ":121")?;
    server.stop()
}

/// A failover while routes are changed: the new master takes them.
pub(super) fn failover(env: &Env) -> Result<(), String> {
    let mut master = Redis::start(&[])?;
    let (one, two) = (Backend::http("one")?, Backend::http("two")?);
    let replica = replica_of(&master)?;
    let sentinel = crate::redis_ways::sentinel_of(&master, &replica)?;
    let server = start(env, &format!("{} sentinel=main", at(&sentinel)))?;
    expect(&server, &put("a.test", one.port()), "", 201)?;
    poll::until(NOTICED, || {
        let copied = replica.ask(&["EXISTS", "frontend:a.test"]).ok()?;
        (copied == ":1").then_some(())
    })
    .ok_or("the replica has no copy")?;
    let load = Load::start(server.port(0), "/", "Host: a.test", 1, 200);
    master.kill();
    let writes = || {
        let sent = send(server.port(0), &put("b.test", two.port()), "").ok()?;
        matches!(sent.status, 200 | 201).then_some(())
    };
    poll::until(NOTICED.saturating_mul(2), writes).ok_or("the new master is not written to")?;
    is("EXISTS", replica.ask(&["EXISTS", "frontend:b.test"])?, ":1")?;
    is("b.test", answer(&server, "b.test")?, "two")?;
    match load.stop() {
        tally if tally.bad == 0 => server.stop(),
        tally => Err(format!("requests failed: {tally:?}")),
    }
}
