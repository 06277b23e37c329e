//! Reloads of a server with an upstream table: what it keeps, what it takes over, what it costs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::{SigSet, Signal};

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::load::{Load, Tally};
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};
use nginx_prove::stats::slope;

const SOON: Duration = Duration::from_secs(3);
/// A worker's timers have fired twice at least.
const SEVERAL_ROUNDS: Duration = Duration::from_millis(1_500);

/// A server whose table has this block.
fn conf(main: &str, table: &str) -> String {
    format!(
        "{main}
http {{
    upstream_table apps {{ {table} }}
    upstream backend {{ upstream_lookup apps $host; keepalive 8; }}
    upstream_variable $v apps $host v default=none;
    access_log off;
    server {{
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        proxy_http_version 1.1;
        proxy_set_header Connection \"\";
        location / {{ proxy_pass http://backend; add_header X-Tried $upstream_addr always; }}
        location = /v {{ return 200 $v; }}
    }}
}}"
    )
}

/// The same in stock directives.
const STOCK: &str = "worker_processes 2;
http {
    upstream backend { server 127.0.0.1:$TEST_NGINX_PORT_A; keepalive 8; }
    access_log off;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        proxy_http_version 1.1;
        proxy_set_header Connection \"\";
        location / { proxy_pass http://backend; }
    }
}";

const APPS: &str =
    r#"{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"], "vars": {"v": "one"}}}"#;

fn value(v: &str) -> Vec<u8> {
    format!(r#"{{"a.test": {{"backends": [], "vars": {{"v": "{v}"}}}}}}"#).into_bytes()
}

fn setup<'a>(env: &'a Env, a: &Backend) -> Result<Setup<'a>, String> {
    Setup::new(env)?
        .name("PORT_A", &a.port().to_string())
        .file("conf/apps.json", APPS.as_bytes())
}

fn shows(server: &Server, v: &str) -> bool {
    server
        .get("/v", "Host: a.test")
        .is_ok_and(|response| response.text() == v)
}

fn expect(server: &Server, v: &str, when: &str) -> Result<(), String> {
    let came = server.get("/v", "Host: a.test")?.text();
    if came == v {
        Ok(())
    } else {
        Err(format!("{when}: expected `{v}`, came `{came}`"))
    }
}

fn wait(server: &Server, v: &str, when: &str) -> Result<(), String> {
    poll::until(SOON, || shows(server, v).then_some(()))
        .ok_or_else(|| format!("{when}: `{v}` did not come within {SOON:?}"))
}

/// Reloads under load: nothing fails that would not with stock nginx, health is kept.
pub(super) fn under_load(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let dead = r#"{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "http://127.0.0.1:$TEST_NGINX_PORT_A"]}}"#;
    let stock = setup(env, &a)?.start(STOCK)?;
    let expected = reload_under_load(&stock, 20)?;
    stock.stop()?;
    let server = setup(env, &a)?
        .file("conf/apps.json", dead.as_bytes())?
        .start(&conf(
            "worker_processes 2;",
            "zone 1m; file apps.json; passive window=10m;",
        ))?;
    // The dead backend is found out before the first reload, and never asked again.
    let alive = format!("127.0.0.1:{}", a.port());
    let known = || {
        let tried = server.get("/", "Host: a.test").ok()?.header("X-Tried")?;
        (tried == alive).then_some(())
    };
    poll::until(SOON, known).ok_or("the dead backend is not left out")?;
    let refusals = server.log().matches("connect() failed").count();
    let tally = reload_under_load(&server, 20)?;
    if tally.bad > expected.bad {
        return Err(format!(
            "{} requests failed, with stock nginx {}",
            tally.bad, expected.bad
        ));
    }
    if server.log().matches("connect() failed").count() > refusals {
        return Err("a reload forgot which backend is out".into());
    }
    server.stop()
}

fn reload_under_load(server: &Server, times: usize) -> Result<Tally, String> {
    let load = Load::start(server.port(0), "/", "Host: a.test", 2, 200);
    for _ in 0..times {
        load.wait_good(5)?;
        server.reload()?;
    }
    load.wait_good(5)?;
    Ok(load.stop())
}

/// What a reload brings: another file, another size, no file, a file that is not followed live.
pub(super) fn changes(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let server = setup(env, &a)?
        .file("conf/other.json", &value("other"))?
        .start(&conf("worker_processes 2;", "zone 1m; file apps.json;"))?;
    let reload = |table: &str| {
        server.write_conf(&conf("worker_processes 2;", table))?;
        server.reload()
    };
    expect(&server, "one", "at the start")?;

    reload("zone 2m; file apps.json;")?;
    expect(&server, "one", "with a larger zone")?;
    server.write_file("conf/apps.json", &value("two"))?;
    wait(&server, "two", "in the larger zone")?;
    reload("zone 1m; file apps.json;")?;
    expect(&server, "two", "with a smaller zone")?;

    reload("zone 1m; file other.json;")?;
    wait(&server, "other", "with another file")?;
    server.write_file("conf/other.json", &value("more"))?;
    wait(&server, "more", "when the other file changed")?;

    // Not followed live: each reload brings the file as it is then.
    reload("zone 1m; file apps.json reload=0;")?;
    wait(&server, "two", "with reload=0")?;
    server.write_file("conf/apps.json", &value("three"))?;
    reload("zone 1m; file apps.json reload=0;")?;
    wait(&server, "three", "after a reload with reload=0")?;

    reload("zone 1m;")?;
    wait(&server, "none", "without a file")?;
    reload("zone 1m; file apps.json;")?;
    wait(&server, "three", "with the file again")?;
    server.stop()
}

/// A reload that is refused changes nothing, whatever refuses it.
pub(super) fn refused(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let good = conf("worker_processes 2;", "zone 1m; file apps.json;");
    let mut server = setup(env, &a)?
        .file("conf/other.json", &value("other"))?
        .start(&good)?;
    server.allow("[emerg]");
    let count = server.configured_workers();
    let all = || Some(server.worker_pids()).filter(|pids| pids.len() == count);
    let workers = poll::until(SOON, all).ok_or("not all workers run")?;
    let refusals = [
        ("zone 1m; file none.json;", "cannot be read"),
        ("zone 1m; file other.json; match exact;", "match"),
        ("zone 2m; file broken.json;", "unknown member"),
        ("zone 1m; file other.json; nonsense;", "unknown directive"),
        // Good by itself; what comes after it is not.
        (
            "zone 1m; file other.json; } upstream_table more { zone 1m; file none.json;",
            "cannot be read",
        ),
    ];
    server.write_file("conf/broken.json", br#"{"a.test": {"oops": 1}}"#)?;
    for (table, why) in refusals {
        server.write_conf(&conf("worker_processes 2;", table))?;
        match server.reload() {
            Err(text) if text.contains(why) => {}
            other => return Err(format!("`{table}`: {other:?}")),
        }
        expect(&server, "one", table)?;
    }
    if server.worker_pids() != workers {
        return Err("a refused reload replaced workers".into());
    }
    // The old configuration still follows its own file, and only that.
    server.write_file("conf/other.json", &value("never"))?;
    server.write_file("conf/apps.json", &value("two"))?;
    wait(&server, "two", "after refused reloads")?;
    server.write_conf(&good)?;
    server.reload()?;
    expect(&server, "two", "after a good reload")?;
    server.stop()
}

/// `nginx -t` beside a running server: not a byte of it changes.
pub(super) fn test_config(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let server = setup(env, &a)?.start(&conf("", "zone 1m; file apps.json reload=0;"))?;
    // The file on disk is another one now: `-t` reads it and must not apply it.
    server.write_file("conf/apps.json", &value("new"))?;
    let before = tree(server.root());
    for _ in 0..100 {
        let (well, said) = server.test_config()?;
        if !well {
            return Err(said);
        }
    }
    if tree(server.root()) != before {
        return Err(format!(
            "files changed: {before:?} became {:?}",
            tree(server.root())
        ));
    }
    expect(&server, "one", "after nginx -t")?;
    server.reload()?;
    wait(&server, "new", "after the reload")?;
    server.stop()
}

/// Every file with its size and time, but for what is printed and logged.
fn tree(root: &Path) -> BTreeMap<String, (u64, Option<SystemTime>)> {
    let mut files = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            let name = entry.path().display().to_string();
            if meta.is_dir() {
                directories.push(entry.path());
                files.insert(name, (0, None));
            } else if !name.contains("/logs/") {
                files.insert(name, (meta.len(), meta.modified().ok()));
            } else {
                files.insert(name, (0, None));
            }
        }
    }
    files
}

