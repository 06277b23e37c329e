//! One `token_profile`: built from its directives, then asked about requests.

use zeroize::Zeroizing;

use super::in_path::InPath;
use super::key::{Key, KeyEncoding, Secret};
use super::place::{Carriers, Found, Place, PlaceWord, Unreadable};
use super::strip;
use super::{
    Check, Error, MAX_TARGET, MAX_TOKEN, Presented, Received, SCHEMES, Scheme, Setup, Status,
    Template, scheme,
};
use gatehouse_base::words;

/// What became of a request's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The reason, `Ok` for a valid token.
    pub status: Status,
    /// The index of the key that verified the MAC; `None` when none did.
    pub key: Option<usize>,
    /// The expiry in seconds since the epoch, from an authentic token only.
    pub expires: Option<i64>,
    /// The index in [`Profile::places`] of the place that decided.
    pub place: Option<usize>,
}

impl Verdict {
    const MISSING: Self = Self::refused(Status::Missing);

    const fn refused(status: Status) -> Self {
        Self {
            status,
            key: None,
            expires: None,
            place: None,
        }
    }

    /// Whether the request may go on.
    pub fn is_ok(&self) -> bool {
        self.status == Status::Ok
    }
}

/// What one place of a request holds.
pub struct Finding<'a> {
    presented: Result<Presented<'a>, Unreadable<'a>>,
    /// The verdict on this place alone.
    pub verdict: Verdict,
}

impl Finding<'_> {
    /// The token and its expiry as they stand there; `None` when nothing is read of them.
    pub fn presented(&self) -> Option<(&[u8], Option<&[u8]>)> {
        let presented = self.presented.as_ref().ok()?;
        Some((presented.token, presented.expiry))
    }

    /// Why nothing is read of them.
    pub fn unreadable(&self) -> Option<Unreadable<'_>> {
        self.presented.as_ref().err().copied()
    }

    /// The request target as the signer saw it: without the token where the URL carries it.
    pub fn signed_target(&self) -> Vec<u8> {
        let mut target = Vec::new();
        if let Ok(presented) = &self.presented {
            presented.url.each(|piece| target.extend_from_slice(piece));
        }
        target
    }
}

/// A complete profile. Immutable; a reload makes a new one.
pub struct Profile {
    scheme: &'static Scheme,
    check: Box<dyn Check>,
    key_ids: Vec<Option<String>>,
    places: Vec<Place>,
    carriers: Carriers,
    leeway_s: i64,
    message: Option<Template>,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Profile");
        shown
            .field("scheme", &self.scheme)
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

impl Profile {
    /// Checks a request at the time `now` (seconds since the epoch): the first valid token wins, else the
    /// reason of the first place that has one.
    pub fn verify(&self, rx: &dyn Received, now: i64) -> Verdict {
        let mut first = None;
        for finding in self.findings(rx, now) {
            if finding.verdict.is_ok() {
                return finding.verdict;
            }
            first.get_or_insert(finding.verdict);
        }
        first.unwrap_or(Verdict::MISSING)
    }

    /// What each place that has a token holds and what is to be said about it, in order, each as if
    /// it were the only one.
    pub fn findings<'a>(
        &'a self,
        rx: &'a dyn Received,
        now: i64,
    ) -> impl Iterator<Item = Finding<'a>> {
        self.places
            .iter()
            .enumerate()
            .filter_map(move |(index, place)| {
                let (presented, verdict) = match place.find(rx, self.scheme.repeated, &*self.check)
                {
                    Found::Nothing => return None,
                    Found::Malformed(why) => (Err(why), Verdict::refused(Status::Malformed)),
                    Found::Token(presented) => {
                        let verdict = self.judge(&presented, rx, now);
                        (Ok(presented), verdict)
                    }
                };
                let place = Some(index);
                Some(Finding {
                    presented,
                    verdict: Verdict { place, ..verdict },
                })
            })
    }

    fn judge(&self, presented: &Presented<'_>, rx: &dyn Received, now: i64) -> Verdict {
        let expiry_len = presented.expiry.map_or(0, <[u8]>::len);
        if presented.token.len() > MAX_TOKEN
            || expiry_len > MAX_TOKEN
            || rx.target().len() > MAX_TARGET
        {
            return Verdict::refused(Status::Malformed);
        }
        let claims = match self.check.check(presented, rx) {
            Ok(claims) => claims,
            Err(reason) => return Verdict::refused(reason),
        };
        let over = claims
            .expires
            .is_some_and(|expires| now > expires.saturating_add(self.leeway_s));
        Verdict {
            status: if over { Status::Expired } else { Status::Ok },
            key: Some(claims.key),
            expires: claims.expires,
            place: None,
        }
    }

    /// Where a request's path token stands, by its target and the path that nginx parsed from it.
    /// `room` is for work and as long as the target.
    pub fn in_path<'a>(&self, target: &'a [u8], path: &'a [u8], room: &mut [u8]) -> InPath<'a> {
        let is_token = |segment: &[u8]| self.carriers.path && self.check.is_path_token(segment);
        let Some(target) = strip::find_path_token(target, is_token) else {
            return InPath::Nowhere;
        };
        let found = strip::find_decoded_token(path, is_token);
        match found.filter(|path| path.token == target.token) {
            Some(path) => InPath::of(target, path, room),
            None => InPath::Cancelled,
        }
    }

    /// Writes a decoded path without its path token to `out` (as long as `path`) and returns the length;
    /// `None` when the profile has no `from path` or the path no such segment.
    pub fn clean_decoded(&self, path: &[u8], out: &mut [u8]) -> Option<usize> {
        strip::find_decoded_token(path, |segment| {
            self.carriers.path && self.check.is_path_token(segment)
        })?
        .write_rest(out)
    }

    /// Writes the target without its path token to `out` (as long as `target`) and returns the length;
    /// `None` when the profile has no `from path` or the target no such segment. Whether the token is
    /// valid does not matter.
    pub fn clean_path(&self, target: &[u8], out: &mut [u8]) -> Option<usize> {
        strip::find_path_token(target, |segment| {
            self.carriers.path && self.check.is_path_token(segment)
        })?
        .write_rest(out)
    }

    /// The scheme, for its name and [`super::Statuses::http_status`].
    pub fn scheme(&self) -> &'static Scheme {
        self.scheme
    }

    /// The places, in the order in which they are tried.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// What to strip from a request, whatever the verdict.
    pub fn carriers(&self) -> &Carriers {
        &self.carriers
    }

    /// The id of a key by its index in [`Verdict::key`].
    pub fn key_id(&self, index: usize) -> Option<&str> {
        self.key_ids.get(index)?.as_deref()
    }

    /// The texts of the message, for the host to compile; [`Received::message`] counts them from 0.
    pub fn message_texts(&self) -> impl Iterator<Item = &str> {
        self.message.iter().flat_map(Template::texts)
    }
}

