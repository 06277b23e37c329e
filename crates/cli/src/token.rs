//! `gatehouse token sign|verify`: links as the module's schemes have them.

mod common;
mod explain;
mod options;
mod profile;
mod request;
mod sign;
mod time;
mod url;

use clap::Subcommand;

use crate::{Failure, Outcome};
use common::Common;
use time::Time;

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
        /// What else the token is to say, such as acl=/video/*. May be repeated; the scheme says which.
        #[arg(long, value_name = "NAME=VALUE", value_parser = claim)]
        claim: Vec<(String, String)>,
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

/// Does what is asked.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Sign {
            common,
            url,
            expires,
            claim,
        } => sign::run(common, url.as_deref(), *expires, claim),
        Command::Verify {
            common,
            url,
            leeway,
        } => explain::run(common, url, *leeway),
    }
}

fn claim(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a claim is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn leeway(text: &str) -> Result<u64, String> {
    let seconds = time::seconds(text).and_then(|seconds| u64::try_from(seconds).ok());
    seconds.ok_or_else(|| "a duration is a number of seconds, or 5m, 1h30m".to_owned())
}
