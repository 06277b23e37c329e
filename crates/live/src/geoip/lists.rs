//! Files of values that rules name, read again. Each worker has its own copy of the values; one of them speaks for all.

use super::loading::{Reading, unreadable};
use crate::feeder::{Feeder, Next, Turn};
use crate::stamp::Stamp;
use crate::watch::{Found, Watch};
use crate::world::{Level, World};
use gatehouse_geo::{ListFile, Refill};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::rc::Rc;

/// How often a file is looked at, in milliseconds.
const EVERY_MS: u64 = 1_000;

/// The longest file that is read while requests are served, in bytes.
pub const MOST: usize = 16 << 20;

/// Lines taken in one step.
const LINES: usize = 1_000;

/// What stays when a file is refused.
const STAY: &str = "the old values stay in use";

/// A file that rules name, and where its values go.
pub struct Listed {
    /// The file.
    pub path: PathBuf,
    /// Which content the configuration has read; None when that may be another one soon.
    stamp: Option<Stamp>,
    /// It has been said that the workers may not read it.
    pub warned: bool,
    /// The rules' lists.
    pub lists: Vec<ListFile>,
    /// What they have: the number of its lines.
    in_use: u64,
}

impl Listed {
    /// A file that is about to be read.
    pub fn new(world: &dyn World, path: PathBuf) -> Self {
        let stamp = world.stat(&path).ok();
        Self {
            stamp: stamp.and_then(|stamp| stamp.settled(world.time())),
            path,
            warned: false,
            lists: Vec::new(),
            in_use: 0,
        }
    }

    /// This is what the rules have.
    pub fn has_been_read(&mut self, content: &str) {
        let mut hasher = DefaultHasher::new();
        for line in content.lines() {
            line.hash(&mut hasher);
        }
        self.in_use = hasher.finish();
    }
}

/// Keeps a worker's values of a file current.
pub struct ListFeeder {
    file: Listed,
    world: Rc<dyn World>,
    watch: Watch,
    work: Option<Work>,
}

enum Work {
    Reading(Reading),
    Taking(Taking),
}

/// A content on its way into the rules.
struct Taking {
    bytes: Vec<u8>,
    stamp: Stamp,
    /// Where the next line begins, and its number.
    at: usize,
    number: usize,
    lists: Vec<Box<dyn Refill>>,
    /// Of its lines so far.
    hasher: DefaultHasher,
}

impl ListFeeder {
    /// A feeder of this file.
    #[must_use]
    pub fn new(file: Listed, world: Rc<dyn World>) -> Self {
        let mut watch = Watch::every(EVERY_MS);
        watch.note(file.stamp.map(|stamp| stamp.number()));
        Self {
            file,
            world,
            watch,
            work: None,
        }
    }

    fn look(&mut self) {
        match self.watch.poll_file(self.world.as_ref(), &self.file.path) {
            Found::NotDue | Found::Same => {}
            Found::Changed(file, stamp) => {
                self.work = Some(Work::Reading(Reading::new(file, stamp)));
            }
            Found::Unreadable(error) => {
                let why = unreadable(self.world.as_ref(), &error);
                if error.kind() != ErrorKind::PermissionDenied {
                    self.refuse(&format!("{why}, {STAY}"), 0);
                } else if !self.file.warned {
                    self.refuse(&format!("{why} by the workers, changes need a reload"), 0);
                }
            }
        }
    }

    /// Does a little of the work in hand.
    fn step(&mut self) {
        self.work = match self.work.take() {
            Some(Work::Reading(reading)) => self.read(reading),
            Some(Work::Taking(taking)) => self.take(taking),
            None => None,
        };
    }

