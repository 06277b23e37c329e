//! Replies made piece by piece and requests that wait, when clients are slow or gone and when workers go.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};
use nix::sys::signal::Signal;

const CONF: &str = "http {
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT sndbuf=64k;
        location = /large { test_log; test_content stream 3000; }
        location = /made { test_content made; }
        location = /ticks { test_content ticks; }
        location = /never { test_log; test_wait never; test_content made; }
        location = /late { client_body_in_single_buffer on; test_content late; }
        location = /sleep { test_wait sleep 500; test_content made; }
        location = /fetch { test_wait fetch /slow; test_content made; }
        location = /slow { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_SILENT; }
        location / { return 200 \"fine\"; }
    }
}";

const SOON: Duration = Duration::from_secs(5);
/// Less than a request waits at the most.
const AT_ONCE: Duration = Duration::from_millis(1500);
const PIECES: usize = 3000;
const PIECE: usize = 32 * 1024;

fn start(env: &Env) -> Result<Server, String> {
    Setup::new(env)?
        .log_level("notice")
        .name("PORT_SILENT", "1")
        .start(CONF)
}

/// A client that does not read has nothing more made for it.
pub(super) fn slow_client(env: &Env) -> Result<(), String> {
    let server = start(env)?;
    let mut slow = request(&server, "/large")?;
    let stopped = poll::until(SOON, || {
        let before = made(&server).ok()?;
        let later = Instant::now() + Duration::from_millis(300);
        let moved = poll::until(Duration::from_millis(300), || {
            (made(&server).ok()? != before).then_some(())
        });
        (before > 0 && moved.is_none() && Instant::now() >= later).then_some(before)
    });
    let stopped = stopped.ok_or("pieces are made though nobody takes them")?;
    if stopped > PIECES / 2 {
        return Err(format!(
            "{stopped} pieces were made though nobody takes them"
        ));
    }
    if server.get("/", "")?.text() != "fine" {
        return Err("others are not served meanwhile".into());
    }
    let mut first = [0; 4096];
    slow.read_exact(&mut first).map_err(|e| e.to_string())?;
    drop(slow);
    let line = server.wait_log(r"a stream has ended after \d+ pieces", SOON)?;
    told_before_logged(&server, "a stream has ended after")?;
    if line.contains("after 3000 pieces") {
        return Err("the reply was made to its end for a client that has gone".into());
    }
    let whole = server.get("/large", "")?;
    if whole.body.len() != PIECES * PIECE {
        return Err(format!(
            "{} bytes instead of {}",
            whole.body.len(),
            PIECES * PIECE
        ));
    }
    server.stop()
}

fn made(server: &Server) -> Result<usize, String> {
    let text = server.get("/made", "")?.text();
    text.parse().map_err(|_| format!("/made answers `{text}`"))
}

/// A worker that is told to go ends its replies and answers those who wait.
pub(super) fn reload(env: &Env) -> Result<(), String> {
    let server = start(env)?;
    let workers = server.worker_pids();
    let mut ticks = request(&server, "/ticks")?;
    let mut sleeper = request(&server, "/sleep")?;
    until(&mut ticks, "tick")?;
    server.reload()?;
    let answer = rest(&mut ticks)?;
    if !answer.contains("the end\n") || !answer.ends_with("0\r\n\r\n") {
        return Err(format!("the reply was cut: {answer}"));
    }
    let answer = rest(&mut sleeper)?;
    if !answer.starts_with("HTTP/1.1 200 ") {
        return Err(format!("who waited was answered: {answer}"));
    }
    for worker in workers {
        server.wait_log(&format!("worker process {worker} exited with code 0"), SOON)?;
    }
    server.stop()
}

