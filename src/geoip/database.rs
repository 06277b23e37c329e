//! A database in shared memory: read by the master at start, replaced by one worker under load.

use super::parameter;
use crate::Gatehouse;
use gatehouse_core::geo::{Database, Facts, FactsCache, Field, Fields, Lookup, Verification};
use gatehouse_nginx::slots::{Published, Slots};
use gatehouse_nginx::timer::{self, Slot, Tick};
use gatehouse_nginx::{Conf, Error, Level, Zone, log, module, process};
use std::cell::{Cell, RefCell};
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One `geoip_db`.
pub struct Db {
    name: String,
    path: PathBuf,
    reload_ms: u64,
    max_age_s: u64,
    zone: Zone,
    fields: Option<Fields>,
    /// This worker's view of the zone.
    view: RefCell<Option<View>>,
    /// In the worker that reads files: the replacement being read, when to look again, the
    /// stamp of the last file that was refused.
    loader: RefCell<Option<Loader>>,
    next_look_ms: Cell<u64>,
    refused: Cell<u64>,
    /// The build of the database whose age was warned about.
    warned_of: Cell<u64>,
}

struct View {
    database: Database<Published>,
    memo: FactsCache,
    generation: u64,
}

/// A replacement on its way in, a slice at a time.
struct Loader {
    file: File,
    stamp: u64,
    /// Bytes a slot holds.
    room: usize,
    bytes: Vec<u8>,
    check: Option<(Database<Vec<u8>>, Verification)>,
}

/// How often each worker looks whether a new generation is there.
const TICK_MS: u64 = 250;
/// The pause between two slices of loading.
const SLICE_MS: u64 = 1;
/// Bytes read in one slice.
const READ_SLICE: u64 = 1 << 20;
/// Nodes and values verified in one slice: a few milliseconds.
const VERIFY_SLICE: u32 = 100_000;
/// Why a file that fits into no slot is refused.
const TOO_LARGE: &str = "is larger than its zone: reload, or raise \"zone=\"";
/// Default slots are multiples of this, so that a file that grows a little still fits.
const SLOT_STEP: usize = 1 << 20;

/// The words of a `geoip_db`.
struct Written {
    path: PathBuf,
    name: String,
    reload_ms: u64,
    max_age_s: u64,
    size: Option<usize>,
}

impl Written {
    fn read(cf: &Conf<'_, Gatehouse>) -> Result<Self, Error> {
        let words = cf.words()?;
        let path = cf.path(words.get(1).map(String::as_str).unwrap_or_default())?;
        let (mut name, mut reload, mut max_age, mut size) = (None, None, None, None);
        for word in words.iter().skip(2) {
            let seen = match word.split_once('=') {
                Some(("name", value)) if !value.is_empty() => {
                    name.replace(value.to_owned()).is_some()
                }
                Some(("reload", value)) => reload.replace(cf.milliseconds(value)?).is_some(),
                Some(("max_age", value)) => max_age.replace(cf.seconds(value)?).is_some(),
                Some(("zone", value)) => size.replace(cf.size(value)?).is_some(),
                _ => return Err(parameter(cf, "invalid", word)),
            };
            if seen {
                return Err(parameter(cf, "duplicate", word));
            }
        }
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned());
        Ok(Self {
            name: name.or(stem).unwrap_or_default(),
            path,
            reload_ms: reload.unwrap_or(30_000),
            max_age_s: max_age.unwrap_or(0),
            size,
        })
    }
}

