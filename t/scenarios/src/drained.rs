//! WebSockets whose backend is drained: they stay, or end politely when `drain_timeout` is over.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::Setup;
use nginx_prove::ws;

use crate::upgraded::{LONG, client, head, speaker};

pub(crate) fn conf(workers: usize, more: &str) -> String {
    format!(
        "worker_processes {workers};
        worker_shutdown_timeout 60s;
        http {{
            upstream_table apps {{ zone 4m; file apps.json reload=50ms; {more} }}
            upstream backend {{ upstream_lookup apps $host; }}
            access_log off;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location / {{
                    proxy_http_version 1.1;
                    proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection $http_connection;
                    proxy_pass http://backend;
                }}
                location /_apps/ {{ client_max_body_size 4m; upstream_api apps write=on; }}
            }}
        }}"
    )
}

fn table(port: u16, drain: bool) -> Vec<u8> {
    format!(
        r#"{{"a.test": {{"backends": [{{"url": "http://127.0.0.1:{port}", "drain": {drain}}}]}}}}"#
    )
    .into_bytes()
}

/// What a case says, and how each side's bytes end.
struct Case {
    what: &'static str,
    protocol: &'static str,
    says: &'static [u8],
    hears: &'static [u8],
    client_gets: &'static [u8],
    backend_gets: &'static [u8],
}

const CASES: [Case; 4] = [
    Case {
        what: "between frames",
        protocol: "websocket",
        says: b"\x81\x02hi",
        hears: b"\x81\x82\0\0\0\0ho",
        client_gets: b"\x81\x02hi\x88\x02\x03\xe9",
        backend_gets: b"\x81\x82\0\0\0\0ho\x88\x82\0\0\0\0\x03\xe9",
    },
    Case {
        what: "a frame that is half sent",
        protocol: "websocket",
        says: b"\x81\x05hi",
        hears: b"\x81\x82\0\0\0\0ho",
        client_gets: b"\x81\x05hi",
        backend_gets: b"\x81\x82\0\0\0\0ho\x88\x82\0\0\0\0\x03\xe9",
    },
    Case {
        what: "a side that has heard goodbye",
        protocol: "websocket",
        says: b"\x81\x02hi\x88\x02\x03\xe8",
        hears: b"",
        client_gets: b"\x81\x02hi\x88\x02\x03\xe8",
        backend_gets: b"\x88\x82\0\0\0\0\x03\xe9",
    },
    Case {
        what: "another protocol",
        protocol: "other",
        says: b"hi",
        hears: b"ho",
        client_gets: b"hi",
        backend_gets: b"ho",
    },
];

/// Both sides of a WebSocket are told, where nothing is half said; whatever else is closed without a word.
pub(super) fn timeout(env: &Env) -> Result<(), String> {
    CASES
        .iter()
        .try_for_each(|case| one(env, case).map_err(|why| format!("{}: {why}", case.what)))
}

fn one(env: &Env, case: &Case) -> Result<(), String> {
    let (port, told) = speaker(case.protocol, case.says)?;
    let server = Setup::new(env)?
        .file("conf/apps.json", &table(port, false))?
        .start(&conf(1, "drain_timeout 1s;"))?;
    let mut client = client(&server, "a.test", case.protocol, case.hears)?;
    let stays = server.websocket("/", "Host: b.test").is_err();
    if !stays {
        return Err("an unknown host is served".into());
    }
    let drained = Instant::now();
    server.write_file("conf/apps.json", &table(port, true))?;
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).map_err(|e| e.to_string())?;
    if drained.elapsed() < Duration::from_secs(1) {
        return Err("it ends before the time is over".into());
    }
    let of_backend = told.recv_timeout(LONG).map_err(|e| e.to_string())?;
    if heard != case.client_gets || of_backend != case.backend_gets {
        return Err(format!(
            "the client got {heard:x?}, the backend {of_backend:x?}"
        ));
    }
    server.wait_log("drain_timeout is over", LONG)?;
    server.stop()
}

