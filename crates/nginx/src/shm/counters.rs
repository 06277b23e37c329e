//! Numbers that all processes of an nginx count in together.
//!
//! They lie in shared memory of this process and of those forked from it, and stay there as long as nginx runs: a
//! counter is found again by its name in the next configuration, so a reload goes on with it, old and new workers count
//! in the same place, and a worker that dies takes nothing with it. No zone of nginx's holds them, since a zone is
//! mapped anew whenever its size changes, and an old worker's counts would be lost. A new nginx, also one that takes
//! over with USR2, begins at 0.

use crate::ffi::cycle;
use crate::sys;
use ngx::core::Status;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

/// A set of counters with one name. It is counted in without a lock and without waiting. The default has none, and what is
/// counted there is nowhere.
#[derive(Clone, Copy, Default)]
pub struct Counters(&'static [AtomicU64]);

impl Counters {
    /// The set of this name, of `count` counters: that of the configuration before, else a new one. None when there is no
    /// memory for it.
    pub fn named(name: &str, count: usize) -> Option<Self> {
        // A panic while it was locked has left it whole.
        let mut book = BOOK.lock().unwrap_or_else(PoisonError::into_inner);
        book.set(name, count)
    }

    /// Words of this name that are no counters: found again by the next configuration, as counters are, in memory of
    /// their own. They are 0 at first. None when there is no memory for them.
    pub fn journal(name: &str, count: usize) -> Option<&'static [AtomicU64]> {
        let mut book = JOURNALS.lock().unwrap_or_else(PoisonError::into_inner);
        book.set(name, count).map(Self::cells)
    }

    /// One more of this number; nothing where there is no such number.
    #[inline]
    pub fn count(self, number: usize) {
        if let Some(counter) = self.0.get(number) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// So many more of this number; nothing where there is no such number.
    #[inline]
    pub fn add(self, number: usize, more: u64) {
        if let Some(counter) = self.0.get(number) {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// What has been counted so far; None where there is no such number.
    pub fn get(self, number: usize) -> Option<u64> {
        let counter = self.0.get(number);
        counter.map(|counter| counter.load(Ordering::Relaxed))
    }

    /// The numbers themselves, for those that are not counted but set.
    pub fn cells(self) -> &'static [AtomicU64] {
        self.0
    }
}

/// Sets of this process.
struct Book {
    sets: HashMap<String, Counters>,
    /// What is left of the memory taken last.
    free: &'static [AtomicU64],
    /// Words of all memory that was taken, and the most that may be.
    taken: usize,
    most: usize,
}

static BOOK: LazyLock<Mutex<Book>> = LazyLock::new(|| Mutex::new(Book::new(MOST)));
static JOURNALS: LazyLock<Mutex<Book>> = LazyLock::new(|| Mutex::new(Book::new(MOST_OF_JOURNALS)));

/// A set begins on a cache line of its own, so that those who count in others do not wait for it.
const LINE: usize = 8;
/// Words that are taken at once: 64 KiB.
const PIECE: usize = 8 * 1024;
/// Words of all sets together: 64 MiB, or two pieces where a test is to get there. Sets that no configuration has any more
/// stay where they are, since an old worker may still count in them.
const MOST: usize = if cfg!(feature = "hooks") {
    2 * PIECE
} else {
    1024 * PIECE
};
/// The same of what are no counters: 64 MiB. The system gives a page when it is written first.
const MOST_OF_JOURNALS: usize = 1024 * PIECE;

impl Book {
    fn new(most: usize) -> Self {
        Self {
            sets: HashMap::new(),
            free: &[],
            taken: 0,
            most,
        }
    }

    fn set(&mut self, name: &str, count: usize) -> Option<Counters> {
        if let Some(known) = self.sets.get(name) {
            if known.0.len() == count {
                return Some(*known);
            }
        }
        let length = count.checked_next_multiple_of(LINE)?;
        if self.free.len() < length {
            let words = length.checked_next_multiple_of(PIECE)?;
            let taken = self
                .taken
                .checked_add(words)
                .filter(|all| *all <= self.most)?;
            self.free = memory(words)?;
            self.taken = taken;
        }
        let (taken, left) = self.free.split_at_checked(length)?;
        let new = Counters(taken.get(..count)?);
        self.free = left;
        self.sets.insert(name.to_owned(), new);
        Some(new)
    }
}

/// So many words of shared memory, all 0, for as long as the process lives.
fn memory(words: usize) -> Option<&'static [AtomicU64]> {
    let log = cycle::log();
    if log.is_null() {
        return None;
    }
    // SAFETY: plain C data for which zero is valid.
    let mut shared: sys::ngx_shm_t = unsafe { std::mem::zeroed() };
    shared.size = words.checked_mul(size_of::<AtomicU64>())?;
    shared.log = log;
    // SAFETY: size and log are set; the log is live.
    if unsafe { sys::ngx_shm_alloc(&raw mut shared) } != Status::NGX_OK.0 {
        return None;
    }
    let first: *const AtomicU64 = shared.addr.cast();
    // SAFETY: fresh pages of zeros, so many words, which nobody gives back; atomics may be shared between processes.
    Some(unsafe { std::slice::from_raw_parts(first, words) })
}
