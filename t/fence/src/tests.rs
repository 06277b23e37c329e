//! A small house with everything that may be wrong, each put in and found.

use std::path::Path;
use std::process::Command;

use crate::{cargo, checks, source, table};

const ROOMS: &str = r#"
manifests = ["Cargo.toml"]
lines = 20
share = 90
unsafe = ["low"]

[[room]]
name = "high"
paths = ["high"]
uses = ["low"]

[[room]]
name = "low"
paths = ["low"]
"#;

fn manifest(name: &str, more: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\nrust-version = \"1.85\"\n{more}"
    )
}

/// A house whose files are these, beside a sound base of them.
fn house(files: &[(&str, &str)]) -> tempfile::TempDir {
    let house = tempfile::tempdir().unwrap();
    let workspace = "[workspace]\nmembers = [\"high\", \"low\"]\nresolver = \"3\"\n";
    let uses_low = "[dependencies]\nlow = { path = \"../low\" }\n";
    let base = [
        ("Cargo.toml", workspace.to_owned()),
        ("t/fence/rooms.toml", ROOMS.to_owned()),
        ("high/Cargo.toml", manifest("high", uses_low)),
        ("high/src/lib.rs", "pub fn a() { low::b::c(); }".to_owned()),
        ("low/Cargo.toml", manifest("low", "")),
        (
            "low/src/lib.rs",
            "pub mod b;\npub use b::c;\npub struct Own;".to_owned(),
        ),
        ("low/src/b.rs", "pub fn c() { unsafe {} }".to_owned()),
    ];
    for (path, text) in &base {
        write(house.path(), path, text);
    }
    for (path, text) in files {
        write(house.path(), path, text);
    }
    let locked = Command::new("cargo")
        .args(["generate-lockfile", "--offline"])
        .current_dir(house.path())
        .output()
        .unwrap();
    assert!(locked.status.success(), "{locked:?}");
    house
}

fn write(house: &Path, path: &str, text: &str) {
    let path = house.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Everything that is wrong with it, one line each.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let house = house(files);
    let root = house.path();
    let table = table::read(&root.join("t/fence/rooms.toml")).unwrap();
    let packages = cargo::packages(root, &table.manifests).unwrap();
    let sources = source::read(root, &packages).unwrap();
    let checks = checks::all(root, &table, &packages, &sources).unwrap();
    checks.into_iter().flat_map(|(_, found)| found).collect()
}

#[test]
fn a_sound_house() {
    assert_eq!(found(&[]), Vec::<String>::new());
}

