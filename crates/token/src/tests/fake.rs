//! A request made of plain values, profiles and tokens made the long way.

use md5::{Digest as _, Md5};

use super::super::{Profile, ProfileBuilder, Received, Status, strip};

#[derive(Clone, Default)]
pub struct Fake {
    pub target: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub cookie: Vec<u8>,
    pub message: Vec<Vec<u8>>,
}

impl Fake {
    pub fn new(target: &str) -> Self {
        Self {
            target: target.into(),
            ..Self::default()
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn cookie(mut self, value: &str) -> Self {
        self.cookie = value.into();
        self
    }

    pub fn message(mut self, texts: &[&str]) -> Self {
        self.message = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        self
    }
}

impl Received for Fake {
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
}

/// Builds a profile from lines as in a configuration; `key` takes `[id=X] KEY`.
pub fn profile(lines: &[&str]) -> Result<Profile, String> {
    let mut builder = ProfileBuilder::new();
    for line in lines {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let done = match word {
            "format" => builder.format(rest),
            "key" => {
                let with_id = rest
                    .strip_prefix("id=")
                    .and_then(|rest| rest.split_once(' '));
                let (id, key) = with_id.map_or((None, rest), |(id, key)| (Some(id), key));
                builder.key(id, key.into(), None)
            }
            "from" => builder.from(rest.split_ascii_whitespace()),
            "leeway" => builder.leeway(rest.parse().unwrap()),
            "bind_ip" => builder.bind_ip(rest),
            "require_exp" => builder.require_exp(rest),
            "message" => builder.message(rest),
            _ => panic!("{word}"),
        };
        done.map_err(|error| error.to_string())?;
    }
    builder.finish().map_err(|error| error.to_string())
}

pub const NOW: i64 = 1_700_000_000;
pub const EXP: &str = "1700000600";

pub fn hex_md5(parts: &[&str]) -> String {
    data_encoding::HEXLOWER.encode(&Md5::digest(parts.concat()))
}

/// A ScaleSimple token, made the long way.
pub fn sign(key: &str, expiry: &str, url: &str) -> String {
    hex_md5(&[key, &hex_md5(&[expiry, url, key])])
}

/// A secure_link hash, made the long way.
pub fn sign_link(text: &str) -> String {
    data_encoding::BASE64URL_NOPAD.encode(&Md5::digest(text))
}

pub fn scalesimple(more: &[&str]) -> Profile {
    profile(&[&["format scalesimple", "key k1"], more].concat()).unwrap()
}

pub fn secure_link(more: &[&str]) -> Profile {
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

pub fn status(profile: &Profile, rx: &Fake) -> Status {
    profile.verify(rx, NOW).status
}

pub fn query(url: &str, token: &str, expiry: &str) -> Fake {
    let mark = if url.contains('?') { '&' } else { '?' };
    Fake::new(&format!(
        "{url}{mark}ss_token={token}&ss_expiration={expiry}"
    ))
}
