//! A table that follows a Redis store, through everything that happens to stores: no request fails because of it.

use std::thread;
use std::time::Duration;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::Server;
use nix::sys::signal::Signal;

use crate::redis_server::Redis;
use crate::redis_site::{
    NOTICED, Relay, SOON, answer, at, conf, cpu_of, expect_answer, start, url, wait_answer,
};

/// nginx with two backends and a store that knows `a.test`.
struct Site {
    redis: Redis,
    server: Server,
    relay: Relay,
    one: Backend,
    two: Backend,
}

const LOST: &str = r#"\[error\] .*upstream table "apps": redis 127\.0\.0\.1:\d+ lost, serving \d+ routes? from memory"#;
const BACK: &str = r#"\[notice\] .*upstream table "apps": redis 127\.0\.0\.1:\d+ is back: "#;

impl Site {
    fn start(env: &Env) -> Result<Self, String> {
        let redis = Redis::start(&[])?;
        let relay = Relay::to(redis.port())?;
        let (one, two) = (Backend::http("one")?, Backend::http("two")?);
        redis.route("a.test", &[&url(one.port())])?;
        let server = start(env, &conf(&format!("127.0.0.1:{}", relay.port()), ""))?;
        wait_answer(&server, "a.test", "one")?;
        Ok(Self {
            redis,
            server,
            relay,
            one,
            two,
        })
    }

    /// Changes are followed.
    fn follows(&self, host: &str) -> Result<(), String> {
        self.redis.route(host, &[&url(self.two.port())])?;
        wait_answer(&self.server, host, "two")?;
        self.redis.ask(&["DEL", &format!("frontend:{host}")])?;
        wait_answer(&self.server, host, "404")
    }

    /// Something breaks the store and something mends it; requests go on, and none fails.
    fn outage(
        mut self,
        breaks: impl FnOnce(&mut Self) -> Result<(), String>,
        mends: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let load = clients(&self.server);
        load.wait_good(20)?;
        breaks(&mut self)?;
        self.server.wait_log(LOST, NOTICED)?;
        load.wait_good(20)?;
        none_failed(load)?;
        self.rests()?;
        let load = clients(&self.server);
        mends(&mut self)?;
        self.server.wait_log(BACK, NOTICED)?;
        self.follows("b.test")?;
        load.wait_good(20)?;
        none_failed(load)?;
        self.server.stop()
    }

    /// Between two attempts to reach the store there are pauses: without them they take 20 hundredths of a second and more.
    fn rests(&self) -> Result<(), String> {
        let before = cpu_of(&self.server)?;
        thread::sleep(Duration::from_secs(1));
        match cpu_of(&self.server)?.saturating_sub(before) {
            0..=5 => Ok(()),
            used => Err(format!(
                "workers without requests used {used} ticks of 100 in a second"
            )),
        }
    }
}

/// Two clients that ask again and again.
fn clients(server: &Server) -> Load {
    Load::start(server.port(0), "/", "Host: a.test", 2, 200)
}

fn none_failed(load: Load) -> Result<(), String> {
    match load.stop() {
        tally if tally.bad == 0 => Ok(()),
        tally => Err(format!("requests failed: {tally:?}")),
    }
}

/// Routes come, change and go in the store; each change costs one command.
pub(super) fn follow(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let (server, redis) = (&site.server, &site.redis);
    for n in 0..500 {
        redis.route(&format!("h{n}.test"), &[&url(site.one.port())])?;
    }
    wait_answer(server, "h499.test", "one")?;
    redis.ask(&["CONFIG", "RESETSTAT"])?;
    site.follows("b.test")?;
    let list = "frontend:h7.test";
    redis.ask(&["LPOP", list])?;
    redis.ask(&["DEL", list])?;
    redis.ask(&["RPUSH", list, "h7", &url(site.two.port())])?;
    wait_answer(server, "h7.test", "two")?;
    redis.ask(&["RENAME", list, "frontend:renamed.test"])?;
    wait_answer(server, "renamed.test", "two")?;
    wait_answer(server, "h7.test", "404")?;
    let stats = redis.ask(&["INFO", "commandstats"])?;
    let calls = |name: &str| {
        let line = stats
            .lines()
            .find(|l| l.starts_with(&format!("cmdstat_{name}:")));
        let calls = line.and_then(|l| l.split(['=', ',']).nth(1));
        calls.and_then(|n| n.parse::<u32>().ok()).unwrap_or(0)
    };
    if calls("lrange") > 10 || calls("scan") > 0 {
        return Err(format!("a few changes cost too many commands: {stats}"));
    }
    // A key that expires is gone.
    redis.route("late.test", &[&url(site.one.port())])?;
    redis.ask(&["PEXPIRE", "frontend:late.test", "300"])?;
    wait_answer(server, "late.test", "one")?;
    wait_answer(server, "late.test", "404")?;
    // A reload, and the end of the worker that follows, change nothing.
    let load = clients(server);
    server.reload()?;
    site.follows("c.test")?;
    none_failed(load)?;
    site.server.stop()
}

