//! The profile of the configuration, from arguments.

use std::path::PathBuf;

use clap::Args;
use gatehouse_token::{
    Arity, Error, Host, Key, KeyEncoding, LineError, Profile, ProfileBuilder, SCHEMES, Scheme,
    Secret, TokenLocation, WORDS, scheme,
};

use super::options::{Given, SchemeOptions};
use super::time;
use crate::Failure;
use crate::files::{read, refused};

/// The arguments that stand for a `token_profile`.
#[derive(Debug, Args)]
pub(crate) struct ProfileArguments {
    /// The scheme.
    #[arg(long, value_name = "NAME", value_parser = with_tokens())]
    format: String,
    /// A file that holds a key, as in the configuration; with its id as ID=FILE. May be repeated.
    #[arg(long, value_name = "[ID=]FILE", required = true, value_parser = key_file)]
    key_file: Vec<KeyFile>,
    /// How key files spell the key; the scheme's own when not given.
    #[arg(long, value_name = "NAME", value_parser = KeyEncoding::ALL.map(|row| row.0))]
    key_encoding: Option<String>,
    /// Where the token is, as "from" of the configuration has it: query, cookie and header, each maybe
    /// with its own names as in query=token,expiry, and path. May be repeated.
    #[arg(long, value_name = "PLACE")]
    from: Vec<String>,
    #[command(flatten)]
    options: SchemeOptions,
}

/// The names of the schemes that have tokens.
fn with_tokens() -> Vec<&'static str> {
    let schemes = SCHEMES.iter().filter(|scheme| scheme.has_tokens());
    schemes.map(|scheme| scheme.name).collect()
}

/// A key's file and, when it has one, its id.
#[derive(Clone, Debug)]
struct KeyFile {
    id: Option<String>,
    path: PathBuf,
}

fn key_file(text: &str) -> Result<KeyFile, String> {
    let is_id = |id: &str| !id.is_empty() && !id.contains('/');
    Ok(match text.split_once('=') {
        Some((id, path)) if is_id(id) && !path.is_empty() => KeyFile {
            id: Some(id.to_owned()),
            path: path.into(),
        },
        _ if text.is_empty() => return Err("a key file has a name".to_owned()),
        _ => KeyFile {
            id: None,
            path: text.into(),
        },
    })
}

/// Lines of a block, from a command line.
struct CommandLine;

impl Host for CommandLine {
    fn seconds(&self, word: &str) -> Option<u64> {
        time::seconds(word).and_then(|seconds| u64::try_from(seconds).ok())
    }

    fn key_file(&self, path: &str) -> Result<(String, Secret), Error> {
        Err(Error::new(format!("{path} is no argument")))
    }

    fn warn(&self, _: &str) {}
}

