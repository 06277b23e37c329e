//! Changes of registrations on nginx's event loop.

use gatehouse_live::table::redis::{StoreWriter, register};
use gatehouse_live::table::{Act, Outcome, Refused, Registering, SharedTable, Unregistered};
use gatehouse_nginx::Zone;
use gatehouse_nginx::event::sleep::sleep;
use gatehouse_nginx::ffi::process;
use gatehouse_table::route::Key;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// The longest that a change waits for the lock, and the pause between two attempts.
const PATIENCE_MS: u64 = 10_000;
const PAUSE: Duration = Duration::from_millis(1);

/// Where registrations are kept: in a table, or in the store that it follows.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) table: Rc<SharedTable<Zone>>,
    pub(super) store: Option<Rc<StoreWriter>>,
}

impl Target {
    /// Makes a change of a registration; the loop turns meanwhile.
    pub(super) async fn change(
        &self,
        host: &Key,
        at: SocketAddr,
        act: Act,
    ) -> Result<Outcome, Unregistered> {
        if let Some(store) = &self.store {
            return register(store, &self.table, host, at, act).await;
        }
        let mut registering = Registering::new(host.clone(), at, act);
        let until = process::now_ms().saturating_add(PATIENCE_MS);
        loop {
            if let Some(result) = registering.attempt(&self.table, process::now_ms()) {
                return result;
            }
            if process::now_ms() >= until {
                return Err(Refused::Busy.into());
            }
            sleep(PAUSE).await;
        }
    }
}
