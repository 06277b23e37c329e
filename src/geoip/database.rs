//! One `geoip_db`: its words, its zone, its feeder.

use crate::Gatehouse;
use crate::words::duplicate;
use gatehouse_geo::{Facts, Field, Fields, Path};
use gatehouse_live::geoip::{
    DatabaseFeeder, DatabaseFile, Loaded, Pending, SharedDatabase, Wanted, load, too_old,
};
use gatehouse_live::nginx::Process;
use gatehouse_nginx::shm::slots::Slots;
use gatehouse_nginx::{Conf, Error, Level, Zone, ffi::process};
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;

/// One `geoip_db`.
pub(super) struct Db {
    name: String,
    fields: Option<Fields>,
    wanted: Rc<Wanted>,
    /// What the master has read.
    pending: Rc<Pending>,
    shared: Rc<SharedDatabase>,
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

    /// Reads and verifies the file; a process that only signals the master has no use for it.
    fn load(&self, cf: &Conf<'_, Gatehouse>) -> Result<Option<Loaded>, Error> {
        if process::role() == process::Role::Signaller {
            return Ok(None);
        }
        let shown = self.shown();
        let loaded = load(&Process, &self.path);
        let loaded = loaded.map_err(|e| Error::new(format!("{shown} {e}")))?;
        if let Some(text) = too_old(loaded.database().build_epoch(), self.max_age_s) {
            cf.log(Level::Warn, &format!("{shown} {text}"));
        }
        Ok(Some(loaded))
    }

    /// Its zone, for a file of `length` bytes; the master puts the database into a new one.
    fn zone(
        &self,
        cf: &Conf<'_, Gatehouse>,
        length: usize,
        pending: Rc<Pending>,
    ) -> Result<Zone, Error> {
        let size = self.size.unwrap_or_else(|| {
            let slot = (length.saturating_add(length / 2) / SLOT_STEP)
                .saturating_add(1)
                .saturating_mul(SLOT_STEP);
            Slots::zone_size(slot)
        });
        let (shown, name) = (self.shown(), format!("geoip_db {}", self.name));
        cf.zone(&name, size, move |zone, _| {
            let prepared = pending.prepare(zone);
            prepared.map_err(|why| format!("{shown}: {why}"))
        })
    }

    fn shown(&self) -> String {
        format!("geoip_db \"{}\"", self.path.display())
    }
}

impl Db {
    /// Reads a `geoip_db` directive and its file.
    pub(super) fn read(cf: &mut Conf<'_, Gatehouse>) -> Result<Self, Error> {
        let written = Written::read(cf)?;
        let name = written.name.clone();
        if cf.main().geoip.databases.iter().any(|db| db.name == name) {
            return Err(Error::new(format!("duplicate geoip_db \"{name}\"")));
        }
        let loaded = written.load(cf)?;
        let fields = loaded.as_ref().map(|loaded| loaded.fields());
        let pending = Rc::new(Pending::new(loaded));
        let zone = written.zone(cf, pending.longest(), Rc::clone(&pending))?;
        let shared = Rc::new(SharedDatabase::new(zone));
        let wanted = Rc::default();
        let file = DatabaseFile {
            path: written.path,
            reload_ms: written.reload_ms,
            max_age_s: written.max_age_s,
            wanted: Rc::clone(&wanted),
            pending: Rc::clone(&pending),
        };
        let feeder = DatabaseFeeder::new(file, Rc::clone(&shared), Rc::new(Process));
        let seat = Rc::clone(&shared);
        cf.main()
            .feeds
            .change(|scheduler| scheduler.add(seat, vec![Box::new(feeder)]));
        Ok(Self {
            name,
            fields,
            wanted,
            pending,
            shared,
        })
    }

    /// Its name, for `db=`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether its records have a field; unknown (in a process that did not read it) is yes.
    pub(super) fn has(&self, field: Field) -> bool {
        self.fields.is_none_or(|fields| fields.contains(field))
    }

    /// When the database in use was built, seconds since 1970.
    pub(super) fn build_epoch(&self) -> Option<u64> {
        self.shared.build_epoch()
    }

    /// All of the configuration has been read. What it relies on some database must have: a later one in the place of
    /// this one must have of it what this one has. What it asks for at each request is worked out beforehand.
    pub(super) fn complete(&self, relied_on: Fields, asked: Fields) {
        let own = self.fields.unwrap_or_default().and(relied_on);
        self.wanted.relied_on.set(own);
        self.wanted.asked.set(asked);
        self.pending.summarize(asked);
    }

    /// What is in memory, and how current that is.
    pub(super) fn shared(&self) -> &SharedDatabase {
        &self.shared
    }

    /// What is known about an address, as far as it is `asked` for.
    pub(super) fn facts(&self, address: IpAddr, asked: Fields) -> Facts {
        self.shared.facts(address, asked)
    }

    /// Hands the value to which a path leads in the record of an address to `read`.
    pub(super) fn value<T>(
        &self,
        address: IpAddr,
        path: &Path,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        self.shared.value(address, path, read)
    }
}
