//! A database in shared memory: read by the master at start, replaced by one worker under load.

use super::feed::{Loader, metadata, stamp_of, too_old};
use crate::Gatehouse;
use crate::words::duplicate;
use gatehouse_geo::{Database, Facts, FactsCache, Field, Fields, Lookup, Shape};
use gatehouse_nginx::shm::slots::{Outcome, Published, Slots};
use gatehouse_nginx::{Conf, Error, Level, Zone, ffi::files, ffi::process};
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// One `geoip_db`.
pub struct Db {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) reload_ms: u64,
    pub(super) max_age_s: u64,
    pub(super) zone: Zone,
    pub(super) fields: Option<Fields>,
    /// What the master read.
    loaded: Option<Rc<Loaded>>,
    /// After a reload with another file: the generation that it replaces; else 0.
    replaces: Rc<Cell<u64>>,
    /// This worker's view of the zone.
    view: RefCell<Option<View>>,
    /// In the worker that reads files: the replacement being read, when to look again, the
    /// stamp of the last file that was refused.
    pub(super) loader: RefCell<Option<Loader>>,
    pub(super) next_look_ms: Cell<u64>,
    pub(super) refused: Cell<u64>,
    /// The build of the database whose age was warned about.
    pub(super) warned_of: Cell<u64>,
}

