//! Many reloads of a configuration that has a bit of everything: what each leaves behind in the master.

use std::collections::BTreeSet;
use std::time::Duration;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};
use nginx_prove::stats::slope;

/// The workers of the last reload are there, and those before are gone.
const SOON: Duration = Duration::from_secs(20);

const WORKERS: usize = 2;

const CONF: &str = "worker_processes 2;
worker_shutdown_timeout 1s;
http {
    geoip_db {GEO} name=country reload=1s;
    geoip_variable $city_name db=country names.en default=none;
    token_profile video { format scalesimple; key id=a file=keys/a.key; key id=b file=keys/b.key;
        from query cookie=c; limit uses=1000000 addresses=20 zone=64k; issue_cookie c max_age=exp; close_websocket on; }
    upstream_table apps {
        zone 1m;
        file apps.json reload=200ms;
        state apps.state;
        passive fails=3 window=5s status=5xx ratio=50%;
        check http uri=/ interval=500ms timeout=400ms idle=0;
    }
    upstream_table more { zone 256k; }
    upstream backend { upstream_lookup apps $host balance=least_conn sticky=session; keepalive 8; }
    upstream_variable $tone apps $host tone default=none;
    access_log off;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        proxy_http_version 1.1;
        proxy_set_header Connection \"\";
        location / { geoip_deny country=RU; proxy_pass http://backend; add_header X-Tone $tone; }
        location /video/ { token_auth video; empty_gif; }
        location /_apps/ { upstream_api apps write=on key_file=keys/a.key; }
        location = /_join { upstream_register more hosts=* key_file=keys/b.key; }
        location /_gatehouse/ { gatehouse_status; }
    }
}";

/// So many reloads, 30 unless `GATEHOUSE_RELOADS` says another number; docs/testing.md has the figures of 1,000.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let number = std::env::var("GATEHOUSE_RELOADS").ok();
    let number = number
        .and_then(|text| text.parse().ok())
        .unwrap_or(30_usize);
    let backend = Backend::http("a")?;
    let database = env.base.join("t/data/geo.mmdb");
    let routes = format!(
        r#"{{"a.test": {{"backends": ["http://127.0.0.1:{}"], "vars": {{"tone": "gold"}}}},
             "b.test": {{"backends": ["http://127.0.0.1:{}"], "check": {{"uri": "/b", "interval": "1s"}}}}}}"#,
        backend.port(),
        backend.port()
    );
    let server = Setup::new(env)?
        .file("conf/apps.json", routes.as_bytes())?
        .file("conf/keys/a.key", b"a-key-of-some-length-for-everything")?
        .file("conf/keys/b.key", b"b-key-of-some-length-for-everything")?
        .start(&CONF.replace("{GEO}", &database.display().to_string()))?;
    let master = server.master_pid();
    let load = Load::start(server.port(0), "/", "Host: a.test", 1, 200);
    // What is only there once has been taken by then.
    let warm = (number / 4).min(50);
    let (mut memory, mut before) = (Vec::new(), BTreeSet::new());
    for turn in 0..number {
        server.reload()?;
        if turn == warm {
            before = at_rest(&server, |open| Some(open.clone()))?;
        }
        if turn >= warm {
            memory.push(Server::rss_kib(master) as f64);
        }
    }
    let tally = load.stop();
    let grown = memory.last().unwrap_or(&0.0) - memory.first().unwrap_or(&0.0);
    let per_reload = slope(&memory);
    println!(
        "# {number} reloads: the master grows by {per_reload:.3} KiB for each, {grown} KiB from the {warm}th to the last; {} descriptors; {} requests, {} failed",
        before.len(),
        tally.good,
        tally.bad
    );
    if tally.good == 0 || tally.bad > number as u64 / 20 {
        return Err(format!("{} requests failed", tally.bad));
    }
    at_rest(&server, |open| {
        (open.len() <= before.len()).then(|| open.clone())
    })
    .map_err(|why| format!("descriptors grow: {before:?} at first, {why}"))?;
    // Of few reloads a page that comes by chance makes much.
    if number >= 200 && per_reload > 1.0 || grown > 64.0 + number as f64 {
        return Err(format!(
            "the master grows by {per_reload:.2} KiB per reload"
        ));
    }
    server.stop()
}

/// What the master has open, once that is well: the channels of workers stay with it until they have gone.
fn at_rest(
    server: &Server,
    is_well: impl Fn(&BTreeSet<String>) -> Option<BTreeSet<String>>,
) -> Result<BTreeSet<String>, String> {
    let mut last = BTreeSet::new();
    let rested = poll::until(SOON, || {
        // Those that are shutting down among them.
        let master = server.master_pid();
        let children = format!("/proc/{master}/task/{master}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        if children.split_whitespace().count() != WORKERS {
            return None;
        }
        last = open(server.master_pid());
        is_well(&last)
    });
    rested.ok_or_else(|| format!("{last:?}, workers {:?}", server.worker_pids()))
}

/// The descriptors of a process, each with what it is.
fn open(pid: u32) -> BTreeSet<String> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd"));
    let files = folder.into_iter().flatten().flatten();
    files
        .map(|file| {
            let to = std::fs::read_link(file.path()).unwrap_or_default();
            format!("{}={}", file.file_name().to_string_lossy(), to.display())
        })
        .collect()
}
