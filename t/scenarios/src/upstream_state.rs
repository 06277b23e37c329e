//! What outlives nginx, and a zone: the `state` of a table, and a zone of another size.
//!
//! The route file is broken in between, so that what is served can only come from the state or from the zone before.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, Setup};
use nix::sys::signal::{SigSet, Signal};
use tempfile::TempDir;

use crate::upstream_site::{
    SOON, TAKEN_OVER, conf, expect_value, lines, many_routes, routes, value, wait_value,
};

/// A state is written at most once a second, and looked at four times a second.
const WRITTEN: Duration = Duration::from_secs(4);
/// Nothing written for so long after a writing: that was the last one.
const QUIET: Duration = Duration::from_millis(1_200);
/// Nothing written for so long: all had been written before, however busy the machine is.
const SILENCE: Duration = Duration::from_secs(30);
const BROKEN: &[u8] = b"{\"a.test\": {";

/// A folder for a state that several servers have one after another.
struct Kept {
    folder: TempDir,
    main: &'static str,
}

impl Kept {
    fn new(main: &'static str) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        Ok(Self { folder, main })
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("apps.state")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.folder.path().join(format!("apps.state{suffix}"))
    }

    fn conf(&self) -> String {
        let state = format!("zone 16m; state {};", self.state().display());
        let file = format!("file {};", self.file().display());
        conf(self.main)
            .replace("zone 16m;", &state)
            .replace("file apps.json;", &file)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("apps.json")
    }

    /// Puts this route file in the place of the one before.
    fn write(&self, file: &[u8]) -> Result<(), String> {
        let draft = self.beside(".json");
        let written = fs::write(&draft, file).and_then(|()| fs::rename(&draft, self.file()));
        written.map_err(|e| e.to_string())
    }

    fn start(&self, env: &Env, file: &[u8]) -> Result<Server, String> {
        self.write(file)?;
        Setup::new(env)?.start(&self.conf())
    }

    /// Waits until the state is another file than this one.
    fn wait_written(&self, before: u64) -> Result<(), String> {
        let other = || (inode(&self.state()) != before).then_some(());
        poll::until(WRITTEN, other).ok_or_else(|| "the state was not written".to_owned())
    }
}

/// The number of a file; 0 if there is none.
fn inode(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.ino())
}

/// An orderly end, then a kill of everything: the routes come back, without a file that could bring them.
pub(super) fn restart(env: &Env) -> Result<(), String> {
    let kept = Kept::new("worker_processes 2;")?;
    let server = kept.start(env, &routes(1, "1"))?;
    kept.write(&routes(1, "2"))?;
    wait_value(&server, "a.test", "2", SOON)?;
    // At once: whatever is not written yet is written now.
    server.stop()?;
    let mode = fs::metadata(kept.state())
        .map_err(|e| e.to_string())?
        .mode();
    if mode & 0o777 != 0o600 {
        return Err(format!("the state has mode {mode:o}"));
    }
    let mut server = kept.start(env, BROKEN)?;
    expect_value(&server, "a.test", "2", "after an orderly end")?;
    server.wait_log(
        r#"\[error\] .*apps\.json": unexpected end of file.*, the last good routes stay in use"#,
        SOON,
    )?;
    kept.write(&routes(1, "3"))?;
    let before = inode(&kept.state());
    wait_value(&server, "a.test", "3", SOON)?;
    kept.wait_written(before)?;
    // It may have been in the making when the route changed.
    let since = inode(&kept.state());
    let _ = poll::until(Duration::from_millis(1_500), || {
        (inode(&kept.state()) != since).then_some(())
    });
    server.allow("exited on signal 9");
    kill_all(&server)?;
    drop(server);
    let server = kept.start(env, BROKEN)?;
    expect_value(&server, "a.test", "3", "after a kill of everything")?;
    server.stop()?;
    if kept.beside(".tmp").exists() {
        return Err("a draft was left".into());
    }
    Ok(())
}

