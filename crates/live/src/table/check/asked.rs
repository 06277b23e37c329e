//! Who is checked, and who does it.

use crate::table::telling::scheme;
use gatehouse_table::check::Check;
use gatehouse_table::route::Address;
use gatehouse_table::table::{BackendView, PeerId};
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

/// Where a backend is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address and a port.
    Inet(SocketAddr),
    /// A unix socket.
    Unix(Box<str>),
}

/// A backend that is to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub place: Place,
    /// Whether it speaks TLS, and the name for it: its own, if it has one.
    pub tls: Option<Option<Box<str>>>,
    /// Its host name, where it has one.
    pub name: Option<Box<str>>,
}

impl Target {
    /// A backend of a route; None for one that waits for an address.
    pub(super) fn of(backend: &BackendView<'_>) -> Option<Self> {
        if backend.endpoint().is_waiting() {
            return None;
        }
        let name = backend.name.map(Box::from);
        let sni = tls_name(backend).map(Box::from);
        Some(Self {
            place: match backend.address {
                Address::Ip(address) => Place::Inet(address),
                Address::Unix(path) => Place::Unix(path.into()),
            },
            tls: backend.tls().then_some(sni),
            name,
        })
    }

    /// Whether a backend of a route, which is the same one, is called like this.
    pub(super) fn has_names_of(&self, backend: &BackendView<'_>) -> bool {
        let tls = self.tls.as_ref().map(Option::as_deref);
        self.name.as_deref() == backend.name && tls == backend.tls().then(|| tls_name(backend))
    }

    /// What it is called in a request's `Host`: its name or address, with its port.
    #[must_use]
    pub fn host(&self) -> String {
        match (&self.place, &self.name) {
            (Place::Inet(address), Some(name)) => format!("{name}:{}", address.port()),
            (Place::Inet(address), None) => address.to_string(),
            (Place::Unix(_), _) => "localhost".into(),
        }
    }
}

fn tls_name<'r>(backend: &BackendView<'r>) -> Option<&'r str> {
    backend.sni.or(backend.name)
}

impl fmt::Display for Target {
    /// As URLs of backends have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(scheme(self.tls.is_some()))?;
        match &self.place {
            Place::Inet(address) => write!(f, "{address}"),
            Place::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// A check that has ended, and what came of it.
pub type Checked = (PeerId, Result<(), String>);

/// Asks backends, and waits for none of them.
pub trait Probing {
    /// Begins a check like this, whose end comes some time; false if it cannot.
    fn begin(&self, id: PeerId, target: &Target, check: &Rc<Check>) -> bool;

    /// How many checks may be under way at once, as things are now.
    fn most_open(&self) -> usize;

    /// The next check that has ended.
    fn ended(&self) -> Option<Checked>;

    /// Those under way are not wanted any more.
    fn forget(&self);
}
