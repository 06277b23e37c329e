//! What an operator copies into Prometheus and Grafana is checked by Prometheus's own program, and asks for metrics that
//! there are.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::server::Setup;
use serde_json::Value;

/// What it needs: of Debian's package prometheus.
pub(super) const NEEDS: &[&str] = &["file build/prometheus/usr/bin/promtool"];

const CONF: &str = "http {
    geoip_db {GEO} name=geo;
    token_profile video { format scalesimple; key file=key; }
    upstream_table apps { zone 1m; file apps.json; }
    upstream backend { upstream_lookup apps $host; }
    access_log off;
    error_log logs/error.log crit;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / { geoip_deny country=RU; proxy_pass http://backend; }
        location /video { token_auth video; empty_gif; }
        location /_gatehouse/ { gatehouse_status; }
    }
}";

pub(super) fn run(env: &Env) -> Result<(), String> {
    let folder = env.base.join("docs/operations/prometheus");
    let tool = Tool(env.base.join("build/prometheus/usr/bin/promtool"));
    let rules = folder.join("gatehouse.rules.yml");
    tool.run(&["check", "rules", &shown(&rules)], "")?;
    tool.run(
        &["test", "rules", &shown(&folder.join("gatehouse.test.yml"))],
        "",
    )?;
    let dashboard = read(&folder.join("gatehouse-dashboard.json"))?;
    let queries = queries(&dashboard)?;
    let work = tempfile::tempdir().map_err(|e| e.to_string())?;
    let file = work.path().join("dashboard.yml");
    fs::write(&file, as_rules(&queries)).map_err(|e| e.to_string())?;
    tool.run(&["check", "rules", &shown(&file)], "")?;
    let scrape = scrape(env)?;
    tool.run(&["check", "metrics"], &scrape)?;
    let mut asked = metrics_in(&read(&rules)?);
    asked.extend(metrics_in(&queries.join("\n")));
    let known = metrics_in(&scrape);
    let unknown: Vec<_> = asked.difference(&known).collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(format!("no scrape has {unknown:?}"))
    }
}

struct Tool(PathBuf);

impl Tool {
    fn run(&self, arguments: &[&str], input: &str) -> Result<(), String> {
        let mut child = Command::new(&self.0)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", self.0.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        // About metrics it complains without failing.
        let complains = !input.is_empty() && !said.trim().is_empty();
        if output.status.success() && !complains {
            Ok(())
        } else {
            Err(format!("promtool {arguments:?}: {said}"))
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The metrics of an nginx that has served something of each kind.
fn scrape(env: &Env) -> Result<String, String> {
    let backend = Backend::http("a")?;
    let database = env.base.join("t/data/geo.mmdb");
    let routes = format!(
        r#"{{"a.test": {{"backends": ["http://127.0.0.1:{}", "http://unix:/tmp/\"x"]}}}}"#,
        backend.port()
    );
    let mut server = Setup::new(env)?
        .file("conf/key", b"secret")?
        .file("conf/apps.json", routes.as_bytes())?
        .start(&CONF.replace("{GEO}", &database.display().to_string()))?;
    for path in ["/", "/", "/status/503", "/video"] {
        server.get(path, "Host: a.test")?;
    }
    server.allow("connect() to unix:/tmp/");
    let text = server.get("/_gatehouse/-/metrics", "")?.text();
    server.stop()?;
    Ok(text)
}

/// What the panels of a dashboard ask for, with Grafana's variables replaced by what they may stand for.
fn queries(dashboard: &str) -> Result<Vec<String>, String> {
    let dashboard: Value = serde_json::from_str(dashboard).map_err(|e| e.to_string())?;
    let list = |value: &Value, name: &str| {
        let list = value.get(name).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let panels = list(&dashboard, "panels");
    let targets = panels.iter().flat_map(|panel| list(panel, "targets"));
    let texts = targets.filter_map(|target| Some(target.get("expr")?.as_str()?.to_owned()));
    let queries: Vec<String> = texts
        .map(|text| {
            text.replace("$__rate_interval", "5m")
                .replace("$instance", ".*")
                .replace("$table", ".*")
        })
        .collect();
    match queries.iter().find(|text| text.contains('$')) {
        Some(odd) => Err(format!("an unknown variable in {odd}")),
        None if queries.len() < 10 => Err("hardly a query in the dashboard".into()),
        None => Ok(queries),
    }
}

/// A file of rules that promtool reads the queries from.
fn as_rules(queries: &[String]) -> String {
    let mut text = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (number, query) in queries.iter().enumerate() {
        let query = Value::from(query.as_str());
        text.push_str(&format!(
            "      - {{ record: 'q:{number}', expr: {query} }}\n"
        ));
    }
    text
}

/// The names of ours in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("gatehouse_"));
    ours.map(str::to_owned).collect()
}
