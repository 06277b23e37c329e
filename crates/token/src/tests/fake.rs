//! A request made of plain values, profiles and tokens made the long way.

use std::cell::Cell;
use std::net::IpAddr;

use crate::{
    Area, BadKey, Error, Host, LineError, Profile, ProfileBuilder, Reason, RequestView, Secret,
    normal, strip,
};
use md5::{Digest as _, Md5};

#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) cookie: Vec<u8>,
    pub(crate) message: Vec<Vec<u8>>,
    /// The key of the request's route for each `key table=…` line.
    pub(crate) route_keys: Vec<Option<String>>,
    /// The path that is served.
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) address: Option<IpAddr>,
    /// Whether its token's key was none of the profile's.
    pub(crate) lacks_key: Cell<bool>,
    /// `GET` where it is empty.
    pub(crate) method: String,
    /// Where the client is: `DE`, `DE-BE`, `AS64496`. None: nobody can say.
    pub(crate) areas: Option<Vec<&'static str>>,
    /// Memory is short.
    pub(crate) is_short: bool,
    /// Its path token is cancelled.
    pub(crate) is_cancelled: bool,
}

impl Fake {
    pub(crate) fn new(target: &str) -> Self {
        Self {
            target: target.into(),
            path: served(target),
            ..Self::default()
        }
    }

    /// The same request, in which a path token is no part of the path that is served.
    pub(crate) fn serving(mut self, target: &str) -> Self {
        self.path = served(target);
        self
    }

    pub(crate) fn of_client(mut self, address: &str) -> Self {
        self.address = address.parse().ok();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn cookie(mut self, value: &str) -> Self {
        self.cookie = value.into();
        self
    }

    pub(crate) fn message(mut self, texts: &[&str]) -> Self {
        self.message = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        self
    }
}

/// The path that nginx serves for a target.
fn served(target: &str) -> Option<Vec<u8>> {
    let mut path = vec![0; target.len()];
    let len = normal::path_of([target.as_bytes()], true, &mut path)?;
    path.truncate(len);
    Some(path)
}

impl RequestView for Fake {
    fn route_key(&self, line: usize, see: &mut dyn FnMut(&[u8]) -> Result<(), BadKey>) {
        if let Some(Some(key)) = self.route_keys.get(line) {
            let _ = see(key.as_bytes());
        }
    }

    fn target(&self) -> &[u8] {
        &self.target
    }

    fn header(&self, name: &str, n: usize) -> Option<&[u8]> {
        let named = self.headers.iter();
        let mut named = named.filter(|row| row.0.eq_ignore_ascii_case(name));
        named.nth(n).map(|row| row.1.as_slice())
    }

    fn cookie(&self, name: &[u8], n: usize) -> Option<&[u8]> {
        strip::cookies_called(&self.cookie, name).nth(n)
    }

    fn message(&self, text: usize) -> Option<&[u8]> {
        self.message.get(text).map(Vec::as_slice)
    }

    fn path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }

    fn address(&self) -> Option<IpAddr> {
        self.address
    }

    fn lacks_key(&self) {
        self.lacks_key.set(true);
    }

    fn method(&self) -> &[u8] {
        match self.method.as_str() {
            "" => b"GET",
            other => other.as_bytes(),
        }
    }

    fn is_in(&self, area: Area<'_>) -> Option<bool> {
        let name = match area {
            Area::Place(place) => place.to_owned(),
            Area::Network(number) => format!("AS{number}"),
        };
        Some(self.areas.as_ref()?.contains(&name.as_str()))
    }

    /// Never given back: a test ends soon.
    fn room(&self, len: usize) -> Option<&mut [u8]> {
        (!self.is_short).then(|| vec![0; len].leak())
    }

    fn serves_target(&self) -> bool {
        !self.is_cancelled
    }
}

/// A host whose times are seconds; it has no files.
struct Seconds;

impl Host for Seconds {
    fn seconds(&self, word: &str) -> Option<u64> {
        word.parse().ok()
    }

    fn key_file(&self, path: &str) -> Result<(String, Secret), Error> {
        Err(Error::new(format!("no file {path}")))
    }

    fn size(&self, word: &str) -> Option<usize> {
        word.parse().ok()
    }

    fn warn(&self, _: &str) {}
}

/// Builds a profile from lines as in a configuration; `key` takes `[id=X] [encoding=E] KEY`, `message` all of its line.
pub(crate) fn profile(lines: &[&str]) -> Result<Profile, String> {
    let mut builder = ProfileBuilder::new();
    for line in lines {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = match word {
            "message" => vec![rest],
            _ => rest.split_ascii_whitespace().collect(),
        };
        let done = if word == "key" && !rest.contains("table=") {
            let with_id = rest
                .strip_prefix("id=")
                .and_then(|rest| rest.split_once(' '));
            let (id, key) = with_id.map_or((None, rest), |(id, key)| (Some(id), key));
            let with_encoding = key
                .strip_prefix("encoding=")
                .and_then(|rest| rest.split_once(' '));
            let (encoding, key) =
                with_encoding.map_or((None, key), |(encoding, key)| (Some(encoding), key));
            let key = Secret::new(key.as_bytes().to_vec());
            builder
                .key("key", id, key, encoding)
                .map_err(LineError::from)
        } else {
            builder.line(word, &words, &Seconds)
        };
        done.map_err(|error| match error {
            LineError::UnknownWord => format!("unknown {word}"),
            LineError::Refused(error) => error.to_string(),
        })?;
    }
    builder.finish().map_err(|error| error.to_string())
}

pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const EXP: &str = "1700000600";

pub(crate) fn hex_md5(parts: &[&str]) -> String {
    data_encoding::HEXLOWER.encode(&Md5::digest(parts.concat()))
}

/// A ScaleSimple token, made the long way.
pub(crate) fn sign(key: &str, expiry: &str, url: &str) -> String {
    hex_md5(&[key, &hex_md5(&[expiry, url, key])])
}

/// A secure_link hash, made the long way.
pub(crate) fn sign_link(text: &str) -> String {
    data_encoding::BASE64URL_NOPAD.encode(&Md5::digest(text))
}

pub(crate) fn scalesimple(more: &[&str]) -> Profile {
    profile(&[&["format scalesimple", "key k1"], more].concat()).unwrap()
}

pub(crate) fn secure_link(more: &[&str]) -> Profile {
    profile(
        &[
            &[
                "format secure_link",
                "key k1",
                "message {expires}$uri {key}",
            ],
            more,
        ]
        .concat(),
    )
    .unwrap()
}

pub(crate) fn status(profile: &Profile, rx: &Fake) -> Option<Reason> {
    profile.verify(rx, NOW).refused
}

pub(crate) fn query(url: &str, token: &str, expiry: &str) -> Fake {
    let mark = if url.contains('?') { '&' } else { '?' };
    Fake::new(&format!(
        "{url}{mark}ss_token={token}&ss_expiration={expiry}"
    ))
}