impl Db {
    /// Reads a `geoip_db` directive and its file.
    pub fn read(cf: &mut Conf<'_, Gatehouse>) -> Result<Self, Error> {
        let Written {
            path,
            name,
            reload_ms,
            max_age_s,
            size,
        } = Written::read(cf)?;
        if cf.main().geoip.databases.iter().any(|db| db.name == name) {
            return Err(Error::new(format!("duplicate geoip_db \"{name}\"")));
        }
        // A process that only signals the master has no use for the bytes.
        let loaded = match process::role() {
            process::Role::Signaller => None,
            _ => Some(
                load(&path)
                    .map_err(|e| Error::new(format!("geoip_db \"{}\" {e}", path.display())))?,
            ),
        };
        if let Some(loaded) = &loaded {
            if let Some(text) = too_old(loaded.database.build_epoch(), max_age_s) {
                cf.log(
                    Level::Warn,
                    &format!("geoip_db \"{}\" {text}", path.display()),
                );
            }
        }
        let length = loaded.as_ref().map_or(0, |l| l.database.source().len());
        let size = size.unwrap_or_else(|| {
            let slot = (length.saturating_add(length / 2) / SLOT_STEP)
                .saturating_add(1)
                .saturating_mul(SLOT_STEP);
            Slots::zone_size(slot)
        });
        let fields = loaded.as_ref().map(|l| l.database.fields());
        let zone_name = format!("geoip_db {name}");
        let shown = zone_name.clone();
        let zone = cf.zone(&zone_name, size, move |zone, _| {
            let Some(loaded) = &loaded else { return Ok(()) };
            publish(zone, loaded.database.source(), loaded.stamp)
                .ok_or_else(|| format!("zone \"{shown}\" is too small for the database"))
        })?;
        Ok(Self {
            name,
            path,
            reload_ms,
            max_age_s,
            zone,
            fields,
            view: RefCell::default(),
            loader: RefCell::default(),
            next_look_ms: Cell::new(0),
            refused: Cell::new(0),
            warned_of: Cell::new(0),
        })
    }

    /// Its name, for `db=`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its records have a field; unknown (in a process that did not read it) is yes.
    pub fn has(&self, field: Field) -> bool {
        self.fields.is_none_or(|fields| fields.contains(field))
    }

    /// When the database in use was built, seconds since 1970.
    pub fn build_epoch(&self) -> Option<u64> {
        self.with(|view| Some(view.database.build_epoch()))
    }

    /// What is known about an address.
    pub fn facts(&self, address: IpAddr) -> Facts {
        self.with(|view| match view.database.lookup(address) {
            Lookup::Found(offset) => {
                let generation = u32::try_from(view.generation & u64::from(u32::MAX)).unwrap_or(0);
                Some(view.memo.facts(generation, &view.database, offset))
            }
            Lookup::NotFound | Lookup::Broken => None,
        })
        .unwrap_or(Facts::UNKNOWN)
    }

    /// Hands the record of an address to `read`.
    pub fn record<T>(
        &self,
        address: IpAddr,
        read: impl Fn(&Database<Published>, u32) -> Option<T>,
    ) -> Option<T> {
        self.with(|view| match view.database.lookup(address) {
            Lookup::Found(offset) => read(&view.database, offset),
            Lookup::NotFound | Lookup::Broken => None,
        })
    }

    /// Uses this worker's view of the current generation. The next replacement goes into the
    /// other slot, the one after it comes [`Slots::SETTLE_MS`] later at least: an answer is sound
    /// when the generation has not moved meanwhile.
    fn with<T>(&self, mut use_it: impl FnMut(&mut View) -> Option<T>) -> Option<T> {
        const TRIES: usize = 3;
        let slots = self.zone.slots()?;
        let mut view = self.view.try_borrow_mut().ok()?;
        for _ in 0..TRIES {
            let current = slots.generation();
            if view.as_ref().is_none_or(|v| v.generation != current) {
                *view = View::of(&slots);
            }
            let one = view.as_mut()?;
            let answer = use_it(one);
            if slots.generation() == one.generation {
                return answer;
            }
        }
        None
    }

    /// Takes a new generation into view, outside of requests.
    fn refresh(&self) {
        let _ = self.with(|_| Some(()));
    }

