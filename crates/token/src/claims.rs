//! What an authentic token claims, and the one place where claims are judged.

use std::net::IpAddr;

use gatehouse_base::json::Value;
use ipnet::IpNet;

use crate::reason::Reason;
use crate::request::RequestView;
use crate::rules::Rule;
use crate::text::Text;

/// What an authentic token says about who may use it, when and for what. A verifier fills in what its
/// scheme carries; what it leaves alone binds nobody.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Claims<'r> {
    /// The index of the key that verified it.
    pub(crate) key: usize,
    /// The last second at which it is good, since the epoch.
    pub(crate) expires: Option<i64>,
    /// Whether that second is the first one at which it is no longer good.
    pub(crate) ends: bool,
    /// The first second at which it is good.
    pub(crate) not_before: Option<i64>,
    /// The addresses it is good for: addresses and networks (`192.0.2.0/24`) with commas between.
    pub(crate) addresses: Option<Text<'r>>,
    /// The paths it is good for.
    pub(crate) paths: Option<Paths<'r>>,
    /// All that it claims, where that is a document. One that must be written first is, where somebody reads it.
    pub(crate) document: Option<Value<'r>>,
    /// Whether somebody does.
    pub(crate) is_read: bool,
    /// What else it asks of a request, and its verifier has seen not to hold.
    pub(crate) unmet: Unmet,
}

/// What a token asks of a request that does not hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unmet {
    /// It is for another address.
    pub(crate) address: bool,
    /// It is for another URL.
    pub(crate) path: bool,
    /// Something else, or something that nobody here can judge.
    pub(crate) other: bool,
}

/// The paths a token is good for. They are compared with the path that is served, decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Paths<'r> {
    /// Those of some pattern, in which `*` stands for any bytes and `?` for one.
    Patterns {
        /// The patterns.
        patterns: &'r [u8],
        /// What may stand between two of them.
        separators: &'static [u8],
    },
    /// A folder and all that is in it, or a file.
    Folder(Text<'r>),
    /// URLs of a pattern, in which `*` stands for any bytes and `?` for one.
    Urls {
        /// The pattern.
        pattern: &'r [u8],
        /// The URL as received.
        raw: &'r [u8],
        /// Spellings of the URL that is served; one of them must be of the pattern, too.
        served: [&'r [u8]; 2],
    },
    /// All URLs that begin so.
    UrlPrefix {
        /// With scheme and host.
        prefix: Text<'r>,
        /// Those of this request; `None` opens nothing.
        origin: Option<&'r [u8]>,
    },
    /// Those behind the token, if it stands where it must.
    Behind {
        /// Whether it does.
        in_place: bool,
    },
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// How long a token is accepted after its expiry and before its beginning, in seconds.
    pub(crate) leeway_s: i64,
    /// Whether a token must have an expiry.
    pub(crate) require_exp: bool,
    /// How addresses are compared.
    pub(crate) binding: AddressBinding,
    /// What must hold for the document.
    pub(crate) rules: Vec<Rule>,
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
            Some(expires) => {
                let end = expires.saturating_add(terms.leeway_s);
                if now > end || (self.ends && now == end) {
                    return Err(Reason::Expired);
                }
            }
            None if terms.require_exp => return Err(Reason::Malformed),
            None => {}
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
        if self.unmet.address {
            return Err(Reason::WrongIp);
        }
        if let Some(paths) = &self.paths {
            let admits = |path: &[u8]| !may_climb(path) && paths.admit(path);
            if !request.path().is_some_and(admits) {
                return Err(Reason::WrongPath);
            }
        }
        if self.unmet.path {
            return Err(Reason::WrongPath);
        }
        let holds = |rule: &Rule| self.document.is_some_and(|all| rule.holds(all));
        if self.unmet.other || !terms.rules.iter().all(holds) {
            return Err(Reason::Forbidden);
        }
        Ok(())
    }
}

impl Claims<'_> {
    /// The last second at which the token is accepted.
    pub(crate) fn until(&self, terms: &Terms) -> Option<i64> {
        let end = self.expires?.saturating_add(terms.leeway_s);
        Some(end.saturating_sub(i64::from(self.ends)))
    }
}

