//! Key files that workers read again. Each worker has its own copy of the keys; one of them speaks for all.

use crate::election::Seat;
use crate::feeder::{Feeder, Next, Turn};
use crate::stamp::Stamp;
use crate::watch::{Found, Watch};
use crate::world::{Level, OpenFile, World, piece};
use gatehouse_base::secret::Secret;
use gatehouse_table::table::Lease;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::rc::Rc;

/// The longest key file that is read while requests are served, in bytes.
pub const MOST: u64 = 256 * 1024;

/// What stays when a file is refused.
const STAY: &str = "the old keys stay in use";

/// Takes over the keys in a file, of which the second word says whether every user of the machine may read it: what is
/// to be said about them, or None when they are those in use.
pub type Take = Box<dyn Fn(&Secret, bool) -> Result<Option<Vec<String>>, String>>;

/// A key file that is followed.
pub struct KeyFile {
    /// The file.
    pub path: PathBuf,
    /// What messages call it; `token_profile "video": key file "PATH"`.
    pub shown: String,
    /// How often it is looked at, in milliseconds.
    pub every_ms: u64,
    /// It has been said that the workers may not read it.
    pub warned: bool,
    /// Takes over its keys. The error lacks a subject.
    pub take: Take,
}

/// Keeps a worker's keys of a file current.
pub struct KeyFileFeeder {
    file: KeyFile,
    world: Rc<dyn World>,
    watch: Watch,
}

impl KeyFileFeeder {
    /// A feeder of this file. Its first look finds what has changed since the configuration was read.
    #[must_use]
    pub fn new(file: KeyFile, world: Rc<dyn World>) -> Self {
        let watch = Watch::every(file.every_ms);
        Self { file, world, watch }
    }

    fn look(&mut self) {
        match self.watch.poll_file(self.world.as_ref(), &self.file.path) {
            Found::NotDue | Found::Same => {}
            Found::Changed(file, stamp) => self.read(file, stamp),
            Found::Unreadable(error) => {
                let why = self.world.explain(&error);
                if error.kind() != ErrorKind::PermissionDenied {
                    self.refuse(&format!("cannot be read ({why}), {STAY}"), 0);
                } else if !self.file.warned {
                    let text = "cannot be read again by the workers";
                    self.refuse(&format!("{text} ({why}), changes need a reload"), 0);
                }
            }
        }
    }

    fn read(&mut self, mut file: Box<dyn OpenFile>, stamp: Stamp) {
        let bytes = piece(file.as_mut(), MOST.saturating_add(1)).map(Secret::new);
        if !self.watch.is_at_rest(file.as_ref(), &stamp) {
            return;
        }
        let taken = match bytes {
            Err(error) => Err(format!("cannot be read ({})", self.world.explain(&error))),
            Ok(bytes) if bytes.as_bytes().len() as u64 > MOST => {
                Err(format!("is longer than {} KiB", MOST / 1024))
            }
            Ok(bytes) => (self.file.take)(&bytes, file.is_for_all()),
        };
        match taken {
            // Somebody may be about to write the rest of it.
            Err(_) if stamp.settled(self.world.time()).is_none() => {}
            Err(why) => self.refuse(&format!("{why}, {STAY}"), stamp.number()),
            Ok(news) => {
                let again = self.watch.accepted();
                if let Some(doubts) = news {
                    self.log(Level::Notice, "has been read again");
                    for doubt in doubts {
                        self.log(Level::Warn, &doubt);
                    }
                } else if again {
                    self.log(Level::Notice, "is good again: its keys are those in use");
                }
            }
        }
    }

    /// Says once why a file is not used.
    fn refuse(&mut self, text: &str, content: u64) {
        if self.watch.refused(text, content) {
            self.log(Level::Error, text);
        }
    }

    fn log(&self, level: Level, text: &str) {
        if self.world.speaks() {
            let line = format!("{} {text}", self.file.shown);
            self.world.log(level, &line);
        }
    }
}

impl Feeder for KeyFileFeeder {
    fn name(&self) -> String {
        format!("reading {}", self.file.shown)
    }

    /// No request of this worker meets keys that have been replaced since the configuration was read.
    fn start(&mut self) {
        self.look();
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        self.look();
        Next::In(self.watch.next_in(turn.now_ms))
    }

    fn abandon(&mut self) {}
}

/// The seat of what every worker keeps current for itself: nobody leads.
pub struct Everybody;

impl Seat for Everybody {
    fn lease(&self) -> Option<Lease<'_>> {
        None
    }

    fn try_locked(&self, _: &mut dyn FnMut()) -> bool {
        false
    }
}
