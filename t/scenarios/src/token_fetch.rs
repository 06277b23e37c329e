//! Keys that requests fetch from a location (`jwks uri=`): first ones, rotation, a provider that is slow, broken or gone.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

use crate::token_keys::{A, B, DEADLINE, KID_A, KID_B, bearer, set};

/// What the provider does with a request.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers after some time.
    Answer(Duration, String),
    /// Closes without a word.
    Close,
    /// Says nothing until it does something else.
    Hang,
    /// Writes whatever this writes, which ends when nobody reads any more.
    Write(fn(TcpStream)),
}

pub(crate) fn ok(body: &str) -> Does {
    answers("200 OK", body)
}

fn answers(status: &str, body: &str) -> Does {
    let len = body.len();
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\n\r\n{body}");
    Does::Answer(Duration::ZERO, text)
}

/// A provider of keys, and the requests that it got.
pub(crate) struct Provider {
    does: Arc<Mutex<Does>>,
    asked: Arc<Mutex<Vec<String>>>,
    gone: Arc<AtomicBool>,
    pub(crate) port: u16,
}

impl Provider {
    pub(crate) fn start(does: Does) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let provider = Self {
            does: Arc::new(Mutex::new(does)),
            asked: Arc::default(),
            gone: Arc::default(),
            port,
        };
        let (does, asked, gone) = (
            Arc::clone(&provider.does),
            Arc::clone(&provider.asked),
            Arc::clone(&provider.gone),
        );
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if gone.load(Ordering::Relaxed) {
                    return;
                }
                let (does, asked, gone) =
                    (Arc::clone(&does), Arc::clone(&asked), Arc::clone(&gone));
                thread::spawn(move || serve(stream, &does, &asked, &gone));
            }
        });
        Ok(provider)
    }

    pub(crate) fn does(&self, what: Does) {
        *self.does.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }

    fn expect(&self, count: usize) -> Result<(), String> {
        match self.asked() {
            asked if asked.len() == count => Ok(()),
            asked => Err(format!(
                "asked {} times, not {count}: {asked:?}",
                asked.len()
            )),
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut stream: TcpStream, does: &Mutex<Does>, asked: &Mutex<Vec<String>>, gone: &AtomicBool) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.extend_from_slice(&byte),
            _ => return,
        }
    }
    let now = || does.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let head = String::from_utf8_lossy(&head).into_owned();
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(head);
    let mut what = now();
    while matches!(what, Does::Hang) && !gone.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(20));
        what = now();
    }
    match what {
        Does::Answer(delay, text) => {
            thread::sleep(delay);
            let _ = stream.write_all(text.as_bytes());
        }
        Does::Write(write) => write(stream),
        Does::Close | Does::Hang => {}
    }
}

const CONF: &str = r#"worker_processes 1;
http {
    token_profile p { format jwt; jwks uri=/_keys?a=b refresh=$TEST_NGINX_REFRESH; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        token_auth_log_level info;
        location / { token_auth p; set $mine main; try_files /none @said; }
        location /file { token_auth p; root html; }
        location @said { return 200 "$token_auth_key_id $mine $http_x_mine"; }
        location = /_keys { internal; set $mine internal; proxy_set_header X-Mine $http_x_mine; proxy_pass http://127.0.0.1:$TEST_NGINX_PROVIDER/jwks.json; }
    }
}"#;

fn start(env: &Env, provider: &Provider, refresh: &str) -> Result<Server, String> {
    Setup::new(env)?
        .name("REFRESH", refresh)
        .name("PROVIDER", &provider.port.to_string())
        .file("html/file", b"file")?
        .start(CONF)
}

fn ask(server: &Server, token: &str) -> Result<u16, String> {
    Ok(server.get("/file", &bearer(token))?.status)
}

fn expect(server: &Server, token: &str, wanted: u16) -> Result<(), String> {
    match ask(server, token)? {
        status if status == wanted => Ok(()),
        status => Err(format!("{status}, not {wanted}:\n{}", server.log())),
    }
}

fn wait_for(server: &Server, token: &str, wanted: u16) -> Result<(), String> {
    let mut last = 0;
    let reached = poll::until(DEADLINE, || {
        last = ask(server, token).ok()?;
        (last == wanted).then_some(())
    });
    reached.ok_or_else(|| format!("still {last}, not {wanted}:\n{}", server.log()))
}

/// A token of HS256 with this `kid`, which nobody has signed.
fn unknown(kid: &str) -> String {
    let header = format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\"}}");
    let header = data_encoding::BASE64URL_NOPAD.encode(header.as_bytes());
    let rest = KID_A.split_once('.').map_or("", |parts| parts.1);
    format!("{header}.{rest}")
}

