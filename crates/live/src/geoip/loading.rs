//! A database file from its first byte to its last, read and verified by the master and by workers alike.

use crate::stamp::Stamp;
use crate::watch::Watch;
use crate::world::{OpenFile, World};
use gatehouse_base::memory::free_part;
use gatehouse_geo::{Database, Fields, Shape, Summary, Verification};
use std::cell::Cell;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;

/// Bytes read in one step.
const PIECE: u64 = 256 * 1024;
/// Nodes and values verified in one step.
const VALUES: u32 = 5_000;
/// Records whose facts are worked out in one step, and words of them that are copied.
const RECORDS: usize = 500;
const WORDS: usize = 1 << 17;

/// What a configuration wants of a database; known once all of it has been read.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Fields that rules and variables rely on: every later file must have them.
    pub relied_on: Cell<Fields>,
    /// Fields that they ask for at each request.
    pub asked: Cell<Fields>,
}

/// A database that has been read and verified.
pub struct Loaded {
    /// The file's bytes, and behind them a summary, once that is [appended](Self::summarize).
    pub image: Vec<u8>,
    /// What has been worked out of its records.
    summary: Option<Summary>,
    /// Bytes of the file alone.
    file: usize,
    /// What is known about them.
    pub shape: Rc<Shape>,
    /// The number of the file's stamp; 0 when it may be another content soon.
    pub stamp: u64,
}

impl Loaded {
    /// The database.
    #[must_use]
    pub fn database(&self) -> Database<&[u8]> {
        Database::with_shape(&self.image, Rc::clone(&self.shape))
    }

    /// The fields that its records have: all of them are known where there is a summary.
    #[must_use]
    pub fn fields(&self) -> Fields {
        fields(self.summary.as_ref(), &self.database())
    }

    /// Bytes of the file alone.
    #[must_use]
    pub fn file(&self) -> usize {
        self.file
    }

    /// Bytes that it may have with a summary.
    #[must_use]
    pub fn longest(&self) -> usize {
        let summary = self.summary.as_ref();
        let summary = summary.map_or(0, |summary| summary.len(self.file));
        self.file.saturating_add(summary)
    }

    /// Appends what is worked out of its records, as far as it is asked for.
    pub fn summarize(&mut self, asked: Fields) {
        if let Some(mut summary) = self.summary.take() {
            let image = &mut self.image;
            while !append(&mut summary, image, self.file, asked, usize::MAX) {}
            while summary.shrink() {}
        }
    }

    /// As much of it as fits into a slot of that size: all of it, or else the file.
    pub(super) fn fitting(&self, room: usize) -> &[u8] {
        let most = if self.image.len() > room {
            self.file()
        } else {
            self.image.len()
        };
        self.image.get(..most).unwrap_or_default()
    }
}

/// Reads and verifies a whole file.
///
/// # Errors
/// What is wrong with it, to be read after its name.
pub fn load(world: &dyn World, path: &Path) -> Result<Loaded, String> {
    let opened = world.open(path).and_then(|f| Ok((f.stamp()?, f)));
    let (stamp, file) = opened.map_err(|e| unreadable(world, &e))?;
    let mut reading = Reading::new(file, stamp);
    while !reading.step(world)? {}
    let mut checking = Checking::new(reading.bytes, Fields::ALL).map_err(|(why, _)| why)?;
    while !checking.step()? {}
    while checking.verification.shrink() {}
    Ok(Loaded {
        image: checking.bytes,
        summary: checking.summary,
        file: checking.file,
        shape: checking.shape,
        stamp: number(world, stamp),
    })
}

/// Freed in parts, although nobody waits: an allocator that is given back much at once keeps as much for itself from then
/// on (glibc's threshold for `mmap`), in the workers that are forked from this process as well.
impl Drop for Loaded {
    fn drop(&mut self) {
        while free_part(&mut self.image) {}
        if let Some(summary) = &mut self.summary {
            while summary.shrink() {}
        }
    }
}

/// The number of a stamp; 0 for one whose file may be another one soon without another stamp.
pub(crate) fn number(world: &dyn World, stamp: Stamp) -> u64 {
    stamp
        .settled(world.time())
        .map_or(0, |stamp| stamp.number())
}

/// `cannot be read (2: No such file or directory)`
pub(crate) fn unreadable(world: &dyn World, error: &std::io::Error) -> String {
    format!("cannot be read ({})", world.explain(error))
}

/// What is wrong with a file, to be read after its name.
fn fault(error: &gatehouse_geo::Error) -> String {
    match error {
        gatehouse_geo::Error::NotMaxMind => format!("is {error}"),
        gatehouse_geo::Error::Invalid(_) => format!("is an {error}"),
    }
}

/// A file being read.
pub(crate) struct Reading {
    file: Box<dyn OpenFile>,
    pub(crate) stamp: Stamp,
    pub(crate) bytes: Vec<u8>,
}

