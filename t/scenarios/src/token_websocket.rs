//! `close_websocket`: a WebSocket ends when the token expires that opened it.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use md5::{Digest as _, Md5};
use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

use crate::drained::{GOING_AWAY, route};
use crate::upgraded::{LONG, client_at, speaker};

/// How long a token is good here, and by when its end has come about.
const LIFE: i64 = 2;
const LATE: Duration = Duration::from_secs(5);

/// A close frame of a server, and of a client: 1008.
const EXPIRED: &[u8] = b"\x88\x0f\x03\xf0token expired";
const EXPIRED_MASKED: &[u8] = b"\x88\x8f\0\0\0\0\x03\xf0token expired";

fn conf(backend: u16, profile: &str, more: &str) -> String {
    format!(
        "worker_processes 1;
        worker_shutdown_timeout 60s;
        http {{
            access_log off;
            token_profile p {{ format secure_link; key file=key; message \"{{expires}} {{key}}\"; {profile} }}
            upstream_table apps {{ zone 4m; file apps.json reload=50ms; drain_timeout 1s; }}
            upstream backend {{ upstream_lookup apps $host; }}
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $http_connection;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                token_auth p;
                {more}
                location / {{ proxy_pass http://127.0.0.1:{backend}; }}
                location /table/ {{ proxy_pass http://backend; }}
            }}
        }}"
    )
}

fn start(env: &Env, backend: u16, profile: &str, more: &str) -> Result<Server, String> {
    let routes = format!("{{{}}}", route("a.test", backend, false));
    Setup::new(env)?
        .file("conf/key", b"key-one\n")?
        .file("conf/apps.json", routes.as_bytes())?
        .start(&conf(backend, profile, more))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// The path with a token of so many seconds.
fn link(path: &str, life: i64) -> String {
    let expires = now() + life;
    let hash = Md5::digest(format!("{expires} key-one"));
    let hash = BASE64URL_NOPAD.encode(&hash);
    format!("{path}?md5={hash}&expires={expires}")
}

/// What a case says, and how each side's bytes end.
struct Case {
    what: &'static str,
    path: &'static str,
    protocol: &'static str,
    says: &'static [u8],
    client_gets: &'static [&'static [u8]],
    backend_gets: &'static [u8],
}

const CASES: [Case; 4] = [
    Case {
        what: "between frames",
        path: "/",
        protocol: "websocket",
        says: b"\x81\x02hi",
        client_gets: &[b"\x81\x02hi", EXPIRED],
        backend_gets: EXPIRED_MASKED,
    },
    Case {
        what: "a frame that is half sent",
        path: "/",
        protocol: "websocket",
        says: b"\x81\x05hi",
        client_gets: &[b"\x81\x05hi"],
        backend_gets: EXPIRED_MASKED,
    },
    Case {
        what: "another protocol",
        path: "/",
        protocol: "other",
        says: b"hi",
        client_gets: &[b"hi"],
        backend_gets: b"",
    },
    Case {
        what: "through a table",
        path: "/table/",
        protocol: "websocket",
        says: b"\x81\x02hi",
        client_gets: &[b"\x81\x02hi", EXPIRED],
        backend_gets: EXPIRED_MASKED,
    },
];

/// Both sides are told, where nothing is half said; whatever else is closed without a word.
pub(super) fn expires(env: &Env) -> Result<(), String> {
    CASES
        .iter()
        .try_for_each(|case| one(env, case).map_err(|why| format!("{}: {why}", case.what)))
}

fn one(env: &Env, case: &Case) -> Result<(), String> {
    let (port, told) = speaker(case.protocol, case.says)?;
    let server = start(env, port, "close_websocket on;", "")?;
    let begin = Instant::now();
    let link = link(case.path, LIFE);
    let mut client = client_at(&server, &link, "a.test", case.protocol, b"")?;
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).map_err(|e| e.to_string())?;
    in_time(begin)?;
    let of_backend = told.recv_timeout(LONG).map_err(|e| e.to_string())?;
    if heard != case.client_gets.concat() || of_backend != case.backend_gets {
        return Err(format!(
            "the client got {heard:x?}, the backend {of_backend:x?}"
        ));
    }
    server.wait_log(
        r#"\[info\] .*token of profile "p" has expired, closing an upgraded connection"#,
        LONG,
    )?;
    server.stop()
}

/// Not before the token's end, of which the clock knows whole seconds, nor long after it.
fn in_time(begin: Instant) -> Result<(), String> {
    let life = Duration::from_secs(LIFE.unsigned_abs());
    let took = begin.elapsed();
    if took < life || took > life + LATE {
        return Err(format!("it ends after {took:?}"));
    }
    Ok(())
}

/// Where nothing says so, they stay: by default, in a dry run, with a leeway, and where somebody else has let them in.
pub(super) fn stays(env: &Env) -> Result<(), String> {
    for (what, profile, more, life) in [
        ("by default", "", "", Some(LIFE)),
        ("off", "close_websocket off;", "", Some(LIFE)),
        (
            "in a dry run",
            "close_websocket on;",
            "token_auth_dry_run on;",
            Some(LIFE),
        ),
        (
            "with a leeway",
            "close_websocket on; leeway 1h;",
            "",
            Some(LIFE),
        ),
        (
            "let in by others",
            "close_websocket on;",
            "satisfy any; allow all;",
            Some(-LIFE),
        ),
        (
            "without end",
            "close_websocket on; from query=md5;",
            "",
            None,
        ),
    ] {
        let link = match life {
            Some(life) => link("/", life),
            None => {
                let hash = Md5::digest(" key-one");
                format!("/?md5={}", BASE64URL_NOPAD.encode(&hash))
            }
        };
        stay(env, profile, more, &link).map_err(|why| format!("{what}: {why}"))?;
    }
    Ok(())
}

fn stay(env: &Env, profile: &str, more: &str, link: &str) -> Result<(), String> {
    let (port, _told) = speaker("websocket", b"")?;
    let mut server = start(env, port, profile, more)?;
    server.allow("token refused: expired");
    let client = client_at(&server, link, "a.test", "websocket", b"")?;
    open_for(client, Duration::from_secs(LIFE.unsigned_abs() + 2))?;
    server.stop()
}

fn open_for(mut client: TcpStream, time: Duration) -> Result<(), String> {
    { client.set_read_timeout(Some(time)) }.map_err(|e| e.to_string())?;
    match client.read(&mut [0; 1]) {
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(()),
        other => Err(format!("the connection does not stay: {other:?}")),
    }
}

/// A real client hears the reason, also of a worker that a reload has sent away.
pub(super) fn reloaded(env: &Env) -> Result<(), String> {
    let echo = Backend::echo()?;
    let server = start(env, echo.port(), "close_websocket on;", "")?;
    let mut client = server.websocket(&link("/", LIFE + 1), "Host: a.test")?;
    client.send_text("hi")?;
    if client.recv_text()? != "hi" {
        return Err("no echo".into());
    }
    server.reload()?;
    client.send_text("ho")?;
    if client.recv_text()? != "ho" {
        return Err("no echo after a reload".into());
    }
    let end = client.recv_text().err().unwrap_or_default();
    if !(end.contains("1008") && end.contains("token expired")) {
        return Err(format!("the client hears {end}"));
    }
    server.stop()
}

/// Through a table with `drain_timeout` whichever comes first ends it, in its own words.
pub(super) fn drained(env: &Env) -> Result<(), String> {
    let (port, _told) = speaker("websocket", b"")?;
    let server = start(env, port, "close_websocket on;", "")?;
    let mut client = client_at(&server, &link("/table/", 600), "a.test", "websocket", b"")?;
    let routes = format!("{{{}}}", route("a.test", port, true));
    server.write_file("conf/apps.json", routes.as_bytes())?;
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).map_err(|e| e.to_string())?;
    if heard != GOING_AWAY {
        return Err(format!("the client got {heard:x?}"));
    }
    server.stop()
}
