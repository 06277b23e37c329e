//! `gatehouse join`, with a server beside it that writes down what it is asked.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // helpers outside #[test] functions

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// Answers each request with this status; gives the first lines and the credentials of those that came.
fn router(listener: TcpListener, status: &'static str) -> Receiver<String> {
    let (send, came) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let text = answer(stream.unwrap(), status);
            if send.send(text).is_err() {
                return;
            }
        }
    });
    came
}

fn answer(mut stream: TcpStream, status: &str) -> String {
    let mut text = String::new();
    let mut piece = [0; 1024];
    while !text.contains("\r\n\r\n") {
        let count = stream.read(&mut piece).unwrap();
        text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    let body = if status.starts_with('2') {
        r#"{"host":"a.test","backend":"http://127.0.0.1:1","ttl_ms":1000}"#
    } else {
        r#"{"error":{"code":"x","message":"not here"}}"#
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    text
}

/// A port at which somebody listens, as the command would.
fn app() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn join(router: u16, port: u16, more: &[&str], script: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(["join", &format!("http://127.0.0.1:{router}/_join")])
        .args(["--host", "a.test", "--port", &port.to_string()])
        .args(more)
        .args(["--", "sh", "-c", script])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn next(came: &Receiver<String>) -> String {
    came.recv_timeout(SOON).unwrap()
}

/// Waits until the program has said that.
fn read_until(child: &mut Child, wanted: &str) {
    let said = child.stderr.as_mut().unwrap();
    let mut text = String::new();
    let mut piece = [0; 256];
    while !text.contains(wanted) {
        let count = said.read(&mut piece).unwrap();
        assert!(count > 0, "{text}");
        text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([name, &pid])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_command_is_registered_while_it_runs_and_goes_before_it_is_signalled() {
    let (listener, router_port) = app();
    let came = router(listener, "200 OK");
    let (_app, port) = app();
    let key = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("join-{}.key", std::process::id()));
    std::fs::write(&key, "example\n").unwrap();
    let script = "trap 'echo signalled; exit 7' TERM; while :; do sleep 0.05; done";
    let more = ["--ttl", "1s", "--key-file", key.to_str().unwrap()];
    let child = join(router_port, port, &more, script);
    for _ in 0..3 {
        let text = next(&came);
        assert!(
            text.starts_with(&format!(
                "POST /_join?host=a.test&port={port}&ttl=1000ms HTTP/1.1\r\n"
            )),
            "{text}"
        );
        for header in ["authorization: Bearer example", "content-length: 0"] {
            assert!(text.contains(&format!("\r\n{header}\r\n")), "{text}");
        }
    }
    signal(&child, "-TERM");
    let text = std::iter::repeat_with(|| next(&came))
        .find(|text| text.starts_with("DELETE "))
        .unwrap();
    assert!(
        text.starts_with(&format!(
            "DELETE /_join?host=a.test&port={port} HTTP/1.1\r\n"
        )),
        "{text}"
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(output.stdout, b"signalled\n");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "gatehouse: registered for \"a.test\"\n");
    std::fs::remove_file(key).unwrap();
}

#[test]
fn a_command_that_dies_is_not_registered_any_more() {
    let (listener, router_port) = app();
    let came = router(listener, "201 Created");
    let (_app, port) = app();
    let child = join(router_port, port, &[], "sleep 1; kill -9 $$");
    assert!(next(&came).starts_with("POST "));
    assert!(next(&came).starts_with("DELETE "));
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(137));
}

#[test]
fn a_command_that_does_not_listen_is_never_registered() {
    let (listener, router_port) = app();
    let came = router(listener, "201 Created");
    let (app, port) = app();
    drop(app);
    let child = join(router_port, port, &[], "sleep 0.5; exit 3");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(3));
    assert!(came.try_recv().is_err());
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_not_waited_for() {
    let (listener, router_port) = app();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = b"HTTP/1.1 200 OK\r\nX: "
                .iter()
                .chain([b'a'; 10_000].iter());
            for byte in head {
                if stream.write_all(&[*byte]).is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
    });
    let (_app, port) = app();
    let mut child = join(router_port, port, &[], "exec sleep 60");
    read_until(&mut child, "not registered: timeout");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn nginx_may_start_later_or_say_no() {
    let (listener, router_port) = app();
    drop(listener);
    let (_app, port) = app();
    let mut child = join(router_port, port, &[], "exec sleep 60");
    read_until(&mut child, "not registered: Connection refused");
    let came = router(
        TcpListener::bind(("127.0.0.1", router_port)).unwrap(),
        "403 Forbidden",
    );
    assert!(next(&came).starts_with("POST "));
    read_until(&mut child, "not registered: 403 not here");
    signal(&child, "-TERM");
    // `sh` has become `sleep`, which SIGTERM ends.
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn somebody_else_who_says_yes_has_registered_nothing() {
    let (listener, router_port) = app();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let page = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<!doctype html>Hello";
            let read = stream.read(&mut [0; 4096]).unwrap();
            assert!(read > 0);
            stream.write_all(page).unwrap();
        }
    });
    let (_app, port) = app();
    let mut child = join(router_port, port, &[], "exec sleep 60");
    read_until(
        &mut child,
        "not registered: 200, no answer of upstream_register: is the URL right?",
    );
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn what_cannot_be_done_is_said() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
            .args(arguments)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let base = ["join", "http://a/_join", "--host", "a.test", "--port", "1"];
    let with = |more: &[&str]| run(&[&base, more].concat());
    for more in [
        &[][..],
        &["--"][..],
        &["--ttl", "10ms", "--", "true"][..],
        &["--", "/nowhere/app"][..],
        &["--key-file", "/nowhere", "--", "true"][..],
    ] {
        let (code, said) = with(more);
        assert_eq!(code, Some(2), "{more:?}: {said}");
    }
    let (code, said) = with(&["--key-file", "/dev/null", "--", "true"]);
    assert_eq!(
        (code, &*said),
        (
            Some(1),
            "gatehouse: /dev/null: there is no key, or more than one line\n"
        )
    );
    assert_eq!(
        run(&[
            "join",
            "https://a/",
            "--host",
            "a",
            "--port",
            "1",
            "--",
            "true"
        ])
        .0,
        Some(2)
    );
    assert_eq!(
        run(&[
            "join",
            "http://a/",
            "--host",
            "a",
            "--port",
            "0",
            "--",
            "true"
        ])
        .0,
        Some(2)
    );
}
