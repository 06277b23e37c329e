//! Idle connections to backends: closed when a backend leaves the table, kept while it stays.

use std::fs;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

/// How often the table changes while connections are used.
const CHANGES: u32 = 1_000;

/// Far less than nginx keeps an idle connection (`keepalive_timeout`).
const LONG: Duration = Duration::from_secs(20);

fn conf(workers: usize) -> String {
    format!(
        "worker_processes {workers};
        http {{
            upstream_table apps {{ zone 1m; file apps.json reload=100ms; }}
            upstream backend {{ upstream_lookup apps $host; keepalive 64; keepalive_timeout 300s; keepalive_requests 10000; }}
            keepalive_timeout 300s;
            keepalive_requests 10000;
            access_log off;
            server {{ listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; location / {{ return 200 $connection_requests; }} }}
            server {{ listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2; location / {{ return 200 $connection_requests; }} }}
            server {{
                listen 127.0.0.1:$TEST_NGINX_RAND_PORT_3 ssl;
                ssl_certificate $TEST_NGINX_DATA/tls/one.pem;
                ssl_certificate_key $TEST_NGINX_DATA/tls/one.key;
                location / {{ return 200 $connection_requests; }}
            }}
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location / {{ proxy_pass http://backend; }}
                location /tls {{ proxy_ssl_server_name on; proxy_pass https://backend; }}
                location /_apps/ {{ upstream_api apps write=on; }}
            }}
        }}"
    )
}

/// Connections to this port of 127.0.0.1 that are open, seen from who has made them (proc_pid_net(5)).
fn open_to(port: u16) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let remote = format!("0100007F:{port:04X}");
    let is_open = |line: &&str| {
        let mut words = line.split_whitespace().skip(2);
        words.next() == Some(&remote) && words.next() == Some("01")
    };
    table.lines().filter(is_open).count()
}

/// Requests so that each worker keeps a connection, and what the last one was told.
fn ask(server: &Server, uri: &str, host: &str) -> Result<String, String> {
    let mut said = String::new();
    for _ in 0..24 {
        let answer = server.get(uri, &format!("Host: {host}"))?;
        if answer.status != 200 {
            return Err(format!("{host} answers {}", answer.status));
        }
        said = answer.text();
    }
    Ok(said)
}

fn table(routes: &[(&str, String)]) -> Vec<u8> {
    let routes = routes
        .iter()
        .map(|(host, backend)| format!(r#""{host}": {{"backends": [{backend}]}}"#));
    format!("{{{}}}", routes.collect::<Vec<_>>().join(", ")).into_bytes()
}

/// Whatever the number of workers.
pub(super) fn run(env: &Env) -> Result<(), String> {
    for workers in [1, 2, 4] {
        run_with(env, workers).map_err(|why| format!("{workers} workers: {why}"))?;
    }
    Ok(())
}

fn run_with(env: &Env, workers: usize) -> Result<(), String> {
    let setup = Setup::new(env)?;
    let [a, b, tls] = [1, 2, 3].map(|number| setup.port(number));
    let plain = |port: u16| format!(r#""http://127.0.0.1:{port}""#);
    let named =
        |name: &str| format!(r#"{{"url": "https://127.0.0.1:{tls}", "sni": "{name}.test"}}"#);
    let all = [
        ("a.test", plain(a)),
        ("b.test", plain(b)),
        ("x.test", named("x")),
        ("y.test", named("y")),
    ];
    let server = setup
        .file("conf/apps.json", &table(&all))?
        .start(&conf(workers))?;
    for (uri, host) in [("/", "a"), ("/", "b"), ("/tls", "x"), ("/tls", "y")] {
        ask(&server, uri, &format!("{host}.test"))?;
    }
    let before = [a, b, tls].map(open_to);
    if before.contains(&0) {
        return Err(format!("no connections are kept: {before:?}"));
    }
    // a.test and x.test go; their connections, and only theirs, are closed.
    let [_, stays, _, stays_too] = all;
    let fewer = [stays, stays_too];
    server.write_file("conf/apps.json", &table(&fewer))?;
    server.wait_log("2 routes, 2 changed", LONG)?;
    let changed = Instant::now();
    let is_closed = || (open_to(a) == 0 && open_to(tls) < before[2]).then_some(());
    poll::until(LONG, is_closed).ok_or_else(|| {
        let now = [a, b, tls].map(open_to);
        format!("open are {now:?} of {before:?}")
    })?;
    if open_to(b) != before[1] || open_to(tls) == 0 {
        return Err("those to another backend are closed, too".into());
    }
    println!("# {workers} workers: closed after {:?}", changed.elapsed());
    // They are still in use, through all changes of the table.
    for number in 0..CHANGES {
        let body = format!(r#"{{"backends": ["http://127.0.0.1:{}"]}}"#, 1 + number);
        let put = server.request(&format!("PUT /_apps/c.test\n{body}"), JSON)?;
        if !matches!(put.status, 200 | 201 | 204) {
            return Err(format!("a change is answered {}", put.status));
        }
        ask_once(&server)?;
    }
    let served: u32 = ask(&server, "/", "b.test")?.parse().unwrap_or(0);
    // Each worker keeps its own.
    if open_to(b) > workers || workers == 1 && served < CHANGES {
        return Err(format!(
            "connections are not used again: {served} requests of one, {} open",
            open_to(b)
        ));
    }
    server.stop()
}

const JSON: &str = "Content-Type: application/json";

fn ask_once(server: &Server) -> Result<(), String> {
    let answer = server.get("/", "Host: b.test")?;
    (answer.status == 200)
        .then_some(())
        .ok_or_else(|| format!("status {}", answer.status))
}
