//! The files of a state, on the disk.
//!
//! Others may be able to write to their directory. So no link is followed, a new file is really new, and what is renamed
//! is what was written.

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// `state path`
pub struct StateFile {
    path: PathBuf,
    lock: Arc<LockFile>,
}

/// The lock file, open once in each nginx: workers inherit it from their master, and with it the lock.
#[derive(Default)]
struct LockFile(Mutex<Option<File>>);

/// Those of the configurations of this process: a reload goes on with the same one, since a second one would find it
/// locked.
static LOCKS: Mutex<Vec<(PathBuf, Weak<LockFile>)>> = Mutex::new(Vec::new());

/// A file in the making, removed unless it is committed.
pub(super) struct Draft {
    state: Rc<StateFile>,
    file: File,
}

/// Only the owner reads and writes: there are secrets in it.
const MODE: u32 = 0o600;
const WRITABLE_BY_ALL: u32 = 0o002;

impl StateFile {
    /// The state at this path.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        let mut locks = LOCKS.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|(_, lock)| lock.strong_count() > 0);
        let mut known = locks.iter().filter(|(of, _)| *of == path);
        let lock = known.find_map(|(_, lock)| lock.upgrade());
        let lock = lock.unwrap_or_else(|| {
            let lock = Arc::default();
            locks.push((path.clone(), Arc::downgrade(&lock)));
            lock
        });
        Self { path, lock }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path, as tables note it.
    pub(crate) fn name(&self) -> &[u8] {
        self.path.as_os_str().as_bytes()
    }

    /// It, as messages name it.
    pub(crate) fn shown(&self) -> String {
        format!("state \"{}\"", self.path.display())
    }

    /// A file beside it.
    pub(in crate::table) fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(suffix);
        name.into()
    }

    fn tmp(&self) -> PathBuf {
        self.beside(".tmp")
    }

    /// Opens the lock file, for this process and those that it will start.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        self.with_lock_file(|_| Ok(()))
    }

    /// Whether this nginx may write: it has the lock by now.
    pub(super) fn try_lock(&self) -> io::Result<bool> {
        self.with_lock_file(
            |file| match flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Ok(true),
                Err(Errno::WOULDBLOCK) => Ok(false),
                Err(error) => Err(error.into()),
            },
        )
    }

    /// Lets another nginx write.
    pub(super) fn unlock(&self) {
        let file = self.lock.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = file.as_ref() {
            let _ = flock(file, FlockOperation::Unlock);
        }
    }

    fn with_lock_file<T>(&self, work: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        let mut file = self.lock.0.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            let opened = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(MODE)
                .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
                .open(self.beside(".lock"))?;
            *file = Some(opened);
        }
        file.as_ref()
            .map_or_else(|| Err(ErrorKind::NotFound.into()), work)
    }

    /// Opens it for reading; None when there is none.
    ///
    /// # Errors
    /// It cannot be read, or must not be trusted.
    pub(super) fn open(&self, workers: Option<(u32, u32)>) -> io::Result<Option<File>> {
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
            .open(&self.path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if about.mode() & WRITABLE_BY_ALL != 0 {
            return Err(io::Error::other("any user may write to it"));
        }
        let directory = fs::metadata(self.directory())?;
        if directory.mode() & WRITABLE_BY_ALL != 0 && !is_ours(&about, workers) {
            let user = about.uid();
            let text =
                format!("any user may write to its directory, and it belongs to user {user}");
            return Err(io::Error::other(text));
        }
        Ok(Some(file))
    }

    /// Whether it is there.
    pub(crate) fn exists(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok()
    }

    fn directory(&self) -> &Path {
        let parent = self.path.parent();
        parent
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    }

    /// Why workers of this user and group will not be able to write it, if that is sure: a group may have members.
    pub(crate) fn obstacle(&self, workers: Option<(u32, u32)>) -> Option<String> {
        let directory = self.directory();
        let about = match fs::metadata(directory) {
            Ok(about) if about.is_dir() => about,
            Ok(_) => return Some("its directory is none".to_owned()),
            Err(_) => return Some("its directory is not there".to_owned()),
        };
        let (user, _) = workers?;
        let (mode, write) = (about.mode(), 0o3);
        let may = if user == about.uid() {
            mode >> 6 & write == write
        } else {
            // They may be members of the group.
            user == 0 || mode >> 3 & write == write || mode & write == write
        };
        (!may).then(|| format!("user {user} may not write to its directory"))
    }

    /// Begins to write it anew. A draft that a killed process has left is removed.
    pub(super) fn create(self: &Rc<Self>) -> io::Result<Draft> {
        self.remove_draft()?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .custom_flags(flags(OFlags::NOFOLLOW))
            .open(self.tmp())?;
        Ok(Draft {
            state: Rc::clone(self),
            file,
        })
    }

    /// Removes a draft that a killed process has left.
    pub(super) fn remove_draft(&self) -> io::Result<()> {
        match fs::remove_file(self.tmp()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Renames what cannot be read, so that it is not written over.
    pub(in crate::table) fn set_aside(&self, suffix: &str) -> io::Result<()> {
        fs::rename(&self.path, self.beside(suffix))
    }
}

impl Draft {
    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Whether it is still what its name stands for: the leader after us removes it.
    fn is_there(&self) -> bool {
        let named = fs::symlink_metadata(self.state.tmp());
        let ours = self.file.metadata();
        matches!((named, ours), (Ok(a), Ok(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino()))
    }

    /// Puts it in the place of the file before, which may be large: that one's room is freed by [`Replaced::shrink`].
    pub(super) fn commit(&self) -> io::Result<Replaced> {
        if !self.is_there() {
            return Err(io::Error::other("another process has removed its draft"));
        }
        let old = OpenOptions::new()
            .write(true)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
            .open(&self.state.path);
        fs::rename(self.state.tmp(), &self.state.path)?;
        Ok(Replaced(old.ok()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.is_there() {
            let _ = fs::remove_file(self.state.tmp());
        }
    }
}

/// A file that has lost its name.
pub(super) struct Replaced(Option<File>);

/// Bytes of a file that are given back at once: a millisecond or less.
const STEP: u64 = 8 * 1024 * 1024;

impl Replaced {
    /// Gives back a part of its room; false when there is none left.
    pub(super) fn shrink(&mut self) -> bool {
        let Some(file) = &self.0 else {
            return false;
        };
        // Somebody may have given it another name.
        let left = match file.metadata() {
            Ok(about) if about.nlink() == 0 => about.len().saturating_sub(STEP),
            _ => 0,
        };
        if left == 0 || file.set_len(left).is_err() {
            self.0 = None;
        }
        left > 0
    }
}

/// Whether a file is root's, this process's user's, or the workers'.
fn is_ours(about: &Metadata, workers: Option<(u32, u32)>) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let workers = workers.map_or(own, |(user, _)| user);
    [0, own, workers].contains(&about.uid())
}

/// Flags as the standard library takes them; it adds that no other program inherits the file.
fn flags(flags: OFlags) -> i32 {
    flags.bits() as i32
}
