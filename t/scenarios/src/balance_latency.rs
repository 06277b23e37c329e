//! What `p2c` is for: one backend of five is ten times slower than the others.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

/// How long the backends take for an answer: long enough that a busy machine does not make the quick ones slow.
const QUICK: Duration = Duration::from_millis(20);
const SLOW: Duration = Duration::from_millis(200);

const CLIENTS: usize = 6;
const REQUESTS: usize = 250;

/// A backend that takes its time, for as long as the scenario runs; its port.
fn backend(time: Duration) -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, time));
        }
    });
    Ok(port)
}

/// Answers the requests of a connection. They have no body, and come one after another.
fn answer(mut stream: TcpStream, time: Duration) -> Option<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        head.extend_from_slice(buffer.get(..count)?);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            thread::sleep(time);
            let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(text).ok()?;
        }
    }
}

/// How long each request of a client took.
fn client(server: &Server) -> Result<Vec<Duration>, String> {
    let one = |_| {
        let begin = Instant::now();
        match server.get("/", "Host: a.test")?.status {
            200 => Ok(begin.elapsed()),
            other => Err(format!("a request got {other}")),
        }
    };
    (0..REQUESTS).map(one).collect()
}

/// What one in a hundred requests exceeds.
fn slow_part(env: &Env, balance: &str) -> Result<Duration, String> {
    let times = [QUICK, QUICK, SLOW, QUICK, QUICK];
    let ports = times
        .into_iter()
        .map(backend)
        .collect::<Result<Vec<_>, _>>()?;
    let urls = ports
        .iter()
        .map(|port| format!("\"http://127.0.0.1:{port}\""));
    let urls = urls.collect::<Vec<_>>().join(", ");
    let file = format!("{{\"a.test\": {{\"backends\": [{urls}]}}}}");
    let conf = format!(
        "worker_processes 2;
        http {{
            upstream_table apps {{ zone 1m; file apps.json; passive fails=0; }}
            upstream backend {{ upstream_lookup apps $host {balance}; keepalive 16; }}
            access_log off;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT reuseport;
                proxy_http_version 1.1;
                proxy_set_header Connection '';
                location / {{ proxy_pass http://backend; }}
            }}
        }}"
    );
    let server = Setup::new(env)?
        .file("conf/apps.json", file.as_bytes())?
        .start(&conf)?;
    let mut took = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| client(&server)))
            .collect();
        let mut all = Vec::new();
        for one in clients {
            all.extend(one.join().map_err(|_| "a client ended")??);
        }
        Ok::<_, String>(all)
    })?;
    server.stop()?;
    took.sort_unstable();
    let place = took.len().saturating_sub(1) * 99 / 100;
    took.get(place)
        .copied()
        .ok_or_else(|| "no request".to_owned())
}

/// Rounds, of which one must be good: a busy machine makes all backends slow for a moment.
const ROUNDS: usize = 3;

/// Round robin sends every fifth request to the slow one; `p2c` hardly any.
pub(super) fn run(env: &Env) -> Result<(), String> {
    for _ in 0..ROUNDS {
        let turns = slow_part(env, "balance=round_robin")?;
        let p2c = slow_part(env, "balance=p2c")?;
        println!("# p99: {turns:?} by turns, {p2c:?} with p2c");
        if p2c * 2 <= turns {
            return Ok(());
        }
    }
    Err("p2c is not twice as good as round robin".into())
}
