//! The generated nginx.conf, in Test::Nginx's order, because tests rely on what comes before what.

use std::fmt::Write as _;

use crate::env::Env;

/// The parts of a block's nginx.conf.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Main context, before `http`.
    pub main: String,
    /// Main context, after `http`.
    pub post_main: String,
    /// `http` context, before `server`.
    pub http: String,
    /// `server` context.
    pub server: String,
    /// Environment of this nginx alone.
    pub process_env: Vec<(String, String)>,
    /// `error_log` level.
    pub log_level: String,
    /// `worker_processes`.
    pub workers: u32,
    /// `worker_connections`.
    pub connections: u32,
    /// The server's port.
    pub port: u16,
    /// Whether `location /` over the html directory is added.
    pub root_location: bool,
}

const TEMP_PATHS: &[(&str, &str)] = &[
    ("client_body_temp_path", ""),
    ("proxy_temp_path", "http_proxy"),
    ("fastcgi_temp_path", "http_fastcgi"),
    ("uwsgi_temp_path", "http_uwsgi"),
    ("scgi_temp_path", "http_scgi"),
];

/// `load_module`, `env`, `user`, `pid` and `error_log` lines; `user` is left to `text` if that has one.
///
/// nginx clears its environment except for what `env` names: `own` and the run's variables are named.
#[must_use]
pub fn preamble(env: &Env, own: &[(String, String)], text: &str, log_level: &str) -> String {
    let mut out = String::new();
    for (name, _) in env.process_env.iter().chain(own) {
        let _ = writeln!(out, "env {name};");
    }
    for module in &env.modules {
        let _ = writeln!(out, "load_module {};", module.display());
    }
    if nix::unistd::geteuid().is_root() && !has_directive(text, "user") {
        out.push_str("user root;\n");
    }
    let _ = writeln!(
        out,
        "daemon off;\npid logs/nginx.pid;\nerror_log logs/error.log {log_level};"
    );
    out
}

/// A whole main-context configuration made to run here: process lines of its own (`daemon`, `pid`, `user`,
/// `load_module`, `error_log`) give way to ours, temporary paths go below the server root.
#[must_use]
pub fn whole(env: &Env, own: &[(String, String)], text: &str, log_level: &str) -> String {
    let mut text = without_process_lines(text);
    if let Some(workers) = env.workers {
        text = with_workers(&text, workers);
    }
    let mut out = preamble(env, own, &text, log_level);
    if !has_directive(&text, "worker_processes") {
        out.push_str("worker_processes 1;\n");
    }
    if !has_directive(&text, "events") {
        out.push_str("events { worker_connections 1024; }\n");
    }
    let http = format!("http {{\n{}", temp_paths(env, &text));
    out.push_str(&text.replacen("http {", &http, 1));
    out
}

/// The text with another number of workers where it says two: what has another number has it for a reason.
fn with_workers(text: &str, workers: u32) -> String {
    let other = format!("worker_processes {workers};");
    text.replace("worker_processes 2;", &other)
}

fn without_process_lines(text: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let code = line.split('#').next().unwrap_or("");
        let word = code.split_whitespace().next().unwrap_or("");
        let process = matches!(
            word,
            "daemon" | "pid" | "user" | "load_module" | "error_log"
        );
        if depth > 0 || !process {
            out.push_str(line);
        }
        depth = depth
            .saturating_add(code.matches('{').count())
            .saturating_sub(code.matches('}').count());
    }
    out
}

/// Temporary paths below the server root, for `http` context; the compiled-in ones may belong to another user.
#[must_use]
pub fn temp_paths(env: &Env, text: &str) -> String {
    let mut out = String::new();
    for (directive, module) in TEMP_PATHS {
        let missing = !module.is_empty()
            && env
                .configure
                .contains(&format!("--without-{module}_module"));
        if !missing && !has_directive(text, directive) {
            let _ = writeln!(out, "    {directive} {directive};");
        }
    }
    out
}

/// Whether some line of `text` begins with the directive.
#[must_use]
pub fn has_directive(text: &str, name: &str) -> bool {
    text.split(['\n', ';', '{', '}']).any(|part| {
        part.trim_start()
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(char::is_whitespace))
    })
}

/// The whole nginx.conf of a block.
#[must_use]
pub fn render(env: &Env, parts: &Parts) -> String {
    let mut out = preamble(env, &parts.process_env, &parts.main, &parts.log_level);
    if !has_directive(&parts.main, "worker_processes") {
        let _ = writeln!(out, "worker_processes {};", parts.workers);
    }
    if !has_directive(&parts.main, "master_process") {
        out.push_str("master_process on;\n");
    }
    let _ = writeln!(
        out,
        "\n{}\nhttp {{\n    access_log logs/access.log;\n    default_type text/plain;\n    keepalive_timeout 68;",
        parts.main
    );
    out.push_str(&temp_paths(env, &parts.http));
    let _ = writeln!(
        out,
        "\n{}\n    server {{\n        listen 127.0.0.1:{};\n        server_name 'localhost';\n        client_max_body_size 30M;\n\n{}",
        parts.http, parts.port, parts.server
    );
    if parts.root_location && !has_root_location(&parts.server) {
        out.push_str("        location / {\n            root html;\n            index index.html index.htm;\n        }\n");
    }
    let _ = writeln!(out, "    }}\n}}\n{}", parts.post_main);
    if !has_block(&parts.main, "events") && !has_block(&parts.post_main, "events") {
        let _ = writeln!(
            out,
            "events {{\n    accept_mutex off;\n    worker_connections {};\n}}",
            parts.connections
        );
    }
    out
}

fn has_block(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        line.trim_start()
            .strip_prefix(name)
            .is_some_and(|rest| rest.trim_start().starts_with('{'))
    })
}

/// Test::Nginx leaves out its own `location /` when the block has one.
fn has_root_location(server: &str) -> bool {
    server.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("location")
            && matches!(
                (words.next(), words.next()),
                (Some("/"), _) | (Some("/{"), _)
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_loses_only_its_process_lines() {
        let text = "load_module a.so;\n  user www; # x\nerror_log e;\nhttp {\n    error_log inner;\n}\npid p;\nworker_processes 2;\n";
        assert_eq!(
            without_process_lines(text),
            "http {\n    error_log inner;\n}\nworker_processes 2;\n"
        );
    }

    #[test]
    fn another_number_of_workers() {
        let text = with_workers("worker_processes 2; http {}", 4);
        assert_eq!(text, "worker_processes 4; http {}");
        let text = "worker_processes 20;";
        assert_eq!(with_workers(text, 4), text);
    }

    #[test]
    fn finds_directives_and_locations() {
        assert!(has_directive("a;\n  user  www;", "user"));
        assert!(!has_directive("username x;", "user"));
        assert!(has_root_location("  location / {\n"));
        assert!(!has_root_location("  location /a {\n"));
        assert!(!has_root_location("  location = / {\n"));
        assert!(has_block("events {\n}", "events"));
    }
}
