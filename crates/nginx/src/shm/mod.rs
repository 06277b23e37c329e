//! Shared memory zones.

pub mod slots;

use crate::conf::{ConfLine, Error, Words};
use crate::ffi::bytes;
use crate::ffi::guard;
use crate::ffi::log::{self, Level};
use crate::ffi::pool;
use crate::sys;
use std::ffi::c_void;
use std::sync::atomic::AtomicU64;

/// What happened to a zone when nginx took it into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birth {
    /// New: all words are zero.
    Fresh,
    /// Kept from the configuration before.
    Reused,
}

/// Prepares a zone's words; an error refuses the configuration.
type Init = Box<dyn Fn(&Zone, Birth) -> Result<(), String>>;

struct Spec {
    init: Init,
    line: ConfLine,
    name: String,
    /// Bytes, as the directive gives them.
    size: usize,
}

/// A zone of shared memory, owned by the configuration that declared it. All workers see the same
/// words at the same address.
pub struct Zone {
    raw: *mut sys::ngx_shm_zone_t,
}

/// The zone's lock; the master frees it when its holder dies (ngx_unlock_mutexes).
pub struct Locked<'z> {
    pool: *mut sys::ngx_slab_pool_t,
    zone: std::marker::PhantomData<&'z Zone>,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: locked by `Zone::lock`, in mapped shared memory.
        unsafe { sys::ngx_shmtx_unlock(&raw mut (*self.pool).mutex) };
    }
}

/// The block all of a zone's free pages become.
#[repr(C)]
struct Block {
    words: u64,
}

impl Zone {
    fn pool(&self) -> *mut sys::ngx_slab_pool_t {
        // SAFETY: the zone's record lives as long as its configuration.
        unsafe { (*self.raw).shm.addr.cast() }
    }

    /// The zone's words; None before nginx has mapped it (while the configuration is read).
    pub fn words(&self) -> Option<&[AtomicU64]> {
        let pool = self.pool();
        if pool.is_null() {
            return None;
        }
        // SAFETY: mapped: a slab pool of nginx, whose `data` we set.
        let block = unsafe { (*pool).data }.cast::<Block>();
        // SAFETY: null or our block.
        let count = unsafe { block.as_ref()? }.words;
        // SAFETY: the words follow the block's head.
        let first = unsafe { block.add(1) }.cast::<AtomicU64>();
        // SAFETY: `claim` reserved that many, aligned; atomics may be shared between processes.
        Some(unsafe { std::slice::from_raw_parts(first, usize::try_from(count).ok()?) })
    }

    /// Waits for the zone's lock. Held for short, panic-free work only.
    pub fn lock(&self) -> Option<Locked<'_>> {
        let pool = self.pool();
        if pool.is_null() {
            return None;
        }
        // SAFETY: mapped: nginx has initialised the mutex.
        unsafe { sys::ngx_shmtx_lock(&raw mut (*pool).mutex) };
        Some(Locked {
            pool,
            zone: std::marker::PhantomData,
        })
    }

    /// As [`Zone::lock`], but None at once when somebody else has it.
    pub fn try_lock(&self) -> Option<Locked<'_>> {
        let pool = self.pool();
        if pool.is_null() {
            return None;
        }
        // SAFETY: mapped: nginx has initialised the mutex.
        let locked = unsafe { sys::ngx_shmtx_trylock(&raw mut (*pool).mutex) } != 0;
        locked.then_some(Locked {
            pool,
            zone: std::marker::PhantomData,
        })
    }

    /// Bytes of the zone, as its directive gives them.
    pub fn size(&self) -> usize {
        // SAFETY: `Words::zone` pointed `data` at its spec; both live as long as the configuration.
        unsafe { (*(*self.raw).data.cast::<Spec>()).size }
    }

    /// Whether it is smaller than nginx can make any.
    pub fn is_too_small(&self) -> bool {
        self.size() < least()
    }

    /// Bytes of the smallest zone whose words are `enough`, in whole pages.
    pub fn size_for(&self, enough: impl Fn(usize) -> bool) -> usize {
        // SAFETY: a plain global.
        let page = unsafe { sys::ngx_pagesize }.max(1);
        let enough = |pages: usize| enough(self.words_of(pages));
        let mut few = least() / page;
        let mut many = few;
        while !enough(many) && many < MOST_PAGES {
            few = many;
            many = many.saturating_mul(2);
        }
        while few < many {
            let middle = few.midpoint(many);
            if enough(middle) {
                many = middle;
            } else {
                few = middle.saturating_add(1);
            }
        }
        many.saturating_mul(page)
    }

    /// How many words a zone of so many pages has: ngx_slab_init() puts its own records in front of them.
    fn words_of(&self, pages: usize) -> usize {
        let pool = self.pool();
        if pool.is_null() {
            return 0;
        }
        // SAFETY: mapped: a slab pool of nginx.
        let notes_at = unsafe { (*pool).pages }.addr();
        let head = notes_at.saturating_sub(pool.addr());
        let note = size_of::<sys::ngx_slab_page_t>();
        // SAFETY: a plain global.
        let page = unsafe { sys::ngx_pagesize }.max(1);
        let size = pages.saturating_mul(page);
        let noted = size.saturating_sub(head) / page.saturating_add(note);
        let taken = noted.saturating_mul(note).saturating_add(head);
        let free = noted.min(pages.saturating_sub(taken.div_ceil(page)));
        (free.saturating_mul(page) / size_of::<u64>()).saturating_sub(1)
    }

    /// Writes to the log of the configuration that declared the zone: while zones are prepared it is not yet the
    /// running one's.
    pub fn log(&self, level: Level, text: &str) {
        // SAFETY: the zone's record lives as long as its configuration, and so does its log.
        let log = unsafe { (*self.raw).shm.log };
        // SAFETY: null or that log.
        unsafe { log::write(log, level, text) };
    }

    /// Turns the slab's free pages into one block of words.
    fn claim(&self) -> Option<Birth> {
        let pool = self.pool();
        // SAFETY: mapped by nginx before `init`.
        if !unsafe { (*pool).data }.is_null() {
            return Some(Birth::Reused);
        }
        // SAFETY: as above; a plain global.
        let (pages, page) = unsafe { ((*pool).pfree, sys::ngx_pagesize) };
        let size = pages.checked_mul(page)?;
        // SAFETY: the slab is fresh and no other process knows it yet.
        let block = unsafe { sys::ngx_slab_alloc(pool, size) }.cast::<Block>();
        if block.is_null() {
            return None;
        }
        let words = (size / size_of::<u64>()).checked_sub(1)? as u64;
        // SAFETY: fresh memory of `size` bytes, page-aligned.
        unsafe { block.write(Block { words }) };
        // SAFETY: the pool is ours.
        unsafe { (*pool).data = block.cast() };
        Some(Birth::Fresh)
    }
}

