//! GeoIP databases replaced, broken, deleted and put back under load.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bstr::ByteSlice;

use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, Setup};
use nix::sys::signal::Signal;

const DEADLINE: Duration = Duration::from_secs(10);

/// `/c` says the country by the database under test and by one that is always good, and who answers.
pub(super) const CONF: &str = r#"worker_processes 2;
http {
    geoip_db geo.mmdb reload=1s;
    geoip_db other.mmdb reload=1s;
    geoip_variable $other db=other country.iso_code;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location = /c { return 200 "$geoip_country $other $pid"; }
        location = /t { geoip_deny country=KP; empty_gif; }
    }
}"#;

/// The country of 127.0.0.1 in geo.mmdb and in geo2.mmdb.
pub(super) const OLD: &str = "JP";
pub(super) const NEW: &str = "RU";

pub(super) fn data(env: &Env, name: &str) -> Result<Vec<u8>, String> {
    let path = env.base.join("t/data").join(name);
    fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
}

pub(super) fn setup<'a>(env: &'a Env, database: &[u8]) -> Result<Setup<'a>, String> {
    Setup::new(env)?
        .file("conf/geo.mmdb", database)?
        .file("conf/other.mmdb", &data(env, "geo.mmdb")?)
}

/// The words of `/c`: country, the other database's country, process id.
fn countries(server: &Server) -> Result<[String; 3], String> {
    let body = server.get("/c", "")?.text();
    let words: Vec<String> = body.split(' ').map(str::to_owned).collect();
    words
        .try_into()
        .map_err(|_| format!("`/c` answered {body:?}"))
}

/// Waits until all workers answer `wanted` as word `column` of `/c`.
pub(super) fn wait_for(server: &Server, column: usize, wanted: &str) -> Result<(), String> {
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    let workers = server.configured_workers();
    let reached = poll::until(DEADLINE, || {
        let words = countries(server).ok()?;
        let country = words.get(column)?.clone();
        last.insert(words.last()?.clone(), country);
        let alive = server.worker_pids();
        last.retain(|pid, _| alive.iter().any(|one| one.to_string() == *pid));
        (last.len() == workers && last.values().all(|country| country == wanted)).then_some(())
    });
    reached.ok_or_else(|| format!("not every worker says {wanted}: {last:?}"))
}

/// Replaces the other database there and back: when that is seen, every file was looked at again.
fn another_look(env: &Env, server: &Server) -> Result<(), String> {
    for (name, country) in [("geo2.mmdb", NEW), ("geo.mmdb", OLD)] {
        server.write_file("conf/other.mmdb", &data(env, name)?)?;
        wait_for(server, 1, country)?;
    }
    Ok(())
}

pub(super) fn lines(server: &Server, text: &str) -> usize {
    server.log().lines().filter(|l| l.contains(text)).count()
}

fn expect_lines(server: &Server, text: &str, wanted: usize) -> Result<(), String> {
    let count = lines(server, text);
    if count == wanted {
        return Ok(());
    }
    Err(format!(
        "{count} lines have `{text}`, not {wanted}:\n{}",
        server.log()
    ))
}

pub(super) fn stop_load(load: Load) -> Result<(), String> {
    let tally = load.stop();
    if tally.bad > 0 || tally.good == 0 {
        return Err(format!("under load: {tally:?}"));
    }
    Ok(())
}

