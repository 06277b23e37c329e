//! A replacement on its way into the zone, a step at a time.

use super::loading::{Checking, Loaded, Reading, Wanted, number};
use super::shared::{SharedDatabase, too_small};
use crate::stamp::Stamp;
use crate::watch::Watch;
use crate::world::{OpenFile, World};
use gatehouse_base::memory::free_part;
use gatehouse_geo::{Database, Field, Fields, Image, Shape, Summary, Verification};
use gatehouse_nginx::shm::slots::Draft;
use std::rc::Rc;

/// A replacement and how far it has come.
pub(super) struct Work {
    stage: Stage,
    bytes: Bytes,
    /// Done with, and to be freed.
    verification: Option<Verification>,
    summary: Option<Summary>,
    /// The number of the file's stamp: tells one content from another.
    content: u64,
    /// The same as the zone keeps it; 0 when it may be another content soon.
    stamp: u64,
}

enum Stage {
    Reading(Reading),
    /// So many bytes are those of the database in use.
    Comparing {
        at: usize,
        /// Its generation, once some have been compared.
        with: u64,
    },
    Checking(Box<Checking>),
    /// It is good, and may be put into the zone when nobody reads the slot any more.
    Waiting(Rc<Shape>),
    Putting(Rc<Shape>, Draft),
    Freeing,
}

/// The bytes of a file.
enum Bytes {
    /// Read by this worker.
    Own(Vec<u8>),
    /// Read by the master.
    Master(Rc<Loaded>),
}

/// What a replacement must agree with.
pub(super) struct Terms<'t> {
    /// The fields that it must have, and those that are asked for.
    pub(super) wanted: &'t Wanted,
    /// The generation that the master's database replaces.
    pub(super) replaces: u64,
}

/// What came of a step.
pub(super) enum Outcome {
    /// There is more to do.
    More,
    /// There is, but not now.
    Wait,
    /// The file has been read to its end: go on with [`Work::take_bytes`] if that was one content.
    Read,
    /// It cannot be used.
    Bad(String),
    /// It is the one in use.
    InUse,
    /// The master's is in use.
    TakenOver,
    /// Another process has begun to put something there: it is looked at again later.
    Overtaken,
    /// It is in use now.
    Replaced { built: u64 },
    /// Nothing is left to do.
    Over,
}

/// Bytes compared or put into the zone in one step: less than a millisecond, also under the lock.
const PIECE: usize = 1 << 20;

impl Work {
    /// The replacement by a file.
    pub(super) fn of_file(world: &dyn World, file: Box<dyn OpenFile>, stamp: Stamp) -> Self {
        Self {
            stage: Stage::Reading(Reading::new(file, stamp)),
            bytes: Bytes::Own(Vec::new()),
            verification: None,
            summary: None,
            content: stamp.number(),
            stamp: number(world, stamp),
        }
    }

    /// The replacement by what the master has read and verified.
    pub(super) fn of_master(loaded: Rc<Loaded>) -> Self {
        Self {
            stage: Stage::Waiting(Rc::clone(&loaded.shape)),
            content: loaded.stamp,
            stamp: loaded.stamp,
            bytes: Bytes::Master(loaded),
            verification: None,
            summary: None,
        }
    }

    /// Tells one content from another.
    pub(super) fn content(&self) -> u64 {
        self.content
    }

    /// Whether what is being read is one content.
    pub(super) fn is_at_rest(&mut self, watch: &mut Watch) -> bool {
        match &mut self.stage {
            Stage::Reading(reading) => reading.is_at_rest(watch),
            _ => true,
        }
    }

