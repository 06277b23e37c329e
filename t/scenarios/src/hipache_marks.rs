//! hipache's marks of dead backends: the log says when one takes a backend out, and once when that ends.

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::Server;

use crate::elsewhere::on_every_count;
use crate::redis_server::Redis;
use crate::redis_site::{self, NOTICED, SOON, answer, at, conf, start, wait_answer};

struct Site {
    redis: Redis,
    server: Server,
    /// The URL of the first of two backends, which is marked.
    url: String,
}

impl Site {
    fn said(&self, what: &str) -> usize {
        let line = format!(r#"upstream table "apps": backend {} {what}"#, self.url);
        self.server.log().matches(&line).count()
    }

    /// Waits until the log has said it so often.
    fn wait(&self, what: &str, wanted: usize) -> Result<(), String> {
        poll::until(NOTICED, || (self.said(what) >= wanted).then_some(()))
            .ok_or_else(|| format!("\"{what}\" was said {} times of {wanted}", self.said(what)))?;
        self.is(what, wanted)
    }

    fn is(&self, what: &str, wanted: usize) -> Result<(), String> {
        let said = self.said(what);
        let wrong = || format!("\"{what}\" was said {said} times instead of {wanted}");
        (said == wanted).then_some(()).ok_or_else(wrong)
    }

    /// Marks the first backend, for that time if there is one.
    fn mark(&self, ms: Option<&str>) -> Result<(), String> {
        self.redis.ask(&["SADD", "dead:two.test", "0"])?;
        ms.map_or(Ok(()), |ms| {
            self.redis.ask(&["PEXPIRE", "dead:two.test", ms]).map(drop)
        })
    }

    /// Waits until nginx has worked through what the store has said so far.
    fn caught_up(&self, host: &str) -> Result<(), String> {
        self.redis.route(host, &[&self.url])?;
        wait_answer(&self.server, host, "one")
    }

    fn wait_both(&self) -> Result<(), String> {
        wait_answer(&self.server, "two.test", "one")?;
        wait_answer(&self.server, "two.test", "other")
    }
}

/// A mark that is removed, one whose time is over with and without requests, one that goes while the store is away.
pub(super) fn marks(env: &Env) -> Result<(), String> {
    on_every_count(|workers| with(env, workers))
}

fn with(env: &Env, workers: usize) -> Result<(), String> {
    let redis = Redis::start(&[])?;
    let (one, other) = (Backend::http("one")?, Backend::http("other")?);
    let url = redis_site::url(one.port());
    let other = redis_site::url(other.port());
    redis.route("two.test", &[&url, &other])?;
    let conf = conf(&at(&redis), "passive fails=1 window=10s;");
    let workers = format!("worker_processes {workers};");
    let server = start(env, &conf.replace("worker_processes 2;", &workers))?;
    let site = Site { redis, server, url };
    site.wait_both()?;

    site.mark(None)?;
    site.wait(r#"is marked in "dead:two.test""#, 1)?;
    for _ in 0..6 {
        let came = answer(&site.server, "two.test")?;
        if came != "other" {
            return Err(format!("a marked backend was asked: {came}"));
        }
    }
    // The same once more is no news, and in a list that is another one it is the same backend.
    site.redis.ask(&["SADD", "dead:two.test", "7"])?;
    site.caught_up("first.test")?;
    let list = "frontend:two.test";
    site.redis
        .ask(&["LINSERT", list, "BEFORE", &site.url, "http://127.0.0.9:1"])?;
    site.caught_up("a.test")?;
    site.redis.ask(&["LREM", list, "1", "http://127.0.0.9:1"])?;
    site.caught_up("b.test")?;
    for _ in 0..4 {
        let came = answer(&site.server, "two.test")?;
        if came != "other" {
            return Err(format!("a mark has moved with the list: {came}"));
        }
    }
    site.redis.ask(&["DEL", "dead:two.test"])?;
    site.wait("is back", 1)?;
    site.wait_both()?;

    // Its time is over, and nobody has asked for the backend.
    site.mark(Some("1000"))?;
    site.wait("is marked", 2)?;
    site.wait("is back", 2)?;
    site.wait_both()?;

    // The same while requests come: one of them, or the store's word, whichever is first.
    site.mark(Some("1000"))?;
    site.wait("is marked", 3)?;
    wait_answer(&site.server, "two.test", "one")?;
    site.wait("is back", 3)?;
    let gone = || (site.redis.ask(&["EXISTS", "dead:two.test"]).ok()? == ":0").then_some(());
    poll::until(SOON, gone).ok_or("the store keeps the mark")?;
    site.caught_up("c.test")?;
    site.is("is back", 3)?;

    // It goes while the connection is lost.
    site.mark(None)?;
    site.wait("is marked", 4)?;
    site.redis
        .ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])?;
    site.redis.ask(&["DEL", "dead:two.test"])?;
    site.wait("is back", 4)?;
    site.wait_both()?;
    site.is("is marked", 4)?;

    // Two hosts have marked it: it is back when the second mark goes.
    site.redis.route("second.test", &[&site.url, &other])?;
    wait_answer(&site.server, "second.test", "one")?;
    site.mark(Some("60000"))?;
    site.redis.ask(&["SADD", "dead:second.test", "0"])?;
    site.wait("is marked", 5)?;
    site.caught_up("d.test")?;
    site.redis.ask(&["DEL", "dead:two.test"])?;
    site.caught_up("e.test")?;
    site.is("is back", 4)?;
    site.redis.ask(&["DEL", "dead:second.test"])?;
    site.wait("is back", 5)?;
    site.wait_both()?;
    site.server.stop()
}
