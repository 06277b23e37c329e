//! What the master does with a table's files at start and at reload, before the new workers exist.
//!
//! A new zone begins with the routes that were there before it, and is filled from the files. A kept one serves workers of
//! the running configuration: nothing of it may change before the reload has succeeded, so what the files have is checked
//! and left to the new workers.

use super::brake::Brake;
use super::earlier::{Before, Earlier, Wanted};
use super::feeder::{Feed, Snapshot};
use super::look::{Found, Look};
use super::plan::Plan;
use super::reading::{Caller, ReadOut, Reading};
use super::restore::{NotRestored, demand, earlier, restore};
use super::room;
use super::shared::{RouteFiles, STAYS};
use super::source::{Failure, Piece, Source};
use super::spool::Spool;
use super::state::Told;
use super::tally::Tally;
use crate::memory::Memory;
use crate::world::{Level, World};
use gatehouse_table::route::{Imprinter, Key, KeySet, NameSet, Resolved};
use gatehouse_table::table::{
    ApplyError, Change, Owner, RouteView, Table, Ticket, TooSmall, Writer, is_source,
};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// Buckets of a table that are looked at in one go.
const BUCKETS: usize = 1024;

/// The files as they were read.
#[derive(Default)]
struct Content {
    /// What they had, if it is kept.
    spool: Option<Spool>,
    read: ReadOut,
    /// What came of putting it into a new table.
    tally: Tally,
    /// There was no room for all of it beside the earlier routes.
    is_full: bool,
    /// Which files and which content it was, as soon as that is known.
    found: Found,
}

impl Plan {
    /// Makes the table in a new zone and fills it, or checks that a kept zone's table is ours and leaves in `feed` what
    /// workers are to bring it to.
    ///
    /// A table that is replaced takes no change any more: whoever refuses the configuration afterwards must take that
    /// back ([`Table::set_superseded`]).
    ///
    /// # Errors
    /// Why the configuration is refused.
    pub fn prepare(
        &self,
        zone: &impl Memory,
        before: &Before<'_>,
        world: &dyn World,
        feed: &mut Feed,
    ) -> Result<(), String> {
        self.prepare_state(world);
        let words = zone.words().ok_or("no memory")?;
        if matches!(before, Before::Kept) {
            let table = Table::attach(words);
            let table = table.map_err(|e| format!("the zone in use has {e}, restart nginx"))?;
            if table.mode() != self.mode {
                return Err("\"match\" cannot change while the table is in use, restart nginx or name another table".into());
            }
            let filling = Filling {
                plan: self,
                zone,
                world,
                table: &table,
                earlier: &Earlier::Nothing,
                words,
                seed: 0,
            };
            return filling.keep(feed);
        }
        let mut earlier = earlier(self, before, world);
        let seed = RandomState::new().hash_one(self.name.as_str());
        loop {
            let Ok(table) = Table::format(words, self.mode, seed) else {
                return Err(self.needs(zone, &earlier, world));
            };
            let filling = Filling {
                plan: self,
                zone,
                world,
                table: &table,
                earlier: &earlier,
                words,
                seed,
            };
            match filling.begin(feed) {
                Ok(()) => return Ok(()),
                Err(NotRestored::Refused(why)) => return Err(why),
                Err(NotRestored::Full) => return Err(self.needs(zone, &earlier, world)),
                Err(NotRestored::Unusable) => earlier = Earlier::Nothing,
            }
        }
    }

    /// Says what will go wrong with the state, and opens its lock.
    fn prepare_state(&self, world: &dyn World) {
        let Some(state) = &self.state else {
            return;
        };
        let shown = state.shown();
        if let Some(why) = state.obstacle(world.workers()) {
            let text = format!("{shown} cannot be written while nginx runs: {why}");
            self.log(world, Level::Warn, &text);
        }
        if !world.writes() {
            return;
        }
        if let Err(error) = state.prepare() {
            let why = world.explain(&error);
            let text = format!("{shown} is not kept: its lock file cannot be opened ({why})");
            self.log(world, Level::Error, &text);
        }
    }

