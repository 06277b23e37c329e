//! What is remembered about the tokens of a main request.

use super::conf::Loc;
use super::saved::SavedLines;
use gatehouse_nginx::Request;
use gatehouse_token::{Verdict, normal, strip as bytes};
use std::cell::Cell;

/// The request as received and what was decided about it; lives as long as the main request.
#[derive(Default)]
pub struct Record<'r> {
    pub(super) received: Cell<Option<AsReceived<'r>>>,
    pub(super) saved: SavedLines<'r>,
    pub(super) verdicts: Cell<Option<&'r CachedVerdict<'r>>>,
    /// What the access phase last enforced.
    pub(super) enforced: Cell<Option<(&'r CachedVerdict<'r>, Action)>>,
    pub(super) path: Cell<PathToken>,
    /// The request as it came to the location it is in.
    pub(super) entry: Cell<Option<Entry<'r>>>,
    /// The request has begun with its phases.
    pub(super) begun: Cell<bool>,
    /// The place whose tokens are to be stripped.
    pub(super) at: Cell<At<'r>>,
    /// Places it has left before that was done.
    pub(super) left: Cell<Option<&'r Left<'r>>>,
    /// The request is about to start again at a path that its client chose.
    pub(super) starts_again: Cell<bool>,
}

#[derive(Clone, Copy)]
pub struct AsReceived<'r> {
    pub target: &'r [u8],
    pub uri: &'r [u8],
    pub(super) args: &'r [u8],
}

/// The verdict of one profile, and the one made before it.
pub struct CachedVerdict<'r> {
    pub(super) profile: usize,
    pub(super) verdict: Verdict,
    /// Made before the access phase, when the client's address may still change (realip).
    pub(super) early: bool,
    pub(super) previous: Option<&'r CachedVerdict<'r>>,
}

/// What came of a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Allowed,
    Refused,
    DryRun,
}

impl<'r> Record<'r> {
    /// Remembers the request as received, once.
    pub(super) fn receive(&self, r: Request<'r>) -> AsReceived<'r> {
        let first = self.received.get().unwrap_or_else(|| AsReceived {
            target: r.target(),
            uri: parsed(r),
            args: bytes::args_of(r.target()),
        });
        self.received.set(Some(first));
        first
    }

    /// Whether it has been remembered.
    pub(super) fn is_received(&self) -> bool {
        self.received.get().is_some()
    }

    /// The first header line as received for which `pick` finds something, by name and value: the
    /// lines that stripping has changed, then the others.
    pub(super) fn each_line<T>(
        &self,
        r: Request<'r>,
        mut pick: impl FnMut(&'r [u8], &'r [u8]) -> Option<T>,
    ) -> Option<T> {
        let mut saved = self.saved.iter();
        if let Some(found) = saved.find_map(|one| pick(one.name, one.value)) {
            return Some(found);
        }
        let mut walk = self.saved.walk();
        let mut others = r.headers().filter(|line| walk.pass(*line).is_none());
        others.find_map(|line| pick(line.name, line.value))
    }

    /// `satisfy any` has let the request pass in spite of us.
    pub fn overrule(&self) {
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

/// What has become of a request's path token. It has one at most: what follows in its place is part
/// of the URL.
#[derive(Clone, Copy, Default)]
pub enum PathToken {
    /// Nothing so far.
    #[default]
    Untouched,
    /// It is out of the target; by this profile it is to come out of the path.
    OutOfTarget(usize),
    /// It is out of the path, the target keeps it (`token_auth_strip off`).
    OutOfPath,
    /// It is out of both, or was never in the path.
    Gone,
}

/// A request as it came to its location, before that location's own rewrites.
#[derive(Clone, Copy)]
pub struct Entry<'r> {
    pub(super) uri: &'r [u8],
    pub(super) args: &'r [u8],
    /// Its path may open an `internal` location.
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

/// The place a request is in while its tokens are not stripped.
#[derive(Clone, Copy, Default)]
pub enum At<'r> {
    /// No location has been found yet.
    #[default]
    Nowhere,
    /// In this one.
    Location(&'r Loc),
    /// Wherever it is, that place's tokens are gone.
    Stripped,
}

/// A location that a request has left unstripped, and the one it left before.
pub struct Left<'r> {
    pub(super) location: &'r Loc,
    pub(super) before: Option<&'r Left<'r>>,
}

/// The path nginx has parsed from the target.
fn parsed<'r>(r: Request<'r>) -> &'r [u8] {
    // A request that was refused while it was being read may be at an error page when we first see
    // it; every other one is recorded before anybody changes its path.
    if !r.is_internal() {
        return r.uri();
    }
    let parsed = || {
        let out = r.alloc(r.target().len())?;
        let len = normal::path_of([r.target()], true, out)?;
        out.get(..len)
    };
    parsed().unwrap_or_else(|| r.uri())
}
