//! A server for live scenarios: what a `.t` block cannot say.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bstr::ByteSlice;
use nix::sys::signal::Signal;

use crate::conf;
use crate::env::Env;
use crate::expand;
use crate::http::{self, Packet, Response};
use crate::logs::{self, Matcher};
use crate::perl::Pattern;
use crate::poll;
use crate::ports::Port;
use crate::process::{self, Nginx, Start};
use crate::reload;
use crate::root::Root;
use crate::ws;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A server being prepared: files, names and settings before its start.
pub struct Setup<'a> {
    env: Cow<'a, Env>,
    root: Root,
    names: BTreeMap<String, String>,
    ports: Vec<Port>,
    process_env: Vec<(String, String)>,
    log_level: String,
    daemon: bool,
}

/// A running nginx with its server root; stopped when dropped.
pub struct Server {
    env: Env,
    root: Root,
    nginx: Option<Nginx>,
    names: BTreeMap<String, String>,
    ports: Vec<Port>,
    process_env: Vec<(String, String)>,
    log_level: String,
    allowed: Vec<Matcher>,
    daemon: bool,
}

impl<'a> Setup<'a> {
    /// A fresh server root; `$TEST_NGINX_SERVER_PORT` and `$TEST_NGINX_RAND_PORT_1` … `_5` get free ports.
    ///
    /// # Errors
    /// No directory or no port.
    pub fn new(env: &'a Env) -> Result<Setup<'a>, String> {
        let root = Root::new(env, "live")?;
        let mut names = env.names.clone();
        let mut ports = Vec::new();
        for number in 0..=5 {
            let port = Port::free()?;
            let name = if number == 0 {
                "TEST_NGINX_SERVER_PORT".to_owned()
            } else {
                format!("TEST_NGINX_RAND_PORT_{number}")
            };
            names.insert(name, port.number().to_string());
            ports.push(port);
        }
        names.insert(
            "TEST_NGINX_SERVROOT".into(),
            root.path().display().to_string(),
        );
        names.insert(
            "TEST_NGINX_HTML_DIR".into(),
            root.path().join("html").display().to_string(),
        );
        Ok(Setup {
            env: Cow::Borrowed(env),
            root,
            names,
            ports,
            process_env: Vec::new(),
            log_level: "info".into(),
            daemon: false,
        })
    }

    /// Gives `$TEST_NGINX_<name>` a value in the configuration and in files.
    #[must_use]
    pub fn name(mut self, name: &str, value: &str) -> Self {
        self.names
            .insert(format!("TEST_NGINX_{name}"), value.to_owned());
        self
    }

    /// What [`Server::port`] will be.
    #[must_use]
    pub fn port(&self, number: usize) -> u16 {
        self.ports.get(number).map_or(0, Port::number)
    }

    /// Sets an environment variable of this nginx.
    #[must_use]
    pub fn process_env(mut self, name: &str, value: &str) -> Self {
        self.process_env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The `error_log` level; `info` unless set.
    #[must_use]
    pub fn log_level(mut self, level: &str) -> Self {
        level.clone_into(&mut self.log_level);
        self
    }

    /// The server root.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Runs nginx in the background: only then it heeds SIGUSR2.
    #[must_use]
    pub fn daemon(mut self) -> Self {
        self.daemon = true;
        self
    }

    /// Loads this module instead of those of the run.
    #[must_use]
    pub fn module(mut self, path: &Path) -> Self {
        self.env.to_mut().modules = vec![path.to_owned()];
        self
    }

    /// Writes a file, relative to the server root, with names replaced.
    ///
    /// # Errors
    /// An unknown name or the system's error.
    pub fn file(self, path: &str, data: &[u8]) -> Result<Self, String> {
        self.root
            .write(Path::new(path), &expand::bytes(data, &self.names)?)?;
        Ok(self)
    }

    /// Starts nginx with `conf`, a main-context configuration (`http { … }`, names replaced).
    ///
    /// `load_module`, `user`, `daemon`, `pid`, `error_log`, temporary paths and, unless it has them,
    /// `worker_processes 1` and `events` are added. nginx ends with the thread that starts it, so start it on
    /// the scenario's own.
    ///
    /// # Errors
    /// It does not start; the text has what nginx said.
    pub fn start(self, conf: &str) -> Result<Server, String> {
        let mut server = Server {
            env: self.env.into_owned(),
            root: self.root,
            nginx: None,
            names: self.names,
            ports: self.ports,
            process_env: self.process_env,
            log_level: self.log_level,
            allowed: Vec::new(),
            daemon: self.daemon,
        };
        server.write_conf(conf)?;
        if server.daemon {
            let started = Nginx::start_daemon(&server.env, server.root.path(), &server.process_env);
            server.nginx = Some(started.map_err(|e| format!("{e}\n{}", server.log()))?);
            return Ok(server);
        }
        match Nginx::start(&server.env, server.root.path(), &server.process_env)? {
            Start::Ready(nginx) => server.nginx = Some(nginx),
            Start::Exited(status) => {
                return Err(format!("nginx did not start: {status}\n{}", server.log()));
            }
        }
        Ok(server)
    }
}

impl Server {
    /// Starts nginx with `conf`; short for [`Setup::new`] and [`Setup::start`].
    ///
    /// # Errors
    /// As [`Setup::start`].
    pub fn start(env: &Env, conf: &str) -> Result<Server, String> {
        Setup::new(env)?.start(conf)
    }

    /// `port(0)` is `$TEST_NGINX_SERVER_PORT`, `port(n)` is `$TEST_NGINX_RAND_PORT_n`; 0 when there is none.
    #[must_use]
    pub fn port(&self, number: usize) -> u16 {
        self.ports.get(number).map_or(0, Port::number)
    }

    /// The server root.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Replaces nginx.conf (not yet loaded: see [`Server::reload`]).
    ///
    /// # Errors
    /// An unknown name or the system's error.
    pub fn write_conf(&self, conf: &str) -> Result<(), String> {
        let text = expand::bytes(conf.as_bytes(), &self.names)?
            .to_str_lossy()
            .into_owned();
        let mut full = conf::whole(&self.env, &self.process_env, &text, &self.log_level);
        if self.daemon {
            full = full.replacen("daemon off;", "daemon on;", 1);
        }
        self.root
            .write(Path::new("conf/nginx.conf"), full.as_bytes())
    }

    /// How many workers the configuration on disk names.
    #[must_use]
    pub fn configured_workers(&self) -> usize {
        let conf = self.root.path().join("conf/nginx.conf");
        let text = std::fs::read_to_string(conf).unwrap_or_default();
        let number = text.split("worker_processes ").nth(1);
        let number = number.and_then(|rest| rest.split(';').next()?.parse().ok());
        number.unwrap_or(1)
    }

    /// Writes a file, relative to the server root, replacing it in one step (rename).
    ///
    /// # Errors
    /// The system's error.
    pub fn write_file(&self, path: &str, data: &[u8]) -> Result<(), String> {
        self.root.write(Path::new(path), data)
    }

    /// `GET path` on `port(0)` with header lines such as `"Host: a\nCookie: b"`, on a connection of its own.
    ///
    /// # Errors
    /// No connection or no whole response.
    pub fn get(&self, path: &str, headers: &str) -> Result<Response, String> {
        self.request(&format!("GET {path}"), headers)
    }

    /// Any request, `METHOD [url [version]]` with a body below it.
    ///
    /// # Errors
    /// As [`Server::get`].
    pub fn request(&self, request: &str, headers: &str) -> Result<Response, String> {
        request_to(self.port(0), request, headers)
    }

    /// Bytes as they are; gives every byte that came back.
    ///
    /// # Errors
    /// No connection.
    pub fn raw(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let packet = Packet {
            data: bytes.to_vec(),
            delay: Duration::ZERO,
        };
        http::exchange(self.port(0), &[packet], TIMEOUT).map(|received| received.bytes)
    }

    /// Opens a WebSocket on `port(0)`.
    ///
    /// # Errors
    /// The handshake failed; the text has the status.
    pub fn websocket(&self, path: &str, headers: &str) -> Result<ws::Client, String> {
        let (headers, _) = http::more_headers(headers.as_bytes());
        let (response, client) = ws::Client::connect(self.port(0), path, None, &headers, TIMEOUT)?;
        client.ok_or_else(|| format!("handshake refused with {}", response.status))
    }

    fn nginx(&self) -> Result<&Nginx, String> {
        self.nginx
            .as_ref()
            .ok_or_else(|| "nginx is stopped".to_owned())
    }

    /// Goes on with the master that SIGUSR2 has started; gives the one before.
    ///
    /// # Errors
    /// There is none.
    pub fn go_on_with_new_master(&mut self) -> Result<Option<Nginx>, String> {
        let new = Nginx::of_pid_file(self.root.path())?;
        Ok(self.nginx.replace(new))
    }

    /// SIGHUP, then waits until only workers of the new configuration take requests.
    ///
    /// # Errors
    /// nginx refused the configuration, or ten seconds passed.
    pub fn reload(&self) -> Result<(), String> {
        reload::reload(self.nginx()?, &self.root)
    }

    /// Sends the master a signal.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, signal: Signal) -> Result<(), String> {
        self.nginx()?.signal(signal)
    }

    /// `kill -9` of one worker, and waits until a new one runs. Allows the log line it causes.
    ///
    /// # Errors
    /// No worker, or none came back within five seconds.
    pub fn kill_worker(&mut self) -> Result<(), String> {
        self.allow("exited on signal 9");
        let victim = self
            .worker_pids()
            .first()
            .copied()
            .ok_or("no worker runs")?;
        process::send(victim, Signal::SIGKILL)?;
        let back = poll::until(TIMEOUT, || {
            let pids = self.worker_pids();
            (!pids.is_empty() && !pids.contains(&victim)).then_some(())
        });
        back.ok_or_else(|| "no worker came back".to_owned())
    }

    /// The master's process id; 0 when stopped.
    #[must_use]
    pub fn master_pid(&self) -> u32 {
        self.nginx.as_ref().map_or(0, Nginx::pid)
    }

    /// The ids of the workers that are not shutting down; waits for the first one.
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        let Some(nginx) = &self.nginx else {
            return Vec::new();
        };
        poll::until(TIMEOUT, || {
            Some(nginx.worker_pids()).filter(|pids| !pids.is_empty())
        })
        .unwrap_or_default()
    }

