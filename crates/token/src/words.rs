//! The words of a `token_profile` block, a row each, like directives.

use crate::claims::{AddressBinding, Terms};
use crate::error::Error;
use crate::keys::{KeyEncoding, Secret};
use crate::location::LocationWord;
use crate::scheme::{Options, Scheme};
use crate::schemes::{SCHEMES, scheme};
use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::Encoding;
use gatehouse_base::words;

/// What a host does for the lines of a block.
pub trait Host {
    /// Seconds of a time such as `90` or `1h30m`; `None` when it is none.
    fn seconds(&self, word: &str) -> Option<u64>;

    /// The bytes of a key file, and how messages call it, such as `key file "PATH"`.
    ///
    /// # Errors
    /// Why the file cannot be used; a whole sentence.
    fn key_file(&self, path: &str) -> Result<(String, Secret), Error>;

    /// Warns about the line being read.
    fn warn(&self, text: &str);
}

/// A word of a block.
pub struct Word {
    /// The word.
    pub name: &'static str,
    /// How many words may follow it.
    pub args: Arity,
    /// Whether it may stand in a block several times.
    pub repeated: bool,
    /// What follows it, for the reference.
    pub syntax: fn() -> String,
    /// What it does, for the reference: Markdown, to be read behind the word.
    pub text: &'static str,
    pub(crate) parse: fn(&mut Settings, &[&str], &dyn Host) -> Result<(), Error>,
}

/// How many words follow a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// One.
    One,
    /// At least one.
    Some,
    /// As many as its own reader takes.
    Any,
}

impl Arity {
    pub(crate) fn admits(self, words: usize) -> bool {
        match self {
            Self::One => words == 1,
            Self::Some => words >= 1,
            Self::Any => true,
        }
    }
}

/// Every word, in the order of the reference.
pub static WORDS: &[Word] = &[
    Word {
        name: "format",
        args: Arity::One,
        repeated: false,
        syntax: || {
            SCHEMES
                .iter()
                .map(|one| one.name)
                .collect::<Vec<_>>()
                .join(" | ")
        },
        text: include_str!("words/format.md"),
        parse: |settings, words, _| {
            let name = first(words);
            let legal = SCHEMES.iter().map(|scheme| scheme.name);
            let found = scheme(name);
            settings.scheme =
                Some(found.ok_or_else(|| words::unknown("format", name, "format", legal))?);
            Ok(())
        },
    },
    Word {
        name: "key",
        args: Arity::Any,
        repeated: true,
        syntax: || "[id=ID] file=PATH [encoding=text|hex|base64|base64url]".to_owned(),
        text: include_str!("words/key.md"),
        parse: key,
    },
    Word {
        name: "from",
        args: Arity::Some,
        repeated: false,
        syntax: || "query[=token[,expiry]] cookie[=…] header[=…] path".to_owned(),
        text: include_str!("words/from.md"),
        parse: |settings, words, _| {
            let mut locations: Vec<LocationWord> = Vec::new();
            for word in words {
                let location = LocationWord::parse(word)?;
                if locations.iter().any(|one| one.is(&location)) {
                    return Err(words::duplicate(word, "from").into());
                }
                locations.push(location);
            }
            settings.from = locations;
            Ok(())
        },
    },
    Word {
        name: "message",
        args: Arity::One,
        repeated: false,
        syntax: || "string".to_owned(),
        text: include_str!("words/message.md"),
        parse: |settings, words, _| {
            settings.options.message = first(words).to_owned();
            if settings.options.message.is_empty() {
                return Err(Error::new("\"message\" directive is empty"));
            }
            Ok(())
        },
    },
    Word {
        name: "algorithm",
        args: Arity::One,
        repeated: false,
        syntax: || algorithms().collect::<Vec<_>>().join(" | "),
        text: include_str!("words/algorithm.md"),
        parse: |settings, words, _| {
            let name = first(words);
            let known = algorithms().any(|one| one == name);
            let found = Algorithm::parse(name).filter(|_| known);
            let unknown = || words::unknown("algorithm", name, "algorithm", algorithms());
            settings.options.algorithm = Some(found.ok_or_else(unknown)?);
            Ok(())
        },
    },
    Word {
        name: "encoding",
        args: Arity::One,
        repeated: false,
        syntax: || Encoding::ALL.map(|row| row.0).join(" | "),
        text: include_str!("words/encoding.md"),
        parse: |settings, words, _| {
            let name = first(words);
            let legal = Encoding::ALL.map(|row| row.0);
            let unknown = || words::unknown("encoding", name, "encoding", legal);
            settings.options.encoding = Some(Encoding::parse(name).ok_or_else(unknown)?);
            Ok(())
        },
    },
    Word {
        name: "leeway",
        args: Arity::One,
        repeated: false,
        syntax: || "time".to_owned(),
        text: include_str!("words/leeway.md"),
        parse: |settings, words, host| {
            let word = first(words);
            let seconds = host
                .seconds(word)
                .ok_or_else(|| format!("invalid value \"{word}\" in \"leeway\" directive"))?;
            settings.terms.leeway_s =
                i64::try_from(seconds).map_err(|_| Error::new("\"leeway\" is too long"))?;
            Ok(())
        },
    },
    Word {
        name: "bind_ip",
        args: Arity::One,
        repeated: false,
        syntax: || "off | exact | /v4,/v6".to_owned(),
        text: include_str!("words/bind_ip.md"),
        parse: |settings, words, _| {
            let word = first(words);
            let legal = ["off", "exact", "/v4,/v6"];
            let binding = parse_binding(word);
            settings.terms.binding =
                binding.ok_or_else(|| words::invalid(word, "bind_ip", legal))?;
            settings.bind_ip = Some(settings.terms.binding);
            Ok(())
        },
    },
    Word {
        name: "require_exp",
        args: Arity::One,
        repeated: false,
        syntax: || "on | off".to_owned(),
        text: include_str!("words/require_exp.md"),
        parse: |settings, words, _| {
            settings.require_exp = Some(match first(words) {
                "on" => true,
                "off" => false,
                other => {
                    return Err(words::invalid(other, "require_exp", ["on", "off"]).into());
                }
            });
            Ok(())
        },
    },
];

