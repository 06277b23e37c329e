//! What the master does with a table's file at start and at reload, before the new workers exist.
//!
//! A new zone is filled from the file. A kept one serves workers of the running configuration: nothing of it may change
//! before the reload has succeeded, so the bytes are checked and left to the new workers.

use super::feed::{Feed, STAYS, Snapshot};
use super::room;
use super::stamp::Stamp;
use super::table::RouteFile;
use gatehouse_nginx::ffi::process::Role;
use gatehouse_nginx::shm::ZoneState;
use gatehouse_nginx::{Level, Zone, ffi::files, ffi::log, ffi::process};
use gatehouse_table::route::{FileReader, LeftOut, Match, RouteError};
use gatehouse_table::table::{ApplyError, Change, Demand, LayoutError, Owner, Table, TooSmall};
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// What a table's block says about its filling.
pub struct Plan {
    pub name: String,
    pub mode: Match,
    pub file: Option<RouteFile>,
}

/// A file's bytes and which content they are.
struct Content {
    bytes: Vec<u8>,
    stamp: Stamp,
}

impl Plan {
    /// Makes the table in a new zone and fills it, or checks that a kept zone's table is ours and leaves in `feed` what
    /// workers are to bring it to.
    pub fn prepare(&self, zone: &Zone, state: ZoneState, feed: &mut Feed) -> Result<(), String> {
        let words = zone.words().ok_or("no memory")?;
        let (table, kept) = match (state, Table::attach(words)) {
            (ZoneState::Inherited, Ok(table)) if table.mode() != self.mode => {
                return Err("\"match\" cannot change while the table is in use, restart nginx or name another table".into());
            }
            (ZoneState::Inherited, Ok(table)) => (table, true),
            // A zone of another build's layout cannot be read; its routes come from the file again.
            (ZoneState::New, _)
            | (
                ZoneState::Inherited,
                Err(LayoutError::NoTable | LayoutError::OtherVersion(_) | LayoutError::OtherSize),
            ) => {
                let key = RandomState::new().hash_one(process::pid());
                match Table::format(words, self.mode, key) {
                    Ok(table) => (table, false),
                    Err(TooSmall) => return Err(self.too_small(zone)),
                }
            }
        };
        match &self.file {
            Some(file) => self.take_file(zone, &table, kept, file, feed),
            None => {
                // What an earlier file brought goes.
                if table.stats().routes > 0 {
                    feed.snapshot = Some(Snapshot {
                        ticket: table.take_ticket(b""),
                        bytes: Rc::new(b"{}".to_vec()),
                        stamp: None,
                    });
                }
                Ok(())
            }
        }
    }

    /// Why a zone is refused that has no room for any table: its file says how large it must be.
    fn too_small(&self, zone: &Zone) -> String {
        let Some(file) = &self.file else {
            return room::refusal(zone, &Demand::default());
        };
        let demand = read(file, &mut None)
            .and_then(|content| self.read_all(None, &content.bytes, file, &mut LeftOut::default()));
        let why = match demand {
            Ok(demand) => room::refusal(zone, &demand),
            Err(why) => why,
        };
        format!("{}: {why}", file.shown())
    }

    fn take_file(
        &self,
        zone: &Zone,
        table: &Table<'_, AtomicU64>,
        kept: bool,
        file: &RouteFile,
        feed: &mut Feed,
    ) -> Result<(), String> {
        let ticket = table.take_ticket(file.source());
        let mut stamp = None;
        let mut left_out = LeftOut::default();
        let read = read(file, &mut stamp).and_then(|content| {
            // Without the lock: nobody else knows a new table, and names are resolved as slowly as they like.
            let new = (!kept).then_some(table);
            let demand = self.read_all(new, &content.bytes, file, &mut left_out)?;
            room::check(zone, &demand)?;
            Ok(content)
        });
        let content = match read {
            Ok(content) => content,
            // Its own routes, read when the file was good, serve on: a file that is half written is no reason to
            // refuse all else that a reload brings. A file that is new here has none, and a new zone (of another size)
            // neither.
            Err(why) if kept && table.is_fed_from(file.source()) => {
                let why = format!("{}: {why}, {STAYS}", file.shown());
                self.log(zone, &why);
                feed.seen = stamp;
                feed.trouble = Some(why);
                return Ok(());
            }
            Err(why) => return Err(format!("{}: {why}", file.shown())),
        };
        let kept_names = file.hosts.borrow_mut().take_kept();
        file.hosts.borrow().remember();
        for line in kept_names.into_iter().chain(left_out.lines(&mut feed.said)) {
            self.log(zone, &format!("{}: {line}", file.shown()));
        }
        let stamp = content.stamp.settled();
        if kept {
            let bytes = Rc::new(content.bytes);
            feed.snapshot = Some(Snapshot {
                ticket,
                bytes,
                stamp,
            });
        } else {
            table.finish_ticket(ticket);
            feed.seen = stamp;
        }
        Ok(())
    }

    /// Reads a whole file, into the table if there is one.
    fn read_all(
        &self,
        table: Option<&Table<'_, AtomicU64>>,
        bytes: &[u8],
        file: &RouteFile,
        left_out: &mut LeftOut,
    ) -> Result<Demand, String> {
        let mut reader = FileReader::new(self.mode);
        let mut demand = Demand::default();
        let writer = table.map(|table| table.writer(process::now_ms()));
        let mut writer = writer.transpose().map_err(|e| e.to_string())?;
        let mut hosts = file.hosts.borrow_mut();
        let refuse = |e: ApplyError, pointer: &str| RouteError::new(e.to_string(), pointer);
        reader
            .feed(bytes, &mut |entry| {
                let route = gatehouse_table::table::resolve(
                    &entry.key,
                    &entry.route,
                    &mut |name, port| hosts.ask_system(name, port),
                    &mut |backend| left_out.note(&entry.pointer, backend),
                );
                let added = demand.add(&entry.key, &route);
                added.map_err(|e| refuse(e, &entry.pointer))?;
                if let Some(filling) = &mut writer {
                    let change = Change::Put {
                        key: &entry.key,
                        route: &route,
                        owner: Owner::File,
                    };
                    match filling.apply(&change) {
                        Ok(_) => {}
                        // What is too much is refused when all of it has been counted.
                        Err(ApplyError::Full) => writer = None,
                        Err(e) => return Err(refuse(e, &entry.pointer)),
                    }
                }
                Ok(())
            })
            .and_then(|()| reader.finish())
            .map_err(|e| e.to_string())?;
        Ok(demand)
    }

    /// What does not refuse the configuration: `nginx -t` shows it on the terminal, a running nginx logs it.
    fn log(&self, zone: &Zone, text: &str) {
        let line = format!("upstream table \"{}\": {text}", self.name);
        if process::role() == Role::Test {
            // The log that has shown everything else about the configuration.
            log::cycle(Level::Warn, &line);
        } else {
            zone.log(Level::Error, &line);
        }
    }
}

/// The file, and in `stamp` which one it was as soon as that is known.
fn read(file: &RouteFile, stamp: &mut Option<Stamp>) -> Result<Content, String> {
    let mut read = || {
        let mut opened = files::open(&file.path)?;
        let found = Stamp::from(opened.metadata()?);
        *stamp = found.settled();
        let mut bytes = Vec::new();
        opened.read_to_end(&mut bytes)?;
        Ok(Content {
            bytes,
            stamp: found,
        })
    };
    read().map_err(|e| format!("cannot be read ({})", files::errno(&e)))
}
