//! Path tokens in odd paths: what a backend parses is the path that was checked, and the token is gone.

use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

/// `back` says which path it has parsed, and which one was checked before it was asked.
const CONF: &str = r#"http {
    token_profile p { format scalesimple; key file=key; from path; }
    token_auth p;
    token_auth_log_level info;
    proxy_set_header Host back;
    proxy_set_header X-Checked $uri;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT default_server;
        server_name dry;
        token_auth_dry_run on;
        location / { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; }
        location /a/ { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        server_name target;
        token_auth_dry_run on;
        location / { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT$request_uri; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        server_name any;
        satisfy any;
        allow all;
        location / { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        server_name page;
        location / { error_page 403 = @page; root html; }
        location @page { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        server_name back;
        token_auth off;
        location / { return 200 "$uri\n$http_x_checked\n$request_uri\n"; }
    }
}"#;

const TOKEN: &str = "0123456789abcdef0123456789abcdef,4000000000";

const PIECES: [&str; 20] = [
    "/", "/", "/", "/", "a", "b", ".", "..", "/..", "/.", "//", "%2e", "%2F", "%2e%2E/", "%25",
    "%3F", "T", "/T/", "/T/", "?x=/",
];

/// Sends paths of random pieces, the same ones in every run.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let server = Setup::new(env)?.file("conf/key", b"secret")?.start(CONF)?;
    let mut random = 1u32;
    let mut checked = 0u32;
    for _ in 0..1500 {
        let mut target = "/".to_owned();
        for _ in 0..9 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let piece = PIECES.iter().cycle().nth((random >> 16) as usize);
            target.push_str(piece.copied().unwrap_or("/"));
        }
        let target = target.replace('T', TOKEN);
        let hosts = ["dry", "target", "any", "page"];
        let host = hosts.get((random >> 8) as usize % hosts.len());
        let host = host.copied().unwrap_or("dry");
        checked = checked.saturating_add(u32::from(check(&server, host, &target)?));
    }
    if checked < 300 {
        return Err(format!("only {checked} paths reached the backend"));
    }
    server.stop()
}

/// Whether the backend was asked; an error when it was asked for something else.
fn check(server: &Server, host: &str, target: &str) -> Result<bool, String> {
    let response = server.get(target, &format!("Host: {host}"))?;
    if response.status != 200 {
        return Ok(false);
    }
    let body = String::from_utf8_lossy(&response.body).into_owned();
    let mut lines = body.lines();
    let mut line = || lines.next().unwrap_or_default();
    let (parsed, was_checked, asked) = (line(), line(), line());
    if parsed != was_checked {
        return Err(format!(
            "{host}: {target} was sent as {asked}, {was_checked} was checked"
        ));
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let is_one_token = path.split('/').filter(|segment| *segment == TOKEN).count() == 1
        && target.matches(TOKEN).count() == 1;
    if is_one_token && asked.contains(TOKEN) {
        return Err(format!("{host}: {target} was sent as {asked}"));
    }
    Ok(true)
}
