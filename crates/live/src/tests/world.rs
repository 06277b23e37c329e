//! A world for tests: its clocks stand still until they are moved, its files are in memory, its log is a list.

use crate::memory::{Memory, OldZone};
use crate::slice::Clock;
use crate::stamp::Stamp;
use crate::world::{Level, Listing, OpenFile, World};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// What a file has: bytes and when they were written.
#[derive(Clone, Default)]
pub(crate) struct Content {
    bytes: Rc<Vec<u8>>,
    stamp: Stamp,
}

#[derive(Default)]
pub(crate) struct TestWorld {
    pub(crate) ms: Cell<u64>,
    /// `nginx -t`.
    pub(crate) only_tests: Cell<bool>,
    files: RefCell<HashMap<PathBuf, Rc<RefCell<Content>>>>,
    /// Directories that may be empty.
    pub(crate) directories: RefCell<HashSet<PathBuf>>,
    lines: RefCell<Vec<String>>,
}

/// Seconds since 1970 when a test begins.
const BEGIN: u64 = 1_000_000;

impl TestWorld {
    pub(crate) fn advance(&self, ms: u64) {
        self.ms.set(self.ms.get() + ms);
    }

    fn stamp(&self, inode: u64, size: usize) -> Stamp {
        let at = self.time();
        let at = (at.as_secs() as i64, i64::from(at.subsec_nanos()));
        Stamp {
            inode,
            size: size as u64,
            modified: at,
            changed: at,
            ..Stamp::default()
        }
    }

    /// Puts a new file in the place of an old one, as `mv` does.
    pub(crate) fn replace(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        let mut files = self.files.borrow_mut();
        let inode = files
            .get(Path::new(path))
            .map_or(1, |old| old.borrow().stamp.inode + 1);
        let stamp = self.stamp(inode, bytes.len());
        let content = Content {
            bytes: Rc::new(bytes),
            stamp,
        };
        files.insert(path.into(), Rc::new(RefCell::new(content)));
    }

    /// Writes over a file: who has it open sees that.
    pub(crate) fn overwrite(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        let files = self.files.borrow();
        let mut content = files[Path::new(path)].borrow_mut();
        let stamp = self.stamp(content.stamp.inode, bytes.len());
        *content = Content {
            bytes: Rc::new(bytes),
            stamp,
        };
    }

    /// Puts the very file there that had this stamp.
    pub(crate) fn put_back(&self, path: &str, bytes: &str, stamp: Stamp) {
        let bytes = Rc::new(bytes.into());
        let content = Rc::new(RefCell::new(Content { bytes, stamp }));
        self.files.borrow_mut().insert(path.into(), content);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.files.borrow_mut().remove(Path::new(path));
    }

    /// What a file has.
    pub(crate) fn text(&self, path: &str) -> Option<Vec<u8>> {
        let files = self.files.borrow();
        let content = files.get(Path::new(path))?.borrow();
        Some(content.bytes.as_ref().clone())
    }

    /// The lines of the log since the last time.
    pub(crate) fn take_lines(&self) -> Vec<String> {
        self.lines.take()
    }
}

struct TestFile {
    content: Rc<RefCell<Content>>,
    bytes: Rc<Vec<u8>>,
    at: usize,
}

impl Read for TestFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes[self.at..].as_ref().read(buf)?;
        self.at += count;
        Ok(count)
    }
}

impl OpenFile for TestFile {
    fn stamp(&self) -> io::Result<Stamp> {
        Ok(self.content.borrow().stamp)
    }
}

impl World for TestWorld {
    fn now_ms(&self) -> u64 {
        self.ms.get()
    }

    fn time(&self) -> Duration {
        Duration::from_secs(BEGIN) + Duration::from_millis(self.ms.get())
    }

    fn log(&self, level: Level, line: &str) {
        self.lines.borrow_mut().push(format!("[{level:?}] {line}"));
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let files = self.files.borrow();
        let content = files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(TestFile {
            content: Rc::clone(content),
            bytes: Rc::clone(&content.borrow().bytes),
            at: 0,
        }))
    }

    fn stat(&self, path: &Path) -> io::Result<Stamp> {
        self.open(path)?.stamp()
    }

    fn list(&self, path: &Path) -> io::Result<Listing> {
        let files = self.files.borrow();
        if files.contains_key(path) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let is_below = |file: &&PathBuf| file.parent() == Some(path);
        let name = |file: &PathBuf| Ok(file.file_name().unwrap_or_default().to_owned());
        let names: Vec<_> = files.keys().filter(is_below).map(name).collect();
        if names.is_empty() && !self.directories.borrow().contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Box::new(names.into_iter()))
    }

    fn explain(&self, error: &io::Error) -> String {
        format!("{:?}", error.kind())
    }

    fn writes(&self) -> bool {
        !self.only_tests.get()
    }
}

/// Zeroed memory and its lock.
pub(crate) struct TestMemory {
    words: Vec<AtomicU64>,
    pub(crate) is_locked: Cell<bool>,
}

impl TestMemory {
    pub(crate) fn new(kib: usize) -> Self {
        Self {
            // All of it is written: it counts as memory of the table, not of who fills it.
            words: (0..kib * 128)
                .map(|_| AtomicU64::new(black_box(0)))
                .collect(),
            is_locked: Cell::new(false),
        }
    }
}

impl Memory for Rc<TestMemory> {
    fn words(&self) -> Option<&[AtomicU64]> {
        Some(&self.words)
    }

    fn try_locked(&self, work: &mut dyn FnMut()) -> bool {
        let free = !self.is_locked.replace(true);
        if free {
            work();
            self.is_locked.set(false);
        }
        free
    }

    fn size(&self) -> usize {
        self.words.len() * 8
    }

    fn size_for(&self, enough: &dyn Fn(usize) -> bool) -> usize {
        (1..)
            .map(|kib| kib * 1024)
            .find(|size| enough(size / 8))
            .unwrap()
    }
}

impl OldZone for Rc<TestMemory> {
    fn words(&self) -> Option<&[AtomicU64]> {
        Some(&self.words)
    }

    fn locked(&self, work: &mut dyn FnMut()) -> bool {
        self.try_locked(work)
    }
}

/// A clock that moves on by a millisecond each time it is read.
#[derive(Default)]
pub(crate) struct Ticking(Cell<u64>);

impl Ticking {
    pub(crate) fn ms(&self) -> u64 {
        self.0.get()
    }
}

impl Clock for Ticking {
    fn now(&self) -> Duration {
        self.0.set(self.0.get() + 1);
        Duration::from_millis(self.0.get())
    }
}
