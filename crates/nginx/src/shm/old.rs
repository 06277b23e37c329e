//! The zone that another one is about to replace: the one of the same name in the configuration that runs.
//!
//! nginx keeps a zone over a reload only when its size and its module are the same. Otherwise the new zone is empty, and
//! the old one goes on for workers of the old configuration. What is in the old one may be of any build, or no zone of
//! ours at all: everything about it is checked before it is lent.

use super::{Block, Locked, Zone, slice_of, within};
use crate::ffi::{bytes, cycle};
use crate::sys;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The zone of the running configuration in whose place a new one is being prepared.
pub struct Predecessor<'z> {
    pool: *mut sys::ngx_slab_pool_t,
    /// Bytes that are mapped.
    size: usize,
    zone: PhantomData<&'z Zone>,
}

impl<'z> Predecessor<'z> {
    /// That of the zone of this name, while `zone` is being prepared.
    fn of(zone: &'z Zone, name: &str) -> Option<Self> {
        if !zone.known.is_preparing.get() {
            return None;
        }
        let found = Self::named(name)?;
        (!std::ptr::eq(found.pool, zone.pool())).then_some(found)
    }

    /// The zone of this name in the running configuration. The caller keeps it no longer than that runs.
    fn named(name: &str) -> Option<Self> {
        // SAFETY: null or the running cycle, which does not end while our code runs.
        let running = unsafe { cycle::running().as_ref()? };
        let mut part: *const sys::ngx_list_part_t = &raw const running.shared_memory.part;
        // SAFETY: null or a part of the cycle's list.
        while let Some(one) = unsafe { part.as_ref() } {
            // SAFETY: the list holds records of zones.
            for zone in unsafe { slice_of::<sys::ngx_shm_zone_t>(one) } {
                // SAFETY: a string of that cycle's pool.
                let found = unsafe { bytes::slice(zone.shm.name) };
                if found == name.as_bytes() && !zone.shm.addr.is_null() {
                    return Some(Self {
                        pool: zone.shm.addr.cast(),
                        size: zone.shm.size,
                        zone: PhantomData,
                    });
                }
            }
            part = one.next;
        }
        None
    }

    /// Its words; None if it was not made by this module, in whatever version.
    pub fn words(&self) -> Option<&[AtomicU64]> {
        // SAFETY: mapped: nginx makes every zone a slab pool.
        let block = unsafe { (*self.pool).data }.cast::<Block>();
        let end = self.pool.addr().checked_add(self.size)?;
        let first = block.addr().checked_add(size_of::<Block>())?;
        let room = end.checked_sub(first)?.checked_div(size_of::<u64>())?;
        let is_inside = block.addr() > self.pool.addr() && block.is_aligned();
        if !is_inside {
            return None;
        }
        // SAFETY: aligned, and inside the mapped zone.
        let count = usize::try_from(unsafe { (*block).words }).ok()?;
        if count > room {
            return None;
        }
        // SAFETY: still inside the zone.
        let words = unsafe { block.add(1) }.cast::<AtomicU64>();
        // SAFETY: so many are inside it, aligned; they stay mapped while the configuration runs.
        Some(unsafe { std::slice::from_raw_parts(words, count) })
    }

    /// Its lock, at once or not at all.
    pub fn try_lock(&self) -> Option<Locked<'_>> {
        // SAFETY: mapped.
        let mutex = unsafe { &raw mut (*self.pool).mutex };
        // SAFETY: nginx has initialised it.
        let locked = unsafe { sys::ngx_shmtx_trylock(mutex) } != 0;
        locked.then_some(Locked {
            pool: self.pool,
            zone: PhantomData,
        })
    }

    /// Waits for its lock, but not for ever: whoever has it may have been stopped. For the master, which may wait.
    pub fn lock_within(&self, time: Duration) -> Option<Locked<'_>> {
        within(time, || self.try_lock())
    }
}

impl Zone {
    /// While the zone is prepared: the one whose place it takes, if another one has its name in the configuration that
    /// runs.
    pub fn predecessor(&self) -> Option<Predecessor<'_>> {
        Predecessor::of(self, &self.spec()?.name)
    }

    /// While the zone is prepared: has `undo` called with the words of its predecessor if its configuration is refused
    /// later on.
    pub fn if_refused(&self, undo: impl FnOnce(&[AtomicU64]) + 'static) {
        let Some(spec) = self.spec() else {
            return;
        };
        let (name, before) = (spec.name.clone(), cycle::taken_over());
        let work = move || {
            // If none has been taken over since, this one was refused, and its predecessor runs on.
            if before == cycle::taken_over() {
                let old = Predecessor::named(&name);
                if let Some(words) = old.as_ref().and_then(Predecessor::words) {
                    undo(words);
                }
            }
        };
        spec.at_end.replace(Some(Box::new(work)));
    }
}