/// The first request waits for the keys and gets in; the provider sees nothing of it; unknown kids are one fetch.
pub(super) fn first(env: &Env) -> Result<(), String> {
    let provider = Provider::start(ok(&set("a", A)))?;
    let server = start(env, &provider, "1h")?;
    let lines = format!(
        "{}\nCookie: secret=1\nX-Mine: x\nRange: bytes=0-3\nIf-None-Match: \"e\"\nAccept-Encoding: gzip",
        bearer(KID_A)
    );
    let said = server.get("/v", &lines)?;
    if said.text() != "a main x" {
        return Err(format!(
            "{} {}:\n{}",
            said.status,
            said.text(),
            server.log()
        ));
    }
    let asked = provider.asked().concat();
    let wanted = format!(
        "GET /jwks.json?a=b HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
        provider.port
    );
    if asked != wanted {
        return Err(format!("the provider was asked {asked:?}"));
    }
    for _ in 0..3 {
        expect(&server, KID_A, 200)?;
    }
    // A wrong signature under a known name is no reason to ask.
    let forged = format!("{}x", KID_A.get(..KID_A.len() - 1).unwrap_or_default());
    expect(&server, &forged, 401)?;
    expect(&server, "x.y.z", 401)?;
    provider.expect(1)?;
    for kid in 0..1000 {
        expect(&server, &unknown(&format!("k{kid}")), 401)?;
    }
    provider.expect(2)?;
    expect(&server, KID_A, 200)?;
    server.stop()
}

/// A new key counts with its first token, and an old one no longer once it is gone from the set.
pub(super) fn rotation(env: &Env) -> Result<(), String> {
    let provider = Provider::start(ok(&set("a", A)))?;
    let server = start(env, &provider, "1h")?;
    expect(&server, KID_A, 200)?;
    provider.does(ok(&set("b", B)));
    expect(&server, KID_B, 200)?;
    expect(&server, KID_A, 401)?;
    provider.expect(2)?;
    server.wait_log(
        r#"\[notice\] .*token_profile "p": jwks uri "/_keys\?a=b" has new keys"#,
        DEADLINE,
    )?;
    server.stop()?;

    // By time, without anybody who lacks a key: the old key goes.
    let server = start(env, &provider, "200ms")?;
    expect(&server, KID_B, 200)?;
    provider.does(ok(&set("a", A)));
    wait_for(&server, KID_B, 401)?;
    expect(&server, KID_A, 200)?;
    server.stop()
}

/// A provider that is down when a new key's first token comes is asked again soon, not only after a whole period, and seldom.
pub(super) fn outage(env: &Env) -> Result<(), String> {
    let provider = Provider::start(ok(&set("a", A)))?;
    let server = start(env, &provider, "1h")?;
    expect(&server, KID_A, 200)?;
    provider.does(answers("503 No", ""));
    for _ in 0..20 {
        expect(&server, KID_B, 401)?;
        expect(&server, KID_A, 200)?;
    }
    let asked = provider.asked().len();
    if asked > 4 {
        return Err(format!("asked {asked} times in a moment"));
    }
    provider.does(ok(&set("b", B)));
    wait_for(&server, KID_B, 200)?;
    // It is its one of this period.
    let asked = provider.asked().len();
    expect(&server, KID_A, 401)?;
    provider.expect(asked)?;
    server.stop()
}

