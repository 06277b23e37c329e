//! What the master does with a table's file at start and at reload, before the new workers exist.
//!
//! A new zone is filled from the file. A kept one serves workers of the running configuration: nothing of it may change
//! before the reload has succeeded, so the bytes are checked and left to the new workers.

use super::brake::Brake;
use super::feeder::{Feed, Snapshot};
use super::reading::{Caller, ReadOut, Reading};
use super::room;
use super::shared::{RouteFile, STAYS};
use super::source::Source;
use crate::chunks::Bytes;
use crate::memory::Memory;
use crate::stamp::Stamp;
use crate::world::{Level, World};
use gatehouse_table::route::{KeySet, Match, NameSet};
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
    /// The file it follows.
    pub file: Option<RouteFile>,
}

/// A file as it was read.
#[derive(Default)]
struct Content {
    bytes: Bytes,
    read: ReadOut,
    /// Which content it was, as soon as that is known.
    stamp: Option<Stamp>,
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
        match &self.file {
            Some(file) if is_kept => filling.check(file, feed),
            Some(file) => filling.fill(file, feed),
            None => {
                filling.empty(feed);
                Ok(())
            }
        }
    }

    /// Why a zone is refused that has no room for any table: its file says how large it must be.
    fn too_small(&self, zone: &impl Memory, world: &dyn World) -> String {
        let Some(file) = &self.file else {
            return room::refusal(zone, &Demand::default());
        };
        let mut content = Content::default();
        let why = match read_all(world, file, self.mode, None, &mut content, &Feed::default()) {
            Ok(()) => room::refusal(zone, &content.read.demand),
            Err(why) => why,
        };
        format!("{}: {why}", file.shown())
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
    /// Without a file: what an earlier file brought goes.
    fn empty(&self, feed: &mut Feed) {
        if self.table.stats().routes > 0 {
            let mut bytes = Bytes::default();
            bytes.push(b"{}".to_vec());
            feed.pending_snapshot = Some(Snapshot {
                ticket: self.table.take_ticket(b""),
                bytes: Rc::new(bytes),
                stamp: None,
            });
        }
    }

    /// Fills a new table.
    fn fill(&self, file: &RouteFile, feed: &mut Feed) -> Result<(), String> {
        let ticket = self.table.take_ticket(file.source());
        let mut content = Content::default();
        self.read(file, Some(self.table), &mut content, feed)
            .map_err(|why| format!("{}: {why}", file.shown()))?;
        self.table.finish_ticket(ticket);
        if let Some(stamp) = content.stamp {
            feed.watch.saw(self.world, stamp);
        }
        self.took(file, content, feed);
        Ok(())
    }

    /// Checks the file of a table that serves, and leaves its bytes to the workers.
    fn check(&self, file: &RouteFile, feed: &mut Feed) -> Result<(), String> {
        let ticket = self.table.take_ticket(file.source());
        let mut content = Content::default();
        let read = self.read(file, None, &mut content, feed);
        match read.and_then(|()| self.check_shrinkage(&content.read.keys)) {
            Ok(()) => {
                self.leave(ticket, &mut content, feed);
                self.took(file, content, feed);
                Ok(())
            }
            // Its own routes, read when the file was good, serve on: a file that is half written is no reason to
            // refuse all else that a reload brings. A file that is new here has none, and a new zone (of another size)
            // neither.
            Err(why) if self.table.is_fed_from(file.source()) => {
                let why = format!("{}: {why}, {STAYS}", file.shown());
                self.log(&why);
                feed.watch.refused(&why, 0);
                if let Some(stamp) = content.stamp {
                    feed.watch.saw(self.world, stamp);
                }
                Ok(())
            }
            Err(why) => Err(format!("{}: {why}", file.shown())),
        }
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
        let stamp = content.stamp.and_then(|s| s.settled(self.world.time()));
        feed.pending_snapshot = Some(Snapshot {
            ticket,
            bytes: Rc::new(std::mem::take(&mut content.bytes)),
            stamp,
        });
    }

    /// Reads the file without the lock: nobody else knows a new table, and names are resolved as slowly as they like.
    fn read(
        &self,
        file: &RouteFile,
        new: Option<&Table<'_, AtomicU64>>,
        content: &mut Content,
        feed: &Feed,
    ) -> Result<(), String> {
        read_all(self.world, file, self.plan.mode, new, content, feed)?;
        room::check(self.zone, &content.read.demand)
    }

    /// A good file was read.
    fn took(&self, file: &RouteFile, content: Content, feed: &mut Feed) {
        let kept_names = file.hosts.borrow_mut().take_kept();
        file.hosts.borrow().remember();
        let (lines, names): (Vec<String>, NameSet) = content.read.left_out.finish();
        feed.said = names;
        for line in kept_names.into_iter().chain(lines) {
            self.log(&format!("{}: {line}", file.shown()));
        }
    }

    /// What does not refuse the configuration.
    fn log(&self, text: &str) {
        let line = format!("upstream table \"{}\": {text}", self.plan.name);
        self.world.log(Level::Error, &line);
    }
}

/// Reads a whole file: into the table if there is one, else its bytes are kept.
fn read_all(
    world: &dyn World,
    file: &RouteFile,
    mode: Match,
    table: Option<&Table<'_, AtomicU64>>,
    content: &mut Content,
    feed: &Feed,
) -> Result<(), String> {
    let opened = world.open(&file.path).and_then(|f| Ok((f.stamp()?, f)));
    let (stamp, opened) = opened.map_err(|e| format!("cannot be read ({})", world.explain(&e)))?;
    content.stamp = Some(stamp);
    let writer = table.map(|table| table.writer(world.now_ms()));
    let mut writer = writer.transpose().map_err(|e| e.to_string())?;
    let mut source = Source::File(opened, stamp);
    let mut reading = Reading::new(mode);
    let mut hosts = file.hosts.borrow_mut();
    loop {
        let bytes = source.read(world)?;
        if bytes.is_empty() {
            break;
        }
        reading.read(
            &bytes,
            Caller {
                resolver: &mut |name, port| hosts.ask_system(world, name, port),
                said: &feed.said,
                take: &mut |key, route, _| {
                    let Some(filling) = &mut writer else {
                        return Ok(());
                    };
                    let change = Change::Put {
                        key,
                        route,
                        owner: Owner::File,
                    };
                    match filling.apply(&change) {
                        Ok(_) => Ok(()),
                        // What is too much is refused when all of it has been counted.
                        Err(ApplyError::Full) => {
                            writer = None::<Writer<'_>>;
                            Ok(())
                        }
                        Err(error) => Err(error.to_string()),
                    }
                },
            },
        )?;
        if table.is_none() {
            content.bytes.push(bytes);
        }
    }
    reading.check_end()?;
    content.read = reading.into_parts();
    Ok(())
}
