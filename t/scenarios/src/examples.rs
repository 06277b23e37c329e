//! nginx-conf/: each file is started as it is shipped, and the requests its comments name get the answers they name.
//!
//! `#   GET URL [with "Header: value"]… -> STATUS ["text in the answer"]… [no "text"]…`;
//! `WS URL … -> 101 ["name"]` also sends a message, which must come back, from a backend of that name.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::http;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup, request_to};
use nginx_prove::ws;

use crate::redis_server::Redis;

/// A Redis has answered by then.
const SOON: Duration = Duration::from_secs(5);

/// What the links in the examples are signed with.
const KEY: &[u8] = b"example";

/// Files that the pages of the book name, below `conf/`.
const BESIDE: [(&str, &[u8]); 14] = [
    ("keys/video.key", KEY),
    ("keys/ws.key", KEY),
    ("keys/dl.key", KEY),
    ("keys/edge.key", b"6578616d706c65\n"),
    ("keys/fastly.key", b"ZXhhbXBsZQ==\n"),
    ("keys/gcp.key", b"nZtRohdNF9m3cKM24IcK4w==\n"),
    (
        "keys/net.key",
        include_bytes!("../../data/keys/rsa.pub.pem"),
    ),
    ("keys/signer.key", include_bytes!("../../data/keys/rsa.pem")),
    ("keys/jwt.key", b"0123456789abcdef0123456789abcdef\n"),
    ("jwks.json", include_bytes!("../../data/keys/jwks.json")),
    ("keys/next.key", b"another"),
    ("keys/join.key", KEY),
    ("editors.htpasswd", b"ann:{PLAIN}example\n"),
    ("lists/closed", b"# one code a line\nUS\nCA\n"),
];

/// Certificates, below `conf/certs/`, and where they are in t/data/tls.
const CERTIFICATES: [(&str, &str); 7] = [
    ("ca.pem", "ca.pem"),
    ("one.pem", "one.pem"),
    ("one.key", "one.key"),
    ("two.pem", "two.pem"),
    ("two.key", "two.key"),
    ("default.pem", "one.pem"),
    ("default.key", "one.key"),
];

/// Ports as the examples have them: the first and the second of the server's.
const FRONT: &str = "8080";
const SECURE_FRONT: &str = "8443";
/// Where an example listens for those who operate it.
const INNER_FRONT: &str = "8081";
const BACKENDS: [(&str, &str); 3] = [("3001", "one"), ("3002", "two"), ("3003", "sockets")];
/// How the examples name a Redis, and the lines of their comments that fill it.
const STORE: &str = "redis 127.0.0.1:6379";
const TO_STORE: &str = "#   redis-cli ";

/// Those that need no store.
pub(super) fn run(env: &Env) -> Result<(), String> {
    examples(env, false)
}

/// Those that follow a Redis.
pub(super) fn redis(env: &Env) -> Result<(), String> {
    examples(env, true)
}

fn examples(env: &Env, with_store: bool) -> Result<(), String> {
    let mut count = 0_u32;
    for name in files(&env.base.join("nginx-conf"), "conf")? {
        let text = read(&env.base.join("nginx-conf").join(&name))?;
        if text.contains(STORE) == with_store {
            example(env, &text).map_err(|e| format!("nginx-conf/{name}: {e}"))?;
            count = count.saturating_add(1);
        }
    }
    match count {
        0 => Err("nginx-conf/ has no such example".into()),
        _ => Ok(()),
    }
}

fn example(env: &Env, text: &str) -> Result<(), String> {
    match ask_all(Stage::new(env)?.start(text)?, text)? {
        0 => Err("its comments name no request".into()),
        _ => Ok(()),
    }
}

