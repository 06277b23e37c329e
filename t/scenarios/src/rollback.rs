//! A reload that fails after our zones are prepared leaves what they hold as it was.

use std::fs;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

/// `$MORE` stands for what comes after; its zone is prepared last.
const CONF: &str = r#"worker_processes 1;
http {
    geoip_db geo.mmdb reload=0;
    upstream_table apps { zone 1m; file FILE reload=0; }
    upstream_variable $v apps a.test v default=none;
    MORE
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location = /c { return 200 $geoip_country; }
        location = /v { return 200 $v; }
    }
}"#;

const FAILS: &str = "upstream_table more { zone 1m; file none.json; }";
const SOON: Duration = Duration::from_secs(5);

fn conf(file: &str, more: &str) -> String {
    CONF.replace("FILE", file).replace("MORE", more)
}

fn data(env: &Env, name: &str) -> Result<Vec<u8>, String> {
    let path = env.base.join("t/data").join(name);
    fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
}

fn answers(server: &Server) -> Result<(String, String), String> {
    Ok((server.get("/c", "")?.text(), server.get("/v", "")?.text()))
}

/// The running configuration keeps its database and its table, also an empty one; a good reload
/// brings both.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let mut server = Setup::new(env)?
        .file("conf/geo.mmdb", &data(env, "geo.mmdb")?)?
        .file("conf/empty.json", b"{}")?
        .file(
            "conf/apps.json",
            br#"{"a.test": {"backends": [], "vars": {"v": "one"}}}"#,
        )?
        .start(&conf("empty.json", ""))?;
    let before = answers(&server)?;
    server.allow("none.json");
    server.write_file("conf/geo.mmdb", &data(env, "geo2.mmdb")?)?;
    server.write_conf(&conf("apps.json", FAILS))?;
    match server.reload() {
        Err(text) if text.contains("none.json") => {}
        other => return Err(format!("a reload that must fail: {other:?}")),
    }
    let after = answers(&server)?;
    if after != before {
        return Err(format!("{before:?} became {after:?} by a refused reload"));
    }
    server.write_conf(&conf("apps.json", ""))?;
    server.reload()?;
    let wanted = ("RU".to_owned(), "one".to_owned());
    let mut last = after;
    poll::until(SOON, || {
        last = answers(&server).ok()?;
        (last == wanted).then_some(())
    })
    .ok_or_else(|| format!("after a good reload: {last:?}"))?;
    server.stop()
}
