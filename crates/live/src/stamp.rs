//! Which content of a file was read.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// Tells one content of a file from another: also one of the same size written over it, since `ctime` cannot be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    pub(crate) modified: (i64, i64),
    pub(crate) changed: (i64, i64),
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
    /// Itself, unless the file has changed so lately that it may be changed again without another stamp. `now` is the
    /// time since 1970.
    #[must_use]
    pub fn settled(self, now: Duration) -> Option<Self> {
        let (seconds, nanoseconds) = self.changed;
        let changed = Duration::new(
            u64::try_from(seconds).ok()?,
            u32::try_from(nanoseconds).ok()?,
        );
        // A time ahead of ours is another machine's.
        let lately = now.checked_sub(changed).is_some_and(|age| age < STEP);
        (!lately).then_some(self)
    }

    /// Whether the same open file has been written to since it had the stamp `before`. A file that was only renamed or
    /// removed meanwhile has another `ctime`, and its content is as it was.
    #[must_use]
    pub fn is_rewritten(&self, before: &Self) -> bool {
        (self.size, self.modified) != (before.size, before.modified)
    }

    /// How long the file is.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The stamp as one number, the same in all processes; never 0.
    #[must_use]
    pub fn number(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish().max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanoseconds: i64) -> Stamp {
        Stamp {
            changed: (seconds, nanoseconds),
            ..Stamp::default()
        }
    }

    #[test]
    fn a_stamp_settles_after_a_step_of_the_clock() {
        let stamp = at(100, 0);
        assert_eq!(stamp.settled(Duration::from_millis(100_049)), None);
        assert_eq!(stamp.settled(Duration::from_millis(100_050)), Some(stamp));
        assert_eq!(stamp.settled(Duration::from_millis(99_000)), Some(stamp));
        assert_eq!(at(-1, 0).settled(Duration::from_secs(1)), None);
    }

    #[test]
    fn a_renamed_file_is_not_rewritten() {
        let before = at(100, 0);
        assert!(!at(200, 0).is_rewritten(&before));
        let longer = Stamp { size: 1, ..before };
        let later = Stamp {
            modified: (1, 0),
            ..before
        };
        assert!(longer.is_rewritten(&before) && later.is_rewritten(&before));
        assert_ne!(at(200, 0).number(), before.number());
    }
}
