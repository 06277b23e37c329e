//! The grammar's tokens: good, bad and cancelled ones, in every place there is.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use super::access;
use super::grammar::Maker;
use super::request::{Carrier, NEEDLE, Request, Token};
use super::site;
use super::tokens::{NOW, Place, Profile, Scheme};
use super::uri;

/// How a token is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quality {
    Valid,
    Expired,
    Forged,
    Malformed,
    OtherPath,
}

impl Maker {
    fn quality(&mut self) -> Option<Quality> {
        Some(match self.rng.u32(0..100) {
            0..=57 => Quality::Valid,
            58..=65 => Quality::Expired,
            66..=73 => Quality::Forged,
            74..=79 => Quality::Malformed,
            80..=86 => Quality::OtherPath,
            _ => return None,
        })
    }

    /// A token and its expiry.
    fn token(
        &mut self,
        profile: &Profile,
        quality: Quality,
        signed: &[u8],
        request: &Request,
    ) -> (String, String) {
        let address = request.address();
        self.made = self.made.saturating_add(1);
        let unique = self.number.wrapping_mul(16).wrapping_add(self.made);
        let expiry = match quality {
            Quality::Expired => 1_000_000_000_u64.wrapping_add(unique % 400_000_000),
            _ => NOW.wrapping_add(1_000_000_000).wrapping_add(unique),
        }
        .to_string();
        let key = match profile.keys.is_empty() {
            true => self.route_key(),
            false => self.pick(profile.keys).map_or("", |(_, key)| key),
        };
        let token = match quality {
            Quality::Valid | Quality::Expired => {
                profile.sign(key, expiry.as_bytes(), signed, address)
            }
            Quality::OtherPath => {
                profile.sign(key, expiry.as_bytes(), &[signed, b"x"].concat(), address)
            }
            Quality::Forged => {
                let bytes = self.rng.u128(..).to_be_bytes();
                match profile.scheme {
                    Scheme::ScaleSimple => HEXLOWER.encode(&bytes),
                    _ => BASE64URL_NOPAD.encode(&bytes),
                }
            }
            Quality::Malformed => format!("zz{:016x}", self.rng.u64(..)),
        };
        (token, expiry)
    }

