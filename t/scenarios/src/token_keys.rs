//! Key files of token profiles that workers read again: renamed, overwritten, deleted, broken, reloaded.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// `/` says who answers; `other` is another profile, whose file shows that every file was looked at.
const CONF: &str = r#"worker_processes 2;
http {
    token_profile p { format jwt; key file=key reload=200ms; jwks file=set.json refresh=200ms; }
    token_profile q { format jwt; key id=q file=other reload=200ms; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location = /p { token_auth p; token_auth_dry_run on; token_auth_log_level info; try_files /none @said; }
        location = /q { token_auth q; token_auth_dry_run on; token_auth_log_level info; try_files /none @said; }
        location @said { return 200 "$token_auth_status $token_auth_key_id $pid"; }
    }
}"#;

/// Two secrets, and tokens by HS256 with `{"exp":4000000000,"sub":"u"}`: without a `kid`, and with the `kid` `a` and `b`.
pub(super) const A: &[u8] = b"0123456789abcdef0123456789abcdef";
pub(super) const B: &[u8] = b"fedcba9876543210fedcba9876543210";
pub(super) const BY_A: &str = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjQwMDAwMDAwMDAsInN1YiI6InUifQ.cl0RKFRZwQLZqMTq47NOkMclZIOfSw-qsTciihLouag";
pub(super) const BY_B: &str = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjQwMDAwMDAwMDAsInN1YiI6InUifQ.VK4MQKR7jVqsj18gJlwQqtImGdmNKFyDwTT4spcVvQc";
pub(super) const KID_A: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.eyJleHAiOjQwMDAwMDAwMDAsInN1YiI6InUifQ.m4WDaBsyrq_1cugUdQt1BLfvTfGwkP1fb-pUXFf2T5c";
pub(super) const KID_B: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImIifQ.eyJleHAiOjQwMDAwMDAwMDAsInN1YiI6InUifQ.OWxmfIdwy33i5pvgj0m__aa_IUTHFAYGZU7MjJSSegg";

/// A set with one of the secrets under a name.
pub(super) fn set(kid: &str, secret: &[u8]) -> String {
    let k = data_encoding::BASE64URL_NOPAD.encode(secret);
    format!("{{\"keys\":[{{\"kty\":\"oct\",\"kid\":\"{kid}\",\"k\":\"{k}\"}}]}}")
}

pub(super) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// Waits until all workers say `wanted` of a token.
fn wait_for(server: &Server, path: &str, token: &str, wanted: &str) -> Result<(), String> {
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    let workers = server.configured_workers();
    let reached = poll::until(DEADLINE, || {
        let body = server.get(path, &bearer(token)).ok()?.text();
        let (said, pid) = body.rsplit_once(' ')?;
        last.insert(pid.to_owned(), said.to_owned());
        let alive = server.worker_pids();
        last.retain(|pid, _| alive.iter().any(|one| one.to_string() == *pid));
        (last.len() == workers && last.values().all(|said| said == wanted)).then_some(())
    });
    reached.ok_or_else(|| {
        format!(
            "{path}: not every worker says {wanted}: {last:?}\n{}",
            server.log()
        )
    })
}

/// Replaces the other profile's key there and back: when that is seen, every file was looked at again.
fn another_look(server: &Server) -> Result<(), String> {
    for (key, token) in [(B, BY_B), (A, BY_A)] {
        server.write_file("conf/other", key)?;
        wait_for(server, "/q", token, "ok q")?;
    }
    Ok(())
}

fn setup(env: &Env) -> Result<Setup<'_>, String> {
    Setup::new(env)?
        .file("conf/key", A)?
        .file("conf/other", A)?
        .file("conf/set.json", set("a", A).as_bytes())
}

