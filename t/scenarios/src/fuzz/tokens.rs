//! The token profiles of the fuzzed site, and an edge of our own that signs and judges them.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use md5::{Digest as _, Md5};

use super::uri;

/// Where a token may be: names of the token and of its expiry, or one name for `token,expiry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Query(&'static str, Option<&'static str>),
    Cookie(&'static str, Option<&'static str>),
    Header(&'static str, Option<&'static str>),
    Path,
}

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `hex(MD5(key + hex(MD5(expiry + target + key))))`.
    ScaleSimple,
    /// `base64url(MD5(expiry + $uri + " " + key))`.
    SecureLink,
    /// `base64url(MD5(expiry + "|" + $uri + "|" + $remote_addr + " " + key))`.
    SecureLinkAddress,
    /// Nothing: there are no tokens, and every request is let in.
    Open,
}

/// One `token_profile`.
#[derive(Debug)]
pub(super) struct Profile {
    pub name: &'static str,
    pub scheme: Scheme,
    /// Ids and keys; the last one is about to be rotated out.
    pub keys: &'static [(&'static str, &'static str)],
    /// The key of the host's route verifies as well.
    pub route_key: bool,
    pub places: &'static [Place],
    /// The `from` line; empty where the scheme's defaults are meant.
    pub from: &'static str,
}

/// All of them.
pub(super) static PROFILES: &[Profile] = &[
    Profile {
        name: "video",
        scheme: Scheme::ScaleSimple,
        keys: &[("new", "video-key-2026b"), ("old", "video-key-2026a")],
        route_key: false,
        places: &[
            Place::Query("ss_token", Some("ss_expiration")),
            Place::Cookie("ss_token", Some("ss_expiration")),
            Place::Header("X-SS-Token", Some("X-SS-Expiration")),
        ],
        from: "",
    },
    Profile {
        name: "live",
        scheme: Scheme::ScaleSimple,
        keys: &[("live", "live-key")],
        route_key: false,
        places: &[
            Place::Cookie("lt", None),
            Place::Query("st", Some("se")),
            Place::Header("X-Live", None),
        ],
        from: "cookie=lt query=st,se header=X-Live",
    },
    Profile {
        name: "files",
        scheme: Scheme::SecureLink,
        keys: &[("files", "files-key")],
        route_key: false,
        places: &[Place::Path],
        from: "path",
    },
    Profile {
        name: "mixed",
        scheme: Scheme::SecureLinkAddress,
        keys: &[("m1", "mixed-key-one"), ("m2", "mixed-key-two")],
        route_key: false,
        places: &[
            Place::Path,
            Place::Query("md5", Some("expires")),
            Place::Cookie("md5", Some("expires")),
            Place::Header("X-Secure-Link", None),
        ],
        from: "path query cookie header",
    },
    Profile {
        name: "bearer",
        scheme: Scheme::ScaleSimple,
        keys: &[("bearer", "bearer-key")],
        route_key: false,
        places: &[
            Place::Header("Authorization", None),
            Place::Cookie("bt", None),
        ],
        from: "header=Authorization cookie=bt",
    },
    Profile {
        name: "forwarded",
        scheme: Scheme::ScaleSimple,
        keys: &[("fwd", "forwarded-key")],
        route_key: false,
        places: &[
            Place::Header("X-Forwarded-For", None),
            Place::Header("Content-Type", None),
        ],
        from: "header=X-Forwarded-For header=Content-Type",
    },
    Profile {
        name: "tenant",
        scheme: Scheme::ScaleSimple,
        keys: &[],
        route_key: true,
        places: &[
            Place::Query("tk", Some("te")),
            Place::Cookie("tc", None),
            Place::Header("X-Tenant", None),
        ],
        from: "query=tk,te cookie=tc header=X-Tenant",
    },
    Profile {
        name: "free",
        scheme: Scheme::Open,
        keys: &[],
        route_key: false,
        places: &[],
        from: "",
    },
];