/// Whatever is wrong with the provider, the old keys stay, and each trouble is one line.
pub(super) fn trouble(env: &Env) -> Result<(), String> {
    let provider = Provider::start(ok(&set("a", A)))?;
    let mut server = start(env, &provider, "100ms")?;
    server.allow("upstream prematurely closed");
    expect(&server, KID_A, 200)?;
    let long = format!("{{\"keys\":[],\"pad\":\"{}\"}}", "x".repeat(300_000));
    let moved = "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    for (does, line) in [
        (answers("500 No", "no"), "has answered 500"),
        (answers("401 No", &set("b", B)), "has answered 401"),
        (
            Does::Answer(Duration::ZERO, moved.to_owned()),
            "has answered 301",
        ),
        (ok("<html>"), "is not jwks"),
        (ok(""), "is empty"),
        (ok("{\"keys\":[]}"), "holds no key for signatures"),
        (ok(&long), "cannot be fetched: the subrequest failed"),
        (Does::Close, "has answered 502"),
    ] {
        provider.does(does);
        let wanted = format!(
            "token_profile \"p\": jwks uri \"/_keys?a=b\" {line}, the old keys stay in use"
        );
        let told = poll::until(DEADLINE, || {
            if ask(&server, KID_A) != Ok(200) || ask(&server, KID_B) != Ok(401) {
                return Some(Err(format!("{line}:\n{}", server.log())));
            }
            server.log().contains(&wanted).then_some(Ok(()))
        });
        told.ok_or_else(|| format!("no line {wanted}:\n{}", server.log()))??;
        let before = provider.asked().len();
        let again = poll::until(DEADLINE, || {
            let _ = ask(&server, KID_A);
            (provider.asked().len() > before + 1).then_some(())
        });
        again.ok_or("it was not asked again")?;
        server.expect_lines(&wanted, 1)?;
    }
    // A long set is no trouble, whatever buffers the location has.
    let padded = set("b", B).replace(
        "{\"keys\"",
        &format!("{{\"pad\":\"{}\",\"keys\"", "x".repeat(200_000)),
    );
    provider.does(ok(&padded));
    wait_for(&server, KID_B, 200)?;
    server.expect_lines("is good again", 1)?;
    server.stop()
}

/// Without any key everybody is refused, and let in once the provider is there.
pub(super) fn down(env: &Env) -> Result<(), String> {
    let provider = Provider::start(answers("503 No", ""))?;
    let server = start(env, &provider, "1h")?;
    for _ in 0..20 {
        expect(&server, KID_A, 401)?;
    }
    server.wait_log(
        r#"\[error\] .*jwks uri "/_keys\?a=b" has answered 503, there are no keys of it yet"#,
        DEADLINE,
    )?;
    let asked = provider.asked().len();
    if asked > 3 {
        return Err(format!("asked {asked} times in a moment"));
    }
    provider.does(ok(&set("a", A)));
    wait_for(&server, KID_A, 200)?;
    server.stop()
}

/// Many wait for one fetch; clients that go meanwhile, its own among them, take nothing from the others; a provider that
/// says nothing is waited for until the deadline.
pub(super) fn slow(env: &Env) -> Result<(), String> {
    let provider = Provider::start(Does::Hang)?;
    let server = start(env, &provider, "1h")?;
    let port = server.port(0);
    let connect = |token: &str| {
        let token = bearer(token);
        let request =
            format!("GET /file HTTP/1.1\r\nHost: a\r\n{token}\r\nConnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
        stream
            .write_all(request.as_bytes())
            .map_err(|e| e.to_string())?;
        stream
            .set_read_timeout(Some(DEADLINE))
            .map_err(|e| e.to_string())?;
        Ok::<_, String>(stream)
    };
    let begins = connect(KID_A)?;
    poll::until(DEADLINE, || (provider.asked().len() == 1).then_some(())).ok_or("not asked")?;
    let mut waiting = (0..20)
        .map(|_| connect(KID_A))
        .collect::<Result<Vec<_>, _>>()?;
    drop(begins);
    waiting.truncate(15);
    // They are all there: the one behind them is answered meanwhile.
    let other = server.get("/nothing", "")?.status;
    provider.does(ok(&set("a", A)));
    for mut stream in waiting {
        let mut text = String::new();
        stream
            .read_to_string(&mut text)
            .map_err(|e| e.to_string())?;
        if !text.starts_with("HTTP/1.1 200") {
            return Err(format!("{text}:\n{}", server.log()));
        }
    }
    if other != 401 {
        return Err(format!("{other} without a token"));
    }
    provider.expect(1)?;
    // The next one is never answered.
    provider.does(Does::Hang);
    let begun = Instant::now();
    let mut stream = connect(KID_B)?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).map_err(|e| e.to_string())?;
    if &status != b"HTTP/1.1 401" {
        return Err(format!(
            "{}:\n{}",
            String::from_utf8_lossy(&status),
            server.log()
        ));
    }
    let took = begun.elapsed();
    if took < Duration::from_secs(4) || took > Duration::from_secs(9) {
        return Err(format!("waited for {took:?}"));
    }
    // Nobody waits for that one any more, nor is there another.
    let begun = Instant::now();
    expect(&server, KID_B, 401)?;
    expect(&server, KID_A, 200)?;
    if begun.elapsed() > Duration::from_secs(3) {
        return Err("waited again".to_owned());
    }
    provider.expect(2)?;
    provider.does(ok(&set("b", B)));
    wait_for(&server, KID_B, 200)?;
    server.stop()
}

