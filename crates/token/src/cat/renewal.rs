//! `catr`: a token that asks to be renewed before it ends (CTA-5007). Of the ways it may name, a cookie is what we do.

use gatehouse_base::cbor::Value;
use minicbor::Encoder;
use minicbor::encode::write::Cursor;

use super::names::{CATR, EXP, IAT};
use super::set::seconds;
use crate::cose::{Out, Written};

/// Labels of its parts: how, by how many seconds from now, how many before the end, and in which cookie.
const KIND: i64 = 0;
const ADDED: i64 = 1;
const DEADLINE: i64 = 2;
const COOKIE_NAME: i64 = 3;

/// Kinds: in the way the token came, or in a cookie. There are also a header and a redirect.
const AUTOMATIC: i64 = 0;
const COOKIE: i64 = 1;

/// How long before its end a token is renewed that does not say.
const USUAL_DEADLINE_S: i64 = 60;

/// Reads `SECONDS[,DEADLINE]`, as a signer is told how a token is to be renewed in a cookie.
pub(super) fn parse(text: &str) -> Option<(i64, i64)> {
    let (added, deadline) = match text.split_once(',') {
        Some((added, deadline)) => (added, deadline.parse().ok()?),
        None => (text, USUAL_DEADLINE_S),
    };
    let added = added.parse().ok()?;
    (added > 0 && deadline > 0).then_some((added, deadline))
}

/// Writes the claim that says so.
pub(super) fn write_claim(out: Out<'_, '_, '_>, (added, deadline): (i64, i64)) -> Written {
    out.map(3)?;
    for (label, value) in [(KIND, COOKIE), (ADDED, added), (DEADLINE, deadline)] {
        out.i64(label)?.i64(value)?;
    }
    Ok(())
}

/// What there is to renew a token with.
#[derive(Clone, Copy)]
pub(crate) struct Renewing<'a> {
    /// Now, since the epoch.
    pub(crate) now: i64,
    /// The name of the cookie.
    pub(crate) cookie: &'a str,
    /// Whether the token came in it.
    pub(crate) came_in_it: bool,
}

/// The new end of a token with these claims; None when it asks for no new one, not yet, or in another way.
pub(crate) fn new_end(set: Value<'_>, with: Renewing<'_>) -> Option<i64> {
    let catr = set.get(CATR)?;
    let in_cookie = match catr.get(KIND)?.int()? {
        COOKIE => true,
        AUTOMATIC => with.came_in_it,
        _ => false,
    };
    let is_ours = match catr.get(COOKIE_NAME) {
        Some(name) => name.text()? == with.cookie,
        None => true,
    };
    let deadline = match catr.get(DEADLINE) {
        Some(deadline) => deadline.int()?,
        None => USUAL_DEADLINE_S,
    };
    let end = seconds(set.get(EXP)?)?;
    let new = with.now.checked_add(catr.get(ADDED)?.int()?)?;
    let is_due = with.now < end && end.saturating_sub(with.now) <= deadline;
    (in_cookie && is_ours && is_due && new > end).then_some(new)
}

/// Gives `sink` the claims with another end, and with another begin where they have one; all else keeps its bytes.
pub(crate) fn write(set: Value<'_>, end: i64, now: i64, sink: &mut dyn FnMut(&[u8])) -> Option<()> {
    let pairs = || set.pairs();
    let len =
        |pair: (Value<'_>, Value<'_>)| pair.0.source().len().saturating_add(pair.1.source().len());
    let behind = pairs().map(len).sum::<usize>();
    let source = set.source();
    sink(source.get(..source.len().checked_sub(behind)?)?);
    for (key, value) in pairs() {
        sink(key.source());
        let mut room = [0; 9];
        sink(match key.int() {
            Some(EXP) => int(end, &mut room)?,
            Some(IAT) => int(now, &mut room)?,
            _ => value.source(),
        });
    }
    Some(())
}

fn int(number: i64, room: &mut [u8; 9]) -> Option<&[u8]> {
    let mut out = Encoder::new(Cursor::new(&mut room[..]));
    out.i64(number).ok()?;
    let len = out.writer().position();
    room.get(..len)
}