/// A good file takes over in every worker; whatever is wrong with one, it is refused once and the old one stays.
pub(super) fn replace(env: &Env) -> Result<(), String> {
    let (old, new) = (data(env, "geo.mmdb")?, data(env, "geo2.mmdb")?);
    let mut server = setup(env, &old)?.start(CONF)?;
    wait_for(&server, 0, OLD)?;
    let load = Load::start(server.port(0), "/t", "", 2, 200);
    load.wait_good(50)?;
    server.write_file("conf/geo.mmdb", &new)?;
    wait_for(&server, 0, NEW)?;
    server.wait_log(
        r"\[notice\] .*geoip_db .*/geo.mmdb. replaced, built \d+",
        DEADLINE,
    )?;

    let refused = "the old one stays in use";
    let half = old.get(..old.len() / 2).unwrap_or_default();
    server.write_file("conf/geo.mmdb", half)?;
    server.wait_log(
        r"\[error\] .*geo.mmdb. is not a MaxMind DB file, the old one",
        DEADLINE,
    )?;
    another_look(env, &server)?;
    expect_lines(&server, refused, 1)?;
    wait_for(&server, 0, NEW)?;

    server.write_file("conf/geo.mmdb", &old)?;
    wait_for(&server, 0, OLD)?;
    expect_lines(&server, "is good again: replaced", 1)?;
    overwrite_tree(&server)?;
    server.wait_log(
        r"\[error\] .*geo.mmdb. is an invalid MaxMind DB file: .*, the old one",
        DEADLINE,
    )?;
    another_look(env, &server)?;
    expect_lines(&server, refused, 2)?;
    wait_for(&server, 0, OLD)?;

    truncate(&server)?;
    another_look(env, &server)?;
    expect_lines(&server, refused, 3)?;
    wait_for(&server, 0, OLD)?;

    remove(&server)?;
    another_look(env, &server)?;
    expect_lines(&server, refused, 4)?;
    wait_for(&server, 0, OLD)?;
    // The end of the trouble is said too.
    server.write_file("conf/geo.mmdb", &new)?;
    wait_for(&server, 0, NEW)?;
    server.wait_log(
        r"\[notice\] .*geo.mmdb. is good again: replaced, built \d+",
        DEADLINE,
    )?;
    let path = server.root().join("conf/geo.mmdb");
    let aside = server.root().join("conf/aside.mmdb");
    fs::rename(&path, &aside).map_err(|e| e.to_string())?;
    another_look(env, &server)?;
    expect_lines(&server, refused, 5)?;
    fs::rename(&aside, &path).map_err(|e| e.to_string())?;
    server.wait_log(
        r"\[notice\] .*geo.mmdb. is good again: the one in use",
        DEADLINE,
    )?;
    stop_load(load)?;

    // Whichever worker feeds, the one after it goes on.
    for (database, country) in [(&old, OLD), (&new, NEW)] {
        server.kill_worker()?;
        server.write_file("conf/geo.mmdb", database)?;
        wait_for(&server, 0, country)?;
    }
    expect_lines(&server, refused, 5)?;
    server.stop()
}

const RULE: &str = r"http {
    geoip_db geo.mmdb reload=1s;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location = /denied { geoip_deny country=JP; empty_gif; }
    }
}";

/// A rule goes on refusing when its database is replaced by one that knows no countries, or nothing at all.
pub(super) fn rules_keep_their_fields(env: &Env) -> Result<(), String> {
    let old = data(env, "geo.mmdb")?;
    let server = setup(env, &old)?.start(RULE)?;
    for (database, reason) in [
        (
            data(env, "asn.mmdb")?,
            "has no field .country., the one in use has",
        ),
        (
            without_networks(&old)?,
            "is an invalid MaxMind DB file: it has no networks",
        ),
    ] {
        server.write_file("conf/geo.mmdb", &database)?;
        let line = format!(r"\[error\] .*geo.mmdb. {reason}, the old one stays in use");
        server.wait_log(&line, DEADLINE)?;
        let status = server.get("/denied", "")?.status;
        if status != 403 {
            return Err(format!("{status} after a database that {reason}"));
        }
    }
    server.stop()
}

/// The same metadata around a tree of one node that leads nowhere.
fn without_networks(database: &[u8]) -> Result<Vec<u8>, String> {
    let at = database
        .rfind(b"\xab\xcd\xefMaxMind.com")
        .ok_or("no metadata")?;
    let tree = [0, 0, 1, 0, 0, 1];
    let metadata = database.get(at..).unwrap_or_default();
    let mut out = [&tree[..], &[0; 16], metadata].concat();
    // The key, then the head of an unsigned number of four bytes.
    let head = b"node_count\xc4";
    let start = out.rfind(head).ok_or("no node_count")? + head.len();
    let number = out.get_mut(start..start + 4).ok_or("a short node_count")?;
    number.copy_from_slice(&1u32.to_be_bytes());
    Ok(out)
}