    /// Runs `nginx -t` on this server's files beside it; gives success and what it printed.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn test_config(&self) -> Result<(bool, String), String> {
        let before = self.root.read("logs/stdio.log").len();
        let status = Nginx::test_config(&self.env, self.root.path(), &self.process_env)?;
        let printed = self
            .root
            .read("logs/stdio.log")
            .get(before..)
            .unwrap_or_default()
            .to_str_lossy()
            .into_owned();
        Ok((status.success(), printed))
    }

    /// The error log so far, and what nginx printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.root.error_log().to_str_lossy().into_owned()
    }

    /// The access log so far.
    #[must_use]
    pub fn access_log(&self) -> String {
        self.root
            .read("logs/access.log")
            .to_str_lossy()
            .into_owned()
    }

    /// Waits until a line of the error log matches the pattern; gives the line.
    ///
    /// # Errors
    /// A bad pattern, or no line before the deadline.
    pub fn wait_log(&self, pattern: &str, deadline: Duration) -> Result<String, String> {
        let matcher = Matcher::Regex(Pattern::new(pattern.as_bytes(), "")?);
        let line = poll::until(deadline, || {
            matcher
                .find(&self.root.error_log())
                .map(|line| line.to_str_lossy().into_owned())
        });
        line.ok_or_else(|| format!("no line of the error log matches /{pattern}/"))
    }

    /// Looks whether so many lines of the error log contain this text.
    ///
    /// # Errors
    /// There are more or fewer.
    pub fn expect_lines(&self, text: &str, wanted: usize) -> Result<(), String> {
        let log = self.log();
        let count = log.lines().filter(|line| line.contains(text)).count();
        if count == wanted {
            return Ok(());
        }
        Err(format!("{count} lines have `{text}`, not {wanted}:\n{log}"))
    }

    /// Allows severe error-log lines, and crashes, that contain this text.
    pub fn allow(&mut self, text: &str) {
        self.allowed.push(Matcher::Text(text.as_bytes().to_vec()));
    }

    /// Resident memory of a process, in KiB; 0 when it is gone.
    #[must_use]
    pub fn rss_kib(pid: u32) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }

    /// Open descriptors of a process.
    #[must_use]
    pub fn fds(pid: u32) -> usize {
        std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
    }

    /// Quits and judges the error log. Every scenario should end with it.
    ///
    /// # Errors
    /// nginx did not quit in order, or the log has severe lines nobody allowed.
    pub fn stop(mut self) -> Result<(), String> {
        if let Some(nginx) = self.nginx.take() {
            nginx.quit().map_err(|e| format!("{e}\n{}", self.log()))?;
        }
        self.judge()
    }

    /// As [`Server::stop`], for an nginx that was told to quit before and ends when its last connection is closed.
    ///
    /// # Errors
    /// As [`Server::stop`].
    pub fn ended(mut self) -> Result<(), String> {
        if let Some(mut nginx) = self.nginx.take() {
            match poll::until(TIMEOUT, || nginx.exit_status()) {
                Some(status) if status.success() => {}
                Some(status) => return Err(format!("nginx quit with {status}\n{}", self.log())),
                None => return Err(format!("nginx does not end\n{}", self.log())),
            }
        }
        self.judge()
    }

    fn judge(&self) -> Result<(), String> {
        let log = self.root.error_log();
        let allowed: Vec<u8> = log
            .lines_with_terminator()
            .filter(|line| !self.allowed.iter().any(|m| m.matches(line)))
            .flatten()
            .copied()
            .collect();
        let bad = logs::undeclared(&allowed, &[], &self.env.never);
        if bad.is_empty() {
            Ok(())
        } else {
            Err(format!("undeclared in the error log:\n{}", bad.join("\n")))
        }
    }
}

/// A request to any port of 127.0.0.1.
///
/// # Errors
/// No connection or no whole response.
pub fn request_to(port: u16, request: &str, headers: &str) -> Result<Response, String> {
    let (headers, chunked) = http::more_headers(headers.as_bytes());
    let data = http::build(request.as_bytes(), &headers, chunked, "close")?;
    let head_only = data.starts_with(b"HEAD ");
    let received = http::exchange(
        port,
        &[Packet {
            data,
            delay: Duration::ZERO,
        }],
        TIMEOUT,
    )?;
    match http::parse(&received.bytes, head_only, true) {
        Ok((response, _)) if response.truncated => {
            Err("the connection closed before the body was complete".into())
        }
        Ok((response, _)) => Ok(response),
        Err(_) => Err(format!("no whole response: {}", received.bytes.as_bstr())),
    }
}
