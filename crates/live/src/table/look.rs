//! A look at the files and directories of a table: which files there are, and which content they have.

use crate::stamp::Stamp;
use crate::world::{Listing, World};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Names listed or files looked at in one step.
const ENTRIES: usize = 32;

/// A file of a table.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) path: PathBuf,
}

/// What a look found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The files, in their order.
    pub(super) members: Rc<Vec<Member>>,
    /// A number of their names and contents; None while one of them may change without another number.
    pub(super) content: Option<u64>,
}

/// A look under way, a few files at a time: a directory may have many.
pub(super) struct Look {
    /// Paths that come later, the next one last.
    paths: Vec<PathBuf>,
    /// The directory that is being listed.
    listing: Option<Listing>,
    directory: PathBuf,
    /// What it has, in the order of the names.
    names: BTreeSet<OsString>,
    members: Vec<Member>,
    hasher: DefaultHasher,
    settled: bool,
}

/// What cannot be looked at, and why.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) path: PathBuf,
    pub(super) error: io::Error,
    /// It was in a directory a moment ago, and may have been taken away.
    pub(super) was_listed: bool,
}

impl Unreadable {
    pub(super) fn new(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        Self {
            path,
            error,
            was_listed: false,
        }
    }
}

impl Look {
    pub(super) fn new(paths: &[PathBuf]) -> Self {
        Self {
            paths: paths.iter().rev().cloned().collect(),
            listing: None,
            directory: PathBuf::new(),
            names: BTreeSet::new(),
            members: Vec::new(),
            hasher: DefaultHasher::new(),
            settled: true,
        }
    }

    /// Looks at some more; gives what was found at the end.
    pub(super) fn step(&mut self, world: &dyn World) -> Result<Option<Found>, Unreadable> {
        if let Some(listing) = self.listing.take() {
            self.list(listing)?;
        } else if !self.names.is_empty() {
            self.add_listed(world)?;
        } else if let Some(path) = self.paths.pop() {
            self.enter(world, path)?;
        } else {
            return Ok(Some(self.end()));
        }
        Ok(None)
    }

    /// All of it at once.
    pub(super) fn finish(mut self, world: &dyn World) -> Result<Found, Unreadable> {
        loop {
            if let Some(found) = self.step(world)? {
                return Ok(found);
            }
        }
    }

    /// The next path: a directory, or a file.
    fn enter(&mut self, world: &dyn World, path: PathBuf) -> Result<(), Unreadable> {
        match world.list(&path) {
            Ok(listing) => {
                (self.listing, self.directory) = (Some(listing), path);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                let stamp = stamp(world, &path).map_err(|error| Unreadable::new(&path, error))?;
                self.add(world, path, stamp);
                Ok(())
            }
            Err(error) => Err(Unreadable::new(&path, error)),
        }
    }

    fn list(&mut self, mut listing: Listing) -> Result<(), Unreadable> {
        for _ in 0..ENTRIES {
            match listing.next() {
                Some(Ok(name)) if is_member(&name) => {
                    self.names.insert(name);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Unreadable::new(&self.directory, error)),
                None => return Ok(()),
            }
        }
        self.listing = Some(listing);
        Ok(())
    }

    fn add_listed(&mut self, world: &dyn World) -> Result<(), Unreadable> {
        for _ in 0..ENTRIES {
            let Some(name) = self.names.pop_first() else {
                return Ok(());
            };
            let path = self.directory.join(name);
            match stamp(world, &path) {
                Ok(stamp) => self.add(world, path, stamp),
                // A directory, or whatever it is.
                Err(error) if error.kind() == ErrorKind::Other => {}
                Err(error) => {
                    let was_listed = error.kind() == ErrorKind::NotFound;
                    return Err(Unreadable {
                        was_listed,
                        ..Unreadable::new(&path, error)
                    });
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, world: &dyn World, path: PathBuf, stamp: Stamp) {
        self.settled &= stamp.settled(world.time()).is_some();
        path.hash(&mut self.hasher);
        stamp.hash(&mut self.hasher);
        self.members.push(Member { path });
    }

    fn end(&mut self) -> Found {
        let content = self.settled.then(|| self.hasher.finish().max(1));
        Found {
            members: Rc::new(std::mem::take(&mut self.members)),
            content,
        }
    }
}

/// The stamp of a file that can be read.
fn stamp(world: &dyn World, path: &Path) -> io::Result<Stamp> {
    world.open(path)?.stamp()
}

/// Of a directory: `*.json`, and nothing hidden.
fn is_member(name: &OsString) -> bool {
    let name = name.as_bytes();
    name.ends_with(b".json") && !name.starts_with(b".")
}