/// A client that goes ends its wait, and the subrequest with it.
pub(super) fn client_gone(env: &Env) -> Result<(), String> {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
    let port = silent.local_addr().map_err(|e| e.to_string())?.port();
    let server = Setup::new(env)?
        .log_level("notice")
        .name("PORT_SILENT", &port.to_string())
        .start(CONF)?;
    for (path, over) in [("/never", "never is over"), ("/fetch", "fetch is over")] {
        let client = request(&server, path)?;
        // It waits: the server says nothing.
        client
            .set_read_timeout(Some(Duration::from_millis(100)))
            .map_err(|e| e.to_string())?;
        let said = (&client).read(&mut [0; 1]);
        if !matches!(&said, Err(e) if e.kind() == std::io::ErrorKind::WouldBlock) {
            return Err(format!("{path} does not wait: {said:?}"));
        }
        client.shutdown(Shutdown::Both).map_err(|e| e.to_string())?;
        drop(client);
        server.wait_log(over, AT_ONCE)?;
        if path == "/never" {
            told_before_logged(&server, over)?;
        }
        let gone = || {
            server
                .access_log()
                .contains(&format!("GET {path} HTTP/1.1\" 499"))
                .then_some(())
        };
        poll::until(AT_ONCE, gone).ok_or_else(|| format!("{path}: no 499 in the access log"))?;
    }
    if server.get("/sleep", "")?.status != 200 {
        return Err("the worker does not go on".into());
    }
    drop(silent);
    // Told to stop at once, while somebody waits.
    let _waiting = request(&server, "/never")?;
    let _slow = request(&server, "/large")?;
    poll::until(SOON, || (made(&server).ok()? > 0).then_some(())).ok_or("no piece was made")?;
    server.signal(Signal::SIGTERM)?;
    // The worker ends what its requests wait for: /never has been over once.
    let both = || (server.log().matches("never is over").count() == 2).then_some(());
    poll::until(SOON, both).ok_or("the worker goes without having ended its tasks")?;
    server.ended()
}

/// Who waits for a request is told of its end when it ends, which is before it is logged, and not when its memory is freed.
fn told_before_logged(server: &Server, told: &str) -> Result<(), String> {
    const LOGGED: &str = "test_log: a request is logged";
    server.wait_log(LOGGED, SOON)?;
    let log = server.log();
    if log.rfind(told) < log.rfind(LOGGED) {
        Ok(())
    } else {
        Err(format!(
            "`{told}` comes after the end of its request\n{log}"
        ))
    }
}

/// What reads a request's body finds none when the request is over.
pub(super) fn late_reader(env: &Env) -> Result<(), String> {
    let server = start(env)?;
    let mut client = request_with(&server, "/late", "the body")?;
    let answer = rest(&mut client)?;
    if !answer.starts_with("HTTP/1.1 200 ") {
        return Err(format!("/late answers {answer}"));
    }
    // nginx waits for its client to go: until then the request is there.
    drop(client);
    server.wait_log("test_content: too late: the body cannot be read", SOON)?;
    server.stop()
}

/// A client that has sent a request with a body, and closes behind its answer.
fn request_with(server: &Server, path: &str, body: &str) -> Result<TcpStream, String> {
    let open = || -> std::io::Result<TcpStream> {
        let mut client = TcpStream::connect(("127.0.0.1", server.port(0)))?;
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        client.write_all(head.as_bytes())?;
        client.write_all(body.as_bytes())?;
        Ok(client)
    };
    open().map_err(|e| e.to_string())
}

/// Over HTTP/2 a client takes what its windows allow.
pub(super) fn http2(env: &Env) -> Result<(), String> {
    let conf = CONF.replace("SERVER_PORT sndbuf=64k;", "SERVER_PORT http2;");
    let server = Setup::new(env)?.name("PORT_SILENT", "1").start(&conf)?;
    for (path, wanted) in [
        ("/large", format!("200 {}", PIECES * PIECE)),
        ("/sleep", "200 4".to_owned()),
        ("/never", "504 167".to_owned()),
    ] {
        let came = curl(&server, path)?;
        if came != wanted {
            return Err(format!("{path}: {came} instead of {wanted}"));
        }
    }
    server.stop()
}

/// The status and the length of the body.
fn curl(server: &Server, path: &str) -> Result<String, String> {
    let url = format!("http://127.0.0.1:{}{path}", server.port(0));
    let output = Command::new("/usr/bin/curl")
        .args(["--http2-prior-knowledge", "--silent", "--max-time", "20"])
        .args([
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code} %{size_download}",
            &url,
        ])
        .output()
        .map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn request(server: &Server, path: &str) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(("127.0.0.1", server.port(0))).map_err(|e| e.to_string())?;
    stream
        .set_read_timeout(Some(SOON))
        .map_err(|e| e.to_string())?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    (&stream)
        .write_all(head.as_bytes())
        .map_err(|e| e.to_string())?;
    Ok(stream)
}

fn until(stream: &mut TcpStream, word: &str) -> Result<(), String> {
    let mut received = String::new();
    let mut piece = [0; 256];
    while !received.contains(word) {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => {
                let text = piece.get(..count).unwrap_or_default();
                received.push_str(&String::from_utf8_lossy(text));
            }
            other => return Err(format!("{other:?} after `{received}`")),
        }
    }
    Ok(())
}

fn rest(stream: &mut TcpStream) -> Result<String, String> {
    let mut received = Vec::new();
    stream
        .read_to_end(&mut received)
        .map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&received).into_owned())
}
