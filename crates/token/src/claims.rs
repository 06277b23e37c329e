//! What an authentic token claims, and the one place where claims are judged.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::reason::Reason;
use crate::request::RequestView;

/// What an authentic token says about who may use it, when and for what. A verifier fills in what its
/// scheme carries; what it leaves alone binds nobody.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Claims<'r> {
    /// The index of the key that verified it.
    pub(crate) key: usize,
    /// The last second at which it is good, since the epoch.
    pub(crate) expires: Option<i64>,
    /// The first second at which it is good.
    pub(crate) not_before: Option<i64>,
    /// The addresses it is good for: addresses and networks (`192.0.2.0/24`) with commas between.
    pub(crate) addresses: Option<&'r [u8]>,
    /// The paths it is good for.
    pub(crate) paths: Option<Paths<'r>>,
}

/// The paths a token is good for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paths<'r> {
    /// Patterns, in which `*` stands for any bytes and `?` for one.
    pub(crate) patterns: &'r [u8],
    /// What stands between two of them.
    pub(crate) separator: u8,
}

/// How much of an address must be the one that a token claims: `bind_ip`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AddressBinding {
    /// The claim is not looked at.
    Off,
    /// All of it.
    #[default]
    Exact,
    /// That many bits of an IPv4 and of an IPv6 address.
    Prefix(u8, u8),
}

/// What a profile asks of claims.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    /// How long a token is accepted after its expiry and before its beginning, in seconds.
    pub(crate) leeway_s: i64,
    /// Whether a token must have an expiry.
    pub(crate) require_exp: bool,
    /// How addresses are compared.
    pub(crate) binding: AddressBinding,
}

impl Claims<'_> {
    /// Judges an authentic token at the time `now`. The order of reasons is the same for all schemes.
    #[inline]
    pub(crate) fn judge(
        &self,
        terms: &Terms,
        request: &dyn RequestView,
        now: i64,
    ) -> Result<(), Reason> {
        match self.expires {
            Some(expires) if now > expires.saturating_add(terms.leeway_s) => {
                return Err(Reason::Expired);
            }
            None if terms.require_exp => return Err(Reason::Malformed),
            _ => {}
        }
        if self
            .not_before
            .is_some_and(|begin| now < begin.saturating_sub(terms.leeway_s))
        {
            return Err(Reason::NotYetValid);
        }
        if let Some(list) = self.addresses {
            if !terms.binding.admits(list, request.address()) {
                return Err(Reason::WrongIp);
            }
        }
        if let Some(paths) = &self.paths {
            if !request.path().is_some_and(|path| paths.admit(path)) {
                return Err(Reason::WrongPath);
            }
        }
        Ok(())
    }
}

impl AddressBinding {
    fn admits(self, list: &[u8], address: Option<IpAddr>) -> bool {
        if self == Self::Off {
            return true;
        }
        let Some(address) = address.map(|address| address.to_canonical()) else {
            return false;
        };
        list.split(|byte| *byte == b',')
            .filter_map(parse_network)
            .any(|network| self.widened(network).contains(&address))
    }

    /// The network with as many bits as the profile compares.
    fn widened(self, network: IpNet) -> IpNet {
        let Self::Prefix(v4, v6) = self else {
            return network;
        };
        let bits = if network.addr().is_ipv4() { v4 } else { v6 };
        let bits = bits.min(network.prefix_len());
        IpNet::new(network.addr(), bits).unwrap_or(network)
    }
}

/// A network, or an address as one.
fn parse_network(text: &[u8]) -> Option<IpNet> {
    let text = std::str::from_utf8(text).ok()?.trim();
    match text.parse::<IpAddr>() {
        Ok(address) => Some(address.to_canonical().into()),
        Err(_) => text.parse().ok(),
    }
}

impl Paths<'_> {
    fn admit(&self, path: &[u8]) -> bool {
        let mut patterns = self.patterns.split(|byte| *byte == self.separator);
        patterns.any(|pattern| matches(pattern, path))
    }
}

/// Whether a path matches a pattern, in a time that is at most the product of their lengths.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (mut p, mut t) = (pattern, path);
    // Behind the last `*` that was met, and the path from where it is tried next.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (p.split_first(), t.split_first()) {
            (Some((b'*', behind)), _) => {
                retry = Some((behind, t));
                p = behind;
            }
            (Some((one, more)), Some((byte, rest))) if *one == b'?' || one == byte => {
                (p, t) = (more, rest);
            }
            (None, None) => return true,
            _ => {
                let Some((behind, [_, rest @ ..])) = retry else {
                    return false;
                };
                retry = Some((behind, rest));
                (p, t) = (behind, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(binding: AddressBinding, list: &str, address: &str) -> bool {
        binding.admits(list.as_bytes(), Some(address.parse().unwrap()))
    }

    #[test]
    fn addresses_are_compared_as_addresses() {
        let exact = AddressBinding::Exact;
        for (list, address, wanted) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("2001:DB8:0::1", "2001:db8::1", true),
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("198.51.100.1,192.0.2.0/24", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("", "192.0.2.1", false),
            ("192.0.2.1x", "192.0.2.1", false),
        ] {
            assert_eq!(admits(exact, list, address), wanted, "{list} {address}");
        }
        assert!(!exact.admits(b"192.0.2.1", None));
        assert!(AddressBinding::Off.admits(b"192.0.2.1", None));
        let wide = AddressBinding::Prefix(24, 64);
        assert!(admits(wide, "192.0.2.1", "192.0.2.200"));
        assert!(!admits(wide, "192.0.2.1", "192.0.3.1"));
        assert!(admits(wide, "2001:db8::1", "2001:db8::ffff:1"));
        assert!(!admits(wide, "2001:db8::1", "2001:db8:0:1::1"));
        assert!(
            admits(wide, "192.0.0.0/16", "192.0.3.1"),
            "a claim may be wider"
        );
    }

    #[test]
    fn patterns() {
        for (pattern, path, wanted) in [
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a*", "/a", true),
            ("/a*", "/a/b/c", true),
            ("*", "", true),
            ("", "", true),
            ("", "/", false),
            ("/?/c", "/b/c", true),
            ("/?/c", "//c", false),
            ("/a*b*c", "/a.b.b.c", true),
            ("/a*b*c", "/a.b.b.c.", false),
            ("**a**", "bab", true),
            ("/*/?x", "/a/b/cx", true),
        ] {
            let found = matches(pattern.as_bytes(), path.as_bytes());
            assert_eq!(found, wanted, "{pattern} {path}");
        }
        let paths = Paths {
            patterns: b"/a/*!/b",
            separator: b'!',
        };
        assert!(paths.admit(b"/a/1") && paths.admit(b"/b") && !paths.admit(b"/b/1"));
    }

    #[test]
    fn a_pattern_of_stars_ends() {
        let pattern = "*a".repeat(1000) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(4000).as_bytes()));
    }
}
