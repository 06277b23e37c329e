//! `md5_hash`, `digest`: hashes and HMACs as variables.

mod conf;

pub(crate) use conf::{Local, Main};

use crate::Gatehouse;
use crate::family::Family;
use crate::words::duplicate;
use conf::{Definition, Known};
use gatehouse_base::digest::{Algorithm, Digest, Encoding};
use gatehouse_base::secret::Secret;
use gatehouse_base::words;
use gatehouse_nginx::http::variable::Getter;
use gatehouse_nginx::{Answer, Args, Conf, Contexts, Directive, Error, Request};

/// What this family brings.
pub(crate) const FAMILY: Family = Family {
    page: "digest",
    title: "Digests",
    directives: DIRECTIVES,
    ..Family::NONE
};

const DIRECTIVES: &[Directive<Gatehouse>] = &[
    Directive {
        name: c"md5_hash",
        syntax: "$variable string",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Exactly(2),
        text: include_str!("docs/md5_hash.md"),
        set: set_md5_hash,
    },
    Directive {
        name: c"digest",
        syntax: "$variable algorithm string [encoding=hex|base64|base64url] [key_file=path]",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Between(3, 5),
        text: include_str!("docs/digest.md"),
        set: set_digest,
    },
];

fn set_md5_hash(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    define(cf, Algorithm::Md5, Encoding::Hex, None, 2)
}

fn unknown<const N: usize>(what: &str, word: &str, legal: [&str; N]) -> Error {
    words::unknown(what, word, "digest", legal).into()
}

fn set_digest(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let words = cf.words()?;
    let name = words.get(2).map(String::as_str).unwrap_or_default();
    let algorithm = Algorithm::parse(name)
        .ok_or_else(|| unknown("algorithm", name, Algorithm::ALL.map(|row| row.0)))?;
    let (mut encoding, mut key_file) = (None, None);
    for word in words.iter().skip(4) {
        let duplicate = || duplicate(cf, word);
        if let Some(name) = word.strip_prefix("encoding=") {
            let parsed = Encoding::parse(name)
                .ok_or_else(|| unknown("encoding", name, Encoding::ALL.map(|row| row.0)))?;
            encoding
                .replace(parsed)
                .map_or(Ok(()), |_| Err(duplicate()))?;
        } else if let Some(path) = word.strip_prefix("key_file=").filter(|p| !p.is_empty()) {
            key_file
                .replace(path)
                .map_or(Ok(()), |_| Err(duplicate()))?;
        } else {
            return Err(cf.invalid_parameter(word));
        }
    }
    let key = key_file
        .map(|path| crate::keys::read(cf, path))
        .transpose()?;
    define(
        cf,
        algorithm,
        encoding.unwrap_or(Encoding::Hex),
        key.as_ref().map(Secret::as_bytes),
        3,
    )
}

fn define(
    cf: &mut Conf<'_, Gatehouse>,
    algorithm: Algorithm,
    encoding: Encoding,
    key: Option<&[u8]>,
    text: usize,
) -> Result<(), Error> {
    let digest = Digest::new(algorithm, encoding, key)
        .map_err(|e| Error::new(format!("{e} in \"{}\" directive", cf.name())))?;
    let variable = cf.words()?.get(1).cloned().unwrap_or_default();
    let text = cf.compile_word(text)?;
    let digests = &mut cf.main().digest.digests;
    digests.push(Definition { text, digest });
    let number = digests.len().saturating_sub(1);
    cf.add_variable::<Value>(&variable, number)
}

/// The getter of all digest variables; the number is the definition's.
struct Value;

impl Getter for Value {
    fn get(r: Request<'_>, number: usize) -> Answer<'_> {
        let Some(local) = r.local::<Gatehouse>() else {
            return Answer::Failed;
        };
        let known = &local.digest.known;
        let main = &r.main_conf::<Gatehouse>().digest;
        let Some(definition) = main.digests.get(number) else {
            return Answer::Failed;
        };
        let Some(text) = definition.text.eval(r) else {
            return Answer::Failed;
        };
        if let Some(value) = find(known.get(), number, text) {
            return Answer::Value(value);
        }
        let Some(value) = compute(r, definition, text) else {
            return Answer::Failed;
        };
        // Without memory to remember it, it is computed again next time.
        if let Some(fresh) = r.place(Known {
            number,
            text,
            value,
            before: known.get(),
        }) {
            known.set(Some(fresh));
        }
        Answer::Value(value)
    }
}

fn find<'r>(mut known: Option<&'r Known<'r>>, number: usize, text: &[u8]) -> Option<&'r [u8]> {
    while let Some(one) = known {
        if one.number == number && one.text == text {
            return Some(one.value);
        }
        known = one.before;
    }
    None
}

fn compute<'r>(r: Request<'r>, definition: &Definition, text: &[u8]) -> Option<&'r [u8]> {
    let out = r.alloc(definition.digest.encoded_len())?;
    let len = definition.digest.encode_into(&[text], out)?;
    out.get(..len)
}
