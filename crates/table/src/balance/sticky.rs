//! `sticky=`: a cookie that names the backend of a session.

use crate::route::Address;
use crate::table::{BackendView, Packed, RouteView};
use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::LazyLock;

/// Names a backend of a route: the same in every worker, after every restart and in every nginx that has the route. It
/// says nothing of the address to those who cannot guess it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sid(u64);

/// Letters of a [`Sid`].
pub const SID_LEN: usize = 16;

/// Never changed: all nginx must agree, also with those that ran before.
static SECRETS: LazyLock<RapidSecrets> =
    LazyLock::new(|| RapidSecrets::seed(0x7374_6963_6b79_3031));

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
        let nibbles = (0..SID_LEN as u32)
            .rev()
            .map(|n| self.0 >> n.wrapping_mul(4) & 15);
        for (to, nibble) in text.iter_mut().zip(nibbles) {
            *to = *b"0123456789abcdef".get(nibble as usize).unwrap_or(&b'0');
        }
        text
    }

    fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != SID_LEN {
            return None;
        }
        let number = text.iter().try_fold(0_u64, |number, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte.wrapping_sub(b'0'),
                b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
                _ => return None,
            };
            Some(number << 4 | u64::from(digit))
        });
        number.map(Self)
    }

    /// Those in a `Cookie` line that have this name.
    pub fn in_cookies<'c>(line: &'c [u8], name: &'c [u8]) -> impl Iterator<Item = Self> + 'c {
        line.split(|byte| *byte == b';').filter_map(move |pair| {
            let value = pair.trim_ascii().strip_prefix(name)?.strip_prefix(b"=")?;
            Self::parse(value)
        })
    }
}

/// Whether a cookie may have this name (RFC 6265: a token of RFC 2616).
#[must_use]
pub fn is_cookie_name(name: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_good)
}
