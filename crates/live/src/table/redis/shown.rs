//! Whether a table has what was written to its store.

use super::writer::Session;
use crate::memory::Memory;
use crate::table::change::Refused;
use crate::table::shared::SharedTable;
use gatehouse_nginx::event::sleep::sleep;
use gatehouse_nginx::ffi::process;
use gatehouse_table::hipache::read_list;
use gatehouse_table::route::{Key, Route};
use std::time::Duration;

/// A change comes back from the store within milliseconds.
const PAUSE: Duration = Duration::from_millis(1);
/// If it does not, perhaps somebody else has changed it again: the store is asked so often.
const ASK_MS: u64 = 100;
/// The longest wait.
const PATIENCE_MS: u64 = 3_000;

/// Whether a table has what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It has, in this version; None: it has no route.
    As(Option<u64>),
    /// Somebody else has changed the store since.
    Overtaken,
    /// Not yet.
    Late,
}

/// The version of a host's route, if it is this one. The error: it is not.
///
/// # Errors
/// [`Refused`]
pub fn version<M: Memory>(
    table: &SharedTable<M>,
    key: &Key,
    wanted: Option<&Route>,
) -> Result<Result<Option<u64>, ()>, Refused> {
    Ok(match (table.current(key)?, wanted) {
        (None, None) => Ok(None),
        (Some((taken, version)), Some(wanted)) if taken.view().written() == *wanted => {
            Ok(Some(version))
        }
        _ => Err(()),
    })
}

/// Waits until the table has what was written: `wanted`, or no route.
///
/// # Errors
/// [`Refused`]
pub async fn wait_shown<M: Memory>(
    session: &mut Session,
    table: &SharedTable<M>,
    key: &Key,
    wanted: Option<&Route>,
) -> Result<Shown, Refused> {
    let begun_ms = process::now_ms();
    let mut asked_ms = begun_ms;
    loop {
        if let Ok(version) = version(table, key, wanted)? {
            return Ok(Shown::As(version));
        }
        let now_ms = process::now_ms();
        if now_ms.saturating_sub(begun_ms) >= PATIENCE_MS {
            return Ok(Shown::Late);
        }
        if now_ms.saturating_sub(asked_ms) >= ASK_MS {
            asked_ms = now_ms;
            if !is_stored(session, key, wanted).await {
                return Ok(Shown::Overtaken);
            }
        }
        sleep(PAUSE).await;
    }
}

/// Whether the store still has it, as far as it can be asked.
async fn is_stored(session: &mut Session, key: &Key, wanted: Option<&Route>) -> bool {
    let Ok(elements) = session.list(key).await else {
        return true;
    };
    match wanted {
        None => elements.is_empty(),
        Some(wanted) => {
            let list = read_list(elements.iter().map(Vec::as_slice));
            list.is_ok_and(|list| !elements.is_empty() && list.route == *wanted)
        }
    }
}