/// No zone is larger: what needs more does not fit any.
const MOST_PAGES: usize = 1 << 40;

/// Bytes of the smallest zone that nginx makes.
fn least() -> usize {
    // SAFETY: a plain global.
    8 * unsafe { sys::ngx_pagesize }
}

unsafe extern "C" fn init(raw: *mut sys::ngx_shm_zone_t, _old: *mut c_void) -> isize {
    // SAFETY: `Words::zone` pointed `data` at its spec, which lives as long as the configuration.
    let (spec, log) = unsafe { (&*(*raw).data.cast::<Spec>(), (*raw).shm.log) };
    let body = || {
        let zone = Zone { raw };
        match zone.claim() {
            None => Err(format!("zone \"{}\" is too small", spec.name)),
            Some(birth) => (spec.init)(&zone, birth),
        }
    };
    let what = format!("preparing zone \"{}\"", spec.name);
    // SAFETY: the log of the cycle being built.
    let result = unsafe { guard::run(log, &what, None, || Some(body())) };
    let refused = match result {
        Some(Ok(())) => return sys::NGX_OK as isize,
        Some(Err(text)) => text,
        None => format!("internal error while {what}"),
    };
    // SAFETY: the log of the cycle being built.
    unsafe { log::write(log, Level::Emerg, &format!("{refused} in {}", spec.line)) };
    sys::NGX_ERROR as isize
}

impl Words<'_> {
    /// Declares a zone; `init` runs once nginx has mapped it, before workers start. One that [`Zone::is_too_small`] is
    /// made larger, so that `init` can say how large it must be.
    pub fn zone(
        &self,
        name: &str,
        size: usize,
        init_words: impl Fn(&Zone, Birth) -> Result<(), String> + 'static,
    ) -> Result<Zone, Error> {
        // SAFETY: the configuration's pool outlives the zone's record.
        let kept = unsafe { pool::alloc((*self.cf).pool, name.len()) }
            .ok_or_else(|| Error::new("no memory for a zone"))?;
        kept.copy_from_slice(name.as_bytes());
        let mut text = bytes::borrow(kept);
        // SAFETY: `cf` is live; the tag is its module.
        let raw = unsafe {
            let size = size.max(least());
            sys::ngx_shared_memory_add(self.cf, &raw mut text, size, self.module.cast())
        };
        // SAFETY: null or the zone's record.
        let Some(zone) = (unsafe { raw.as_mut() }) else {
            return Err(Error::new(format!("zone \"{name}\" cannot be used")));
        };
        if !zone.data.is_null() {
            return Err(Error::new(format!("zone \"{name}\" is already in use")));
        }
        let spec = Spec {
            init: Box::new(init_words),
            line: self.here(),
            name: name.into(),
            size,
        };
        zone.data = self.keep(spec)?.cast();
        zone.init = Some(init);
        Ok(Zone { raw })
    }
}
