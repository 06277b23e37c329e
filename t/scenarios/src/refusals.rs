//! How many lines of the error log a refused request costs.

use nginx_prove::env::Env;
use nginx_prove::server::Setup;

const CONF: &str = r#"http {
    token_profile p { format scalesimple; key file=key; }
    log_format verdicts "$uri $status $token_auth_status $token_auth_key_id $token_auth_profile";
    access_log logs/access.log verdicts;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        token_auth p;
        token_auth_dry_run on;
        location = /unknown { token_auth $arg_p; return 200 $token_auth_status; }
        location = /unknown.html { token_auth $arg_p; }
        location = /dry/ { index file.html; }
        location = /dry/file.html { token_auth_dry_run off; }
    }
}"#;

/// A profile that data names wrongly, and a token that is judged at two locations.
pub(super) fn logged_once(env: &Env) -> Result<(), String> {
    let server = Setup::new(env)?
        .file("conf/key", b"secret")?
        .file("html/dry/file.html", b"file")?
        .start(CONF)?;
    for (path, status, line, wanted) in [
        ("/unknown?p=q", 500, "unknown token_profile \"q\"", 1),
        ("/unknown.html?p=r", 500, "unknown token_profile \"r\"", 1),
        ("/none", 404, "dry run, token refused: missing", 1),
        ("/dry/", 403, "dry run, token refused: missing", 2),
        ("/dry/file.html", 403, ": missing", 4),
    ] {
        let came = server.get(path, "")?.status;
        if came != status {
            return Err(format!("{path}: {came}"));
        }
        server.expect_lines(line, wanted)?;
    }
    // Once where the dry run is over, once more by a request of its own.
    server.expect_lines("dry run, token refused: missing", 2)?;
    server.stop()
}