/// Sends the requests that the comments of a configuration name, and stops the server; gives how many there were.
pub(super) fn ask_all(server: Running, text: &str) -> Result<usize, String> {
    let (good, said) = server.test_config()?;
    if !good {
        return Err(format!("nginx -t refuses it: {said}"));
    }
    no_warnings(&said)?;
    let text = server.with_ports(text);
    let asks = text
        .lines()
        .filter_map(request_line)
        .map(Ask::parse)
        .collect::<Result<Vec<Ask>, String>>()?;
    if let (Some(_), Some(first)) = (&server.store, asks.first()) {
        // The routes come with the store's first answer.
        poll::until(SOON, || first.check(&server).ok());
    }
    for ask in &asks {
        ask.check(&server)
            .map_err(|e| format!("{} {}: {e}", ask.method, ask.url))?;
    }
    server.stop()?;
    Ok(asks.len())
}

/// What is shown to users is not warned about, but that t/data's database is as old as it is.
fn no_warnings(said: &str) -> Result<(), String> {
    let warning = said
        .lines()
        .find(|line| line.contains("[warn]") && !line.contains("max_age"));
    warning.map_or(Ok(()), |line| Err(format!("nginx -t warns: {line}")))
}

/// A comment that begins with a method and has an answer.
fn request_line(line: &str) -> Option<&str> {
    let text = line.trim_start().strip_prefix('#')?.trim_start();
    let (method, _) = text.split_once(' ')?;
    let is_method = method.bytes().all(|b| b.is_ascii_uppercase());
    (is_method && text.contains(" -> ")).then_some(text)
}

/// The surroundings an example asks for: backends, keys, a database, the files beside it.
pub(super) struct Stage<'a> {
    setup: Setup<'a>,
    backends: Vec<(&'static str, Backend)>,
}

/// An nginx, the backends behind it and the store it follows.
pub(super) struct Running {
    server: Server,
    backends: Vec<(&'static str, Backend)>,
    store: Option<Redis>,
}

impl std::ops::Deref for Running {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Running {
    /// A text with the ports of the examples replaced by those of this run.
    pub(super) fn with_ports(&self, text: &str) -> String {
        let fronts = [0, 1, 2].map(|number| self.server.port(number));
        with_ports(text, fronts, &self.backends)
    }

    /// The backends, each with the port that the examples have for it.
    pub(super) fn backends(&self) -> &[(&'static str, Backend)] {
        &self.backends
    }

    pub(super) fn stop(self) -> Result<(), String> {
        self.server.stop()
    }
}

impl<'a> Stage<'a> {
    pub(super) fn new(env: &'a Env) -> Result<Stage<'a>, String> {
        Self::with(env, Backend::site)
    }

    /// The same with other backends.
    pub(super) fn with(
        env: &'a Env,
        start: impl Fn(&str) -> Result<Backend, String>,
    ) -> Result<Stage<'a>, String> {
        let backends = BACKENDS
            .iter()
            .map(|(port, name)| Ok((*port, start(name)?)))
            .collect::<Result<Vec<_>, String>>()?;
        let mut setup = Setup::new(env)?.file("html/logo.txt", b"static\n")?;
        for (name, bytes) in BESIDE {
            setup = setup.file(&format!("conf/{name}"), bytes)?;
        }
        for (name, from) in CERTIFICATES {
            let bytes = fs::read(env.base.join("t/data/tls").join(from));
            let bytes = bytes.map_err(|e| format!("{from}: {e}"))?;
            setup = setup.file(&format!("conf/certs/{name}"), &bytes)?;
        }
        for (name, from) in [("country", "geo"), ("asn", "asn"), ("shapes", "shapes")] {
            let database = env.base.join(format!("t/data/{from}.mmdb"));
            let database = fs::read(database).map_err(|e| e.to_string())?;
            setup = setup.file(&format!("conf/{name}.mmdb"), &database)?;
        }
        for (from, to, ending) in [
            ("nginx-conf", "conf", "json"),
            ("nginx-conf", "html", "html"),
            ("snippets", "conf/snippets", "conf"),
        ] {
            for name in files(&env.base.join(from), ending)? {
                let text = with_ports(&read(&env.base.join(from).join(&name))?, [0; 3], &backends);
                setup = setup.file(&format!("{to}/{name}"), text.as_bytes())?;
            }
        }
        Ok(Stage { setup, backends })
    }