#[test]
fn circles_of_files() {
    let child = |text: &str| found(&[("low/src/b.rs", text)]);
    // The parent names its child and hands out what is in it: no use.
    assert_eq!(
        child("pub fn c() -> crate::Own { crate::Own }"),
        Vec::<String>::new()
    );
    let used = "mod b;\npub struct Own;\npub fn d() { b::c(); }";
    let circle = |child: &str| found(&[("low/src/lib.rs", used), ("low/src/b.rs", child)]);
    let both = [
        "a circle of 2 files:",
        "  low/src/b.rs -> low/src/lib.rs",
        "  low/src/lib.rs -> low/src/b.rs",
    ];
    for back in [
        "use crate::Own;\npub fn c() { let _: Own; }",
        "pub fn c() { let _ = super::Own; }",
        "pub fn c() { println!(\"{}\", crate::d()); }",
        "use super::*;\npub fn c() { use super::Own; }",
    ] {
        assert_eq!(circle(back), both, "{back}");
    }
    // Tests may know everybody, and words in strings and comments are no code.
    for fine in [
        "pub fn c() {}\n#[cfg(test)]\nmod tests { use crate::Own; }",
        "/// See [`crate::Own`].\npub fn c() { println!(\"crate::Own\"); }",
    ] {
        assert_eq!(circle(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn through_a_facade() {
    // `x` is handed out by lib.rs; that it is in b.rs makes the circle.
    let files = [
        (
            "low/src/lib.rs",
            "mod b;\nmod e;\npub use b::c;\npub use e::f;",
        ),
        ("low/src/b.rs", "pub fn c() { crate::f(); }"),
        ("low/src/e.rs", "use crate::c;\npub fn f() { c(); }"),
    ];
    assert_eq!(
        found(&files),
        [
            "a circle of 2 files:",
            "  low/src/b.rs -> low/src/e.rs",
            "  low/src/e.rs -> low/src/b.rs"
        ]
    );
}

#[test]
fn arrows_up() {
    let rooms = ROOMS.replace("uses = [\"low\"]", "");
    let files = [("t/fence/rooms.toml", rooms.as_str())];
    let wrong = "high may not use low: high/src/lib.rs -> low";
    assert_eq!(found(&files), [wrong]);
    let parts = format!("{ROOMS}[[room]]\nname = \"low/b\"\npaths = [\"low/src/b.rs\"]\n");
    let files = [
        ("t/fence/rooms.toml", parts.as_str()),
        ("low/src/b.rs", "pub fn c() -> crate::Own { crate::Own }"),
    ];
    let wrong = "low/b may not use low: low/src/b.rs -> low/src/lib.rs";
    assert_eq!(found(&files), [wrong]);
}

#[test]
fn known_arrows() {
    let known = |arrow: &str| {
        format!(
            "known = [\"{arrow}\"]\n{}",
            ROOMS.replace("uses = [\"low\"]", "")
        )
    };
    let listed = known("high/src/lib.rs -> low");
    assert_eq!(
        found(&[("t/fence/rooms.toml", &listed)]),
        Vec::<String>::new()
    );
    let gone = format!("known = [\"high/src/lib.rs -> low\"]\n{ROOMS}");
    assert_eq!(
        found(&[("t/fence/rooms.toml", &gone)]),
        ["high/src/lib.rs -> low"]
    );
}

#[test]
fn files_of_fields() {
    let rooms = format!("fields = [\"low/src/lib.rs\"]\n{ROOMS}");
    let child = "pub struct C;\npub fn c() { let _: crate::Own; unsafe {} }";
    let with = |lib: &str| {
        found(&[
            ("t/fence/rooms.toml", &rooms),
            ("low/src/b.rs", child),
            ("low/src/lib.rs", lib),
        ])
    };
    let fields = "pub mod b;\npub struct Own { pub c: b::C }";
    assert_eq!(with(fields), Vec::<String>::new());
    let function = format!("{fields}\npub fn d() {{}}");
    assert_eq!(with(&function), ["low/src/lib.rs"]);
}

#[test]
fn sizes_and_unsafe_code() {
    let long = "\n".repeat(21);
    assert_eq!(
        found(&[("low/src/b.rs", &format!("pub fn c() {{}}{long}"))]),
        ["low/src/b.rs: 21 lines", "low: 24 of 25 lines, 96 %"]
    );
    let code = "pub fn a() { low::c(); m!(unsafe {}) }";
    assert_eq!(found(&[("high/src/lib.rs", code)]), ["high/src/lib.rs"]);
    let outside = [
        ("high/build.rs", "fn main() {}"),
        (
            "t/fence/rooms.toml",
            &ROOMS.replace("paths = [\"high\"]", "paths = [\"high/src\"]"),
        ),
    ];
    assert!(found(&outside).contains(&"high/build.rs".to_owned()));
}

#[test]
fn chains() {
    let with = |condition: &str| {
        let code = format!("pub fn a() {{ low::c(); {condition} {{}} }}");
        found(&[("high/src/lib.rs", &code)])
    };
    let plain = "if let Some(1) = b().filter(|n| *n > 0 && true)";
    assert_eq!(with(plain), Vec::<String>::new());
    for chain in [
        "if let Some(1) = b() && true",
        "while true && let Some(1) = b() && c()",
    ] {
        assert_eq!(with(chain), ["high/src/lib.rs"], "{chain}");
    }
}

#[test]
fn dependencies() {
    let unused = [(
        "high/src/lib.rs",
        "pub fn a() { let low = (); let _ = \"low\"; }",
    )];
    assert_eq!(found(&unused), Vec::<String>::new(), "a name is a name");
    let unused = [(
        "high/src/lib.rs",
        "/// low\npub fn a() { let _ = \"low\"; }",
    )];
    assert_eq!(found(&unused), ["high does not use low"]);
    let newer = manifest("low", "").replace("1.85", "1.99.1");
    assert_eq!(
        found(&[("low/Cargo.toml", &newer)]),
        ["low 1.0.0 needs Rust 1.99.1"]
    );
}
