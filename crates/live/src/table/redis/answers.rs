//! What the store answers, and what follows from it.

use super::batch::Wanted;
use super::dialogue::{Ask, Heard, error_of, items};
use super::follow::{Follower, Lost, Stage, ask_list};
use super::full::Full;
use super::queue::Queue;
use crate::memory::Memory;
use gatehouse_table::hipache::{Named, read_list};
use redis_protocol::resp3::types::{OwnedFrame, Resp3Frame};

impl<M: Memory> Follower<M> {
    pub(super) fn hear(&mut self, heard: Heard) -> Result<(), Lost> {
        match heard {
            Heard::Changed(keys) => {
                self.changed = keys.into_iter();
                Ok(())
            }
            Heard::AllChanged(is_emptied) => {
                self.was_emptied |= is_emptied;
                self.read_all();
                Ok(())
            }
            Heard::Answer(ask, value) => self.answered(ask, value),
        }
    }

    fn answered(&mut self, ask: Ask, value: Option<OwnedFrame>) -> Result<(), Lost> {
        let failed = value.as_ref().and_then(error_of);
        match (ask, failed) {
            (Ask::List(stored, read), Some(error)) if error.starts_with("WRONGTYPE") => {
                self.listed(stored, read, Err(error));
                Ok(())
            }
            (Ask::Marks(_), Some(error)) if error.starts_with("WRONGTYPE") => {
                self.marks.none();
                Ok(())
            }
            (Ask::MarkedList, Some(error)) if error.starts_with("WRONGTYPE") => Ok(()),
            (ask, Some(error)) => Err(Lost::Store(format!("{}: {error}", ask.name()))),
            (Ask::Hello, None) => self.greeted(value),
            (Ask::Select | Ask::Tracking, None) => {
                self.ready();
                Ok(())
            }
            (Ask::Role, None) => {
                is_master(value)?;
                self.ready();
                Ok(())
            }
            (Ask::Ping, None) => Ok(()),
            (Ask::Scan(number), None) => self.scanned(number, value),
            (Ask::ScanMarks, None) => self.scanned_marks(value),
            (Ask::List(stored, read), None) => {
                let elements = value.map(|value| items(value).ok_or_else(|| odd("LRANGE")));
                let elements = elements.transpose()?;
                self.listed(stored, read, elements.ok_or("list is too long".into()));
                Ok(())
            }
            (Ask::Marks(host), None) => {
                self.marks.members(host, value);
                Ok(())
            }
            (Ask::Lasts, None) => {
                self.marks.last(value.as_ref());
                Ok(())
            }
            (Ask::MarkedList, None) => {
                let (table, world) = (&self.table, self.world.as_ref());
                let list = value.and_then(items).unwrap_or_default();
                self.marks.apply(table, &self.store, world, &list);
                Ok(())
            }
        }
    }

    /// `HELLO` was answered.
    fn greeted(&mut self, value: Option<OwnedFrame>) -> Result<(), Lost> {
        if !matches!(value, Some(OwnedFrame::Map { .. })) {
            return Err(odd("HELLO"));
        }
        let mut answers = 1_usize;
        if self.store.wants_master {
            answers = 2;
            self.dialogue.ask(Ask::Role, &[b"ROLE"]);
        }
        if self.store.db > 0 {
            answers = answers.saturating_add(1);
            let db = self.store.db.to_string();
            self.dialogue.ask(Ask::Select, &[b"SELECT", db.as_bytes()]);
        }
        let (routes, marks) = (self.store.keys.routes(), self.store.keys.marks());
        let words: [&[u8]; 8] = [
            b"CLIENT",
            b"TRACKING",
            b"ON",
            b"BCAST",
            b"PREFIX",
            &routes,
            b"PREFIX",
            &marks,
        ];
        self.dialogue.ask(Ask::Tracking, &words);
        self.stage = Stage::Greeting(answers);
        Ok(())
    }

    fn ready(&mut self) {
        if let Stage::Greeting(answers) = &mut self.stage {
            *answers = answers.saturating_sub(1);
            if *answers == 0 {
                self.read_all();
            }
        }
    }