impl AddressBinding {
    fn admits(self, list: Text<'_>, address: Option<IpAddr>) -> bool {
        if self == Self::Off {
            return true;
        }
        let Some(address) = address.map(|address| address.to_canonical()) else {
            return false;
        };
        let mut list = list.bytes().peekable();
        let mut admitted = false;
        while list.peek().is_some() {
            let network = next_network(&mut list);
            admitted |= network.is_some_and(|one| self.widened(one).contains(&address));
        }
        admitted
    }

    /// The network with as many bits as the profile compares.
    pub(crate) fn widened(self, network: IpNet) -> IpNet {
        let Self::Prefix(v4, v6) = self else {
            return network;
        };
        let bits = if network.addr().is_ipv4() { v4 } else { v6 };
        let bits = bits.min(network.prefix_len());
        IpNet::new(network.addr(), bits).unwrap_or(network)
    }
}

/// Reads the text up to the next comma.
fn next_network(list: &mut impl Iterator<Item = u8>) -> Option<IpNet> {
    let mut text = [0; 64]; // longer than any address and its length
    let mut len = 0usize;
    for byte in list.take_while(|byte| *byte != b',') {
        if let Some(slot) = text.get_mut(len) {
            *slot = byte;
        }
        len = len.saturating_add(1);
    }
    parse_network(text.get(..len)?)
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
        match self {
            Self::Patterns {
                patterns,
                separators,
            } => {
                let mut patterns = patterns.split(|byte| separators.contains(byte));
                patterns.any(|pattern| matches(pattern, path))
            }
            Self::Folder(folder) => is_in(*folder, path),
            Self::Behind { in_place } => *in_place,
            Self::Urls {
                pattern,
                raw,
                served,
            } => matches(pattern, raw) && served.iter().any(|url| matches(pattern, url)),
            Self::UrlPrefix { prefix, origin } => {
                origin.is_some_and(|origin| begins(*prefix, origin, path))
            }
        }
    }
}

impl<'r> Paths<'r> {
    /// The folder that all of these paths are in, decoded; `None`: there is none to be named, or memory is short.
    pub(crate) fn folder(&self, request: &'r dyn RequestView) -> Option<&'r [u8]> {
        match *self {
            Self::Patterns {
                patterns,
                separators,
            } => {
                let mut patterns = patterns.split(|byte| separators.contains(byte));
                let first = literal_folder(patterns.next()?);
                Some(patterns.fold(first, |common, pattern| {
                    let same = common.iter().zip(literal_folder(pattern));
                    let len = same.take_while(|(a, b)| a == b).count();
                    folder_of(common.get(..len).unwrap_or_default())
                }))
            }
            Self::Folder(folder) => decoded(folder, 0, request),
            Self::UrlPrefix { prefix, origin } => {
                decoded(prefix, origin?.len(), request).map(folder_of)
            }
            Self::Urls { pattern, .. } => {
                let host = pattern.windows(3).position(|three| three == b"://");
                let behind = host.and_then(|at| pattern.get(at.saturating_add(3)..));
                let path = behind.and_then(|behind| {
                    let slash = behind.iter().position(|byte| *byte == b'/');
                    behind.get(slash?..)
                });
                let spelled = path.map_or(&b"/"[..], literal_folder);
                decoded(Text::Percent(spelled), 0, request)
            }
            Self::Behind { .. } => None,
        }
    }
}

/// A path up to its last slash.
pub(crate) fn folder_of(path: &[u8]) -> &[u8] {
    let last = path.iter().rposition(|byte| *byte == b'/');
    last.and_then(|last| path.get(..=last)).unwrap_or(b"/")
}

/// The folder in front of the first wildcard of a pattern.
fn literal_folder(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|byte| matches!(byte, b'*' | b'?'));
    folder_of(end.and_then(|end| pattern.get(..end)).unwrap_or(pattern))
}

/// A text without its first bytes.
fn decoded<'r>(text: Text<'_>, skip: usize, request: &'r dyn RequestView) -> Option<&'r [u8]> {
    let room = request.room(text.bytes().skip(skip).count())?;
    for (slot, byte) in room.iter_mut().zip(text.bytes().skip(skip)) {
        *slot = byte;
    }
    Some(room)
}

/// Whether a path is that of a file, or in a folder, with or without its last `/`.
fn is_in(folder: Text<'_>, path: &[u8]) -> bool {
    let mut rest = path.iter();
    let mut last = None;
    for byte in folder.bytes() {
        if rest.next() != Some(&byte) {
            return false;
        }
        last = Some(byte);
    }
    last == Some(b'/') || (last.is_some() && matches!(rest.next(), None | Some(b'/')))
}

