//! A `token_profile` block while it is read.

use std::cell::Cell;
use std::fmt;

use gatehouse_base::encoding::Encoding;
use gatehouse_base::words;

use crate::claims::AddressBinding;
use crate::cookie::Issue;
use crate::error::Error;
use crate::jose;
use crate::keys::{Key, Secret};
use crate::limit::Limit;
use crate::live::{LiveKeys, Maker};
use crate::location::{Carriers, LocationWord, TokenLocation};
use crate::names::Names;
use crate::profile::Profile;
use crate::scheme::{Carrier, Scheme, SchemeOption};
use crate::schemes::SCHEMES;
use crate::settings::{KeyFile, Settings};
use crate::word::{Host, Word};
use crate::words::WORDS;

/// The lines of a `token_profile` block as they are read, in any order.
///
/// An error of [`ProfileBuilder::line`] is a whole sentence for the line being read. One of
/// [`ProfileBuilder::finish`] is to be read after `token_profile "NAME" `, unless it is about a word
/// ([`Error::word`]).
#[derive(Default)]
pub struct ProfileBuilder {
    settings: Settings,
    /// The words that have been given, each once.
    given: Vec<&'static str>,
}

impl fmt::Debug for ProfileBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProfileBuilder").field(&self.given).finish()
    }
}

/// Why a line is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// It begins with a word that no block has.
    UnknownWord,
    /// This is wrong with it.
    Refused(Error),
}

impl From<Error> for LineError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl ProfileBuilder {
    /// An empty block.
    pub fn new() -> Self {
        Self::default()
    }

    /// A block of a scheme that has no row.
    #[cfg(test)]
    pub(crate) fn with_scheme(scheme: &'static Scheme) -> Self {
        let mut builder = Self::default();
        builder.settings.scheme = Some(scheme);
        builder
    }

    #[cfg(test)]
    pub(crate) fn terms(&mut self, leeway_s: i64, require_exp: bool) {
        self.settings.terms.leeway_s = leeway_s;
        self.settings.require_exp = Some(require_exp);
    }

    /// One line: a word of [`WORDS`] and what follows it.
    ///
    /// # Errors
    /// Another word; too few or too many behind it; a value that it does not take; a word twice.
    pub fn line(&mut self, name: &str, words: &[&str], host: &dyn Host) -> Result<(), LineError> {
        let word = WORDS.iter().find(|word| word.name == name);
        let word = word.ok_or(LineError::UnknownWord)?;
        if !word.args.admits(words.len()) {
            let text = format!("invalid number of arguments in \"{name}\" directive");
            return Err(Error::new(text).into());
        }
        // What a line says is looked at before it is found to be one too many.
        (word.parse)(&mut self.settings, words, host)
            .map_err(|error| error.with_syntax(word.syntax))?;
        Ok(self.note(word)?)
    }

    fn note(&mut self, word: &'static Word) -> Result<(), Error> {
        let is_known = self.given.contains(&word.name);
        if is_known && !word.repeated {
            let text = format!("\"{}\" directive is duplicate", word.name);
            return Err(Error::new(text));
        }
        if !is_known {
            self.given.push(word.name);
        }
        Ok(())
    }

    /// A `key` line whose file is read already; errors about its bytes call them `source`, such as
    /// `key file "PATH"`.
    ///
    /// # Errors
    /// An empty key or id, an id given twice, an unknown encoding, bytes that are not of it.
    pub fn key(
        &mut self,
        source: &str,
        id: Option<&str>,
        bytes: Secret,
        encoding: Option<&str>,
    ) -> Result<(), Error> {
        let source = source.to_owned();
        self.settings.add_key(source, id, bytes, encoding)?;
        let word = WORDS.iter().find(|word| word.name == "key");
        word.map_or(Ok(()), |word| self.note(word))
    }

    /// How many lines so far are about keys that routes have.
    pub fn route_keys(&self) -> usize {
        self.settings.route_keys.len()
    }

    /// What the block says so far about how often its tokens may be used.
    pub fn limit(&self) -> Option<&Limit> {
        self.settings.limit.as_ref()
    }

    /// Checks the block as a whole and builds the profile.
    ///
    /// # Errors
    /// No format, no key, a word the scheme does not have or cannot do without.
    pub fn finish(mut self) -> Result<Profile, Error> {
        let scheme = self.settings.scheme;
        let scheme = scheme.ok_or_else(|| Error::new("has no \"format\""))?;
        let has_key = !self.settings.keys.is_empty() || !self.settings.route_keys.is_empty();
        if !has_key && scheme.has_tokens() {
            return Err(Error::new("has no \"key\""));
        }
        self.refuse_foreign(scheme)?;
        self.fill_in(scheme)?;
        let settings = self.settings;
        let keys = decoded_keys(&settings, scheme)?;
        let mut terms = settings.terms;
        let asked = settings.require_exp.unwrap_or(scheme.requires_exp);
        terms.require_exp = scheme.always_expires || asked;
        let locations = locations(settings.from, scheme)?;
        if settings.options.encoding == Some(Encoding::Base64)
            && locations.contains(&TokenLocation::Path)
        {
            return Err(Error::new(
                "has \"from path\", but a token with \"encoding base64\" may have a \"/\", which ends it in a path: use \"base64url\"",
            ));
        }
        let issue = settings.issue;
        let issue = issue.map(|line| Issue::new(line, &locations, scheme));
        let issue = issue.transpose()?;
        let names = locations.iter().filter_map(TokenLocation::names);
        let names: Vec<usize> = names.map(Names::count).collect();
        let mut roles = scheme.carriers.iter().map(|carrier| carrier.role);
        let mut maker = Maker {
            scheme,
            options: settings.options,
            route_keys: Vec::new(),
            route_ids: Vec::new(),
            require_exp: terms.require_exp,
            names,
            in_path: locations.contains(&TokenLocation::Path),
            binding: settings.bind_ip.unwrap_or(AddressBinding::Off),
            claimed: terms.binding,
            once: settings.limit.is_some_and(|limit| limit.uses == Some(1)),
        };
        let mut route_keys = Vec::new();
        for line in settings.route_keys {
            let encoding = line.encoding.unwrap_or(scheme.key_encoding);
            maker.route_keys.push(encoding);
            let id = line.id.unwrap_or_else(|| line.key.name.clone());
            maker.route_ids.push(Some(id));
            route_keys.push(line.key);
        }
        Ok(Profile {
            scheme,
            prepared: maker.prepare(&keys)?,
            live: LiveKeys::of(&settings.keys, scheme, keys),
            maker,
            route_keys,
            carriers: Carriers::of(&locations),
            locations,
            expiry_carrier: roles.position(|role| role == Carrier::EXPIRY),
            terms,
            limit: settings.limit,
            close_websocket: settings.close_websocket,
            issue,
            is_read: Cell::new(true),
        })
    }

