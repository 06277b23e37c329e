//! `gatehouse geoip`, as a user runs it.
#![allow(clippy::unwrap_used)] // helpers outside #[test] functions

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixListener;
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

/// What is said on standard error, a line each, by a run that must be done.
fn warned(arguments: &[&str]) -> Vec<String> {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    text.lines().map(str::to_owned).collect()
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
    for country in ["FRA", "F", "A1", "France"] {
        assert_eq!(
            line(&format!("198.51.100.0/24,{country},EU,yes")),
            format!("line 2: country \"{country}\" is not two letters")
        );
    }
    assert!(!Path::new(&out).exists());
}

#[test]
fn mistakes_in_json_are_named() {
    let folder = Folder::new("json-mistakes");
    let out = folder.path("a.mmdb");
    let told = |json: &str| {
        let source = folder.write("a.json", json.as_bytes());
        let message = failed(1, &["geoip", "make", &source, &out]);
        let message = message.strip_prefix(&format!("gatehouse: {source}: "));
        message.unwrap().trim_end().to_owned()
    };
    for json in ["[]", "7", "null", r#"[{"network": "192.0.2.0/24"}]"#] {
        assert_eq!(told(json), "it is no object of networks and their records");
    }
    assert_eq!(told(""), "it is empty");
    assert_eq!(told(" \n"), "it is empty");
    assert!(told("{").contains("line 1 column 1"));
    assert_eq!(
        told(r#"{"192.0.2.0/24": {"country": {"iso_code": "FRA"}}}"#),
        "192.0.2.0/24: country \"FRA\" is not two letters"
    );
    assert!(!Path::new(&out).exists());
}

#[test]
fn what_no_rule_matches_is_warned_about() {
    let folder = Folder::new("doubts");
    let out = folder.path("a.mmdb");
    let told = |name: &str, content: &str| {
        let source = folder.write(name, content.as_bytes());
        let start = format!("gatehouse: warning: {source}: ");
        let lines = warned(&["geoip", "make", &source, &out]);
        let lines = lines.iter().map(|line| line.strip_prefix(&start).unwrap());
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let uk = "\"UK\" is no country of ISO 3166-1: the United Kingdom is \"GB\"";
    let continent = "\"XX\" is no continent, it must be AF, AN, AS, EU, NA, OC or SA";
    let bits = "low address bits of 1.2.3.1/24 are meaningless";
    assert_eq!(
        told(
            "a.csv",
            "192.0.2.0/24,gb,eu,no\n192.0.3.0/24,UK,XX,no\n1.2.3.1/24,XK,EU,no\n\
             192.0.4.0/24,uk,EU,no\n192.0.5.1,,,\n2001:db8::1/32,,,\n\
             ::ffff:192.0.6.0/120,,,\n"
        ),
        [
            format!("line 2: {uk}"),
            format!("line 2: {continent}"),
            format!("line 3: {bits}"),
            // What was said about a country is not said again.
            "line 6: low address bits of 2001:db8::1/32 are meaningless".to_owned(),
            "line 7: ::ffff:192.0.6.0/120 is never looked up, its addresses are IPv4: write 192.0.6.0/24"
                .to_owned(),
        ]
    );
    assert_eq!(
        done(&["geoip", "lookup", &out, "1.2.3.200"]),
        "network    1.2.3.0/24\ncountry    XK\ncontinent  EU\neu         no\n"
    );
    assert_eq!(
        told(
            "a.json",
            r#"{"1.2.3.1/24": {"country": {"iso_code": "UK"}, "continent": {"code": "XX"}}, "::/8": {"country": 7}}"#
        ),
        [
            format!("1.2.3.1/24: {bits}"),
            format!("1.2.3.1/24: {uk}"),
            format!("1.2.3.1/24: {continent}"),
        ]
    );
}

#[test]
fn only_a_regular_file_is_replaced() {
    let folder = Folder::new("out");
    let source = folder.write("a.csv", CSV.as_bytes());
    let make = |out: &str| failed(2, &["geoip", "make", &source, out]);
    let refused = |out: &str| {
        assert_eq!(
            make(out),
            format!("gatehouse: {out} is not a regular file\n")
        );
    };
    let (fifo, socket, directory) = (folder.path("fifo"), folder.path("socket"), folder.path("d"));
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let _listener = UnixListener::bind(&socket).unwrap();
    fs::create_dir(&directory).unwrap();
    let to_fifo = folder.path("to-fifo");
    symlink("fifo", &to_fifo).unwrap();
    for out in [&fifo, &socket, &directory, &to_fifo] {
        refused(out);
    }
    let kind = |path: &str| fs::symlink_metadata(path).unwrap().file_type();
    assert!(kind(&fifo).is_fifo() && kind(&socket).is_socket() && kind(&directory).is_dir());
    assert!(kind(&to_fifo).is_symlink());

    // Nor is what the database is made from, by whatever name.
    let to_source = folder.path("to-source");
    symlink("a.csv", &to_source).unwrap();
    for out in [&source, &to_source] {
        assert_eq!(
            make(out),
            format!("gatehouse: {out} is the file that the database is made from\n")
        );
    }
    assert_eq!(fs::read(&source).unwrap(), CSV.as_bytes());

    // A symbolic link is followed, also to a file that is not there yet.
    let (link, linked) = (folder.path("link"), folder.path("d/a.mmdb"));
    symlink("d/a.mmdb", &link).unwrap();
    let again = folder.path("again");
    symlink("link", &again).unwrap();
    for out in [&again, &link] {
        done(&["geoip", "make", &source, out]);
        assert!(kind(&link).is_symlink() && kind(&again).is_symlink() && kind(&linked).is_file());
        done(&["geoip", "check", &linked]);
    }
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    let (round, about) = (folder.path("round"), folder.path("about"));
    symlink("about", &round).unwrap();
    symlink("round", &about).unwrap();
    assert!(make(&round).starts_with(&format!("gatehouse: {round}: ")));
    assert!(kind(&round).is_symlink());
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

#[test]
fn a_device_without_an_end_is_given_up() {
    for arguments in [
        &["geoip", "check", "/dev/zero"][..],
        &["geoip", "lookup", "192.0.2.1", "--db", "/dev/zero"],
        &["geoip", "check", "/dev/zero", "192.0.2.1"],
    ] {
        let error = failed(1, arguments);
        assert!(
            error.contains("/dev/zero: longer than 256 MiB, and no regular file"),
            "{error}"
        );
    }
}
