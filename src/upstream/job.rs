//! One reading of a table's routes by a worker: read and checked whole, compared, applied; each a step at a time.

use super::pile::Pile;
use super::room;
use super::table::UpstreamTable;
use gatehouse_nginx::{ffi::files, ffi::process};
use gatehouse_table::route::{Entry, FileReader, Key, KeySet, LeftOut, Match, RouteError};
use gatehouse_table::table::{
    Applied, ApplyError, Change, Cursor, Demand, Feeder, NoWriter, Owner, Room, Ticket, Writer,
    resolve,
};
use std::fs::File;
use std::io::Read;
use std::rc::Rc;

/// Bytes read, buckets compared, changes applied or things freed between two looks at the clock.
const BYTES: u64 = 8 * 1024;
const BUCKETS: usize = 64;
const CHANGES: usize = 16;
const FREED: usize = 64;

/// A reading and how far it has come.
pub struct Job {
    ticket: Ticket,
    stage: Stage,
    entries: Pile<Entry>,
    /// Keys of routes that the file has no more.
    gone: Pile<Vec<u8>>,
    /// All keys of the file, once it is read.
    keys: Option<KeySet>,
    left_out: LeftOut,
    demand: Demand,
    room: Search,
    tally: Tally,
}

enum Stage {
    /// Nothing is applied before the end of the file: a broken one is refused whole.
    Reading { source: Source, reader: FileReader },
    /// Routes the file has no more are looked for.
    Comparing(Cursor),
    /// First what is gone, so that there is room for what is new; each from the end of its list.
    Applying,
    /// Memory is given back: a million routes all at once would stop the event loop.
    Freeing,
}

/// How far the search for room has come.
#[derive(Default)]
struct Search {
    /// What rests is being freed.
    freeing: Option<Room>,
    /// All of it is free.
    freed: bool,
    /// How many of the routes to come have lost their old ones.
    early: usize,
    /// How many more lose theirs before all that is free is brought together again.
    quota: usize,
    /// The old route of the one whose turn it is has gone, too.
    own: bool,
}

impl Search {
    /// Begins to free what rests, unless that has been done.
    fn begin(&mut self) -> bool {
        let begun = !std::mem::take(&mut self.freed);
        if begun {
            self.freeing = Some(Room::default());
        }
        begun
    }

    /// Goes on with the freeing; false while there is more to free.
    fn made(&mut self, writer: &mut Writer<'_>) -> bool {
        let Some(room) = &mut self.freeing else {
            return true;
        };
        if !writer.make_room(room) {
            self.freeing = None;
            self.freed = true;
        }
        false
    }
}

fn remove(writer: &mut Writer<'_>, key: &Key) -> Result<Applied, ApplyError> {
    writer.apply(&Change::Remove {
        key,
        owner: Owner::File,
    })
}

/// Where routes are read from.
pub enum Source {
    File(File),
    /// What the master has read, from this byte on.
    Snapshot(Rc<Vec<u8>>, usize),
}

/// What came of a step.
pub enum Step {
    /// There is more to do.
    More,
    /// Somebody else has the lock: later.
    Wait,
    /// The whole file has been read and is good.
    Read,
    /// All of it is in the table.
    Applied,
    /// Another worker has taken over.
    Lost,
    /// Nothing is left to do.
    Done,
}

/// What was done to the table.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    /// Routes of the file before.
    pub before: usize,
    /// Routes of the file now.
    pub total: usize,
    pub changed: usize,
    pub removed: usize,
    pub refused: usize,
    pub why: Option<ApplyError>,
    /// The writer before was killed at work.
    pub repaired: bool,
}

impl Tally {
    /// Whether so many routes are gone that it may well be a mistake.
    pub fn most_are_gone(&self) -> bool {
        let emptied = self.total == 0 && self.removed > 0;
        emptied || (self.before >= 100 && self.removed.saturating_mul(2) > self.before)
    }
}