    /// Refuses words that the scheme does not take.
    fn refuse_foreign(&self, scheme: &Scheme) -> Result<(), Error> {
        let name = scheme.name;
        let is_foreign = |word: &str| {
            let is_about_tokens = word != "format" && !scheme.has_tokens();
            is_about_tokens || (schemes_take(word) && !scheme.takes(word))
        };
        if let Some(word) = self.given.iter().find(|word| is_foreign(word)) {
            let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
                "an"
            } else {
                "a"
            };
            return Err(Error::new(format!(
                "has {article} \"{word}\", format \"{name}\" takes none"
            )));
        }
        // Where the default is a hash, it takes a hash.
        let hashes = |one: &&SchemeOption| one.word == "algorithm" && one.default != Some("");
        let takes_hash = scheme.options.iter().any(|one| hashes(&one));
        let options = &self.settings.options;
        let has_hash = options.algorithm.is_some() || options.ed25519;
        if self.given.contains(&"algorithm") && has_hash != takes_hash {
            let mut text =
                format!("format \"{name}\" takes no such algorithm as in \"algorithm\" directive");
            if scheme.takes("jwks") {
                let legal = words::must_be(jose::ALGORITHMS.map(|row| row.0));
                text = format!("{text}, {legal}");
            }
            return Err(Error::about("algorithm", text));
        }
        let binds = self.settings.bind_ip.unwrap_or(AddressBinding::Off);
        if binds != AddressBinding::Off && !scheme.claims_address {
            return Err(Error::new(format!(
                "has \"bind_ip\", format \"{name}\" carries no address"
            )));
        }
        if self.settings.require_exp == Some(false) && scheme.always_expires {
            return Err(Error::new(format!(
                "has \"require_exp off\", format \"{name}\" always expires"
            )));
        }
        Ok(())
    }

    /// Gives the scheme's words that were left out their defaults.
    fn fill_in(&mut self, scheme: &Scheme) -> Result<(), Error> {
        let given = &self.given;
        let left_out = |word: &str| !given.contains(&word);
        for option in scheme.options.iter().filter(|one| left_out(one.word)) {
            let word = option.word;
            let Some(default) = option.default else {
                let name = scheme.name;
                return Err(Error::new(format!(
                    "has no \"{word}\", format \"{name}\" needs one"
                )));
            };
            let row = WORDS.iter().find(|row| row.name == word);
            if let Some(row) = row.filter(|_| !default.is_empty()) {
                (row.parse)(&mut self.settings, &[default], &NoHost)?;
            }
        }
        Ok(())
    }
}

/// Whether some scheme takes a word that is not common to all.
fn schemes_take(word: &str) -> bool {
    SCHEMES.iter().any(|scheme| scheme.takes(word))
}

fn locations(words: Vec<LocationWord>, scheme: &Scheme) -> Result<Vec<TokenLocation>, Error> {
    let words = if words.is_empty() && scheme.has_tokens() {
        let own = scheme.places.iter().map(|word| LocationWord::parse(word));
        own.collect::<Result<_, _>>()?
    } else {
        words
    };
    words.iter().map(|word| word.resolve(scheme)).collect()
}

/// The keys of each line.
fn decoded_keys(settings: &Settings, scheme: &Scheme) -> Result<Vec<Vec<Key>>, Error> {
    let read = |file: &KeyFile| {
        if file.is_fetched() {
            return Ok(Vec::new());
        }
        let encoding = file.encoding.unwrap_or(scheme.key_encoding);
        let found = Key::read(file.bytes.as_bytes(), encoding, file.id.as_deref());
        found.map_err(|fault| Error::new(format!("has a bad key: {} {fault}", file.source)))
    };
    settings.keys.iter().map(read).collect()
}

/// Defaults ask nothing of a host; their times are numbers of seconds.
struct NoHost;

impl Host for NoHost {
    fn seconds(&self, word: &str) -> Option<u64> {
        word.parse().ok()
    }

    fn key_file(&self, _: &str) -> Result<(String, Secret), Error> {
        Err(Error::new("no file is read"))
    }

    fn warn(&self, _: &str) {}
}
