//! The world of an nginx process, and the timer that polls its feeders.

use crate::memory::{Memory, OldZone};
use crate::pace::{Pace, Usage};
use crate::scheduler::{PAUSE_MS, Round, Scheduler};
use crate::slice::{Slice, SystemClock, TURN};
use crate::stamp::Stamp;
use crate::world::{self, Listing, OpenFile, World};
use gatehouse_nginx::event::sleep::sleep;
use gatehouse_nginx::event::timer::{self, Slot, Tick};
use gatehouse_nginx::ffi::process::{self, Role};
use gatehouse_nginx::ffi::{files, guard, log};
use gatehouse_nginx::{Kind, Level, Predecessor, Zone, running};
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long after its start a worker begins to poll.
const START_MS: u64 = 1;

/// A module with things to keep current.
pub trait Live: Kind {
    /// The timer of the module's feeders: a static of its own.
    fn slot() -> &'static Slot;

    /// The feeders of a configuration.
    fn feeds(main: &Self::Main) -> &Feeds;
}

/// The feeders of one configuration.
pub struct Feeds {
    scheduler: RefCell<Scheduler>,
    pace: RefCell<Pace>,
}

impl Default for Feeds {
    /// Those of a configuration that is being read.
    fn default() -> Self {
        static GENERATION: AtomicU16 = AtomicU16::new(0);
        let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
        Self {
            scheduler: RefCell::new(Scheduler::new(generation)),
            pace: RefCell::default(),
        }
    }
}

impl Feeds {
    /// Calls `change` with the scheduler, to add feeders to it.
    pub fn change(&self, change: impl FnOnce(&mut Scheduler)) {
        if let Ok(mut scheduler) = self.scheduler.try_borrow_mut() {
            change(&mut scheduler);
        }
    }

    /// One slice; milliseconds until the next.
    fn run(&self, exiting: bool) -> Option<u64> {
        let mut scheduler = self.scheduler.try_borrow_mut().ok()?;
        let mut pace = self.pace.try_borrow_mut().ok()?;
        let begun = usage();
        let length = match pace.begin(&begun) {
            Ok(length) => length,
            // A worker that exits has memory to free, and few requests.
            Err(_) if exiting => TURN,
            Err(pause) => return Some(pause),
        };
        let next = scheduler.run(&Round {
            pid: process::pid(),
            now_ms: process::now_ms(),
            slice: &Slice::new(&SystemClock::start(), length),
            exiting,
            guard: &guard::contain,
        });
        if next == Some(PAUSE_MS) {
            return Some(pace.end(&begun, &usage()));
        }
        pace.rest();
        next
    }
}

/// What this worker has used.
fn usage() -> Usage {
    let spent = |clock| clock_gettime(clock).map_or(Duration::ZERO, Duration::from);
    let sleeps = getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |u| u.voluntary_context_switches());
    Usage {
        time: spent(ClockId::CLOCK_MONOTONIC),
        processor: spent(ClockId::CLOCK_THREAD_CPUTIME_ID),
        sleeps: sleeps.unsigned_abs(),
    }
}

/// Starts the feeders of a worker, if there are any.
pub fn start_worker<M: Live>(feeds: &Feeds) {
    let mut any = false;
    feeds.change(|scheduler| {
        any = !scheduler.is_empty();
        scheduler.start(&guard::contain);
    });
    if any {
        timer::start::<Polling<M>>(START_MS);
    }
}

/// The master ends: what is to outlive nginx is written down.
pub fn end_master(feeds: &Feeds) {
    feeds.change(|scheduler| scheduler.finish(&guard::contain));
}

/// Takes steps until one of them says that nothing is left; requests go on in between.
pub async fn in_slices(mut step: impl FnMut() -> bool) {
    loop {
        let clock = SystemClock::start();
        let slice = Slice::new(&clock, TURN);
        while !slice.is_over() {
            if !step() {
                return;
            }
        }
        sleep(Duration::ZERO).await;
    }
}

/// Polls the feeders of the running configuration.
struct Polling<M>(PhantomData<M>);

impl<M: Live> Tick for Polling<M> {
    type Module = M;
    const NAME: &'static str = "polling feeders";

    fn slot() -> &'static Slot {
        M::slot()
    }

    fn tick() -> Option<u64> {
        let next = running::<M, _>(|main| M::feeds(main).run(false)).flatten();
        // With `master_process off` a configuration without feeders may be followed by one with some.
        next.or(Some(crate::BEAT_MS))
    }

    /// Another worker goes on at once.
    fn leave() -> Option<u64> {
        running::<M, _>(|main| M::feeds(main).run(true)).flatten()
    }
}

