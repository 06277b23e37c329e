//! Routes: what a table's key leads to, as people write it.
//!
//! A [`Route`] is what the file, the API and the store say; [`Route::resolve`] turns host names into addresses
//! (the caller does the asking: nothing here does I/O) and gives the [`Resolved`] route the table keeps.

pub mod check;
mod error;
mod file;
mod imprint;
mod json;
mod key;
mod key_set;
mod located;
mod names;
mod nested;
mod options;
mod patch;
mod reads;
mod secret;
mod text;
mod url;
mod write;

#[cfg(test)]
mod check_tests;
#[cfg(test)]
mod edge_tests;
#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod located_tests;
#[cfg(test)]
mod patch_tests;
#[cfg(test)]
mod tests;

pub use error::RouteError;
pub(crate) use error::one_of;
pub use file::{FileReader, ReadSummary, parse_all};
pub use imprint::{Imprint, Imprinter};
pub use json::{is_meta, parse_route};
pub use key::{EXACT_MAX, HOST_MAX, Key, KeyError, Match, is_normal, normalize};
pub use key_set::KeySet;
pub use located::{Located, Sought};
pub use names::{Answer, LeftOut, NameSet, Names};
pub use options::{Options, Protocol, ProxyHeader};
pub use patch::{BackendPatch, PatchEntry, PatchReader, PatchSink, RoutePatch, parse_backend};
pub use reads::{Entry, Reads, Sink};
pub use secret::Secret;
pub use url::{is_host_name, is_service, is_unix_path, parse_backend_place, parse_backend_url};
pub use write::write_text;

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

/// Most backends a route may have after its host names are resolved.
pub const MAX_BACKENDS: usize = 256;
/// Most bytes of a route's `id`.
pub const MAX_ID: usize = 255;
/// Most bytes of a route's `vars`, names and values together; the same bound holds for `meta` as JSON text.
pub const MAX_VARS: usize = 1024;

/// One route as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// A name for logs and `$upstream_lookup_id`.
    pub id: Option<String>,
    /// Where requests go; may be empty (the route is known and has no backend).
    pub backends: Vec<Backend>,
    /// Strings read by `upstream_variable`.
    pub vars: Vec<(String, String)>,
    /// Write-only secrets by name.
    pub keys: Vec<(String, Secret)>,
    /// The free-form `meta` object as JSON text.
    pub meta: Option<String>,
    /// How its backends are checked, where that is not as the table's line says: the text of an
    /// [`check::Own`].
    pub check: Option<String>,
}

/// One backend as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// `https`: used only under `proxy_pass https://…`.
    pub tls: bool,
    /// Where it is.
    pub host: Host,
    /// TCP port; 0 for a unix socket and for a service.
    pub port: u16,
    /// Share of requests, 1 to 65535.
    pub weight: u16,
    /// Used only when no other backend is left.
    pub backup: bool,
    /// Gets no new requests.
    pub drain: bool,
    /// Name for SNI and for verifying the certificate; `None` means the host name, if it is one.
    pub sni: Option<String>,
    /// The name is one of a service (SRV), which gives port, weight and backups.
    pub service: Option<String>,
    /// Its other options.
    pub options: Options,
}

/// A backend's host as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name to be resolved.
    Name(String),
    /// An address.
    Ip(IpAddr),
    /// The path of a unix socket.
    Unix(String),
}

/// A route whose host names have become addresses: what the table stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved<'r> {
    /// See [`Route::id`]; empty means none.
    pub id: &'r str,
    /// One entry per address; one for a name that has none yet.
    pub endpoints: Vec<Endpoint<'r>>,
    /// See [`Route::vars`].
    pub vars: Vec<(&'r str, &'r str)>,
    /// See [`Route::keys`].
    pub keys: Vec<(&'r str, &'r Secret)>,
    /// See [`Route::meta`].
    pub meta: Option<&'r str>,
    /// See [`Route::check`].
    pub check: Option<&'r str>,
    /// See [`Resolved::read_from`].
    pub imprint: Option<Imprint>,
}

impl Resolved<'_> {
    /// Notes which text it was read from, if that alone makes the route: another answer about a name makes another one.
    #[must_use]
    pub fn read_from(mut self, text: Imprint) -> Self {
        let has_names = self.endpoints.iter().any(|one| one.name.is_some());
        self.imprint = (!has_names).then_some(text);
        self
    }
}

/// One address a request can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint<'r> {
    /// The address.
    pub address: Address<'r>,
    /// See [`Backend::tls`].
    pub tls: bool,
    /// See [`Backend::weight`].
    pub weight: u16,
    /// See [`Backend::backup`].
    pub backup: bool,
    /// See [`Backend::drain`].
    pub drain: bool,
    /// The host name as written, when it was a name.
    pub name: Option<&'r str>,
    /// SNI and verified name, when TLS has one.
    pub sni: Option<&'r str>,
    /// See [`Backend::service`].
    pub service: Option<&'r str>,
    /// See [`Backend::options`].
    pub options: Options,
}

/// A socket address nginx can connect to. Displays as nginx writes it: `10.0.0.5:3000`, `[::1]:80`, `unix:/path`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address<'r> {
    /// IPv4 or IPv6 with port (an IPv6 scope is not kept).
    Ip(SocketAddr),
    /// The path of a unix socket.
    Unix(&'r str),
}

