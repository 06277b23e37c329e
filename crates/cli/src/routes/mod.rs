//! `gatehouse routes`: the routes of a running nginx over its HTTP API, and files of routes.

mod change;
mod check;
mod client;
mod files;
mod import;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gatehouse_table::api::OWNERS;

use crate::{Failure, Outcome};
use check::Mode;
use client::Client;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List keys and backends.
    List {
        #[command(flatten)]
        server: Server,
        /// Only the routes of this owner.
        #[arg(long, value_parser = OWNERS.map(|row| row.0))]
        owner: Option<String>,
        /// One JSON document, as a file of routes.
        #[arg(long)]
        json: bool,
    },
    /// Show one route.
    Get {
        #[command(flatten)]
        server: Server,
        key: String,
        /// In one line, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Make a route, or replace it whole.
    Put {
        #[command(flatten)]
        server: Server,
        key: String,
        /// Backends, such as `http://10.0.0.5:3000#weight=2`.
        #[arg(required_unless_present = "file")]
        backends: Vec<String>,
        /// The whole route from a JSON file; `-` is standard input.
        #[arg(long, conflicts_with_all = ["backends", "id", "var"])]
        file: Option<PathBuf>,
        /// A name for logs.
        #[arg(long)]
        id: Option<String>,
        /// A value for `upstream_variable`; may be repeated.
        #[arg(long, value_name = "NAME=VALUE")]
        var: Vec<String>,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove routes.
    Rm {
        #[command(flatten)]
        server: Server,
        #[arg(required = true)]
        keys: Vec<String>,
    },
    /// Send no new requests to a backend.
    Drain {
        #[command(flatten)]
        backend: Backend,
    },
    /// Send requests to a backend again: it is no longer drained, and its failures are forgotten.
    Enable {
        #[command(flatten)]
        backend: Backend,
    },
    /// Write all routes as a file of routes, but for their keys, which are write-only.
    Export {
        #[command(flatten)]
        server: Server,
        /// Only the routes of this owner.
        #[arg(long, value_parser = OWNERS.map(|row| row.0))]
        owner: Option<String>,
        /// Where to; without it, or with `-`, to standard output.
        file: Option<PathBuf>,
    },
    /// Bring the API's routes to what a file of routes says; what is the same is not sent.
    Import {
        #[command(flatten)]
        server: Server,
        file: PathBuf,
        /// Remove the API's routes that the file does not have.
        #[arg(long)]
        prune: bool,
        /// Print what was done as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check files of routes as nginx would: without a server, for CI.
    Check {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The table's `match`.
        #[arg(long = "match", default_value = "host")]
        mode: Mode,
        /// The verdict as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Where the API is.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The location of `upstream_api` [default: $GATEHOUSE_API, else http://127.0.0.1:8081/_apps/].
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// The file with the key that `key_file=` names.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Backend {
    #[command(flatten)]
    server: Server,
    key: String,
    /// The backend's URL, such as `http://10.0.0.5:3000`.
    url: String,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

impl Server {
    fn client(&self) -> Result<Client, Failure> {
        Client::new(self.api.as_deref(), self.key_file.as_deref())
    }
}

pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::List {
            server,
            owner,
            json,
        } => change::list(&server.client()?, owner.as_deref(), *json),
        Command::Get { server, key, json } => change::get(&server.client()?, key, *json),
        Command::Put {
            server,
            key,
            backends,
            file,
            id,
            var,
            json,
        } => {
            let route = match file {
                Some(file) => files::read(file)?,
                None => change::route(backends, id.as_deref(), var)?,
            };
            change::put(&server.client()?, key, &route, *json)
        }
        Command::Rm { server, keys } => change::remove(&server.client()?, keys),
        Command::Drain { backend } => {
            let Backend { key, url, json, .. } = backend;
            change::drain(&backend.server.client()?, key, url, *json)
        }
        Command::Enable { backend } => {
            let Backend { key, url, json, .. } = backend;
            change::enable(&backend.server.client()?, key, url, *json)
        }
        Command::Export {
            server,
            owner,
            file,
        } => files::export(&server.client()?, owner.as_deref(), file.as_deref()),
        Command::Import {
            server,
            file,
            prune,
            json,
        } => import::import(&server.client()?, file, *prune, *json),
        Command::Check { files, mode, json } => check::check(files, *mode, *json),
    }
}
