//! What the tests of hipache and planb promise of backends that fail, hang or answer oddly (functional/http.js,
//! test_simple.py, test_parseerror.py, router_test.go, reverseproxy_test.go), with a real Redis.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::server::Server;

use crate::redis_server::Redis;
use crate::redis_site::{SOON, answer, expect_answer, is, start, url, wait_answer};

/// What hipache does of itself, said in nginx's words.
const CONF: &str = "
http {
    upstream_table apps { zone 16m; redis 127.0.0.1:REDIS; miss 400; passive fails=1 window=30s status=501-599; }
    upstream backend { upstream_lookup apps $http_host; keepalive 64; }
    map $http_upgrade $upgrade { '' ''; default upgrade; }
    map $http_referer $referer { default $http_referer; }
    map $http_user_agent $agent { default $http_user_agent; }
    log_format hipache '$remote_addr - - [$time_local] \"$request\" $status $bytes_sent \"$referer\" \"$agent\" \"$upstream_lookup_id\" $request_time $upstream_response_time';
    access_log logs/access.log hipache;
    client_max_body_size 0;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $upgrade;
            proxy_next_upstream error timeout;
            proxy_next_upstream_tries 3;
            proxy_read_timeout 1s;
            proxy_request_buffering off;
        }
    }
}";

struct Site {
    redis: Redis,
    server: Server,
    good: Backend,
}

impl Site {
    fn start(env: &Env) -> Result<Self, String> {
        let redis = Redis::start(&[])?;
        let good = Backend::site("good")?;
        let server = start(env, &CONF.replace("REDIS", &redis.port().to_string()))?;
        let site = Self {
            redis,
            server,
            good,
        };
        site.route("ready", &[site.good.port()])?;
        wait_answer(&site.server, "ready", "good")?;
        Ok(site)
    }

    fn route(&self, host: &str, ports: &[u16]) -> Result<(), String> {
        let urls: Vec<String> = ports.iter().map(|port| url(*port)).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        self.redis.route(host, &urls)
    }

    /// Makes a route and waits until nginx has it. Nobody is asked for that: whoever fails would be out then.
    fn known_route(&self, host: &str, ports: &[u16]) -> Result<(), String> {
        self.route(host, ports)?;
        let last = format!("after-{host}");
        self.route(&last, &[self.good.port()])?;
        wait_answer(&self.server, &last, "good")
    }
}

/// A backend of few words; how many connections came to it.
fn backend(
    serve: impl Fn(TcpStream) + Send + Sync + 'static,
) -> Result<(u16, Arc<AtomicUsize>), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let (came, serve) = (Arc::<AtomicUsize>::default(), Arc::new(serve));
    let count = Arc::clone(&came);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    Ok((port, came))
}

/// One that reads the head of a request, gives this answer and ends.
fn saying(text: &'static str) -> Result<(u16, Arc<AtomicUsize>), String> {
    backend(move |mut stream| {
        let mut piece = [0; 4096];
        let _ = stream.read(&mut piece);
        let _ = stream.write_all(text.as_bytes());
    })
}

/// One that takes requests and never answers.
fn hanging() -> Result<(u16, Arc<AtomicUsize>), String> {
    backend(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())))
}

const BAD_501: &str = "HTTP/1.1 501 Bad\r\nX-Backend: bad\r\nContent-Length: 0\r\n\r\n";
const BAD_502: &str = "HTTP/1.1 502 Bad\r\nX-Backend: bad\r\nContent-Length: 0\r\n\r\n";

/// One bad answer of two backends is passed on, and then that one gets no more requests; one alone is always asked; when
/// all are dead it is another error than for an unknown host.
pub(super) fn failing(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    for (host, text) in [("501.test", BAD_501), ("502.test", BAD_502)] {
        let (port, came) = saying(text)?;
        site.known_route(host, &[port, site.good.port()])?;
        let mut bad = 0;
        for _ in 0..20 {
            match answer(&site.server, host)?.as_str() {
                "bad" => bad += 1,
                "good" => {}
                other => return Err(format!("{host}: {other}")),
            }
        }
        is(host, (bad, came.load(Ordering::SeqCst)), (1, 1))?;
    }
    let (port, came) = saying(BAD_502)?;
    site.known_route("alone.test", &[port])?;
    for _ in 0..5 {
        expect_answer(&site.server, "alone.test", "bad")?;
    }
    is("one alone is asked", came.load(Ordering::SeqCst), 5)?;
    let [one, two] = [refusing()?, refusing()?];
    site.known_route("dead.test", &[one, two])?;
    for _ in 0..3 {
        expect_answer(&site.server, "dead.test", "502")?;
    }
    expect_answer(&site.server, "unknown.test", "400")?;
    site.server.stop()
}

/// A port at which nobody listens.
fn refusing() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    Ok(address.port())
}

