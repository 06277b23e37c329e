//! Backends register themselves at several nginx that follow one Redis store.

use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::http::Response;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, request_to};
use nix::sys::signal::Signal;

use crate::redis_server::Redis;
use crate::redis_site::{NOTICED, answer, at, expect_answer, is, start_writer, url, wait_answer};
use crate::register::Held;

/// What the page about Redis says that registrations need, and no more.
const ACL: &str = "user gate on >secret %RW~frontend:* %R~dead:* %RW~join:* %RW~joins resetchannels -@all +hello +select +client|tracking +scan +lrange +smembers +pttl +ping +role +watch +unwatch +multi +exec +exists +del +rpush +pexpire +time +zrange +zadd +zrem +pexpireat";

const KEY: &str = "Authorization: Bearer example\nContent-Type: application/json";

const LOCATIONS: &str = "
    location = /_join { upstream_register apps hosts=*.test key_file=key max=8; }
    location /_apps/ { upstream_api apps write=on; }";

fn start(env: &Env, redis: &str) -> Result<Server, String> {
    start_writer(env, redis, LOCATIONS)
}

fn expect(port: u16, request: &str, status: u16) -> Result<Response, String> {
    let answer = request_to(port, request, KEY)?;
    if answer.status == status {
        return Ok(answer);
    }
    Err(format!(
        "{request}: {} instead of {status}: {}",
        answer.status,
        answer.text()
    ))
}

fn join(server: &Server, host: &str, port: u16, more: &str, status: u16) -> Result<(), String> {
    let request = format!("POST /_join?host={host}&port={port}{more}");
    expect(server.port(0), &request, status).map(drop)
}

fn leave(server: &Server, host: &str, port: u16, status: u16) -> Result<(), String> {
    let request = format!("DELETE /_join?host={host}&port={port}");
    expect(server.port(0), &request, status).map(drop)
}

fn list(redis: &Redis, host: &str) -> Result<Vec<String>, String> {
    let text = redis.ask(&["LRANGE", &format!("frontend:{host}"), "0", "-1"])?;
    let mut urls: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    urls.sort();
    Ok(urls)
}

/// What registers at one nginx is a backend of all; each ends by itself, at whatever nginx.
pub(super) fn shared(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[ACL])?;
    let way = format!("{} user=gate password_file=pass", at(&redis));
    let (here, there) = (start(env, &way)?, start(env, &way)?);
    let (one, two) = (Backend::http("one")?, Backend::http("two")?);
    join(&here, "a.test", one.port(), "", 201)?;
    for _ in 0..8 {
        expect_answer(&here, "a.test", "one")?;
    }
    wait_answer(&there, "a.test", "one")?;
    join(&there, "a.test", two.port(), "&ttl=60s", 201)?;
    join(&here, "a.test", two.port(), "&ttl=20s", 200)?;
    let mut both = vec![url(one.port()), url(two.port())];
    both.sort();
    is("list", list(&redis, "a.test")?, both)?;
    // Without any nginx the list ends with the last registration.
    let left = redis.ask(&["PTTL", "frontend:a.test"])?;
    let left: u64 = left.trim_start_matches(':').parse().unwrap_or(0);
    if !(10_000..=30_000).contains(&left) {
        return Err(format!("the list of a.test stays for {left} ms"));
    }
    leave(&there, "a.test", one.port(), 204)?;
    leave(&here, "a.test", one.port(), 404)?;
    wait_answer(&here, "a.test", "two")?;
    for _ in 0..8 {
        expect_answer(&there, "a.test", "two")?;
    }
    // Whose it is.
    let put = |host: &str| format!("PUT /_apps/{host}\n{{\"backends\": []}}");
    expect(here.port(0), &put("a.test"), 409)?;
    redis.route("mine.test", &[&url(one.port())])?;
    join(&here, "mine.test", two.port(), "", 409)?;
    redis.ask(&["SET", "frontend:text.test", "x"])?;
    join(&here, "text.test", two.port(), "", 409)?;
    for port in 1..=7 {
        join(&here, "a.test", port, "", 201)?;
    }
    join(&there, "a.test", 8, "", 409)?;
    for port in 1..=7 {
        leave(&there, "a.test", port, 204)?;
    }
    leave(&there, "a.test", two.port(), 204)?;
    for _ in 0..8 {
        expect_answer(&there, "a.test", "404")?;
    }
    wait_answer(&here, "a.test", "404")?;
    is(
        "keys",
        redis.ask(&["EXISTS", "frontend:a.test", "join:a.test", "joins"])?,
        ":0",
    )?;
    expect(here.port(0), &put("a.test"), 201)?;
    // Where the index is something else, a registration would never end: there is none.
    redis.ask(&["SET", "joins", "x"])?;
    join(&here, "b.test", one.port(), "", 403)?;
    is("EXISTS", redis.ask(&["EXISTS", "frontend:b.test"])?, ":0")?;
    let said =
        r"\[error\] .*registrations do not end: redis does not take changes from here \(WRONGTYPE";
    here.wait_log(said, NOTICED)?;
    here.stop().and_then(|()| there.stop())
}

