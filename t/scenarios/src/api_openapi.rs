//! docs/openapi.json: each status of each path is one that a running nginx gives, and it gives none that is not there.

use std::collections::BTreeSet;

use nginx_prove::env::Env;
use nginx_prove::server::Setup;

const HTTP: &str = "
    upstream_table apps { zone 1m; file apps.json; }
    upstream_table small { zone 96k; }
    access_log off;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location /w/ { upstream_api apps write=on body_max=64k; }
        location /r/ { upstream_api apps; }
        location /k/ { upstream_api apps write=on key_file=key; }
        location /s/ { upstream_api small write=on; }
    }
";

/// A request that must be answered with a status: path and method of the document, status, the request itself.
type Row = (&'static str, &'static str, u16, &'static str, &'static str);

const JSON: &str = "Content-Type: application/json";
const FOREIGN: &str = "Content-Type: application/json\nOrigin: http://evil.test";
const OLD: &str = "Content-Type: application/json\nIf-Match: \"0-0\"";
const ROUTE: &str = r#"{"backends": ["http://10.0.0.1:80"]}"#;
/// The answer of a table that is behind its store: there is none here.
const STORED: u16 = 202;
const ALL: &str = "/";
const ONE: &str = "/{key}";
const BACKENDS: &str = "/{key}/backends";
const RESET: &str = "/{key}/backends/reset";
const METRICS: &str = "/-/metrics";
const EVENTS: &str = "/-/events";
const U: &str = "url=http://10.0.0.1:80";

