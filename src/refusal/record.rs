//! What is remembered about the refusal of a main request.

use crate::metric::Count;
use gatehouse_nginx::ffi::log::Line;
use gatehouse_nginx::{Level, Request};
use std::cell::Cell;

/// The refusal of a main request; 0: none, or overruled.
#[derive(Default)]
pub(crate) struct Refusal<'r> {
    pub(super) status: Cell<u16>,
    /// What a refusal with 401 asks for.
    pub(super) challenge: Cell<Option<&'static str>>,
    /// What the error log has about it or is to have, the newest line first.
    pub(super) lines: Cell<Option<&'r KeptLine<'r>>>,
    /// What is to be counted, the newest first.
    pub(super) counts: Cell<Option<&'r KeptCount<'r>>>,
    /// The upstream the request had then ([`Request::upstream_mark`]).
    pub(super) upstream: Cell<usize>,
    /// Nobody else can allow the request any more: nginx answers with the refusal.
    pub(super) is_final: Cell<bool>,
    /// A check said no, enforced or not: in a dry run, or read as a variable.
    pub(super) is_doubted: Cell<bool>,
    /// Where the request is on its way to be let pass.
    pub(super) place: Cell<Place>,
    /// It has left a place that it was not let into: what it shows from there on is for those who were refused.
    pub(super) was_turned_away: Cell<bool>,
}

/// How far a request has come in the place it is in.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// No location has been found.
    #[default]
    Nowhere,
    /// In a location, before all of access control is done.
    Entered {
        /// Whether one of our checks is in force there.
        is_checked: bool,
    },
    /// Access control has let it pass.
    Passed,
}

/// A line of the error log.
pub(super) struct KeptLine<'r> {
    pub(super) level: Level,
    pub(super) line: Line<'r>,
    pub(super) written: Cell<bool>,
    pub(super) before: Option<&'r KeptLine<'r>>,
}

/// Something that is counted when nobody has allowed the request.
pub(super) struct KeptCount<'r> {
    count: Count<'r>,
    before: Option<&'r KeptCount<'r>>,
}

impl<'r> Refusal<'r> {
    pub(super) fn has_line(&self, line: Line<'_>) -> bool {
        let mut kept = self.lines.get();
        while let Some(one) = kept {
            if one.line == line {
                return true;
            }
            kept = one.before;
        }
        false
    }

    /// False when memory is short.
    pub(super) fn keep_line(
        &self,
        r: Request<'r>,
        level: Level,
        line: Line<'_>,
        written: bool,
    ) -> bool {
        let kept = r.keep_line(line).and_then(|line| {
            r.place(KeptLine {
                level,
                line,
                written: Cell::new(written),
                before: self.lines.get(),
            })
        });
        let is_kept = kept.is_some();
        if let Some(kept) = kept {
            self.lines.set(Some(kept));
        }
        is_kept
    }

    /// False when memory is short.
    pub(super) fn keep_count(&self, r: Request<'r>, count: Count<'r>) -> bool {
        let before = self.counts.get();
        let kept = r.place(KeptCount { count, before });
        let is_kept = kept.is_some();
        if let Some(kept) = kept {
            self.counts.set(Some(kept));
        }
        is_kept
    }

    /// The refusal stands: counts what was deferred and writes its lines, the oldest line first.
    pub(super) fn stand(&self, r: Request<'_>) {
        while let Some(kept) = self.counts.get() {
            kept.count.make();
            self.counts.set(kept.before);
        }
        fn write(r: Request<'_>, kept: Option<&KeptLine<'_>>) {
            let Some(kept) = kept.filter(|kept| !kept.written.replace(true)) else {
                return;
            };
            write(r, kept.before);
            r.log_line(kept.level, kept.line);
        }
        let kept = self.lines.get();
        if kept.is_some() {
            write(r, kept);
        }
    }

    /// Forgets what was deferred: the next refusal is another one.
    pub(super) fn drop_pending(&self) {
        self.counts.set(None);
        while let Some(line) = self.lines.get().filter(|line| !line.written.get()) {
            self.lines.set(line.before);
        }
    }
}

impl Refusal<'_> {
    /// The request is in a location that it has not come to: nobody has let it in there.
    pub(crate) fn lose_place(&self) {
        self.place.set(Place::Nowhere);
    }

    pub(super) fn is_shown(&self) -> bool {
        self.status.get() != 0 || self.was_turned_away.get()
    }

    /// The request goes elsewhere by an internal redirect. Whatever took it away from a place with a check before access
    /// control was done with it (`return`, `limit_req`, a fault of ours, another module), it was not let in there. Nor
    /// was one that nginx itself refused before it looked for a location.
    pub(crate) fn leave(&self) {
        let unjudged = match self.place.replace(Place::Nowhere) {
            Place::Passed => false,
            Place::Nowhere => true,
            Place::Entered { is_checked } => is_checked || self.is_doubted.get(),
        };
        if unjudged || self.status.get() != 0 {
            self.was_turned_away.set(true);
        }
    }
}