    /// Goes on reading a replacement, or looks for one; milliseconds until the next time.
    fn feed(&self) -> u64 {
        let Ok(mut loader) = self.loader.try_borrow_mut() else {
            return TICK_MS;
        };
        if loader.is_none() {
            *loader = self.look();
        }
        let Some(one) = loader.as_mut() else {
            return TICK_MS;
        };
        let answer = one.step();
        if let Ok(false) = answer {
            return SLICE_MS;
        }
        // A file that is still being written is looked at again when it rests.
        let rests = one
            .file
            .metadata()
            .is_ok_and(|now| stamp_of(&self.path, &now) == one.stamp);
        let done = loader.take();
        if let Some(Loader { stamp, check, .. }) = done.filter(|_| rests) {
            match (answer, check) {
                (Ok(_), Some((database, _))) => self.replace(&database, stamp),
                (Err(text), _) => self.refuse(stamp, &text),
                (Ok(_), None) => {}
            }
        }
        TICK_MS
    }

    /// Opens the file when it is another one than the one in use.
    fn look(&self) -> Option<Loader> {
        let now = process::now_ms();
        if self.reload_ms == 0 || now < self.next_look_ms.get() {
            return None;
        }
        self.next_look_ms
            .set(now.saturating_add(self.reload_ms.max(Slots::SETTLE_MS)));
        self.warn_of_age(self.build_epoch()?);
        let slots = self.zone.slots()?;
        let stamp = stamp_of(&self.path, &metadata(&self.path).ok()?);
        if stamp == slots.stamp() || stamp == self.refused.get() {
            return None;
        }
        let opened = File::open(&self.path).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((meta, file)) => Some(Loader {
                file,
                stamp: stamp_of(&self.path, &meta),
                room: slots.capacity(),
                bytes: Vec::new(),
                check: None,
            }),
            Err(error) => {
                self.refuse(stamp, &format!("cannot be read ({error})"));
                None
            }
        }
    }

    /// Says once of each database that it is older than `max_age`.
    fn warn_of_age(&self, build_epoch: u64) {
        let warned = self.warned_of.get() == build_epoch;
        if let Some(text) = too_old(build_epoch, self.max_age_s).filter(|_| !warned) {
            self.warned_of.set(build_epoch);
            let path = self.path.display();
            log::cycle(Level::Warn, &format!("geoip_db \"{path}\" {text}"));
        }
    }

    fn replace(&self, database: &Database<Vec<u8>>, stamp: u64) {
        let path = self.path.display();
        let missing = Field::ALL
            .into_iter()
            .find(|f| self.has(*f) && !database.has_field(*f));
        if let Some(field) = missing.filter(|_| self.fields.is_some()) {
            return self.refuse(
                stamp,
                &format!("has no field \"{}\", the one in use has", field.name()),
            );
        }
        match publish(&self.zone, database.source(), stamp) {
            Some(()) => log::cycle(
                Level::Notice,
                &format!(
                    "geoip_db \"{path}\" replaced, built {}",
                    database.build_epoch()
                ),
            ),
            None => return self.refuse(stamp, TOO_LARGE),
        }
        self.warn_of_age(database.build_epoch());
    }

    /// Says once why a file is not used.
    fn refuse(&self, stamp: u64, text: &str) {
        self.refused.set(stamp);
        let path = self.path.display();
        log::cycle(
            Level::Error,
            &format!("geoip_db \"{path}\" {text}, the old one stays in use"),
        );
    }
}

impl View {
    fn of(slots: &Slots<'_>) -> Option<Self> {
        let published = slots.current()?;
        let generation = published.generation;
        let database = Database::open(published).ok()?;
        Some(Self {
            database,
            memo: FactsCache::new(),
            generation,
        })
    }
}

impl Loader {
    /// One slice; true when all is read and verified.
    fn step(&mut self) -> Result<bool, String> {
        if let Some((database, verification)) = &mut self.check {
            return verification
                .step(database, VERIFY_SLICE)
                .map_err(|e| e.to_string());
        }
        let before = self.bytes.len();
        let mut slice = (&mut self.file).take(READ_SLICE);
        slice
            .read_to_end(&mut self.bytes)
            .map_err(|e| format!("cannot be read ({e})"))?;
        if self.bytes.len() > self.room {
            return Err(TOO_LARGE.to_owned());
        }
        if self.bytes.len() == before {
            let database =
                Database::open(std::mem::take(&mut self.bytes)).map_err(|e| e.to_string())?;
            let verification = Verification::new(&database).map_err(|e| e.to_string())?;
            self.check = Some((database, verification));
        }
        Ok(false)
    }
}

