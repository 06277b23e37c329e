//! Many changes that belong together: all of them are made, or none, and all are seen at once.
//!
//! They are made in slices, and others may change other routes in between; nothing of them is seen until all are made
//! (see `bulk` in the table). Whoever else changes one of these routes meanwhile is not held up: what the bulk expects of
//! that route is then looked at again, so that it is refused as if the change had come before it began.

use super::change::{Condition, Refused, current};
use super::shared::SharedTable;
use crate::chunks::Stack;
use crate::memory::Memory;
use gatehouse_table::route::{Key, Match};
use gatehouse_table::table::{
    Applied, ApplyError, BulkNumber, Change, NoWriter, Owner, Prepared, Room, RouteView, Shown,
    Writer,
};
use zeroize::Zeroizing;

/// Changes under one hold of the lock: some hundred microseconds.
const CHANGES: usize = 32;
/// How often the changes are looked through because others have changed their routes. Addresses of names change so.
const PASSES: u32 = 8;

/// The first word of a change in a stack.
const PUT: u64 = 1;
const REMOVE: u64 = 2;
/// The route is there, in the version that the second word has.
const EXPECTS: u64 = 4;

/// What was done, in routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New ones.
    pub created: usize,
    /// Others than before.
    pub replaced: usize,
    /// Gone.
    pub removed: usize,
    /// As they were.
    pub unchanged: usize,
}

/// Changes that belong together.
pub struct Bulk {
    owner: Owner,
    mode: Match,
    /// The table's generation that is expected when the first change is made.
    only_if: Option<u64>,
    /// As the table knows it, once it has begun.
    number: Option<BulkNumber>,
    todo: Stack<u64>,
    /// Those that are made, and to be settled in the end.
    done: Stack<u64>,
    passes: u32,
    counts: Counts,
    /// All of it can be seen.
    is_shown: bool,
    failed: Option<(Refused, Option<Key>)>,
    room: Option<Room>,
    /// Room has been made for the change in hand.
    is_made: bool,
}

/// How far a bulk has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Somebody else has the lock: later.
    Wait,
    /// Another bulk is being made: this one begins when that has ended.
    Queued,
    /// There is more to do.
    More,
    /// All changes are made.
    Made(Counts),
    /// None is made: why, and which one was refused.
    Refused(Refused, Option<Key>),
}

impl Bulk {
    /// No change yet.
    #[must_use]
    pub fn new(owner: Owner, mode: Match, only_if: Option<u64>) -> Self {
        Self {
            owner,
            mode,
            only_if,
            number: None,
            todo: Stack::default(),
            done: Stack::default(),
            passes: 0,
            counts: Counts::default(),
            is_shown: false,
            failed: None,
            room: None,
            is_made: false,
        }
    }

    /// Adds a change of the route that has this version now, if there is one; each key once. None removes it. False when
    /// memory is short.
    pub fn push(&mut self, key: &Key, version: Option<u64>, route: Option<&Prepared>) -> bool {
        let words = route.map(Prepared::words);
        self.todo.push(&entry(key, version, words))
    }

    /// Makes some of the changes, if the lock is free.
    pub fn attempt<M: Memory>(&mut self, table: &SharedTable<M>, now_ms: u64) -> Progress {
        let mut progress = Progress::Wait;
        let Some(routes) = table.routes() else {
            return Progress::Refused(Refused::NoTable, None);
        };
        table.memory.try_locked(&mut || {
            progress = match routes.writer(now_ms) {
                Ok(mut writer) => self.under_lock(&mut writer),
                Err(NoWriter::Repairing | NoWriter::LeaseLost) => Progress::Wait,
            };
        });
        progress
    }

    /// No further change is made; those made are taken back. What can be seen stays.
    pub fn give_up(&mut self) {
        self.failed.get_or_insert((Refused::Busy, None));
    }

    /// Frees a part of the memory; false when there is none left. All at once would take long.
    pub fn shrink(&mut self) -> bool {
        self.todo.shrink() | self.done.shrink()
    }

    fn under_lock(&mut self, writer: &mut Writer<'_>) -> Progress {
        if let Some(progress) = self.resume(writer) {
            return progress;
        }
        if let Some(room) = &mut self.room {
            if writer.make_room(room) {
                return Progress::More;
            }
            self.room = None;
        }
        for _ in 0..CHANGES {
            if self.is_shown || self.failed.is_some() {
                if !self.settle(writer) {
                    writer.close_bulk();
                    return self.result();
                }
            } else if self.todo.is_empty() {
                self.show(writer);
            } else {
                self.make(writer);
            }
            if self.room.is_some() {
                break;
            }
        }
        Progress::More
    }

    /// Begins, or goes on; something where there is nothing to go on with.
    fn resume(&mut self, writer: &mut Writer<'_>) -> Option<Progress> {
        if let Some(number) = self.number {
            if writer.resume_bulk(number) {
                return None;
            }
            // The table was repaired meanwhile: what could be seen stays, and nothing else is left.
            self.give_up();
            return Some(self.result());
        }
        if self.failed.is_some() {
            return Some(self.result());
        }
        let generation = writer.table().generation();
        self.number = writer.open_bulk();
        if self.number.is_none() {
            return Some(Progress::Queued);
        }
        if self.only_if.take().is_some_and(|only| only != generation) {
            self.failed = Some((Refused::Condition, None));
        }
        None
    }

    fn result(&self) -> Progress {
        match &self.failed {
            Some((refused, key)) if !self.is_shown => Progress::Refused(*refused, key.clone()),
            _ => Progress::Made(self.counts),
        }
    }

