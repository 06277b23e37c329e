//! Which content of a file was read.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells one content of a file from another: also one of the same size written over it, since `ctime` cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The clock of file times moves in steps: of two changes within one only the first shows.
const STEP: Duration = Duration::from_millis(50);

impl From<Metadata> for Stamp {
    fn from(meta: Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

impl Stamp {
    /// Itself, unless the file has changed so lately that it may be changed again without another stamp.
    pub fn settled(self) -> Option<Self> {
        let (seconds, nanoseconds) = self.changed;
        let changed = Duration::new(
            u64::try_from(seconds).ok()?,
            u32::try_from(nanoseconds).ok()?,
        );
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        // A time ahead of ours is another machine's.
        let lately = now.checked_sub(changed).is_some_and(|age| age < STEP);
        (!lately).then_some(self)
    }
}
