//! `gatehouse geoip`, as a user runs it.
#![allow(clippy::unwrap_used)] // helpers outside #[test] functions

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Standard output of a run that must be done.
fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Standard error of a run that must end with that exit code.
fn failed(code: i32, arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {output:?}"
    );
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A folder of its own for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const CSV: &str = "network,country,continent,eu,city\n\
    192.0.2.0/24,FR,EU,yes,\"Lyon, Rhône\"\n\
    192.0.2.9,RU,EU,no\n\
    2001:db8::/32,,AN,\n";

#[test]
fn a_database_from_csv() {
    let folder = Folder::new("csv");
    let (source, out) = (folder.write("a.csv", CSV.as_bytes()), folder.path("a.mmdb"));
    assert_eq!(
        done(&[
            "geoip",
            "make",
            &source,
            &out,
            "--type",
            "Mine",
            "--epoch",
            "1700000000"
        ]),
        ""
    );
    assert_eq!(
        done(&["geoip", "check", &out]),
        "type       Mine\nbuilt      2023-11-14T22:13:20Z\naddresses  IPv4 and IPv6\nnodes      157\nfields     country continent eu\n"
    );
    assert_eq!(
        done(&["geoip", "lookup", &out, "192.0.2.1"]),
        "network    192.0.2.0/29\ncountry    FR\ncontinent  EU\neu         yes\n"
    );
    assert_eq!(
        done(&["geoip", "lookup", &out, "::ffff:192.0.2.9"]),
        "network    192.0.2.9/32\ncountry    RU\ncontinent  EU\neu         no\n"
    );
    assert_eq!(
        done(&["geoip", "lookup", &out, "2001:db8::1"]),
        "network    2001:db8::/32\ncountry    -\ncontinent  AN\neu         -\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&done(&["geoip", "lookup", &out, "192.0.2.200", "--json"])).unwrap();
    assert_eq!(json["record"]["city"]["names"]["en"], "Lyon, Rhône");
    assert_eq!(
        (&json["address"], &json["network"]),
        (&"192.0.2.200".into(), &"192.0.2.128/25".into())
    );
    assert!(
        fs::read_dir(&folder.0).unwrap().count() == 2,
        "nothing is left beside the database"
    );
}

#[test]
fn a_database_from_json() {
    let folder = Folder::new("json");
    let source = folder.write(
        "a.json",
        br#"{"192.0.2.0/24": {"country": {"iso_code": "FR"}, "n": 7}}"#,
    );
    let out = folder.path("a.mmdb");
    done(&["geoip", "make", &source, &out]);
    let json: serde_json::Value =
        serde_json::from_str(&done(&["geoip", "check", &out, "--json"])).unwrap();
    assert_eq!(
        (&json["type"], &json["ip_version"]),
        (&"Gatehouse-Country".into(), &6.into())
    );
    assert_eq!(json["fields"], serde_json::json!(["country"]));
    assert!(json["build_epoch"].as_u64().unwrap() > 1_700_000_000);
    let json: serde_json::Value =
        serde_json::from_str(&done(&["geoip", "lookup", &out, "192.0.2.1", "--json"])).unwrap();
    assert_eq!(json["record"]["n"], 7);
}

#[test]
fn what_is_not_there_is_refused() {
    let folder = Folder::new("refused");
    let (source, out) = (folder.write("a.csv", CSV.as_bytes()), folder.path("a.mmdb"));
    done(&["geoip", "make", &source, &out]);
    let message = failed(1, &["geoip", "lookup", &out, "198.51.100.1"]);
    assert_eq!(
        message,
        format!("gatehouse: {out}: nothing about 198.51.100.1\n")
    );
    assert!(failed(1, &["geoip", "check", &source]).ends_with("not a MaxMind DB file\n"));
    let mut bytes = fs::read(&out).unwrap();
    bytes[1] ^= 0x10;
    let broken = folder.write("broken.mmdb", &bytes);
    assert!(failed(1, &["geoip", "check", &broken]).contains("invalid MaxMind DB file"));
}

#[test]
fn mistakes_in_a_source_are_named() {
    let folder = Folder::new("mistakes");
    let out = folder.path("a.mmdb");
    let line = |line: &str| {
        let source = folder.write(
            "a.csv",
            format!("192.0.2.0/24,FR,EU,yes\n{line}\n").as_bytes(),
        );
        let message = failed(1, &["geoip", "make", &source, &out]);
        message
            .strip_prefix(&format!("gatehouse: {source}: "))
            .unwrap()
            .trim_end()
            .to_owned()
    };
    assert_eq!(
        line("192.0.2.0/33,FR,EU,yes"),
        "line 2: invalid network \"192.0.2.0/33\""
    );
    assert_eq!(
        line("198.51.100.0/24,FR,EU,true"),
        "line 2: eu is \"true\", not yes or no"
    );
    assert_eq!(
        line("198.51.100.0/24,FR"),
        "line 2: 2 fields, not network,country,continent,eu[,city]"
    );
    assert_eq!(
        line("192.0.2.1/24,FR,EU,yes"),
        "line 2: 192.0.2.1/24 is there twice"
    );
    assert!(!Path::new(&out).exists());
}

#[test]
fn an_empty_database_is_neither_made_nor_good() {
    let folder = Folder::new("empty");
    let out = folder.path("a.mmdb");
    for (name, content) in [
        ("none.csv", ""),
        ("heading.csv", "network,country,continent,eu\n"),
        ("lines.csv", "\n\n"),
        ("none.json", "{}"),
    ] {
        let source = folder.write(name, content.as_bytes());
        assert_eq!(
            failed(1, &["geoip", "make", &source, &out]),
            format!("gatehouse: {source}: there are no networks\n")
        );
        assert!(!Path::new(&out).exists(), "{name}");
    }
    let source = folder.write("all.json", br#"{"::/1": {"country": {"iso_code": "FR"}}}"#);
    done(&["geoip", "make", &source, &out]);
    let mut bytes = fs::read(&out).unwrap();
    bytes[..6].copy_from_slice(&[0, 0, 1, 0, 0, 1]);
    let empty = folder.write("empty.mmdb", &bytes);
    assert_eq!(
        failed(1, &["geoip", "check", &empty]),
        format!("gatehouse: {empty}: invalid MaxMind DB file: it has no networks\n")
    );
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_wrong_use() {
    let folder = Folder::new("files");
    let (none, out) = (folder.path("none.mmdb"), folder.path("a.mmdb"));
    let missing = |path: &str| format!("gatehouse: {path}: No such file or directory\n");
    assert_eq!(failed(2, &["geoip", "check", &none]), missing(&none));
    assert_eq!(
        failed(2, &["geoip", "lookup", &none, "::1"]),
        missing(&none)
    );
    let source = folder.path("none.csv");
    assert_eq!(
        failed(2, &["geoip", "make", &source, &out]),
        missing(&source)
    );
    let source = folder.write("a.csv", CSV.as_bytes());
    let nowhere = folder.path("no/folder/a.mmdb");
    assert_eq!(
        failed(2, &["geoip", "make", &source, &nowhere]),
        missing(&nowhere)
    );
}

#[test]
fn wrong_use_is_told_apart() {
    assert!(
        failed(2, &["geoip", "make", "a.txt", "b.mmdb"])
            .contains("a.txt is neither .csv nor .json")
    );
    assert!(failed(2, &["geoip", "lookup", "a.mmdb", "localhost"]).contains("localhost"));
    assert!(failed(2, &["geoip"]).contains("Usage"));
    assert!(done(&["geoip", "make", "--help"]).contains("network,country,continent,eu and"));
}