    /// The key of the host that this request is for, or, as an attacker would try, of another one.
    fn route_key(&mut self) -> &'static str {
        let own = site::key_of(&self.host);
        let other = self.pick(site::APPS).map_or("", |route| route.secret);
        own.filter(|_| self.chance(70)).unwrap_or(other)
    }

    fn keep(request: &mut Request, carrier: Carrier, token: &str) {
        let needle = token.as_bytes().get(..NEEDLE).unwrap_or_default().to_vec();
        if needle.len() == NEEDLE {
            request.tokens.push(Token { carrier, needle });
        }
    }

    /// The path with a token in it, sometimes one that is cancelled again.
    pub(super) fn path_token(
        &mut self,
        profile: &Profile,
        path: Vec<u8>,
        request: &mut Request,
    ) -> Vec<u8> {
        let only = profile.places == [Place::Path];
        // What follows the first one in its place is part of the URL.
        let has = path.contains(&b',') || path.windows(3).any(|three| three == b"%2c");
        if has || (!only && self.chance(50)) {
            return path;
        }
        let Some(quality) = self.quality() else {
            return path;
        };
        let Some(signed) = uri::normal(&path) else {
            return path;
        };
        let (token, expiry) = self.token(profile, quality, &signed, request);
        let mut segments: Vec<Vec<u8>> = path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect();
        let last = segments.len();
        let at = match self.rng.u32(0..10) {
            0 => self.rng.usize(1..last.max(2)),
            1..=5 => 2.min(last),
            _ => self
                .rng
                .usize(2.min(last)..=last.saturating_sub(1).max(2.min(last))),
        };
        let tail = segments.split_off(at.min(segments.len()));
        let comma = if self.chance(4) { "%2c" } else { "," };
        segments.push(format!("{token}{comma}{expiry}").into_bytes());
        if self.chance(12) {
            let cancel = self.pick(&["..", "%2e%2e", ".%2E"]).unwrap_or_default();
            segments.push(cancel.as_bytes().to_vec());
        }
        segments.extend(tail);
        // Only what is spelled as a token is one here.
        if quality != Quality::Malformed && comma == "," {
            Self::keep(request, Carrier::Path, &token);
        }
        segments.join(&b'/')
    }

    /// Tokens in arguments, then in cookies and headers: those sign the arguments too.
    pub(super) fn carried(&mut self, profiles: &[&'static Profile], request: &mut Request) {
        let mut cookies: Vec<String> = Vec::new();
        for around in ["a=1", "theme=dark", "ss_tokens=x", "SS_TOKEN=x"] {
            if self.chance(20) {
                cookies.push(around.to_owned());
            }
        }
        let mut later = Vec::new();
        for profile in profiles {
            let places: Vec<Place> = profile
                .places
                .iter()
                .copied()
                .filter(|place| *place != Place::Path)
                .collect();
            let count = match self.rng.u32(0..10) {
                0 | 1 => 2,
                _ => 1,
            };
            for _ in 0..count {
                match self.pick(&places) {
                    Some(Place::Query(token, expiry)) => {
                        self.query(profile, token, expiry, request);
                    }
                    Some(place) => later.push((*profile, place)),
                    None => {}
                }
            }
        }
        for (profile, place) in later {
            self.elsewhere(profile, place, request, &mut cookies);
        }
        if cookies.is_empty() {
            return;
        }
        self.rng.shuffle(&mut cookies);
        let lines = if self.chance(10) { 2 } else { 1 };
        let per_line = cookies.len().div_ceil(lines).max(1);
        for line in cookies.chunks(per_line) {
            let separator = if self.chance(10) { ";" } else { "; " };
            request
                .headers
                .push(("Cookie".into(), line.join(separator).into_bytes()));
        }
    }

    fn signed(profile: &Profile, request: &Request) -> Option<Vec<u8>> {
        if profile.scheme == Scheme::ScaleSimple {
            return Some(request.received().to_vec());
        }
        let received = uri::normal(uri::split(&request.target).0)?;
        Some(access::cut(&received, profile).unwrap_or(received))
    }

    fn query(
        &mut self,
        profile: &Profile,
        token: &'static str,
        expiry: Option<&'static str>,
        request: &mut Request,
    ) {
        let (Some(quality), Some(signed)) = (self.quality(), Self::signed(profile, request)) else {
            return;
        };
        // A second one of the same profile must sign what the first one did.
        let signed = match profile.scheme {
            Scheme::ScaleSimple => uri::strip(&request.target, |name| profile.is_arg(name)),
            _ => signed,
        };
        let (value, time) = self.token(profile, quality, &signed, request);
        let mut pieces = match expiry {
            Some(expiry) => vec![format!("{token}={value}"), format!("{expiry}={time}")],
            None => vec![format!("{token}={value},{time}")],
        };
        if self.chance(4) {
            pieces.pop();
        }
        if self.chance(20) {
            self.rng.shuffle(&mut pieces);
        }
        Self::keep(request, Carrier::Arg(token), &value);
        let (path, args) = uri::split(&request.target);
        let mut all: Vec<Vec<u8>> = match args {
            Some(args) if !args.is_empty() => {
                args.split(|b| *b == b'&').map(<[u8]>::to_vec).collect()
            }
            _ => Vec::new(),
        };
        for piece in pieces {
            let at = self.rng.usize(0..=all.len());
            all.insert(at, piece.into_bytes());
        }
        request.target = [path, b"?", &all.join(&b'&')].concat();
    }

    fn elsewhere(
        &mut self,
        profile: &Profile,
        place: Place,
        request: &mut Request,
        cookies: &mut Vec<String>,
    ) {
        let (Some(quality), Some(signed)) = (self.quality(), Self::signed(profile, request)) else {
            return;
        };
        let (value, time) = self.token(profile, quality, &signed, request);
        let (name, expiry) = match place {
            Place::Cookie(name, expiry) | Place::Header(name, expiry) => (name, expiry),
            _ => return,
        };
        let mut pairs = match expiry {
            Some(expiry) => vec![(name, value.clone()), (expiry, time)],
            None => vec![(name, format!("{value},{time}"))],
        };
        if self.chance(4) {
            pairs.pop();
        }
        if let Place::Cookie(..) = place {
            Self::keep(request, Carrier::Cookie(name), &value);
            cookies.extend(pairs.iter().map(|(name, value)| format!("{name}={value}")));
            return;
        }
        // nginx refuses a second one of these.
        let single = ["Authorization", "Content-Type", "X-Forwarded-For"].contains(&name);
        if single && request.header(name).is_some() {
            return;
        }
        Self::keep(request, Carrier::Header(name), &value);
        for (name, value) in pairs {
            request.headers.push((name.to_owned(), value.into_bytes()));
        }
    }
}
