//! One reading of a table's routes by a worker: read and checked whole, compared, applied; each a step at a time.

use super::reading::{Caller, ReadOut, Reading};
use super::room;
use super::search::{Search, remove};
use super::shared::{RouteFiles, SharedTable};
use super::source::{Failure, Piece, Source};
use super::tally::Tally;
use crate::chunks::Stack;
use crate::memory::Memory;
use crate::world::World;
use gatehouse_table::route::{Key, Located, Match, NameSet, Sought};
use gatehouse_table::table::{
    ApplyError, Candidate, Cursor, NoWriter, Owner, Prepared, RouteView, There, Ticket, Writer,
};
use zeroize::Zeroizing;

/// Buckets compared or changes applied between two looks at the clock.
const BUCKETS: usize = 64;
const CHANGES: usize = 16;

/// A comparison that is disturbed again and again is taken as it is in the end.
const RESTARTS: u32 = 8;

const NO_MEMORY: &str = "no memory";

/// A reading and how far it has come.
pub(super) struct Job {
    ticket: Ticket,
    stage: Stage,
    /// Routes that are to be put, as the words of their records: those that the table has already are not among them.
    changed: Stack<u64>,
    /// Keys of routes that no file has any more.
    gone: Stack<u8>,
    /// What is known of the files, once they are read.
    read: ReadOut,
    /// Host names that are no longer of use.
    names: NameSet,
    search: Search,
    tally: Tally,
    /// How many routes of the files the table has, as others than these perhaps, of those that are not recognized.
    met: usize,
    /// How often the comparison has begun anew.
    restarts: u32,
}

enum Stage {
    /// Nothing is applied before the end of all files: where one is broken, all of it is refused.
    Reading(Source, Box<Reading>),
    /// Routes that no file has any more are looked for.
    Comparing(Cursor),
    /// First what is gone, so that there is room for what is new; each from the end of its list.
    Applying,
    /// Memory is given back: a million routes all at once would stop the event loop.
    Freeing,
}

/// What a job works with.
pub(super) struct Site<'s, M> {
    pub(super) table: &'s SharedTable<M>,
    pub(super) files: Option<&'s RouteFiles>,
    pub(super) world: &'s dyn World,
    /// Host names that were reported before.
    pub(super) said: &'s NameSet,
}

impl<M> Site<'_, M> {
    /// The addresses of a name, as far as they are known at once.
    fn address(&self, sought: Sought<'_>, is_of_master: bool) -> Result<Vec<Located>, String> {
        let files = self.files.ok_or("no file")?;
        let (hosts, answers) = (files.hosts.borrow(), self.table.answers.borrow());
        if is_of_master {
            hosts.ask_master(&answers, sought)
        } else {
            hosts.ask_here(&answers, sought)
        }
    }
}

/// What came of a step.
pub(super) enum Step {
    /// There is more to do.
    More,
    /// Somebody else has the lock: later.
    Wait,
    /// The files have been read to their end: [`Job::judge`].
    Ended,
    /// All of it is in the table.
    Applied,
    /// Another worker has taken over.
    Lost,
    /// Nothing is left to do.
    Done,
}

impl Job {
    /// A reading at its beginning.
    pub(super) fn new(ticket: Ticket, source: Source, mode: Match) -> Self {
        Self {
            ticket,
            stage: Stage::Reading(source, Box::new(Reading::new(mode))),
            changed: Stack::default(),
            gone: Stack::default(),
            read: ReadOut::default(),
            names: NameSet::default(),
            search: Search::default(),
            tally: Tally::default(),
            met: 0,
            restarts: 0,
        }
    }

