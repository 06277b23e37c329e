//! Match objects of CTA-5007: what a text must be.

use gatehouse_base::cbor::{Item, Value};
use gatehouse_base::digest::{Algorithm, MAX_RAW};
use gatehouse_hash::{Hash as _, Sha512_256};
use memchr::memmem;

/// Whether a text is one that a match object means: every rule of it must hold. An object without rules means nothing, and
/// a rule of a kind that we do not know holds for nothing: so it is with regular expressions, of which nobody says whose
/// they are and how long they may take.
pub(super) fn holds(object: Value<'_>, text: &[u8]) -> bool {
    let mut rules = object.pairs().peekable();
    rules.peek().is_some() && rules.all(|(kind, wanted)| rule(kind.int(), wanted, text))
}

fn rule(kind: Option<i64>, wanted: Value<'_>, text: &[u8]) -> bool {
    match (kind, wanted.item()) {
        (Some(0), Item::Text(wanted)) => text == wanted.as_bytes(),
        (Some(1), Item::Text(wanted)) => text.starts_with(wanted.as_bytes()),
        (Some(2), Item::Text(wanted)) => text.ends_with(wanted.as_bytes()),
        (Some(3), Item::Text(wanted)) => memmem::find(text, wanted.as_bytes()).is_some(),
        (Some(-1), Item::Bytes(wanted)) => sha(Algorithm::Sha256, text, wanted),
        (Some(-2), Item::Bytes(wanted)) => sha512_256(text, wanted),
        _ => false,
    }
}

fn sha(algorithm: Algorithm, text: &[u8], wanted: &[u8]) -> bool {
    let mut out = [0; MAX_RAW];
    let hash = algorithm.hash_into(&mut out, |sink| {
        sink(text);
        Some(())
    });
    hash == Some(wanted)
}

/// SHA-512/256 (FIPS 180-4). Signers take the first half of SHA-512 for it, or all: these are as good.
fn sha512_256(text: &[u8], wanted: &[u8]) -> bool {
    if wanted.len() > 32 {
        return sha(Algorithm::Sha512, text, wanted);
    }
    let mut out = [0; MAX_RAW];
    let long = Algorithm::Sha512.hash_into(&mut out, |sink| {
        sink(text);
        Some(())
    });
    let half = long.and_then(|hash| hash.get(..32));
    half == Some(wanted) || Sha512_256::digest(text) == wanted
}