    /// Why a zone is refused that has no room for what is there: how large it must be.
    fn needs(&self, zone: &impl Memory, earlier: &Earlier<'_>, world: &dyn World) -> String {
        let needed = demand(self, earlier, self.wanted(), world);
        let Some(files) = &self.files else {
            return room::refusal(zone, &needed);
        };
        let (mut content, said) = (Content::default(), NameSet::default());
        let reading = Reading::besides(self.mode, needed);
        let why = match read_all(world, files, reading, Purpose::Nothing, &mut content, &said) {
            Ok(()) => Failure::Whole(room::refusal(zone, &content.read.demand)),
            Err(failure) if matches!(earlier, Earlier::Nothing) => failure,
            // The routes that they brought earlier are to stay.
            Err(_) => return room::refusal(zone, &demand(self, earlier, Wanted::All, world)),
        };
        why.text(&files.shown(), world)
    }
}

/// A table, its zone and the configuration that is being read.
struct Filling<'f, M> {
    plan: &'f Plan,
    zone: &'f M,
    world: &'f dyn World,
    table: &'f Table<'f, AtomicU64>,
    earlier: &'f Earlier<'f>,
    words: &'f [AtomicU64],
    /// What the table's hash is keyed with.
    seed: u64,
}

impl<M: Memory> Filling<'_, M> {
    /// What workers are to do with a table that serves.
    fn keep(&self, feed: &mut Feed) -> Result<(), String> {
        match &self.plan.files {
            // What it has is the store's, or what the store is to take over.
            _ if self.plan.has_store => Ok(()),
            Some(files) => self.check(files, feed),
            None => self.empty(feed),
        }
    }

    /// Without files: what earlier ones brought goes.
    fn empty(&self, feed: &mut Feed) -> Result<(), String> {
        if self.table.stats().routes > 0 {
            let mut content = Content::keeping().map_err(|f| f.text("", self.world))?;
            self.leave(self.table.take_ticket(b""), &mut content, feed);
        }
        Ok(())
    }

    /// Fills a new table.
    fn begin(&self, feed: &mut Feed) -> Result<(), NotRestored> {
        let told = self.restore(self.plan.wanted())?;
        // The files of a table that follows a store fill an empty one only.
        let is_filled = self.plan.has_store && self.table.stats().routes > 0;
        if let Some(files) = self.plan.files.as_ref().filter(|_| !is_filled) {
            self.fill(files, told, feed)?;
        }
        let state = self.plan.state.as_ref();
        if state.is_some_and(|state| state.exists()) {
            self.table.set_unsaved();
        }
        Ok(())
    }

    fn restore(&self, wanted: Wanted) -> Result<Option<Told>, NotRestored> {
        restore(self.plan, self.earlier, self.table, wanted, self.world)
    }

    /// Fills a new table from the files. Where these cannot be used, the routes that they brought earlier stay.
    fn fill(
        &self,
        files: &RouteFiles,
        told: Option<Told>,
        feed: &mut Feed,
    ) -> Result<(), NotRestored> {
        let ticket = self.table.take_ticket(&files.source());
        let mut content = Content::default();
        let reading = Reading::new(self.plan.mode);
        let into = Purpose::New(self.table, self.plan.owner());
        let read = read_all(self.world, files, reading, into, &mut content, &feed.said);
        let fits = room::check(self.zone, &content.read.demand).is_ok() && !content.is_full;
        if read.is_ok() && !fits {
            return Err(NotRestored::Full);
        }
        let failure = match read.and_then(|()| self.check_replaced(&content.read.keys)) {
            Ok(()) => {
                self.table.finish_ticket(ticket);
                feed.watch.note(content.found.content);
                if let Some(text) = content.tally.refusal() {
                    self.log(&format!("{}: {text}", files.shown()));
                }
                self.took(files, content, feed);
                return Ok(());
            }
            Err(failure) => failure,
        };
        if !told.is_some_and(|told| is_source(told.source, &files.source())) {
            let why = failure.text(&files.shown(), self.world);
            return Err(NotRestored::Refused(why));
        }
        // Some of it may be in the table.
        Table::format(self.words, self.plan.mode, self.seed)
            .map_err(|TooSmall| NotRestored::Full)?;
        self.restore(Wanted::All)?;
        let ticket = self.table.take_ticket(&files.source());
        self.table.finish_ticket(ticket);
        self.stay(files, &failure, &content, feed);
        Ok(())
    }

    /// The files cannot be used, and what they brought earlier stays.
    fn stay(&self, files: &RouteFiles, failure: &Failure, content: &Content, feed: &mut Feed) {
        let why = failure.text(&files.shown(), self.world);
        let why = format!("{why}, {STAYS}");
        self.log(&why);
        feed.watch.refused(&why, 0);
        if !failure.may_pass() {
            feed.watch.note(content.found.content);
        }
    }

    /// Checks the files of a table that serves, and leaves what they have to the workers.
    fn check(&self, files: &RouteFiles, feed: &mut Feed) -> Result<(), String> {
        let ticket = self.table.take_ticket(&files.source());
        let mut content = Content::default();
        let read = self.read_and_compare(files, &mut content, feed);
        let Err(failure) = read else {
            self.leave(ticket, &mut content, feed);
            self.took(files, content, feed);
            return Ok(());
        };
        // Its own routes, read when the files were good, serve on: a file that is half written is no reason to refuse
        // all else that a reload brings. Files that are new here have none.
        if !self.table.is_fed_from(&files.source()) {
            return Err(failure.text(&files.shown(), self.world));
        }
        self.stay(files, &failure, &content, feed);
        Ok(())
    }

    fn read_and_compare(
        &self,
        files: &RouteFiles,
        content: &mut Content,
        feed: &Feed,
    ) -> Result<(), Failure> {
        *content = Content::keeping()?;
        let reading = Reading::new(self.plan.mode);
        let into = Purpose::Kept(self.table);
        read_all(self.world, files, reading, into, content, &feed.said)?;
        room::check(self.zone, &content.read.demand).map_err(Failure::Whole)?;
        self.check_shrinkage(&content.read.keys)
    }

    /// Counts the routes that would go. The workers count them again: until then the old ones may follow the file.
    fn check_shrinkage(&self, keys: &KeySet) -> Result<(), Failure> {
        let mut shrinkage = Shrinkage::default();
        let mut cursor = self.table.cursor();
        let mut count = |route: RouteView<'_>| shrinkage.count(route.owner(), route.key(), keys);
        while self.table.scan(&mut cursor, BUCKETS, &mut count) {}
        shrinkage.check(self.plan.brake)
    }

    /// The same where the table is replaced by one of another size. A start is no change: it takes the files as they are.
    fn check_replaced(&self, keys: &KeySet) -> Result<(), Failure> {
        if self.plan.brake == Brake::Off || !matches!(self.earlier, Earlier::Table(..)) {
            return Ok(());
        }
        let mut shrinkage = Shrinkage::default();
        let (name, mode) = (&self.plan.name, self.plan.mode);
        let counted = self
            .earlier
            .each(name, mode, self.world, &mut |owner, key, _| {
                shrinkage.count(Some(owner), key.as_bytes(), keys);
                Ok(())
            });
        counted.map_or(Ok(()), |_| shrinkage.check(self.plan.brake))
    }

    fn leave(&self, ticket: Ticket, content: &mut Content, feed: &mut Feed) {
        feed.pending_snapshot = content.spool.take().map(|spool| Snapshot {
            ticket,
            spool: Rc::new(spool),
            found: content.found.clone(),
        });
    }

    /// Good files were read.
    fn took(&self, files: &RouteFiles, content: Content, feed: &mut Feed) {
        let kept_names = files.hosts.borrow_mut().take_kept();
        files.hosts.borrow().remember();
        if let Some(text) = feed.vain_checks(files, content.read.checked) {
            self.plan.log(self.world, Level::Warn, &text);
        }
        let (lines, names): (Vec<String>, NameSet) = content.read.left_out.finish();
        feed.said = names;
        for line in kept_names.into_iter().chain(lines) {
            self.log(&format!("{}: {line}", files.shown()));
        }
    }

    /// What does not refuse the configuration.
    fn log(&self, text: &str) {
        self.plan.log(self.world, Level::Error, text);
    }
}

