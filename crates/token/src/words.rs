//! The words of a `token_profile` block, a row each, like directives.

mod cookie;
mod origin;
mod valid;

use crate::claims::AddressBinding;
use crate::error::Error;
use crate::jose;
use crate::key_line::{jwks, key};
use crate::keys::Secret;
use crate::location::LocationWord;
use crate::rules::Rule;
use crate::schemes::{SCHEMES, scheme};
use crate::settings::Settings;
use crate::word::{Arity, Host, Word, first, on_off};
use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::Encoding;
use gatehouse_base::words;

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
        syntax: || {
            "[id=ID] (file=PATH [reload=time] | table=TABLE name=NAME) [encoding=text|hex|base64|base64url|pem|jwks]"
                .to_owned()
        },
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
        args: Arity::Some,
        repeated: false,
        syntax: || {
            let hashes = algorithms()
                .chain([ED25519])
                .collect::<Vec<_>>()
                .join(" | ");
            let of_jwt = jose::ALGORITHMS.map(|row| row.0).join(" | ");
            format!("{hashes}; {of_jwt} …")
        },
        text: include_str!("words/algorithm.md"),
        parse: algorithm,
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
        name: "jwks",
        args: Arity::Some,
        repeated: true,
        syntax: || "(file=PATH | uri=URI) [refresh=time]".to_owned(),
        text: include_str!("words/jwks.md"),
        parse: jwks,
    },
    Word {
        name: "issuer",
        args: Arity::Some,
        repeated: false,
        syntax: || "name …".to_owned(),
        text: include_str!("words/issuer.md"),
        parse: |settings, words, _| {
            settings.options.issuer = words.iter().map(|&word| word.to_owned()).collect();
            settings.terms.rules.push(Rule::issuer(words));
            Ok(())
        },
    },
    Word {
        name: "audience",
        args: Arity::Some,
        repeated: false,
        syntax: || "name …".to_owned(),
        text: include_str!("words/audience.md"),
        parse: |settings, words, _| {
            settings.options.audience = words.iter().map(|&word| word.to_owned()).collect();
            settings.terms.rules.push(Rule::audience(words));
            Ok(())
        },
    },
    Word {
        name: "require",
        args: Arity::Some,
        repeated: true,
        syntax: || "path [not] = | in | contains | exists [value …]".to_owned(),
        text: include_str!("words/require.md"),
        parse: |settings, words, _| {
            settings.terms.rules.push(Rule::parse(words)?);
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
            settings.terms.leeway_s = seconds("leeway", first(words), host)?;
            Ok(())
        },
    },
    Word {
        name: "lifetime",
        args: Arity::One,
        repeated: false,
        syntax: || "time".to_owned(),
        text: include_str!("words/lifetime.md"),
        parse: |settings, words, host| {
            settings.options.lifetime_s = seconds("lifetime", first(words), host)?;
            Ok(())
        },
    },
    Word {
        name: "uri_prefix",
        args: Arity::One,
        repeated: false,
        syntax: || "/path/".to_owned(),
        text: include_str!("words/uri_prefix.md"),
        parse: |settings, words, _| {
            let prefix = first(words);
            if !(prefix.starts_with('/') && prefix.ends_with('/')) {
                return Err(Error::new(format!(
                    "invalid value \"{prefix}\" in \"uri_prefix\" directive, it must begin and end with \"/\""
                )));
            }
            settings.options.uri_prefix = Some(prefix.to_owned());
            Ok(())
        },
    },
    origin::ORIGIN,
    Word {
        name: "salt",
        args: Arity::One,
        repeated: false,
        syntax: || "string".to_owned(),
        text: include_str!("words/salt.md"),
        parse: |settings, words, _| {
            let salt = Secret::new(first(words).as_bytes().to_vec());
            settings.options.salt = (!salt.as_bytes().is_empty()).then_some(salt);
            Ok(())
        },
    },
    Word {
        name: "escape_early",
        args: Arity::One,
        repeated: false,
        syntax: || "on | off".to_owned(),
        text: include_str!("words/escape_early.md"),
        parse: |settings, words, _| {
            settings.options.escape_early = on_off("escape_early", first(words))?;
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
            settings.require_exp = Some(on_off("require_exp", first(words))?);
            Ok(())
        },
    },
    valid::ISSUE_COOKIE,
    valid::LIMIT,
    valid::CLOSE_WEBSOCKET,
];

fn seconds(name: &str, word: &str, host: &dyn Host) -> Result<i64, Error> {
    let seconds = host
        .seconds(word)
        .ok_or_else(|| format!("invalid value \"{word}\" in \"{name}\" directive"))?;
    i64::try_from(seconds).map_err(|_| Error::new(format!("\"{name}\" is too long")))
}

const ED25519: &str = "ed25519";

/// `algorithm HASH`, or `algorithm ALG …` where keys may be used with several.
fn algorithm(settings: &mut Settings, words: &[&str], _: &dyn Host) -> Result<(), Error> {
    settings.options.ed25519 = words == [ED25519];
    if settings.options.ed25519 {
        return Ok(());
    }
    for name in words {
        // As lighttpd calls them.
        let hash = name.trim_start_matches("hmac-");
        let hash = Algorithm::parse(hash).filter(|_| algorithms().any(|one| one == hash));
        let of_keys = &mut settings.options.algorithms;
        match (hash, jose::Algorithm::parse(name)) {
            (Some(hash), _) if words.len() == 1 => settings.options.algorithm = Some(hash),
            (None, Some(found)) if of_keys.contains(&found) => {
                return Err(words::duplicate(name, "algorithm").into());
            }
            (None, Some(found)) => of_keys.push(found),
            (Some(_), _) => {
                let text = "invalid number of arguments in \"algorithm\" directive";
                return Err(Error::new(text));
            }
            (None, None) => {
                let of_keys = jose::ALGORITHMS.map(|row| row.0);
                // In a block of keys that are for signatures a hash is no help.
                let is_jwt = settings.scheme.is_some_and(|scheme| scheme.takes("jwks"));
                let hashes = algorithms().chain([ED25519]).filter(|_| !is_jwt);
                let legal = hashes.chain(of_keys);
                return Err(words::unknown("algorithm", name, "algorithm", legal).into());
            }
        }
    }
    Ok(())
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
