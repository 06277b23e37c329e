//! The profile of the configuration, from arguments.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gatehouse_token::{Error, KeyEncoding, Names, Place, Profile, ProfileBuilder, Secret, scheme};

use crate::Failure;
use crate::files::{read, refused};

/// The arguments that stand for a `token_profile`.
#[derive(Debug, Args)]
pub(crate) struct ProfileArguments {
    /// The scheme.
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Format,
    /// A file that holds a key, as in the configuration; with its id as ID=FILE. May be repeated.
    #[arg(long, value_name = "[ID=]FILE", required = true, value_parser = key_file)]
    key_file: Vec<KeyFile>,
    /// How key files spell the key; the scheme's own when not given.
    #[arg(long, value_name = "NAME", value_parser = KeyEncoding::ALL.map(|row| row.0))]
    encoding: Option<String>,
    /// Where the token is, as "from" of the configuration has it: query, cookie and header, each maybe
    /// with its own names as in query=token,expiry, and path. May be repeated.
    #[arg(long, value_name = "PLACE")]
    from: Vec<String>,
    /// secure_link: the configuration's message, in single quotes. Its variables take their values from
    /// --url, --address, --header and --var; one without value is refused.
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
}

/// Schemes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Scalesimple,
    #[value(name = "secure_link")]
    SecureLink,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Scalesimple => "scalesimple",
            Self::SecureLink => "secure_link",
        }
    }

    /// What a token of the scheme looks like.
    pub(crate) fn form(self) -> &'static str {
        match self {
            Self::Scalesimple => {
                "32 lower-case hexadecimal digits, and 1 to 18 digits for the expiry"
            }
            Self::SecureLink => {
                "22 characters of base64url, and for the expiry a number above 0 of at most 18 digits"
            }
        }
    }
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

impl ProfileArguments {
    /// The first key, which signs.
    pub(crate) fn secret(&self) -> Result<Secret, Failure> {
        let first = self.key_file.first();
        let first = first.ok_or_else(|| Failure::Wrong("there is no --key-file".to_owned()))?;
        self.decode(first).map(|(secret, _)| secret)
    }

    fn decode(&self, key: &KeyFile) -> Result<(Secret, Vec<u8>), Failure> {
        let own = scheme(self.format.name()).map_or(KeyEncoding::Text, |one| one.key_encoding);
        let given = self.encoding.as_deref().and_then(KeyEncoding::parse);
        let encoding = given.unwrap_or(own);
        let bytes = read(&key.path)?;
        let secret = encoding.decode(&bytes);
        let secret = secret.map_err(|error| refused(&key.path, &error))?;
        Ok((secret, bytes))
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
    pub(crate) fn places(&self) -> Vec<&str> {
        let lines = self.from.iter();
        lines
            .flat_map(|line| line.split_ascii_whitespace())
            .collect()
    }

    /// Builds the profile with those places; with none, the scheme's own.
    pub(crate) fn profile(&self, places: &[&str], leeway: u64) -> Result<Profile, Failure> {
        let wrong = |error: Error| Failure::Wrong(error.to_string());
        let name = self.format.name();
        let mut builder = ProfileBuilder::new();
        builder.format(name).map_err(wrong)?;
        builder.leeway(leeway).map_err(wrong)?;
        if !places.is_empty() {
            builder.from(places.iter().copied()).map_err(wrong)?;
        }
        for key in &self.key_file {
            let (_, bytes) = self.decode(key)?;
            let encoding = self.encoding.as_deref();
            builder
                .key(key.id.as_deref(), bytes, encoding)
                .map_err(wrong)?;
        }
        match (&self.message, self.format) {
            (Some(message), Format::SecureLink) => builder.message(message).map_err(wrong)?,
            (None, Format::Scalesimple) => {}
            (Some(_), Format::Scalesimple) => {
                return Err(Failure::Wrong(format!("{name} takes no --message")));
            }
            (None, Format::SecureLink) => {
                return Err(Failure::Wrong(format!("{name} signs a --message")));
            }
        }
        builder.finish().map_err(wrong)
    }
}

/// A place's kind and the names in it.
pub(crate) fn kind_and_names(place: &Place) -> (&'static str, Vec<&str>) {
    match place {
        Place::Query(names) => ("query", both(names)),
        Place::Cookie(names) => ("cookie", both(names)),
        Place::Header(names) => ("header", both(names)),
        Place::Path => ("path", Vec::new()),
    }
}

fn both(names: &Names) -> Vec<&str> {
    let token = std::iter::once(names.token.as_str());
    token.chain(names.expiry.as_deref()).collect()
}

/// A place as a `from` line has it.
pub(crate) fn word(place: &Place) -> String {
    match kind_and_names(place) {
        (kind, names) if names.is_empty() => kind.to_owned(),
        (kind, names) => format!("{kind}={}", names.join(",")),
    }
}
