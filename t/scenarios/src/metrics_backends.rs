//! Metrics of each backend: whichever worker has sent a request there, over reloads, and of tables with very many.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::exposition::Exposition;
use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

const SOON: Duration = Duration::from_secs(10);

fn conf(workers: usize, zone: &str) -> String {
    format!(
        "worker_processes {workers};
        http {{
            upstream_table apps {{ zone {zone}; file apps.json; passive fails=1 window=600s; }}
            upstream backend {{ upstream_lookup apps $host; }}
            access_log off;
            error_log logs/error.log crit;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location / {{ proxy_pass http://backend; }}
                location /_apps/ {{ upstream_api apps; }}
            }}
        }}"
    )
}

fn metrics(server: &Server, query: &str) -> Result<Exposition, String> {
    let answer = server.get(&format!("/_apps/-/metrics{query}"), "")?;
    Exposition::parse(&answer.text())
}

#[allow(clippy::cast_precision_loss)] // small numbers
fn wait(server: &Server, sample: &str, wanted: u64) -> Result<(), String> {
    let mut last = None;
    poll::until(SOON, || {
        last = metrics(server, "").ok()?.get(sample);
        (last == Some(wanted as f64)).then_some(())
    })
    .ok_or_else(|| format!("{sample} is {last:?}, not {wanted}"))
}

/// All workers count in one place, over reloads, and in place of a killed one. Another size of the zone begins anew.
pub(super) fn workers(env: &Env) -> Result<(), String> {
    for workers in [1, 2, 4] {
        count(env, workers).map_err(|e| format!("{workers} workers: {e}"))?;
    }
    Ok(())
}

fn count(env: &Env, workers: usize) -> Result<(), String> {
    let backend = Backend::http("a")?;
    let url = format!("http://127.0.0.1:{}", backend.port());
    let routes = format!(
        r#"{{"a.test": {{"backends": ["{url}"]}}, "b.test": {{"backends": ["{url}", "http://127.0.0.9:1"]}}}}"#
    );
    let mut server = Setup::new(env)?
        .file("conf/apps.json", routes.as_bytes())?
        .start(&conf(workers, "1m"))?;
    let good =
        format!(r#"gatehouse_backend_requests_total{{table="apps",backend="{url}",code="2xx"}}"#);
    let dead = r#"{table="apps",backend="http://127.0.0.9:1""#;
    let load = Load::start(server.port(0), "/", "Host: a.test", 2, 200);
    for _ in 0..2 {
        load.wait_good(50)?;
        server.reload()?;
    }
    load.wait_good(50)?;
    let load = load.stop();
    if load.bad > 0 {
        return Err("requests failed".into());
    }
    wait(&server, &good, load.good)?;
    wait(
        &server,
        r#"gatehouse_request_duration_seconds_count{table="apps"}"#,
        load.good,
    )?;
    // One of two meets the dead backend first and goes on to the other; from then on nobody asks it.
    for _ in 0..4 {
        server.get("/", "Host: b.test")?;
    }
    let sent = load.good.saturating_add(4);
    wait(&server, &good, sent)?;
    wait(
        &server,
        &format!("gatehouse_backend_requests_total{dead},code=\"none\"}}"),
        1,
    )?;
    wait(&server, &format!("gatehouse_backend_up{dead}}}"), 0)?;
    server.kill_worker()?;
    server.get("/", "Host: a.test")?;
    wait(&server, &good, sent.saturating_add(1))?;
    server.write_conf(&conf(workers, "2m"))?;
    server.reload()?;
    poll::until(SOON, || {
        server.get("/", "Host: a.test").ok()?;
        let count = metrics(&server, "").ok()?.get(&good)?;
        (count < 50.0).then_some(())
    })
    .ok_or("a zone of another size goes on with the counts of the old one")?;
    server.stop()
}

/// Backends of a large table: what a scrape says of them is bounded, and a worker that looks for them serves others
/// meanwhile. `GATEHOUSE_SCALE` says how many routes; docs/performance.md has the figures of a million.
pub(super) fn many(env: &Env) -> Result<(), String> {
    let scale = std::env::var("GATEHOUSE_SCALE").ok();
    let hosts = scale
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_000_usize);
    let peers = hosts / 5;
    let mut text = String::from("{");
    for n in 0..hosts {
        let peer = n % peers;
        let comma = if n > 0 { ",\n" } else { "" };
        let [a, b, c] = [peer >> 16 & 255, peer >> 8 & 255, peer & 255];
        let _ = write!(
            text,
            r#"{comma}"h{n}.test": {{"backends": ["http://10.{a}.{b}.{c}:8080"]}}"#
        );
    }
    text.push('}');
    let zone = format!("{}k", 1024 + hosts / 4);
    let server = Setup::new(env)?
        .file("conf/apps.json", text.as_bytes())?
        .start(&conf(1, &zone))?;
    let begun = Instant::now();
    let all = server.get("/_apps/-/metrics", "")?;
    let none = Instant::now();
    let read = Exposition::parse(&all.text())?;
    if read.sum("gatehouse_backend_up") > 0.0 {
        return Err("a table with very many backends shows them unasked".into());
    }
    let some = server.get("/_apps/-/metrics?backends=http://10.0.", "")?;
    println!(
        "# {hosts} routes, {peers} backends: {} bytes in {} ms, with 1,000 of them {} bytes in {} ms",
        all.body.len(),
        none.duration_since(begun).as_millis(),
        some.body.len(),
        none.elapsed().as_millis()
    );
    turns(&server)?;
    for (query, wanted) in [
        ("http://10.0.", 1_000.0),
        ("http://10.0.1.", 256.0),
        ("x", 0.0),
    ] {
        let shown = metrics(&server, &format!("?backends={query}"))?.sum("gatehouse_backend_up");
        if shown != wanted {
            return Err(format!("{shown} backends of {query}, not {wanted}"));
        }
    }
    if some.body.len() > 5_000_000 {
        return Err(format!("{} bytes", some.body.len()));
    }
    server.stop()
}