/// Many clients at once while one of two backends hangs: all are answered, and once it is known few have waited for it.
pub(super) fn hanging_one(env: &Env) -> Result<(), String> {
    const CLIENTS: usize = 8;
    let site = Site::start(env)?;
    let (port, came) = hanging()?;
    site.known_route("half.test", &[port, site.good.port()])?;
    let load = Load::start(site.server.port(0), "/", "Host: half.test", CLIENTS, 200);
    load.wait_good(500)?;
    let tally = load.stop();
    let waited = came.load(Ordering::SeqCst);
    is("failed requests", tally.bad, 0)?;
    if waited == 0 || waited > CLIENTS {
        return Err(format!("{waited} requests waited for the one that hangs"));
    }
    site.server.stop()
}

/// Answers that are longer or shorter than they say, a long body of a client, a WebSocket, and the line in the log.
pub(super) fn bodies(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let server = &site.server;
    let (longer, _) = saying("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfourand more")?;
    let (shorter, _) = saying("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nfour")?;
    site.known_route("longer.test", &[longer])?;
    site.known_route("shorter.test", &[shorter])?;
    let came = server.get("/", "Host: longer.test")?;
    is("longer", (came.status, came.text().as_str()), (200, "four"))?;
    let came = server.raw(b"GET / HTTP/1.1\r\nHost: shorter.test\r\nConnection: close\r\n\r\n")?;
    let text = String::from_utf8_lossy(&came);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("shorter: no answer")?;
    // Its client sees that something is missing.
    let is_whole = !head.contains("Content-Length: 40") && !head.contains("chunked");
    if is_whole || body.ends_with("0\r\n\r\n") {
        return Err(format!("shorter looks whole: {text}"));
    }
    expect_answer(server, "ready", "good")?;
    upload(&site)?;

    let mut socket = server.websocket("/", "Host: ready")?;
    socket.send_text("hello")?;
    is("the WebSocket", socket.recv_text()?.as_str(), "hello")?;
    drop(socket);

    server.get(
        "/logged?a=b",
        "Host: ready\r\nUser-Agent: curl/7.30.0\r\nConnection: close",
    )?;
    let log = nginx_prove::poll::until(SOON, || {
        let log = server.access_log();
        log.contains("/logged").then_some(log)
    });
    let log = log.ok_or("no line in the log")?;
    let line = log.lines().find(|line| line.contains("/logged"));
    let line = line.unwrap_or_default();
    let ((before, date), rest) = line
        .split_once(']')
        .and_then(|(begin, rest)| Some((begin.split_once('[')?, rest)))
        .ok_or_else(|| format!("log: {line}"))?;
    let words: Vec<&str> = rest.split(' ').collect();
    let is_time = |text: &&&str| text.contains('.') && text.parse::<f64>().is_ok();
    let times = words.iter().rev().take(2).filter(is_time).count();
    let is_good = before == "127.0.0.1 - - "
        && date.len() == "16/Feb/2014:00:43:10 +0000".len()
        && rest.starts_with(" \"GET /logged?a=b HTTP/1.1\" 200 ")
        && rest.contains(" \"\" \"curl/7.30.0\" \"ready\" ")
        && times == 2;
    is_good
        .then_some(())
        .ok_or_else(|| format!("log: {line}"))?;
    site.server.stop()
}

/// 500 MB in chunks go through as they come: nginx has no room for them.
fn upload(site: &Site) -> Result<(), String> {
    const CHUNK: usize = 1 << 20;
    const CHUNKS: usize = 500;
    let (sink, _) = backend(|mut stream| {
        let (mut piece, mut total) = (vec![0; 1 << 18], 0);
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            total += count;
            if piece
                .get(..count)
                .is_some_and(|part| part.ends_with(b"0\r\n\r\n"))
            {
                break;
            }
        }
        let text = total.to_string();
        let length = text.len();
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
        );
    })?;
    site.known_route("sink.test", &[sink])?;
    let address = ("127.0.0.1", site.server.port(0));
    let mut client = TcpStream::connect(address).map_err(|e| e.to_string())?;
    let limit = Some(Duration::from_secs(60));
    client.set_read_timeout(limit).map_err(|e| e.to_string())?;
    let head = "POST / HTTP/1.1\r\nHost: sink.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut chunk = format!("{CHUNK:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + CHUNK, b'x');
    chunk.extend_from_slice(b"\r\n");
    let mut send = |bytes: &[u8]| client.write_all(bytes).map_err(|e| e.to_string());
    send(head.as_bytes())?;
    (0..CHUNKS).try_for_each(|_| send(&chunk))?;
    send(b"0\r\n\r\n")?;
    let mut text = String::new();
    client
        .read_to_string(&mut text)
        .map_err(|e| e.to_string())?;
    let came: usize = text
        .rsplit('\n')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    if !text.starts_with("HTTP/1.1 200") || came < CHUNK * CHUNKS {
        return Err(format!("of {} bytes {came} came: {text}", CHUNK * CHUNKS));
    }
    Ok(())
}