    /// Makes the change on top, unless it is there from an earlier pass.
    fn make(&mut self, writer: &mut Writer<'_>) {
        // They may hold secrets.
        let words = Zeroizing::new(self.todo.last().unwrap_or_default().to_vec());
        let Some(change) = Entry::read(&words, self.mode) else {
            self.todo.pop();
            return;
        };
        if let Some(pending) = writer.pending(&change.key) {
            return self.made(writer, pending, &words, change.key);
        }
        let before = match current(writer.table(), &change.key) {
            Ok(before) => before,
            Err(refused) => return self.fail(refused, change.key),
        };
        let version = before.map(|(_, version)| version);
        if !change.expects().holds(version) {
            return self.fail(Refused::Condition, change.key);
        }
        match change.apply(writer, self.owner) {
            Ok(applied) => self.made(writer, applied, &words, change.key),
            Err(ApplyError::Full) if !self.is_made => {
                self.is_made = true;
                self.room = Some(Room::default());
            }
            Err(error) => self.fail(Refused::Table(error), change.key),
        }
    }

    /// The change on top is made.
    fn made(&mut self, writer: &mut Writer<'_>, applied: Applied, words: &[u64], key: Key) {
        self.is_made = false;
        self.todo.pop();
        let is_pending = !matches!(applied, Applied::Unchanged | Applied::Missing);
        if is_pending && !self.done.push(words) {
            // There is no memory to remember it by.
            writer.settle(&key);
            return self.fail(Refused::NoMemory, key);
        }
        self.count(applied);
    }

    /// All changes are made, or so it seems.
    fn show(&mut self, writer: &mut Writer<'_>) {
        match writer.show_bulk(self.done.len()) {
            Shown::All => self.is_shown = true,
            Shown::Disturbed if self.passes >= PASSES => self.give_up(),
            Shown::Disturbed => {
                self.passes = self.passes.saturating_add(1);
                std::mem::swap(&mut self.todo, &mut self.done);
                let unchanged = self.counts.unchanged;
                self.counts = Counts {
                    unchanged,
                    ..Counts::default()
                };
            }
        }
    }

    /// Settles the change that was made last; false when there is none.
    fn settle(&mut self, writer: &mut Writer<'_>) -> bool {
        if self.done.is_empty() && self.passes > 0 {
            // Those that were to be looked at again have been made in an earlier pass.
            std::mem::swap(&mut self.todo, &mut self.done);
        }
        if self.done.is_empty() {
            return false;
        }
        let words = Zeroizing::new(self.done.last().unwrap_or_default().to_vec());
        if let Some(entry) = Entry::read(&words, self.mode) {
            writer.settle(&entry.key);
        }
        self.done.pop();
        true
    }

    fn fail(&mut self, refused: Refused, key: Key) {
        self.is_made = false;
        self.failed = Some((refused, Some(key)));
    }

    fn count(&mut self, applied: Applied) {
        let Counts {
            created,
            replaced,
            removed,
            unchanged,
        } = &mut self.counts;
        let count = match applied {
            Applied::Created => created,
            Applied::Replaced => replaced,
            Applied::Removed => removed,
            Applied::Unchanged | Applied::Missing => unchanged,
        };
        *count = count.saturating_add(1);
    }
}

/// A change as words: what it is, the version expected, and a prepared route or the bytes of a key.
fn entry(key: &Key, version: Option<u64>, route: Option<&[u64]>) -> Zeroizing<Vec<u64>> {
    let bytes = key.as_bytes();
    let payload = route.map_or(bytes.len().div_ceil(8).saturating_add(1), <[_]>::len);
    let mut words = Zeroizing::new(Vec::with_capacity(payload.saturating_add(2)));
    let kind = if route.is_some() { PUT } else { REMOVE };
    let expects = if version.is_some() { EXPECTS } else { 0 };
    words.extend([kind | expects, version.unwrap_or(0)]);
    match route {
        Some(route) => words.extend_from_slice(route),
        None => {
            words.push(bytes.len() as u64);
            for chunk in bytes.chunks(8) {
                let mut word = [0; 8];
                for (to, from) in word.iter_mut().zip(chunk) {
                    *to = *from;
                }
                words.push(u64::from_ne_bytes(word));
            }
        }
    }
    words
}

/// A change read from its words.
struct Entry<'w> {
    kind: u64,
    version: u64,
    key: Key,
    route: &'w [u64],
}

impl<'w> Entry<'w> {
    fn read(words: &'w [u64], mode: Match) -> Option<Self> {
        let [kind, version, rest @ ..] = words else {
            return None;
        };
        let key = if kind & PUT != 0 {
            Key::parse(RouteView::from_words(rest).key(), mode)
        } else {
            let (len, text) = rest.split_first()?;
            let bytes: &[u8] = bytemuck::cast_slice(text);
            Key::parse(bytes.get(..usize::try_from(*len).ok()?)?, mode)
        };
        Some(Self {
            kind: *kind,
            version: *version,
            key: key.ok()?,
            route: rest,
        })
    }

    fn expects(&self) -> Condition {
        if self.kind & EXPECTS != 0 {
            Condition::Is(self.version)
        } else {
            Condition::Absent
        }
    }

    fn apply(&self, writer: &mut Writer<'_>, owner: Owner) -> Result<Applied, ApplyError> {
        if self.kind & PUT != 0 {
            return writer.put_prepared(self.route, owner);
        }
        let key = &self.key;
        writer.apply(&Change::Remove { key, owner })
    }
}