/// The worker that follows is killed: another one goes on.
pub(super) fn worker_killed(env: &Env) -> Result<(), String> {
    let mut site = Site::start(env)?;
    site.server.allow("exited on signal 9");
    for pid in site.server.worker_pids() {
        process::send(pid, Signal::SIGKILL)?;
    }
    wait_answer(&site.server, "a.test", "one")?;
    site.redis.route("b.test", &[&url(site.two.port())])?;
    let seen = || (answer(&site.server, "b.test").ok()? == "two").then_some(());
    poll::until(NOTICED, seen).ok_or("no worker follows the store any more")?;
    site.server.stop()
}

/// The server is killed and comes back with its routes.
pub(super) fn killed(env: &Env) -> Result<(), String> {
    Site::start(env)?.outage(
        |site| {
            site.redis.ask(&["SAVE"])?;
            site.redis.kill();
            Ok(())
        },
        |site| site.redis.run(),
    )
}

/// The server stands still: its connections stay open.
pub(super) fn paused(env: &Env) -> Result<(), String> {
    Site::start(env)?.outage(
        |site| site.redis.signal(Signal::SIGSTOP),
        |site| site.redis.signal(Signal::SIGCONT),
    )
}

/// The network swallows everything.
pub(super) fn blackholed(env: &Env) -> Result<(), String> {
    Site::start(env)?.outage(
        |site| {
            site.relay.close();
            Ok(())
        },
        |site| {
            site.relay.open();
            Ok(())
        },
    )
}

/// A slow network is no outage.
pub(super) fn slow(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let load = clients(&site.server);
    site.relay.slow_down(300);
    for host in ["b.test", "c.test"] {
        site.follows(host)?;
    }
    none_failed(load)?;
    if site.server.log().contains(" lost, ") {
        return Err("a slow store is taken for a lost one".into());
    }
    site.server.stop()
}

/// The password changes: the connection is gone, and the new one is refused.
pub(super) fn wrong_password(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let port = site.redis.port();
    site.outage(
        |site| {
            site.redis.ask(&["CONFIG", "SET", "requirepass", "other"])?;
            let mut client = crate::redis_server::Client::new(port)?;
            client.send(&["AUTH", "other"])?;
            client.answer()?;
            client.send(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])?;
            client.answer()?;
            site.server.wait_log("HELLO: NOAUTH ", NOTICED)?;
            Ok(())
        },
        |_| {
            let mut client = crate::redis_server::Client::new(port)?;
            client.send(&["AUTH", "other"])?;
            client.answer()?;
            client.send(&["CONFIG", "SET", "requirepass", ""])?;
            client.answer().map(drop)
        },
    )
}

/// Nobody's routes go because a server has lost its data.
pub(super) fn restarted_empty(env: &Env) -> Result<(), String> {
    Site::start(env)?.outage(
        |site| {
            site.redis.kill();
            Ok(())
        },
        |site| {
            site.redis.run()?;
            let text = "has no routes: 1 stay in use, only \"shrink=any\" allows that";
            site.server.wait_log(text, NOTICED).map(drop)
        },
    )
}

