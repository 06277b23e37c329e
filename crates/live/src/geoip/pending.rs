//! What the master has read, on its way into the zone.

use super::loading::Loaded;
use super::shared::too_small;
use gatehouse_nginx::Zone;
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::shm::slots::{Outcome, Published, Slots};
use std::cell::RefCell;
use std::rc::Rc;

/// A database that the master has read, kept as long as it is not in the zone.
pub struct Pending(RefCell<Option<Replacement>>);

struct Replacement {
    loaded: Rc<Loaded>,
    /// The generation that it replaces, 0 before the zone is mapped.
    replaces: u64,
}

impl Pending {
    /// What the master has read; nothing in a process that reads no file.
    #[must_use]
    pub fn new(loaded: Option<Loaded>) -> Self {
        Self(RefCell::new(loaded.map(|loaded| Replacement {
            loaded: Rc::new(loaded),
            replaces: 0,
        })))
    }

    /// Puts it into a new zone. A zone that is kept serves the running configuration and stays as it is: the workers of
    /// this one are to replace its database, if that is another one.
    ///
    /// # Errors
    /// The database does not fit.
    pub fn prepare(&self, zone: &Zone) -> Result<(), String> {
        let Some(read) = self.loaded() else {
            return Ok(());
        };
        let fits = |slots: &Slots<'_>| !zone.is_too_small() && read.file() <= slots.capacity();
        let slots = zone.slots().filter(fits);
        let slots = slots.ok_or_else(|| too_small(zone, read.image.len()))?;
        let image = read.fitting(slots.capacity());
        let is_same = |published: Published<'_>| published.as_ref() == image;
        match slots.generation() {
            0 => {
                let lock = zone.lock().ok_or("no memory")?;
                let outcome = slots.publish(&lock, image, read.stamp, process::now_ms());
                if outcome != Outcome::Done {
                    return Err("internal error".into());
                }
                self.settle();
            }
            _ if slots.current().is_some_and(is_same) => self.settle(),
            generation => {
                if let Some(replacement) = self.0.borrow_mut().as_mut() {
                    replacement.replaces = generation;
                }
            }
        }
        Ok(())
    }

    fn loaded(&self) -> Option<Rc<Loaded>> {
        let pending = self.0.borrow();
        pending.as_ref().map(|pending| Rc::clone(&pending.loaded))
    }

    /// What workers are to put into the zone, and the generation that it replaces.
    pub(super) fn replacement(&self) -> Option<(Rc<Loaded>, u64)> {
        let pending = self.0.borrow();
        let pending = pending.as_ref().filter(|pending| pending.replaces != 0)?;
        Some((Rc::clone(&pending.loaded), pending.replaces))
    }

    /// The generation that it replaces, 0 when there is nothing to replace.
    pub(super) fn replaces(&self) -> u64 {
        self.replacement().map_or(0, |(_, replaces)| replaces)
    }

    /// It is in the zone, or another one is: nobody needs it any more.
    pub(super) fn settle(&self) {
        *self.0.borrow_mut() = None;
    }
}
