//! `sticky=`: a cookie that names the backend of a session.

use crate::route::Address;
use crate::table::{BackendView, Packed, RouteView};
use gatehouse_base::encoding::{hex_from, hex_into};
use memchr::memchr;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};
use std::net::{SocketAddr, SocketAddrV4};

/// Names a backend of a route: the same in every worker, after every restart and in every nginx that has the route. It
/// says nothing of the address to those who cannot guess it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sid(u64);

/// Letters of a [`Sid`].
pub const SID_LEN: usize = 16;

/// Never changed: all nginx must agree, also with those that ran before.
static SECRETS: RapidSecrets = RapidSecrets::seed(0x7374_6963_6b79_3031);

#[inline]
fn hash(bytes: &[u8]) -> u64 {
    rapidhash_v3_nano_inline::<true, false>(bytes, &SECRETS)
}

/// The names of a route's backends.
#[derive(Clone, Copy, Debug)]
pub struct Sids([u8; 8]);

impl Sids {
    /// Those of this route: in another one the same backend has another name.
    #[must_use]
    pub fn of(route: &RouteView<'_>) -> Self {
        Self(hash(route.key()).to_le_bytes())
    }

    /// The name of a backend that has nothing but this address, and does not speak TLS: most are like that.
    #[inline]
    fn sid_of_plain(&self, address: SocketAddrV4) -> Sid {
        let ([a, b, c, d, e, f, g, h], [i, j, k, l]) = (self.0, address.ip().octets());
        let [m, n] = address.port().to_le_bytes();
        let is_tls = 0;
        Sid(hash(&[a, b, c, d, e, f, g, h, is_tls, i, j, k, l, m, n]))
    }

    /// The name of one of its backends.
    #[must_use]
    pub fn sid(&self, backend: &BackendView<'_>) -> Sid {
        // Longest: the path of a unix socket.
        let mut bytes = [0; 8 + 1 + 128];
        let mut used: usize = 0;
        let mut push = |part: &[u8]| {
            let end = used.saturating_add(part.len());
            if let Some(to) = bytes.get_mut(used..end) {
                to.copy_from_slice(part);
                used = end;
            }
        };
        push(&self.0);
        push(&[u8::from(backend.tls())]);
        match backend.address {
            Address::Ip(SocketAddr::V4(v4)) => push(&v4.ip().octets()),
            Address::Ip(SocketAddr::V6(v6)) => push(&v6.ip().octets()),
            Address::Unix(path) => push(path.as_bytes()),
        }
        if let Address::Ip(address) = backend.address {
            push(&address.port().to_le_bytes());
        }
        Sid(hash(bytes.get(..used).unwrap_or_default()))
    }

    /// The name of the backend at this place of the route.
    #[must_use]
    pub fn sid_at(route: &RouteView<'_>, index: u16) -> Option<Sid> {
        let packed = route.packed_at(index.into())?;
        let sids = Self::of(route);
        match packed.plain() {
            Some(address) => Some(sids.sid_of_plain(address)),
            None => route.backend(index.into()).map(|one| sids.sid(&one)),
        }
    }

    /// The backend of this name.
    #[must_use]
    pub fn find(&self, route: &RouteView<'_>, sid: Sid) -> Option<u16> {
        let mut backends = (0_u16..).zip(route.packed());
        let is_named = |index: u16, packed: Packed| match packed.plain() {
            Some(address) => self.sid_of_plain(address) == sid,
            None => {
                let backend = route.backend(index.into());
                backend.is_some_and(|backend| self.sid(&backend) == sid)
            }
        };
        backends
            .find(|(index, packed)| is_named(*index, *packed))
            .map(|(index, _)| index)
    }
}

impl Sid {
    /// Its letters: small hexadecimal digits.
    #[must_use]
    pub fn text(self) -> [u8; SID_LEN] {
        let mut text = [0; SID_LEN];
        hex_into(&self.0.to_be_bytes(), &mut text);
        text
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; SID_LEN / 2];
        hex_from(text, &mut bytes).then(|| Self(u64::from_be_bytes(bytes)))
    }

    /// Those in a `Cookie` line that have this name.
    pub fn in_cookies<'c>(line: &'c [u8], name: &'c [u8]) -> impl Iterator<Item = Self> + 'c {
        let mut rest = line;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let (pair, behind) =
                    rest.split_at_checked(memchr(b';', rest).unwrap_or(rest.len()))?;
                rest = behind.get(1..).unwrap_or_default();
                let mut pair = pair.strip_prefix(b" ").unwrap_or(pair);
                if pair.first().is_some_and(u8::is_ascii_whitespace) {
                    pair = pair.trim_ascii_start();
                }
                // Quicker than to compare the name: most cookies are others.
                if pair.get(name.len()) != Some(&b'=') {
                    continue;
                }
                let found = Self::named(pair, name);
                if found.is_some() {
                    return found;
                }
            }
            None
        })
    }

    fn named(pair: &[u8], name: &[u8]) -> Option<Self> {
        let value = pair.strip_prefix(name)?.strip_prefix(b"=")?;
        Self::parse(value.trim_ascii_end())
    }
}

/// Whether a cookie may have this name (RFC 6265: a token of RFC 2616).
#[must_use]
pub fn is_cookie_name(name: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_good)
}
