//! What feeds the upstream table: which routes are right after crashes, half-written files and dead names.

use std::fs::{self, FileTimes, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, Setup};
use nix::sys::signal::Signal;

use crate::name_server::NameServer;
use crate::upstream_site::{
    SOON, TAKEN_OVER, conf, expect_value, lines, many_routes, remove_file, route_file, routes,
    start, wait_lines, wait_value,
};

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
    let missing = "apps.json\": cannot be read (";
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
    let names = NameServer::start(("127.0.0.1", 0))?;
    let resolver = format!("access_log off; resolver {} ipv6=off;", names.address());
    let server = Setup::new(env)?
        .file("conf/apps.json", &routes(a.port(), "0"))?
        .start(&conf("worker_processes 2;").replace("access_log off;", &resolver))?;
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
        r#"\[error\] .*upstream table "apps": host not found "new\.invalid" \(.*\), first in route "[ab]\.test", its backends are left out"#,
        SOON,
    )?;
    server.wait_log(r#"host not found "newer\.invalid""#, SOON)?;
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

/// A file that loses most of many routes is refused, while nginx runs and at a reload, until the table says that it may.
pub(super) fn shrunk(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let server = start(env, "worker_processes 2;", &many_routes(120, a.port(), 0))?;
    server.write_file("conf/apps.json", &many_routes(60, a.port(), 1))?;
    server.wait_log(r#"\[notice\] .*apps\.json": 60 routes, 120 changed"#, SOON)?;
    server.write_file("conf/apps.json", &many_routes(120, a.port(), 2))?;
    wait_value(&server, "h119.test", "2", SOON)?;
    server.write_file("conf/apps.json", &many_routes(59, a.port(), 3))?;
    let refused = r#"apps.json": would remove 61 of 120 routes, only "shrink=any" allows that, the last good routes stay in use"#;
    wait_lines(&server, refused, 1)?;
    server.reload()?;
    wait_lines(&server, refused, 2)?;
    for host in ["h0.test", "h119.test"] {
        expect_value(&server, host, "2", "after a refused change")?;
    }
    // What is refused is looked at again when it is something else.
    server.write_file("conf/apps.json", &many_routes(70, a.port(), 4))?;
    server.wait_log(r#"\[notice\] .*apps\.json" is good again: 70 routes"#, SOON)?;
    server.write_file("conf/apps.json", &many_routes(120, a.port(), 5))?;
    wait_value(&server, "h119.test", "5", SOON)?;
    server.write_file("conf/apps.json", &many_routes(1, a.port(), 6))?;
    let refused = r#"would remove 119 of 120 routes"#;
    wait_lines(&server, refused, 1)?;
    server.write_conf(&conf("").replace("file apps.json;", "file apps.json; shrink=any;"))?;
    server.reload()?;
    wait_value(&server, "h119.test", "none", SOON)?;
    expect_value(&server, "h0.test", "6", "when the table allows it")?;
    server.write_file("conf/apps.json", &many_routes(200, a.port(), 7))?;
    wait_value(&server, "h0.test", "7", SOON)?;
    server.write_file("conf/apps.json", &many_routes(10, a.port(), 8))?;
    wait_value(&server, "h0.test", "8", SOON)?;
    server.stop()
}

/// Another file in the place of the first that would drop most routes has no routes of its own to keep.
pub(super) fn shrunk_by_another(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let mut server = start(env, "", &many_routes(120, a.port(), 0))?;
    server.allow("[emerg]");
    server.write_file("conf/other.json", &many_routes(3, a.port(), 1))?;
    server.write_conf(&conf("").replace("apps.json", "other.json"))?;
    match server.reload() {
        Err(text) if text.contains("would remove 117 of 120 routes") => {}
        other => return Err(format!("another file with few routes: {other:?}")),
    }
    expect_value(&server, "h119.test", "0", "after the refused reload")?;
    server.stop()
}

/// A file of a few routes that loses all of them is told to who looks at errors only.
pub(super) fn emptied(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let server = start(env, "", &many_routes(99, a.port(), 0))?;
    server.write_file("conf/apps.json", &many_routes(59, a.port(), 0))?;
    server.wait_log(r#"\[notice\] .*apps\.json": 59 routes, 40 changed"#, SOON)?;
    server.write_file("conf/apps.json", b"{}")?;
    let all = r#"\[error\] .*apps\.json": 59 of 59 routes were removed, 0 are left"#;
    server.wait_log(all, SOON)?;
    server.stop()
}

/// Several files and a directory are one set of routes, which changes whole or not at all.
pub(super) fn several_files(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let one = |host: &str, v: &str| {
        let text = String::from_utf8_lossy(&routes(a.port(), v)).replace("a.test", host);
        text.into_bytes()
    };
    let conf = conf("worker_processes 2;").replace("file apps.json;", "file apps.json apps.d;");
    let mut server = Setup::new(env)?
        .file("conf/apps.json", &one("a.test", "0"))?
        .file("conf/apps.d/b.json", &one("b.test", "0"))?
        .start(&conf)?;
    let in_directory = |name: &str| server.root().join("conf/apps.d").join(name);
    let (b, c, hidden) = (
        in_directory("b.json"),
        in_directory("c.json"),
        in_directory(".c.json"),
    );
    // As an editor saves it: written under another name, and renamed.
    fs::write(&hidden, one("c.test", "1")).map_err(|e| e.to_string())?;
    fs::rename(&hidden, &c).map_err(|e| e.to_string())?;
    wait_value(&server, "c.test", "1", SOON)?;
    fs::write(&c, one("b.test", "2")).map_err(|e| e.to_string())?;
    let twice = r#"\[error\] .*upstream table "apps": file ".*apps\.d/c\.json": duplicate key "b\.test" at /routes/b\.test, file ".*apps\.d/b\.json" has it too, the last good routes stay in use"#;
    server.wait_log(twice, SOON)?;
    for (host, v) in [("a.test", "0"), ("b.test", "0"), ("c.test", "1")] {
        expect_value(&server, host, v, "while a key comes twice")?;
    }
    fs::remove_file(&b).map_err(|e| e.to_string())?;
    // A file that goes while it is looked at is looked for once more.
    wait_value(&server, "b.test", "2", TAKEN_OVER)?;
    expect_value(&server, "c.test", "none", "when its file has another key")?;
    server.wait_log(
        r#"\[notice\] .*files ".*apps\.json", ".*apps\.d" are good again"#,
        SOON,
    )?;
    fs::remove_dir_all(server.root().join("conf/apps.d")).map_err(|e| e.to_string())?;
    let gone =
        "apps.d\": cannot be read (2: No such file or directory), the last good routes stay in use";
    wait_lines(&server, gone, 1)?;
    server.reload()?;
    wait_lines(&server, gone, 2)?;
    expect_value(&server, "b.test", "2", "without the directory")?;
    kill_all(&mut server)?;
    expect_value(&server, "b.test", "2", "after a crash")?;
    server.write_file("conf/apps.d/b.json", &one("b.test", "3"))?;
    wait_value(&server, "b.test", "3", TAKEN_OVER)?;
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
    fs::set_permissions(route_file(&server), Permissions::from_mode(0o600))
        .map_err(|e| e.to_string())?;
    server.reload()?;
    server.wait_log(
        r#"\[error\] .*upstream table "apps": file ".*apps\.json": cannot be read again by the workers \(13: Permission denied\), changes need a reload"#,
        SOON,
    )?;
    fs::write(route_file(&server), routes(a.port(), "1")).map_err(|e| e.to_string())?;
    server.reload()?;
    wait_value(&server, "a.test", "1", SOON)?;
    server.stop()
}

/// Another content of the same size, written over the old one, its time put back.
pub(super) fn overwritten(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let server = start(env, "", &routes(a.port(), "0"))?;
    for v in ["1", "2"] {
        let before = fs::metadata(route_file(&server)).and_then(|m| m.modified());
        let before = before.map_err(|e| e.to_string())?;
        fs::write(route_file(&server), routes(a.port(), v)).map_err(|e| e.to_string())?;
        let file = fs::File::options().append(true).open(route_file(&server));
        file.and_then(|f| f.set_times(FileTimes::new().set_modified(before)))
            .map_err(|e| e.to_string())?;
        wait_value(&server, "a.test", v, SOON)?;
    }
    server.stop()
}