    /// Another route file in the place of nginx-conf/apps.json.
    pub(super) fn routes(mut self, text: &str) -> Result<Self, String> {
        let text = with_ports(text, [0; 3], &self.backends);
        self.setup = self.setup.file("conf/apps.json", text.as_bytes())?;
        Ok(self)
    }

    pub(super) fn start(self, conf: &str) -> Result<Running, String> {
        let fronts = [0, 1, 2].map(|number| self.setup.port(number));
        let mut conf = with_ports(conf, fronts, &self.backends);
        let store = conf
            .contains(STORE)
            .then(|| filled_store(&conf))
            .transpose()?;
        if let Some(store) = &store {
            conf = replace_ports(&conf, &[("6379", store.port())]);
        }
        Ok(Running {
            server: self.setup.start(&conf)?,
            backends: self.backends,
            store,
        })
    }
}

/// A Redis with what the comments of a configuration write to it.
fn filled_store(conf: &str) -> Result<Redis, String> {
    let store = Redis::start(&[])?;
    for command in conf.lines().filter_map(|line| line.strip_prefix(TO_STORE)) {
        store.ask(&command.split(' ').collect::<Vec<_>>())?;
    }
    Ok(store)
}

/// Puts the ports of this run for those of the examples.
fn with_ports(text: &str, fronts: [u16; 3], backends: &[(&str, Backend)]) -> String {
    let mut ports: Vec<(&str, u16)> = backends.iter().map(|(p, b)| (*p, b.port())).collect();
    let mut text = text.to_owned();
    for (written, backend) in backends {
        let (from, to) = (
            format!("&port={written}"),
            format!("&port={}", backend.port()),
        );
        text = text.replace(&from, &to);
    }
    for (written, port) in [FRONT, SECURE_FRONT, INNER_FRONT].into_iter().zip(fronts) {
        ports.push((written, port));
        let listen = format!("listen {written}");
        text = text.replace(&listen, &format!("listen 127.0.0.1:{written}"));
    }
    replace_ports(&text, &ports)
}

/// Replaces each `:PORT` once: what was put in may look like another port of the list.
fn replace_ports(text: &str, ports: &[(&str, u16)]) -> String {
    let mut pieces = text.split(':');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = piece.split_at(digits);
        match ports.iter().find(|(port, _)| *port == number) {
            Some((_, port)) => out.push_str(&format!(":{port}{rest}")),
            None => out.push_str(&format!(":{piece}")),
        }
    }
    out
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The names in a directory with this ending, sorted.
fn files(dir: &Path, ending: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| {
            name.strip_suffix(ending)
                .is_some_and(|stem| stem.ends_with('.'))
        })
        .collect();
    names.sort();
    Ok(names)
}

/// One line of an example's comments.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ask {
    method: String,
    url: String,
    headers: Vec<String>,
    status: u16,
    wanted: Vec<String>,
    unwanted: Vec<String>,
}

impl Ask {
    fn parse(line: &str) -> Result<Ask, String> {
        let wrong = || format!("`{line}` is no request with its answer");
        let (request, answer) = line.split_once(" -> ").ok_or_else(wrong)?;
        let (method, rest) = request.trim().split_once(' ').ok_or_else(wrong)?;
        let mut parts = rest.split(" with ");
        let url = parts.next().ok_or_else(wrong)?.trim().to_owned();
        let headers = parts
            .map(|part| Some(part.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned()))
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let mut ask = Ask {
            method: method.to_owned(),
            url,
            headers,
            ..Ask::default()
        };
        let (status, mut rest) = answer.split_once(' ').unwrap_or((answer, ""));
        ask.status = status.parse().map_err(|_| wrong())?;
        while !rest.trim().is_empty() {
            let (before, quoted) = rest.split_once('"').ok_or_else(wrong)?;
            let (text, after) = quoted.split_once('"').ok_or_else(wrong)?;
            match before.trim() {
                "" => ask.wanted.push(text.to_owned()),
                "no" => ask.unwanted.push(text.to_owned()),
                _ => return Err(wrong()),
            }
            rest = after;
        }
        Ok(ask)
    }

