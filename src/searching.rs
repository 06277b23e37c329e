//! Writes two metrics that one search finds: the samples of the second one wait until those of the first are written.
//!
//! What waits is bounded. Beyond it the search goes on for the first metric alone, and a second one, from there on, finds
//! the rest of the other: a scrape of thousands of tables takes no more memory than one of a few.

use crate::Main;
use crate::metric::{Many, Search, Wanted};
use gatehouse_base::metrics::{About, Samples};

/// Bytes of a piece of the answer, about.
pub(crate) const PIECE: usize = 32 * 1024;
/// Bytes of samples that wait; those of the part that exceeds them wait, too.
const WAITING: usize = 256 * 1024;

/// Both metrics and how far they are written.
pub(crate) struct Searching {
    many: &'static Many,
    search: Box<dyn Search>,
    stage: Stage,
    /// The metric that is written now has its head.
    has_head: bool,
    /// The samples of the other metric.
    waiting: Vec<u8>,
    /// From which part on none of the other metric wait.
    rest: Option<usize>,
}

enum Stage {
    /// The first metric is written.
    First,
    /// What has waited is written, from this byte on.
    Waited(usize),
    /// The rest of the second metric is searched for and written.
    Rest,
}

impl Searching {
    pub(crate) fn new(many: &'static Many, wanted: &Wanted) -> Self {
        Self {
            many,
            search: (many.begin)(wanted, 0),
            stage: Stage::First,
            has_head: false,
            waiting: Vec::new(),
            rest: None,
        }
    }

    /// Goes on for some hundred microseconds; false at the end.
    pub(crate) fn write(&mut self, wanted: &Wanted, main: &Main, out: &mut Vec<u8>) -> bool {
        match self.stage {
            Stage::First => {
                if self.write_first(main, out) {
                    return true;
                }
                self.has_head = false;
                self.stage = Stage::Waited(0);
                true
            }
            Stage::Waited(at) => {
                if self.write_waited(at, out) {
                    return true;
                }
                let Some(part) = self.rest else { return false };
                self.waiting = Vec::new();
                self.search = (self.many.begin)(wanted, part);
                self.stage = Stage::Rest;
                true
            }
            Stage::Rest => self.write_rest(main, out),
        }
    }

    fn write_first(&mut self, main: &Main, out: &mut Vec<u8>) -> bool {
        if self.rest.is_none() && self.waiting.len() >= WAITING {
            self.rest = self.search.begins();
        }
        let mut unwanted = Vec::new();
        let waiting = match self.rest {
            None => &mut self.waiting,
            Some(_) => &mut unwanted,
        };
        let mut also = Samples::new(&self.many.also, waiting);
        let search = &mut self.search;
        headed(&self.many.about, &mut self.has_head, out, |samples| {
            search.step(main, samples, &mut also)
        })
    }

    fn write_waited(&mut self, at: usize, out: &mut Vec<u8>) -> bool {
        let end = at.saturating_add(PIECE).min(self.waiting.len());
        let piece = self.waiting.get(at..end).unwrap_or_default();
        if !piece.is_empty() && !self.has_head {
            self.many.also.write_head(out);
            self.has_head = true;
        }
        out.extend_from_slice(piece);
        self.stage = Stage::Waited(end);
        end < self.waiting.len()
    }

    fn write_rest(&mut self, main: &Main, out: &mut Vec<u8>) -> bool {
        let mut unwanted = Vec::new();
        let mut first = Samples::new(&self.many.about, &mut unwanted);
        let search = &mut self.search;
        headed(&self.many.also, &mut self.has_head, out, |samples| {
            search.step(main, &mut first, samples)
        })
    }
}

/// Lets `write` write samples; a metric without any has no head.
fn headed(
    about: &About,
    has_head: &mut bool,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Samples<'_>) -> bool,
) -> bool {
    let begin = out.len();
    if !*has_head {
        about.write_head(out);
    }
    let head = out.len();
    let more = write(&mut Samples::new(about, out));
    if out.len() > head {
        *has_head = true;
    } else if !*has_head {
        out.truncate(begin);
    }
    more
}
