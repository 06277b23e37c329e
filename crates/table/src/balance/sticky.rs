//! `sticky=`: a cookie that names the backend of a session.

use crate::route::Address;
use crate::table::{BackendView, Packed, RouteView};
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
        let ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]) =
            (digits((self.0 >> 32) as u32), digits(self.0 as u32));
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (high, low) = text.split_first_chunk::<8>()?;
        let low: &[u8; 8] = low.try_into().ok()?;
        Some(Self(
            u64::from(number(*high)?) << 32 | u64::from(number(*low)?),
        ))
    }

    /// Those in a `Cookie` line that have this name.
    pub fn in_cookies<'c>(line: &'c [u8], name: &'c [u8]) -> impl Iterator<Item = Self> + 'c {
        let mut rest = line;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let (pair, behind) = rest.split_at_checked(end_of_pair(rest))?;
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

/// Where the next semicolon stands; the length where there is none. Eight bytes at once.
fn end_of_pair(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut at: usize = 0;
    for eight in text.chunks_exact(8) {
        let Ok(eight) = eight.try_into() else { break };
        let differs = u64::from_le_bytes(eight) ^ ONES.wrapping_mul(b';'.into());
        // The highest bit of each byte that is 0, and perhaps of some behind the first such byte.
        let found = differs.wrapping_sub(ONES) & !differs & ONES << 7;
        if found != 0 {
            return at.wrapping_add(found.trailing_zeros() as usize / 8);
        }
        at = at.wrapping_add(8);
    }
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == b';');
    at.wrapping_add(end.unwrap_or(rest.len()))
}

/// Eight hexadecimal digits, all at once: each step puts half as much into twice as much room.
fn digits(number: u32) -> [u8; 8] {
    let mut each = u64::from(number);
    each = (each | each << 16) & 0x0000_ffff_0000_ffff;
    each = (each | each << 8) & 0x00ff_00ff_00ff_00ff;
    each = (each | each << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 for each that is above 9. No byte overflows in what follows.
    let letters = each.wrapping_add(0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    let gap = letters.wrapping_mul(u64::from(b'a' - b'0' - 10));
    let text = each.wrapping_add(0x3030_3030_3030_3030).wrapping_add(gap);
    text.to_be_bytes()
}

/// The number of eight digits, if they are what [`digits`] writes.
fn number(text: [u8; 8]) -> Option<u32> {
    let bytes = u64::from_be_bytes(text);
    // Of digits the lower half is what they say; of letters it is 9 less, and they have another bit. Where there is
    // something else, it is a number that is written in another way. No sum is more than a byte.
    let letters = bytes >> 6 & 0x0101_0101_0101_0101;
    let mut each = (bytes & 0x0f0f_0f0f_0f0f_0f0f).wrapping_add(letters.wrapping_mul(9));
    each = (each | each >> 4) & 0x00ff_00ff_00ff_00ff;
    each = (each | each >> 8) & 0x0000_ffff_0000_ffff;
    let number = (each | each >> 16) as u32;
    (digits(number) == text).then_some(number)
}

/// Whether a cookie may have this name (RFC 6265: a token of RFC 2616).
#[must_use]
pub fn is_cookie_name(name: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_good)
}