/// In this order: later ones need what earlier ones have made. `U` stands for a backend's URL, `R` for a route, `L`
/// for a very long text.
const ROWS: &[Row] = &[
    (ALL, "get", 200, "GET /w/?limit=1", ""),
    (ALL, "get", 304, "GET /w/", "If-None-Match: *"),
    (ALL, "get", 400, "GET /w/?limit=0", ""),
    (ALL, "get", 401, "GET /k/", ""),
    (ALL, "patch", 200, "PATCH /w/\n{\"a.test\": R}", JSON),
    (ALL, "patch", 400, "PATCH /w/\n{", JSON),
    (ALL, "patch", 401, "PATCH /k/\n{}", JSON),
    (ALL, "patch", 403, "PATCH /w/\n{}", FOREIGN),
    (ALL, "patch", 405, "PATCH /r/\n{}", JSON),
    (ALL, "patch", 409, "PATCH /w/\n{\"file.test\": {}}", JSON),
    (ALL, "patch", 412, "PATCH /w/\n{}", OLD),
    (ALL, "patch", 413, "PATCH /w/\nL", JSON),
    (ALL, "patch", 415, "PATCH /w/\n{}", ""),
    (ALL, "patch", 507, "PATCH /s/\nF", JSON),
    (ONE, "get", 200, "GET /w/a.test", ""),
    (ONE, "get", 304, "GET /w/a.test", "If-None-Match: *"),
    (ONE, "get", 400, "GET /w/a%20b", ""),
    (ONE, "get", 401, "GET /k/a.test", ""),
    (ONE, "get", 404, "GET /w/none.test", ""),
    (ONE, "put", 201, "PUT /w/b.test\nR", JSON),
    (ONE, "put", 200, "PUT /w/b.test\nR", JSON),
    (ONE, "put", 400, "PUT /w/b.test\n{}", JSON),
    (ONE, "put", 401, "PUT /k/b.test\nR", JSON),
    (ONE, "put", 403, "PUT /w/b.test\nR", FOREIGN),
    (ONE, "put", 405, "PUT /r/b.test\nR", JSON),
    (ONE, "put", 409, "PUT /w/file.test\nR", JSON),
    (ONE, "put", 412, "PUT /w/b.test\nR", OLD),
    (ONE, "put", 413, "PUT /w/b.test\nL", JSON),
    (ONE, "put", 415, "PUT /w/b.test\nR", ""),
    (ONE, "put", 507, "PUT /s/x.test\nB", JSON),
    (ONE, "patch", 200, "PATCH /w/b.test\n{\"id\": \"b\"}", JSON),
    (ONE, "patch", 400, "PATCH /w/b.test\n{\"x\": 1}", JSON),
    (ONE, "patch", 401, "PATCH /k/b.test\n{}", JSON),
    (ONE, "patch", 403, "PATCH /w/b.test\n{}", FOREIGN),
    (ONE, "patch", 404, "PATCH /w/none.test\n{}", JSON),
    (ONE, "patch", 405, "PATCH /r/b.test\n{}", JSON),
    (ONE, "patch", 409, "PATCH /w/file.test\n{}", JSON),
    (ONE, "patch", 412, "PATCH /w/b.test\n{}", OLD),
    (ONE, "patch", 413, "PATCH /w/b.test\nL", JSON),
    (ONE, "patch", 415, "PATCH /w/b.test\n{}", ""),
    (ONE, "patch", 507, "PATCH /s/a.test\nB", JSON),
    (
        BACKENDS,
        "post",
        507,
        "POST /s/a.test/backends\n\"http://10.0.0.2:80\"",
        JSON,
    ),
    (ONE, "patch", 204, "PATCH /w/b.test\nnull", JSON),
    (ONE, "delete", 400, "DELETE /w/a%20b", ""),
    (ONE, "delete", 401, "DELETE /k/a.test", ""),
    (ONE, "delete", 403, "DELETE /w/a.test", FOREIGN),
    (ONE, "delete", 404, "DELETE /w/none.test", ""),
    (ONE, "delete", 405, "DELETE /r/a.test", ""),
    (ONE, "delete", 409, "DELETE /w/file.test", ""),
    (ONE, "delete", 412, "DELETE /w/a.test", OLD),
    (ONE, "delete", 204, "DELETE /w/a.test", ""),
    (ONE, "put", 201, "PUT /w/a.test\nR", JSON),
    (
        BACKENDS,
        "post",
        201,
        "POST /w/a.test/backends\n\"http://10.0.0.2:80\"",
        JSON,
    ),
    (BACKENDS, "post", 400, "POST /w/a.test/backends\n{}", JSON),
    (BACKENDS, "post", 401, "POST /k/a.test/backends\n{}", JSON),
    (
        BACKENDS,
        "post",
        403,
        "POST /w/a.test/backends\n{}",
        FOREIGN,
    ),
    (
        BACKENDS,
        "post",
        404,
        "POST /w/none.test/backends\n\"http://10.0.0.2:80\"",
        JSON,
    ),
    (BACKENDS, "post", 405, "POST /r/a.test/backends\n{}", JSON),
    (
        BACKENDS,
        "post",
        409,
        "POST /w/a.test/backends\n\"http://10.0.0.2:80\"",
        JSON,
    ),
    (
        BACKENDS,
        "post",
        412,
        "POST /w/a.test/backends\n\"http://10.0.0.3:80\"",
        OLD,
    ),
    (BACKENDS, "post", 413, "POST /w/a.test/backends\nL", JSON),
    (BACKENDS, "post", 415, "POST /w/a.test/backends\n{}", ""),
    (
        BACKENDS,
        "patch",
        200,
        "PATCH /w/a.test/backends?U\n{\"drain\": true}",
        JSON,
    ),
    (BACKENDS, "patch", 400, "PATCH /w/a.test/backends\n{}", JSON),
    (
        BACKENDS,
        "patch",
        401,
        "PATCH /k/a.test/backends?U\n{}",
        JSON,
    ),
    (
        BACKENDS,
        "patch",
        403,
        "PATCH /w/a.test/backends?U\n{}",
        FOREIGN,
    ),
    (
        BACKENDS,
        "patch",
        404,
        "PATCH /w/none.test/backends?U\n{}",
        JSON,
    ),
    (
        BACKENDS,
        "patch",
        405,
        "PATCH /r/a.test/backends?U\n{}",
        JSON,
    ),
    (
        BACKENDS,
        "patch",
        409,
        "PATCH /w/file.test/backends?U\n{}",
        JSON,
    ),
    (
        BACKENDS,
        "patch",
        412,
        "PATCH /w/a.test/backends?U\n{}",
        OLD,
    ),
    (
        BACKENDS,
        "patch",
        413,
        "PATCH /w/a.test/backends?U\nL",
        JSON,
    ),
    (BACKENDS, "patch", 415, "PATCH /w/a.test/backends?U\n{}", ""),
    (RESET, "post", 204, "POST /w/a.test/backends/reset?U", JSON),
    (RESET, "post", 400, "POST /w/a.test/backends/reset", JSON),
    (RESET, "post", 401, "POST /k/a.test/backends/reset?U", JSON),
    (
        RESET,
        "post",
        403,
        "POST /w/a.test/backends/reset?U",
        FOREIGN,
    ),
    (
        RESET,
        "post",
        404,
        "POST /w/none.test/backends/reset?U",
        JSON,
    ),
    (RESET, "post", 405, "POST /r/a.test/backends/reset?U", JSON),
    (RESET, "post", 415, "POST /w/a.test/backends/reset?U", ""),
    (BACKENDS, "delete", 400, "DELETE /w/a.test/backends", ""),
    (BACKENDS, "delete", 401, "DELETE /k/a.test/backends?U", ""),
    (
        BACKENDS,
        "delete",
        403,
        "DELETE /w/a.test/backends?U",
        FOREIGN,
    ),
    (
        BACKENDS,
        "delete",
        404,
        "DELETE /w/none.test/backends?U",
        "",
    ),
    (BACKENDS, "delete", 405, "DELETE /r/a.test/backends?U", ""),
    (
        BACKENDS,
        "delete",
        409,
        "DELETE /w/file.test/backends?U",
        "",
    ),
    (BACKENDS, "delete", 412, "DELETE /w/a.test/backends?U", OLD),
    (BACKENDS, "delete", 200, "DELETE /w/a.test/backends?U", ""),
    // A `GET` would not end.
    (EVENTS, "get", 200, "HEAD /w/-/events", ""),
    (EVENTS, "get", 400, "GET /w/-/events?limit=1", ""),
    (EVENTS, "get", 401, "GET /k/-/events", ""),
    (METRICS, "get", 400, "GET /w/-/metrics?backend=x", ""),
    (METRICS, "get", 200, "GET /w/-/metrics", ""),
    (METRICS, "get", 401, "GET /k/-/metrics", ""),
    ("/-/health", "get", 200, "GET /w/-/health", ""),
    ("/-/health", "get", 400, "GET /w/-/health?x=1", ""),
    ("/-/health", "get", 401, "GET /k/-/health", ""),
    ("/-/ready", "get", 200, "GET /w/-/ready", ""),
    ("/-/ready", "get", 401, "GET /k/-/ready", ""),
    ("/-/version", "get", 200, "GET /w/-/version", ""),
    ("/-/version", "get", 401, "GET /k/-/version", ""),
];

