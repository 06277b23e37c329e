//! Where a reading gets its bytes from.

use super::look::{Found, Unreadable};
use super::spool::Spool;
use crate::stamp::Stamp;
use crate::world::{OpenFile, World, piece};
use gatehouse_table::route::RouteError;
use std::io::ErrorKind;
use std::path::Path;
use std::rc::Rc;

/// Bytes read at once: what is done with them takes well below a millisecond.
const PIECE: u64 = 8 * 1024;

/// The files that are read, one after another.
pub(super) struct Source {
    found: Found,
    /// Which of them is being read.
    at: usize,
    origin: Origin,
    /// One of them was written to, or went away, while it was read.
    disturbed: bool,
}

enum Origin {
    /// The files themselves: the one that is open, with its stamp at that moment.
    Files(Option<(Box<dyn OpenFile>, Stamp)>),
    /// What the master has read, from here on.
    Spool(Rc<Spool>, u64),
}

/// The next of a source.
pub(super) enum Piece {
    Bytes(Vec<u8>),
    /// The file has ended: [`Source::next_file`].
    EndOfFile,
    /// All files have been read.
    End,
}

/// Why a reading comes to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// A file is no good: this says which, where and why.
    Content(String),
    /// All of them together are not.
    Whole(String),
    /// Another attempt with the same content may succeed.
    Passing(String),
    /// A file cannot be read.
    Unreadable(Unreadable),
}

impl Failure {
    /// All of it, in one line: `files` is how messages name all files together.
    pub(super) fn text(&self, files: &str, world: &dyn World) -> String {
        match self {
            Self::Content(text) => text.clone(),
            Self::Whole(why) | Self::Passing(why) => format!("{files}: {why}"),
            Self::Unreadable(Unreadable { path, error, .. }) => {
                let why = world.explain(error);
                format!("{}: cannot be read ({why})", shown(path))
            }
        }
    }

    /// Whether another attempt with the same content may succeed.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Passing(_) | Self::Unreadable(_))
    }
}

impl Source {
    /// Reads the files that a look has found.
    pub(super) fn of_files(found: Found) -> Self {
        Self::new(found, Origin::Files(None))
    }

    /// What the master has read of them.
    pub(super) fn of_spool(found: Found, spool: Rc<Spool>) -> Self {
        Self::new(found, Origin::Spool(spool, 0))
    }

    /// Whether it is what the master has read.
    pub(super) fn is_of_master(&self) -> bool {
        matches!(self.origin, Origin::Spool(..))
    }

    fn new(found: Found, origin: Origin) -> Self {
        Self {
            found,
            at: 0,
            origin,
            disturbed: false,
        }
    }

    /// The next piece.
    pub(super) fn read(&mut self, world: &dyn World) -> Result<Piece, Failure> {
        let Some(member) = self.found.members.get(self.at) else {
            return Ok(Piece::End);
        };
        let failed = |error| Failure::Unreadable(Unreadable::new(&member.path, error));
        let bytes = match &mut self.origin {
            Origin::Files(open) => {
                if open.is_none() {
                    *open = match world.open(&member.path).and_then(|f| Ok((f.stamp()?, f))) {
                        Ok((stamp, file)) => Some((file, stamp)),
                        Err(error) => {
                            self.disturbed |= error.kind() == ErrorKind::NotFound;
                            return Err(failed(error));
                        }
                    };
                }
                match open {
                    Some((file, _)) => piece(file.as_mut(), PIECE).map_err(failed)?,
                    None => Vec::new(),
                }
            }
            Origin::Spool(spool, at) => {
                let bytes = spool.read(self.at, *at, PIECE).map_err(failed)?;
                *at = at.saturating_add(bytes.len() as u64);
                bytes
            }
        };
        Ok(if bytes.is_empty() {
            Piece::EndOfFile
        } else {
            Piece::Bytes(bytes)
        })
    }

    /// Goes on to the next file.
    pub(super) fn next_file(&mut self) {
        self.disturbed |= self.is_rewritten();
        if let Origin::Files(open) = &mut self.origin {
            *open = None;
        }
        self.at = self.at.saturating_add(1);
    }

    fn is_rewritten(&self) -> bool {
        match &self.origin {
            Origin::Files(Some((file, before))) => {
                file.stamp().is_ok_and(|now| now.is_rewritten(before))
            }
            _ => false,
        }
    }

    /// Whether a file was written to, or went away, while it was read.
    pub(super) fn is_disturbed(&self) -> bool {
        self.disturbed || self.is_rewritten()
    }

    /// The file that is being read, when there are several.
    pub(super) fn one_of_several(&self) -> Option<String> {
        let path = &self.found.members.get(self.at)?.path;
        (self.found.members.len() > 1).then(|| path.display().to_string())
    }

    /// What is wrong with the file that is being read.
    pub(super) fn refuse(&self, error: &RouteError) -> Failure {
        let path = |number: usize| Some(self.found.members.get(number)?.path.as_path());
        let this = shown(path(self.at).unwrap_or(Path::new("")));
        let other = error.also_in.and_then(|number| path(number as usize));
        Failure::Content(match other {
            Some(other) => format!("{this}: {error}, {} has it too", shown(other)),
            None => format!("{this}: {error}"),
        })
    }
}

/// A file, as messages name it.
pub(super) fn shown(path: &Path) -> String {
    format!("file \"{}\"", path.display())
}