/// Overwrites the search tree in place; the metadata at the end stay as they are.
fn overwrite_tree(server: &Server) -> Result<(), String> {
    let path = server.root().join("conf/geo.mmdb");
    let mut file = OpenOptions::new()
        .write(true)
        .open(&path)
        .map_err(|e| e.to_string())?;
    file.write_all(&[0; 512]).map_err(|e| e.to_string())
}

fn truncate(server: &Server) -> Result<(), String> {
    let path = server.root().join("conf/geo.mmdb");
    let file = OpenOptions::new().write(true).open(&path);
    file.and_then(|file| file.set_len(100))
        .map_err(|e| e.to_string())
}

fn remove(server: &Server) -> Result<(), String> {
    fs::remove_file(server.root().join("conf/geo.mmdb")).map_err(|e| e.to_string())
}

/// A file larger than its zone waits for a reload; a reload with a broken one is refused; `nginx -t` changes nothing.
pub(super) fn reload(env: &Env) -> Result<(), String> {
    let new = data(env, "geo2.mmdb")?;
    let mut server = setup(env, &data(env, "geo.mmdb")?)?.start(CONF)?;
    wait_for(&server, 0, OLD)?;
    let load = Load::start(server.port(0), "/t", "", 2, 200);
    load.wait_good(20)?;
    server.write_file("conf/geo.mmdb", &padded(&new, 4 << 20)?)?;
    server.wait_log(
        r#"\[error\] .*geo.mmdb. is larger than its zone, reload: "zone=" is too small: it has \d+ bytes, the database needs \d+ \("zone=\d+k"\), the old one"#,
        DEADLINE,
    )?;
    wait_for(&server, 0, OLD)?;
    server.reload()?;
    wait_for(&server, 0, NEW)?;
    server.write_file("conf/geo.mmdb", &data(env, "geo.mmdb")?)?;
    wait_for(&server, 0, OLD)?;

    server.write_file("conf/geo.mmdb", b"no database")?;
    server.allow("not a MaxMind DB file");
    match server.reload() {
        Err(error) if error.contains("not a MaxMind DB file in ") => {}
        other => return Err(format!("a reload with a broken file: {other:?}")),
    }
    let (good, printed) = server.test_config()?;
    if good || !printed.contains("not a MaxMind DB file in ") {
        return Err(format!("nginx -t with a broken file: {printed}"));
    }
    wait_for(&server, 0, OLD)?;
    server.write_file("conf/geo.mmdb", &new)?;
    wait_for(&server, 0, NEW)?;
    server.write_file("conf/geo.mmdb", b"no database")?;
    another_look(env, &server)?;
    wait_for(&server, 0, NEW)?;
    server.write_file("conf/geo.mmdb", &new)?;
    for _ in 0..5 {
        let (good, printed) = server.test_config()?;
        if !good {
            return Err(format!("nginx -t: {printed}"));
        }
    }
    wait_for(&server, 0, NEW)?;
    stop_load(load)?;
    server.stop()
}

/// Two reloads in a row, each with another database: a lookup that has begun keeps its bytes for a second at least, so the
/// second one waits that long and is not lost.
pub(super) fn two_reloads(env: &Env) -> Result<(), String> {
    let conf = CONF.replace("reload=1s", "reload=0");
    let server = setup(env, &data(env, "geo.mmdb")?)?.start(&conf)?;
    wait_for(&server, 0, OLD)?;
    let begun = Instant::now();
    for (name, country) in [("geo2.mmdb", NEW), ("geo.mmdb", OLD)] {
        server.write_file("conf/geo.mmdb", &data(env, name)?)?;
        server.reload()?;
        wait_for(&server, 0, country)?;
    }
    let taken = begun.elapsed();
    if taken < Duration::from_secs(1) {
        return Err(format!("two databases in {taken:?}"));
    }
    server.stop()
}

