//! What takes a peer out: `passive fails=N window=time status=LIST ratio=N%`.
//!
//! The word of a peer's failures is their number where that decides. With `ratio` it is
//! `by share 1 | out 1 | spare 14 | failures 32`: whether it is out is found when one fails, from the tally of its answers
//! ([`Answers::tally`](super::Answers::tally)). What the word says under the one rule means nothing under the other: a
//! reload that changes the rule takes nobody out.

use super::answers::Tally;
use crate::route::check::Statuses;

/// The highest of 48 bits, and the next one.
const BY_SHARE: u64 = 1 << 47;
const OUT: u64 = 1 << 46;
/// Failures as far as they are counted.
const FAILS: u64 = (1 << 32) - 1;

/// When a backend is left out, as nginx's `max_fails` and `fail_timeout` have it, and by what is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passive {
    /// Failures that take a backend out; 0 never does.
    pub fails: u32,
    /// For how long, in milliseconds, and within which time failures count together.
    pub window_ms: u64,
    /// Failures are so many of a hundred answers at least, too; 0: their number decides alone.
    pub ratio: u8,
    /// The statuses that are failures; None: those for which nginx tries the next backend.
    pub statuses: Option<Statuses>,
}

impl Passive {
    /// So many failures within so many milliseconds.
    #[must_use]
    pub const fn new(fails: u32, window_ms: u64) -> Self {
        Self {
            fails,
            window_ms,
            ratio: 0,
            statuses: None,
        }
    }

    /// Whether an end of a try counts as a failure: nginx takes it for one (`failed`), and this was the answer's status,
    /// 0 without one. An answer that broke off or made no sense is one whatever its status was to be, and so is none.
    #[inline]
    #[must_use]
    pub fn is_failure(&self, failed: bool, status: u16) -> bool {
        match &self.statuses {
            None => failed,
            Some(some) => some.contains(status) || failed && status < SPECIAL,
        }
    }

    /// Whether a peer's failures take it out.
    pub(crate) fn takes_out(&self, word: u64) -> bool {
        match (self.fails, self.ratio) {
            (0, _) => false,
            (fails, 0) => word & BY_SHARE == 0 && word >= fails.into(),
            _ => word & (BY_SHARE | OUT) == BY_SHARE | OUT,
        }
    }

    /// The word of a peer's failures after one more.
    pub(super) fn one_more(&self, word: u64, tally: Option<Tally>) -> u64 {
        if self.ratio == 0 {
            let before = if word & BY_SHARE == 0 { word } else { 0 };
            return before.saturating_add(1).min(FAILS);
        }
        let before = if word & BY_SHARE == 0 { 0 } else { word };
        let fails = (before & FAILS).saturating_add(1).min(FAILS);
        let is_out = before & OUT != 0 || tally.is_some_and(|tally| self.is_too_much(tally));
        BY_SHARE | fails | if is_out { OUT } else { 0 }
    }

    /// Whether so many of so many answers are too much.
    fn is_too_much(&self, tally: Tally) -> bool {
        let (failed, all) = (u64::from(tally.failed), u64::from(tally.all));
        // Both have less than 32 bits.
        let share = u64::from(self.ratio).saturating_mul(all);
        failed >= self.fails.into() && failed.saturating_mul(100) >= share
    }

    /// The word of a peer that somebody else has seen fail.
    pub(super) fn out(&self) -> u64 {
        match self.ratio {
            0 => self.fails.into(),
            _ => BY_SHARE | OUT | u64::from(self.fails),
        }
    }
}

/// The lowest status for which nginx may try the next backend (NGX_HTTP_SPECIAL_RESPONSE).
const SPECIAL: u16 = 300;

/// The failures that a word counts.
pub(super) fn fails_of(word: u64) -> u64 {
    word & FAILS
}

impl Default for Passive {
    /// nginx's defaults: one failure, ten seconds.
    fn default() -> Self {
        Self::new(1, 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(failed: u32, all: u32) -> Option<Tally> {
        Some(Tally { failed, all })
    }

    const SHARE: Passive = Passive {
        ratio: 50,
        ..Passive::new(3, 10_000)
    };

    #[test]
    fn nginx_says_what_is_a_failure_where_nobody_else_does() {
        let usual = Passive::default();
        assert!(usual.is_failure(true, 0) && usual.is_failure(true, 404));
        assert!(!usual.is_failure(false, 500) && !usual.is_failure(false, 200));
    }

    #[test]
    fn statuses_say_it_instead_and_no_answer_is_one_always() {
        let some = Passive {
            statuses: Statuses::parse("500,502-504"),
            ..Passive::default()
        };
        for (failed, status, is_failure) in [
            (true, 0, true),
            (false, 0, false),
            (false, 500, true),
            (true, 500, true),
            (false, 503, true),
            (false, 501, false),
            // nginx tried the next one (http_404), and that is no failure here.
            (true, 404, false),
            (true, 501, false),
            // A head that makes no sense behind a good status line.
            (true, 200, true),
            (true, 299, true),
            (false, 200, false),
        ] {
            assert_eq!(
                some.is_failure(failed, status),
                is_failure,
                "{failed} {status}"
            );
        }
    }

    #[test]
    fn a_share_takes_out_once_there_are_enough() {
        let one = |tally| SHARE.takes_out(SHARE.one_more(0, tally));
        assert!(!one(None));
        assert!(!one(tally(2, 2)), "two are too few");
        assert!(one(tally(3, 3)) && one(tally(3, 6)) && one(tally(50, 100)));
        assert!(!one(tally(3, 7)) && !one(tally(49, 100)));
    }

    #[test]
    fn who_is_out_stays_out_until_all_is_forgotten() {
        let out = SHARE.one_more(0, tally(3, 3));
        let more = SHARE.one_more(out, tally(0, 1_000));
        assert!(SHARE.takes_out(more));
        assert_eq!((fails_of(out), fails_of(more)), (1, 2));
        assert!(!SHARE.takes_out(0) && SHARE.takes_out(SHARE.out()));
        assert_eq!(fails_of(SHARE.out()), 3);
    }

    #[test]
    fn what_one_rule_has_found_means_nothing_to_the_other() {
        let count = Passive::new(3, 10_000);
        let out = SHARE.one_more(SHARE.out(), None);
        assert!(!count.takes_out(out));
        assert_eq!(count.one_more(out, None), 1);
        assert!(!SHARE.takes_out(count.out()));
        assert_eq!(fails_of(SHARE.one_more(count.out(), None)), 1);
        let never = Passive { fails: 0, ..SHARE };
        assert!(!never.takes_out(SHARE.out()) && !Passive::new(0, 1).takes_out(9));
    }
}