    /// Sends it and compares the answer.
    fn check(&self, server: &Server) -> Result<(), String> {
        let (_, rest) = self.url.split_once("://").ok_or("no URL")?;
        let (authority, path) = rest.split_once('/').ok_or("no path")?;
        let (path, host) = (
            format!("/{path}"),
            authority.replace(FRONT, &server.port(0).to_string()),
        );
        let headers = [&[format!("Host: {host}")], self.headers.as_slice()]
            .concat()
            .join("\n");
        let (status, text) = if self.method == "WS" {
            self.talk(server, &path, &headers)?
        } else if self.url.starts_with("https://") {
            self.ask_securely(server, authority, &path)?
        } else {
            let port = match authority.split_once(':') {
                Some((_, port)) if port == server.port(2).to_string() => server.port(2),
                _ => server.port(0),
            };
            let response = request_to(port, &format!("{} {path}", self.method), &headers)?;
            let head = String::from_utf8_lossy(&response.head).into_owned();
            (response.status, head + &response.text())
        };
        let good = status == self.status
            && self.wanted.iter().all(|one| text.contains(one))
            && !self.unwanted.iter().any(|one| text.contains(one));
        if good {
            Ok(())
        } else {
            Err(format!("{status} came:\n{text}"))
        }
    }

    /// The answer to a request over TLS, when the server's certificate is that of its host.
    fn ask_securely(
        &self,
        server: &Server,
        authority: &str,
        path: &str,
    ) -> Result<(u16, String), String> {
        let (host, _) = authority.split_once(':').ok_or("no port")?;
        let port = server.port(1);
        let output = Command::new("curl")
            .args(["-s", "-S", "-i", "-m", "5", "-X", &self.method])
            .args(["--cacert", "certs/ca.pem"])
            .args(["--resolve", &format!("{host}:{port}:127.0.0.1")])
            .args(self.headers.iter().flat_map(|line| ["-H", line]))
            .arg(format!("https://{host}:{port}{path}"))
            .current_dir(server.root().join("conf"))
            .output()
            .map_err(|e| format!("curl: {e}"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((status.ok_or_else(said)?, text))
    }

    /// The handshake, and a message there and back; gives the status and the backend's name.
    fn talk(&self, server: &Server, path: &str, headers: &str) -> Result<(u16, String), String> {
        let (headers, _) = http::more_headers(headers.as_bytes());
        let time = Duration::from_secs(5);
        let (response, client) = ws::Client::connect(server.port(0), path, None, &headers, time)?;
        let Some(mut client) = client else {
            return Ok((response.status, response.text()));
        };
        client.send_text("hello")?;
        let answer = client.recv_text()?;
        if answer != "hello" {
            return Err(format!("\"hello\" came back as \"{answer}\""));
        }
        client.send_text("?name")?;
        Ok((response.status, client.recv_text()?))
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, replace_ports};

    #[test]
    fn replaces_each_port_once() {
        let ports = [("8080", 30011), ("3001", 30021), ("3002", 40000)];
        let text = "a:8080/x b:3001 c:3002; d:30010 e:f";
        let wanted = "a:30011/x b:30021 c:40000; d:30010 e:f";
        assert_eq!(replace_ports(text, &ports), wanted);
    }

    #[test]
    fn reads_requests() {
        let line = r#"GET http://a.test:8080/?x with "A: b" with "C: d" -> 200 "y z" no "w""#;
        let ask = Ask {
            method: "GET".into(),
            url: "http://a.test:8080/?x".into(),
            headers: vec!["A: b".into(), "C: d".into()],
            status: 200,
            wanted: vec!["y z".into()],
            unwanted: vec!["w".into()],
        };
        assert_eq!(Ask::parse(line), Ok(ask));
        for wrong in [
            "GET /",
            "GET / -> ok",
            "GET / -> 200 \"x",
            "GET / -> 200 not \"x\"",
            "GET / with A -> 200",
        ] {
            assert!(Ask::parse(wrong).is_err(), "{wrong}");
        }
    }
}