/// A worker that stands still with the zone's lock holds nobody up: neither requests, nor a reload's new workers.
pub(super) fn stopped(env: &Env) -> Result<(), String> {
    let conf = CONF
        .replacen("worker_processes 2;", "", 1)
        .replace("geoip_db other", "test_stop_feeder stop; geoip_db other");
    let server = setup(env, &data(env, "geo.mmdb")?)?.start(&conf)?;
    let feeder = server.worker_pids().first().copied().ok_or("no worker")?;
    let stop = server.root().join("conf/stop");
    fs::write(&stop, b"").map_err(|e| e.to_string())?;
    fs::set_permissions(
        server.root().join("conf"),
        fs::Permissions::from_mode(0o777),
    )
    .map_err(|e| e.to_string())?;
    server.write_file("conf/geo.mmdb", &data(env, "geo2.mmdb")?)?;
    poll::until(DEADLINE, || (!stop.exists()).then_some(())).ok_or("the feeder did not stop")?;
    // The master reads the new database, which a new worker then wants to put into the zone.
    server.signal(Signal::SIGHUP)?;
    let answered = || {
        countries(&server)
            .ok()
            .filter(|words| words[2] != feeder.to_string())
    };
    let answered = poll::until(DEADLINE, answered).ok_or("no new worker answers");
    process::send(feeder, Signal::SIGCONT)?;
    answered?;
    wait_for(&server, 0, NEW)?;
    server.stop()
}

/// Once a database is in its zone, the master keeps no copy of the file for itself.
pub(super) fn kept_once(env: &Env) -> Result<(), String> {
    const SIZE: usize = 48 << 20;
    let (old, new) = (data(env, "geo.mmdb")?, data(env, "geo2.mmdb")?);
    let server = setup(env, &padded(&old, SIZE)?)?.start(CONF)?;
    wait_for(&server, 0, OLD)?;
    let private = private_memory(server.master_pid())?;
    if private > SIZE / 2 {
        return Err(format!("the master has {private} bytes of its own"));
    }
    server.write_file("conf/geo.mmdb", &padded(&new, SIZE)?)?;
    wait_for(&server, 0, NEW)?;
    server.stop()
}

/// Bytes of memory that belong to no file and to no zone.
pub(super) fn private_memory(pid: u32) -> Result<usize, String> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"));
    let number = line.and_then(|l| l.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    number
        .map(|kib| kib * 1024)
        .ok_or(format!("{path}: no RssAnon"))
}

/// The same database with unused bytes before its metadata.
pub(super) fn padded(database: &[u8], more: usize) -> Result<Vec<u8>, String> {
    let at = database
        .rfind(b"\xab\xcd\xefMaxMind.com")
        .ok_or("no metadata")?;
    let (data, metadata) = database.split_at(at);
    Ok([data, &vec![0; more], metadata].concat())
}

/// A file that only root reads is served, with one line when workers start, and cannot be replaced live.
pub(super) fn root_only(env: &Env) -> Result<(), String> {
    // Not on a line of its own: such a line gives way to the runner's.
    let conf = CONF.replacen("2;", "2; user nobody nogroup;", 1);
    let server = setup(env, &data(env, "geo.mmdb")?)?.start(&conf)?;
    wait_for(&server, 0, OLD)?;
    expect_lines(&server, "cannot be read", 0)?;
    let only_root = fs::Permissions::from_mode(0o600);
    let path = server.root().join("conf/geo.mmdb");
    fs::set_permissions(&path, only_root.clone()).map_err(|e| e.to_string())?;
    server.reload()?;
    let warning = r"\[error\] .*geo.mmdb. cannot be read again by the workers \(13: Permission denied.*changes need a reload";
    server.wait_log(warning, DEADLINE)?;
    wait_for(&server, 0, OLD)?;
    let fresh = server.root().join("conf/fresh.mmdb");
    fs::write(&fresh, data(env, "geo2.mmdb")?).map_err(|e| e.to_string())?;
    fs::set_permissions(&fresh, only_root).map_err(|e| e.to_string())?;
    fs::rename(&fresh, &path).map_err(|e| e.to_string())?;
    server.wait_log(
        r"\[error\] .*geo.mmdb. cannot be read \(13: Permission denied.*the old one",
        DEADLINE,
    )?;
    another_look(env, &server)?;
    wait_for(&server, 0, OLD)?;
    expect_lines(&server, "Permission denied", 2)?;
    server.reload()?;
    wait_for(&server, 0, NEW)?;
    expect_lines(&server, "cannot be read again by the workers", 2)?;
    // Nobody wants to read it again.
    server.write_conf(&conf.replace("geo.mmdb reload=1s", "geo.mmdb reload=0"))?;
    server.reload()?;
    wait_for(&server, 0, NEW)?;
    expect_lines(&server, "cannot be read again by the workers", 2)?;
    server.stop()
}

