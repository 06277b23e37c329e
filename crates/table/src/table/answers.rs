//! The answers of a table's backends, counted by the class of their status.
//!
//! They lie in memory of the table's size beside it, as far from its beginning as the peer's line is in the table: so
//! there is nothing to keep, and no page of that memory is taken before a backend whose line is there has answered.
//! A count is `tag 8 | count 56`, where the tag is of the peer's generation: who comes to a line after another peer begins
//! at 0. (After 128 peers of a line the tag comes again.)

use super::layout::LINE;
use super::record::PeerId;
use std::sync::atomic::{AtomicU64, Ordering};

/// The words for what answers are counted by: `none` is a try without an answer.
pub const ANSWERS: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

const _: () = assert!(ANSWERS.len() <= LINE);

/// Bits of a count.
const BITS: u32 = 56;
/// The part of a word that is the count.
const COUNT: u64 = (1 << BITS) - 1;
/// In a tag: it is one. Memory that was never counted in has none.
const COUNTED: u64 = 0x80;

/// Where the answers of a table's peers are counted: by all workers, without a lock.
#[derive(Clone, Copy)]
pub struct Answers<'a>(&'a [AtomicU64]);

impl<'a> Answers<'a> {
    /// Those in these words, which are zero at first; there are as many as the table has.
    #[must_use]
    pub fn new(words: &'a [AtomicU64]) -> Self {
        Self(words)
    }

    /// Counts an answer of a peer that is in the table, by its status; 0 is a try without an answer.
    #[inline]
    pub fn count(&self, id: PeerId, status: u16) {
        let Some(word) = self.line(id).get(number(status)) else {
            return;
        };
        let (tag, old) = (tag(id), word.load(Ordering::Relaxed));
        if old >> BITS == tag {
            // So many that it runs into the tag nobody has ever sent.
            word.fetch_add(1, Ordering::Relaxed);
        } else {
            // Who loses has met another one who begins.
            let begun = tag << BITS | 1;
            if word
                .compare_exchange(old, begun, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
            {
                word.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The answers of a peer so far, in the order of [`ANSWERS`].
    #[must_use]
    pub fn of(&self, id: PeerId) -> [u64; ANSWERS.len()] {
        let mut answers = [0; ANSWERS.len()];
        for (answer, word) in answers.iter_mut().zip(self.line(id)) {
            let found = word.load(Ordering::Relaxed);
            if found >> BITS == tag(id) {
                *answer = found & COUNT;
            }
        }
        answers
    }

    #[inline]
    fn line(&self, id: PeerId) -> &'a [AtomicU64] {
        let at = (id.line as usize).saturating_mul(LINE);
        self.0.get(at..at.saturating_add(LINE)).unwrap_or(&[])
    }
}

fn tag(id: PeerId) -> u64 {
    COUNTED | u64::from(id.generation)
}

/// The number of a status's word.
#[inline]
fn number(status: u16) -> usize {
    match status {
        100..=199 => 1,
        200..=299 => 2,
        300..=399 => 3,
        400..=499 => 4,
        500.. => 5,
        _ => 0,
    }
}
