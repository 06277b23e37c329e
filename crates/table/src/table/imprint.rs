//! A record's imprint: a keyed hash of the text that the file's route was read from, in its last word.
//!
//! It says nothing of what a route is. A record with another one, or without, is the same route; readers do not look at
//! it, and it may change under them.

use super::layout::MAX_RECORD_WORDS;
use super::record::First;
use crate::route::Imprint;

/// Puts an imprint behind a record, if there is room.
pub(super) fn put_behind(record: &mut Vec<u64>, imprint: Imprint) {
    let has_room = record.len() < MAX_RECORD_WORDS;
    if let Some(first) = record.first_mut().filter(|_| has_room) {
        *first = First(*first).with_imprint();
        record.push(imprint.word());
    }
}

/// Takes the imprint away from words that begin with a record.
pub(super) fn take_away(words: &mut Vec<u64>) {
    let first = First(words.first().copied().unwrap_or(0));
    let last = first.words().saturating_sub(1);
    if first.has_imprint() && last < words.len() {
        words.remove(last);
        if let Some(word) = words.first_mut() {
            *word = first.without_imprint();
        }
    }
}

/// Whether two records are the same, whatever text they were read from.
pub(super) fn is_same(one: &[u64], other: &[u64]) -> bool {
    parts(one) == parts(other)
}

/// A record's first word and all others, as if it had no imprint.
fn parts(record: &[u64]) -> Option<(u64, &[u64])> {
    let (first, rest) = record.split_first()?;
    let first = First(*first);
    Some(if first.has_imprint() {
        (first.without_imprint(), rest.split_last()?.1)
    } else {
        (first.0, rest)
    })
}
