//! Shared memory: zones, and counters.

pub mod counters;
pub mod old;
mod pages;
pub mod slots;

use crate::conf::{ConfLine, Error, Words};
use crate::ffi::bytes;
use crate::ffi::guard;
use crate::ffi::log::{self, Level};
use crate::ffi::pool;
use crate::ffi::process;
use crate::sys;
use ngx::core::Status;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(1);

/// Tries again and again for so long. For the master, which may wait.
pub fn within<T>(time: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    loop {
        if let Some(done) = attempt() {
            return Some(done);
        }
        if begin.elapsed() >= time {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

/// What happened to a zone when nginx took it into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneState {
    /// All its words are zero.
    New,
    /// It is that of the configuration before.
    Inherited,
}

/// Prepares a zone's words; an error refuses the configuration.
type Init = Box<dyn Fn(&Zone, ZoneState) -> Result<(), String>>;

/// What nginx keeps of a zone as long as its configuration lives.
struct Spec {
    init: Init,
    line: ConfLine,
    name: String,
    /// Bytes, as the directive gives them.
    size: usize,
    known: Rc<Known>,
    /// What is done at the end of the configuration.
    at_end: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl Drop for Spec {
    fn drop(&mut self) {
        // nginx destroys the cycle, and the zone's record with it.
        self.known.raw.set(ptr::null_mut());
        if let Some(work) = self.at_end.take() {
            work();
        }
    }
}

/// What a zone's handles know of it.
struct Known {
    /// nginx's record of the zone; null once its cycle is gone.
    raw: Cell<*mut sys::ngx_shm_zone_t>,
    /// The cycle that declared it.
    cycle: *const sys::ngx_cycle_t,
    /// nginx is having it prepared: its cycle does not run yet.
    is_preparing: Cell<bool>,
    /// How many borrows of its bytes there are in this process ([`slots::Published`]).
    readers: Cell<usize>,
}

/// A zone of shared memory, owned by the configuration that declared it. All workers see the same
/// words at the same address.
///
/// A zone has no memory before nginx maps it and after its cycle has ended: who keeps a zone for longer
/// than its configuration finds it empty. What a zone lends is borrowed from it, and callbacks lend the
/// configuration it is in for no longer than they run. What is not prevented: code that leaks a zone of
/// its own (`Box::leak`) and keeps what that lent into a later callback; nginx unmaps zones at a reload in
/// the master and with `master_process off`, never in a worker of a master.
pub struct Zone {
    known: Rc<Known>,
}

/// The zone's lock; the master frees it when its holder dies (ngx_unlock_mutexes).
pub struct Locked<'z> {
    pool: *mut sys::ngx_slab_pool_t,
    zone: std::marker::PhantomData<&'z Zone>,
}

impl Locked<'_> {
    /// Whether it is that zone's lock.
    fn is_of(&self, zone: &Zone) -> bool {
        ptr::eq(self.pool, zone.pool())
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: `Zone::lock` found it mapped.
        let mutex = unsafe { &raw mut (*self.pool).mutex };
        // SAFETY: locked by us.
        unsafe { sys::ngx_shmtx_unlock(mutex) };
    }
}

/// The block all of a zone's free pages become.
#[repr(C)]
struct Block {
    words: u64,
}

impl Zone {
    /// nginx's record of the zone; None once its cycle is gone.
    fn record(&self) -> Option<&sys::ngx_shm_zone_t> {
        // SAFETY: null, or a record that lives as long as its cycle, which does not end while our code
        // runs.
        unsafe { self.known.raw.get().as_ref() }
    }

    /// What was said when it was declared.
    fn spec(&self) -> Option<&Spec> {
        // SAFETY: `Words::zone` pointed `data` at its spec; both live as long as the configuration.
        self.record()
            .and_then(|record| unsafe { record.data.cast::<Spec>().as_ref() })
    }

    /// The memory, while it is mapped; else null.
    fn pool(&self) -> *mut sys::ngx_slab_pool_t {
        match self.record() {
            Some(record) if self.known.is_mapped(record) => record.shm.addr.cast(),
            _ => ptr::null_mut(),
        }
    }

    /// The zone's words; None before nginx has mapped it (while the configuration is read), and when its
    /// cycle has ended.
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
        // SAFETY: mapped.
        let mutex = unsafe { &raw mut (*pool).mutex };
        // SAFETY: nginx has initialised it.
        unsafe { sys::ngx_shmtx_lock(mutex) };
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
        // SAFETY: mapped.
        let mutex = unsafe { &raw mut (*pool).mutex };
        // SAFETY: nginx has initialised it.
        let locked = unsafe { sys::ngx_shmtx_trylock(mutex) } != 0;
        locked.then_some(Locked {
            pool,
            zone: std::marker::PhantomData,
        })
    }

    /// Bytes of the zone, as its directive gives them.
    pub fn size(&self) -> usize {
        self.spec().map_or(0, |spec| spec.size)
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
        let mut few = LEAST_PAGES;
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
        let noted = size
            .saturating_sub(head)
            .checked_div(page.saturating_add(note))
            .unwrap_or(0);
        let taken = noted.saturating_mul(note).saturating_add(head);
        let free = noted.min(pages.saturating_sub(taken.div_ceil(page)));
        words_in(free.saturating_mul(page)).saturating_sub(1)
    }

    /// While the zone is prepared: user and group of the workers that its configuration starts.
    pub fn workers(&self) -> Option<(u32, u32)> {
        let is_preparing = self.known.is_preparing.get();
        // SAFETY: the cycle that is being built.
        is_preparing.then(|| unsafe { process::workers_of(self.known.cycle) })?
    }

    /// Writes to the log of the configuration that declared the zone: while zones are prepared it is not yet the
    /// running one's.
    pub fn log(&self, level: Level, text: &str) {
        let log = self
            .record()
            .map_or(ptr::null_mut(), |record| record.shm.log);
        // SAFETY: null or that log, which lives as long as the configuration.
        unsafe { log::write(log, level, &text) };
    }

    /// Turns the slab's free pages into one block of words.
    fn claim(&self) -> Option<ZoneState> {
        let pool = self.pool();
        if pool.is_null() {
            return None;
        }
        // SAFETY: mapped by nginx before `init`.
        if !unsafe { (*pool).data }.is_null() {
            return Some(ZoneState::Inherited);
        }
        // SAFETY: as above.
        let pages = unsafe { (*pool).pfree };
        // SAFETY: a plain global.
        let page = unsafe { sys::ngx_pagesize };
        let size = pages.checked_mul(page)?;
        // SAFETY: the slab is fresh and no other process knows it yet.
        let block = unsafe { sys::ngx_slab_alloc(pool, size) }.cast::<Block>();
        if block.is_null() {
            return None;
        }
        let words = words_in(size).checked_sub(1)? as u64;
        // SAFETY: fresh memory of `size` bytes, page-aligned.
        unsafe { block.write(Block { words }) };
        // SAFETY: the pool is ours.
        unsafe { (*pool).data = block.cast() };
        Some(ZoneState::New)
    }
}

