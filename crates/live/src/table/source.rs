//! Where a reading gets its bytes from.

use crate::chunks::Bytes;
use crate::stamp::Stamp;
use crate::watch::Watch;
use crate::world::{OpenFile, World};
use std::io::Read;
use std::rc::Rc;

/// Bytes read at once: what is done with them takes well below a millisecond.
const PIECE: u64 = 8 * 1024;

/// Where routes are read from.
pub(super) enum Source {
    /// A file that had this stamp when it was opened.
    File(Box<dyn OpenFile>, Stamp),
    /// What the master has read, from this piece on.
    Snapshot(Rc<Bytes>, usize),
}

impl Source {
    /// The next piece; empty at the end.
    pub(super) fn read(&mut self, world: &dyn World) -> Result<Vec<u8>, String> {
        match self {
            Self::File(file, _) => {
                let mut bytes = Vec::new();
                let read = file.take(PIECE).read_to_end(&mut bytes);
                read.map_err(|e| format!("cannot be read ({})", world.explain(&e)))?;
                Ok(bytes)
            }
            Self::Snapshot(bytes, at) => {
                let piece = bytes.piece(*at).unwrap_or_default().to_vec();
                *at = at.saturating_add(1);
                Ok(piece)
            }
        }
    }

    /// Whether what was read is one content.
    pub(super) fn is_at_rest(&self, watch: &mut Watch) -> bool {
        match self {
            Self::File(file, before) => watch.is_at_rest(file.as_ref(), before),
            Self::Snapshot(..) => true,
        }
    }
}