/// Many tables of many backends: what a scrape keeps of the second metric is bounded, and each backend of each table is
/// said once in both, one table after another.
pub(super) fn tables(env: &Env) -> Result<(), String> {
    const TABLES: usize = 12;
    const BACKENDS: usize = 900;
    let backend = Backend::http("a")?;
    let mut setup = Setup::new(env)?;
    let mut blocks = String::new();
    for table in 0..TABLES {
        let mut text = format!(
            r#"{{"a.test": {{"backends": ["http://127.0.0.1:{}"]}}"#,
            backend.port()
        );
        for n in 1..BACKENDS {
            let _ = write!(
                text,
                r#", "h{n}.test": {{"backends": ["http://10.{table}.{}.{}:8080"]}}"#,
                n >> 8,
                n & 255
            );
        }
        text.push('}');
        setup = setup.file(&format!("conf/t{table}.json"), text.as_bytes())?;
        let _ = writeln!(
            blocks,
            "upstream_table t{table} {{ zone 1m; file t{table}.json reload=0; }}
            upstream u{table} {{ upstream_lookup t{table} $host; }}"
        );
    }
    let conf = conf(1, "1m")
        .replace("http {", &format!("http {{ {blocks}"))
        .replace("proxy_pass http://backend", "proxy_pass http://$arg_to");
    let server = setup.file("conf/apps.json", b"{}")?.start(&conf)?;
    for table in 0..TABLES {
        let answer = server.get(&format!("/?to=u{table}"), "Host: a.test")?;
        if answer.status != 200 {
            return Err(format!("t{table}: {}", answer.status));
        }
    }
    let text = server.get("/_apps/-/metrics", "")?.text();
    Exposition::parse(&text)?;
    let log = server.log();
    let searches = log.matches("a search for backends begins").count();
    if log.contains("built with test hooks") && searches != 2 {
        return Err(format!(
            "{searches} searches, the second for what was too much"
        ));
    }
    for (metric, each) in [
        ("gatehouse_backend_requests_total", 1),
        ("gatehouse_backend_up", BACKENDS),
    ] {
        let head = format!("{metric}{{table=\"t");
        let lines = text.lines().filter_map(|line| line.strip_prefix(&head));
        let tables: Vec<&str> = lines.filter_map(|line| line.split('"').next()).collect();
        let wanted: Vec<String> = (0..TABLES)
            .flat_map(|table| vec![table.to_string(); each])
            .collect();
        if tables != wanted {
            let counts: Vec<usize> = (0..TABLES)
                .map(|table| {
                    tables
                        .iter()
                        .filter(|one| **one == table.to_string())
                        .count()
                })
                .collect();
            return Err(format!("{metric}: of the tables {counts:?}, each {each}"));
        }
    }
    server.stop()
}

/// Each of so many scrapes has walked through the tables once.
fn is_searched_once(log: &str, scrapes: usize) -> Result<(), String> {
    let begun = |from: &str| {
        log.matches(&format!("backends begins at table {from}"))
            .count()
    };
    if begun("0\n") == scrapes && begun("") == scrapes {
        return Ok(());
    }
    Err(format!("{scrapes} scrapes, {} searches", begun("")))
}

/// How long a worker serves nobody else while it walks through all routes, once: the hooks build says it.
fn turns(server: &Server) -> Result<(), String> {
    if !server.log().contains("built with test hooks") {
        return Ok(());
    }
    server.get("/_apps/-/metrics?backends=none", "")?;
    let line = server.wait_log("metrics: .* turns took", SOON)?;
    let log = server.log();
    let all: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("turns took"))
        .collect();
    is_searched_once(&log, all.len())?;
    for line in &all {
        println!("# {}", line.rsplit("metrics: ").next().unwrap_or(line));
    }
    let longest = |line: &str| {
        line.rsplit("longest ")
            .next()?
            .split(' ')
            .next()?
            .parse()
            .ok()
    };
    let longest: u64 = all
        .iter()
        .filter_map(|line| longest(line))
        .max()
        .ok_or(line)?;
    // A slice is 1 ms; the step in which it ends is some hundred microseconds.
    if longest > 2_000 {
        return Err(format!("a turn of {longest} us"));
    }
    Ok(())
}
