//! What the master does with a table's files at start and at reload, before the new workers exist.
//!
//! A new zone is filled from them. A kept one serves workers of the running configuration: nothing of it may change
//! before the reload has succeeded, so what the files have is checked and left to the new workers.

use super::brake::Brake;
use super::feeder::{Feed, Snapshot};
use super::look::{Found, Look};
use super::reading::{Caller, ReadOut, Reading};
use super::room;
use super::shared::{RouteFiles, STAYS};
use super::source::{Failure, Piece, Source};
use super::spool::Spool;
use crate::memory::Memory;
use crate::world::{Level, World};
use gatehouse_table::route::{Key, KeySet, Match, NameSet, Resolved};
use gatehouse_table::table::{
    ApplyError, Change, Demand, LayoutError, Owner, RouteView, Table, Ticket, TooSmall, Writer,
};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// Buckets of a table that are looked at in one go.
const BUCKETS: usize = 1024;

/// What a table's block says about its filling.
pub struct Plan {
    /// The table's name.
    pub name: String,
    /// How its keys are compared.
    pub mode: Match,
    /// Whether most of its routes may go at once.
    pub brake: Brake,
    /// The files it follows.
    pub files: Option<RouteFiles>,
    /// It follows a store: the files only fill a new table, until the store has been read.
    pub has_store: bool,
}

/// The files as they were read.
#[derive(Default)]
struct Content {
    /// What they had, if it is kept.
    spool: Option<Spool>,
    read: ReadOut,
    /// Which files and which content it was, as soon as that is known.
    found: Found,
}

impl Plan {
    /// Makes the table in a new zone and fills it, or checks that an inherited zone's table is ours and leaves in `feed`
    /// what workers are to bring it to.
    ///
    /// # Errors
    /// Why the configuration is refused.
    pub fn prepare(
        &self,
        zone: &impl Memory,
        is_new: bool,
        world: &dyn World,
        feed: &mut Feed,
    ) -> Result<(), String> {
        let words = zone.words().ok_or("no memory")?;
        let (table, is_kept) = match Table::attach(words) {
            Ok(table) if !is_new && table.mode() != self.mode => {
                return Err("\"match\" cannot change while the table is in use, restart nginx or name another table".into());
            }
            Ok(table) if !is_new => (table, true),
            // A zone of another build's layout cannot be read; its routes come from the file again.
            Ok(_)
            | Err(LayoutError::NoTable | LayoutError::OtherVersion(_) | LayoutError::OtherSize) => {
                let key = RandomState::new().hash_one(self.name.as_str());
                match Table::format(words, self.mode, key) {
                    Ok(table) => (table, false),
                    Err(TooSmall) => return Err(self.too_small(zone, world)),
                }
            }
        };
        let filling = Filling {
            plan: self,
            zone,
            world,
            table: &table,
        };
        match &self.files {
            // What it has is the store's, or what the store is to take over.
            _ if is_kept && self.has_store => Ok(()),
            None if self.has_store => Ok(()),
            Some(files) if is_kept => filling.check(files, feed),
            Some(files) => filling.fill(files, feed),
            None => filling.empty(feed),
        }
    }

    /// Whom the routes of the files belong to.
    fn owner(&self) -> Owner {
        if self.has_store {
            Owner::Redis
        } else {
            Owner::File
        }
    }