/// The profile of a name.
pub(super) fn profile(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// `$token_auth_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Missing,
    Malformed,
    Invalid,
    Expired,
}

/// What a verdict is made from: the request as received.
pub(super) struct View<'a> {
    pub target: &'a [u8],
    /// `$uri` of the request as received, without a path token.
    pub uri: &'a [u8],
    pub headers: &'a [(String, Vec<u8>)],
    pub address: &'a str,
    /// The path token, where the request has one.
    pub path_token: Option<&'a [u8]>,
    /// The key of the host's route.
    pub route_key: Option<&'static str>,
}

impl View<'_> {
    fn header(&self, name: &str) -> Vec<&[u8]> {
        let lines = self.headers.iter();
        lines
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
            .collect()
    }

    fn cookie(&self, name: &str) -> Vec<&[u8]> {
        let lines = self.headers.iter();
        lines
            .filter(|(found, _)| found.eq_ignore_ascii_case("cookie"))
            .flat_map(|(_, value)| value.split(|byte| *byte == b';'))
            .filter_map(|piece| {
                let piece = piece.trim_ascii();
                piece.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
            })
            .collect()
    }
}

/// The seconds since 1970 after which nothing here is expired, and before which all is.
pub(super) const NOW: u64 = 2_500_000_000;

impl Profile {
    /// The MAC that the key makes of a request.
    pub(super) fn sign(&self, key: &str, expiry: &[u8], signed: &[u8], address: &str) -> String {
        let digest = |parts: &[&[u8]]| {
            let mut md5 = Md5::new();
            parts.iter().for_each(|part| md5.update(part));
            md5.finalize()
        };
        match self.scheme {
            Scheme::ScaleSimple => {
                let inner = HEXLOWER.encode(&digest(&[expiry, signed, key.as_bytes()]));
                HEXLOWER.encode(&digest(&[key.as_bytes(), inner.as_bytes()]))
            }
            Scheme::SecureLink => {
                BASE64URL_NOPAD.encode(&digest(&[expiry, signed, b" ", key.as_bytes()]))
            }
            Scheme::SecureLinkAddress => BASE64URL_NOPAD.encode(&digest(&[
                expiry,
                b"|",
                signed,
                b"|",
                address.as_bytes(),
                b" ",
                key.as_bytes(),
            ])),
            Scheme::Open => String::new(),
        }
    }

    /// Whether a name carries a token of the profile.
    pub(super) fn is_arg(&self, name: &[u8]) -> bool {
        self.places.iter().any(|place| match place {
            Place::Query(token, expiry) => is_one(name, token, *expiry),
            _ => false,
        })
    }

    /// As [`Profile::is_arg`], for cookies.
    pub(super) fn is_cookie(&self, name: &[u8]) -> bool {
        self.places.iter().any(|place| match place {
            Place::Cookie(token, expiry) => is_one(name, token, *expiry),
            _ => false,
        })
    }

    /// As [`Profile::is_arg`], for headers.
    pub(super) fn is_header(&self, name: &str) -> bool {
        self.places.iter().any(|place| match place {
            Place::Header(token, expiry) => {
                name.eq_ignore_ascii_case(token)
                    || expiry.is_some_and(|expiry| name.eq_ignore_ascii_case(expiry))
            }
            _ => false,
        })
    }

    /// Whether a path may carry a token of the profile.
    pub(super) fn has_path(&self) -> bool {
        self.places.contains(&Place::Path)
    }

    /// Whether a path segment has the form of a token.
    pub(super) fn is_path_token(&self, segment: &[u8]) -> bool {
        let Some(at) = segment.iter().position(|byte| *byte == b',') else {
            return false;
        };
        let (token, expiry) = segment.split_at(at);
        let expiry = expiry.get(1..).unwrap_or_default();
        self.has_path()
            && self.has_form(token)
            && !expiry.is_empty()
            && expiry.iter().all(u8::is_ascii_digit)
    }

