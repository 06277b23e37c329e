//! `gatehouse token sign|verify`: links as the module's schemes have them.

mod explain;
mod options;
mod profile;
mod request;
mod sign;
mod time;
mod url;

use std::net::IpAddr;

use clap::{Args, Subcommand};

use crate::{Failure, Outcome};
use profile::ProfileArguments;
use request::Request;
use time::Time;
use url::Url;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a link that is good until a time.
    ///
    /// The answer is the signed --url, or with --from cookie or header the lines to send. The first
    /// --key-file signs, the first place of --from is where the token goes. Without --url
    /// (where the scheme signs a message) the answer is the hash and the expiry with a comma between.
    Sign {
        #[command(flatten)]
        common: Common,
        /// The path with its arguments, or a whole URL. With --from path its segment {token} is where
        /// the token goes, otherwise it goes in front.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// The last second it is good: seconds since 1970, or from now as +3600, +90m, +1d12h.
        #[arg(long, value_name = "TIME")]
        expires: Time,
    },
    /// Check a link and say why it is good or not; exit code 1 when it is not.
    ///
    /// Shown are the place with the token, what its key signs (never the key, nor the right token)
    /// and the time it has left.
    Verify {
        #[command(flatten)]
        common: Common,
        /// The signed path with its arguments, or a whole URL.
        #[arg(long, value_name = "URL")]
        url: String,
        /// How long a token is accepted after its expiry: 30, 5m, 1h30m.
        #[arg(long, value_name = "DURATION", default_value = "0", value_parser = leeway)]
        leeway: u64,
    },
}

/// What both need: the profile of the configuration, and the request.
#[derive(Debug, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    profile: ProfileArguments,
    /// $remote_addr in the message.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// A header line of the request: a token's, Cookie, or for $http_NAME in the message. May be repeated.
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// The value of another variable in the message. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    var: Vec<(String, String)>,
    /// The time that counts as now: seconds since 1970, or from now as +3600 or -1d.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    now: Option<Time>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Common {
    fn request(&self, url: Option<&str>) -> Result<Request, Failure> {
        Ok(Request {
            url: url.map(Url::parse).transpose().map_err(Failure::Wrong)?,
            headers: self.header.clone(),
            address: self.address,
            variables: self.var.clone(),
        })
    }

    fn now(&self) -> i64 {
        let clock = time::clock();
        self.now.map_or(clock, |time| time.epoch(clock))
    }
}

/// Does what is asked.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Sign {
            common,
            url,
            expires,
        } => sign::run(common, url.as_deref(), *expires),
        Command::Verify {
            common,
            url,
            leeway,
        } => explain::run(common, url, *leeway),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a line is NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a variable is NAME=VALUE")?;
    let name = name.trim_start_matches('$').to_ascii_lowercase();
    Ok((name, value.to_owned()))
}

fn leeway(text: &str) -> Result<u64, String> {
    let seconds = time::seconds(text).and_then(|seconds| u64::try_from(seconds).ok());
    seconds.ok_or_else(|| "a duration is a number of seconds, or 5m, 1h30m".to_owned())
}
