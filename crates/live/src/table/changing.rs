//! Changes on nginx's event loop: they wait for the zone's lock without blocking anybody, and long ones let requests
//! go on in between.

use super::bulk::{Bulk, Counts, Progress};
use super::change::{Attempt, Attempts, Made, Refused, Wanted};
use super::shared::SharedTable;
use crate::memory::Memory;
use crate::nginx::in_slices;
use crate::slice::{Slice, SystemClock, TURN};
use gatehouse_nginx::event::sleep::sleep;
use gatehouse_nginx::event::task;
use gatehouse_nginx::ffi::process;
use gatehouse_table::route::Key;
use gatehouse_table::table::What;
use std::rc::Rc;
use std::time::Duration;

/// The longest that a change waits for the lock, for a repair and for room.
const PATIENCE_MS: u64 = 10_000;
/// The pause between two attempts: the loop turns meanwhile.
const PAUSE: Duration = Duration::from_millis(1);
/// The same while another bulk is being made.
const QUEUE_PAUSE: Duration = Duration::from_millis(10);

/// Makes a change in the table, from any worker.
///
/// # Errors
/// [`Refused`]: the table is as before.
pub async fn change<M: Memory>(
    table: &SharedTable<M>,
    wanted: Wanted<'_>,
) -> Result<Made, Refused> {
    let mut attempts = Attempts::default();
    let until = process::now_ms().saturating_add(PATIENCE_MS);
    loop {
        if let Attempt::Over(result) = attempts.attempt(table, process::now_ms(), &wanted) {
            return result;
        }
        if process::now_ms() >= until {
            return Err(Refused::Busy);
        }
        sleep(PAUSE).await;
    }
}

/// Tells those who follow the table's events, if there is anybody, as soon as the lock is to be had.
pub fn tell<M: Memory + 'static>(table: &Rc<SharedTable<M>>, what: What, text: String) {
    let now_ms = process::now_ms();
    if !table.is_heard(now_ms) || table.tell(what, text, now_ms) {
        return;
    }
    let table = Rc::clone(table);
    let until = now_ms.saturating_add(PATIENCE_MS);
    task::spawn("telling of a backend", async move {
        while !table.tell_waiting(process::now_ms()) && process::now_ms() < until {
            sleep(PAUSE).await;
        }
    });
}

/// Makes changes that belong together, from any worker. What the memory of `bulk` holds is freed meanwhile.
///
/// # Errors
/// Why none was made, and the key whose change was refused.
pub async fn change_all<M: Memory>(
    table: &SharedTable<M>,
    mut bulk: Bulk,
) -> Result<Counts, (Refused, Option<Key>)> {
    let mut until = process::now_ms().saturating_add(PATIENCE_MS);
    let result = loop {
        let clock = SystemClock::start();
        let slice = Slice::new(&clock, TURN);
        let progress = loop {
            let progress = bulk.attempt(table, process::now_ms());
            if progress != Progress::More || slice.is_over() {
                break progress;
            }
        };
        let pause = match progress {
            Progress::Made(counts) => break Ok(counts),
            Progress::Refused(why, key) => break Err((why, key)),
            Progress::More => {
                until = process::now_ms().saturating_add(PATIENCE_MS);
                Duration::ZERO
            }
            // The one before it lives, or is taken back by the next writer.
            Progress::Queued => {
                until = process::now_ms().saturating_add(PATIENCE_MS);
                QUEUE_PAUSE
            }
            // What was made is taken back when the lock is to be had again.
            Progress::Wait if process::now_ms() >= until => {
                bulk.give_up();
                until = u64::MAX;
                PAUSE
            }
            Progress::Wait => PAUSE,
        };
        sleep(pause).await;
    };
    in_slices(|| bulk.shrink()).await;
    result
}