/// `FLUSHALL` empties a small table, and not a large one.
pub(super) fn flushed(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let (server, redis) = (&site.server, &site.redis);
    for n in 0..150 {
        redis.route(&format!("h{n}.test"), &[&url(site.one.port())])?;
    }
    wait_answer(server, "h149.test", "one")?;
    let load = clients(server);
    redis.ask(&["FLUSHALL"])?;
    server.wait_log(
        r#"\[error\] .*would remove 151 of 151 routes, only "shrink=any" allows that"#,
        SOON,
    )?;
    load.wait_good(20)?;
    none_failed(load)?;
    // What is written now counts, and what stays is still there.
    redis.route("a.test", &[&url(site.two.port())])?;
    wait_answer(server, "a.test", "two")?;
    expect_answer(server, "h3.test", "one")?;
    site.server.stop()?;

    let small = Site::start(env)?;
    small.redis.ask(&["FLUSHALL"])?;
    wait_answer(&small.server, "a.test", "404")?;
    small.follows("b.test")?;
    small.server.stop()
}

/// nginx starts before its store; a file's routes serve meanwhile.
pub(super) fn starts_first(env: &Env) -> Result<(), String> {
    let mut redis = Redis::start(&[])?;
    let (one, two) = (Backend::http("one")?, Backend::http("two")?);
    redis.kill();
    let file = format!(
        r#"{{"a.test": {{"backends": ["{0}"]}}, "old.test": {{"backends": ["{0}"]}}}}"#,
        url(one.port())
    );
    let address = at(&redis);
    let server = nginx_prove::server::Setup::new(env)?
        .file("conf/apps.json", file.as_bytes())?
        .start(&conf(&address, "file apps.json;"))?;
    expect_answer(&server, "a.test", "one")?;
    server.wait_log(
        r"not available, serving 2 routes from memory \(connect\(\) to .* failed \(111: Connection refused\)\)",
        SOON,
    )?;
    redis.run()?;
    redis.route("b.test", &[&url(two.port())])?;
    let seen = || (answer(&server, "b.test").ok()? == "two").then_some(());
    poll::until(NOTICED, seen).ok_or("the store was not followed")?;
    // The store has routes now, and the file's are not among them.
    wait_answer(&server, "old.test", "404")?;
    server.stop()
}

/// nginx starts again while its store is away, and has the routes of its state; then the store comes back without any.
pub(super) fn kept_in_state(env: &Env) -> Result<(), String> {
    let mut redis = Redis::start(&[])?;
    let (one, two) = (Backend::http("one")?, Backend::http("two")?);
    redis.route("a.test", &[&url(one.port())])?;
    let state = format!("state {}/apps.state;", redis.dir().display());
    let conf = conf(&at(&redis), &state);
    let server = start(env, &conf)?;
    wait_answer(&server, "a.test", "one")?;
    server.stop()?;
    redis.kill();
    let server = start(env, &conf)?;
    expect_answer(&server, "a.test", "one")?;
    redis.run()?;
    server.wait_log("has no routes: 1 stay in use", NOTICED)?;
    expect_answer(&server, "a.test", "one")?;
    redis.route("b.test", &[&url(two.port())])?;
    wait_answer(&server, "b.test", "two")?;
    server.stop()
}

/// A reload from the store to a file and back: each takes over from the other, and no request fails.
pub(super) fn changes_source(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let server = &site.server;
    site.redis.route("gone.test", &[&url(site.one.port())])?;
    wait_answer(server, "gone.test", "one")?;
    let address = format!("127.0.0.1:{}", site.relay.port());
    let load = clients(server);
    let file = format!(
        r#"{{"a.test": {{"backends": ["{}"]}}}}"#,
        url(site.two.port())
    );
    server.write_file("conf/apps.json", file.as_bytes())?;
    let of_file = conf("REDIS", "").replace("redis REDIS;", "file apps.json;");
    for _ in 0..2 {
        server.write_conf(&of_file)?;
        server.reload()?;
        wait_answer(server, "a.test", "two")?;
        wait_answer(server, "gone.test", "404")?;
        server.write_conf(&conf(&address, ""))?;
        server.reload()?;
        wait_answer(server, "a.test", "one")?;
        wait_answer(server, "gone.test", "one")?;
    }
    site.follows("b.test")?;
    none_failed(load)?;
    site.server.stop()
}
