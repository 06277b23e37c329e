//! The runner against a stock nginx: blocks that must pass, fail and be skipped, and how it ends.

#![allow(
    clippy::unwrap_used,
    reason = "this whole file is a test, its helpers too"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nginx_prove::poll;

/// What each block of fail.t must be blamed for.
const BLAME: &[(&str, &str)] = &[
    ("body", "body differs at byte 0"),
    ("status by default", "status: expected 200, came 403"),
    ("header", "header X-A: expected `1`, came none"),
    (
        "missing error_log line",
        "error_log: no line with `never said`",
    ),
    ("unwanted error_log line", "no_error_log: `[error]` is in:"),
    ("undeclared severe line", "undeclared in the error log: 20"),
    ("must die but lives", "nginx must die, but it started"),
    ("does not start", "nginx did not start"),
    ("config_ok refused", "nginx -t must succeed"),
    ("unknown section", "did you mean `response_headers`?"),
    ("unknown filter", "unknown filter `evall`"),
    (
        "eval too clever",
        "only literals are understood here, not `map",
    ),
    (
        "undefined name",
        "$TEST_NGINX_NOBODY_SETS_THIS is not defined",
    ),
    (
        "no request",
        "no request, ws_connect, must_die or config_ok",
    ),
    ("array needed", "error_code must be an array"),
    ("timeout", "the client timed out after 0 bytes"),
    (
        "websocket says something else",
        "`recv text \"b\"`: came: text \"a\"",
    ),
    ("websocket refused", "status: expected 101, came 403"),
    ("websocket not refused", "status: expected 403, came 101"),
    (
        "websocket closed while open is expected",
        "still open was expected, close 1001",
    ),
    (
        "body too short",
        "the connection closed before the body was complete",
    ),
    ("file outside the root", "outside the server root"),
    ("a worker that dies", "undeclared in the error log: 20"),
    (
        "a text that never may come",
        "undeclared in the error log: 20",
    ),
    (
        "another message",
        "no line is `[emerg] unknown directive \"sense\" in …/nginx.conf",
    ),
    (
        "another line",
        "no line is `[emerg] unknown directive \"nonsense\" in …/nginx.conf:1`",
    ),
    (
        "accepted, but should not be",
        "nginx -t gave exit status: 0",
    ),
    (
        "refused, but should not be",
        "not expected: nginx: [emerg] unknown directive",
    ),
    (
        "a warning too many",
        "not expected: nginx: [warn] conflicting server name",
    ),
    (
        "a table with a request",
        "conf_cases: `request` has no meaning beside it",
    ),
    (
        "x",
        "conf_cases: `CASE` stands 0 times in the other sections",
    ),
    ("a row that says nothing", "conf_cases: `x` has no `=>`"),
];

/// An nginx to test with; without one these tests say so and prove nothing.
fn nginx() -> Option<PathBuf> {
    let named = std::env::var_os("TEST_NGINX_BINARY").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join("nginx"));
    let found = named
        .into_iter()
        .chain(installed)
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIP: no nginx here");
    }
    found
}

fn prove(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nginx-prove"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args);
    command
}