fn kill_all(server: &Server) -> Result<(), String> {
    let mut all = vec![server.master_pid()];
    all.extend(server.worker_pids());
    for pid in &all {
        process::send(*pid, Signal::SIGKILL)?;
    }
    let gone = || {
        all.iter()
            .skip(1)
            .all(|pid| process::ended(*pid))
            .then_some(())
    };
    poll::until(SOON, gone).ok_or_else(|| "workers do not die".to_owned())
}

/// A state with a flipped bit: kept aside with one line, and nginx starts.
pub(super) fn damaged(env: &Env) -> Result<(), String> {
    let kept = Kept::new("")?;
    kept.start(env, &routes(1, "1"))?.stop()?;
    let mut bytes = fs::read(kept.state()).map_err(|e| e.to_string())?;
    let last = bytes.len().saturating_sub(20);
    if let Some(byte) = bytes.get_mut(last) {
        *byte ^= 4;
    }
    fs::write(kept.state(), &bytes).map_err(|e| e.to_string())?;
    let server = kept.start(env, &routes(1, "2"))?;
    expect_value(&server, "a.test", "2", "after a damaged state")?;
    server.wait_log(
        r#"\[error\] .*upstream table "apps": state ".*apps\.state" has a wrong checksum: it is kept aside as ".*apps\.state\.bad" and not used"#,
        SOON,
    )?;
    if fs::read(kept.beside(".bad")).ok() != Some(bytes) {
        return Err("what was damaged is not kept".into());
    }
    kept.wait_written(0)?;
    fs::write(kept.state(), "garbage, and more of it").map_err(|e| e.to_string())?;
    let (well, said) = server.test_config()?;
    if !well || !said.contains("a start would keep it aside") {
        return Err(format!("nginx -t: {said}"));
    }
    if fs::read(kept.state()).ok().as_deref() != Some(b"garbage, and more of it") {
        return Err("nginx -t has touched the state".into());
    }
    server.stop()
}

/// Workers are killed while they write the state of many routes: it is written in the end, and no draft stays.
pub(super) fn killed(env: &Env) -> Result<(), String> {
    const COUNT: usize = 30_000;
    let kept = Kept::new("worker_processes 2;")?;
    let mut server = kept.start(env, &many_routes(COUNT, 1, 0))?;
    server.allow("exited on signal 9");
    server.allow("was locked by");
    let mut met = 0;
    for round in 1..=8 {
        kept.write(&many_routes(COUNT, 1, round))?;
        let writing = || kept.beside(".tmp").exists().then_some(());
        if poll::until(TAKEN_OVER, writing).is_some() {
            met += 1;
        }
        for pid in server.worker_pids() {
            process::send(pid, Signal::SIGKILL)?;
        }
    }
    println!("# {met} of 8 kills met a draft");
    if met == 0 {
        return Err("no kill met a draft".into());
    }
    wait_value(&server, "h0.test", "8", Duration::from_secs(30))?;
    let state = kept.state();
    let seen = SystemTime::now();
    let rests = || {
        let written = fs::metadata(&state).ok()?.modified().ok()?;
        let enough = if written > seen { QUIET } else { SILENCE };
        let is_quiet = written.max(seen).elapsed().ok()? > enough;
        (is_quiet && !kept.beside(".tmp").exists()).then_some(())
    };
    poll::until(Duration::from_secs(90), rests).ok_or("the state does not come to rest")?;
    kill_all(&server)?;
    drop(server);
    let server = kept.start(env, BROKEN)?;
    expect_value(&server, "h0.test", "8", "after the kills")?;
    let last = format!("h{}.test", COUNT - 1);
    expect_value(&server, &last, "8", "after the kills")?;
    server.stop()
}