/// A good file takes over in every worker; a bad one is refused with one line, and the old keys stay.
pub(super) fn replace(env: &Env) -> Result<(), String> {
    let mut server = setup(env)?.start(CONF)?;
    wait_for(&server, "/p", BY_A, "ok ")?;
    wait_for(&server, "/p", KID_B, "invalid ")?;
    // Renamed into place, and written over in place.
    server.write_file("conf/key", B)?;
    wait_for(&server, "/p", BY_B, "ok ")?;
    let path = server.root().join("conf/key");
    fs::write(&path, A).map_err(|e| e.to_string())?;
    wait_for(&server, "/p", BY_A, "ok ")?;
    wait_for(&server, "/p", BY_B, "invalid ")?;
    server.write_file("conf/set.json", set("b", B).as_bytes())?;
    wait_for(&server, "/p", KID_B, "ok b")?;
    // The set had the secret under this name; the file still has it.
    wait_for(&server, "/p", KID_A, "ok ")?;

    let refused = "the old keys stay in use";
    server.write_file("conf/key", b"")?;
    server.wait_log(
        r#"\[error\] .*token_profile "p": key file ".*/conf/key" is empty, the old keys stay"#,
        DEADLINE,
    )?;
    server.write_file("conf/set.json", b"<html>")?;
    server.wait_log(
        r#"\[error\] .*token_profile "p": key file ".*/conf/set.json" is not jwks, the old keys stay"#,
        DEADLINE,
    )?;
    another_look(&server)?;
    server.expect_lines(refused, 2)?;
    wait_for(&server, "/p", BY_A, "ok ")?;
    wait_for(&server, "/p", KID_B, "ok b")?;
    fs::remove_file(&path).map_err(|e| e.to_string())?;
    server.wait_log(
        r#"\[error\] .*key file ".*/conf/key" cannot be read \(2: No such file or directory\), the old keys stay"#,
        DEADLINE,
    )?;
    another_look(&server)?;
    server.expect_lines(refused, 3)?;
    wait_for(&server, "/p", BY_A, "ok ")?;

    // A weak one, for everybody, with CRLF: it is used, and each is said once.
    server.write_file("conf/key", b"weak\r\n")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).map_err(|e| e.to_string())?;
    for doubt in [
        "is used, but a secret is shorter than the hash",
        "ends in CRLF, both bytes are dropped",
    ] {
        server.wait_log(&format!(r"\[warn\] .*conf/key. {doubt}"), DEADLINE)?;
    }
    wait_for(&server, "/p", BY_A, "invalid ")?;
    another_look(&server)?;
    server.expect_lines("ends in CRLF", 1)?;
    server.write_file("conf/set.json", set("b", B).as_bytes())?;
    another_look(&server)?;
    // A worker that starts later has the keys of the file, not those of the configuration.
    server.kill_worker()?;
    wait_for(&server, "/p", BY_A, "invalid ")?;
    // A secret is nowhere.
    for secret in [A, B] {
        server.expect_lines(&String::from_utf8_lossy(secret), 0)?;
    }
    server.stop()
}

const ROOT_ONLY: &str = r#"worker_processes 1; user nobody nogroup;
http {
    token_profile p { format jwt; key file=key reload=200ms; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / { token_auth p; return 204; }
    }
}"#;

/// A file that only the master may read: one line at the start, and none later.
pub(super) fn root_only(env: &Env) -> Result<(), String> {
    let setup = Setup::new(env)?.file("conf/key", A)?;
    let path = setup.path().join("conf/key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(|e| e.to_string())?;
    let server = setup.start(ROOT_ONLY)?;
    let line = "cannot be read again by the workers";
    server.wait_log(
        r#"\[warn\] .*key file ".*/conf/key" cannot be read again by the workers, whose user is \d+: changes need a reload"#,
        DEADLINE,
    )?;
    let status = server.get("/", &bearer(BY_A))?.status;
    // One on the terminal, one in the log.
    let looked = poll::until(Duration::from_secs(2), || {
        (server.log().matches(line).count() > 2).then_some(())
    });
    if looked.is_some() || status != 204 {
        return Err(format!("{status}\n{}", server.log()));
    }
    server.stop()
}