/// One of the hosts of a table, with its backend.
pub(crate) fn route(host: &str, port: u16, drain: bool) -> String {
    format!(r#""{host}": {{"backends": [{{"url": "http://127.0.0.1:{port}", "drain": {drain}}}]}}"#)
}

/// A WebSocket whose backend has ended it is nobody's any more, while its request waits for the client to go
/// (`lingering_close`): what comes to be in its connection's place hears nothing.
pub(super) fn of_nobody(env: &Env) -> Result<(), String> {
    let ends = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let ends_at = ends.local_addr().map_err(|e| e.to_string())?.port();
    let one_answer = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = ends.accept()?;
        head(&mut stream)?;
        stream.write_all(b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
    });
    let (port, told) = speaker("websocket", b"")?;
    let file = |drain| {
        let routes = [
            route("a.test", ends_at, drain),
            route("b.test", port, drain),
            route("c.test", port, false),
        ];
        format!("{{{}}}", routes.join(",")).into_bytes()
    };
    let waits =
        "lingering_close always; lingering_time 60s; lingering_timeout 60s; access_log off;";
    let conf = conf(1, "drain_timeout 1s;").replace("access_log off;", waits);
    let server = Setup::new(env)?
        .file("conf/apps.json", &file(false))?
        .start(&conf)?;
    let mut over = client(&server, "a.test", "websocket", b"")?;
    one_answer
        .join()
        .map_err(|_| "no backend")?
        .map_err(|e| e.to_string())?;
    over.read_to_end(&mut Vec::new())
        .map_err(|e| e.to_string())?;
    // Connections that are free are taken again, the last one first.
    let mut stays = client(&server, "c.test", "websocket", b"")?;
    let mut drained = client(&server, "b.test", "websocket", b"")?;
    server.write_file("conf/apps.json", &file(true))?;
    drained
        .read_to_end(&mut Vec::new())
        .map_err(|e| e.to_string())?;
    let heard = told.recv_timeout(LONG).map_err(|e| e.to_string())?;
    if heard != GOING_AWAY_MASKED {
        return Err(format!("the drained backend got {heard:x?}"));
    }
    stays
        .shutdown(std::net::Shutdown::Write)
        .map_err(|e| e.to_string())?;
    let mut said = Vec::new();
    stays.read_to_end(&mut said).map_err(|e| e.to_string())?;
    let heard = told.recv_timeout(LONG).map_err(|e| e.to_string())?;
    if !said.is_empty() || !heard.is_empty() {
        return Err(format!(
            "of another's goodbye the client got {said:x?}, the backend {heard:x?}"
        ));
    }
    // nginx waits for them.
    drop((over, stays, drained));
    server.stop()
}

/// What one side has been told is not taken back: a backend that serves its host again after that gets no client back. The
/// client is told, too, when the frame that it waits for is complete; or it is closed without.
pub(super) fn taken_back(env: &Env) -> Result<(), String> {
    taken_back_with(env, b"", HALF).map_err(|why| format!("half a frame: {why}"))?;
    let whole = [HALF, b"you", &GOING_AWAY[..]].concat();
    taken_back_with(env, b"you", &whole).map_err(|why| format!("a frame that ends: {why}"))
}

fn taken_back_with(env: &Env, rest: &'static [u8], client_gets: &[u8]) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let (tell, told) = channel();
    let backend = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        head(&mut stream)?;
        stream
            .write_all(b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")?;
        stream.write_all(HALF)?;
        let mut goodbye = [0; GOING_AWAY_MASKED.len()];
        stream.read_exact(&mut goodbye)?;
        let _ = tell.send(goodbye);
        stream.write_all(rest)?;
        // Without the rest it stays, and waits.
        stream.read_to_end(&mut Vec::new()).map(|_| ())
    });
    let server = Setup::new(env)?
        .file("conf/apps.json", &table(port, false))?
        .start(&conf(1, "drain_timeout 1s;"))?;
    let mut client = client(&server, "a.test", "websocket", b"")?;
    server.write_file("conf/apps.json", &table(port, true))?;
    let goodbye = told.recv_timeout(LONG).map_err(|e| e.to_string())?;
    server.write_file("conf/apps.json", &table(port, false))?;
    if goodbye != GOING_AWAY_MASKED {
        return Err(format!("the backend is told {goodbye:x?}"));
    }
    let mut heard = Vec::new();
    client
        .read_to_end(&mut heard)
        .map_err(|e| format!("the client is kept, though its backend was told: {e}"))?;
    if heard != client_gets {
        return Err(format!("the client got {heard:x?}"));
    }
    { backend.join() }
        .map_err(|_| "no backend")?
        .map_err(|e| e.to_string())?;
    server.stop()
}