fn run(nginx: &Path, args: &[&str]) -> Output {
    prove(args).arg("--nginx").arg(nginx).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The diagnostics below each result line: `(result line, its # lines)`.
fn results(tap: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in tap.lines() {
        if line.starts_with("ok ") || line.starts_with("not ok ") {
            found.push((line.to_owned(), String::new()));
        } else if let (Some(note), Some(last)) = (line.strip_prefix("# "), found.last_mut()) {
            last.1.push_str(note);
            last.1.push('\n');
        }
    }
    found
}

#[test]
fn good_blocks_pass() {
    let Some(nginx) = nginx() else { return };
    let files = [
        "pass",
        "skip",
        "skip-file",
        "last",
        "serial",
        "planned",
        "given",
        "cases",
    ]
    .map(|name| format!("t/{name}.t"));
    let mut args: Vec<&str> = files.iter().map(String::as_str).collect();
    args.extend(["--provides", "luck", "--set", "WORD=given"]);
    args.extend(["--never", "forbidden"]);
    let output = run(&nginx, &args);
    let tap = text(&output);
    assert_eq!(output.status.code(), Some(0), "{tap}");
    let results = results(&tap);
    assert!(tap.contains(&format!("\n1..{}\n", results.len())));
    assert!(
        results.iter().all(|(line, _)| line.starts_with("ok ")),
        "{tap}"
    );
    let skipped: Vec<&str> = results
        .iter()
        .filter_map(|(line, _)| line.split_once(" # SKIP "))
        .map(|(_, reason)| reason)
        .collect();
    assert_eq!(skipped, ["not today", "nginx > 1.0.0", "requires fortune"]);
    let closing = format!("{} passed, 0 failed, 3 skipped", results.len() - 3);
    assert_eq!(tap.lines().last(), Some(closing.as_str()));
}

#[test]
fn bad_blocks_fail_for_the_right_reason() {
    let Some(nginx) = nginx() else { return };
    let output = run(&nginx, &["t/fail.t", "--never", "forbidden"]);
    let tap = text(&output);
    assert_eq!(output.status.code(), Some(1));
    let results = results(&tap);
    assert_eq!(results.len(), BLAME.len(), "{tap}");
    for ((line, notes), (title, reason)) in results.iter().zip(BLAME) {
        assert!(
            line.starts_with("not ok ") && line.ends_with(&format!(": {title}")),
            "{line} is not {title}"
        );
        assert!(
            notes.contains(reason),
            "{title} should be blamed for {reason}:\n{notes}"
        );
    }
    assert_eq!(
        tap.lines().last(),
        Some(format!("0 passed, {} failed, 0 skipped", BLAME.len()).as_str())
    );
}

#[test]
fn a_wrong_plan_fails_the_file() {
    let Some(nginx) = nginx() else { return };
    let output = run(&nginx, &["t/plan.t"]);
    let tap = text(&output);
    assert_eq!(output.status.code(), Some(1), "{tap}");
    let results = results(&tap);
    let (line, notes) = &results[0];
    assert!(
        line.starts_with("not ok ") && line.ends_with("plan.t: plan"),
        "{tap}"
    );
    assert!(
        notes.contains("planned 11 checks, the file makes 12"),
        "{tap}"
    );
    assert_eq!(tap.lines().last(), Some("2 passed, 1 failed, 0 skipped"));
}

#[test]
fn wrong_use_is_no_success() {
    let Some(nginx) = nginx() else { return };
    assert_eq!(run(&nginx, &[]).status.code(), Some(2));
    assert_eq!(run(&nginx, &["t/skip-file.t"]).status.code(), Some(2));
    assert_eq!(
        run(&nginx, &["t/pass.t", "--filter", "nothing is called so"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(run(&nginx, &["t/none-such.t"]).status.code(), Some(1));
    assert_eq!(
        run(&nginx, &["--live", "no_such_scenario"]).status.code(),
        Some(2)
    );
    assert_eq!(run(&nginx, &["--no-such-option"]).status.code(), Some(2));
    assert_eq!(
        run(Path::new("/bin/true"), &["t/pass.t"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_runner_told_to_stop_leaves_nothing() {
    let Some(nginx) = nginx() else { return };
    let base = std::env::temp_dir().join(format!("nginx-prove-stop-{}", std::process::id()));
    std::fs::create_dir_all(&base).unwrap();
    // The timeout block keeps its nginx busy; its server root shows when it runs.
    let mut child = prove(&["t/pass.t"])
        .arg("--nginx")
        .arg(&nginx)
        .env("TMPDIR", &base)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let own = format!("{}/", base.display());
    poll::until(Duration::from_secs(10), || {
        (!processes(&own).is_empty()).then_some(())
    })
    .expect("no nginx started");
    assert!(
        Command::new("kill")
            .arg(child.id().to_string())
            .status()
            .unwrap()
            .success()
    );
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(143));
    assert_eq!(processes(&own), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(&base).unwrap().count(), 0);
    std::fs::remove_dir(&base).unwrap();
}

/// Command lines of running processes that contain `text`.
fn processes(text: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .filter(|line| line.contains(text))
        .collect()
}