/// One process for all follows the file. After a reload stock nginx answers nothing sensible in this mode; ours still
/// follows the new configuration's file and dies of nothing.
pub(super) fn single_process(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let main = "master_process off;";
    let prepared = setup(env, &a)?.file("conf/other.json", &value("other"))?;
    // Unlike a master, a single process keeps the signals blocked that this thread has blocked.
    let hangup = SigSet::from(Signal::SIGHUP);
    hangup.thread_unblock().map_err(|e| e.to_string())?;
    let started = prepared.start(&conf(main, "zone 1m; file apps.json;"));
    hangup.thread_block().map_err(|e| e.to_string())?;
    let server = started?;
    expect(&server, "one", "at the start")?;
    server.write_file("conf/apps.json", &value("two"))?;
    wait(&server, "two", "when the file changed")?;
    server.write_conf(&conf(main, "zone 1m; file other.json;"))?;
    server.signal(Signal::SIGHUP)?;
    server.wait_log(r#"other\.json": 1 route, 1 changed"#, SOON)?;
    server.write_file(
        "conf/other.json",
        br#"{"a.test": {"backends": []}, "b.test": {"backends": []}}"#,
    )?;
    server.wait_log(r#"other\.json": 2 routes, 2 changed"#, SOON)?;
    // What it does again and again, it goes on with through more changes: it has no list of connections any more.
    let begun = Instant::now();
    let mut routes = 3;
    while begun.elapsed() < SEVERAL_ROUNDS {
        let hosts = (0..routes).map(|n| format!(r#""h{n}.test": {{"backends": []}}"#));
        let file = format!("{{{}}}", hosts.collect::<Vec<_>>().join(","));
        server.write_file("conf/other.json", file.as_bytes())?;
        server.wait_log(&format!(r#"other\.json": {routes} routes"#), SOON)?;
        routes += 1;
    }
    server.stop()
}

/// What one series of reloads cost.
struct Cost {
    failed: u64,
    /// KiB of the master per reload, after the first 50.
    slope: f64,
    descriptors: (usize, usize),
    maps: (usize, usize),
}

/// Two hundred reloads under load cost no memory, no descriptors and no requests.
pub(super) fn two_hundred(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let stock = cost(setup(env, &a)?.start(STOCK)?)?;
    let table = conf("worker_processes 2;", "zone 1m; file apps.json;");
    let ours = cost(setup(env, &a)?.start(&table)?)?;
    println!(
        "# 200 reloads: failed {} (stock {}), master {:.2} KiB per reload (stock {:.2}), descriptors {:?}, maps of the module {:?}",
        ours.failed, stock.failed, ours.slope, stock.slope, ours.descriptors, ours.maps
    );
    if ours.failed > stock.failed {
        return Err(format!("{} requests failed", ours.failed));
    }
    if ours.slope > 1.0 + stock.slope.max(0.0) {
        return Err(format!(
            "the master grows by {:.2} KiB per reload",
            ours.slope
        ));
    }
    if ours.descriptors.1 > ours.descriptors.0 || ours.maps.1 > ours.maps.0 {
        return Err("descriptors or maps grow".into());
    }
    Ok(())
}

fn cost(server: Server) -> Result<Cost, String> {
    let master = server.master_pid();
    let load = Load::start(server.port(0), "/", "Host: a.test", 1, 200);
    let mut memory = Vec::new();
    let mut first = (0, 0);
    for number in 0..200 {
        server.reload()?;
        if number == 50 {
            first = (Server::fds(master), maps(master));
        }
        if number >= 50 {
            memory.push(Server::rss_kib(master) as f64);
        }
    }
    let tally = load.stop();
    let cost = Cost {
        failed: tally.bad,
        slope: slope(&memory),
        descriptors: (first.0, fds_at_rest(master, first.0)),
        maps: (first.1, maps(master)),
    };
    server.stop()?;
    Ok(cost)
}

/// Descriptors of the master once the workers of the last reloads have gone, whose channels it
/// still holds; the least it comes to, or `enough`.
fn fds_at_rest(master: u32, enough: usize) -> usize {
    let mut least = usize::MAX;
    poll::until(SOON, || {
        least = least.min(Server::fds(master));
        (least <= enough).then_some(())
    });
    least
}

/// How many maps of our module a process has.
fn maps(pid: u32) -> usize {
    fs::read_to_string(format!("/proc/{pid}/maps"))
        .unwrap_or_default()
        .lines()
        .filter(|line| line.contains("gatehouse"))
        .count()
}
