//! Many changes that belong together: all of them are made, or none.
//!
//! They are made in slices, and others may change other routes in between. When one is refused, those made before it are
//! taken back.

use super::change::{Condition, Refused, current};
use super::shared::SharedTable;
use crate::chunks::Stack;
use crate::memory::Memory;
use gatehouse_table::route::{Key, Match};
use gatehouse_table::table::{
    Applied, ApplyError, Change, NoWriter, Owner, Prepared, Room, RouteView, Writer,
};
use zeroize::Zeroizing;

/// Changes under one hold of the lock: some hundred microseconds.
const CHANGES: usize = 32;

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
    todo: Stack<u64>,
    /// What takes back those that were made.
    undo: Stack<u64>,
    counts: Counts,
    failed: Option<(Refused, Option<Key>)>,
    room: Option<Room>,
    /// Room has been made for the change in hand.
    is_made: bool,
    lost: usize,
}

/// How far a bulk has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Somebody else has the lock: later.
    Wait,
    /// There is more to do.
    More,
    /// All changes are made.
    Made(Counts),
    /// None is made: why, and which one was refused. So many could not be taken back, which takes a zone that others have
    /// filled at that very moment, or one that another zone has replaced, with these changes in it.
    Refused(Refused, Option<Key>, usize),
}

impl Bulk {
    /// No change yet.
    #[must_use]
    pub fn new(owner: Owner, mode: Match, only_if: Option<u64>) -> Self {
        Self {
            owner,
            mode,
            only_if,
            todo: Stack::default(),
            undo: Stack::default(),
            counts: Counts::default(),
            failed: None,
            room: None,
            is_made: false,
            lost: 0,
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
            return Progress::Refused(Refused::NoTable, None, 0);
        };
        table.memory.try_locked(&mut || {
            progress = match routes.writer(now_ms) {
                Ok(mut writer) => self.under_lock(&mut writer),
                Err(NoWriter::Repairing | NoWriter::LeaseLost) => Progress::Wait,
            };
        });
        progress
    }

    /// No further change is made; those made are taken back.
    pub fn give_up(&mut self) {
        self.failed.get_or_insert((Refused::Busy, None));
    }

    /// Frees a part of the memory; false when there is none left. All at once would take long.
    pub fn shrink(&mut self) -> bool {
        self.todo.shrink() | self.undo.shrink()
    }

    fn under_lock(&mut self, writer: &mut Writer<'_>) -> Progress {
        if let Some(room) = &mut self.room {
            if writer.make_room(room) {
                return Progress::More;
            }
            self.room = None;
        }
        if let Some(expected) = self.only_if.take() {
            if writer.table().generation() != expected {
                self.failed = Some((Refused::Condition, None));
            }
        }
        for _ in 0..CHANGES {
            if let Some((refused, key)) = &self.failed {
                if self.undo.is_empty() {
                    return Progress::Refused(*refused, key.clone(), self.lost);
                }
                self.take_back(writer);
            } else if self.todo.is_empty() {
                return Progress::Made(self.counts);
            } else {
                self.make(writer);
            }
            if self.room.is_some() {
                break;
            }
        }
        Progress::More
    }

    /// Makes the change on top.
    fn make(&mut self, writer: &mut Writer<'_>) {
        // They may hold secrets.
        let words = Zeroizing::new(self.todo.last().unwrap_or_default().to_vec());
        let Some(change) = Entry::read(&words, self.mode) else {
            self.todo.pop();
            return;
        };
        let before = match current(writer.table(), &change.key) {
            Ok(before) => before,
            Err(refused) => return self.fail(refused, change.key),
        };
        let version = before.as_ref().map(|(_, version)| *version);
        if !change.expects().holds(version) {
            return self.fail(Refused::Condition, change.key);
        }
        // First the way back: without memory for it nothing is done.
        let taken = before.as_ref().map(|(taken, _)| taken.words());
        if !self.undo.push(&entry(&change.key, None, taken)) {
            return self.fail(Refused::NoMemory, change.key);
        }
        match change.apply(writer, self.owner) {
            Ok(applied) => {
                self.count(applied);
                self.is_made = false;
                self.todo.pop();
                if matches!(applied, Applied::Unchanged | Applied::Missing) {
                    self.undo.pop();
                }
            }
            Err(ApplyError::Full) if !self.is_made => {
                self.undo.pop();
                self.make_room();
            }
            Err(error) => {
                self.undo.pop();
                self.fail(Refused::Table(error), change.key);
            }
        }
    }

    /// Takes back the change that was made last.
    fn take_back(&mut self, writer: &mut Writer<'_>) {
        let words = Zeroizing::new(self.undo.last().unwrap_or_default().to_vec());
        let result = Entry::read(&words, self.mode).map(|entry| entry.apply(writer, self.owner));
        if result == Some(Err(ApplyError::Full)) && !self.is_made {
            return self.make_room();
        }
        if matches!(result, Some(Err(_))) {
            self.lost = self.lost.saturating_add(1);
        }
        self.is_made = false;
        self.undo.pop();
    }

    fn make_room(&mut self) {
        self.is_made = true;
        self.room = Some(Room::default());
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
