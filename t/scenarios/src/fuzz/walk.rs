//! A request on its way through the site.

use super::prediction::{Hit, Strip};
use super::request::Request;
use super::site;
use super::tokens::View;

/// How a token in an odd path may be understood; all keep to the path that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As the parsed path has it.
    Parsed,
    /// As the raw target has it.
    Raw,
    /// There is none.
    Nothing,
}

/// A request on its way.
pub(super) struct Walk<'a> {
    pub request: &'a Request,
    pub reading: Reading,
    /// The path as received.
    pub received: Vec<u8>,
    pub host: String,
    pub address: &'static str,
    pub uri: Vec<u8>,
    pub args: Vec<u8>,
    pub target: Vec<u8>,
    /// nginx passes the target as it came.
    pub as_it_came: bool,
    pub method: String,
    pub internal: bool,
    pub headers: Vec<(String, Vec<u8>)>,
    pub strips: Vec<Strip>,
    pub accepted: Vec<&'static str>,
    /// The page of a refusal of ours is being shown: nothing is checked, nothing cached.
    pub refused: bool,
    pub paged: bool,
    pub forced: Option<u16>,
    /// There is no path token, or it is gone.
    pub token_cut: bool,
    /// There was one.
    pub has_token: bool,
    pub hits: Vec<Hit>,
}

impl Walk<'_> {
    /// The request as received, as a profile sees it.
    pub(super) fn view<'v>(&'v self, uri: &'v [u8], path_token: Option<&'v [u8]>) -> View<'v> {
        View {
            target: self.request.received(),
            uri,
            headers: &self.request.headers,
            address: self.address,
            path_token,
            route_key: site::key_of(&self.host),
        }
    }

    /// The path as received.
    pub(super) fn received(&self) -> &[u8] {
        &self.received
    }
}
