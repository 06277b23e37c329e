//! `gatehouse token`, as a user runs it.
#![allow(clippy::unwrap_used)] // helpers outside #[test] functions

mod arguments;
mod cdns;
mod hmac;
mod jwt;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .arg("token")
        .args(arguments)
        .output()
        .unwrap()
}

/// Exit code and the text that goes with it: a result, maybe with warnings, or a message, never both.
fn answer(arguments: &[&str]) -> (i32, String) {
    let output = run(arguments);
    let code = output.status.code().unwrap();
    let (text, other) = if code == 0 || output.stderr.is_empty() {
        (output.stdout, output.stderr)
    } else {
        (output.stderr, output.stdout)
    };
    let other = String::from_utf8(other).unwrap();
    let mut other = other.lines();
    assert!(
        other.all(|line| code == 0 && line.starts_with(WARNING)),
        "{arguments:?}: {other:?}"
    );
    (code, String::from_utf8(text).unwrap().trim_end().to_owned())
}

const WARNING: &str = "gatehouse: warning: ";

/// What is said on standard error, a sentence each, by what must be done.
fn warnings(arguments: &[&str]) -> Vec<String> {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let lines = text.lines().map(|line| line.strip_prefix(WARNING).unwrap());
    lines.map(str::to_owned).collect()
}

/// Exit code and first line.
fn verdict(arguments: &[&str]) -> (i32, String) {
    let (code, text) = answer(arguments);
    (code, text.lines().next().unwrap_or_default().to_owned())
}

/// What must be done and answered in JSON.
fn json(arguments: &[&str], code: i32) -> Value {
    let (got, text) = answer(&[arguments, &["--json"]].concat());
    assert_eq!(got, code, "{arguments:?}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// A key file of its own for one test, removed at its end.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(name: &str, key: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}.key", std::process::id()));
        fs::write(&path, format!("{key}\n")).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The cases of one scheme in t/data/token.json.
fn vectors(scheme: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../t/data/token.json");
    let all: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    all.get(scheme).unwrap().as_array().unwrap().clone()
}

/// The arguments of `sign` for a key file, at 2023-11-14T22:13:20Z.
fn signing<'a>(format: &'a str, key: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let common = [
        "sign",
        "--format",
        format,
        "--key-file",
        key,
        "--now",
        "1700000000",
    ];
    [&common[..], more].concat()
}

#[test]
fn scalesimple_vectors_are_signed_alike() {
    let mut signed = 0;
    for case in vectors("scalesimple") {
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let request = text("request_uri");
        // strict_valid is false where the original accepts what nobody should sign.
        let good = case["valid"] == true && case["strict_valid"] != false;
        let (Some(at), true) = (request.find("ss_token="), good && text("location") == "url")
        else {
            continue;
        };
        let mut fields = request[at..].split('&');
        let token = fields.next().unwrap();
        let expiry = request.split("ss_expiration=").nth(1).unwrap();
        let expiry: String = expiry.chars().take_while(char::is_ascii_digit).collect();
        let key = KeyFile::new(&format!("scalesimple-{signed}"), text("key"));
        let url = text("signed_url");
        let common = ["--format", "scalesimple", "--key-file", key.path()];
        let (code, link) = answer(
            &[
                &["sign"],
                &common[..],
                &["--url", url, "--expires", &expiry, "--now", "0"],
            ]
            .concat(),
        );
        let mark = if url.contains('?') { '&' } else { '?' };
        assert_eq!(
            (code, link),
            (0, format!("{url}{mark}{token}&ss_expiration={expiry}")),
            "{}",
            case["name"]
        );
        let now = case["now"].to_string();
        let verify = [&["verify"], &common[..], &["--url", request, "--now", &now]].concat();
        assert_eq!(
            verdict(&verify),
            (0, "status     ok".to_owned()),
            "{}",
            case["name"]
        );
        signed += 1;
    }
    assert!(signed >= 2, "{signed} cases");
}

#[test]
fn secure_link_vectors_are_signed_alike() {
    let mut signed = 0;
    for case in vectors("nginx_secure_link") {
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let (value, input) = (text("secure_link_value"), text("md5_input_at_edge"));
        let (Some((_, expires)), Some(rest)) =
            (value.split_once(','), input.strip_suffix(" secret"))
        else {
            continue;
        };
        let Some(rest) = rest
            .strip_prefix(expires)
            .filter(|_| case["valid"] == true && !value.contains('='))
        else {
            continue;
        };
        let key = KeyFile::new(&format!("secure_link-{signed}"), "secret");
        let message = format!("{{expires}}{rest} {{key}}");
        let arguments = [
            "sign",
            "--format",
            "secure_link",
            "--key-file",
            key.path(),
            "--message",
            &message,
            "--expires",
            expires,
            "--now",
            "0",
        ];
        assert_eq!(
            answer(&arguments),
            (0, value.to_owned()),
            "{}",
            case["name"]
        );
        signed += 1;
    }
    assert!(signed >= 2, "{signed} cases");
}

#[test]
fn links_are_signed_and_verified() {
    let key = KeyFile::new("links", "k");
    let message = ["--message", "{expires}/a"];
    for (format, extra) in [("scalesimple", &[][..]), ("secure_link", &message[..])] {
        let common = [&["--format", format, "--key-file", key.path()], extra].concat();
        let url = "https://cdn.example.com/a?x=1";
        let (code, link) = answer(
            &[
                &["sign"],
                &common[..],
                &["--url", url, "--expires", "1700000600"],
                &["--now", "1700000000"],
            ]
            .concat(),
        );
        assert!(
            code == 0 && link.starts_with("https://cdn.example.com/a?x=1&"),
            "{link}"
        );
        let verify = |url: &str, now: &str| {
            verdict(&[&["verify"], &common[..], &["--url", url, "--now", now]].concat())
        };
        let is = |code: i32, status: &str| (code, format!("status     {status}"));
        assert_eq!(verify(&link, "1700000600"), is(0, "ok"));
        assert_eq!(verify(&link, "1700000601"), is(1, "expired"));
        assert_eq!(
            verify(&link.replace("600", "900"), "1700000000"),
            is(1, "invalid")
        );
        assert_eq!(verify(url, "1700000000"), is(1, "missing"));
    }
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let key = KeyFile::new("refused", "k");
    let sign = |arguments: &[&str]| {
        answer(
            &[
                &[
                    "sign",
                    "--key-file",
                    key.path(),
                    "--expires",
                    "+600",
                    "--format",
                ],
                arguments,
            ]
            .concat(),
        )
    };
    let (code, message) = sign(&["scalesimple", "--url", "/a?ss_token=x"]);
    assert!(
        code == 1 && message.starts_with("gatehouse: \"/a?ss_token=x\" cannot be signed"),
        "{message}"
    );
    assert_eq!(
        sign(&["scalesimple"]),
        (2, "gatehouse: scalesimple signs a --url".to_owned())
    );
    assert_eq!(
        sign(&["secure_link"]),
        (2, "gatehouse: secure_link signs a --message".to_owned())
    );
    assert_eq!(sign(&["cwt"]).0, 2);
    let (code, message) = sign(&["scalesimple", "--url", "/a", "--encoding", "hex"]);
    assert!(
        code == 1 && message.ends_with("key is not hex"),
        "{message}"
    );
    let empty = KeyFile::new("empty", "");
    let arguments = [
        "sign",
        "--format",
        "scalesimple",
        "--key-file",
        empty.path(),
        "--url",
        "/",
        "--expires",
        "+1",
    ];
    let (code, message) = answer(&arguments);
    assert!(code == 1 && message.ends_with("key is empty"), "{message}");
}