impl ProfileArguments {
    /// The scheme.
    pub(crate) fn scheme(&self) -> Result<&'static Scheme, Failure> {
        let unknown = || Failure::Wrong(format!("unknown format {}", self.format));
        scheme(&self.format).ok_or_else(unknown)
    }

    /// The first key, which signs.
    pub(crate) fn key(&self) -> Result<Key, Failure> {
        let first = self.key_file.first();
        let first = first.ok_or_else(|| Failure::Wrong("there is no --key-file".to_owned()))?;
        let keys = self.decode(first, &read(&first.path)?)?.into_iter();
        let none = || Failure::Wrong(format!("{}: there is no key", first.path.display()));
        keys.into_iter().next().ok_or_else(none)
    }

    fn decode(&self, key: &KeyFile, bytes: &[u8]) -> Result<Vec<Key>, Failure> {
        let given = self.key_encoding()?.and_then(KeyEncoding::parse);
        let encoding = given.unwrap_or(self.scheme()?.key_encoding);
        let keys = Key::read(bytes, encoding, key.id.as_deref());
        keys.map_err(|error| refused(&key.path, &format!("key {error}")))
    }

    /// How key files spell the key. Without a word of that name in the scheme, `--encoding` says it, too.
    fn key_encoding(&self) -> Result<Option<&str>, Failure> {
        let own = self.key_encoding.as_deref();
        let scheme = self.scheme()?;
        let other = || self.options.get(OF_KEYS).filter(|_| !scheme.takes(OF_KEYS));
        let name = own.or_else(other);
        match name {
            Some(name) if KeyEncoding::parse(name).is_none() => {
                let legal = KeyEncoding::ALL.map(|row| row.0).join(", ");
                Err(Failure::Wrong(format!(
                    "invalid value '{name}' for '--{OF_KEYS} <NAME>': it must be one of {legal}"
                )))
            }
            name => Ok(name),
        }
    }

    /// What a key is called: its id, or its file.
    pub(crate) fn key_name(&self, index: usize) -> Option<String> {
        let key = self.key_file.get(index)?;
        Some(match &key.id {
            Some(id) => id.clone(),
            None => key.path.display().to_string(),
        })
    }

    /// What all keys are called.
    pub(crate) fn key_names(&self) -> Vec<String> {
        (0..).map_while(|index| self.key_name(index)).collect()
    }

    /// A key's id.
    pub(crate) fn key_id(&self, index: usize) -> Option<&str> {
        self.key_file.get(index)?.id.as_deref()
    }

    /// The words of `--from`.
    pub(crate) fn locations(&self) -> Vec<&str> {
        let lines = self.from.iter();
        lines
            .flat_map(|line| line.split_ascii_whitespace())
            .collect()
    }

    /// Builds the profile with those words of `--from`; with none, the scheme's own.
    pub(crate) fn profile(&self, locations: &[&str], leeway: u64) -> Result<Profile, Failure> {
        let mut builder = ProfileBuilder::new();
        let mut line = |name: &str, words: &[&str]| {
            let result = builder.line(name, words, &CommandLine);
            result.map_err(|error| {
                Failure::Wrong(match error {
                    LineError::UnknownWord => format!("unknown word {name}"),
                    LineError::Refused(error) => error.to_string(),
                })
            })
        };
        line("format", &[&self.format])?;
        line("leeway", &[&leeway.to_string()])?;
        if !locations.is_empty() {
            line("from", locations)?;
        }
        for Given { word, value } in self.options_of(self.scheme()?)? {
            let several = WORDS
                .iter()
                .any(|row| row.name == word && row.args != Arity::One);
            let words: Vec<&str> = match several {
                true => value.split_ascii_whitespace().collect(),
                false => vec![value],
            };
            line(word, &words)?;
        }
        let wrong = |error: Error| Failure::Wrong(error.to_string());
        for key in &self.key_file {
            let bytes = Secret::new(read(&key.path)?);
            self.decode(key, bytes.as_bytes())?;
            let (id, encoding) = (key.id.as_deref(), self.key_encoding()?);
            builder.key("key", id, bytes, encoding).map_err(wrong)?;
        }
        builder.finish().map_err(wrong)
    }

    /// The scheme's own words that are given.
    fn options_of(&self, scheme: &Scheme) -> Result<Vec<Given<'_>>, Failure> {
        let name = scheme.name;
        let mut given = self.options.given();
        given.retain(|one| one.word != OF_KEYS || scheme.takes(OF_KEYS));
        if let Some(foreign) = given.iter().find(|one| !scheme.takes(one.word)) {
            let word = foreign.word;
            return Err(Failure::Wrong(format!("{name} takes no --{word}")));
        }
        let is_missing = |word: &str| !given.iter().any(|one| one.word == word);
        let mut required = scheme.options.iter().filter(|one| one.default.is_none());
        if let Some(option) = required.find(|one| is_missing(one.word)) {
            let word = option.word;
            return Err(Failure::Wrong(format!("{name} signs a --{word}")));
        }
        Ok(given)
    }
}

/// The option that tells how keys are spelled, unless the scheme has a word of that name.
const OF_KEYS: &str = "encoding";

/// A location as a `from` line has it.
pub(crate) fn word(location: &TokenLocation) -> String {
    let names = location.names().map(|names| names.iter().collect());
    let names: Vec<&str> = names.unwrap_or_default();
    if names.is_empty() {
        return location.kind().to_owned();
    }
    format!("{}={}", location.kind(), names.join(","))
}
