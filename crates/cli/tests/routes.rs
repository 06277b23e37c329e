//! `gatehouse routes` beside a server that answers as the API does, and its linter beside none.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)] // helpers outside #[test] functions

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// Answers requests with these, in order, and tells what they were.
fn server(answers: Vec<(u16, &'static str)>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/_apps", listener.local_addr().unwrap());
    let (said, heard) = channel();
    thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                let wanted = ["authorization", "content-type"];
                if head.is_empty() || wanted.iter().any(|name| lower.starts_with(name)) {
                    head += &line.trim().replace(" HTTP/1.1", "");
                    head += "\n";
                }
            }
            let mut bytes = vec![0; length];
            reader.read_exact(&mut bytes).unwrap();
            said.send(format!("{head}{}", String::from_utf8(bytes).unwrap()))
                .unwrap();
            let len = body.len();
            let answer = format!(
                "HTTP/1.1 {status} x\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, heard)
}

fn gatehouse(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_gatehouse");
    Command::new(program)
        .arg("routes")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn file(name: &str, content: &str) -> PathBuf {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("routes-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn one_route_is_shown_made_and_removed() {
    let (url, heard) = server(vec![
        (200, r#"{"backends":["http://10.0.0.1:80"]}"#),
        (201, "{}"),
        (204, ""),
        (204, ""),
    ]);
    let shown = gatehouse(&["get", "--api", &url, "a b/c", "--json"]);
    assert_eq!(
        text(&shown.stdout),
        "{\"backends\":[\"http://10.0.0.1:80\"]}\n"
    );
    assert_eq!(heard.recv().unwrap(), "GET /_apps/a%20b%2Fc\n");
    let key = file("key", "secret\n");
    let put = [
        "put",
        "--api",
        &url,
        "--key-file",
        key.to_str().unwrap(),
        "--id",
        "x",
        "--var",
        "a=b=c",
        "*.test",
        "http://10.0.0.1:80#weight=2",
    ];
    let made = gatehouse(&put);
    assert!(made.status.success() && made.stdout.is_empty(), "{made:?}");
    let request =
        "PUT /_apps/*.test\nauthorization: Bearer secret\ncontent-type: application/json\n";
    let route = r#"{"backends":["http://10.0.0.1:80#weight=2"],"id":"x","vars":{"a":"b=c"}}"#;
    assert_eq!(heard.recv().unwrap(), format!("{request}{route}"));
    assert!(
        gatehouse(&["rm", "--api", &url, "a.test", "b.test"])
            .status
            .success()
    );
    assert_eq!(
        heard.recv().unwrap(),
        "DELETE /_apps/a.test\ncontent-type: application/json\n"
    );
}

#[test]
fn a_route_without_backends_is_not_made_by_mistake() {
    let output = gatehouse(&["put", "--api", "http://127.0.0.1:1/", "a.test"]);
    let said = text(&output.stderr);
    assert!(
        output.status.code() == Some(2) && said.contains("<BACKENDS>..."),
        "{said}"
    );
}

#[test]
fn a_dash_is_standard_output() {
    let document = "{\"version\":1,\"routes\":{}}\n";
    let (url, _heard) = server(vec![(200, document), (200, document)]);
    for more in [&[][..], &["-"]] {
        let output = gatehouse(&[&["export", "--api", &url], more].concat());
        assert_eq!(text(&output.stdout), document);
    }
}

#[test]
fn a_backend_is_drained_and_enabled() {
    let (url, heard) = server(vec![(200, "{}"), (200, "{}"), (204, "")]);
    let backend = ["--api", &url, "a.test", "http://10.0.0.1:80"];
    assert!(
        gatehouse(&[&["drain"], &backend[..]].concat())
            .status
            .success()
    );
    let path =
        "/_apps/a.test/backends?url=http%3A%2F%2F10.0.0.1%3A80\ncontent-type: application/json\n";
    assert_eq!(
        heard.recv().unwrap(),
        format!("PATCH {path}{{\"drain\":true}}")
    );
    assert!(
        gatehouse(&[&["enable"], &backend[..]].concat())
            .status
            .success()
    );
    assert_eq!(
        heard.recv().unwrap(),
        format!("PATCH {path}{{\"drain\":false}}")
    );
    let path = "/_apps/a.test/backends/reset?url=http%3A%2F%2F10.0.0.1%3A80\n";
    assert!(heard.recv().unwrap().starts_with(&format!("POST {path}")));
}

const THERE: &str = r#"{"version":1,"routes":{
"a.test":{"backends":["http://10.0.0.1:80"],"vars":{"x":"1"}},
"same.test":{"backends":[{"url":"http://10.0.0.1:80","weight":2}]},
"gone.test":{"backends":[]}}}"#;

const OF_STORE: &str = r#"{"version":1,"routes":{"stored.test":{"backends":[]}}}"#;

#[test]
fn an_import_sends_what_differs() {
    let wanted = r#"{"version": 1, "routes": {
        "A.test": {"backends": ["http://10.0.0.2:80"], "keys": {"k": "s"}},
        "same.test.": {"backends": ["http://10.0.0.1:80#weight=2"]},
        "new.test": {"backends": []}}}"#;
    let path = file("wanted.json", wanted);
    let (url, heard) = server(vec![
        (200, THERE),
        (200, OF_STORE),
        (200, r#"{"created":1,"replaced":1,"removed":1}"#),
    ]);
    let done = gatehouse(&["import", "--api", &url, "--prune", path.to_str().unwrap()]);
    assert_eq!(
        text(&done.stdout),
        "1 created, 1 removed, 1 replaced\n",
        "{done:?}"
    );
    assert_eq!(heard.recv().unwrap(), "GET /_apps/?owner=api\n");
    assert_eq!(heard.recv().unwrap(), "GET /_apps/?owner=redis\n");
    let sent = heard.recv().unwrap();
    let body = sent.lines().last().unwrap();
    let patch: serde_json::Value = serde_json::from_str(body).unwrap();
    let expected = serde_json::json!({
        "A.test": {"backends": ["http://10.0.0.2:80"], "vars": null, "keys": {"k": "s"}},
        "new.test": {"backends": []},
        "gone.test": null,
        "stored.test": null,
    });
    assert_eq!(patch, expected);
}

#[test]
fn an_export_is_a_file_that_the_linter_likes_and_an_import_of_it_sends_nothing() {
    let path = file("exported.json", "old");
    let (url, _heard) = server(vec![(200, THERE), (200, THERE), (200, "{}")]);
    let export = ["export", "--api", &url, path.to_str().unwrap()];
    assert!(gatehouse(&export).status.success());
    assert_eq!(fs::read_to_string(&path).unwrap(), THERE);
    assert!(
        gatehouse(&["check", path.to_str().unwrap()])
            .status
            .success()
    );
    let done = gatehouse(&["import", "--api", &url, "--json", path.to_str().unwrap()]);
    assert_eq!(
        text(&done.stdout),
        "{\"created\":0,\"removed\":0,\"replaced\":0}\n"
    );
}

#[test]
fn exit_codes_tell_a_no_from_nobody_there() {
    let error =
        r#"{"error":{"code":"invalid_route","message":"not an array","pointer":"/backends"}}"#;
    let (url, _heard) = server(vec![
        (400, error),
        (503, r#"{"error":{"code":"busy","message":"later"}}"#),
        (404, "<html>"),
    ]);
    let get = |url: &str| gatehouse(&["get", "--api", url, "a.test"]);
    let code = |output: &Output| (output.status.code(), text(&output.stderr));
    assert_eq!(
        code(&get(&url)),
        (Some(1), "gatehouse: not an array at /backends\n".into())
    );
    assert_eq!(code(&get(&url)), (Some(3), "gatehouse: later\n".into()));
    let (status, message) = code(&get(&url));
    assert!(
        status == Some(1) && message.contains("is it a location of upstream_api?"),
        "{message}"
    );
    let (status, message) = code(&get("http://127.0.0.1:1/"));
    assert!(
        status == Some(3) && message.contains("http://127.0.0.1:1/a.test"),
        "{message}"
    );
    assert_eq!(get("https://a.test/").status.code(), Some(2));
    assert_eq!(
        gatehouse(&["list", "--key-file", "/none"]).status.code(),
        Some(2)
    );
}

#[test]
fn the_linter_names_file_and_place() {
    let good = file(
        "good.json",
        r#"{"a.test": {"backends": ["http://10.0.0.1:80", "http://name:80"]}}"#,
    );
    let good = good.to_str().unwrap();
    let output = gatehouse(&["check", good]);
    let said = "ok: 1 routes, 2 backends, 1 of them by name; \"zone ";
    assert!(text(&output.stdout).starts_with(said), "{output:?}");
    let bad = |content: &str| {
        let path = file("bad.json", content);
        let output = gatehouse(&["check", good, path.to_str().unwrap()]);
        let said = text(&output.stdout);
        let said = said
            .strip_prefix(&format!("{}: ", path.display()))
            .unwrap()
            .to_owned();
        (output.status.code(), said)
    };
    let weight = r#"{"b.test": {"backends": [{"url": "http://a", "weight": 0}]}}"#;
    let text = "weight is not 1 to 65535 at /b.test/backends/0/weight\n";
    assert_eq!(bad(weight), (Some(1), text.to_owned()));
    let text = "unexpected end of file at line 1 column 1\n";
    assert_eq!(bad("{"), (Some(1), text.to_owned()));
    let text = format!(
        "duplicate key \"A.test\", it is \"a.test\" at /A.test, file \"{good}\" has it too\n"
    );
    assert_eq!(bad(r#"{"A.test": {"backends": []}}"#), (Some(1), text));
    let exact = gatehouse(&[
        "check",
        "--match",
        "exact",
        "--json",
        file("x.json", r#"{"/A b": {"backends": []}}"#)
            .to_str()
            .unwrap(),
    ]);
    assert!(exact.status.success());
    assert!(serde_json::from_slice::<serde_json::Value>(&exact.stdout).unwrap()["ok"] == true);
}
