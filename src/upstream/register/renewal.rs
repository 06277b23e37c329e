//! One renewal of a registration, looked at again and again: whoever writes the answer cannot wait.

use super::change::Target;
use gatehouse_live::table::{Act, Outcome, Refused, Registering, Unregistered};
use gatehouse_nginx::event::sleep::sleep;
use gatehouse_nginx::event::task;
use gatehouse_nginx::ffi::process;
use gatehouse_table::route::Key;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// The pause between two looks: at a table, and at a store, which may be away for long.
const PAUSE: Duration = Duration::from_millis(5);
const STORE_PAUSE: Duration = Duration::from_millis(100);

type Made = Result<Outcome, Unregistered>;

/// A renewal under way.
pub(super) enum Renewal {
    /// In a table.
    Table(Registering),
    /// In a store: what its task leaves here.
    Store(Rc<Cell<Option<Made>>>),
}

impl Renewal {
    /// Begins one.
    pub(super) fn begin(target: &Target, host: &Key, at: SocketAddr, act: Act) -> Self {
        if target.store.is_none() {
            return Self::Table(Registering::new(host.clone(), at, act));
        }
        let made = Rc::new(Cell::new(None));
        let (target, host, place) = (target.clone(), host.clone(), Rc::clone(&made));
        task::spawn("renewing a registration", async move {
            place.set(Some(target.change(&host, at, act).await));
        });
        Self::Store(made)
    }

    /// What came of it; None: not yet.
    pub(super) fn attempt(&mut self, target: &Target, now_ms: u64) -> Option<Made> {
        match self {
            Self::Table(registering) => registering.attempt(&target.table, now_ms),
            Self::Store(made) => {
                let is_over = Rc::strong_count(made) == 1;
                let made = made.take();
                // A task that has ended without a word was cut off.
                made.or_else(|| is_over.then(|| Err(Refused::Busy.into())))
            }
        }
    }

    /// Waits for what comes of it.
    pub(super) async fn made(mut self, target: &Target) -> Made {
        loop {
            if let Some(made) = self.attempt(target, process::now_ms()) {
                return made;
            }
            sleep(self.pause()).await;
        }
    }

    /// How long to wait for the next look.
    pub(super) fn pause(&self) -> Duration {
        match self {
            Self::Table(_) => PAUSE,
            Self::Store(_) => STORE_PAUSE,
        }
    }
}
