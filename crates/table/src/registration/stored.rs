//! The registrations of a host in a store: its list has their backends, and a set beside it the time when each ends.

use super::record::{each, of_times};
use crate::route::{Host, Route, parse_backend_url};
use std::net::SocketAddr;

/// By how long a set outlives its list.
const LONGER_MS: u64 = 60_000;

/// What a store has of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// The elements of its list.
    pub list: Vec<Vec<u8>>,
    /// Its registrations, as a route.
    pub route: Route,
    /// The elements of the list that are no registrations.
    others: Vec<Vec<u8>>,
}

/// What is to be in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The elements of the list; none: there is no list.
    pub list: Vec<Vec<u8>>,
    /// When the list ends, if it has nothing but registrations.
    pub ends_ms: Option<u64>,
    /// The registrations: a backend, and the time when it ends.
    pub set: Vec<(String, u64)>,
}

impl Wanted {
    /// When the first registration ends.
    #[must_use]
    pub fn first_ms(&self) -> Option<u64> {
        self.set.iter().map(|one| one.1).min()
    }

    /// When the set ends, if its list does: the list must not be there without it, or nobody could tell what in it is a
    /// registration.
    #[must_use]
    pub fn set_ends_ms(&self) -> Option<u64> {
        Some(self.ends_ms?.saturating_add(LONGER_MS))
    }
}

impl Registry {
    /// Reads a list, and the set beside it. What is no registration in the set does not count.
    #[must_use]
    pub fn new(list: Vec<Vec<u8>>, set: &[(Vec<u8>, u64)]) -> Self {
        let known: Vec<(SocketAddr, u64)> = set
            .iter()
            .filter_map(|(backend, ends_ms)| Some((address(backend)?, *ends_ms)))
            .collect();
        let is_other = |element: &&Vec<u8>| !set.iter().any(|(backend, _)| backend == *element);
        let others = list.iter().skip(1).filter(is_other).cloned().collect();
        Self {
            others,
            route: of_times(&known),
            list,
        }
    }

    /// Whether the list is somebody else's: nobody has registered for it.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        !self.list.is_empty() && self.route.backends.is_empty()
    }

    /// What is to be in the store for the registrations as they are now.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        let set: Vec<(String, u64)> = each(&self.route)
            .map(|(at, ends_ms)| (format!("http://{at}"), ends_ms))
            .collect();
        let backends = set.iter().map(|(backend, _)| backend.as_bytes().to_vec());
        let mut list = vec![self.list.first().cloned().unwrap_or_default()];
        list.extend(self.others.iter().cloned().chain(backends));
        if list.len() == 1 {
            list.clear();
        }
        let last = set.iter().map(|one| one.1).max();
        Wanted {
            list,
            ends_ms: last.filter(|_| self.others.is_empty()),
            set,
        }
    }
}

/// The address of `http://10.0.0.1:80`.
fn address(backend: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(backend).ok()?;
    let backend = parse_backend_url(text, false).ok()?;
    match backend.host {
        Host::Ip(ip) => {
            let at = SocketAddr::new(ip, backend.port);
            (format!("http://{at}") == text).then_some(at)
        }
        _ => None,
    }
}