/// The beginning of a frame.
const HALF: &[u8] = b"\x81\x05hi";

/// A request whose first upgrade another module's filter refuses is upgraded once more by its error page: bytes pass, and
/// the connection is not watched, since its send function is replaced already.
pub(super) fn twice(env: &Env) -> Result<(), String> {
    let (first, refused) = speaker("websocket", b"")?;
    let (second, told) = speaker("websocket", b"\x81\x02hi")?;
    let conf = conf(1, "drain_timeout 1s;")
        .replace(
            "location / {",
            "location @again {
                proxy_http_version 1.1;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection $http_connection;
                proxy_pass http://again;
            }
            location / { test_filter_status 415; error_page 415 = @again;",
        )
        .replace(
            "access_log off;",
            "access_log off; upstream again { upstream_lookup apps $host.again; }",
        );
    let file = |drain| {
        let routes = [
            route("a.test", first, drain),
            route("a.test.again", second, drain),
        ];
        format!("{{{}}}", routes.join(",")).into_bytes()
    };
    let server = Setup::new(env)?
        .file("conf/apps.json", &file(false))?
        .start(&conf)?;
    let worker = server.worker_pids();
    let mut client = client(&server, "a.test", "websocket", b"\x81\x82\0\0\0\0ho")?;
    let mut hears = [0; 4];
    client
        .read_exact(&mut hears)
        .map_err(|e| format!("the client hears nothing: {e}"))?;
    server.write_file("conf/apps.json", &file(true))?;
    // One that is watched is told within two seconds.
    client
        .set_read_timeout(Some(Duration::from_secs(3)))
        .map_err(|e| e.to_string())?;
    let stays = client.read(&mut [0; 1]);
    if !matches!(&stays, Err(e) if e.kind() == std::io::ErrorKind::WouldBlock) {
        return Err(format!("the connection does not stay: {stays:?}"));
    }
    client
        .shutdown(std::net::Shutdown::Write)
        .map_err(|e| e.to_string())?;
    let heard = told.recv_timeout(LONG).map_err(|e| e.to_string())?;
    let of_first = refused.recv_timeout(LONG).map_err(|e| e.to_string())?;
    if (&hears, &heard[..], &of_first[..]) != (b"\x81\x02hi", b"\x81\x82\0\0\0\0ho", b"") {
        return Err(format!(
            "the client got {hears:x?}, the second backend {heard:x?}, the first {of_first:x?}"
        ));
    }
    if server.worker_pids() != worker {
        return Err("the worker has ended".into());
    }
    drop(client);
    server.stop()
}

/// Bytes of the long frames, which fit in no buffer of nginx's.
const LONG_FRAME: usize = 70_000;

/// A backend that never stops sending frames is drained: its client hears whole ones to the end, and then goodbye.
pub(super) fn busy(env: &Env) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let sends = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        head(&mut stream)?;
        stream
            .write_all(b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")?;
        let mut frame = b"\x82\x7f".to_vec();
        frame.extend((LONG_FRAME as u64).to_be_bytes());
        frame.resize(frame.len() + LONG_FRAME, b'.');
        // Until nginx hears it no more.
        while stream.write_all(&frame).is_ok() {}
        Ok(())
    });
    let server = Setup::new(env)?
        .file("conf/apps.json", &table(port, false))?
        .start(&conf(1, "drain_timeout 1s;"))?;
    let mut client = client(&server, "a.test", "websocket", b"")?;
    server.write_file("conf/apps.json", &table(port, true))?;
    let (mut length, mut last) = (0, Vec::new());
    let mut piece = vec![0; LONG_FRAME];
    loop {
        let count = client.read(&mut piece).map_err(|e| e.to_string())?;
        if count == 0 {
            break;
        }
        length += count;
        last.extend(piece.iter().take(count).copied());
        last.drain(..last.len().saturating_sub(GOING_AWAY.len()));
    }
    sends
        .join()
        .map_err(|_| "no backend")?
        .map_err(|e| e.to_string())?;
    let frames = length.saturating_sub(GOING_AWAY.len());
    if last != GOING_AWAY || frames == 0 || frames % (10 + LONG_FRAME) != 0 {
        return Err(format!("{length} bytes came, the last {last:x?}"));
    }
    server.stop()
}