/// Whether the URL of this scheme, host and path begins with a prefix that has all of scheme and host.
fn begins(prefix: Text<'_>, origin: &[u8], path: &[u8]) -> bool {
    let mut url = origin.iter().chain(path);
    let mut len = 0usize;
    for byte in prefix.bytes() {
        if url.next() != Some(&byte) {
            return false;
        }
        len = len.saturating_add(1);
    }
    // At the end of the host or behind it: `https://a.test` is no prefix of `https://a.test.evil`.
    !origin.is_empty() && len >= origin.len()
}

/// Whether some server behind nginx may read a `..` out of a path in which nginx has found none: `..;x` (Java
/// takes parameters off a segment) and `..\`. Such a path is in no scope.
pub(crate) fn may_climb(path: &[u8]) -> bool {
    let mut segments = path.split(|byte| matches!(byte, b'/' | b'\\'));
    segments.any(|segment| {
        segment
            .strip_prefix(b"..")
            .is_some_and(|rest| matches!(rest.first(), None | Some(b';')))
    })
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
        binding.admits(Text::Plain(list.as_bytes()), Some(address.parse().unwrap()))
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
            ("192.0.2.1,", "192.0.2.1", true),
            (",192.0.2.1", "192.0.2.1", true),
        ] {
            assert_eq!(admits(exact, list, address), wanted, "{list} {address}");
        }
        let escaped = Text::Percent(b"2001%3adb8%3a%3a1");
        assert!(exact.admits(escaped, "2001:db8::1".parse().ok()));
        let long = format!("{},192.0.2.1", "1".repeat(70));
        assert!(admits(exact, &long, "192.0.2.1") && !admits(exact, &long[..70], "192.0.2.1"));
        assert!(!exact.admits(Text::Plain(b"192.0.2.1"), None));
        assert!(AddressBinding::Off.admits(Text::Plain(b"192.0.2.1"), None));
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
        let paths = Paths::Patterns {
            patterns: b"/a/*!/b,/c",
            separators: b"!,",
        };
        for (path, wanted) in [("/a/1", true), ("/b", true), ("/c", true), ("/b/1", false)] {
            assert_eq!(paths.admit(path.as_bytes()), wanted, "{path}");
        }
    }

    #[test]
    fn folders() {
        for (folder, path, wanted) in [
            ("/a", "/a", true),
            ("/a", "/a/", true),
            ("/a", "/a/b", true),
            ("/a", "/ab", false),
            ("/a/", "/a", false),
            ("/a/", "/a/b", true),
            ("/%61%2Fb/", "/a/b/c", true),
            ("/a%", "/a%", false),
            ("/", "/x", true),
            ("", "/x", false),
        ] {
            let paths = Paths::Folder(Text::Percent(folder.as_bytes()));
            assert_eq!(paths.admit(path.as_bytes()), wanted, "{folder} {path}");
        }
    }

    #[test]
    fn prefixes_of_urls() {
        for (prefix, path, wanted) in [
            ("https://a.test/v/", "/v/1", true),
            ("https://a.test/v", "/vw", true),
            ("https://a.test", "/x", true),
            ("https://a.te", "/x", false),
            ("http://a.test/", "/x", false),
            ("https://a.test/v/", "/w", false),
            ("", "/x", false),
        ] {
            let paths = Paths::UrlPrefix {
                prefix: Text::Plain(prefix.as_bytes()),
                origin: Some(b"https://a.test"),
            };
            assert_eq!(paths.admit(path.as_bytes()), wanted, "{prefix} {path}");
        }
        let nowhere = Paths::UrlPrefix {
            prefix: Text::Plain(b"/"),
            origin: None,
        };
        assert!(!nowhere.admit(b"/"));
    }

    #[test]
    fn what_another_server_may_read_as_climbing() {
        for (path, wanted) in [
            ("/a/..;/b", true),
            ("/a/..;x=1", true),
            ("/a\\..\\b", true),
            ("/a/..\\b", true),
            ("/a/...", false),
            ("/a/..b", false),
            ("/a;/b", false),
            ("/a..;/b", false),
        ] {
            assert_eq!(may_climb(path.as_bytes()), wanted, "{path}");
        }
    }

    #[test]
    fn a_pattern_of_stars_ends() {
        let pattern = "*a".repeat(1000) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(4000).as_bytes()));
    }
}
