//! What signing and verifying both need.

use std::net::IpAddr;

use clap::Args;

use super::profile::ProfileArguments;
use super::request::Request;
use super::time::{self, Time};
use super::url::Url;
use crate::Failure;

/// What both need: the profile of the configuration, and the request.
#[derive(Debug, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(super) profile: ProfileArguments,
    /// $remote_addr in the message.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) address: Option<IpAddr>,
    /// A header line of the request: a token's, Cookie, or for $http_NAME in the message. May be repeated.
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    pub(super) header: Vec<(String, String)>,
    /// The value of another variable in the message. May be repeated.
    #[arg(long, visible_alias = "set", value_name = "NAME=VALUE", value_parser = variable)]
    pub(super) var: Vec<(String, String)>,
    /// The time that counts as now: seconds since 1970, or from now as +3600 or -1d.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) now: Option<Time>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Common {
    /// The request, with this URL.
    pub(super) fn request(&self, url: Option<&str>) -> Result<Request, Failure> {
        Ok(Request {
            url: url.map(Url::parse).transpose().map_err(Failure::Wrong)?,
            headers: self.header.clone(),
            address: self.address,
            variables: self.var.clone(),
        })
    }

    /// The time that counts as now.
    pub(super) fn now(&self) -> i64 {
        let clock = time::clock();
        self.now.map_or(clock, |time| time.epoch(clock))
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
