//! The memory of the upstream table: a full zone, what old routes give back, and how long that takes.

use std::fs;
use std::time::Duration;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::Setup;

use crate::upstream_site::{
    SOON, TAKEN_OVER, conf, expect_value, lines, many_routes, routes, start, wait_value,
};

const SMALL: &str = "zone 256k;";
const TOO_MANY: usize = 3_000;

fn with_zone(zone: &str) -> String {
    conf("").replace("zone 16m;", zone)
}

/// More routes than the zone holds are refused whole, in the same words by `nginx -t`, a reload and a running worker;
/// a zone of the size that is named takes them.
pub(super) fn full(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let mut server = Setup::new(env)?
        .file("conf/apps.json", &routes(a.port(), "0"))?
        .start(&with_zone(SMALL))?;
    server.allow("[emerg]");
    server.write_file("conf/apps.json", &many_routes(TOO_MANY, a.port(), 1))?;
    let words =
        r#""zone" is too small: it has 262144 bytes, 3000 routes need \d+ \("(zone \d+k;)"\)"#;
    let line = server.wait_log(
        &format!(r#"\[error\] .*apps\.json": {words}, the last good routes stay in use"#),
        TAKEN_OVER,
    )?;
    let needed = line
        .split('"')
        .find(|word| word.starts_with("zone "))
        .unwrap_or_default();
    expect_value(&server, "a.test", "0", "with a full zone")?;
    expect_value(&server, "h0.test", "none", "with a full zone")?;

    let said = line
        .split(", the last")
        .next()
        .and_then(|l| l.split_once("is too small"));
    let said = said.ok_or("no reason")?.1;
    let (well, printed) = server.test_config()?;
    if well || !printed.contains(said) {
        return Err(format!("nginx -t does not say `{said}`: {printed}"));
    }
    server.reload()?;
    server.wait_log(
        r#"\[error\] .*apps\.json": "zone" is too small: .*stay in use"#,
        SOON,
    )?;
    expect_value(
        &server,
        "a.test",
        "0",
        "after a reload with too many routes",
    )?;

    // A zone of another size is a new one and has no routes to keep.
    server.write_conf(&with_zone("zone 260k;"))?;
    match server.reload() {
        Err(text) if text.contains("it has 266240 bytes, 3000 routes need") => {}
        other => return Err(format!("another zone, too small: {other:?}")),
    }
    expect_value(&server, "a.test", "0", "after a refused reload")?;

    // A zone of the size that was named takes them, and changes of all of them.
    server.write_conf(&with_zone(needed))?;
    server.reload()?;
    expect_value(
        &server,
        "h0.test",
        "1",
        "in a zone of the size that was named",
    )?;
    server.write_file("conf/apps.json", &many_routes(TOO_MANY, a.port(), 2))?;
    wait_value(&server, "h0.test", "2", TAKEN_OVER)?;
    wait_value(&server, "h2999.test", "2", TAKEN_OVER)?;
    server.stop()
}

/// What routes of one kind took is there for routes of another kind, live and at a reload.
pub(super) fn zone_reused(env: &Env) -> Result<(), String> {
    let server = Setup::new(env)?
        .file("conf/apps.json", b"{}")?
        .start(&with_zone("zone 1m; shrink=any;"))?;
    let backends = |route: usize| -> String {
        let one = |n: usize| format!(r#""http://10.{}.{}.{}:80""#, route, n / 250, n % 250);
        (0..250).map(one).collect::<Vec<_>>().join(",")
    };
    let object = |routes: Vec<String>| format!("{{{}}}", routes.join(",\n")).into_bytes();
    let wide = (0..30).map(|n| format!(r#""w{n}.test": {{"backends": [{}]}}"#, backends(n)));
    let wide = object(wide.collect());
    let vars = "v".repeat(1_000);
    let long = |v: &str| {
        let one = |n| {
            format!(r#""l{n}.test": {{"backends": [], "vars": {{"v": "{v}", "w": "{vars}"}}}}"#)
        };
        object((0..600).map(one).collect())
    };
    for round in ["1", "2"] {
        server.write_file("conf/apps.json", &wide)?;
        server.wait_log(r#"apps\.json": 30 routes, [1-9]\d* changed"#, TAKEN_OVER)?;
        server.write_file("conf/apps.json", b"{}")?;
        server.wait_log(r#"apps\.json": 0 routes, [1-9]\d* changed"#, TAKEN_OVER)?;
        server.write_file("conf/apps.json", &long(round))?;
        wait_value(&server, "l0.test", round, TAKEN_OVER)?;
        wait_value(&server, "l599.test", round, TAKEN_OVER)?;
        server.reload()?;
        expect_value(&server, "l0.test", round, "after a reload")?;
        // Without `{}` in between, too: the old routes make room for the new ones.
        server.write_file("conf/apps.json", &wide)?;
        wait_value(&server, "l599.test", "none", TAKEN_OVER)?;
    }
    for text in ["refused", "is too small"] {
        if lines(&server, text) > 0 {
            return Err(format!("the log says `{text}`"));
        }
    }
    server.stop()
}

/// A large file whose very end is wrong: giving its routes back stops no request for long.
pub(super) fn given_back(env: &Env) -> Result<(), String> {
    const COUNT: usize = 300_000;
    let a = Backend::http("a")?;
    let server = start(env, "", &routes(a.port(), "0"))?;
    let worker = server.worker_pids().first().copied().unwrap_or(0);
    let mut wrong = many_routes(COUNT, a.port(), 1);
    wrong.truncate(wrong.len().saturating_sub(1));
    server.write_file("conf/apps.json", &wrong)?;
    let (mut longest, mut idle) = (Duration::ZERO, 0);
    let freed = || {
        let before = cpu_time(worker);
        let _ = server.get("/v", "Host: a.test");
        let work = cpu_time(worker).saturating_sub(before);
        longest = longest.max(work);
        idle = if work < Duration::from_millis(1) {
            idle + 1
        } else {
            0
        };
        (idle > 100 && lines(&server, "unexpected end of file") == 1).then_some(())
    };
    poll::until(Duration::from_secs(60), freed).ok_or("the worker does not come to rest")?;
    println!("# longest work of the worker between a request and its answer: {longest:?}");
    if longest > Duration::from_millis(40) {
        return Err(format!(
            "a request waited while the worker worked for {longest:?}"
        ));
    }
    expect_value(&server, "a.test", "0", "after a broken file")?;
    server.stop()
}

/// How long a process has run on a processor: what others do meanwhile does not count.
fn cpu_time(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let spent = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(spent.unwrap_or(0))
}
