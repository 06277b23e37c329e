//! What feeders need of the process they live in.

use crate::stamp::Stamp;
use gatehouse_table::table::ProcessMark;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// Levels of lines in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something is wrong, and something is done about it.
    Warn,
    /// The operator has to do something.
    Error,
    /// Something happened.
    Notice,
}

/// An open file.
pub trait OpenFile: Read {
    /// The stamp of the content it has now.
    ///
    /// # Errors
    /// The system's.
    fn stamp(&self) -> io::Result<Stamp>;

    /// Whether every user of the machine may read it.
    fn is_for_all(&self) -> bool {
        false
    }
}

/// The next bytes of a file, at most so many: with room for all of them from the start, that is one call of the kernel
/// and not one for each doubling.
pub(crate) fn piece(file: &mut (impl Read + ?Sized), most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(most).unwrap_or(0));
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The names in a directory.
pub type Listing = Box<dyn Iterator<Item = io::Result<OsString>>>;

/// The process around the feeders: a worker, or the master that reads a configuration.
pub trait World {
    /// The clock of the event loop: milliseconds, the same in all processes.
    fn now_ms(&self) -> u64;

    /// The time since 1970.
    fn time(&self) -> Duration;

    /// Writes a line to the log.
    fn log(&self, level: Level, line: &str);

    /// Opens a regular file for reading. Never waits.
    ///
    /// # Errors
    /// The system's, or that it is no regular file.
    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;

    /// The stamp of a regular file, which need not be readable.
    ///
    /// # Errors
    /// As [`World::open`].
    fn stat(&self, path: &Path) -> io::Result<Stamp>;

    /// The names in a directory, in any order.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::NotADirectory`] where it is none.
    fn list(&self, path: &Path) -> io::Result<Listing>;

    /// An error in the words of nginx: `2: No such file or directory`.
    fn explain(&self, error: &io::Error) -> String;

    /// Whether this process speaks for all workers about what each of them does.
    fn speaks(&self) -> bool {
        true
    }

    /// Whether this process may write files: `nginx -t` does not.
    fn writes(&self) -> bool {
        true
    }

    /// User and group of the workers that will be started; None where they keep those of this process.
    fn workers(&self) -> Option<(u32, u32)> {
        None
    }

    /// This process, told from a later one of the same number; never 0.
    fn process(&self) -> ProcessMark {
        1
    }

    /// Whether that process is there.
    fn is_alive(&self, _: ProcessMark) -> bool {
        true
    }

    /// A feeder is about to change a zone. Tests stop it here.
    fn before_change(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes without end, and how often they were asked for.
    struct Counted(usize);

    impl Read for Counted {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            buf.fill(b'x');
            Ok(buf.len())
        }
    }

    #[test]
    fn a_piece_is_read_in_one_go() {
        let mut file = Counted(0);
        assert_eq!(piece(&mut file, 8_192).unwrap().len(), 8_192);
        assert_eq!(file.0, 1);
        assert_eq!(piece(&mut &b"the rest"[..], 8_192).unwrap(), b"the rest");
    }
}