/// Whole words in so many bytes.
const fn words_in(bytes: usize) -> usize {
    bytes >> size_of::<u64>().trailing_zeros()
}

/// No zone is larger: what needs more does not fit any.
const MOST_PAGES: usize = 1 << 40;

/// Pages of the smallest zone that nginx makes.
const LEAST_PAGES: usize = 8;

/// Its bytes.
fn least() -> usize {
    // SAFETY: a plain global.
    unsafe { sys::ngx_pagesize }.saturating_mul(LEAST_PAGES)
}

impl Known {
    /// Whether the zone's memory is there. nginx unmaps it when another cycle takes over that has no
    /// use for it, also while requests of the old cycle go on (`master_process off`).
    fn is_mapped(&self, record: &sys::ngx_shm_zone_t) -> bool {
        // SAFETY: nginx's own pointer to the running cycle.
        let running = unsafe { sys::ngx_cycle };
        ptr::eq(running, self.cycle) || self.is_preparing.get() || {
            // SAFETY: null or the running cycle.
            unsafe { running.as_ref() }.is_some_and(|running| is_inherited(running, record))
        }
    }
}

/// Whether the running cycle has taken over an older one's zone.
#[cold]
fn is_inherited(running: &sys::ngx_cycle_t, old: &sys::ngx_shm_zone_t) -> bool {
    let mut part: *const sys::ngx_list_part_t = &raw const running.shared_memory.part;
    // SAFETY: null or a part of the cycle's list.
    while let Some(one) = unsafe { part.as_ref() } {
        // SAFETY: the list holds records of zones.
        let zones = unsafe { slice_of::<sys::ngx_shm_zone_t>(one) };
        let same = |zone: &sys::ngx_shm_zone_t| {
            zone.shm.addr == old.shm.addr && zone.shm.size == old.shm.size && zone.tag == old.tag
        };
        if zones.iter().any(same) {
            return !old.shm.addr.is_null();
        }
        part = one.next;
    }
    false
}