/// Zones of other sizes under load, with a file that brings nothing: no request fails, and the routes stay.
pub(super) fn resized(env: &Env) -> Result<(), String> {
    const COUNT: usize = 2_000;
    let a = Backend::http("a")?;
    let mut server = Setup::new(env)?
        .file("conf/apps.json", &many_routes(COUNT, a.port(), 1))?
        .start(&conf("worker_processes 2;"))?;
    server.allow("[emerg]");
    server.write_file("conf/apps.json", BROKEN)?;
    let load = Load::start(server.port(0), "/", "Host: h0.test", 2, 200);
    load.wait_good(20)?;
    for zone in ["zone 32m;", "zone 1m;", "zone 16m;"] {
        server.write_conf(&conf("worker_processes 2;").replace("zone 16m;", zone))?;
        server.reload()?;
        expect_value(&server, "h1999.test", "1", zone)?;
        load.wait_good(20)?;
    }
    // Too small: refused, and the old one is open for changes again.
    server.write_conf(&conf("worker_processes 2;").replace("zone 16m;", "zone 100k;"))?;
    match server.reload() {
        Err(text)
            if text.contains("\"zone\" is too small: it has 102400 bytes, 2000 routes need") => {}
        other => return Err(format!("a zone that is too small: {other:?}")),
    }
    expect_value(&server, "h1999.test", "1", "after a refused reload")?;
    server.write_file("conf/apps.json", &many_routes(COUNT, a.port(), 2))?;
    wait_value(&server, "h1999.test", "2", TAKEN_OVER)?;
    // A good file and another size: the file's routes are there at once.
    server.write_file("conf/apps.json", &many_routes(COUNT, a.port(), 3))?;
    server.write_conf(&conf("worker_processes 2;").replace("zone 16m;", "zone 2m;"))?;
    server.reload()?;
    expect_value(&server, "h1999.test", "3", "in the last zone")?;
    load.wait_good(20)?;
    let tally = load.stop();
    if tally.bad > 0 {
        return Err(format!("{} of {} requests failed", tally.bad, tally.good));
    }
    server.stop()
}

/// A reload that fails behind our zones: the old workers go on to change the table that was to be replaced.
pub(super) fn given_back(env: &Env) -> Result<(), String> {
    let mut server = Setup::new(env)?
        .file("conf/apps.json", &routes(1, "1"))?
        .start(&conf(""))?;
    server.allow("none.json");
    let more = "upstream_table more { zone 1m; file none.json; } access_log off;";
    let failing = conf("").replace("zone 16m;", "zone 8m;");
    server.write_conf(&failing.replace("access_log off;", more))?;
    match server.reload() {
        Err(text) if text.contains("none.json") => {}
        other => return Err(format!("a reload that must fail: {other:?}")),
    }
    server.write_file("conf/apps.json", &routes(1, "2"))?;
    wait_value(&server, "a.test", "2", TAKEN_OVER)?;
    server.stop()
}

