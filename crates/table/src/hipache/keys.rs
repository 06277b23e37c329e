//! The keys of the store.

use crate::route::{Key, KeyError, Match};

const ROUTES: &[u8] = b"frontend:";
const MARKS: &[u8] = b"dead:";
const REGISTRATIONS: &[u8] = b"join:";
const REGISTERED: &[u8] = b"joins";

/// Which keys of the store belong to a table.
#[derive(Clone, Debug)]
pub struct KeySpace {
    prefix: Vec<u8>,
    mode: Match,
}

/// What a key of the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The list of a route.
    Route(Key),
    /// The failed backends of a host.
    Marks(Key),
    /// It would be a route's, but its host is none, for this reason.
    Refused(String),
    /// Somebody else's.
    Other,
}

impl KeySpace {
    /// The keys behind this prefix, for a table whose keys are compared in this way.
    #[must_use]
    pub fn new(prefix: &str, mode: Match) -> Self {
        Self {
            prefix: prefix.as_bytes().to_vec(),
            mode,
        }
    }

    /// What the keys of all routes begin with.
    #[must_use]
    pub fn routes(&self) -> Vec<u8> {
        [&self.prefix, ROUTES].concat()
    }

    /// What the keys of all marks begin with.
    #[must_use]
    pub fn marks(&self) -> Vec<u8> {
        [&self.prefix, MARKS].concat()
    }

    /// The key of a route's list.
    #[must_use]
    pub fn route_key(&self, key: &Key) -> Vec<u8> {
        [&self.prefix, ROUTES, key.as_bytes()].concat()
    }

    /// The key of a host's marks.
    #[must_use]
    pub fn marks_key(&self, host: &Key) -> Vec<u8> {
        [&self.prefix, MARKS, host.as_bytes()].concat()
    }

    /// The key of the set of a host's registrations: backends, with the time when each ends.
    #[must_use]
    pub fn registrations_key(&self, host: &Key) -> Vec<u8> {
        [&self.prefix, REGISTRATIONS, host.as_bytes()].concat()
    }

    /// The key of the set of hosts with registrations, with the time when the first of each ends.
    #[must_use]
    pub fn registered_key(&self) -> Vec<u8> {
        [&self.prefix, REGISTERED].concat()
    }

    /// The pattern of `SCAN … MATCH` for keys that begin so.
    #[must_use]
    pub fn pattern(lead: &[u8]) -> Vec<u8> {
        let mut pattern = Vec::with_capacity(lead.len().saturating_add(1));
        for byte in lead {
            if br"*?[]\^".contains(byte) {
                pattern.push(b'\\');
            }
            pattern.push(*byte);
        }
        pattern.push(b'*');
        pattern
    }

    /// What a key of the store is. Only one spelling of a host is its key: two lists for one route would take turns.
    #[must_use]
    pub fn read(&self, stored: &[u8]) -> Named {
        let Some(rest) = stored.strip_prefix(self.prefix.as_slice()) else {
            return Named::Other;
        };
        if let Some(host) = rest.strip_prefix(ROUTES) {
            return match self.host(host) {
                Ok(key) => Named::Route(key),
                Err(why) => Named::Refused(why),
            };
        }
        match rest.strip_prefix(MARKS).map(|host| self.host(host)) {
            Some(Ok(host)) => Named::Marks(host),
            Some(Err(_)) | None => Named::Other,
        }
    }

    fn host(&self, host: &[u8]) -> Result<Key, String> {
        let key = Key::parse(host, self.mode).map_err(|e: KeyError| e.to_string())?;
        if key.as_bytes() == host {
            return Ok(key);
        }
        let normal = String::from_utf8_lossy(key.as_bytes()).into_owned();
        Err(format!("host is to be written \"{normal}\""))
    }
}