impl Source {
    fn read(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        match self {
            Self::File(file) => {
                let read = file.take(BYTES).read_to_end(&mut bytes);
                read.map_err(|e| format!("cannot be read ({})", files::errno(&e)))?;
            }
            Self::Snapshot(all, at) => {
                let rest = all.get(*at..).unwrap_or_default();
                let next = rest.get(..BYTES as usize).unwrap_or(rest);
                bytes.extend_from_slice(next);
                *at = at.saturating_add(next.len());
            }
        }
        Ok(bytes)
    }
}

impl Job {
    /// A reading at its beginning.
    pub fn new(ticket: Ticket, source: Source, mode: Match) -> Self {
        let reader = FileReader::new(mode);
        Self {
            ticket,
            stage: Stage::Reading { source, reader },
            entries: Pile::default(),
            gone: Pile::default(),
            keys: None,
            left_out: LeftOut::default(),
            demand: Demand::default(),
            room: Search::default(),
            tally: Tally::default(),
        }
    }

    /// Ends it where it is: only its memory is left to be freed.
    pub fn abandon(&mut self) {
        if let Stage::Reading { reader, .. } = std::mem::replace(&mut self.stage, Stage::Freeing) {
            self.keys = Some(reader.into_keys());
        }
    }

    /// Whether it can still change the table.
    pub fn is_live(&self) -> bool {
        !matches!(self.stage, Stage::Freeing)
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The backends that have no address.
    pub fn take_left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }

    /// Does a little.
    pub fn step(&mut self, table: &UpstreamTable, who: Feeder) -> Result<Step, String> {
        match &mut self.stage {
            Stage::Reading { .. } => self.read(table),
            Stage::Comparing(_) => Ok(self.compare(table)),
            Stage::Applying => Ok(self.apply(table, who)),
            Stage::Freeing => Ok(self.free()),
        }
    }

    fn read(&mut self, table: &UpstreamTable) -> Result<Step, String> {
        let Stage::Reading { source, reader } = &mut self.stage else {
            return Ok(Step::More);
        };
        let bytes = source.read()?;
        if !bytes.is_empty() {
            let (entries, left_out) = (&mut self.entries, &mut self.left_out);
            let demand = &mut self.demand;
            let fed = reader.feed(&bytes, &mut |entry| {
                let route = resolve(
                    &entry.key,
                    &entry.route,
                    &mut |name, port| table.addresses(name, port),
                    &mut |backend| left_out.note(&entry.pointer, backend),
                );
                let room = demand.add(&entry.key, &route);
                room.map_err(|e| RouteError::new(e.to_string(), entry.pointer.as_str()))?;
                entries.push(entry);
                Ok(())
            });
            fed.map_err(|e| e.to_string())?;
            return Ok(Step::More);
        }
        reader.check_end().map_err(|e| e.to_string())?;
        room::check(table.zone(), &self.demand)?;
        let Some(routes) = table.routes() else {
            return Ok(Step::Lost);
        };
        let read = std::mem::replace(&mut self.stage, Stage::Comparing(routes.cursor()));
        let Stage::Reading { reader, .. } = read else {
            return Ok(Step::More);
        };
        let summary = reader.finish().map_err(|e| e.to_string())?;
        self.keys = Some(summary.keys);
        self.tally.total = self.entries.len();
        Ok(Step::Read)
    }

    fn compare(&mut self, table: &UpstreamTable) -> Step {
        let (Stage::Comparing(cursor), Some(routes), Some(keys)) =
            (&mut self.stage, table.routes(), &self.keys)
        else {
            return Step::Lost;
        };
        let (gone, tally) = (&mut self.gone, &mut self.tally);
        let more = routes.scan(cursor, BUCKETS, &mut |route| {
            if route.owner() == Some(Owner::File) {
                tally.before = tally.before.saturating_add(1);
                if !keys.contains(route.key()) {
                    gone.push(route.key().to_vec());
                }
            }
        });
        if !more {
            self.stage = Stage::Applying;
        }
        Step::More
    }

