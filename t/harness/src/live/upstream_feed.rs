//! What feeds the upstream table: which routes are right after crashes, half-written files and dead names.

use std::fs::{self, FileTimes, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::upstream::{SOON, TAKEN_OVER, conf, many_routes, routes, start, wait_value};
use crate::backend::Backend;
use crate::env::Env;
use crate::poll;
use crate::process;
use crate::server::{Server, Setup};

/// What `/v` shows for a host.
fn value(server: &Server, host: &str) -> Result<String, String> {
    Ok(server.get("/v", &format!("Host: {host}"))?.text())
}

fn expect_value(server: &Server, host: &str, wanted: &str, when: &str) -> Result<(), String> {
    match value(server, host)? {
        came if came == wanted => Ok(()),
        came => Err(format!("{when}: {host} is `{came}`, not `{wanted}`")),
    }
}

fn path(server: &Server) -> PathBuf {
    server.root().join("conf/apps.json")
}

/// How many lines of the error log contain this.
fn lines(server: &Server, text: &str) -> usize {
    server
        .log()
        .lines()
        .filter(|line| line.contains(text))
        .count()
}

fn remove_file(server: &Server) -> Result<(), String> {
    fs::remove_file(path(server)).map_err(|e| e.to_string())
}

/// The process that wrote a line of the error log: `… [notice] 123#123: …`.
fn writer_of(line: &str) -> Option<u32> {
    let rest = line.split("] ").nth(1)?;
    rest.split('#').next()?.parse().ok()
}

fn kill_all(server: &mut Server) -> Result<(), String> {
    for text in ["exited on signal 9", "was locked by"] {
        server.allow(text);
    }
    let victims = server.worker_pids();
    for victim in &victims {
        process::send(*victim, Signal::SIGKILL)?;
    }
    let new = || {
        let pids = server.worker_pids();
        let back = pids.len() == victims.len() && !pids.iter().any(|pid| victims.contains(pid));
        back.then_some(())
    };
    poll::until(SOON, new).ok_or_else(|| "the workers did not come back".to_owned())
}

/// What the master read at a reload is not applied again over what workers have read since.
pub(super) fn crash_keeps_routes(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let mut server = start(env, "worker_processes 2;", &routes(a.port(), "0"))?;
    server.write_file("conf/apps.json", &routes(a.port(), "1"))?;
    server.reload()?;
    wait_value(&server, "a.test", "1", SOON)?;
    for v in ["2", "3"] {
        server.write_file("conf/apps.json", &routes(a.port(), v))?;
        wait_value(&server, "a.test", v, SOON)?;
    }
    remove_file(&server)?;
    let missing = "apps.json\" cannot be read (";
    let said = || (lines(&server, missing) > 0).then_some(());
    poll::until(SOON, said).ok_or("a missing file was not reported")?;
    kill_all(&mut server)?;
    // Until a new worker feeds the table and says, as the first one did, that the file is missing.
    let mut wrong = None;
    poll::until(TAKEN_OVER, || {
        wrong = expect_value(&server, "a.test", "3", "after the crash").err();
        (wrong.is_some() || lines(&server, missing) > 1).then_some(())
    })
    .ok_or("no new worker feeds the table")?;
    wrong.map_or(Ok(()), Err)?;
    expect_value(&server, "a.test", "3", "when a new worker feeds")?;
    server.stop()
}

/// A worker that is killed while it applies what the master read leaves the rest to the next one.
pub(super) fn snapshot_killed(env: &Env) -> Result<(), String> {
    const COUNT: usize = 40_000;
    let a = Backend::http("a")?;
    let last = format!("h{}.test", COUNT - 1);
    let unfollowed = conf("").replace("apps.json;", "apps.json reload=0;");
    let mut server = Setup::new(env)?
        .file("conf/apps.json", &many_routes(COUNT, a.port(), 0))?
        .start(&unfollowed)?;
    server.write_file("conf/apps.json", &many_routes(COUNT, a.port(), 1))?;
    server.reload()?;
    // Applied from the end.
    wait_value(&server, &last, "1", TAKEN_OVER)?;
    expect_value(&server, "h0.test", "0", "in the middle")?;
    remove_file(&server)?;
    kill_all(&mut server)?;
    wait_value(&server, "h0.test", "1", Duration::from_secs(20))?;
    server.stop()
}

/// A route file that is not whole at a reload: all else of the reload comes, the routes stay.
pub(super) fn half_written(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let mut server = start(env, "worker_processes 2;", &routes(a.port(), "1"))?;
    server.allow("[emerg]");
    let whole = routes(a.port(), "2");
    let half = whole.get(..whole.len() / 2).unwrap_or_default();
    server.write_file("conf/apps.json", half)?;
    let (well, said) = server.test_config()?;
    if well || !said.contains("unexpected end of file") {
        return Err(format!("nginx -t accepts half a file: {said}"));
    }
    server.write_conf(&conf("worker_processes 2;").replace("200 $v", "200 new-$v"))?;
    server.reload()?;
    expect_value(&server, "a.test", "new-1", "after the reload")?;
    server.wait_log(
        r#"\[error\] .*upstream table "apps": file ".*apps\.json": unexpected end of file.*, the last good routes stay in use"#,
        SOON,
    )?;
    remove_file(&server)?;
    server.reload()?;
    expect_value(
        &server,
        "a.test",
        "new-1",
        "after a reload without the file",
    )?;
    server.write_file("conf/apps.json", &whole)?;
    wait_value(&server, "a.test", "new-2", SOON)?;
    server.wait_log(
        r#"\[notice\] .*apps\.json" is good again: 1 route, 1 changed"#,
        SOON,
    )?;
    server.stop()
}

/// A file that had no routes when it was good is kept so as well: a reload goes on with none.
pub(super) fn none_kept(env: &Env) -> Result<(), String> {
    let server = start(env, "", b"{}")?;
    server.write_file("conf/apps.json", b"{\"a.test\": {")?;
    server.reload()?;
    expect_value(&server, "a.test", "none", "after the reload")?;
    server.wait_log(r#"\[error\] .*the last good routes stay in use"#, SOON)?;
    server.stop()
}

/// Half a file that this table was never fed from has no routes to keep.
pub(super) fn half_written_new(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let mut server = start(env, "", &routes(a.port(), "1"))?;
    server.allow("[emerg]");
    server.write_file("conf/other.json", b"{\"a.test\": {")?;
    server.write_conf(&conf("").replace("apps.json", "other.json"))?;
    match server.reload() {
        Err(text) if text.contains("unexpected end of file") => {}
        other => return Err(format!("another file, half written: {other:?}")),
    }
    expect_value(&server, "a.test", "1", "after the refused reload")?;
    server.stop()
}

/// Names that a changed file brings and nobody knows: reported once, everything else of the file is followed.
pub(super) fn dead_names(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let server = start(env, "worker_processes 2;", &routes(a.port(), "0"))?;
    let file = |v: &str| {
        let port = a.port();
        format!(
            r#"{{"a.test": {{"backends": ["http://new.invalid:80", "http://127.0.0.1:{port}"], "vars": {{"v": "{v}"}}}},
                "b.test": {{"backends": ["http://new.invalid:80", "http://newer.invalid:80"]}}}}"#
        )
    };
    for v in ["1", "2", "3"] {
        server.write_file("conf/apps.json", file(v).as_bytes())?;
        wait_value(&server, "a.test", v, SOON)?;
    }
    for _ in 0..4 {
        let answer = server.get("/", "Host: a.test")?;
        if answer.header("X-Backend").as_deref() != Some("a") {
            return Err(format!(
                "the backend that is left answers {}",
                answer.status
            ));
        }
    }
    let status = server.get("/", "Host: b.test")?.status;
    if status != 502 {
        return Err(format!(
            "a route without a backend that is left answers {status}"
        ));
    }
    server.wait_log(
        r#"\[error\] .*upstream table "apps": file ".*apps\.json": host not found "new\.invalid" \(.*\) at /a\.test/backends/0, this backend and 1 more are left out"#,
        SOON,
    )?;
    for name in ["\"new.invalid\"", "\"newer.invalid\""] {
        let said = lines(&server, name);
        if said != 1 {
            return Err(format!("{name} was reported {said} times"));
        }
    }
    // A reload asks again, and is not refused either.
    server.reload()?;
    wait_value(&server, "a.test", "3", SOON)?;
    server.stop()
}

