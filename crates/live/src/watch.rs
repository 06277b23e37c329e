//! Follows one file: when it is to be read, and what about it is news.

use crate::stamp::Stamp;
use crate::world::{OpenFile, World};
use std::io;
use std::path::Path;

/// What is known about a file that is looked at again and again.
///
/// Nothing is read here. For one file, [`Watch::poll_file`] opens the file when it has another content than the last one;
/// [`Watch::is_at_rest`] says, when it has been read, whether it was one content; [`Watch::refused`] and
/// [`Watch::accepted`] say what of the outcome has not been said yet. Who looks at several files together numbers their
/// content himself: [`Watch::knows`].
#[derive(Debug, Default)]
pub struct Watch {
    /// How often it is looked at; 0 for never.
    every_ms: u64,
    next_ms: u64,
    /// The number of the content that was last read, good or bad.
    seen: Option<u64>,
    /// What was last said about a file that cannot be used, and of which content; None while it is good.
    trouble: Option<(String, u64)>,
    /// How many times in a row it was written to while it was read.
    disturbed: u32,
    /// It is looked at until one thing is known about it, however seldom it is looked at else.
    once: bool,
}

/// What a look at the file found.
pub enum Found {
    /// It is not time yet, or nobody wants to know.
    NotDue,
    /// The content that was last read.
    Same,
    /// Another content, ready to be read.
    Changed(Box<dyn OpenFile>, Stamp),
    /// It cannot be opened.
    Unreadable(io::Error),
}

/// A file that is written to without pause is taken as it is after so many readings.
const DISTURBANCES: u32 = 3;

/// The pause between looks at a file about which something must be known.
const SOON_MS: u64 = 1_000;

impl Watch {
    /// Looks at a file so often; 0 for never.
    #[must_use]
    pub fn every(every_ms: u64) -> Self {
        Self {
            every_ms,
            ..Self::default()
        }
    }

    /// Whether the file is looked at again at all.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.every_ms > 0
    }

    /// Milliseconds until the next look.
    #[must_use]
    pub fn next_in(&self, now_ms: u64) -> u64 {
        if self.is_followed() || self.once {
            self.next_ms.saturating_sub(now_ms)
        } else {
            u64::MAX
        }
    }

    /// The next look is due after one whole period.
    pub fn wait(&mut self, now_ms: u64) {
        let period = if self.once { SOON_MS } else { self.every_ms };
        self.next_ms = now_ms.saturating_add(period);
    }

    /// The file is to be looked at now, also one that is never looked at again, until it is accepted or refused.
    pub fn look_once(&mut self) {
        self.forget();
        self.once = true;
        self.next_ms = 0;
    }

    /// Whether that is still to be done.
    #[must_use]
    pub fn is_to_look(&self) -> bool {
        self.once
    }

    /// Looks at the file if it is time.
    pub fn poll_file(&mut self, world: &dyn World, path: &Path) -> Found {
        let now_ms = world.now_ms();
        if self.next_in(now_ms) > 0 {
            return Found::NotDue;
        }
        self.wait(now_ms);
        let opened = world.open(path).and_then(|file| Ok((file.stamp()?, file)));
        match opened {
            Ok((stamp, _)) if self.knows(stamp.number()) => Found::Same,
            Ok((stamp, file)) => {
                self.saw(world, stamp);
                Found::Changed(file, stamp)
            }
            Err(error) => {
                // A file that comes back is read again.
                self.forget();
                Found::Unreadable(error)
            }
        }
    }

    /// This content is known: there is no need to read it again. One that may change without another stamp is read again.
    pub fn saw(&mut self, world: &dyn World, stamp: Stamp) {
        self.note(stamp.settled(world.time()).map(|stamp| stamp.number()));
    }

    /// Whether the content of this number is the one that was last read.
    #[must_use]
    pub fn knows(&self, content: u64) -> bool {
        self.seen == Some(content)
    }

    /// As [`Watch::saw`], by the content's number; None is one that may change without another number.
    pub fn note(&mut self, content: Option<u64>) {
        self.seen = content;
    }

    /// The file is read again at the next look, whatever it is: somebody else may have used another content meanwhile.
    pub fn forget(&mut self) {
        self.seen = None;
    }

    /// The file has been read to its end, or to what is wrong with it: whether that was one content. A file that is still
    /// being written is read again at the next look, and nothing is said about it.
    pub fn is_at_rest(&mut self, file: &dyn OpenFile, before: &Stamp) -> bool {
        self.settles(file.stamp().is_ok_and(|now| now.is_rewritten(before)))
    }

    /// As [`Watch::is_at_rest`], for those who know whether something was `rewritten` while it was read.
    pub fn settles(&mut self, rewritten: bool) -> bool {
        if rewritten && self.disturbed < DISTURBANCES {
            self.disturbed = self.disturbed.saturating_add(1);
            self.forget();
            return false;
        }
        self.disturbed = 0;
        true
    }

    /// The file cannot be used: whether that is news. The same text about another `content` is, for those who tell them
    /// apart.
    pub fn refused(&mut self, text: &str, content: u64) -> bool {
        self.once = false;
        let known = |(said, of): &(String, u64)| said == text && *of == content;
        let news = !self.trouble.as_ref().is_some_and(known);
        if news {
            self.trouble = Some((text.to_owned(), content));
        }
        news
    }

    /// Whether nothing is wrong with the file, as far as is known.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.trouble.is_none()
    }

    /// The file is good: whether it was not before.
    pub fn accepted(&mut self) -> bool {
        self.once = false;
        self.trouble.take().is_some()
    }
}
