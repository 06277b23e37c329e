//! `hold=1`: an answer that stays open, and a registration that lasts as long.

use super::change::registered;
use gatehouse_live::table::{Act, Outcome, Registering, SharedTable, Unregistered};
use gatehouse_nginx::Zone;
use gatehouse_nginx::event::task;
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::reply::{Next, Producer};
use gatehouse_table::route::Key;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// The body of such an answer. When the client goes, nginx drops it, and the registration ends.
pub(super) struct Hold {
    table: Rc<SharedTable<Zone>>,
    host: Key,
    at: SocketAddr,
    ttl_ms: u64,
    /// What the last renewal has given.
    until_ms: u64,
    /// When it is renewed.
    due_ms: u64,
    renewing: Option<Registering>,
    /// What is sent first.
    first: Vec<u8>,
    /// The registration is somebody else's, or is to outlast the answer.
    is_over: bool,
}

/// How often it is looked whether the worker has been told to go, which waits for the answer's end.
const LOOK: Duration = Duration::from_millis(500);
/// The pause between two attempts at a renewal.
const PAUSE: Duration = Duration::from_millis(5);
/// The pause after a renewal that the table has refused.
const REFUSED_MS: u64 = 250;

impl Hold {
    pub(super) fn new(
        table: Rc<SharedTable<Zone>>,
        host: Key,
        at: SocketAddr,
        ttl_ms: u64,
        until_ms: u64,
        first: Vec<u8>,
    ) -> Self {
        Self {
            table,
            host,
            at,
            ttl_ms,
            until_ms,
            due_ms: process::now_ms().saturating_add(ttl_ms / 3),
            renewing: None,
            first,
            is_over: false,
        }
    }

    /// Renews the registration; None: not yet.
    fn renew(&mut self, now_ms: u64) -> Option<Result<Outcome, Unregistered>> {
        let (ttl_ms, until_ms) = (self.ttl_ms, self.until_ms);
        let act = Act::Renew { ttl_ms, until_ms };
        let begin = || Registering::new(self.host.clone(), self.at, act);
        let result = self
            .renewing
            .get_or_insert_with(begin)
            .attempt(&self.table, now_ms)?;
        self.renewing = None;
        Some(result)
    }

    fn end(&mut self) -> Next {
        self.is_over = true;
        Next::End
    }
}

impl Producer for Hold {
    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        out.append(&mut self.first);
        if process::exiting() {
            // The time that is left is enough to come back to the next worker.
            return self.end();
        }
        let now_ms = process::now_ms();
        if now_ms >= self.due_ms {
            match self.renew(now_ms) {
                None => return Next::Later(PAUSE),
                Some(Ok(Outcome::Joined { until_ms, .. })) => {
                    self.until_ms = until_ms;
                    self.due_ms = now_ms.saturating_add(self.ttl_ms / 3);
                    // White space behind a JSON text: shows the client that this is alive.
                    out.push(b'\n');
                }
                Some(Ok(Outcome::Left) | Err(Unregistered::Gone | Unregistered::TooMany)) => {
                    return self.end();
                }
                Some(Err(Unregistered::Refused(_))) => {
                    self.due_ms = now_ms.saturating_add(REFUSED_MS);
                }
            }
        }
        let pause = Duration::from_millis(self.due_ms.saturating_sub(now_ms));
        Next::Later(pause.min(LOOK))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.is_over || process::exiting() {
            return;
        }
        let (table, host, at) = (Rc::clone(&self.table), self.host.clone(), self.at);
        let until_ms = Some(self.until_ms);
        task::spawn("ending a registration", async move {
            // Where it cannot be ended now, its time runs out.
            let _ = registered(&table, &host, at, Act::Leave { until_ms }).await;
        });
    }
}