/// What the lines of a block have said.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) scheme: Option<&'static Scheme>,
    pub(crate) keys: Vec<KeyFile>,
    pub(crate) from: Vec<LocationWord>,
    pub(crate) terms: Terms,
    pub(crate) bind_ip: Option<AddressBinding>,
    pub(crate) require_exp: Option<bool>,
    pub(crate) options: Options,
}

/// A `key` line; the file is decoded when the scheme is known.
pub(crate) struct KeyFile {
    pub(crate) source: String,
    pub(crate) id: Option<String>,
    pub(crate) bytes: Secret,
    pub(crate) encoding: Option<KeyEncoding>,
}

fn first<'w>(words: &[&'w str]) -> &'w str {
    words.first().copied().unwrap_or_default()
}

/// The hashes that make a MAC.
fn algorithms() -> impl Iterator<Item = &'static str> {
    let rows = Algorithm::ALL
        .iter()
        .filter(|row| row.1 != Algorithm::Crc32);
    rows.map(|row| row.0)
}

fn parse_binding(word: &str) -> Option<AddressBinding> {
    let bits = |text: &str, most: u8| {
        let bits: u8 = text.strip_prefix('/')?.parse().ok()?;
        (bits <= most).then_some(bits)
    };
    match word {
        "off" => Some(AddressBinding::Off),
        "exact" => Some(AddressBinding::Exact),
        _ => {
            let (v4, v6) = word.split_once(',')?;
            Some(AddressBinding::Prefix(bits(v4, 32)?, bits(v6, 128)?))
        }
    }
}

/// Where the bytes of a key are.
enum KeyFrom<'w> {
    File(&'w str),
    Text(&'w str),
}

/// `key [id=ID] file=PATH [encoding=ENCODING]`
fn key(settings: &mut Settings, words: &[&str], host: &dyn Host) -> Result<(), Error> {
    let (mut id, mut from, mut encoding) = (None, None, None);
    for word in words {
        let twice = match word.split_once('=') {
            Some(("id", value)) => id.replace(value).is_some(),
            Some(("encoding", value)) => encoding.replace(value).is_some(),
            Some(("file", path)) if !path.is_empty() => from.replace(KeyFrom::File(path)).is_some(),
            Some(("text", text)) => from.replace(KeyFrom::Text(text)).is_some(),
            _ => {
                let text = format!("invalid parameter \"{word}\" in \"key\" directive");
                return Err(Error::new(text));
            }
        };
        if twice {
            return Err(words::duplicate(word, "key").into());
        }
    }
    let (source, bytes) = match from {
        Some(KeyFrom::File(path)) => host.key_file(path)?,
        Some(KeyFrom::Text(text)) => {
            host.warn("a key is written in the configuration, use \"file=\"");
            let bytes = Secret::new(text.as_bytes().to_vec());
            ("key".to_owned(), bytes)
        }
        None => return Err(Error::new("\"key\" must have \"file\" parameter")),
    };
    settings.add_key(source, id, bytes, encoding)
}

impl Settings {
    /// Errors about the bytes call them `source`.
    pub(crate) fn add_key(
        &mut self,
        source: String,
        id: Option<&str>,
        bytes: Secret,
        encoding: Option<&str>,
    ) -> Result<(), Error> {
        if id == Some("") {
            return Err(Error::new("invalid parameter \"id=\" in \"key\" directive"));
        }
        if let Some(id) = id.filter(|id| self.keys.iter().any(|key| key.id.as_deref() == Some(id)))
        {
            return Err(Error::new(format!(
                "duplicate key id \"{id}\" in \"key\" directive"
            )));
        }
        let parse = |name| {
            let legal = KeyEncoding::ALL.iter().map(|row| row.0);
            KeyEncoding::parse(name).ok_or_else(|| words::unknown("encoding", name, "key", legal))
        };
        let encoding = encoding.map(parse).transpose()?;
        // Whatever the scheme's own encoding will be, emptiness and the given encoding are known now.
        let decoded = encoding
            .unwrap_or(KeyEncoding::Text)
            .decode_file(bytes.as_bytes());
        decoded.map_err(|fault| format!("{source} {fault} in \"key\" directive"))?;
        self.keys.push(KeyFile {
            source,
            id: id.map(str::to_owned),
            bytes,
            encoding,
        });
        Ok(())
    }
}
