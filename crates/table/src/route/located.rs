//! Names of backends, and where they are.

use super::{Address, Backend, Endpoint, Host, Route};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What is asked of a name server for a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sought<'n> {
    /// The name.
    pub name: &'n str,
    /// The service there (SRV), in nginx's spelling: `http` stands for `_http._tcp`.
    pub service: Option<&'n str>,
}

/// How the text of a service begins: no name has a colon.
const SERVICE: &str = "srv:";

impl<'n> Sought<'n> {
    /// It as one text.
    #[must_use]
    pub fn text(&self) -> Cow<'n, str> {
        match self.service {
            None => Cow::Borrowed(self.name),
            Some(service) => Cow::Owned(format!("{SERVICE}{service}:{}", self.name)),
        }
    }

    /// What this is the text of.
    #[must_use]
    pub fn of_text(text: &'n str) -> Self {
        let parts = text.strip_prefix(SERVICE).and_then(|s| s.split_once(':'));
        Self {
            name: parts.map_or(text, |(_, name)| name),
            service: parts.map(|(service, _)| service),
        }
    }
}

/// As messages have it.
impl fmt::Display for Sought<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.service {
            None => write!(f, "\"{}\"", self.name),
            Some(service) => write!(f, "\"{}\" (service \"{service}\")", self.name),
        }
    }
}

/// One address of a name. The default of everything else is: as the backend says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Located {
    /// The address; of a service with its port, else the port is 0.
    pub at: SocketAddr,
    /// The share of requests that a service gives it; 0 for none.
    pub weight: u16,
    /// The service has others that come first.
    pub backup: bool,
}

impl From<IpAddr> for Located {
    fn from(ip: IpAddr) -> Self {
        Self {
            at: SocketAddr::new(ip, 0),
            weight: 0,
            backup: false,
        }
    }
}

impl Located {
    /// Whether a request for this can be sent there: `0.0.0.0`, in whatever clothing, would be this machine, whoever
    /// answered that.
    #[must_use]
    pub fn is_usable(&self, sought: Sought<'_>) -> bool {
        let ip = self.at.ip().to_canonical();
        !ip.is_unspecified() && (sought.service.is_none() || self.at.port() > 0)
    }
}

/// The address of a name that has none yet.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl<'r> Endpoint<'r> {
    /// What its address was asked for, when it was a name.
    #[must_use]
    pub fn sought(&self) -> Option<Sought<'r>> {
        self.name.map(|name| Sought {
            name,
            service: self.service,
        })
    }

    /// Its name has no address yet: no request goes there.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.address, Address::Ip(at) if self.name.is_some() && at.ip().is_unspecified())
    }

    /// Whether this is one of a backend's addresses.
    #[must_use]
    pub fn is_of(&self, backend: &Backend) -> bool {
        let is_there = match (&backend.host, self.address) {
            (Host::Ip(ip), Address::Ip(at)) => {
                self.name.is_none() && SocketAddr::new(*ip, backend.port) == at
            }
            (Host::Name(_), Address::Ip(at)) => {
                let same_port = self.service.is_some() || at.port() == backend.port;
                self.sought() == backend.sought() && same_port
            }
            (Host::Unix(path), Address::Unix(at)) => path == at,
            _ => false,
        };
        is_there && self.tls == backend.tls
    }

    /// The same backend at another address of its name.
    #[must_use]
    pub fn moved(&self, to: &Located) -> Self {
        let port = match self.address {
            _ if self.service.is_some() => to.at.port(),
            Address::Ip(at) => at.port(),
            Address::Unix(_) => 0,
        };
        let mut moved = self.clone();
        // An IPv6 scope is not kept.
        moved.address = Address::Ip(SocketAddr::new(to.at.ip(), port));
        if self.service.is_some() {
            moved.weight = to.weight.max(1);
            moved.backup = to.backup;
        }
        moved
    }

    /// Its address, as it was found for its name.
    #[must_use]
    pub fn located(&self) -> Option<Located> {
        match self.address {
            Address::Ip(at) if self.service.is_some() => Some(Located {
                at,
                weight: self.weight,
                backup: self.backup,
            }),
            Address::Ip(at) => Some(Located::from(at.ip())),
            Address::Unix(_) => None,
        }
    }
}

impl Route {
    /// What is to be asked for its backends.
    pub fn names(&self) -> impl Iterator<Item = Sought<'_>> {
        self.backends.iter().filter_map(Backend::sought)
    }
}

impl Backend {
    /// What is to be asked for it.
    pub(super) fn sought(&self) -> Option<Sought<'_>> {
        match &self.host {
            Host::Name(name) => Some(Sought {
                name,
                service: self.service.as_deref(),
            }),
            Host::Ip(_) | Host::Unix(_) => None,
        }
    }

    /// This backend while its name has no address.
    pub(super) fn waiting(&self) -> Endpoint<'_> {
        self.at(Address::Ip(SocketAddr::new(NOWHERE, self.port)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_that_of_one_question() {
        let all = [
            ("a.test", None),
            ("a.test", Some("http")),
            ("_http._tcp.a.test", None),
        ];
        for (name, service) in all {
            let sought = Sought { name, service };
            assert_eq!(Sought::of_text(&sought.text()), sought);
        }
        let texts = all.map(|(name, service)| Sought { name, service }.text().into_owned());
        assert!(texts[0] != texts[1] && texts[1] != texts[2]);
    }

    #[test]
    fn messages_name_the_service_too() {
        let sought = |service| Sought {
            name: "a.test",
            service,
        };
        assert_eq!(sought(None).to_string(), "\"a.test\"");
        let with = "\"a.test\" (service \"http\")";
        assert_eq!(sought(Some("http")).to_string(), with);
    }

    /// A service says port, weight and rank; of a plain name only the address is found.
    #[test]
    fn what_was_found_for_a_name() {
        let mut endpoint = crate::table::tests::endpoint(7, 3);
        endpoint.backup = true;
        let Address::Ip(at) = endpoint.address else {
            panic!("an address");
        };
        assert_eq!(endpoint.located(), Some(Located::from(at.ip())));
        endpoint.service = Some("http");
        let found = Located {
            at,
            weight: 3,
            backup: true,
        };
        assert_eq!(endpoint.located(), Some(found));
        endpoint.address = Address::Unix("/s");
        assert_eq!(endpoint.located(), None);
    }
}