/// The directives of a `token_profile` block as they are read, in any order.
///
/// A setter's error is a whole sentence for the line it stands in; [`ProfileBuilder::finish`]'s is to be read
/// after `token_profile "NAME" `.
#[derive(Default)]
pub struct ProfileBuilder {
    format: Option<&'static Scheme>,
    keys: Vec<KeyFile>,
    from: Option<Vec<PlaceWord>>,
    leeway_s: Option<i64>,
    bind_ip: Option<bool>,
    require_exp: Option<bool>,
    message: Option<Template>,
}

struct KeyFile {
    source: String,
    id: Option<String>,
    bytes: Zeroizing<Vec<u8>>,
    encoding: Option<KeyEncoding>,
}

impl ProfileBuilder {
    /// An empty block.
    pub fn new() -> Self {
        Self::default()
    }

    /// `format NAME`.
    ///
    /// # Errors
    /// An unknown scheme; a second `format`.
    pub fn format(&mut self, name: &str) -> Result<(), Error> {
        let found = scheme(name).ok_or_else(|| {
            let legal = SCHEMES.iter().map(|scheme| scheme.name);
            Error::new(words::unknown("format", name, "format", legal))
        })?;
        set_once(&mut self.format, found, "format")
    }

    /// `key [id=ID] file=PATH [encoding=ENCODING]`, with the file's bytes. May be repeated.
    ///
    /// # Errors
    /// An empty key or id, an id given twice, an unknown encoding, bytes that are not of it.
    pub fn key(
        &mut self,
        id: Option<&str>,
        file: Vec<u8>,
        encoding: Option<&str>,
    ) -> Result<(), Error> {
        self.key_of("key", id, file, encoding)
    }

    /// As [`ProfileBuilder::key`]; errors about the bytes call them `source`, such as `key file "PATH"`.
    ///
    /// # Errors
    /// As [`ProfileBuilder::key`].
    pub fn key_of(
        &mut self,
        source: &str,
        id: Option<&str>,
        file: Vec<u8>,
        encoding: Option<&str>,
    ) -> Result<(), Error> {
        let bytes = Zeroizing::new(file);
        if id == Some("") {
            return Err(Error::new("invalid parameter \"id=\" in \"key\" directive"));
        }
        if let Some(id) = id.filter(|id| self.keys.iter().any(|key| key.id.as_deref() == Some(id)))
        {
            return Err(Error::new(format!(
                "duplicate key id \"{id}\" in \"key\" directive"
            )));
        }
        let encoding = encoding
            .map(|name| {
                let legal = KeyEncoding::ALL.iter().map(|row| row.0);
                KeyEncoding::parse(name)
                    .ok_or_else(|| Error::new(words::unknown("encoding", name, "key", legal)))
            })
            .transpose()?;
        // Whatever the scheme's own encoding will be, emptiness and the given encoding are known now.
        let decoded = encoding.unwrap_or(KeyEncoding::Text).decode_file(&bytes);
        decoded.map_err(|fault| Error::new(format!("{source} {fault} in \"key\" directive")))?;
        self.keys.push(KeyFile {
            source: source.to_owned(),
            id: id.map(str::to_owned),
            bytes,
            encoding,
        });
        Ok(())
    }