/// A database that gets too old while nginx runs is warned about once.
pub(super) fn max_age(env: &Env) -> Result<(), String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|e| e.to_string())?;
    let young = built_at(&data(env, "geo.mmdb")?, now.as_secs())?;
    let conf = CONF.replace("geo.mmdb reload=1s", "geo.mmdb reload=1s max_age=4s");
    let server = setup(env, &young)?.start(&conf)?;
    wait_for(&server, 0, OLD)?;
    expect_lines(&server, "max_age", 0)?;
    server.wait_log(
        r"\[error\] .*geo.mmdb. was built \d+ days ago, more than .max_age",
        DEADLINE,
    )?;
    another_look(env, &server)?;
    expect_lines(&server, "max_age", 1)?;
    server.stop()
}

/// The same database, built at another time.
fn built_at(database: &[u8], epoch: u64) -> Result<Vec<u8>, String> {
    // The key, then the head of an unsigned 64-bit number of eight bytes.
    let head = b"build_epoch\x08\x02";
    let start = database.rfind(head).ok_or("no build_epoch")? + head.len();
    let mut out = database.to_vec();
    let number = out.get_mut(start..start + 8).ok_or("a short build_epoch")?;
    number.copy_from_slice(&epoch.to_be_bytes());
    Ok(out)
}

const DRY_RUN: &str = r"http {
    geoip_db geo.mmdb;
    geoip_dry_run on;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        geoip_deny country=JP;
        location = /own { geoip_deny all; try_files /none /index.html; }
        location / { index index.html; }
    }
}";

/// A request that nginx redirects inside the same rules is logged once; a rule of its own is another line.
pub(super) fn logged_once(env: &Env) -> Result<(), String> {
    let server = setup(env, &data(env, "geo.mmdb")?)?.start(DRY_RUN)?;
    for (path, wanted) in [("/", 1), ("/index.html", 2), ("/own", 4)] {
        let status = server.get(path, "")?.status;
        if status != 200 {
            return Err(format!("{path}: {status}"));
        }
        expect_lines(&server, "dry run, country refused: JP", wanted)?;
    }
    server.stop()
}

/// A database that is half as large again fits without a `zone=`, as docs/geoip.md says, and while it comes into the
/// zone every request finds a whole one.
pub(super) fn grows(env: &Env) -> Result<(), String> {
    let (old, new) = (data(env, "geo.mmdb")?, data(env, "geo2.mmdb")?);
    let known = format!(
        "location = /known {{ geoip_allow country={OLD},{NEW}; geoip_deny all; empty_gif; }} location = /t"
    );
    let conf = CONF.replace("location = /t", &known);
    let server = setup(env, &padded(&old, 4_000_000)?)?.start(&conf)?;
    wait_for(&server, 0, OLD)?;
    let load = Load::start(server.port(0), "/known", "", 2, 200);
    load.wait_good(50)?;
    for (database, country) in [(&new, NEW), (&old, OLD), (&new, NEW)] {
        server.write_file("conf/geo.mmdb", &padded(database, 5_900_000)?)?;
        wait_for(&server, 0, country)?;
    }
    stop_load(load)?;
    server.stop()
}
