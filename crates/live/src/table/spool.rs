//! What the master has read, on its way to the worker that applies it.
//!
//! It lies in a file in memory that the master makes and workers inherit: none of it is the master's own memory, which
//! every worker would have a copy of, and which the master would keep until the next reload. The worker that has applied
//! it empties the file.

use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// The bytes of some files, one behind the other.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    /// Where each of them ends.
    ends: Vec<u64>,
    len: u64,
}

impl Spool {
    pub(super) fn new() -> io::Result<Self> {
        let file = memfd_create(c"gatehouse routes", MFdFlags::MFD_CLOEXEC)?;
        Ok(Self {
            file: file.into(),
            ends: Vec::new(),
            len: 0,
        })
    }

    /// Adds the next bytes of a file.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.len = self.len.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// The next bytes are another file's.
    pub(super) fn end_file(&mut self) {
        self.ends.push(self.len);
    }

    /// Some bytes of a file, from here on; empty at its end.
    pub(super) fn read(&self, file: usize, at: u64, most: u64) -> io::Result<Vec<u8>> {
        let end = self.ends.get(file).copied().unwrap_or(0);
        let count = end.saturating_sub(at).min(most);
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.file.metadata().unwrap().len()
    }

    /// Frees the memory, in all processes.
    pub(super) fn empty(&self) {
        // Where that fails, it is freed with the configuration.
        let _ = self.file.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_apart_until_they_are_freed() {
        let mut spool = Spool::new().unwrap();
        for (file, pieces) in [vec!["one", " and a half"], vec![], vec!["two"]]
            .iter()
            .enumerate()
        {
            for piece in pieces {
                spool.push(piece.as_bytes()).unwrap();
            }
            spool.end_file();
            assert_eq!(spool.ends.len(), file + 1);
        }
        assert_eq!(spool.read(0, 0, 5).unwrap(), b"one a");
        assert_eq!(spool.read(0, 5, 1000).unwrap(), b"nd a half");
        assert_eq!(spool.read(0, 14, 1000).unwrap(), b"");
        assert_eq!(spool.read(1, 14, 1000).unwrap(), b"");
        assert_eq!(spool.read(2, 14, 1000).unwrap(), b"two");
        spool.empty();
        assert!(spool.read(0, 0, 5).is_err());
    }
}