struct Loaded {
    database: Database<Vec<u8>>,
    stamp: u64,
}

/// Reads and verifies a whole file, in the master.
fn load(path: &Path) -> Result<Loaded, String> {
    let unreadable = |e| format!("cannot be read ({e})");
    let stamp = stamp_of(path, &metadata(path).map_err(unreadable)?);
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let database = Database::open(bytes).map_err(|e| e.to_string())?;
    database.verify().map_err(|e| e.to_string())?;
    Ok(Loaded { database, stamp })
}

/// Puts bytes into the zone unless they are there already; None when they do not fit.
fn publish(zone: &Zone, bytes: &[u8], stamp: u64) -> Option<()> {
    let slots = zone.slots()?;
    if slots.generation() != 0 && slots.stamp() == stamp {
        return Some(());
    }
    let lock = zone.lock()?;
    slots.publish(&lock, bytes, stamp).then_some(())
}

/// What the system says about a file; anything else (reading a pipe would wait) is refused.
fn metadata(path: &Path) -> std::io::Result<Metadata> {
    let meta = std::fs::metadata(path)?;
    if meta.is_file() {
        Ok(meta)
    } else {
        Err(std::io::Error::other("it is no regular file"))
    }
}

/// Tells one content of a path from another: which file, how long, changed when.
fn stamp_of(path: &Path, meta: &Metadata) -> u64 {
    let mut hasher = DefaultHasher::new();
    (
        path,
        meta.ino(),
        meta.dev(),
        meta.len(),
        meta.mtime(),
        meta.mtime_nsec(),
    )
        .hash(&mut hasher);
    hasher.finish()
}

fn too_old(build_epoch: u64, max_age_s: u64) -> Option<String> {
    let now = u64::try_from(process::now()).unwrap_or(0);
    let age = now.saturating_sub(build_epoch);
    (max_age_s > 0 && age > max_age_s)
        .then(|| format!("was built {} days ago, more than \"max_age\"", age / 86_400))
}

/// Keeps a worker's views current and, in one worker, the zones.
pub struct Refresh;

impl Tick for Refresh {
    type Module = Gatehouse;
    const NAME: &'static str = "refreshing geoip databases";

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tick() -> Option<u64> {
        // After a reload the new worker feeds; the old configuration may name another file.
        let feeds = process::worker_number() == 0 && !process::exiting();
        module::running::<Gatehouse, _>(|main| {
            let databases = &main.geoip.databases;
            let next = databases
                .iter()
                .map(|db| if feeds { db.feed() } else { TICK_MS })
                .min();
            databases.iter().for_each(Db::refresh);
            next.unwrap_or(TICK_MS)
        })
    }
}

/// Opens this worker's views and starts looking for replacements.
pub fn start_worker(main: &super::Main) {
    if main.databases.is_empty() {
        return;
    }
    for db in &main.databases {
        db.refresh();
        db.next_look_ms
            .set(process::now_ms().saturating_add(db.reload_ms));
        // The master has warned of what was too old at the start.
        if let Some(epoch) = db
            .build_epoch()
            .filter(|e| too_old(*e, db.max_age_s).is_some())
        {
            db.warned_of.set(epoch);
        }
        if db.reload_ms > 0 && process::worker_number() == 0 {
            if let Err(error) = File::open(&db.path) {
                let text = format!(
                    "geoip_db \"{}\" cannot be read again by the workers ({error}), changes need a reload",
                    db.path.display()
                );
                log::cycle(Level::Warn, &text);
            }
        }
    }
    timer::start::<Refresh>(TICK_MS);
}
