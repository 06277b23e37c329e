//! A feeder that panics: one line in the log, and every other one goes on.

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::Setup;

use crate::upstream_site::{SOON, TAKEN_OVER, conf, lines, routes, wait_value};

const SECOND: &str = "test_panic feeder;
    upstream_table more { zone 1m; file more.json; }
    upstream_variable $w more $host v default=none;
    access_log off;";

/// The feeder that is about to change its table first panics; the other's change comes all the same, and its own.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let both = conf("")
        .replace("access_log off;", SECOND)
        .replace("200 $v;", "200 $v$w;");
    let mut server = Setup::new(env)?
        .file("conf/apps.json", &routes(a.port(), "0"))?
        .file("conf/more.json", &routes(a.port(), "0"))?
        .start(&both)?;
    server.allow("gatehouse: internal error at ");
    let workers = server.worker_pids();
    server.write_file("conf/apps.json", &routes(a.port(), "1"))?;
    server.write_file("conf/more.json", &routes(a.port(), "1"))?;
    let one = || {
        let answer = server.get("/v", "Host: a.test").ok()?.text();
        // On a busy machine the one that panicked may be asked again before anybody looks.
        matches!(answer.as_str(), "01" | "10" | "11").then_some(())
    };
    poll::until(SOON, one).ok_or("neither table follows its file")?;
    wait_value(&server, "a.test", "11", TAKEN_OVER)?;
    server.wait_log(
        r#"\[alert\] .*internal error at .*: test_panic feeder, while feeding upstream table ""#,
        SOON,
    )?;
    let alerts = lines(&server, "[alert]");
    if alerts != 1 {
        return Err(format!("{alerts} alerts"));
    }
    if server.worker_pids() != workers {
        return Err("another worker".into());
    }
    server.stop()
}
