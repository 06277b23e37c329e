//! `hold=1`: an answer that stays open, and a registration that lasts as long.

use super::change::Target;
use super::renewal::Renewal;
use gatehouse_live::table::{Act, Outcome, Refused, Unregistered};
use gatehouse_nginx::event::task;
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::reply::{Next, Producer};
use gatehouse_table::route::Key;
use gatehouse_table::table::ApplyError;
use std::net::SocketAddr;
use std::time::Duration;

/// The body of such an answer. When the client goes, nginx drops it, and the registration ends.
pub(super) struct Hold {
    target: Target,
    host: Key,
    at: SocketAddr,
    ttl_ms: u64,
    /// What the last renewal has given.
    until_ms: u64,
    /// When it is renewed.
    due_ms: u64,
    renewing: Option<Renewal>,
    /// The store has not taken the last renewal: the time may run out meanwhile.
    is_cut_off: bool,
    /// What is sent first.
    first: Vec<u8>,
    /// The registration is somebody else's, or is to outlast the answer.
    is_over: bool,
}

/// How often it is looked whether the worker has been told to go, which waits for the answer's end.
const LOOK: Duration = Duration::from_millis(500);
/// The pause after a renewal that the table has refused.
const REFUSED_MS: u64 = 250;
/// The pause after one that the store has not taken.
const UNWRITTEN_MS: u64 = 1_000;

impl Hold {
    pub(super) fn new(
        target: Target,
        host: Key,
        at: SocketAddr,
        ttl_ms: u64,
        until_ms: u64,
        first: Vec<u8>,
    ) -> Self {
        Self {
            target,
            host,
            at,
            ttl_ms,
            until_ms,
            due_ms: process::now_ms().saturating_add(ttl_ms / 3),
            renewing: None,
            is_cut_off: false,
            first,
            is_over: false,
        }
    }

    /// Renews the registration; None: not yet.
    fn renew(&mut self, now_ms: u64) -> Option<Result<Outcome, Unregistered>> {
        let (ttl_ms, until_ms) = (self.ttl_ms, self.until_ms);
        let act = if self.is_cut_off {
            // Nobody has ended it but the time.
            Act::Join {
                ttl_ms,
                most: usize::MAX,
            }
        } else {
            Act::Renew { ttl_ms, until_ms }
        };
        let begin = || Renewal::begin(&self.target, &self.host, self.at, act);
        let renewing = self.renewing.get_or_insert_with(begin);
        let result = renewing.attempt(&self.target, now_ms)?;
        self.renewing = None;
        Some(result)
    }

    /// The pause between two looks at a renewal.
    fn pause(&self) -> Duration {
        let renewing = self.renewing.as_ref();
        renewing.map_or(LOOK, Renewal::pause)
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
                None => return Next::Later(self.pause()),
                Some(Ok(Outcome::Joined { until_ms, .. })) => {
                    self.until_ms = until_ms;
                    self.is_cut_off = false;
                    self.due_ms = now_ms.saturating_add(self.ttl_ms / 3);
                    // White space behind a JSON text: shows the client that this is alive.
                    out.push(b'\n');
                }
                // Also where somebody else has the host now.
                Some(
                    Ok(Outcome::Left)
                    | Err(
                        Unregistered::Gone
                        | Unregistered::TooMany
                        | Unregistered::Refused(Refused::Table(ApplyError::Foreign(_))),
                    ),
                ) => return self.end(),
                Some(Err(Unregistered::Unwritten(_))) => {
                    self.is_cut_off = true;
                    self.due_ms = now_ms.saturating_add(UNWRITTEN_MS);
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
        let (target, host, at) = (self.target.clone(), self.host.clone(), self.at);
        let (mut until_ms, renewing) = (self.until_ms, self.renewing.take());
        task::spawn("ending a registration", async move {
            // A renewal that is under way would bring it back, or be the one that is to end.
            if let Some(renewal) = renewing {
                if let Ok(Outcome::Joined { until_ms: last, .. }) = renewal.made(&target).await {
                    until_ms = last;
                }
            }
            let until_ms = Some(until_ms);
            // Where it cannot be ended now, its time runs out.
            let _ = target.change(&host, at, Act::Leave { until_ms }).await;
        });
    }
}