/// A table that is busy or has been replaced: no request alone brings that about.
const BUSY: u16 = 503;

/// Every path, method and status of the document, but for [`BUSY`] and [`STORED`].
fn documented(env: &Env) -> Result<BTreeSet<(String, String, u16)>, String> {
    let path = env.base.join("docs/openapi.json");
    let text = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let document: serde_json::Value = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    let mut all = BTreeSet::new();
    for (path, item) in members(document.get("paths")) {
        for (method, operation) in members(Some(item)) {
            for status in members(operation.get("responses")).map(|row| row.0) {
                match status.parse() {
                    // Nobody asks for these here.
                    Ok(STORED | BUSY) | Err(_) => {}
                    Ok(status) => drop(all.insert((path.clone(), method.clone(), status))),
                }
            }
        }
    }
    Ok(all)
}

/// The members of an object.
fn members(
    value: Option<&serde_json::Value>,
) -> impl Iterator<Item = (&String, &serde_json::Value)> {
    let object = value.and_then(serde_json::Value::as_object);
    object.into_iter().flatten()
}

/// Many routes, or one large one: more than the small zone holds.
fn filled(request: &str) -> String {
    let large = |n: usize| {
        format!(
            r#"{{"backends": [], "meta": {{"x": "{}"}}}}"#,
            "y".repeat(n)
        )
    };
    let routes: Vec<String> = (0..200)
        .map(|n| format!("\"h{n}.test\": {}", large(900)))
        .collect();
    let (head, body) = request.split_once('\n').unwrap_or((request, ""));
    let body = match body {
        "L" => "x".repeat(300 << 10),
        "F" => format!("{{{}}}", routes.join(",")),
        "B" => large(900),
        other => other.replace(": R}", &format!(": {ROUTE}}}")),
    };
    let body = match body.as_str() {
        "R" => ROUTE.to_owned(),
        _ => body,
    };
    format!("{}\n{body}", head.replace("?U", &format!("?{U}")))
}

pub(super) fn run(env: &Env) -> Result<(), String> {
    let server = Setup::new(env)?
        .file(
            "conf/apps.json",
            br#"{"file.test": {"backends": ["http://10.0.0.1:80"]}}"#,
        )?
        .file("conf/key", b"a-key")?
        .start(&format!("http {{{HTTP}}}"))?;
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for (path, method, status, request, headers) in ROWS {
        if request.starts_with("PUT /s/") {
            fill(&server)?;
        }
        let answer = server.request(&filled(request), headers)?;
        if answer.status != *status {
            wrong.push(format!(
                "{request}: {} {}, not {status}",
                answer.status,
                answer.text()
            ));
        }
        let is_json = answer
            .header("Content-Type")
            .is_some_and(|t| t == "application/json");
        let is_text = [(METRICS, 200), (EVENTS, 200)].contains(&(*path, *status));
        if !is_json && !matches!(status, 204 | 304) && !is_text {
            wrong.push(format!("{request}: no JSON"));
        }
        seen.insert(((*path).to_owned(), (*method).to_owned(), *status));
    }
    let documented = documented(env)?;
    wrong.extend(
        documented
            .difference(&seen)
            .map(|row| format!("not shown to be real: {row:?}")),
    );
    wrong.extend(
        seen.difference(&documented)
            .map(|row| format!("not documented: {row:?}")),
    );
    if wrong.is_empty() {
        server.stop()
    } else {
        Err(wrong.join("\n"))
    }
}

/// Fills the small zone to its last route.
fn fill(server: &nginx_prove::server::Server) -> Result<(), String> {
    server.request("PUT /s/a.test\n{\"backends\": []}", JSON)?;
    for size in [900, 400, 100, 10] {
        for number in 0..1000 {
            let text = "y".repeat(size);
            let request = format!(
                "PUT /s/f{size}-{number}.test\n{{\"backends\": [], \"meta\": {{\"x\": \"{text}\"}}}}"
            );
            match server.request(&request, JSON)?.status {
                507 => break,
                200 | 201 => {}
                other => return Err(format!("filling: {other}")),
            }
        }
    }
    Ok(())
}
