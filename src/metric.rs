//! What a family counts or measures: its rows, where they count, and how requests are counted once.

use crate::Main;
use gatehouse_base::metrics::{About, Samples};
use gatehouse_nginx::Counters;
use std::cell::Cell;

/// A metric of a family.
#[derive(Clone, Copy)]
pub(crate) struct Metric {
    /// Its name, and what it says.
    pub about: About,
    /// Takes its counters into use, when all of the configuration has been read: all that it can ever count is known then.
    pub register: fn(&mut Main, &mut Register<'_>),
    /// Writes the samples of one part of it, such as those of the first table; false: there is no part of that number.
    pub write: fn(&Main, usize, &mut Samples<'_>) -> bool,
}

/// Metrics of what there may be too much of to know it beforehand.
#[derive(Clone, Copy)]
pub(crate) struct Many {
    /// The name of the first one, and what it says.
    pub about: About,
    /// The same of another one: both are found by one search, and its samples stay in memory until the first one's are
    /// written. Where they become too many, the rest of them is searched for once more.
    pub also: About,
    /// Begins to look for what is wanted, from this part on.
    pub begin: fn(&Wanted, usize) -> Box<dyn Search>,
}

/// What somebody who reads the metrics asks for.
#[derive(Default)]
pub(crate) struct Wanted {
    /// Of the backends those whose URL begins like this; None: all, unless they are too many.
    pub backends: Option<Vec<u8>>,
}

/// A search for what a metric is of.
pub(crate) trait Search {
    /// Goes on for some hundred microseconds and writes the samples of what it finds, those of the other metric to `also`;
    /// false at the end.
    fn step(&mut self, main: &Main, samples: &mut Samples<'_>, also: &mut Samples<'_>) -> bool;

    /// The part that it begins with next; None: it is within one.
    fn begins(&self) -> Option<usize>;
}

/// Gives a metric its counters: those of a name (of a profile, of a table), and how many. Without memory there are none.
pub(crate) type Register<'g> = dyn FnMut(&str, usize) -> Counters + 'g;

impl Metric {
    /// [`Metric::register`] of what is not counted but looked up when it is asked for.
    pub(crate) const LOOKED_UP: fn(&mut Main, &mut Register<'_>) = |_, _| ();
}

/// Something that is counted once for a request, however often it comes to pass.
#[derive(Clone, Copy)]
pub(crate) struct Count<'r> {
    /// What the request has counted of this kind: a bit for each number.
    pub counted: &'r Cell<u16>,
    /// Where it is counted.
    pub counters: Counters,
    /// The number there, below 16.
    pub number: usize,
}

impl Count<'_> {
    /// Counts it, unless that has been done.
    #[inline]
    pub(crate) fn make(self) {
        let before = self.counted.get();
        let after = before | 1_u16.wrapping_shl(self.number as u32);
        if before != after {
            self.counted.set(after);
            self.counters.count(self.number);
        }
    }
}
