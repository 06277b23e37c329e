//! Commands that are sent together, and their answers.

use super::dialogue::write_command;
use redis_protocol::resp3::types::OwnedFrame;
use zeroize::Zeroizing;

/// Commands that are sent together.
#[derive(Default)]
pub(super) struct Commands {
    /// A password may be among them.
    out: Zeroizing<Vec<u8>>,
    count: usize,
}

impl Commands {
    pub(super) fn push(&mut self, words: &[&[u8]]) {
        write_command(&mut self.out, words);
        self.count = self.count.saturating_add(1);
    }

    /// What is to be sent.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// How many there are.
    #[cfg(feature = "nginx")]
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

/// The answer to a command; None is one that was too long to be read.
pub(super) type Answer = Option<OwnedFrame>;