/// Another binary takes over: it begins with the state while the old one still has the lock, and writes it afterwards.
pub(super) fn upgrade(env: &Env) -> Result<(), String> {
    let kept = Kept::new("worker_processes 2;")?;
    kept.write(&routes(1, "1"))?;
    let mut server = Setup::new(env)?.daemon().start(&kept.conf())?;
    kept.write(&routes(1, "2"))?;
    wait_value(&server, "a.test", "2", SOON)?;
    let old = server.worker_pids();
    kept.wait_written(0)?;
    // The route's value is the byte behind its length.
    let has_two = || {
        let bytes = fs::read(kept.state()).unwrap_or_default();
        bytes.windows(4).any(|w| w == b"\x01v\x012").then_some(())
    };
    poll::until(WRITTEN, has_two).ok_or("the state has not the last change")?;
    kept.write(BROKEN)?;
    server.signal(Signal::SIGUSR2)?;
    let pid_file = server.root().join("logs/nginx.pid.oldbin");
    poll::until(SOON, || pid_file.exists().then_some(())).ok_or("no new master")?;
    let pid_file = server.root().join("logs/nginx.pid");
    poll::until(SOON, || pid_file.exists().then_some(())).ok_or("no new pid file")?;
    let old_master = server.go_on_with_new_master()?.ok_or("no master")?;
    let count = server.configured_workers();
    let all = || (server.worker_pids().len() == count).then_some(());
    poll::until(SOON, all).ok_or("no new workers")?;
    // The old one writes as long as it runs, and gives the lock up before its last client has gone.
    old_master.signal(Signal::SIGQUIT)?;
    let gone = || old.iter().all(|pid| process::ended(*pid)).then_some(());
    poll::until(TAKEN_OVER, gone).ok_or("the old workers do not go")?;
    expect_value(&server, "a.test", "2", "after the upgrade")?;
    let before = inode(&kept.state());
    kept.write(&routes(1, "3"))?;
    wait_value(&server, "a.test", "3", TAKEN_OVER)?;
    kept.wait_written(before)?;
    let busy = lines(&server, "another nginx");
    if busy > 0 {
        return Err(format!("{busy} lines about a lock that was given up"));
    }
    server.stop()?;
    let server = kept.start(env, BROKEN)?;
    expect_value(&server, "a.test", "3", "after the upgrade and a restart")?;
    server.stop()
}

/// Without a master the one process writes, also in the end.
pub(super) fn single_process(env: &Env) -> Result<(), String> {
    let kept = Kept::new("master_process off;")?;
    let hangup = SigSet::from(Signal::SIGHUP);
    let start = |file: &[u8]| {
        hangup.thread_unblock().map_err(|e| e.to_string())?;
        let started = kept.start(env, file);
        hangup.thread_block().map_err(|e| e.to_string())?;
        started
    };
    let server = start(&routes(1, "1"))?;
    kept.wait_written(0)?;
    kept.write(&routes(1, "2"))?;
    wait_value(&server, "a.test", "2", SOON)?;
    server.stop()?;
    let server = start(BROKEN)?;
    expect_value(&server, "a.test", "2", "after an end")?;
    kept.write(&routes(1, "3"))?;
    wait_value(&server, "a.test", "3", SOON)?;
    let bigger = kept.conf().replace("zone 16m;", "zone 32m;");
    kept.write(BROKEN)?;
    server.write_conf(&bigger)?;
    server.signal(Signal::SIGHUP)?;
    server.wait_log(
        r"unexpected end of file.*, the last good routes stay in use",
        SOON,
    )?;
    // After such a reload stock nginx has no connections for requests either.
    server.stop()?;
    let server = start(BROKEN)?;
    expect_value(&server, "a.test", "3", "after a zone of another size")?;
    server.stop()
}

/// A folder that only root may write to: said at the start, and when it fails; routes are served all the same, and the
/// master writes them in the end.
pub(super) fn root_only(env: &Env) -> Result<(), String> {
    // Not on a line of its own: such a line gives way to the runner's.
    let kept = Kept::new("worker_processes 2; user nobody nogroup;")?;
    let folder = kept.folder.path();
    fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(|e| e.to_string())?;
    let server = kept.start(env, &routes(1, "1"))?;
    server.wait_log(
        r#"\[warn\] .*upstream table "apps": state ".*" cannot be written while nginx runs: user \d+ may not write to its directory"#,
        SOON,
    )?;
    server.wait_log(
        r#"\[error\] .*state ".*" cannot be written \(13: Permission denied\), changes are not kept"#,
        WRITTEN,
    )?;
    let (_, said) = server.test_config()?;
    if !said.contains("cannot be written while nginx runs") {
        return Err(format!("nginx -t: {said}"));
    }
    if value(&server, "a.test")? != "1" || kept.state().exists() {
        return Err("it is not served, or written".into());
    }
    server.stop()?;
    let server = kept.start(env, BROKEN)?;
    expect_value(&server, "a.test", "1", "after an orderly end")?;
    server.stop()
}