    /// Ends it where it is: only its memory is left to be freed.
    pub(super) fn abandon(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Freeing);
        if let Stage::Reading(_, reading) = stage {
            self.read = reading.into_parts();
        }
        let left_out = std::mem::take(&mut self.read.left_out);
        self.names = left_out.into_names();
    }

    /// Whether it can still change the table.
    pub(super) fn is_live(&self) -> bool {
        !matches!(self.stage, Stage::Freeing)
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// How many routes say how their backends are checked, once all are read.
    pub(super) fn checked(&self) -> usize {
        self.read.checked
    }

    /// Which reading of the files this is.
    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Whether what has been read is perhaps no content that the files ever had.
    pub(super) fn is_disturbed(&self) -> bool {
        matches!(&self.stage, Stage::Reading(source, _) if source.is_disturbed())
    }

    /// Does a little; who does not lead has nothing to do but to free memory.
    pub(super) fn step<M: Memory>(
        &mut self,
        site: &Site<'_, M>,
        leader: Option<Candidate>,
    ) -> Result<Step, Failure> {
        match (&mut self.stage, leader) {
            (Stage::Freeing, _) => Ok(self.free()),
            (_, None) => Ok(Step::Lost),
            (Stage::Reading(..), Some(who)) => self.read(site, who),
            (Stage::Comparing(_), _) => self.compare(site),
            (Stage::Applying, Some(who)) => Ok(self.apply(site, who)),
        }
    }

    fn read<M: Memory>(&mut self, site: &Site<'_, M>, who: Candidate) -> Result<Step, Failure> {
        let (Stage::Reading(source, reading), Some(routes)) =
            (&mut self.stage, site.table.routes())
        else {
            return Ok(Step::Lost);
        };
        // Names first: routes may bring some that stand in /etc/hosts since a moment ago.
        if site
            .files
            .is_some_and(|files| files.hosts.borrow_mut().step())
        {
            return Ok(Step::More);
        }
        let bytes = match source.read(site.world)? {
            Piece::Bytes(bytes) => bytes,
            Piece::EndOfFile => {
                reading.end_file(source)?;
                source.next_file();
                return Ok(Step::More);
            }
            Piece::End => return Ok(Step::Ended),
        };
        let is_of_master = source.is_of_master();
        let (changed, met) = (&mut self.changed, &mut self.met);
        let (mut has_memory, mut other_texts) = (true, Vec::new());
        let read = reading.read(
            &bytes,
            source,
            Caller {
                known: Some(&routes),
                imprinter: routes.imprinter(),
                resolver: &mut |sought| site.address(sought, is_of_master),
                asks: false,
                said: site.said,
                take: &mut |_, _, prepared| {
                    let there = routes.there(prepared);
                    if there.is_of(&[Owner::File, Owner::Redis]) {
                        *met = met.saturating_add(1);
                    }
                    match there {
                        There::Same { is_noted: true, .. } => {}
                        There::Same { .. } => other_texts.push(prepared.clone()),
                        There::Other(_) => has_memory = changed.push(prepared.words()),
                    }
                    if has_memory {
                        Ok(())
                    } else {
                        Err(NO_MEMORY.into())
                    }
                },
            },
        );
        if !has_memory {
            return Err(Failure::Passing(NO_MEMORY.into()));
        }
        note_texts(site, who, &other_texts);
        read.map(|()| Step::More)
    }

    /// Judges the files now that they have been read. Gives the lines about backends without an address, and the names in
    /// them.
    pub(super) fn judge<M: Memory>(
        &mut self,
        table: &SharedTable<M>,
    ) -> Result<(Vec<String>, NameSet), Failure> {
        let (Stage::Reading(_, reading), Some(routes)) = (&mut self.stage, table.routes()) else {
            return Err(Failure::Whole("internal error".into()));
        };
        room::check(&table.memory, reading.demand()).map_err(Failure::Whole)?;
        self.tally.total = reading.demand().routes();
        let read = std::mem::replace(&mut self.stage, Stage::Comparing(routes.cursor()));
        if let Stage::Reading(_, reading) = read {
            self.read = reading.into_parts();
        }
        let met = self.met.saturating_add(self.read.recognized);
        if routes.stats().routes == met as u64 {
            // They are all that the table has: none is gone.
            self.tally.before = met;
            self.stage = Stage::Applying;
        }
        Ok(std::mem::take(&mut self.read.left_out).finish())
    }

    /// Takes names that are no longer of use, to free them.
    pub(super) fn discard(&mut self, names: NameSet) {
        self.names = names;
    }

    fn compare<M: Memory>(&mut self, site: &Site<'_, M>) -> Result<Step, Failure> {
        let (Stage::Comparing(cursor), Some(routes)) = (&mut self.stage, site.table.routes())
        else {
            return Ok(Step::Lost);
        };
        let (gone, tally, keys) = (&mut self.gone, &mut self.tally, &self.read.keys);
        let mut has_memory = true;
        let more = routes.scan(cursor, BUCKETS, &mut |route| {
            if matches!(route.owner(), Some(Owner::File | Owner::Redis)) {
                tally.before = tally.before.saturating_add(1);
                if !keys.contains(route.key()) {
                    has_memory &= gone.push(route.key());
                }
            }
        });
        if !has_memory {
            return Err(Failure::Passing(NO_MEMORY.into()));
        }
        if !more && routes.disturbed(cursor) && self.restarts < RESTARTS {
            // An entry moved, for a change of another owner: a route may not have been seen.
            self.restarts = self.restarts.saturating_add(1);
            self.tally.before = 0;
            self.gone = Stack::default();
            self.stage = Stage::Comparing(routes.cursor());
            return Ok(Step::More);
        }
        if !more {
            // A table that is to have no file any more loses what came from one.
            if site.files.is_some() {
                let brake = site.table.brake;
                let checked = brake.check(self.tally.before, self.gone.len());
                checked.map_err(Failure::Whole)?;
            }
            self.stage = Stage::Applying;
        }
        Ok(Step::More)
    }

    fn apply<M: Memory>(&mut self, site: &Site<'_, M>, who: Candidate) -> Step {
        site.world.before_change();
        let mut step = Step::Wait;
        site.table.memory.try_locked(&mut || {
            step = self.apply_locked(site, who);
        });
        step
    }

    fn apply_locked<M: Memory>(&mut self, site: &Site<'_, M>, who: Candidate) -> Step {
        let Some(routes) = site.table.routes() else {
            return Step::Lost;
        };
        let mut writer = match routes.feeding_writer(who, site.world.now_ms()) {
            Ok(writer) => writer,
            Err(NoWriter::Repairing) => return Step::More,
            // Whoever has the lease now may have applied newer routes while this process stood still.
            Err(NoWriter::LeaseLost) => return Step::Lost,
        };
        // This one may have lost the lease and got it back meanwhile.
        if routes.is_outdated(self.ticket) {
            return Step::Lost;
        }
        self.tally.repaired |= writer.repaired();
        // A table with a file of its own has no store any more.
        writer.take_over(Owner::Redis);
        if !self.search.is_made(&mut writer) {
            return Step::More;
        }
        for _ in 0..CHANGES {
            if let Some(key) = self.gone.last() {
                if let Ok(key) = Key::parse(key, site.table.mode) {
                    self.tally.count(&key, remove(&mut writer, &key));
                }
                self.gone.pop();
            } else if self.changed.is_empty() {
                routes.finish_ticket(self.ticket);
                self.stage = Stage::Freeing;
                return Step::Applied;
            } else if !self.put(&mut writer, site.table.mode) {
                break;
            }
        }
        Step::More
    }

    /// Puts the route on top of those to be put; false when room is to be made for it first.
    fn put(&mut self, writer: &mut Writer<'_>, mode: Match) -> bool {
        // They may hold secrets.
        let words = Zeroizing::new(self.changed.last().unwrap_or_default().to_vec());
        self.changed.pop();
        let put = writer.put_prepared(&words, Owner::File);
        let Ok(key) = Key::parse(RouteView::from_words(&words).key(), mode) else {
            return true;
        };
        let is_full = put == Err(ApplyError::Full);
        if is_full && self.search.find(writer, &key, &self.changed, mode) {
            // Its place is free: this cannot fail.
            return !self.changed.push(&words);
        }
        self.tally.count(&key, put);
        true
    }

    fn free(&mut self) -> Step {
        let chunks = self.changed.shrink() | self.gone.shrink();
        let sets = self.read.shrink() | self.names.shrink();
        if chunks | sets {
            Step::More
        } else {
            Step::Done
        }
    }
}

/// Notes that the table's routes have these texts, too: it says so whether the files are good or not. While somebody else
/// has the lock, they are read as they were until now.
fn note_texts<M: Memory>(site: &Site<'_, M>, who: Candidate, routes: &[Prepared]) {
    let Some(table) = site.table.routes().filter(|_| !routes.is_empty()) else {
        return;
    };
    site.table.memory.try_locked(&mut || {
        if let Ok(mut writer) = table.feeding_writer(who, site.world.now_ms()) {
            routes.iter().for_each(|route| writer.note_imprint(route));
        }
    });
}
