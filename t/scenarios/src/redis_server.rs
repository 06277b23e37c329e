//! A real Redis server, and what is asked of it.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nginx_prove::poll;
use nginx_prove::ports::Port;
use nginx_prove::process;
use nix::sys::signal::Signal;

/// The server, unless `GATEHOUSE_REDIS_SERVER` names another program that speaks as it does (Valkey).
fn program() -> String {
    let other = std::env::var("GATEHOUSE_REDIS_SERVER").ok();
    other.unwrap_or_else(|| "/usr/bin/redis-server".into())
}

/// How long a server may take to start or to stop.
const SOON: Duration = Duration::from_secs(10);

/// A server of its own, without data on disk; killed when dropped.
pub(super) struct Redis {
    port: Port,
    dir: PathBuf,
    options: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// A server on a free port of 127.0.0.1; `options` are lines of its configuration.
    pub(super) fn start(options: &[&str]) -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("gatehouse-redis-{}-{number}", std::process::id());
        let mut redis = Self {
            port: Port::free()?,
            dir: std::env::temp_dir().join(name),
            options: options.iter().map(|line| (*line).to_owned()).collect(),
            child: None,
        };
        fs::create_dir_all(&redis.dir).map_err(|e| e.to_string())?;
        redis.run()?;
        Ok(redis)
    }

    pub(super) fn port(&self) -> u16 {
        self.port.number()
    }

    /// Where its files are.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts it, again after a kill.
    pub(super) fn run(&mut self) -> Result<(), String> {
        let (dir, port) = (self.dir.display(), self.port());
        let mut text = format!(
            "bind 127.0.0.1\nport {port}\ndir {dir}\nsave \"\"\nunixsocket {dir}/redis.sock\nlogfile {dir}/log\n"
        );
        for option in &self.options {
            let option = option.replace("DIR", &dir.to_string());
            let _ = writeln!(text, "{option}");
        }
        let file = self.dir.join("redis.conf");
        fs::write(&file, text).map_err(|e| e.to_string())?;
        let is_sentinel = self
            .options
            .iter()
            .any(|line| line.starts_with("sentinel "));
        let program = program();
        let mut command = Command::new(&program);
        command
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if is_sentinel {
            command.arg("--sentinel");
        }
        let child = command.spawn().map_err(|e| format!("{program}: {e}"))?;
        self.child = Some(child);
        let answers = || {
            let answer = self.try_ask(&["PING"]).ok()?;
            (answer.contains("PONG") || answer.contains("NOAUTH")).then_some(())
        };
        poll::until(SOON, answers).ok_or_else(|| {
            let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            format!("redis-server does not answer: {log}")
        })
    }

    /// Sends a signal to it.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), String> {
        let child = self.child.as_ref().ok_or("redis-server does not run")?;
        process::send(child.id(), signal)
    }

    /// Kills it.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// One command and its answer.
    pub(super) fn ask(&self, words: &[&str]) -> Result<String, String> {
        let answer = self.try_ask(words)?;
        if answer.starts_with('-') {
            return Err(format!("{words:?}: {answer}"));
        }
        Ok(answer)
    }

    fn try_ask(&self, words: &[&str]) -> Result<String, String> {
        let mut client = Client::new(self.port())?;
        client.send(words)?;
        client.answer()
    }

    /// Makes the list of a host.
    pub(super) fn route(&self, host: &str, urls: &[&str]) -> Result<(), String> {
        let key = format!("frontend:{host}");
        let mut words = vec!["RPUSH", &key, host];
        words.extend(urls);
        self.ask(&words).map(drop)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A connection to a server.
pub(super) struct Client(BufReader<TcpStream>);

impl Client {
    pub(super) fn new(port: u16) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
        let time = Some(Duration::from_secs(10));
        stream.set_read_timeout(time).map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a command; its answer comes later.
    pub(super) fn send(&mut self, words: &[&str]) -> Result<(), String> {
        let mut text = Vec::new();
        write_command(&mut text, words);
        self.send_all(&text)
    }

    /// Sends commands that [`write_command`] has written.
    pub(super) fn send_all(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.0.get_mut().write_all(bytes).map_err(|e| e.to_string())
    }

    /// The next answer; of an array or a text its parts, in lines.
    pub(super) fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.0.read_line(&mut line).map_err(|e| e.to_string())?;
        let line = line.trim_end().to_owned();
        let number = || line.get(1..).and_then(|n| n.parse::<usize>().ok());
        match (line.chars().next(), number()) {
            (Some('$'), Some(length)) => {
                let mut bytes = vec![0; length + 2];
                self.0.read_exact(&mut bytes).map_err(|e| e.to_string())?;
                bytes.truncate(length);
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            (Some('*'), Some(count)) => {
                let parts: Result<Vec<String>, String> =
                    (0..count).map(|_| self.answer()).collect();
                Ok(parts?.join("\n"))
            }
            (None, _) => Err("redis-server has closed the connection".into()),
            _ => Ok(line),
        }
    }
}

/// Writes a command as Redis reads it.
pub(super) fn write_command(out: &mut Vec<u8>, words: &[&str]) {
    out.extend(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}
