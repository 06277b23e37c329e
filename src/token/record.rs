//! What is remembered about the tokens of a main request.

use super::conf::Loc;
use super::saved::SavedLines;
use crate::Gatehouse;
use gatehouse_base::json::Value;
use gatehouse_nginx::Request;
use gatehouse_token::{BadKey, Target, Verdict, normal};
use std::cell::Cell;

/// The request as received and what was decided about it; lives as long as the main request.
#[derive(Default)]
pub(crate) struct Record<'r> {
    pub(super) received: Cell<Option<AsReceived<'r>>>,
    pub(super) saved: SavedLines<'r>,
    pub(super) verdicts: Cell<Option<&'r CachedVerdict<'r>>>,
    /// The verdict that the access phase enforced last, and what came of it.
    pub(super) enforced: Cell<Option<(&'r CachedVerdict<'r>, Action)>>,
    /// The cookie in which its token is handed back.
    pub(super) issued: Cell<Option<&'r Issued<'r>>>,
    pub(super) path: Cell<PathToken>,
    /// The request as it was when it entered its current location.
    pub(super) entry: Cell<Option<Entry<'r>>>,
    /// Which location's tokens have still to be stripped.
    pub(super) at: Cell<At<'r>>,
    /// Locations that the request left before their tokens were stripped.
    pub(super) left: Cell<Option<&'r Left<'r>>>,
    /// Whether the request is about to start again at a path that its client chose.
    pub(super) starts_again: Cell<bool>,
}

#[derive(Clone, Copy)]
pub(super) struct AsReceived<'r> {
    pub target: &'r [u8],
    pub uri: &'r [u8],
    /// What nginx found to be the arguments; empty where that is not known.
    pub args: &'r [u8],
}

impl<'r> AsReceived<'r> {
    /// The target in its pieces.
    pub(super) fn pieces(&self) -> Target<'r> {
        Target::parsed(self.target, self.args)
    }
}

/// The value of a `Set-Cookie` line, and the one before it.
pub(super) struct Issued<'r> {
    pub(super) value: &'r [u8],
    pub(super) before: Option<&'r Issued<'r>>,
}

/// The verdict of one profile, and the one made before it.
pub(super) struct CachedVerdict<'r> {
    pub(super) profile: usize,
    pub(super) verdict: Verdict,
    /// Which token of its location it is about.
    pub(super) turn: usize,
    /// The last second at which its token is accepted.
    pub(super) until: Option<i64>,
    /// All that a valid token claims, where that is a document.
    pub(super) claims: Option<Value<'r>>,
    /// What the key is called that verified the token.
    pub(super) key_id: Option<&'r str>,
    /// The first key of the request's route that was wanted and could not be used.
    pub(super) lacks: Option<Lacking>,
    /// Its key is none of the profile's: it may be one that is yet to be fetched.
    pub(super) lacks_key: bool,
    /// It was made before the access phase, when realip may still change the client's address, or before keys came.
    pub(super) early: Cell<bool>,
    /// Whether it has been counted: a bit for its number.
    pub(super) counted: Cell<u16>,
    /// Whether the use of its token has been counted for `limit`.
    pub(super) charged: Cell<bool>,
    pub(super) previous: Option<&'r CachedVerdict<'r>>,
}

/// A key of a request's route that cannot be used.
#[derive(Clone, Copy)]
pub(super) struct Lacking {
    /// Its line, counted as in `Profile::route_keys`.
    pub(super) line: usize,
    /// What is wrong with it; None: there is none.
    pub(super) why: Option<BadKey>,
}

/// What came of a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Allowed,
    Refused,
    DryRun,
}

impl<'r> Record<'r> {
    /// The request was in a location before this record was made, one that strips nothing.
    pub(crate) fn has_nothing_to_strip(&self) {
        self.at.set(At::Stripped);
    }

    /// Which location's tokens it has is not known any more.
    pub(crate) fn lose_place(&self) {
        self.at.set(At::Nowhere);
    }