/// A server's close frame: 1001.
pub(crate) const GOING_AWAY: [u8; 4] = *b"\x88\x02\x03\xe9";

/// A client's close frame: 1001.
const GOING_AWAY_MASKED: [u8; 8] = *b"\x88\x82\0\0\0\0\x03\xe9";

/// How many WebSockets, and how many routes change meanwhile.
const SOCKETS: usize = 200;
const CHANGES: usize = 10_000;

const CHECK: &str =
    "check websocket uri=/ interval=500ms timeout=500ms rise=1 fall=1 idle=0 panic=100%;";

/// What stands before a backend, and ends new connections while that is down; those that are there stay.
struct Front {
    port: u16,
    is_down: Arc<AtomicBool>,
}

impl Front {
    fn of(backend: u16) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let is_down = Arc::<AtomicBool>::default();
        let down = Arc::clone(&is_down);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !down.load(Ordering::SeqCst) {
                    let _ = pass_on(client, backend);
                }
            }
        });
        Ok(Self { port, is_down })
    }
}

fn pass_on(client: TcpStream, backend: u16) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", backend))?;
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

/// Whatever changes in the table, and through a reload, they stay open.
pub(super) fn stay(env: &Env) -> Result<(), String> {
    for workers in [1, 2, 4] {
        stay_with(env, workers).map_err(|why| format!("{workers} workers: {why}"))?;
    }
    Ok(())
}

fn stay_with(env: &Env, workers: usize) -> Result<(), String> {
    let (echo, other) = (Backend::echo()?, Backend::echo()?);
    let front = Front::of(echo.port())?;
    let conf = conf(workers, &format!("drain_timeout 1h; {CHECK}"));
    let server = Setup::new(env)?
        .file("conf/apps.json", &table(front.port, false))?
        .start(&conf)?;
    let clients = (0..SOCKETS).map(|_| server.websocket("/", "Host: a.test"));
    let mut clients: Vec<ws::Client> = clients.collect::<Result<_, _>>()?;
    let before = echo.accepts();
    for turn in 0..10 {
        let routes = (0..CHANGES / 10).map(|n| {
            format!(
                r#""h{n}.test": {{"backends": ["http://127.0.0.1:{}"], "check": false}}"#,
                1 + turn + n
            )
        });
        let body = format!("{{{}}}", routes.collect::<Vec<_>>().join(","));
        let answer = server.request(
            &format!("PATCH /_apps/\n{body}"),
            "Host: api\nContent-Type: application/merge-patch+json",
        )?;
        if answer.status != 200 {
            return Err(format!(
                "a change is answered {}: {}",
                answer.status,
                answer.text()
            ));
        }
        // Its own backend is drained, leaves, comes back, and fails its checks.
        let file = match turn % 3 {
            0 => table(front.port, true),
            1 => table(other.port(), false),
            _ => table(front.port, false),
        };
        server.write_file("conf/apps.json", &file)?;
        talk(&mut clients, turn)?;
        if turn % 3 == 2 {
            for (is_down, state) in [(true, "down"), (false, "up")] {
                front.is_down.store(is_down, Ordering::SeqCst);
                let url = format!("http://127.0.0.1:{}", front.port);
                let shown = format!(r#"{{"url":"{url}","state":"{state}""#);
                let is_seen = || {
                    let health = server.get("/_apps/-/health?search=a.test", "Host: api");
                    let is_there = health.is_ok_and(|health| health.text().contains(&shown));
                    is_there.then_some(())
                };
                poll::until(LONG, is_seen).ok_or_else(|| format!("{url} is not {state}"))?;
                talk(&mut clients, turn)?;
            }
        }
    }
    server.reload()?;
    talk(&mut clients, 10)?;
    server.write_file("conf/apps.json", &table(front.port, true))?;
    talk(&mut clients, 11)?;
    // Checks connect, too; no WebSocket did again.
    if echo.accepts() < before {
        return Err("fewer connections than there were".into());
    }
    drop(clients);
    server.stop()
}

fn talk(clients: &mut [ws::Client], turn: usize) -> Result<(), String> {
    for (number, client) in clients.iter_mut().enumerate() {
        let text = format!("{turn} {number}");
        client.send_text(&text)?;
        let came = client.recv_text()?;
        if came != text {
            return Err(format!("said {text}, heard {came}"));
        }
    }
    Ok(())
}
