//! Idle connections to backends: whose they are, and the end of those whose backend has left the table.

use super::conf::Main;
use crate::Gatehouse;
use gatehouse_nginx::event::timer::{self, Slot, Tick};
use gatehouse_nginx::http::upstream;
use gatehouse_nginx::running;
use gatehouse_table::table::PeerId;

/// How often it is looked whose backend is gone.
const PAUSE_MS: u64 = 500;

/// Begins to look, in this worker.
pub(super) fn start(main: &Main) {
    if main.in_use() {
        timer::start::<Closing>(PAUSE_MS);
    }
}

/// Closes idle connections to backends that have left the table: nobody is sent there again, and a backend that is to end
/// need not wait for them.
struct Closing;

impl Tick for Closing {
    type Module = Gatehouse;
    const NAME: &'static str = "closing idle connections";

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tick() -> Option<u64> {
        running::<Gatehouse, _>(|main| close(&main.upstream));
        Some(PAUSE_MS)
    }
}

fn close(main: &Main) {
    let changed = main.lookups.iter().filter_map(|lookup| {
        let routes = main.table(&lookup.table)?.routes()?;
        let now = routes.generation();
        (lookup.looked_at.replace(now) != now).then_some((&lookup.slot, routes))
    });
    let changed: Vec<_> = changed.collect();
    if changed.is_empty() {
        return;
    }
    // A connection without a mark is to a `server` of the block.
    upstream::close_kept(&changed, |routes, mark| {
        let peer = PeerId::from_bits(mark);
        peer.is_none_or(|peer| routes.is_in_use(peer))
    });
}
