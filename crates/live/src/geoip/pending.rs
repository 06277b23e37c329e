//! What the master has read, on its way into the zone.

use super::loading::Loaded;
use super::shared::too_small;
use gatehouse_geo::Fields;
use gatehouse_nginx::Zone;
use gatehouse_nginx::ffi::process::{now_ms, now_ms_anew};
use gatehouse_nginx::shm::slots::{Draft, Outcome, Published, Slots};
use gatehouse_nginx::shm::{Locked, within};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// A database that the master has read, as long as it is not in use.
pub struct Pending(RefCell<State>);

/// How long the master waits until a slot is idle, and for the lock: somewhat longer than a slot is left alone after a
/// publication. Who has the lock may stand still.
const PATIENCE: Duration = Duration::from_millis(Slots::SETTLE_MS + 100);

enum State {
    /// It is in use, or nobody needs it any more.
    Settled,
    /// In this process's memory; the zone is not mapped yet.
    Read(Rc<Loaded>),
    /// In this process's memory, to replace that generation.
    Kept { loaded: Rc<Loaded>, replaces: u64 },
    /// In the idle slot of the zone, to replace that generation.
    Laid {
        draft: Draft,
        stamp: u64,
        replaces: u64,
    },
}

/// What has become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is in use.
    Done,
    /// It is too soon for that.
    TooSoon,
    /// Another process has begun to put something else where it lay, and has not come to an end with that.
    Lost,
}

impl Pending {
    /// What the master has read; nothing in a process that reads no file.
    #[must_use]
    pub fn new(loaded: Option<Loaded>) -> Self {
        let read = |loaded| State::Read(Rc::new(loaded));
        Self(RefCell::new(loaded.map_or(State::Settled, read)))
    }

    /// Bytes that it may have, what is worked out of it included; 0 for nothing.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.in_memory().map_or(0, |loaded| loaded.longest())
    }

    /// All of the configuration has been read: rules and variables ask for these fields.
    pub fn summarize(&self, asked: Fields) {
        if let State::Read(loaded) = &mut *self.0.borrow_mut() {
            // Nobody else has it before the zone is prepared.
            if let Some(loaded) = Rc::get_mut(loaded) {
                loaded.summarize(asked);
            }
        }
    }

    /// Puts it into a new zone. A zone that is kept serves the running configuration and stays as it is: the workers of
    /// this one are to replace its database, if that is another one. It lies ready for them in the idle slot, so that the
    /// master keeps no copy for itself; in memory only while the slot may be in use.
    ///
    /// # Errors
    /// The database does not fit.
    pub fn prepare(&self, zone: &Zone) -> Result<(), String> {
        let Some(read) = self.in_memory() else {
            return Ok(());
        };
        let fits = |slots: &Slots<'_>| !zone.is_too_small() && read.file() <= slots.capacity();
        let slots = zone.slots().filter(fits);
        let slots = slots.ok_or_else(|| too_small(zone, read.image.len()))?;
        let (image, stamp) = (read.fitting(slots.capacity()), read.stamp);
        let is_same = |published: Published<'_>| published.as_ref() == image;
        let replaces = slots.generation();
        let state = if replaces == 0 {
            let lock = zone.lock().ok_or("no memory")?;
            if slots.publish(&lock, image, stamp, now_ms()) != Outcome::Done {
                return Err("internal error".into());
            }
            State::Settled
        } else if slots.current().is_some_and(is_same) {
            State::Settled
        } else {
            match within(PATIENCE, || {
                slots.lay(&zone.try_lock()?, image, now_ms_anew())
            }) {
                Some(draft) => State::Laid {
                    draft,
                    stamp,
                    replaces,
                },
                None => State::Kept {
                    loaded: Rc::clone(&read),
                    replaces,
                },
            }
        };
        *self.0.borrow_mut() = state;
        Ok(())
    }

    /// What is still in this process's memory.
    pub(super) fn in_memory(&self) -> Option<Rc<Loaded>> {
        match &*self.0.borrow() {
            State::Read(loaded) | State::Kept { loaded, .. } => Some(Rc::clone(loaded)),
            State::Settled | State::Laid { .. } => None,
        }
    }

    /// The generation that it is to replace; None when there is nothing to replace.
    pub(super) fn replaces(&self) -> Option<u64> {
        match &*self.0.borrow() {
            State::Kept { replaces, .. } | State::Laid { replaces, .. } => Some(*replaces),
            State::Settled | State::Read(_) => None,
        }
    }

    /// Takes it into use.
    pub(super) fn publish(&self, slots: &Slots<'_>, lock: &Locked<'_>, now_ms: u64) -> Taken {
        match &*self.0.borrow() {
            State::Settled | State::Read(_) => Taken::Done,
            State::Kept { loaded, .. } => {
                let image = loaded.fitting(slots.capacity());
                match slots.publish(lock, image, loaded.stamp, now_ms) {
                    Outcome::TooSoon => Taken::TooSoon,
                    Outcome::Done | Outcome::TooLarge => Taken::Done,
                }
            }
            State::Laid { draft, stamp, .. } => match slots.commit(lock, draft, *stamp, now_ms) {
                true => Taken::Done,
                false => Taken::Lost,
            },
        }
    }

    /// It is in the zone, or another one is: nobody needs it any more.
    pub(super) fn settle(&self) {
        *self.0.borrow_mut() = State::Settled;
    }
}
