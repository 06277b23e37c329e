//! The answers of a table's backends, counted by the class of their status.
//!
//! They lie in memory of the table's size beside it, as far from its beginning as the peer's line is in the table: so
//! there is nothing to keep, and no page of that memory is taken before a backend whose line is there has answered.
//! A count is `tag 8 | count 56`, where the tag is of the peer's generation: who comes to a line after another peer begins
//! at 0. (After 128 peers of a line the tag comes again.)
//!
//! The two words behind the counts are a peer's tally, for `passive … ratio=`: its answers and failures of the present
//! window of time and of the one before, `tag 8 | window 16 | answers 20 | failures 20` each.

use super::layout::LINE;
use super::live;
use super::record::PeerId;
use std::sync::atomic::{AtomicU64, Ordering};

/// The words for what answers are counted by: `none` is a try without an answer.
pub const ANSWERS: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

const _: () = assert!(ANSWERS.len() <= NOW);

/// The words of a tally: the present window and the one before.
const NOW: usize = LINE - 2;
const BEFORE: usize = LINE - 1;

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

    /// Notes an answer, or none, in its peer's tally: what that is now. It has the answers of the present window of
    /// `window_ms` and of the one before, so of all that came within `window_ms`, and of some that came earlier.
    pub fn tally(&self, id: PeerId, failed: bool, now_ms: u64, window_ms: u64) -> Tally {
        let window = now_ms.checked_div(window_ms).unwrap_or(0) & WINDOWS;
        let line = self.line(id);
        let (Some(now), Some(before)) = (line.get(NOW), line.get(BEFORE)) else {
            return Tally::default();
        };
        let noted = live::update(now, |old| {
            let known = Tally::of_window(old, id, window).unwrap_or_default();
            Some(known.with(failed).word(id, window))
        });
        let Some((old, new)) = noted else {
            return Tally::default();
        };
        let earlier = window.wrapping_sub(1) & WINDOWS;
        if Tally::of_window(old, id, window).is_none() {
            // Who has begun the window keeps the one before.
            before.store(old, Ordering::Relaxed);
        }
        let present = Tally::of_window(new, id, window).unwrap_or_default();
        let past = Tally::of_window(before.load(Ordering::Relaxed), id, earlier);
        present.and(past.unwrap_or_default())
    }

    /// Begins a peer's tally anew.
    pub fn forget_tally(&self, id: PeerId) {
        for word in self.line(id).iter().skip(NOW) {
            word.store(0, Ordering::Relaxed);
        }
    }

    #[inline]
    fn line(&self, id: PeerId) -> &'a [AtomicU64] {
        let at = (id.line as usize).saturating_mul(LINE);
        self.0.get(at..at.saturating_add(LINE)).unwrap_or(&[])
    }
}

/// Answers of a peer, and those of them that were failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The failures.
    pub failed: u32,
    /// All of them, tries without an answer included.
    pub all: u32,
}

/// The largest number of a tally, and the largest of a window.
const NUMBERS: u64 = (1 << 20) - 1;
const WINDOWS: u64 = (1 << 16) - 1;

impl Tally {
    /// What a word says of this window; None if it is of another one.
    fn of_window(word: u64, id: PeerId, window: u64) -> Option<Self> {
        (word >> 40 == tag(id) << 16 | window).then_some(Self {
            failed: (word & NUMBERS) as u32,
            all: (word >> 20 & NUMBERS) as u32,
        })
    }

    fn word(self, id: PeerId, window: u64) -> u64 {
        tag(id) << BITS | window << 40 | u64::from(self.all) << 20 | u64::from(self.failed)
    }

    /// With one more. Of more than fit, the share stays.
    fn with(mut self, failed: bool) -> Self {
        if u64::from(self.all) >= NUMBERS {
            (self.all, self.failed) = (self.all / 2, self.failed / 2);
        }
        Self {
            failed: self.failed.saturating_add(failed.into()),
            all: self.all.saturating_add(1),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            failed: self.failed.saturating_add(other.failed),
            all: self.all.saturating_add(other.all),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id(generation: u8) -> PeerId {
        PeerId {
            line: 1,
            generation,
        }
    }

    fn with_answers(test: impl FnOnce(Answers<'_>)) {
        let words: Vec<AtomicU64> = (0..4 * LINE).map(|_| AtomicU64::new(0)).collect();
        test(Answers::new(&words));
    }

    fn tally(failed: u32, all: u32) -> Tally {
        Tally { failed, all }
    }

    #[test]
    fn a_tally_has_all_of_a_windows_length() {
        with_answers(|answers| {
            let note = |failed, now_ms| answers.tally(id(1), failed, now_ms, 1_000);
            assert_eq!(note(true, 500_900), tally(1, 1));
            assert_eq!(note(false, 500_999), tally(1, 2));
            assert_eq!(
                note(true, 501_000),
                tally(2, 3),
                "a new window knows the one before"
            );
            assert_eq!(note(true, 501_999), tally(3, 4));
            assert_eq!(note(false, 502_500), tally(2, 3), "and no other");
            assert_eq!(note(true, 504_000), tally(1, 1), "nobody came in between");
            assert_eq!(answers.of(id(1)), [0; 6], "the counts are others");
        });
    }

    #[test]
    fn a_tally_is_a_peers_own_and_can_begin_anew() {
        with_answers(|answers| {
            let note = |generation| answers.tally(id(generation), true, 500_000, 1_000);
            assert_eq!(note(1), tally(1, 1));
            assert_eq!(note(2), tally(1, 1), "another peer came to the line");
            assert_eq!(note(2), tally(2, 2));
            answers.forget_tally(id(2));
            assert_eq!(note(2), tally(1, 1));
            answers.count(id(2), 200);
            assert_eq!(answers.of(id(2))[2], 1);
            let nowhere = PeerId {
                line: 99,
                generation: 1,
            };
            assert_eq!(answers.tally(nowhere, true, 1, 1_000), tally(0, 0));
        });
    }

    #[test]
    fn of_more_than_fit_the_share_stays() {
        let most = NUMBERS as u32;
        assert_eq!(tally(0, most - 1).with(true), tally(1, most));
        let half = tally(most, most).with(false);
        assert_eq!(half, tally(most / 2, most / 2 + 1));
        let word = tally(5, 9).word(id(3), 0xffff);
        assert_eq!(Tally::of_window(word, id(3), 0xffff), Some(tally(5, 9)));
        assert_eq!(Tally::of_window(word, id(3), 0xfffe), None);
        assert_eq!(Tally::of_window(word, id(4), 0xffff), None);
        assert_eq!(
            Tally::of_window(0, id(0), 0),
            None,
            "memory that was never used"
        );
    }

    #[test]
    fn workers_lose_no_answer() {
        with_answers(|answers| {
            std::thread::scope(|scope| {
                for number in 0..4 {
                    scope.spawn(move || {
                        for _ in 0..500 {
                            answers.tally(id(1), number == 0, 500_000, 1_000);
                        }
                    });
                }
            });
            let last = answers.tally(id(1), false, 500_000, 1_000);
            assert!(last.all > 1_950 && last.failed > 450, "{last:?}");
        });
    }
}