    /// Ends it where it is: only its memory is left to be freed.
    pub(super) fn abandon(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Freeing) {
            Stage::Reading(reading) => self.bytes = Bytes::Own(reading.bytes),
            Stage::Checking(checking) => self.discard(*checking),
            _ => {}
        }
    }

    /// Does a little; who does not lead has nothing to do but to free memory.
    pub(super) fn step(
        &mut self,
        database: &SharedDatabase,
        world: &dyn World,
        terms: &Terms<'_>,
        leads: bool,
    ) -> Outcome {
        if !leads {
            self.abandon();
        }
        match self.stage {
            Stage::Reading(_) => self.read(database, world),
            Stage::Comparing { .. } => self.compare(database, terms.wanted),
            Stage::Checking(_) => self.check(database, terms.wanted),
            Stage::Waiting(_) => self.wait(database, world, terms.replaces),
            Stage::Putting(..) => self.put(database, world),
            Stage::Freeing => self.free(),
        }
    }

    fn read(&mut self, database: &SharedDatabase, world: &dyn World) -> Outcome {
        let (Stage::Reading(reading), Some(slots)) = (&mut self.stage, database.slots()) else {
            return Outcome::Over;
        };
        let room = slots.capacity();
        let is_read = if reading.length() > room {
            let why = too_small(&database.zone, reading.length());
            Err(format!("is larger than its zone, reload: {why}"))
        } else {
            reading.step(world)
        };
        match is_read {
            Ok(true) => Outcome::Read,
            Ok(false) => Outcome::More,
            Err(text) => Outcome::Bad(text),
        }
    }

    /// The bytes that have been read are those of the replacement.
    pub(super) fn take_bytes(&mut self) {
        let next = Stage::Comparing { at: 0, with: 0 };
        if let Stage::Reading(reading) = std::mem::replace(&mut self.stage, next) {
            self.bytes = Bytes::Own(reading.bytes);
        }
    }

    fn compare(&mut self, database: &SharedDatabase, wanted: &Wanted) -> Outcome {
        let Stage::Comparing { at, with } = &mut self.stage else {
            return Outcome::Over;
        };
        let (Some(slots), Bytes::Own(new)) = (database.slots(), &self.bytes) else {
            return Outcome::Over;
        };
        if *at == 0 {
            *with = slots.generation();
        }
        let used = slots.current();
        let used = used.as_ref().map_or(&[][..], AsRef::as_ref);
        let used = used.get(..Image::of(used).file).unwrap_or_default();
        let end = at.saturating_add(PIECE).min(new.len());
        let same = used.len() == new.len() && used.get(*at..end) == new.get(*at..end);
        *at = end;
        if !same {
            return self.begin_to_check(wanted.asked.get());
        }
        if end < new.len() {
            return Outcome::More;
        }
        let Some(lock) = database.zone.try_lock() else {
            return Outcome::Wait;
        };
        if slots.generation() != *with {
            // Somebody has put another one there meanwhile.
            self.stage = Stage::Comparing { at: 0, with: 0 };
            return Outcome::More;
        }
        slots.set_stamp(&lock, self.stamp);
        self.stage = Stage::Freeing;
        Outcome::InUse
    }

    fn begin_to_check(&mut self, asked: Fields) -> Outcome {
        match Checking::new(self.bytes.take(), asked) {
            Ok(checking) => {
                self.stage = Stage::Checking(Box::new(checking));
                Outcome::More
            }
            Err((text, bytes)) => {
                self.bytes = Bytes::Own(bytes);
                Outcome::Bad(text)
            }
        }
    }

    fn check(&mut self, database: &SharedDatabase, wanted: &Wanted) -> Outcome {
        let Stage::Checking(checking) = &mut self.stage else {
            return Outcome::Over;
        };
        let agreed = match checking.step() {
            Ok(false) => return Outcome::More,
            Ok(true) => agrees(checking, wanted.relied_on.get()),
            Err(text) => Err(text),
        };
        if let Err(text) = agreed {
            return Outcome::Bad(text);
        }
        let room = database.slots().map_or(0, |slots| slots.capacity());
        if !checking.append_summary(room) {
            return Outcome::More;
        }
        let waiting = Stage::Waiting(Rc::clone(&checking.shape));
        if let Stage::Checking(checking) = std::mem::replace(&mut self.stage, waiting) {
            self.discard(*checking);
        }
        Outcome::More
    }

    fn wait(&mut self, database: &SharedDatabase, world: &dyn World, replaces: u64) -> Outcome {
        let (Stage::Waiting(shape), Some(slots)) = (&self.stage, database.slots()) else {
            return Outcome::Over;
        };
        let Some(lock) = database.zone.try_lock() else {
            return Outcome::Wait;
        };
        if matches!(self.bytes, Bytes::Master(_)) && slots.generation() != replaces {
            self.stage = Stage::Freeing;
            return Outcome::TakenOver;
        }
        // None for up to a second after another publication.
        let Some(draft) = slots.begin(&lock, world.now_ms()) else {
            return Outcome::Wait;
        };
        self.stage = Stage::Putting(Rc::clone(shape), draft);
        Outcome::More
    }

    /// Puts one piece into the zone; the last one publishes it.
    fn put(&mut self, database: &SharedDatabase, world: &dyn World) -> Outcome {
        let (Stage::Putting(shape, draft), Some(slots)) = (&mut self.stage, database.slots())
        else {
            return Outcome::Over;
        };
        let Some(lock) = database.zone.try_lock() else {
            return Outcome::Wait;
        };
        world.before_change();
        let bytes = self.bytes.fitting(slots.capacity());
        let end = draft.len().saturating_add(PIECE).min(bytes.len());
        let piece = bytes.get(draft.len()..end).unwrap_or_default();
        let is_put = slots.append(&lock, draft, piece);
        if is_put && end < bytes.len() {
            return Outcome::More;
        }
        let is_published = is_put && slots.commit(&lock, draft, self.stamp, world.now_ms());
        let built = Database::with_shape(bytes, Rc::clone(shape)).build_epoch();
        self.stage = Stage::Freeing;
        match &self.bytes {
            // What the master has read is kept, and tried again as long as nothing newer is in use.
            _ if !is_published => Outcome::Overtaken,
            Bytes::Master(_) => Outcome::TakenOver,
            Bytes::Own(_) => Outcome::Replaced { built },
        }
    }

    fn discard(&mut self, checking: Checking) {
        let (bytes, verification, summary) = checking.into_parts();
        self.bytes = Bytes::Own(bytes);
        self.verification = Some(verification);
        self.summary = summary;
    }

    fn free(&mut self) -> Outcome {
        let bytes = match &mut self.bytes {
            Bytes::Own(bytes) => free_part(bytes),
            Bytes::Master(_) => false,
        };
        let verification = self.verification.as_mut().is_some_and(Verification::shrink);
        let summary = self.summary.as_mut().is_some_and(Summary::shrink);
        if bytes | verification | summary {
            Outcome::More
        } else {
            Outcome::Over
        }
    }
}

impl Bytes {
    /// What is put into a slot of that size.
    fn fitting(&self, room: usize) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Master(loaded) => loaded.fitting(room),
        }
    }

    /// Takes the bytes that this worker has read.
    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Own(bytes) => std::mem::take(bytes),
            Self::Master(_) => Vec::new(),
        }
    }
}

/// Rules that were accepted with the database in use must have their fields in the next one.
fn agrees(checking: &Checking, needed: Fields) -> Result<(), String> {
    let has = checking.fields();
    let lost = |field: &Field| needed.contains(*field) && !has.contains(*field);
    match Field::ALL.into_iter().find(lost) {
        Some(field) => Err(format!(
            "has no field \"{}\", the one in use has",
            field.name()
        )),
        None => Ok(()),
    }
}