    fn has_form(&self, token: &[u8]) -> bool {
        if self.scheme == Scheme::ScaleSimple {
            return token.len() == 32
                && token
                    .iter()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        }
        BASE64URL_NOPAD
            .decode(token)
            .is_ok_and(|bytes| bytes.len() == 16)
    }

    /// The first valid token wins, else the reason of the first place that has one.
    pub(super) fn verdict(&self, view: &View<'_>) -> Verdict {
        if self.scheme == Scheme::Open {
            return Verdict::Ok;
        }
        let mut first = None;
        for place in self.places {
            match self.verdict_of(*place, view) {
                None => {}
                Some(Verdict::Ok) => return Verdict::Ok,
                Some(reason) => {
                    first.get_or_insert(reason);
                }
            }
        }
        first.unwrap_or(Verdict::Missing)
    }

    fn verdict_of(&self, place: Place, view: &View<'_>) -> Option<Verdict> {
        let args = uri::split(view.target).1.unwrap_or_default();
        let (tokens, expiries) = match place {
            Place::Path => return view.path_token.map(|token| self.combined(token, view)),
            Place::Query(token, expiry) => (
                uri::arg_values(args, token),
                expiry.map(|name| uri::arg_values(args, name)),
            ),
            Place::Cookie(token, expiry) => {
                (view.cookie(token), expiry.map(|name| view.cookie(name)))
            }
            Place::Header(token, expiry) => {
                (view.header(token), expiry.map(|name| view.header(name)))
            }
        };
        let token = *tokens.first()?;
        let twice = tokens.len() > 1 || expiries.as_ref().is_some_and(|list| list.len() > 1);
        if twice && self.scheme == Scheme::ScaleSimple {
            return Some(Verdict::Malformed);
        }
        let Some(expiries) = expiries else {
            return Some(self.combined(token, view));
        };
        let Some(expiry) = expiries.first() else {
            return Some(Verdict::Malformed);
        };
        let target = match place {
            Place::Query(..) => uri::strip(view.target, |name| self.is_pair(place, name)),
            _ => view.target.to_vec(),
        };
        Some(self.judge(token, expiry, &target, view))
    }

    fn is_pair(&self, place: Place, name: &[u8]) -> bool {
        match place {
            Place::Query(token, expiry) => is_one(name, token, expiry),
            _ => false,
        }
    }

    fn combined(&self, value: &[u8], view: &View<'_>) -> Verdict {
        let at = value.iter().position(|byte| *byte == b',');
        match at.and_then(|at| value.split_at_checked(at)) {
            Some((token, rest)) => {
                let expiry = rest.get(1..).unwrap_or_default();
                self.judge(token, expiry, view.target, view)
            }
            None => Verdict::Malformed,
        }
    }

    fn judge(&self, token: &[u8], expiry: &[u8], target: &[u8], view: &View<'_>) -> Verdict {
        let number = std::str::from_utf8(expiry)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse::<u64>().ok());
        let Some(number) = number.filter(|_| self.has_form(token)) else {
            return Verdict::Malformed;
        };
        let signed = match self.scheme {
            Scheme::ScaleSimple => target,
            Scheme::SecureLink | Scheme::SecureLinkAddress | Scheme::Open => view.uri,
        };
        let of_route = view.route_key.filter(|_| self.route_key);
        let mut keys = self.keys.iter().map(|(_, key)| *key).chain(of_route);
        let good = keys.any(|key| self.sign(key, expiry, signed, view.address).as_bytes() == token);
        match good {
            false => Verdict::Invalid,
            true if number < NOW => Verdict::Expired,
            true => Verdict::Ok,
        }
    }
}

fn is_one(name: &[u8], token: &str, expiry: Option<&str>) -> bool {
    name == token.as_bytes() || expiry.is_some_and(|expiry| name == expiry.as_bytes())
}