    /// Remembers the request as received, once. Nothing is stripped of a request before that.
    pub(super) fn receive(&self, r: Request<'r>) -> AsReceived<'r> {
        if let Some(first) = self.received.get() {
            return first;
        }
        let target = r.target();
        // nginx may refuse a request while it reads it, and then we see it first at its error page. Of every other one
        // path and arguments are kept before anything changes them.
        let (uri, args) = match r.received::<Gatehouse>() {
            Some(kept) => kept,
            None if r.is_internal() => (parsed(r), b"".as_slice()),
            None => (r.uri(), r.args()),
        };
        let first = AsReceived { target, uri, args };
        self.received.set(Some(first));
        first
    }

    /// Whether no location's tokens are left to strip.
    pub(super) fn is_stripped(&self) -> bool {
        matches!(self.at.get(), At::Stripped) && self.left.get().is_none()
    }

    /// Gives `pick` the name and value of each header line as it was received, until `pick` finds something.
    /// Lines that stripping has changed come first.
    pub(super) fn each_line<T>(
        &self,
        r: Request<'r>,
        mut pick: impl FnMut(&'r [u8], &'r [u8]) -> Option<T>,
    ) -> Option<T> {
        if self.saved.is_empty() {
            return r.headers().find_map(|line| pick(line.name, line.value));
        }
        let mut saved = self.saved.iter();
        if let Some(found) = saved.find_map(|one| pick(one.name, one.value)) {
            return Some(found);
        }
        let mut walk = self.saved.walk();
        let mut others = r.headers().filter(|line| walk.pass(*line).is_none());
        others.find_map(|line| pick(line.name, line.value))
    }

    /// Notes that `satisfy any` has let the request pass although we refused it.
    pub(crate) fn overrule(&self) {
        if let Some((judged, Action::Refused)) = self.enforced.get() {
            self.enforced.set(Some((judged, Action::Allowed)));
        }
    }

    pub(super) fn judged(&self, profile: usize) -> Option<&'r CachedVerdict<'r>> {
        let mut judged = self.verdicts.get();
        while let Some(one) = judged {
            if one.profile == profile {
                return Some(one);
            }
            judged = one.previous;
        }
        None
    }
}

/// What has become of a request's path token. A request has at most one: a segment that looks like a second
/// one is part of the URL.
#[derive(Clone, Copy, Default)]
pub(super) enum PathToken {
    /// Nothing so far.
    #[default]
    Untouched,
    /// The target no longer has it. The path still does, and the profile of this index finds it there.
    OutOfTarget(usize),
    /// The path no longer has it. The target keeps it (`token_auth_strip off`).
    OutOfPath,
    /// Neither has it, or the path never had it.
    Gone,
}

/// A request as it was when it entered its location, before that location's own rewrites.
#[derive(Clone, Copy)]
pub(super) struct Entry<'r> {
    pub(super) uri: &'r [u8],
    pub(super) args: &'r [u8],
    /// Whether its path may open an `internal` location.
    pub(super) internal: bool,
}

impl<'r> Entry<'r> {
    /// The request as it is now.
    pub(super) fn of(r: Request<'r>) -> Self {
        Self {
            uri: r.uri(),
            args: r.args(),
            internal: r.is_internal(),
        }
    }
}

/// Which location's tokens have still to be stripped from a request.
#[derive(Clone, Copy, Default)]
pub(super) enum At<'r> {
    /// nginx has not found a location yet.
    #[default]
    Nowhere,
    /// Those of this location.
    Location(&'r Loc),
    /// None: the tokens of its location have been stripped.
    Stripped,
}

/// A location that a request left before its tokens were stripped, and the one it left before that.
pub(super) struct Left<'r> {
    pub(super) location: &'r Loc,
    pub(super) before: Option<&'r Left<'r>>,
}

/// The path nginx has parsed from the target, parsed again.
fn parsed<'r>(r: Request<'r>) -> &'r [u8] {
    let parsed = || {
        let out = r.alloc(r.target().len())?;
        let len = normal::path_of([r.target()], true, out)?;
        out.get(..len)
    };
    parsed().unwrap_or_else(|| r.uri())
}