impl Memory for Zone {
    fn words(&self) -> Option<&[AtomicU64]> {
        Zone::words(self)
    }

    fn try_locked(&self, work: &mut dyn FnMut()) -> bool {
        let lock = self.try_lock();
        if lock.is_some() {
            work();
        }
        lock.is_some()
    }

    fn size(&self) -> usize {
        Zone::size(self)
    }

    fn size_for(&self, enough: &dyn Fn(usize) -> bool) -> usize {
        Zone::size_for(self, enough)
    }
}

/// How long the master waits for the lock of a zone that it replaces.
const PATIENCE: Duration = Duration::from_secs(5);

impl OldZone for Predecessor<'_> {
    fn words(&self) -> Option<&[AtomicU64]> {
        Predecessor::words(self)
    }

    fn locked(&self, work: &mut dyn FnMut()) -> bool {
        let lock = self.lock_within(PATIENCE);
        if lock.is_some() {
            work();
        }
        lock.is_some()
    }
}

/// The process that runs.
pub struct Process;

/// The process that reads a configuration: its lines are the configuration's.
pub struct Reading<'z>(pub &'z Zone);

struct RegularFile(File);

impl Read for RegularFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl OpenFile for RegularFile {
    fn stamp(&self) -> io::Result<Stamp> {
        self.0.metadata().map(Stamp::from)
    }

    fn is_for_all(&self) -> bool {
        self.0
            .metadata()
            .is_ok_and(|about| files::is_for_all(&about))
    }
}

impl From<world::Level> for Level {
    fn from(level: world::Level) -> Self {
        match level {
            world::Level::Error => Self::Error,
            world::Level::Warn => Self::Warn,
            world::Level::Notice => Self::Notice,
        }
    }
}

impl World for Process {
    fn now_ms(&self) -> u64 {
        process::now_ms()
    }

    fn time(&self) -> Duration {
        // Not nginx's clock, which stands still while a slice lasts.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.unwrap_or_default()
    }

    fn log(&self, level: world::Level, line: &str) {
        log::cycle(level.into(), line);
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        Ok(Box::new(RegularFile(files::open(path)?)))
    }

    fn stat(&self, path: &Path) -> io::Result<Stamp> {
        let meta = std::fs::metadata(path)?;
        if meta.is_file() {
            Ok(meta.into())
        } else {
            Err(io::Error::other("not a regular file"))
        }
    }

    fn list(&self, path: &Path) -> io::Result<Listing> {
        let entries = std::fs::read_dir(path)?;
        Ok(Box::new(entries.map(|e| e.map(|e| e.file_name()))))
    }

    fn explain(&self, error: &io::Error) -> String {
        files::errno(error)
    }

    fn speaks(&self) -> bool {
        process::is_first_worker()
    }

    fn before_change(&self) {
        #[cfg(feature = "hooks")]
        hooks::before_change();
    }

    fn process(&self) -> u64 {
        process::mark()
    }

    fn is_alive(&self, mark: u64) -> bool {
        process::is_alive(mark)
    }
}

impl World for Reading<'_> {
    fn now_ms(&self) -> u64 {
        Process.now_ms()
    }

    fn time(&self) -> Duration {
        Process.time()
    }

    /// `nginx -t` shows on the terminal what does not refuse the configuration; a running nginx logs it.
    fn log(&self, level: world::Level, line: &str) {
        if process::role() == Role::Test {
            // The log that has shown everything else about the configuration.
            log::cycle(Level::Warn, line);
        } else {
            self.0.log(level.into(), line);
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        Process.open(path)
    }

    fn stat(&self, path: &Path) -> io::Result<Stamp> {
        Process.stat(path)
    }

    fn list(&self, path: &Path) -> io::Result<Listing> {
        Process.list(path)
    }

    fn explain(&self, error: &io::Error) -> String {
        Process.explain(error)
    }

    fn writes(&self) -> bool {
        process::role() != Role::Test
    }

    fn workers(&self) -> Option<(u32, u32)> {
        self.0.workers()
    }
}

/// The build with test hooks.
#[cfg(feature = "hooks")]
pub mod hooks {
    use std::sync::OnceLock;

    static BEFORE_CHANGE: OnceLock<fn()> = OnceLock::new();

    /// Has `hook` called whenever a feeder is about to change a zone.
    pub fn set_before_change(hook: fn()) {
        let _ = BEFORE_CHANGE.set(hook);
    }

    pub(super) fn before_change() {
        if let Some(hook) = BEFORE_CHANGE.get() {
            hook();
        }
    }
}