impl Reading {
    pub(crate) fn new(file: Box<dyn OpenFile>, stamp: Stamp) -> Self {
        Self {
            file,
            stamp,
            bytes: Vec::new(),
        }
    }

    /// Reads a piece; whether the file ended.
    pub(crate) fn step(&mut self, world: &dyn World) -> Result<bool, String> {
        if self.bytes.capacity() == 0 {
            // All of it at once, so that what has been read is never moved. The memory itself comes page by page.
            let length = usize::try_from(self.stamp.size()).unwrap_or(usize::MAX);
            let reserved = self.bytes.try_reserve_exact(length);
            reserved.map_err(|_| "cannot be read (no memory)".to_owned())?;
        }
        let mut piece = (&mut self.file).take(PIECE);
        match piece.read_to_end(&mut self.bytes) {
            Ok(count) => Ok(count == 0),
            Err(error) => Err(unreadable(world, &error)),
        }
    }

    /// How long the file is now, or has been read.
    pub(crate) fn length(&self) -> usize {
        let length = self.file.stamp().map_or(0, |now| now.size());
        usize::try_from(length)
            .unwrap_or(usize::MAX)
            .max(self.bytes.len())
    }

    /// Whether what was read is one content.
    pub(crate) fn is_at_rest(&self, watch: &mut Watch) -> bool {
        watch.is_at_rest(self.file.as_ref(), &self.stamp)
    }
}

/// A database being verified.
pub(crate) struct Checking {
    pub(crate) bytes: Vec<u8>,
    pub(crate) shape: Rc<Shape>,
    verification: Verification,
    /// What will be asked of it.
    asked: Fields,
    /// What is known of the records once all is verified, and of how many of them.
    summary: Option<Summary>,
    added: usize,
    /// Bytes of the file alone.
    file: usize,
}

impl Checking {
    /// Begins to verify a file of which so much will be asked; an error gives the bytes back.
    pub(crate) fn new(bytes: Vec<u8>, asked: Fields) -> Result<Self, (String, Vec<u8>)> {
        let begin = |bytes: &[u8]| {
            let database = Database::open(bytes)?;
            let verification = Verification::new(&database)?;
            Ok((database.shape(), verification))
        };
        match begin(&bytes) {
            Ok((shape, verification)) => Ok(Self {
                file: bytes.len(),
                bytes,
                shape,
                verification,
                asked,
                summary: None,
                added: 0,
            }),
            Err(error) => Err((fault(&error), bytes)),
        }
    }

    /// The database.
    pub(crate) fn database(&self) -> Database<&[u8]> {
        Database::with_shape(&self.bytes, Rc::clone(&self.shape))
    }

    /// The fields that its records have, once all of them have been looked at.
    pub(crate) fn fields(&self) -> Fields {
        fields(self.summary.as_ref(), &self.database())
    }

    /// Goes on; whether all of it is good, and its summary is made.
    pub(crate) fn step(&mut self) -> Result<bool, String> {
        let database = Database::with_shape(self.bytes.as_slice(), Rc::clone(&self.shape));
        let Some(summary) = &mut self.summary else {
            let step = self.verification.step(&database, VALUES);
            let is_good = step.map_err(|error| fault(&error))?;
            if is_good {
                self.summary = Summary::new(self.verification.records().len(), self.asked);
            }
            // Without memory for a summary there is none.
            return Ok(is_good && self.summary.is_none());
        };
        let records = self.verification.records();
        let rest = records.get(self.added..).unwrap_or_default();
        let now = rest.get(..RECORDS).unwrap_or(rest);
        for offset in now {
            summary.add(&database, *offset);
        }
        self.added = self.added.saturating_add(now.len());
        Ok(now.len() == rest.len())
    }

    /// Puts a part of the summary behind the bytes, if it has room in a slot of that size; whether all is done.
    pub(crate) fn append_summary(&mut self, room: usize) -> bool {
        let Some(summary) = &mut self.summary else {
            return true;
        };
        append(summary, &mut self.bytes, self.file, self.asked, room)
    }

    /// What is to be freed.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Verification, Option<Summary>) {
        (self.bytes, self.verification, self.summary)
    }
}

/// The fields that the records of a database have.
fn fields(summary: Option<&Summary>, database: &Database<&[u8]>) -> Fields {
    let known = summary.map(Summary::fields);
    known.unwrap_or_default().or(database.fields())
}

/// Puts a part of a summary behind the bytes of a file; whether all is done, or there is no room for it.
fn append(
    summary: &mut Summary,
    bytes: &mut Vec<u8>,
    file: usize,
    asked: Fields,
    room: usize,
) -> bool {
    if bytes.len() == file {
        summary.narrow(asked, file);
    }
    let whole = file.saturating_add(summary.len(file));
    let rest = whole.saturating_sub(bytes.len());
    if whole <= room && bytes.try_reserve_exact(rest).is_ok() {
        summary.append_to(bytes, file, WORDS)
    } else {
        true
    }
}
