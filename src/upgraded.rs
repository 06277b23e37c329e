//! Watches upgraded connections that some family may have to end, and ends those whose time is over.

use crate::ending::{Ending, Goodbye, Noted, Passing};
use crate::family::Family;
use crate::{Gatehouse, Main};
use gatehouse_nginx::Request;
use gatehouse_nginx::event::timer::{self, Slot, Tick};
use gatehouse_nginx::http::chain::NextFilter;
use gatehouse_nginx::http::phase::HeaderFilter;
use gatehouse_nginx::http::upgraded;

/// How often each connection is looked at.
const PAUSE_MS: u64 = 500;
/// So many are looked at in one turn of the loop.
const AT_ONCE: usize = 512;

/// What all reasons share; it has no directives.
pub(crate) const FAMILY: Family = Family {
    install: |installer| {
        if is_needed(installer.main()) {
            installer.header_filter::<Noting>();
        }
        Ok(())
    },
    start_worker: |main| {
        if is_needed(main) {
            timer::start::<Looking>(PAUSE_MS);
        }
    },
    ..Family::NONE
};

/// The reasons there are.
fn endings(main: &Main) -> impl Iterator<Item = &'static Ending> {
    main.families.iter().filter_map(|family| family.ending)
}

fn is_needed(main: &Main) -> bool {
    endings(main).any(|ending| (ending.in_use)(main))
}

/// Notes connections that are upgraded.
struct Noting;

impl HeaderFilter for Noting {
    fn next() -> &'static NextFilter {
        static NEXT: NextFilter = NextFilter::new();
        &NEXT
    }

    fn run(r: Request<'_>) {
        if r.status() == 101 {
            // Without memory it is not ended.
            let _ = note(r);
        }
    }
}

fn note(r: Request<'_>) -> Option<()> {
    let main = r.main_conf::<Gatehouse>();
    let mut noted: Option<Noted<'_>> = None;
    for ending in endings(main).filter(|ending| (ending.in_use)(main)) {
        let new = (ending.note)(r);
        let is_better = noted.is_none() || new.is_some_and(|new| new.piece.is_some());
        noted = if is_better { new } else { noted };
    }
    let piece = noted?.piece;
    let passing = &*r.place_in(piece, Passing::of(r))?;
    r.local::<Gatehouse>()?.passing.set(Some(passing));
    upgraded::watch(r, piece, passing)
}

/// Ends those whose time is over.
struct Looking;

impl Tick for Looking {
    type Module = Gatehouse;
    const NAME: &'static str = "ending upgraded connections";

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tick() -> Option<u64> {
        let count = upgraded::look(AT_ONCE, |r| is_over(r).is_some());
        let turns = count.div_ceil(AT_ONCE).max(1) as u64;
        Some(PAUSE_MS.checked_div(turns).unwrap_or(PAUSE_MS).max(1))
    }

    /// A worker that shuts down has nothing but these.
    fn leave() -> Option<u64> {
        Self::tick()
    }
}

fn is_over(r: Request<'_>) -> Option<Goodbye> {
    let passing = r.local::<Gatehouse>()?.passing.get()?;
    let goodbye = endings(r.main_conf::<Gatehouse>()).find_map(|ending| (ending.is_over)(r))?;
    passing.goodbye.set(goodbye);
    Some(goodbye)
}