    fn apply(&mut self, table: &UpstreamTable, who: Feeder) -> Step {
        #[cfg(feature = "hooks")]
        crate::hooks::stop_feeder();
        let Some(routes) = table.routes() else {
            return Step::Lost;
        };
        let Some(_lock) = table.zone().try_lock() else {
            return Step::Wait;
        };
        let mut writer = match routes.feeding_writer(who, process::now_ms()) {
            Ok(writer) => writer,
            Err(NoWriter::Repairing) => return Step::More,
            // Whoever has the lease now may have applied newer routes while this process stood still.
            Err(NoWriter::LeaseLost) => return Step::Lost,
        };
        self.tally.repaired |= writer.repaired();
        if !self.room.made(&mut writer) {
            return Step::More;
        }
        for _ in 0..CHANGES {
            if let Some(key) = self.gone.pop() {
                if let Ok(key) = Key::parse(&key, table.mode()) {
                    let removed = remove(&mut writer, &key);
                    self.tally.count(removed);
                }
            } else if let Some(entry) = self.entries.pop() {
                let route = resolve(
                    &entry.key,
                    &entry.route,
                    &mut |name, port| table.addresses(name, port),
                    &mut |_| {},
                );
                let put = writer.apply(&Change::Put {
                    key: &entry.key,
                    route: &route,
                    owner: Owner::File,
                });
                if put == Err(ApplyError::Full) && self.find_room(&mut writer, &entry) {
                    self.entries.push(entry);
                    break;
                }
                self.tally.count(put);
            } else {
                routes.finish_ticket(self.ticket);
                self.stage = Stage::Freeing;
                return Step::Applied;
            }
        }
        Step::More
    }

    /// The routes fit the zone, but not yet beside the old ones: first what rests is freed, then old routes of which
    /// the new ones come later go early. False when there is nothing left to try.
    fn find_room(&mut self, writer: &mut Writer<'_>, entry: &Entry) -> bool {
        if self.room.quota == 0 {
            if self.room.begin() {
                return true;
            }
            // Twice as many each time: bringing together walks over the whole table.
            self.room.quota = self.room.early.max(1);
        }
        for _ in 0..self.room.quota.min(CHANGES) {
            if !self.remove_early(writer, entry) {
                return false;
            }
            if self.room.quota == 0 {
                break;
            }
        }
        true
    }

    /// Removes the old route of one that comes later, or in the end of this one; false when these are gone.
    fn remove_early(&mut self, writer: &mut Writer<'_>, entry: &Entry) -> bool {
        let later = self.entries.get(self.room.early);
        let key = later.map_or(&entry.key, |later| &later.key);
        if later.is_none() {
            // The last time: what is free is brought together once more.
            self.room.quota = 0;
            if std::mem::replace(&mut self.room.own, true) {
                return false;
            }
        } else {
            self.room.early = self.room.early.saturating_add(1);
            self.room.quota = self.room.quota.saturating_sub(1);
        }
        // Its new route counts as another one, whatever becomes of it.
        let _ = remove(writer, key);
        true
    }

    fn free(&mut self) -> Step {
        for _ in 0..FREED {
            let entry = self.entries.pop().is_some();
            let key = self.gone.pop().is_some();
            if !entry && !key {
                let more = self.keys.as_mut().is_some_and(KeySet::shrink);
                return if more { Step::More } else { Step::Done };
            }
        }
        Step::More
    }
}

impl Tally {
    /// Counts a change; true when it was refused.
    fn count(&mut self, result: Result<Applied, ApplyError>) -> bool {
        let more = |n: &mut usize| *n = n.saturating_add(1);
        match result {
            Ok(Applied::Unchanged | Applied::Missing) => {}
            Ok(Applied::Removed) => {
                more(&mut self.changed);
                more(&mut self.removed);
            }
            Ok(Applied::Created | Applied::Replaced) => more(&mut self.changed),
            Err(error) => {
                more(&mut self.refused);
                self.why = Some(error);
                return true;
            }
        }
        false
    }
}