/// What a worker knows about the bytes of a generation; the zone lends them for each lookup.
struct View {
    shape: Rc<Shape>,
    memo: FactsCache,
    generation: u64,
}

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
        let path = words.get(1).map(String::as_str).unwrap_or_default();
        if path.is_empty() {
            return Err(cf.invalid(path));
        }
        let path = cf.path(path)?;
        let (mut name, mut reload, mut max_age, mut size) = (None, None, None, None);
        for word in words.iter().skip(2) {
            let invalid = |_| cf.invalid(word);
            let seen = match word.split_once('=') {
                Some(("name", value)) if !value.is_empty() => {
                    name.replace(value.to_owned()).is_some()
                }
                Some(("reload", value)) => reload
                    .replace(cf.milliseconds(value).map_err(invalid)?)
                    .is_some(),
                Some(("max_age", value)) => max_age
                    .replace(cf.seconds(value).map_err(invalid)?)
                    .is_some(),
                Some(("zone", value)) => size.replace(cf.size(value).map_err(invalid)?).is_some(),
                _ => return Err(cf.invalid_parameter(word)),
            };
            if seen {
                return Err(duplicate(cf, word));
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
            _ => Some(Rc::new(load(&path).map_err(|e| {
                Error::new(format!("geoip_db \"{}\" {e}", path.display()))
            })?)),
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
        let shown = path.display().to_string();
        let replaces = Rc::new(Cell::new(0));
        let (read, for_workers) = (loaded.clone(), Rc::clone(&replaces));
        let zone = cf.zone(&zone_name, size, move |zone, _| {
            let Some(read) = &read else { return Ok(()) };
            let generation = prepare(zone, read).ok_or_else(|| {
                let why = too_small(zone, read.database.source().len());
                format!("geoip_db \"{shown}\": {why}")
            })?;
            for_workers.set(generation);
            Ok(())
        })?;
        Ok(Self {
            name,
            path,
            reload_ms,
            max_age_s,
            zone,
            fields,
            loaded,
            replaces,
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
        self.with(|database, _| Some(database.build_epoch()))
    }

    /// What is known about an address.
    pub fn facts(&self, address: IpAddr) -> Facts {
        self.with(|database, view| match database.lookup(address) {
            Lookup::Found(offset) => {
                let generation = u32::try_from(view.generation & u64::from(u32::MAX)).unwrap_or(0);
                Some(view.memo.facts(generation, database, offset))
            }
            Lookup::NotFound | Lookup::Broken => None,
        })
        .unwrap_or(Facts::UNKNOWN)
    }

    /// Hands the record of an address to `read`.
    pub fn record<T>(
        &self,
        address: IpAddr,
        read: impl Fn(&Database<Published<'_>>, u32) -> Option<T>,
    ) -> Option<T> {
        self.with(|database, _| match database.lookup(address) {
            Lookup::Found(offset) => read(database, offset),
            Lookup::NotFound | Lookup::Broken => None,
        })
    }

    /// Uses this worker's view of the current generation: an answer counts when the generation has not moved
    /// meanwhile ([`Published`]).
    fn with<T>(
        &self,
        mut use_it: impl FnMut(&Database<Published<'_>>, &mut View) -> Option<T>,
    ) -> Option<T> {
        const TRIES: usize = 3;
        let slots = self.zone.slots()?;
        let mut view = self.view.try_borrow_mut().ok()?;
        for _ in 0..TRIES {
            let published = slots.current()?;
            let generation = published.generation;
            let known = view.as_ref().filter(|v| v.generation == generation);
            let database = match known {
                Some(known) => Database::with_shape(published, Rc::clone(&known.shape)),
                None => {
                    *view = None;
                    let database = Database::open(published).ok()?;
                    *view = Some(View {
                        shape: database.shape(),
                        memo: FactsCache::new(),
                        generation,
                    });
                    database
                }
            };
            let answer = use_it(&database, view.as_mut()?);
            if slots.generation() == generation {
                return answer;
            }
        }
        None
    }

    /// Publishes what the master read at a reload, now that the reload has succeeded. Whichever new
    /// worker comes first does it; not one that starts later, when a newer file may be in use.
    pub(super) fn take_over(&self) {
        let replaces = self.replaces.take();
        let Some(read) = self.loaded.as_ref().filter(|_| replaces != 0) else {
            return;
        };
        let (Some(slots), Some(lock)) = (self.zone.slots(), self.zone.lock()) else {
            return;
        };
        if slots.generation() != replaces {
            return;
        }
        let bytes = read.database.source();
        if slots.publish(&lock, bytes, read.stamp, process::now_ms()) == Outcome::TooSoon {
            // The next tick tries again.
            self.replaces.set(replaces);
        }
    }

    /// Takes a new generation into view, outside of requests.
    pub(super) fn refresh(&self) {
        let _ = self.with(|_, _| Some(()));
    }
}

/// `"zone=" is too small: it has 65536 bytes, the database needs 106496 ("zone=104k")`
pub(super) fn too_small(zone: &Zone, length: usize) -> String {
    let needed = zone.size_for(|words| Slots::capacity_of(words) >= length);
    format!(
        "\"zone=\" is too small: it has {} bytes, the database needs {needed} (\"zone={}k\")",
        zone.size(),
        needed / 1024
    )
}

struct Loaded {
    database: Database<Vec<u8>>,
    stamp: u64,
}

/// What is wrong with a file, to be read after its name.
pub(super) fn fault(error: &gatehouse_geo::Error) -> String {
    match error {
        gatehouse_geo::Error::NotMaxMind => format!("is {error}"),
        gatehouse_geo::Error::Invalid(_) => format!("is an {error}"),
    }
}

/// Reads and verifies a whole file, in the master.
fn load(path: &Path) -> Result<Loaded, String> {
    let unreadable = |e| format!("cannot be read ({})", files::errno(&e));
    let stamp = stamp_of(path, &metadata(path).map_err(unreadable)?);
    let bytes = files::read(path).map_err(unreadable)?;
    let database = Database::open(bytes).map_err(|e| fault(&e))?;
    database.verify().map_err(|e| fault(&e))?;
    Ok(Loaded { database, stamp })
}

/// Puts a database into a new zone. A zone that is kept serves the running configuration and stays
/// as it is: gives the generation that workers are to replace, 0 when there is nothing to do. None
/// when the database does not fit.
fn prepare(zone: &Zone, read: &Loaded) -> Option<u64> {
    let slots = zone.slots().filter(|_| !zone.is_too_small())?;
    let bytes = read.database.source();
    match slots.generation() {
        0 => {
            let lock = zone.lock()?;
            let done = slots.publish(&lock, bytes, read.stamp, process::now_ms());
            (done == Outcome::Done).then_some(0)
        }
        _ if slots.stamp() == read.stamp => Some(0),
        generation => (bytes.len() <= slots.capacity()).then_some(generation),
    }
}
