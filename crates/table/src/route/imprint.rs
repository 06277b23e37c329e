//! What an entry of a file looked like, as a keyed hash: an entry that has the text it had is not parsed again.

use std::hash::{DefaultHasher, Hasher};

/// The hash of an entry's text; never 0, and its highest bit is: as a word of a table it may stand anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imprint(u64);

/// Hashes texts under a key. The default one has none, and its hashes are not to be compared.
///
/// This is SipHash-1-3. Its key is a first block of 128 random bits, so nobody who does not know them can find two texts
/// of one hash. Another build may hash in another way: what is kept for longer than a build runs is of no use.
#[derive(Clone, Debug, Default)]
pub struct Imprinter(DefaultHasher);

impl Imprint {
    /// From the word that [`Imprint::word`] gave.
    pub(crate) fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(crate) fn word(self) -> u64 {
        self.0
    }
}

impl Imprinter {
    pub(crate) fn new(key: [u64; 2]) -> Self {
        let mut hasher = DefaultHasher::new();
        key.iter().for_each(|part| hasher.write_u64(*part));
        Self(hasher)
    }

    /// The hash of an entry's text.
    #[must_use]
    pub fn of(&self, text: &[u8]) -> Imprint {
        let mut hasher = self.0.clone();
        hasher.write(text);
        Imprint((hasher.finish() >> 1).max(1))
    }
}
