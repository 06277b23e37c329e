//! A request as a verifier sees it, and the token found in it.

use std::net::IpAddr;

use memchr::memchr;

use crate::keys::BadKey;
use crate::names::Names;
use crate::strip::PathToken;
use crate::target::Target;
use crate::text::Gathered;

/// The longest value of a token read from a request, in bytes, unless its scheme has longer ones; a longer one is
/// malformed.
pub const MAX_TOKEN: usize = 4096;

/// The longest request target a token is checked against, in bytes; with a longer one it is malformed.
pub const MAX_TARGET: usize = 65_536;

/// The most values a token may consist of.
pub const MAX_CARRIERS: usize = 6;

/// The request as received, before anything was stripped. Implemented by the host.
pub trait RequestView {
    /// The raw request target, `path?args`, undecoded.
    fn target(&self) -> &[u8];

    /// The same in its pieces.
    fn pieces(&self) -> Target<'_> {
        Target::of(self.target())
    }

    /// The value of the n-th header line of that name (case-insensitive), from 0.
    fn header(&self, name: &str, n: usize) -> Option<&[u8]>;

    /// The value of the n-th cookie of exactly that name over all Cookie lines ([`cookies_called`](crate::strip::cookies_called)),
    /// from 0.
    fn cookie(&self, name: &[u8], n: usize) -> Option<&[u8]>;

    /// The value of the n-th text of the profile's message ([`Profile::message_texts`]), from 0;
    /// `None` when it cannot be had, which refuses the token.
    ///
    /// [`Profile::message_texts`]: crate::Profile::message_texts
    fn message(&self, text: usize) -> Option<&[u8]>;

    /// Gives it to `sink`, maybe in pieces; when the answer is `None`, `sink` may have got some of them.
    fn feed_message(&self, text: usize, sink: &mut dyn FnMut(&[u8])) -> Option<()> {
        sink(self.message(text)?);
        Some(())
    }

    /// The decoded path that is served, without a path token; `None` refuses a token that is bound to one. There is none
    /// where an upstream might understand another path ([`is_as_spelled`](crate::normal::is_as_spelled)).
    fn path(&self) -> Option<&[u8]>;

    /// The client's address; `None` when it has none, which refuses a token that is bound to one.
    fn address(&self) -> Option<IpAddr>;

    /// Shows the key of the n-th `key table=…` line ([`Profile::route_keys`]), from 0, to `see`, which says what is
    /// wrong with it; where the request's host has no such key, nothing.
    ///
    /// [`Profile::route_keys`]: crate::Profile::route_keys
    fn route_key(&self, line: usize, see: &mut dyn FnMut(&[u8]) -> Result<(), BadKey>);

    /// The token may be good, but its key is none of the profile's: it names another one, or it names none. A host that
    /// fetches keys may have it soon.
    fn lacks_key(&self) {}

    /// `len` zeroed bytes to work in, which live as long as the request; `None` when memory is short, which refuses
    /// the token.
    #[allow(clippy::mut_from_ref)] // as an arena gives them: never twice the same
    fn room(&self, len: usize) -> Option<&mut [u8]>;

    /// How the request asks for the target: `GET`.
    fn method(&self) -> &[u8];

    /// Whether the client is there; `None` when nobody can say, for want of a database.
    fn is_in(&self, area: Area<'_>) -> Option<bool>;

    /// Whether the target without its path token names the path that is served
    /// ([`InPath::Cancelled`](crate::InPath::Cancelled) does not).
    fn serves_target(&self) -> bool {
        true
    }
}

/// What `feed` gives, in memory of the request. `None` when that is more than `most` bytes, or memory is short.
pub(crate) fn gathered(
    request: &dyn RequestView,
    most: usize,
    feed: impl FnOnce(&mut dyn FnMut(&[u8])),
) -> Option<&[u8]> {
    let mut text = Gathered::new(request.room(most)?);
    feed(&mut |piece| text.push(piece));
    text.whole()
}

/// Where clients may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area<'a> {
    /// A country or a part of one (ISO 3166-1 alpha-2, ISO 3166-2): `DE`, `US-CA`.
    Place(&'a str),
    /// The autonomous system of this number.
    Network(u32),
}

/// A token as found in one location of a request.
pub(crate) struct Presented<'a> {
    /// The values of the scheme's carriers, in their order.
    pub(crate) values: [Option<&'a [u8]>; MAX_CARRIERS],
    /// The request target as the signer saw it: without the token where the URL carried it.
    pub(crate) url: SignedUrl<'a>,
}

impl<'a> Presented<'a> {
    /// Without values.
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            values: [None; MAX_CARRIERS],
            url: SignedUrl::Whole(b""),
        }
    }

    /// Reads the first `count` values out of one, which has commas between them.
    pub(crate) fn split(&mut self, value: &'a [u8], count: usize) {
        let mut rest = Some(value);
        for (index, slot) in self.values.iter_mut().take(count).enumerate() {
            let Some(value) = rest else { return };
            let is_last = index.saturating_add(1) == count;
            let comma = memchr(b',', value).filter(|_| !is_last);
            *slot = Some(comma.and_then(|at| value.get(..at)).unwrap_or(value));
            rest = comma.and_then(|at| value.get(at.saturating_add(1)..));
        }
    }

    /// With one text for each carrier.
    pub(crate) fn of(texts: &'a [String], url: SignedUrl<'a>) -> Self {
        let mut values = [None; MAX_CARRIERS];
        for (value, text) in values.iter_mut().zip(texts) {
            *value = Some(text.as_bytes());
        }
        Self { values, url }
    }

    /// The value by which the token was found.
    #[inline]
    pub(crate) fn token(&self) -> &'a [u8] {
        self.value(0).unwrap_or_default()
    }

    /// The value of the scheme's n-th carrier, from 0.
    #[inline]
    pub(crate) fn value(&self, carrier: usize) -> Option<&'a [u8]> {
        self.values.get(carrier).copied().flatten()
    }

    /// Whether a value is longer than that.
    #[inline]
    pub(crate) fn is_longer(&self, than: usize) -> bool {
        let mut values = self.values.iter().flatten();
        values.any(|value| value.len() > than)
    }
}

/// The request target as the signer saw it.
#[derive(Clone, Copy)]
pub(crate) enum SignedUrl<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Without the arguments of these names.
    WithoutArgs {
        target: Target<'a>,
        names: &'a Names,
    },
    /// Without a segment of its path.
    WithoutSegment(PathToken<'a>),
}

impl<'a> SignedUrl<'a> {
    /// Gives `emit` the pieces of the URL, in order.
    pub(crate) fn each(&self, mut emit: impl FnMut(&'a [u8])) {
        match self {
            Self::Whole(target) => emit(target),
            Self::WithoutArgs { target, names } => {
                if !target.kept(|piece| names.is_arg(piece), &mut emit) {
                    emit(target.whole());
                }
            }
            Self::WithoutSegment(found) => {
                emit(found.before);
                emit(found.after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_be_as_long_as_any_token() {
        for (len, is_longer) in [(0, false), (MAX_TOKEN, false), (MAX_TOKEN + 1, true)] {
            let texts = ["a".to_owned(), "b".repeat(len)];
            let token = Presented::of(&texts, SignedUrl::Whole(b"/"));
            assert_eq!(token.is_longer(MAX_TOKEN), is_longer, "{len}");
        }
        assert!(!Presented::new().is_longer(0));
    }
}