/// Clients that go at any moment, reloads, and a provider in every mood: nothing breaks, and nothing is left behind.
pub(super) fn leaving(env: &Env) -> Result<(), String> {
    let provider = Provider::start(ok(&set("a", A)))?;
    let mut server = start(env, &provider, "20ms")?;
    for text in ["upstream prematurely closed", "upstream timed out"] {
        server.allow(text);
    }
    expect(&server, KID_A, 200)?;
    let slow = |ms| match ok(&set("a", A)) {
        Does::Answer(_, text) => Does::Answer(Duration::from_millis(ms), text),
        other => other,
    };
    let moods = [
        slow(5),
        Does::Hang,
        slow(40),
        Does::Close,
        answers("500 No", ""),
    ];
    let mut random = fastrand::Rng::with_seed(7);
    let mut open = Vec::new();
    for turn in 0..1500_usize {
        if turn % 50 == 0 {
            let mood = moods.get(turn / 50 % moods.len());
            provider.does(mood.cloned().unwrap_or(Does::Close));
        }
        if turn % 400 == 399 {
            server.reload()?;
        }
        let token = bearer(if random.bool() { KID_A } else { KID_B });
        let request = match random.u8(..4) {
            0 => format!(
                "POST /file HTTP/1.1\r\nHost: a\r\n{token}\r\nContent-Length: 90000\r\n\r\npart"
            ),
            1 => format!("GET /file HTTP/1.1\r\nHost: a\r\n{token}\r\n\r\n").repeat(3),
            2 => format!("HEAD /file HTTP/1.0\r\n{token}\r\n\r\n"),
            _ => format!("GET /v HTTP/1.1\r\nHost: a\r\n{token}\r\nConnection: close\r\n\r\n"),
        };
        let mut stream =
            TcpStream::connect(("127.0.0.1", server.port(0))).map_err(|e| e.to_string())?;
        stream
            .write_all(request.as_bytes())
            .map_err(|e| e.to_string())?;
        open.push(stream);
        // Some go at once, some later.
        while open.len() > random.usize(..20) {
            let at = random.usize(..open.len());
            drop(open.swap_remove(at));
        }
    }
    open.clear();
    provider.does(ok(&set("a", A)));
    wait_for(&server, KID_A, 200)?;
    let workers = || server.worker_pids();
    let left = poll::until(DEADLINE, || (workers().len() == 1).then_some(()));
    left.ok_or_else(|| format!("old workers stay: {:?}", workers()))?;
    let pid = workers().first().copied().ok_or("no worker")?;
    let idle = poll::until(DEADLINE, || (Server::fds(pid) < 40).then_some(()));
    idle.ok_or_else(|| format!("{} descriptors are open", Server::fds(pid)))?;
    server.stop()
}

/// The last good set outlives a reload and a worker; but where the provider answers, what it says counts at once.
pub(super) fn kept(env: &Env) -> Result<(), String> {
    let provider = Provider::start(ok(&set("a", A)))?;
    let mut server = start(env, &provider, "1h")?;
    server.allow("upstream prematurely closed");
    expect(&server, KID_A, 200)?;
    provider.does(Does::Close);
    server.reload()?;
    expect(&server, KID_A, 200)?;
    server.kill_worker()?;
    expect(&server, KID_A, 200)?;
    expect(&server, KID_B, 401)?;
    server.expect_lines("has answered 502, the old keys stay in use", 2)?;
    provider.does(ok(&set("b", B)));
    server.reload()?;
    expect(&server, KID_A, 401)?;
    expect(&server, KID_B, 200)?;
    server.stop()
}