    fn read(&mut self, mut reading: Reading) -> Option<Work> {
        let stamp = reading.stamp;
        let is_read = if reading.length() > MOST {
            Err(format!("is longer than {} MiB", MOST >> 20))
        } else {
            reading.step(self.world.as_ref())
        };
        match is_read {
            Ok(false) => Some(Work::Reading(reading)),
            Ok(true) if !reading.is_at_rest(&mut self.watch) => None,
            Ok(true) => Some(Work::Taking(Taking {
                bytes: reading.bytes,
                stamp,
                at: 0,
                number: 0,
                lists: self.file.lists.iter().map(ListFile::begin).collect(),
                hasher: DefaultHasher::new(),
            })),
            Err(why) => self.fail(&why, stamp),
        }
    }

    fn take(&mut self, mut taking: Taking) -> Option<Work> {
        let lines = LINES.checked_div(taking.lists.len()).unwrap_or(LINES);
        for _ in 0..lines.max(1) {
            match taking.line() {
                Ok(true) => {}
                Ok(false) => return self.finish(taking),
                Err(why) => return self.fail(&why, taking.stamp),
            }
        }
        Some(Work::Taking(taking))
    }

    fn finish(&mut self, taking: Taking) -> Option<Work> {
        // Most often somebody is about to write it, or could not. A list that is meant to have no values says so in a comment.
        if taking.bytes.trim_ascii().is_empty() {
            return self.fail("is empty", taking.stamp);
        }
        let content = taking.hasher.finish();
        let again = self.watch.accepted();
        if content == self.file.in_use {
            if again {
                self.log(Level::Notice, "is good again: its values are those in use");
            }
            return None;
        }
        self.file.in_use = content;
        let are_empty = taking.lists.iter().all(|list| list.count() == 0);
        taking.lists.into_iter().for_each(Refill::finish);
        self.log(Level::Notice, "has been read again");
        if are_empty {
            self.log(Level::Warn, "has no values");
        }
        None
    }

    /// The content cannot be used.
    fn fail(&mut self, why: &str, stamp: Stamp) -> Option<Work> {
        // Somebody may be about to write the rest of it.
        if stamp.settled(self.world.time()).is_some() {
            self.refuse(&format!("{why}, {STAY}"), stamp.number());
        }
        None
    }

    /// Says once why a file is not used.
    fn refuse(&mut self, text: &str, content: u64) {
        if self.watch.refused(text, content) {
            self.log(Level::Error, text);
        }
    }

    fn log(&self, level: Level, text: &str) {
        if self.world.speaks() {
            let line = format!("geoip list \"{}\" {text}", self.file.path.display());
            self.world.log(level, &line);
        }
    }
}

impl Taking {
    /// Takes a line; false behind the last one.
    fn line(&mut self) -> Result<bool, String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        let end = rest.iter().position(|byte| *byte == b'\n');
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.number = self.number.saturating_add(1);
        let number = self.number;
        let text = std::str::from_utf8(line);
        let text = text.map_err(|_| format!("has a line {number} that is no UTF-8"))?;
        let text = text.strip_suffix('\r').unwrap_or(text);
        text.hash(&mut self.hasher);
        for list in &mut self.lists {
            if let Err((what, hint)) = list.line(text) {
                return Err(format!("has an {what} in line {number}, {hint}"));
            }
        }
        self.at = self.at.saturating_add(line.len()).saturating_add(1);
        Ok(true)
    }
}

impl Feeder for ListFeeder {
    fn name(&self) -> String {
        format!("reading geoip list \"{}\"", self.file.path.display())
    }

    /// No request of this worker meets values that have been replaced since the configuration was read.
    fn start(&mut self) {
        self.look();
        while self.work.is_some() {
            self.step();
        }
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        if self.work.is_none() {
            self.look();
        }
        while self.work.is_some() {
            self.step();
            if turn.slice.is_over() {
                return Next::Soon;
            }
        }
        Next::In(self.watch.next_in(turn.now_ms))
    }

    fn abandon(&mut self) {
        if self.work.take().is_some() {
            self.watch.forget();
        }
    }
}
