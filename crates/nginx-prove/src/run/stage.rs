//! Everything a block needs before nginx starts: ports, backends, files, nginx.conf.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use bstr::ByteSlice;

use crate::backend::{Backend, WsMode};
use crate::conf::{self, Parts};
use crate::env::Env;
use crate::expand;
use crate::format::Block;
use crate::perl::Value;
use crate::ports::Port;
use crate::prologue::Prologue;
use crate::root::{Root, user_files};
use crate::ws::duration;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// A block made ready.
pub(super) struct Stage {
    /// The server root.
    pub root: Root,
    /// The block with every `$TEST_NGINX_…` replaced.
    pub block: Block,
    /// Environment of this nginx.
    pub process_env: Vec<(String, String)>,
    port: Port,
    _ports: Vec<Port>,
    _backends: Vec<Backend>,
}

impl Stage {
    /// Claims ports, starts backends and writes the files.
    ///
    /// # Errors
    /// A section that cannot be read, or a file or port that cannot be had.
    pub(super) fn set(env: &Env, prologue: &Prologue, block: &Block) -> Result<Stage, String> {
        let root = Root::new(env, &block.title)?;
        let port = Port::free()?;
        let mut names = env.names.clone();
        let mut name = |key: &str, value: String| names.insert(format!("TEST_NGINX_{key}"), value);
        for key in ["SERVER_PORT", "CLIENT_PORT", "PORT"] {
            name(key, port.number().to_string());
        }
        for key in ["SERVROOT", "SERVER_ROOT"] {
            name(key, root.path().display().to_string());
        }
        name("HTML_DIR", root.path().join("html").display().to_string());
        let mut ports = Vec::new();
        for key in random_ports(block) {
            let free = Port::free()?;
            names.insert(key, free.number().to_string());
            ports.push(free);
        }
        let backends = backends(block, &mut names)?;
        let block = expanded(block, &names)?;
        let stage = Stage {
            process_env: process_env(prologue, &block)?,
            root,
            block,
            port,
            _ports: ports,
            _backends: backends,
        };
        let parts = stage.parts(prologue)?;
        let text = conf::render(env, &parts);
        stage
            .root
            .write(Path::new("conf/nginx.conf"), text.as_bytes())?;
        stage.write_user_files()?;
        Ok(stage)
    }

    /// The port of the generated server.
    pub(super) fn port(&self) -> u16 {
        self.port.number()
    }

    /// How long a client waits.
    ///
    /// # Errors
    /// A `timeout` that cannot be read.
    pub(super) fn timeout(&self) -> Result<Duration, String> {
        self.block
            .get("timeout")
            .map_or(Ok(DEFAULT_TIMEOUT), |value| duration(&value.text()?))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        match self.block.get(name) {
            // Configuration is written byte for byte; nginx reads UTF-8 and Latin-1 alike.
            Some(value) => {
                String::from_utf8(value.bytes()?).map_err(|_| format!("{name} must be UTF-8"))
            }
            None => Ok(String::new()),
        }
    }

    fn parts(&self, prologue: &Prologue) -> Result<Parts, String> {
        let log_level = match self.block.get("log_level") {
            Some(value) => value.text()?,
            None => prologue.log_level.clone().unwrap_or_else(|| "info".into()),
        };
        Ok(Parts {
            main: self.text("main_config")?,
            post_main: self.text("post_main_config")?,
            http: self.text("http_config")?,
            server: self.text("config")?,
            process_env: self.process_env.clone(),
            log_level,
            workers: prologue.workers,
            connections: prologue.worker_connections,
            port: self.port(),
            root_location: !prologue.no_root_location,
        })
    }

    /// Writes the block's `user_files`, again before each repetition as Test::Nginx does.
    ///
    /// # Errors
    /// A path outside the server root, or the system's error.
    pub(super) fn write_user_files(&self) -> Result<(), String> {
        let files = match self.block.get("user_files") {
            None => return Ok(()),
            Some(Value::List(items)) => items.iter().map(listed_file).collect::<Result<_, _>>()?,
            Some(value) => user_files(&value.bytes()?),
        };
        for (path, body) in files {
            self.root
                .write(&Path::new("html").join(&path), &body)
                .map_err(|e| format!("user_files: {e}"))?;
        }
        Ok(())
    }
}

/// `[name, body]` or `[name, body, date]`.
fn listed_file(item: &Value) -> Result<(String, Vec<u8>), String> {
    match item {
        Value::List(parts) => match parts.as_slice() {
            [name, body] | [name, body, _] => Ok((name.text()?, body.bytes()?)),
            _ => Err("user_files: an item is [name, body]".into()),
        },
        _ => Err("user_files: an item is [name, body]".into()),
    }
}

fn random_ports(block: &Block) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, value) in &block.sections {
        expand::random_ports(value, &mut found);
    }
    found
}

fn expanded(block: &Block, names: &BTreeMap<String, String>) -> Result<Block, String> {
    let mut out = block.clone();
    for (name, value) in &mut out.sections {
        *value = expand::value(value, names).map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(out)
}

fn process_env(prologue: &Prologue, block: &Block) -> Result<Vec<(String, String)>, String> {
    let mut lines = prologue.nginx_env.clone();
    if let Some(value) = block.get("nginx_env") {
        lines.extend(
            value
                .bytes()?
                .lines()
                .map(|line| line.to_str_lossy().trim().to_owned()),
        );
    }
    let pairs = lines
        .into_iter()
        .filter(|line| !line.is_empty())
        .filter_map(|line| match line.split_once('=') {
            Some((name, value)) => Some((name.to_owned(), value.to_owned())),
            None => std::env::var(&line).ok().map(|value| (line, value)),
        });
    Ok(pairs.collect())
}

/// Starts what `http_upstream` and `ws_upstream` ask for and names the ports.
fn backends(block: &Block, names: &mut BTreeMap<String, String>) -> Result<Vec<Backend>, String> {
    let mut started = Vec::new();
    if let Some(value) = block.get("http_upstream") {
        for name in words(&value.text()?) {
            let backend = Backend::http(&name)?;
            names.insert(
                format!("TEST_NGINX_PORT_{}", name.to_uppercase()),
                backend.port().to_string(),
            );
            started.push(backend);
        }
    }
    if let Some(value) = block.get("ws_upstream") {
        for item in value
            .text()?
            .split([',', '\n'])
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            let (key, name, mode) = match item.split_once('=') {
                Some((name, mode)) => (
                    format!("TEST_NGINX_WS_PORT_{}", name.trim().to_uppercase()),
                    name.trim(),
                    mode,
                ),
                None => ("TEST_NGINX_WS_PORT".to_owned(), "echo", item),
            };
            let backend = Backend::websocket(name, WsMode::parse(mode)?)?;
            names.insert(key, backend.port().to_string());
            started.push(backend);
        }
    }
    Ok(started)
}

fn words(text: &str) -> Vec<String> {
    text.split([',', ' ', '\n'])
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
