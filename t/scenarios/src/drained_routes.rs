//! Whose backend is drained, among several WebSockets: those whose host has another backend now, also by a route that is
//! closer to it, and those of a worker that shuts down. The others stay.

use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

use crate::drained::{GOING_AWAY, conf, route};
use crate::upgraded::{LONG, client, speaker, speaker_at};

/// WebSockets that are opened one after another.
const SEVERAL: usize = 7;
/// The host whose backend is reached over IPv6.
const SIX: &str = "six.test";
/// How often a route of somebody else changes.
const OFTEN: Duration = Duration::from_millis(200);

/// A table in which some hosts have the first backend and others the second, and some are drained.
fn file(hosts: &[(&str, u16, bool)]) -> Vec<u8> {
    let one = |(host, port, drain): &(&str, u16, bool)| match *host {
        SIX => route(host, *port, *drain).replace("127.0.0.1", "[::1]"),
        _ => route(host, *port, *drain),
    };
    let routes: Vec<String> = hosts.iter().map(one).collect();
    format!("{{{}}}", routes.join(",")).into_bytes()
}

pub(super) fn run(env: &Env) -> Result<(), String> {
    let (first, told) = speaker("websocket", b"")?;
    let (second, _) = speaker("websocket", b"")?;
    let (six, _) = speaker_at("[::1]:0", "websocket", b"")?;
    let begin = [
        ("many.test", first, false),
        ("moved.test", first, false),
        ("kept.test", first, false),
        ("*.wild.test", first, false),
        (SIX, six, false),
    ];
    let server = Setup::new(env)?
        .file("conf/apps.json", &file(&begin))?
        .start(&conf(1, "drain_timeout 1s;"))?;
    let open = |host: &str| client(&server, host, "websocket", b"");
    let ended = || told.recv_timeout(LONG).map_err(|e| e.to_string());
    let several =
        || -> Result<Vec<TcpStream>, String> { (0..SEVERAL).map(|_| open("many.test")).collect() };
    // Who is looked at first stays.
    let (kept, wild) = (open("kept.test")?, open("other.wild.test")?);
    let mut ends = vec![open("moved.test")?, open("close.wild.test")?, open(SIX)?];
    // Some go by themselves, others come, and have their memory then.
    for (number, one) in several()?.into_iter().enumerate() {
        if number % 2 == 0 {
            drop(one);
            ended()?;
        } else {
            ends.push(one);
        }
    }
    ends.extend(several()?);
    let then = [
        ("many.test", first, true),
        ("moved.test", second, false),
        ("kept.test", first, false),
        ("*.wild.test", first, false),
        ("close.wild.test", second, false),
        (SIX, six, true),
    ];
    end_amid_changes(&server, ends, &then)?;
    let mut stay = [kept, wild];
    stay.iter_mut().try_for_each(stays)?;
    let [mut kept, wild] = stay;
    // Their worker is told to go, and still looks at the table.
    server.reload()?;
    let last = [("kept.test", first, true), ("*.wild.test", first, false)];
    server.write_file("conf/apps.json", &file(&last))?;
    kept.set_read_timeout(Some(LONG))
        .map_err(|e| e.to_string())?;
    is_told(&mut kept).map_err(|why| format!("in a worker that goes: {why}"))?;
    drop((kept, wild));
    server.stop()
}

/// All of them are told, though the table changes all the time.
fn end_amid_changes(
    server: &Server,
    mut ends: Vec<TcpStream>,
    hosts: &[(&str, u16, bool)],
) -> Result<(), String> {
    let (tell, told) = channel();
    thread::spawn(move || tell.send(ends.iter_mut().try_for_each(is_told)));
    let begun = Instant::now();
    let mut number = 0;
    while begun.elapsed() < LONG {
        number += 1;
        let more = [("more.test", number, false)];
        server.write_file("conf/apps.json", &file(&[hosts, &more].concat()))?;
        match told.recv_timeout(OFTEN) {
            Ok(said) => return said,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Err("not all that are drained end while the table changes".into())
}

fn is_told(stream: &mut TcpStream) -> Result<(), String> {
    let mut heard = Vec::new();
    { stream.read_to_end(&mut heard) }.map_err(|e| format!("it does not end: {e}"))?;
    (heard == GOING_AWAY)
        .then_some(())
        .ok_or_else(|| format!("it hears {heard:x?}"))
}

fn stays(stream: &mut TcpStream) -> Result<(), String> {
    let time = Some(Duration::from_millis(100));
    stream.set_read_timeout(time).map_err(|e| e.to_string())?;
    match stream.read(&mut [0; 1]) {
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
        other => Err(format!("one whose backend serves it ends: {other:?}")),
    }
}
