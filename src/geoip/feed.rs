//! Replaces databases under load: one worker reads the file, verifies it and puts it into the
//! zone, a slice at a time.

use super::database::{Db, fault, too_small};
use crate::Gatehouse;
use gatehouse_geo::{Database, Field, Verification};
use gatehouse_nginx::event::timer::{self, Slot, Tick};
use gatehouse_nginx::shm::slots::{Draft, Slots};
use gatehouse_nginx::{Level, Zone, ffi::files, ffi::log, ffi::process, running};
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A replacement on its way in, a slice at a time.
pub struct Loader {
    file: File,
    stamp: u64,
    /// Bytes a slot holds.
    room: usize,
    bytes: Vec<u8>,
    check: Option<(Database<Vec<u8>>, Verification)>,
    /// Verified, and on its way into the zone.
    draft: Option<Draft>,
}

/// The stamp of a file that is not there.
const GONE: u64 = u64::MAX;
/// How often each worker looks whether a new generation is there.
const TICK_MS: u64 = 250;
/// The pause between two slices of loading.
const SLICE_MS: u64 = 1;
/// Bytes read in one slice.
const READ_SLICE: u64 = 1 << 20;
/// Nodes and values verified in one slice: a few milliseconds.
const VERIFY_SLICE: u32 = 100_000;
/// Bytes put into the zone in one slice, under its lock: less than a millisecond.
const PUT_SLICE: usize = 1 << 20;
impl Db {
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
        let more = match one.draft {
            None => self.examine(one),
            Some(_) => self.put(one),
        };
        if more {
            return SLICE_MS;
        }
        *loader = None;
        TICK_MS
    }

    /// One slice of reading and verifying; whether there is more to do.
    fn examine(&self, one: &mut Loader) -> bool {
        let answer = one.step(&self.zone);
        if let Ok(false) = answer {
            return true;
        }
        // A file that is still being written is looked at again when it rests.
        let rests = one
            .file
            .metadata()
            .is_ok_and(|now| stamp_of(&self.path, &now) == one.stamp);
        let verdict = answer.and_then(|_| self.agrees(one));
        match (verdict, rests) {
            (_, false) => false,
            (Err(text), true) => {
                self.refuse(one.stamp, &text);
                false
            }
            (Ok(()), true) => {
                let Some((slots, lock)) = self.zone.slots().zip(self.zone.lock()) else {
                    return false;
                };
                // None for up to a second after another publication: then this slice is done once more.
                one.draft = slots.begin(&lock, process::now_ms());
                true
            }
        }
    }

    /// Rules that were accepted with the database in use must have their fields in the next one.
    fn agrees(&self, one: &Loader) -> Result<(), String> {
        let known = self
            .fields
            .is_some()
            .then_some(one.check.as_ref())
            .flatten();
        let missing = known.and_then(|(database, _)| {
            let lost = |field: &Field| self.has(*field) && !database.has_field(*field);
            Field::ALL.into_iter().find(lost)
        });
        missing.map_or(Ok(()), |field| {
            Err(format!(
                "has no field \"{}\", the one in use has",
                field.name()
            ))
        })
    }

    /// Puts one slice into the zone, the last one publishes it; whether there is more to do. When
    /// another process has begun to do the same, the file is looked at again later.
    fn put(&self, one: &mut Loader) -> bool {
        let (Some(draft), Some((database, _))) = (&mut one.draft, &one.check) else {
            return false;
        };
        let Some((slots, lock)) = self.zone.slots().zip(self.zone.lock()) else {
            return false;
        };
        let rest = database.source().get(draft.len()..).unwrap_or_default();
        if let Some(chunk) = rest
            .get(..PUT_SLICE)
            .filter(|chunk| chunk.len() < rest.len())
        {
            return slots.append(&lock, draft, chunk);
        }
        if slots.append(&lock, draft, rest)
            && slots.commit(&lock, draft, one.stamp, process::now_ms())
        {
            let built = database.build_epoch();
            if !self.good_again(&format!("replaced, built {built}")) {
                let path = self.path.display();
                log::cycle(
                    Level::Notice,
                    &format!("geoip_db \"{path}\" replaced, built {built}"),
                );
            }
            self.warn_of_age(built);
        }
        false
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
        let meta = match metadata(&self.path) {
            Ok(meta) => meta,
            Err(error) => {
                // No content has this stamp: said once, until there is a file again.
                if self.refused.get() != GONE {
                    let error = files::errno(&error);
                    self.refuse(GONE, &format!("cannot be read ({error})"));
                }
                return None;
            }
        };
        let stamp = stamp_of(&self.path, &meta);
        if stamp == slots.stamp() {
            self.good_again("the one in use is there");
            return None;
        }
        if stamp == self.refused.get() {
            return None;
        }
        let opened = files::open(&self.path).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((meta, file)) => Some(Loader {
                file,
                stamp: stamp_of(&self.path, &meta),
                room: slots.capacity(),
                bytes: Vec::new(),
                check: None,
                draft: None,
            }),
            Err(error) => {
                let error = files::errno(&error);
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
            log::cycle(Level::Error, &format!("geoip_db \"{path}\" {text}"));
        }
    }

    /// Ends what [`Self::refuse`] began; whether there was anything to end.
    fn good_again(&self, text: &str) -> bool {
        let refused = self.refused.replace(0) != 0;
        if refused {
            let path = self.path.display();
            log::cycle(
                Level::Notice,
                &format!("geoip_db \"{path}\" is good again: {text}"),
            );
        }
        refused
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

impl Loader {
    /// One slice; true when all is read and verified.
    fn step(&mut self, zone: &Zone) -> Result<bool, String> {
        if let Some((database, verification)) = &mut self.check {
            return verification
                .step(database, VERIFY_SLICE)
                .map_err(|e| fault(&e));
        }
        let before = self.bytes.len();
        let mut slice = (&mut self.file).take(READ_SLICE);
        slice
            .read_to_end(&mut self.bytes)
            .map_err(|e| format!("cannot be read ({})", files::errno(&e)))?;
        if self.bytes.len() > self.room {
            let length = self.file.metadata().map_or(0, |meta| meta.len());
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            return Err(format!(
                "is larger than its zone, reload: {}",
                too_small(zone, length)
            ));
        }
        if self.bytes.len() == before {
            let database =
                Database::open(std::mem::take(&mut self.bytes)).map_err(|e| fault(&e))?;
            let verification = Verification::new(&database).map_err(|e| fault(&e))?;
            self.check = Some((database, verification));
        }
        Ok(false)
    }
}

/// What the system says about a file; anything else (reading a pipe would wait) is refused.
pub fn metadata(path: &Path) -> std::io::Result<Metadata> {
    let meta = std::fs::metadata(path)?;
    if meta.is_file() {
        Ok(meta)
    } else {
        Err(std::io::Error::other("not a regular file"))
    }
}

/// Tells one content of a path from another: which file, how long, changed when.
pub fn stamp_of(path: &Path, meta: &Metadata) -> u64 {
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

pub fn too_old(build_epoch: u64, max_age_s: u64) -> Option<String> {
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
        running::<Gatehouse, _>(|main| {
            let databases = &main.geoip.databases;
            // With `master_process off` no worker starts after a reload.
            databases.iter().for_each(Db::take_over);
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
        db.take_over();
        db.refresh();
        db.next_look_ms
            .set(process::now_ms().saturating_add(db.reload_ms));
        if db.reload_ms > 0 && process::worker_number() == 0 {
            if let Err(error) = files::open(&db.path) {
                let text = format!(
                    "geoip_db \"{}\" cannot be read again by the workers ({}), changes need a reload",
                    db.path.display(),
                    files::errno(&error)
                );
                log::cycle(Level::Error, &text);
            }
        }
    }
    timer::start::<Refresh>(TICK_MS);
}