/// Writes the text of an IPv4 address and port: its length, or `None` when `out` is too short.
#[inline]
#[must_use]
pub fn write_v4(address: SocketAddrV4, out: &mut [u8]) -> Option<usize> {
    text::socket_v4(address, out)
}

impl Address<'_> {
    /// Writes the text of [`std::fmt::Display`] to `out`, much faster for IPv4; `None` when `out` is too short.
    pub fn write_to<'o>(&self, out: &'o mut [u8]) -> Option<&'o [u8]> {
        let len = match self {
            Self::Ip(SocketAddr::V4(v4)) => text::socket_v4(*v4, out)?,
            _ => text::display(self, out)?,
        };
        out.get(..len)
    }
}

impl std::fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// A backend that gets no requests, or fewer than it could, because of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved<'r> {
    /// Its place in [`Route::backends`].
    pub index: usize,
    /// Its name.
    pub name: &'r str,
    /// A human-readable error.
    pub why: String,
    /// Some of its addresses are used.
    pub partly: bool,
}

/// Takes each backend of which [`Route::resolve`] found no or not all addresses.
pub type Missing<'f> = dyn FnMut(Unresolved<'_>) + 'f;

/// How the caller turns a name into addresses; the error is human-readable.
pub type Resolver<'f> = dyn FnMut(Sought<'_>) -> Result<Vec<Located>, String> + 'f;

impl Route {
    /// Resolves the backends' host names through `ask`. A name with several addresses gives a peer for each, as in
    /// nginx; they are sorted, so that a name server's rotation is not a change.
    ///
    /// The answer of a name server never refuses a route. A backend whose name has no address waits for one: no request
    /// goes there. A name with more than `most`, or than there is room for ([`MAX_BACKENDS`]), keeps the first ones. Both
    /// go to `missing`.
    pub fn resolve<'r>(
        &'r self,
        most: usize,
        ask: &mut Resolver<'_>,
        missing: &mut dyn FnMut(Unresolved<'r>),
    ) -> Resolved<'r> {
        let mut endpoints = Vec::with_capacity(self.backends.len());
        for (index, backend) in self.backends.iter().enumerate() {
            let name = match &backend.host {
                Host::Ip(ip) => {
                    endpoints.push(backend.at(Address::Ip(SocketAddr::new(*ip, backend.port))));
                    continue;
                }
                Host::Unix(path) => {
                    endpoints.push(backend.at(Address::Unix(path)));
                    continue;
                }
                Host::Name(name) => name,
            };
            // Every backend still to come has room for one address.
            let to_come = self.backends.len().saturating_sub(index).saturating_sub(1);
            let room = MAX_BACKENDS
                .saturating_sub(endpoints.len())
                .saturating_sub(to_come)
                .min(most);
            let (found, why) = addresses(backend, room, ask);
            if let Some(why) = why {
                let partly = !found.is_empty();
                missing(Unresolved {
                    index,
                    name,
                    why,
                    partly,
                });
            }
            let waiting = backend.waiting();
            endpoints.extend(found.iter().map(|to| waiting.moved(to)));
            if found.is_empty() {
                endpoints.push(waiting);
            }
        }
        Resolved {
            id: self.id.as_deref().unwrap_or(""),
            endpoints,
            vars: self
                .vars
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect(),
            keys: self.keys.iter().map(|(n, v)| (n.as_str(), v)).collect(),
            meta: self.meta.as_deref(),
            check: self.check.as_deref(),
            imprint: None,
        }
    }
}

impl Backend {
    /// This backend at one of its addresses.
    fn at<'r>(&'r self, address: Address<'r>) -> Endpoint<'r> {
        let name = match &self.host {
            Host::Name(name) => Some(name.as_str()),
            Host::Ip(_) | Host::Unix(_) => None,
        };
        Endpoint {
            address,
            tls: self.tls,
            weight: self.weight,
            backup: self.backup,
            drain: self.drain,
            name,
            sni: if self.tls {
                self.sni.as_deref().or(name)
            } else {
                None
            },
            service: self.service.as_deref(),
            options: self.options,
        }
    }
}

/// At most `room` addresses of a backend's name, in order; and what is wrong if those are not all it should have.
fn addresses(
    backend: &Backend,
    room: usize,
    ask: &mut Resolver<'_>,
) -> (Vec<Located>, Option<String>) {
    let Some(sought) = backend.sought() else {
        return (Vec::new(), None);
    };
    let name = sought.name;
    let mut found = match ask(sought) {
        Ok(found) => found,
        Err(why) => return (Vec::new(), Some(why)),
    };
    found.retain(|one| one.is_usable(sought));
    found.sort_unstable();
    found.dedup_by_key(|one| one.at);
    let why = if found.is_empty() {
        Some(format!("host not found \"{name}\""))
    } else if found.len() > room {
        Some(format!(
            "only {room} of the {} addresses of \"{name}\" are used, a route has no room for more",
            found.len()
        ))
    } else {
        None
    };
    found.truncate(room);
    (found, why)
}
