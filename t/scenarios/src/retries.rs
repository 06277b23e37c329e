//! Which requests come to a second backend, whatever chooses the backends, with any number of workers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

use crate::elsewhere::on_every_count;

const POLICIES: [&str; 5] = [
    "balance=round_robin",
    "balance=least_conn",
    "balance=p2c",
    "balance=hash hash_key=$request_uri",
    "sticky=session",
];

/// How a backend fails behind a request.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Reset,
    Silent,
    Status,
}

/// How a request fails that has arrived, and the host whose backends fail like that.
const FAILURES: [(Failure, &str); 3] = [
    (Failure::Reset, "reset.test"),
    (Failure::Silent, "silent.test"),
    (Failure::Status, "status.test"),
];

fn conf(workers: usize) -> String {
    let upstreams: String = POLICIES
        .iter()
        .enumerate()
        .map(|(n, policy)| {
            format!("upstream backend{n} {{ upstream_lookup apps $host {policy}; keepalive 8; }}\n")
        })
        .collect();
    let locations: String = (0..POLICIES.len())
        .map(|n| {
            let usual = format!("location /{n}/ {{ proxy_pass http://backend{n}; }}\n");
            let all = "proxy_next_upstream error timeout http_503 non_idempotent;";
            format!("{usual}location /twice/{n}/ {{ {all} proxy_pass http://backend{n}; }}\n")
        })
        .collect();
    format!(
        "worker_processes {workers};
        http {{
            upstream_table apps {{ zone 1m; file apps.json; passive fails=0; }}
            {upstreams}
            access_log off;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $host;
            proxy_read_timeout 100ms;
            proxy_next_upstream error timeout http_503;
            add_header X-Tried $upstream_addr always;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                {locations}
            }}
        }}"
    )
}

/// A backend that reads each request and fails; how many came is counted.
fn failing(failure: Failure, came: &Arc<AtomicUsize>) -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let came = Arc::clone(came);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let came = Arc::clone(&came);
            thread::spawn(move || fail(stream, failure, &came));
        }
    });
    Ok(port)
}

fn fail(mut stream: TcpStream, failure: Failure, came: &AtomicUsize) {
    // What a socket has not read when it is closed makes it send a reset.
    let mut room = vec![
        0;
        if matches!(failure, Failure::Reset) {
            16
        } else {
            65_536
        }
    ];
    if !matches!(stream.read(&mut room), Ok(read) if read > 0) {
        return;
    }
    came.fetch_add(1, Ordering::SeqCst);
    match failure {
        Failure::Reset => {}
        Failure::Silent => drop(std::io::copy(&mut stream, &mut std::io::sink())),
        Failure::Status => {
            let answer = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
            // Until nginx closes it: what is not read would make it a reset.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    }
}

/// Sends a request and compares at how many backends it has arrived.
fn arrives(
    server: &Server,
    came: &AtomicUsize,
    (method, path, host): (&str, String, &str),
    wanted: usize,
) -> Result<(), String> {
    let body = if method == "GET" { "" } else { "\nsome=body" };
    let before = came.load(Ordering::SeqCst);
    let host_line = format!("Host: {host}");
    let answer = server.request(&format!("{method} {path}{body}"), &host_line)?;
    let arrived = came.load(Ordering::SeqCst) - before;
    let tried = answer.header("X-Tried").unwrap_or_default();
    if arrived == wanted && tried.split(", ").count() == wanted && answer.status >= 502 {
        return Ok(());
    }
    let status = answer.status;
    Err(format!(
        "{method} {path} of {host} came to {arrived} backends instead of {wanted}: {status}, tried {tried}"
    ))
}

/// A request that may do something comes to one backend only, once it has been sent there; others, and those that are said
/// to do no harm, go on to the next. Where no backend has got it, it goes on in any case.
pub(super) fn retries(env: &Env) -> Result<(), String> {
    on_every_count(|workers| {
        let good = Backend::http("good")?;
        let came = Arc::<AtomicUsize>::default();
        let refusing = "http://127.0.0.9:1";
        let mut routes = vec![format!(
            r#""refused.test": {{"backends": ["{refusing}", "http://127.0.0.1:{}"]}}"#,
            good.port()
        )];
        for (failure, host) in FAILURES {
            let (one, two) = (failing(failure, &came)?, failing(failure, &came)?);
            routes.push(format!(
                r#""{host}": {{"backends": ["http://127.0.0.1:{one}", "http://127.0.0.1:{two}"]}}"#
            ));
        }
        let routes = format!("{{{}}}", routes.join(", "));
        let server = Setup::new(env)?
            .file("conf/apps.json", routes.as_bytes())?
            .start(&conf(workers))?;
        for (n, policy) in POLICIES.iter().enumerate() {
            let of = |why| format!("{policy}: {why}");
            for (_, host) in FAILURES {
                let rows = [
                    ("POST", format!("/{n}/"), 1),
                    ("PATCH", format!("/{n}/"), 1),
                    ("GET", format!("/{n}/"), 2),
                    ("PUT", format!("/{n}/"), 2),
                    ("POST", format!("/twice/{n}/"), 2),
                ];
                for (method, path, wanted) in rows {
                    arrives(&server, &came, (method, path, host), wanted).map_err(of)?;
                }
            }
            for turn in 0..4 {
                let post = format!("POST /{n}/{turn}\nsome=body");
                let answer = server.request(&post, "Host: refused.test")?;
                if answer.status != 200 {
                    return Err(format!("{policy}: nobody got a POST: {}", answer.status));
                }
            }
        }
        server.stop()
    })
}