    /// Why a zone is refused that has no room for any table: its files say how large it must be.
    fn too_small(&self, zone: &impl Memory, world: &dyn World) -> String {
        let Some(files) = &self.files else {
            return room::refusal(zone, &Demand::default());
        };
        let mut content = Content::default();
        let said = &NameSet::default();
        let why = match read_all(world, files, self, None, &mut content, said) {
            Ok(()) => Failure::Whole(room::refusal(zone, &content.read.demand)),
            Err(failure) => failure,
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
}

impl<M: Memory> Filling<'_, M> {
    /// Without files: what earlier ones brought goes.
    fn empty(&self, feed: &mut Feed) -> Result<(), String> {
        if self.table.stats().routes > 0 {
            let mut content = Content::keeping().map_err(|f| f.text("", self.world))?;
            self.leave(self.table.take_ticket(b""), &mut content, feed);
        }
        Ok(())
    }

    /// Fills a new table.
    fn fill(&self, files: &RouteFiles, feed: &mut Feed) -> Result<(), String> {
        let ticket = self.table.take_ticket(&files.source());
        let mut content = Content::default();
        self.read(files, Some(self.table), &mut content, feed)
            .map_err(|failure| failure.text(&files.shown(), self.world))?;
        self.table.finish_ticket(ticket);
        feed.watch.note(content.found.content);
        self.took(files, content, feed);
        Ok(())
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
        let why = failure.text(&files.shown(), self.world);
        // Its own routes, read when the files were good, serve on: a file that is half written is no reason to refuse
        // all else that a reload brings. Files that are new here have none, and a new zone (of another size) neither.
        if !self.table.is_fed_from(&files.source()) {
            return Err(why);
        }
        let why = format!("{why}, {STAYS}");
        self.log(&why);
        feed.watch.refused(&why, 0);
        if !failure.may_pass() {
            feed.watch.note(content.found.content);
        }
        Ok(())
    }

    fn read_and_compare(
        &self,
        files: &RouteFiles,
        content: &mut Content,
        feed: &Feed,
    ) -> Result<(), Failure> {
        *content = Content::keeping()?;
        self.read(files, None, content, feed)?;
        self.check_shrinkage(&content.read.keys)
            .map_err(Failure::Whole)
    }

    /// Counts the routes that would go. The workers count them again: until then the old ones may follow the file.
    fn check_shrinkage(&self, keys: &KeySet) -> Result<(), String> {
        let (mut before, mut gone) = (0_usize, 0_usize);
        let mut cursor = self.table.cursor();
        let mut count = |route: RouteView<'_>| {
            if route.owner() == Some(Owner::File) {
                before = before.saturating_add(1);
                gone = gone.saturating_add(usize::from(!keys.contains(route.key())));
            }
        };
        while self.table.scan(&mut cursor, BUCKETS, &mut count) {}
        self.plan.brake.check(before, gone)
    }

    fn leave(&self, ticket: Ticket, content: &mut Content, feed: &mut Feed) {
        feed.pending_snapshot = content.spool.take().map(|spool| Snapshot {
            ticket,
            spool: Rc::new(spool),
            found: content.found.clone(),
        });
    }

    /// Reads the files without the lock: nobody else knows a new table, and names are resolved as slowly as they like.
    fn read(
        &self,
        files: &RouteFiles,
        new: Option<&Table<'_, AtomicU64>>,
        content: &mut Content,
        feed: &Feed,
    ) -> Result<(), Failure> {
        read_all(self.world, files, self.plan, new, content, &feed.said)?;
        room::check(self.zone, &content.read.demand).map_err(Failure::Whole)
    }

    /// Good files were read.
    fn took(&self, files: &RouteFiles, content: Content, feed: &mut Feed) {
        let kept_names = files.hosts.borrow_mut().take_kept();
        files.hosts.borrow().remember();
        let (lines, names): (Vec<String>, NameSet) = content.read.left_out.finish();
        feed.said = names;
        for line in kept_names.into_iter().chain(lines) {
            self.log(&format!("{}: {line}", files.shown()));
        }
    }

    /// What does not refuse the configuration.
    fn log(&self, text: &str) {
        let line = format!("upstream table \"{}\": {text}", self.plan.name);
        self.world.log(Level::Error, &line);
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

/// Reads all files: into the table if there is one.
fn read_all(
    world: &dyn World,
    files: &RouteFiles,
    plan: &Plan,
    table: Option<&Table<'_, AtomicU64>>,
    content: &mut Content,
    said: &NameSet,
) -> Result<(), Failure> {
    let found = Look::new(&files.paths).finish(world);
    content.found = found.map_err(Failure::Unreadable)?;
    let writer = table.map(|table| table.writer(world.now_ms()));
    let mut writer = writer
        .transpose()
        .map_err(|e| Failure::Whole(e.to_string()))?;
    let mut source = Source::of_files(content.found.clone());
    let mut reading = Reading::new(plan.mode);
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
        let caller = Caller {
            resolver: &mut |name, port| hosts.ask_system(world, name, port),
            said,
            take: &mut |key, route, _| put_new(&mut writer, key, route, plan.owner()),
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

/// Puts a route into a new table, if there is one.
fn put_new(
    writer: &mut Option<Writer<'_>>,
    key: &Key,
    route: &Resolved<'_>,
    owner: Owner,
) -> Result<(), String> {
    let Some(filling) = writer else {
        return Ok(());
    };
    let change = Change::Put { key, route, owner };
    match filling.apply(&change) {
        Ok(_) => Ok(()),
        // What is too much is refused when all of it has been counted.
        Err(ApplyError::Full) => {
            *writer = None;
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}
