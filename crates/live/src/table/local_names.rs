//! The names of /etc/hosts, read a piece at a time: some list hundreds of thousands.

use crate::stamp::Stamp;
use crate::world::{OpenFile, World, piece};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

/// What /etc/hosts said when it was last read.
#[derive(Default)]
pub(super) struct LocalNames {
    names: Names,
    /// The content they are of.
    read: Option<Stamp>,
    reading: Option<Reading>,
    /// Names that are to be freed.
    garbage: Vec<Shard>,
}

/// Addresses by the hash of their name, in many small lists: none takes long to grow, to free or to look through. A
/// random key spreads the names, so that the lists do not grow all at once, and no two names have one hash.
#[derive(Default)]
struct Names {
    state: RandomState,
    shards: Vec<Shard>,
}

type Shard = Vec<(u64, IpAddr)>;

/// A reading of the file.
struct Reading {
    file: Box<dyn OpenFile>,
    stamp: Option<Stamp>,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    names: Names,
}

const ETC_HOSTS: &str = "/etc/hosts";
const SHARDS: usize = 256;
/// Bytes read in one step.
const PIECE: u64 = 4 * 1024;
/// Of a longer line the rest is not seen.
const LINE: usize = 64 * 1024;

impl LocalNames {
    /// The addresses of a name.
    pub(super) fn find(&self, name: &str) -> Vec<IpAddr> {
        self.names.find(name)
    }

    /// Looks at the file again. If it is another one now, [`LocalNames::step`] reads it.
    pub(super) fn refresh(&mut self, world: &dyn World) {
        let Ok(file) = world.open(ETC_HOSTS.as_ref()) else {
            return;
        };
        let stamp = file.stamp().ok();
        let known = match &self.reading {
            Some(reading) => reading.stamp,
            None => self.read,
        };
        if stamp.is_some() && stamp == known {
            return;
        }
        self.give_up();
        self.reading = Some(Reading {
            file,
            stamp,
            line: Vec::new(),
            names: Names::new(),
        });
    }

    /// Reads a piece, or frees some names; false when there is nothing left to do.
    pub(super) fn step(&mut self) -> bool {
        let Some(reading) = &mut self.reading else {
            return self.garbage.pop().is_some();
        };
        match reading.step() {
            Ok(true) => {}
            Ok(false) => self.take_over(),
            // What was known stays.
            Err(_) => self.give_up(),
        }
        true
    }

    fn take_over(&mut self) {
        if let Some(reading) = self.reading.take() {
            self.read = reading.stamp;
            let old = std::mem::replace(&mut self.names, reading.names);
            self.garbage.extend(old.shards);
        }
    }

    fn give_up(&mut self) {
        if let Some(reading) = self.reading.take() {
            self.garbage.extend(reading.names.shards);
        }
    }
}

impl Reading {
    /// Reads a piece; false at the end.
    fn step(&mut self) -> std::io::Result<bool> {
        let piece = piece(self.file.as_mut(), PIECE)?;
        for byte in &piece {
            if *byte == b'\n' {
                self.end_line();
            } else if self.line.len() < LINE {
                self.line.push(*byte);
            }
        }
        if piece.is_empty() {
            self.end_line();
        }
        Ok(!piece.is_empty())
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&line).unwrap_or_default();
        let mut words = text
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse) else {
            return;
        };
        for name in words {
            self.names.add(&name.to_ascii_lowercase(), address);
        }
    }
}

impl Names {
    fn new() -> Self {
        Self {
            state: RandomState::new(),
            shards: (0..SHARDS).map(|_| Shard::new()).collect(),
        }
    }

    fn hash(&self, name: &str) -> (u64, usize) {
        let hash = self.state.hash_one(name);
        (hash, usize::from(hash.to_le_bytes()[0]))
    }

    fn find(&self, name: &str) -> Vec<IpAddr> {
        let (hash, shard) = self.hash(name);
        let shard = self.shards.get(shard).into_iter().flatten();
        let mut found: Vec<IpAddr> = Vec::new();
        for (_, address) in shard.filter(|(of, _)| *of == hash) {
            if !found.contains(address) {
                found.push(*address);
            }
        }
        found
    }

    fn add(&mut self, name: &str, address: IpAddr) {
        let (hash, shard) = self.hash(name);
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.push((hash, address));
        }
    }
}