    /// `from PLACE…`. Without it: query, cookie and header with the scheme's own names.
    ///
    /// # Errors
    /// No word, an unknown place, bad names, a place given twice; a second `from`.
    pub fn from<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
        let mut places = Vec::new();
        for word in words {
            let place = PlaceWord::parse(word)?;
            if places.contains(&place) {
                return Err(Error::new(words::duplicate(word, "from")));
            }
            places.push(place);
        }
        if places.is_empty() {
            return Err(Error::new(
                "invalid number of arguments in \"from\" directive",
            ));
        }
        set_once(&mut self.from, places, "from")
    }

    /// `leeway TIME`, in seconds: how long a token is accepted beyond its expiry. Without it: 0.
    ///
    /// # Errors
    /// A second `leeway`; more than [`i64::MAX`] seconds.
    pub fn leeway(&mut self, seconds: u64) -> Result<(), Error> {
        let seconds = i64::try_from(seconds).map_err(|_| Error::new("\"leeway\" is too long"))?;
        set_once(&mut self.leeway_s, seconds, "leeway")
    }

    /// `bind_ip off|exact|/v4,/v6`.
    ///
    /// # Errors
    /// A value that is none of these; a second `bind_ip`.
    pub fn bind_ip(&mut self, value: &str) -> Result<(), Error> {
        let bound = match value {
            "off" => false,
            "exact" => true,
            _ if value.starts_with('/') => true,
            _ => {
                let legal = ["off", "exact", "/v4,/v6"];
                return Err(Error::new(words::invalid(value, "bind_ip", legal)));
            }
        };
        set_once(&mut self.bind_ip, bound, "bind_ip")
    }

    /// `require_exp on|off`: whether a token without expiry is refused.
    ///
    /// # Errors
    /// Another value; a second `require_exp`.
    pub fn require_exp(&mut self, value: &str) -> Result<(), Error> {
        let required = match value {
            "on" => true,
            "off" => false,
            _ => {
                let legal = ["on", "off"];
                return Err(Error::new(words::invalid(value, "require_exp", legal)));
            }
        };
        set_once(&mut self.require_exp, required, "require_exp")
    }

    /// `message STRING`.
    ///
    /// # Errors
    /// What [`Template::parse`] refuses; a second `message`.
    pub fn message(&mut self, text: &str) -> Result<(), Error> {
        set_once(&mut self.message, Template::parse(text)?, "message")
    }

    /// What the `message` says that its author may not have meant.
    pub fn message_doubts(&self) -> Vec<&'static str> {
        self.message
            .as_ref()
            .map(Template::doubts)
            .unwrap_or_default()
    }

    /// Checks the block as a whole and builds the profile.
    ///
    /// # Errors
    /// No format, no key, a directive the scheme does not have or cannot do without.
    pub fn finish(self) -> Result<Profile, Error> {
        let scheme = self.format.ok_or_else(|| Error::new("has no \"format\""))?;
        if self.keys.is_empty() {
            return Err(Error::new("has no \"key\""));
        }
        self.refuse_foreign(scheme)?;
        let keys = self.decoded_keys(scheme)?;
        let require_exp = scheme.always_expires || self.require_exp == Some(true);
        let check = (scheme.build)(&Setup {
            keys: &keys,
            message: self.message.as_ref(),
            require_exp,
        })?;
        let words = self.from.unwrap_or_else(PlaceWord::defaults);
        let places: Vec<Place> = words.iter().map(|word| word.resolve(scheme)).collect();
        Ok(Profile {
            scheme,
            check,
            key_ids: keys.into_iter().map(|key| key.id).collect(),
            carriers: Carriers::of(&places),
            places,
            leeway_s: self.leeway_s.unwrap_or(0),
            message: self.message,
        })
    }

    fn refuse_foreign(&self, scheme: &Scheme) -> Result<(), Error> {
        let name = scheme.name;
        if self.message.is_some() && !scheme.takes_message {
            return Err(Error::new(format!(
                "has a \"message\", format \"{name}\" takes none"
            )));
        }
        if self.message.is_none() && scheme.takes_message {
            return Err(Error::new(format!(
                "has no \"message\", format \"{name}\" needs one"
            )));
        }
        if self.bind_ip == Some(true) {
            return Err(Error::new(format!(
                "has \"bind_ip\", format \"{name}\" carries no address"
            )));
        }
        if self.require_exp == Some(false) && scheme.always_expires {
            return Err(Error::new(format!(
                "has \"require_exp off\", format \"{name}\" always expires"
            )));
        }
        Ok(())
    }

    fn decoded_keys(&self, scheme: &Scheme) -> Result<Vec<Key>, Error> {
        let secret = |key: &KeyFile| -> Result<Secret, Error> {
            let encoding = key.encoding.unwrap_or(scheme.key_encoding);
            encoding
                .decode_file(&key.bytes)
                .map_err(|fault| Error::new(format!("has a bad key: {} {fault}", key.source)))
        };
        self.keys
            .iter()
            .map(|key| {
                Ok(Key {
                    id: key.id.clone(),
                    secret: secret(key)?,
                })
            })
            .collect()
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T, directive: &str) -> Result<(), Error> {
    words::set_once(slot, value, directive).map_err(Error::new)
}
