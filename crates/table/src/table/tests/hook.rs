//! Stops a writer at a chosen store, as `kill -9` would.

use std::cell::Cell;

thread_local! {
    static TOUCHED: Cell<u64> = const { Cell::new(0) };
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// What a stopped writer unwinds with.
pub(crate) struct Killed;

/// Called for every word read or written.
pub(crate) fn on_touch() {
    TOUCHED.with(|touched| touched.set(touched.get() + 1));
}

/// How many words `work` reads and writes, and what it gives.
pub(crate) fn touched<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = TOUCHED.with(Cell::get);
    let result = work();
    (TOUCHED.with(Cell::get) - before, result)
}

/// Called before every store of a writer.
pub(crate) fn on_store() {
    on_touch();
    LEFT.with(|left| match left.get() {
        None => {}
        Some(0) => std::panic::resume_unwind(Box::new(Killed)),
        Some(n) => left.set(Some(n - 1)),
    });
}

/// Runs `write`, stopping it before its store number `stores` (from 0). True if it was stopped.
pub(crate) fn killed_at(stores: u64, write: impl FnOnce()) -> bool {
    LEFT.with(|left| left.set(Some(stores)));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(write));
    LEFT.with(|left| left.set(None));
    match result {
        Ok(()) => false,
        Err(cause) if cause.is::<Killed>() => true,
        Err(cause) => std::panic::resume_unwind(cause),
    }
}