/// How many routes of the files before are to go.
#[derive(Default)]
struct Shrinkage {
    before: usize,
    gone: usize,
}

impl Shrinkage {
    fn count(&mut self, owner: Option<Owner>, key: &[u8], keys: &KeySet) {
        if owner == Some(Owner::File) {
            self.before = self.before.saturating_add(1);
            self.gone = self.gone.saturating_add(usize::from(!keys.contains(key)));
        }
    }

    fn check(&self, brake: Brake) -> Result<(), Failure> {
        brake.check(self.before, self.gone).map_err(Failure::Whole)
    }
}

impl Content {
    /// One that keeps what is read.
    fn keeping() -> Result<Self, Failure> {
        let spool = Spool::new();
        let spool = spool.map_err(|error| Failure::Passing(format!("no memory ({error})")))?;
        Ok(Self {
            spool: Some(spool),
            ..Self::default()
        })
    }
}

/// What becomes of the routes that are read.
enum Purpose<'t> {
    /// They are only checked.
    Nothing,
    /// They are checked for a table that has some of them.
    Kept(&'t Table<'t, AtomicU64>),
    /// They are put into a new table, as this owner's.
    New(&'t Table<'t, AtomicU64>, Owner),
}

/// Reads all files: into the table if it is a new one. Without the lock: nobody else knows a new table, and names are
/// resolved as slowly as they like.
fn read_all(
    world: &dyn World,
    files: &RouteFiles,
    mut reading: Reading,
    into: Purpose<'_>,
    content: &mut Content,
    said: &NameSet,
) -> Result<(), Failure> {
    let found = Look::new(&files.paths).finish(world);
    content.found = found.map_err(Failure::Unreadable)?;
    let (imprinter, known, mut writer) = match into {
        Purpose::Nothing => (Imprinter::default(), None, None),
        Purpose::Kept(table) => (table.imprinter(), Some(table), None),
        Purpose::New(table, owner) => {
            let writer = table.writer(world.now_ms());
            let writer = writer.map_err(|e| Failure::Whole(e.to_string()))?;
            (table.imprinter(), None, Some((writer, owner)))
        }
    };
    let mut source = Source::of_files(content.found.clone());
    let mut hosts = files.hosts.borrow_mut();
    loop {
        let bytes = match source.read(world)? {
            Piece::Bytes(bytes) => bytes,
            Piece::EndOfFile => {
                reading.end_file(&source)?;
                source.next_file();
                if let Some(spool) = &mut content.spool {
                    spool.end_file();
                }
                continue;
            }
            Piece::End => break,
        };
        let (tally, is_full) = (&mut content.tally, &mut content.is_full);
        let caller = Caller {
            known,
            imprinter: imprinter.clone(),
            resolver: &mut |sought| hosts.ask_system(world, sought),
            asks: true,
            said,
            take: &mut |key, route, _| {
                *is_full |= !put_new(&mut writer, key, route, tally)?;
                Ok(())
            },
        };
        reading.read(&bytes, &source, caller)?;
        if let Some(spool) = &mut content.spool {
            let kept = spool.push(&bytes);
            kept.map_err(|error| Failure::Passing(format!("no memory ({error})")))?;
        }
    }
    content.read = reading.into_parts();
    Ok(())
}

/// Puts a route into a new table, if there is one; false when there is no room.
fn put_new(
    writer: &mut Option<(Writer<'_>, Owner)>,
    key: &Key,
    route: &Resolved<'_>,
    tally: &mut Tally,
) -> Result<bool, String> {
    let Some((filling, owner)) = writer else {
        return Ok(true);
    };
    let put = filling.apply(&Change::Put {
        key,
        route,
        owner: *owner,
    });
    tally.total = tally.total.saturating_add(1);
    match put {
        // What is too much is refused when all of it has been counted.
        Err(ApplyError::Full) => {
            *writer = None;
            Ok(false)
        }
        // Somebody else's key, who had it before.
        Ok(_) | Err(ApplyError::Foreign(_)) => {
            tally.count(key, put);
            Ok(true)
        }
        Err(error) => Err(error.to_string()),
    }
}