    /// Begins to read all routes.
    pub(super) fn read_all(&mut self) {
        self.reads = self.reads.wrapping_add(1);
        if let Stage::Reading(before) = std::mem::replace(&mut self.stage, Stage::Following) {
            self.garbage.push(*before);
        }
        self.queue = Queue::default();
        self.changed = Vec::new().into_iter();
        self.again_ms = None;
        (self.batch.changed, self.batch.refused) = (0, 0);
        self.stage = Stage::Reading(Box::new(Full::new(self.reads, self.was_emptied)));
    }

    fn scanned(&mut self, number: u32, value: Option<OwnedFrame>) -> Result<(), Lost> {
        let (cursor, keys) = scan_of(value)?;
        let Stage::Reading(full) = &mut self.stage else {
            return Ok(());
        };
        if full.number != number {
            return Ok(());
        }
        full.scan.go_on(cursor)?;
        for key in keys {
            let Some(stored) = key.as_bytes() else {
                continue;
            };
            match self.store.keys.read(stored) {
                Named::Route(key) if !full.seen.contains(key.as_bytes()) => {
                    full.unread = full.unread.saturating_add(1);
                    ask_list(&mut self.dialogue, stored.to_vec(), Some(number));
                }
                Named::Route(_) | Named::Marks(_) | Named::Other => {}
                Named::Refused(why) => self.batch.complain(stored, why),
            }
        }
        Ok(())
    }

    fn scanned_marks(&mut self, value: Option<OwnedFrame>) -> Result<(), Lost> {
        let (cursor, keys) = scan_of(value)?;
        for key in keys.iter().filter_map(Resp3Frame::as_bytes) {
            if let Named::Marks(host) = self.store.keys.read(key) {
                self.marks.changed(host);
            }
        }
        // The store is of use all the same: marks also come one by one.
        let _ = self.marks.scan.go_on(cursor);
        Ok(())
    }

    /// A list has come, or why it is of no use.
    fn listed(
        &mut self,
        stored: Vec<u8>,
        read: Option<u32>,
        elements: Result<Vec<OwnedFrame>, String>,
    ) {
        let Named::Route(key) = self.store.keys.read(&stored) else {
            return;
        };
        let list = elements.and_then(|elements| {
            let bytes = elements.iter().map(|e| e.as_bytes().unwrap_or_default());
            (!elements.is_empty()).then(|| read_list(bytes)).transpose()
        });
        let route = match list {
            Ok(None) => {
                self.said.is_well(&stored);
                None
            }
            Ok(Some(list)) if list.faults.is_empty() => {
                self.said.is_well(&stored);
                Some(list.route)
            }
            Ok(Some(list)) => {
                let faults: Vec<String> = list.faults.iter().map(ToString::to_string).collect();
                self.batch.complain(&stored, faults.join("; "));
                Some(list.route)
            }
            Err(why) => {
                self.batch
                    .complain(&stored, format!("{why}, the route is left out"));
                None
            }
        };
        if let Stage::Reading(full) = &mut self.stage {
            if read == Some(full.number) {
                full.unread = full.unread.saturating_sub(1);
            }
            if route.is_some() {
                full.saw(&key);
            } else if read == Some(full.number) {
                // Whatever the table has of it goes with all else that is gone.
                return;
            }
        }
        self.batch.push(Wanted { key, stored, route });
    }
}

fn odd(command: &str) -> Lost {
    Lost::Store(format!(
        "{command}: the answer is not that of a Redis server"
    ))
}

fn is_master(value: Option<OwnedFrame>) -> Result<(), Lost> {
    let role = value
        .and_then(items)
        .and_then(|items| items.into_iter().next());
    match role.as_ref().and_then(Resp3Frame::as_bytes) {
        Some(b"master") => Ok(()),
        Some(_) => Err(Lost::Store("is no master".into())),
        None => Err(odd("ROLE")),
    }
}

/// The next cursor, None at the end, and the keys.
fn scan_of(value: Option<OwnedFrame>) -> Result<(Option<Vec<u8>>, Vec<OwnedFrame>), Lost> {
    let mut parts = value.and_then(items).unwrap_or_default().into_iter();
    let cursor = parts.next().and_then(|c| c.as_bytes().map(<[u8]>::to_vec));
    let keys = parts.next().and_then(items);
    let (cursor, keys) = cursor.zip(keys).ok_or_else(|| odd("SCAN"))?;
    Ok((Some(cursor).filter(|cursor| cursor != b"0"), keys))
}