/// An nginx is killed with everything that came to it: another one ends that when its time is over, and nothing else.
pub(super) fn orphaned(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[])?;
    let (mut gone, stays) = (start(env, &at(&redis))?, start(env, &at(&redis))?);
    let (one, two) = (Backend::http("one")?, Backend::http("two")?);
    // What no nginx has written into the index is in nobody's way.
    for n in 0..100 {
        redis.ask(&["ZADD", "joins", "1", &format!("Odd-{n}.TEST")])?;
    }
    join(&gone, "a.test", one.port(), "&ttl=2s", 201)?;
    join(&gone, "b.test", one.port(), "&ttl=2s", 201)?;
    let began = Instant::now();
    join(&stays, "a.test", two.port(), "&ttl=60s", 201)?;
    gone.allow("exited on signal");
    let mut pids = vec![gone.master_pid()];
    pids.extend(gone.worker_pids());
    for pid in &pids {
        process::send(*pid, Signal::SIGKILL)?;
    }
    let left = vec![url(two.port())];
    let ended = || (list(&redis, "a.test").ok()? == left).then_some(());
    poll::until(NOTICED, ended).ok_or("a registration does not end")?;
    if began.elapsed() < Duration::from_millis(1_900) {
        return Err("a registration ended before its time".into());
    }
    wait_answer(&stays, "b.test", "404")?;
    // Both would take turns.
    let is_two = || answer(&stays, "a.test").is_ok_and(|answer| answer == "two");
    let alone = || (0..8).all(|_| is_two()).then_some(());
    poll::until(NOTICED, alone).ok_or("the backend that went still answers")?;
    stays.stop()
}

/// A held registration lasts many times its time, also through a store that loses it, and ends at once with its caller.
pub(super) fn held(env: &Env) -> Result<(), String> {
    let mut redis = Redis::start(&[])?;
    let (here, there) = (start(env, &at(&redis))?, start(env, &at(&redis))?);
    let one = Backend::http("one")?;
    let held = Held::begin(here.port(0), "a.test", one.port(), 1)?;
    wait_answer(&there, "a.test", "one")?;
    let loads =
        [&here, &there].map(|server| Load::start(server.port(0), "/", "Host: a.test", 1, 200));
    thread::sleep(Duration::from_millis(2_500));
    redis.kill();
    thread::sleep(Duration::from_millis(1_500));
    for load in loads {
        is("failed requests", load.stop().bad, 0)?;
    }
    redis.run()?;
    let stored = || (list(&redis, "a.test").ok()? == [url(one.port())]).then_some(());
    poll::until(NOTICED, stored).ok_or("a held registration is not written again")?;
    for server in [&here, &there] {
        server.wait_log("is back: ", NOTICED)?;
        wait_answer(server, "a.test", "one")?;
    }
    drop(held);
    wait_answer(&here, "a.test", "404")?;
    wait_answer(&there, "a.test", "404")?;
    // What is somebody else's by now is not renewed, and its caller is told.
    let mut held = Held::begin(here.port(0), "a.test", one.port(), 60)?;
    let mut lost = Held::begin(here.port(0), "b.test", one.port(), 1)?;
    redis.ask(&["DEL", "join:b.test"])?;
    redis.ask(&["PERSIST", "frontend:b.test"])?;
    lost.end()?;
    is("list", list(&redis, "b.test")?, vec![url(one.port())])?;
    is("an open answer", held.read(), true)?;
    here.stop().and_then(|()| there.stop())
}

/// Many register for one host at the same time at several nginx, while one of these is loaded again: none is lost.
pub(super) fn races(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[])?;
    let servers = [start(env, &at(&redis))?, start(env, &at(&redis))?];
    let ports: Vec<u16> = servers.iter().map(|server| server.port(0)).collect();
    let clients: Vec<_> = (0..8)
        .zip(ports.iter().copied().cycle())
        .map(|(client, port)| {
            thread::spawn(move || -> Result<(), String> {
                let request = format!("POST /_join?host=a.test&port={}", 1000 + client);
                expect(port, &request, 201)?;
                for _ in 0..10 {
                    expect(port, &request, 200)?;
                }
                Ok(())
            })
        })
        .collect();
    let [first, _] = &servers;
    first.reload()?;
    for client in clients {
        client.join().map_err(|_| "a client panicked")??;
    }
    is("backends", list(&redis, "a.test")?.len(), 8)?;
    servers.into_iter().try_for_each(Server::stop)
}