/// # Safety
/// The part belongs to a list of `T`.
unsafe fn slice_of<T>(part: &sys::ngx_list_part_t) -> &[T] {
    if part.elts.is_null() {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(part.elts.cast(), part.nelts) }
}

unsafe extern "C" fn init(raw: *mut sys::ngx_shm_zone_t, _old: *mut c_void) -> isize {
    // SAFETY: nginx passes its record of the zone.
    let record = unsafe { &*raw };
    let log = record.shm.log;
    // SAFETY: `Words::zone` pointed `data` at its spec, which lives as long as the configuration.
    let spec = unsafe { &*record.data.cast::<Spec>() };
    let zone = Zone {
        known: Rc::clone(&spec.known),
    };
    let body = || match zone.claim() {
        None => Err(format!("zone \"{}\" is too small", spec.name)),
        Some(state) => (spec.init)(&zone, state),
    };
    let what = format!("preparing zone \"{}\"", spec.name);
    spec.known.is_preparing.set(true);
    // SAFETY: the log of the cycle being built.
    let result = unsafe { guard::run(log, &what, None, || Some(body())) };
    spec.known.is_preparing.set(false);
    let refused = match result {
        Some(Ok(())) => return Status::NGX_OK.0,
        Some(Err(text)) => text,
        None => format!("internal error while {what}"),
    };
    let line = format!("{refused} in {}", spec.line);
    // SAFETY: the log of the cycle being built.
    unsafe { log::write(log, Level::Emerg, &line) };
    Status::NGX_ERROR.0
}

impl Words<'_> {
    /// Declares a zone; `init` runs once nginx has mapped it, before workers start. One that [`Zone::is_too_small`] is
    /// made larger, so that `init` can say how large it must be.
    pub fn zone(
        &self,
        name: &str,
        size: usize,
        init_words: impl Fn(&Zone, ZoneState) -> Result<(), String> + 'static,
    ) -> Result<Zone, Error> {
        // SAFETY: `cf` is live.
        let memory = unsafe { (*self.cf).pool };
        // SAFETY: the configuration's pool, which the zone's record lives in too.
        let kept = unsafe { pool::alloc(memory, name.len()) }
            .ok_or_else(|| Error::new("no memory for a zone"))?;
        kept.copy_from_slice(name.as_bytes());
        let mut text = bytes::borrow(kept);
        let size_for_nginx = size.max(least());
        let tag = self.module.cast();
        // SAFETY: `cf` is live; the tag is its module.
        let raw =
            unsafe { sys::ngx_shared_memory_add(self.cf, &raw mut text, size_for_nginx, tag) };
        // SAFETY: null or the zone's record.
        let Some(zone) = (unsafe { raw.as_mut() }) else {
            return Err(Error::new(format!("zone \"{name}\" cannot be used")));
        };
        if !zone.data.is_null() {
            return Err(Error::new(format!("zone \"{name}\" is already in use")));
        }
        // SAFETY: `cf` is live.
        let cycle = unsafe { (*self.cf).cycle };
        let known = Rc::new(Known {
            raw: Cell::new(raw),
            cycle,
            is_preparing: Cell::new(false),
            readers: Cell::new(0),
        });
        let spec = Spec {
            init: Box::new(init_words),
            line: self.here(),
            name: name.into(),
            size,
            known: Rc::clone(&known),
            at_end: RefCell::default(),
        };
        zone.data = self.keep(spec)?.cast();
        zone.init = Some(init);
        Ok(Zone { known })
    }
}