/// A file that loses all its routes, or most of many, is told to who looks at errors only.
pub(super) fn emptied(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let server = start(env, "", &many_routes(100, a.port(), 0))?;
    server.write_file("conf/apps.json", &many_routes(50, a.port(), 0))?;
    server.wait_log(r#"\[notice\] .*apps\.json": 50 routes, 50 changed"#, SOON)?;
    server.write_file("conf/apps.json", &many_routes(120, a.port(), 0))?;
    server.wait_log(r#"\[notice\] .*apps\.json": 120 routes, 70 changed"#, SOON)?;
    if lines(&server, "were removed") != 0 {
        return Err("half of the routes are not most of them".into());
    }
    server.write_file("conf/apps.json", &many_routes(59, a.port(), 0))?;
    let most = r#"\[error\] .*apps\.json": 61 of 120 routes were removed, 59 are left"#;
    server.wait_log(most, SOON)?;
    server.write_file("conf/apps.json", b"{}")?;
    let all = r#"\[error\] .*apps\.json": 59 of 59 routes were removed, 0 are left"#;
    server.wait_log(all, SOON)?;
    server.stop()
}

/// A file that only root may read: said while nginx runs, at the level that is logged by default.
pub(super) fn root_only(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    // Not on a line of its own: such a line gives way to the runner's.
    let main = "worker_processes 2; user nobody nogroup;";
    let server = Setup::new(env)?
        .file("conf/apps.json", &routes(a.port(), "0"))?
        .log_level("error")
        .start(&conf(main))?;
    fs::set_permissions(path(&server), Permissions::from_mode(0o600)).map_err(|e| e.to_string())?;
    server.reload()?;
    server.wait_log(
        r#"\[error\] .*upstream table "apps": file ".*apps\.json" cannot be read again by the workers \(13: Permission denied\), changes need a reload"#,
        SOON,
    )?;
    fs::write(path(&server), routes(a.port(), "1")).map_err(|e| e.to_string())?;
    server.reload()?;
    wait_value(&server, "a.test", "1", SOON)?;
    server.stop()
}

/// Another content of the same size, written over the old one, its time put back.
pub(super) fn overwritten(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let server = start(env, "", &routes(a.port(), "0"))?;
    for v in ["1", "2"] {
        let before = fs::metadata(path(&server)).and_then(|m| m.modified());
        let before = before.map_err(|e| e.to_string())?;
        fs::write(path(&server), routes(a.port(), v)).map_err(|e| e.to_string())?;
        let file = fs::File::options().append(true).open(path(&server));
        file.and_then(|f| f.set_times(FileTimes::new().set_modified(before)))
            .map_err(|e| e.to_string())?;
        wait_value(&server, "a.test", v, SOON)?;
    }
    server.stop()
}

/// A worker that is going away feeds nobody: another one goes on at once, not when the lease runs out.
pub(super) fn exiting(env: &Env) -> Result<(), String> {
    let echo = Backend::echo()?;
    let mut server = Setup::new(env)?
        .file("conf/apps.json", &routes(echo.port(), "0"))?
        .start(&conf("worker_processes 2;").replace(
            "proxy_set_header Host",
            "proxy_set_header X-Worker w$pid.; proxy_set_header Host",
        ))?;
    server.allow("exited on signal");
    server.write_file("conf/apps.json", &routes(echo.port(), "1"))?;
    let line = server.wait_log(r#"apps\.json": 1 route, 1 changed"#, SOON)?;
    let feeder = writer_of(&line).ok_or("no process id in the log")?;
    // An open connection keeps the feeder while it shuts down.
    let mut clients = Vec::new();
    let mark = format!("X-Worker: w{feeder}.");
    let held = || {
        let mut client = server.websocket("/", "Host: a.test").ok()?;
        client.send_text("?headers").ok()?;
        let head = client.recv_text().ok()?;
        clients.push(client);
        head.contains(&mark).then_some(())
    };
    poll::until(SOON, held).ok_or("no connection came to the feeding worker")?;
    process::send(feeder, Signal::SIGQUIT)?;
    server.wait_log(&format!(r"{feeder}#\d+: gracefully shutting down"), SOON)?;
    server.write_file("conf/apps.json", &routes(echo.port(), "2"))?;
    // The lease alone would last three seconds.
    wait_value(&server, "a.test", "2", Duration::from_millis(2_500))?;
    let log = server.log();
    let by = log.lines().filter(|l| l.contains("1 route, 1 changed"));
    if by
        .filter_map(writer_of)
        .filter(|pid| *pid == feeder)
        .count()
        != 1
    {
        return Err("the worker that goes away feeds the table".into());
    }
    drop(clients);
    server.stop()
}

/// A worker that stood still at the lock while another one took over writes nothing any more.
pub(super) fn stopped(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let hooked =
        conf("worker_processes 2;").replace("access_log", "test_stop_feeder stop; access_log");
    let server = Setup::new(env)?
        .file("conf/apps.json", &routes(a.port(), "1"))?
        .start(&hooked)?;
    server.write_file("conf/apps.json", &routes(a.port(), "2"))?;
    let line = server.wait_log(r#"apps\.json": 1 route, 1 changed"#, SOON)?;
    let feeder = writer_of(&line).ok_or("no process id in the log")?;
    let stop = server.root().join("conf/stop");
    fs::write(&stop, b"").map_err(|e| e.to_string())?;
    fs::set_permissions(server.root().join("conf"), Permissions::from_mode(0o777))
        .map_err(|e| e.to_string())?;
    server.write_file("conf/apps.json", &routes(a.port(), "3"))?;
    let still = || (!stop.exists()).then_some(());
    poll::until(SOON, still).ok_or("the feeder did not stop")?;
    server.write_file("conf/apps.json", &routes(a.port(), "4"))?;
    // From the one worker that still answers: a connection to the other one waits.
    server.wait_log(r#"apps\.json": 1 route, 1 changed.*"#, SOON)?;
    let fed = || {
        let log = server.log();
        let by = log.lines().filter(|l| l.contains("1 route, 1 changed"));
        by.filter_map(writer_of)
            .any(|pid| pid != feeder)
            .then_some(())
    };
    let taken_over = poll::until(TAKEN_OVER, fed).ok_or("no other worker took over");
    process::send(feeder, Signal::SIGCONT)?;
    taken_over?;
    expect_value(&server, "a.test", "4", "after the stopped feeder went on")?;
    // It has seen that it lost the lease when it can be taken from the other one.
    let other = server.worker_pids().into_iter().find(|pid| *pid != feeder);
    process::send(other.ok_or("no other worker")?, Signal::SIGQUIT)?;
    server.write_file("conf/apps.json", &routes(a.port(), "5"))?;
    wait_value(&server, "a.test", "5", TAKEN_OVER)?;
    if lines(&server, "1 route, 1 changed") != 3 {
        return Err("the feeder that stood still changed the table".into());
    }
    server.stop()
}

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
        .start(&with_zone("zone 1m;"))?;
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