/// A second nginx with the same state does not write it, and says so.
pub(super) fn two(env: &Env) -> Result<(), String> {
    let kept = Kept::new("")?;
    let one = kept.start(env, &routes(1, "1"))?;
    kept.wait_written(0)?;
    let other = kept.conf().replace("/apps.json;", "/other.json;");
    fs::write(kept.folder.path().join("other.json"), routes(1, "2")).map_err(|e| e.to_string())?;
    let two = Setup::new(env)?.start(&other)?;
    expect_value(&two, "a.test", "2", "the second one")?;
    two.wait_log(
        r#"\[error\] .*state ".*" is written by another nginx, changes here are not kept"#,
        TAKEN_OVER,
    )?;
    two.stop()?;
    one.stop()?;
    let server = kept.start(env, BROKEN)?;
    expect_value(&server, "a.test", "1", "what the first one had")?;
    server.stop()
}

/// Routes of the API, which no file brings: they outlive a kill of everything, an orderly end and a zone of another size.
pub(super) fn api(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let kept = Kept::new("worker_processes 2;")?;
    let api = "location /_apps/ { upstream_api apps write=on; } location = /v {";
    let with_api = |zone: &str| {
        let conf = kept.conf().replace("location = /v {", api);
        conf.replace("zone 16m;", zone)
    };
    let start = || {
        kept.write(&routes(1, "file"))?;
        Setup::new(env)?.start(&with_api("zone 16m;"))
    };
    let mut server = start()?;
    server.allow("exited on signal 9");
    put(&server, "api.test", a.port(), "1")?;
    let has = |text: &'static [u8]| {
        let bytes = fs::read(kept.state()).unwrap_or_default();
        bytes.windows(text.len()).any(|w| w == text).then_some(())
    };
    poll::until(WRITTEN, || has(b"api.test")).ok_or("the state has no route of the API")?;
    kill_all(&server)?;
    drop(server);
    let server = start()?;
    expect_value(&server, "api.test", "1", "after a kill of everything")?;
    expect_value(&server, "a.test", "file", "beside it")?;
    put(&server, "api.test", a.port(), "2")?;
    server.stop()?;
    let server = start()?;
    expect_value(&server, "api.test", "2", "after an orderly end")?;
    let load = Load::start(server.port(0), "/", "Host: api.test", 2, 200);
    load.wait_good(20)?;
    for (number, zone) in ["zone 32m;", "zone 2m;", "zone 16m;"]
        .into_iter()
        .enumerate()
    {
        server.write_conf(&with_api(zone))?;
        server.reload()?;
        expect_value(&server, "api.test", "2", zone)?;
        put(&server, &format!("more{number}.test"), a.port(), zone)?;
        load.wait_good(20)?;
    }
    expect_value(&server, "more0.test", "zone 32m;", "after two more zones")?;
    let tally = load.stop();
    if tally.bad > 0 {
        return Err(format!("{} of {} requests failed", tally.bad, tally.good));
    }
    server.stop()
}

/// Makes a route over the API.
fn put(server: &Server, key: &str, port: u16, v: &str) -> Result<(), String> {
    let body = format!(r#"{{"backends": ["http://127.0.0.1:{port}"], "vars": {{"v": "{v}"}}}}"#);
    let request = format!(
        "PUT /_apps/{key} HTTP/1.1\r\nHost: api\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = server.raw(request.as_bytes())?;
    let answer = String::from_utf8_lossy(&answer);
    let is_good = ["HTTP/1.1 200 ", "HTTP/1.1 201 ", "HTTP/1.1 204 "]
        .iter()
        .any(|status| answer.starts_with(status));
    if is_good {
        Ok(())
    } else {
        Err(format!("PUT {key}: {answer}"))
    }
}
