//! Whether a server lives.

use super::feeder::Line;
use super::follow::Lost;
use crate::memory::Memory;

/// How long a server may be silent when it was asked something.
const SILENCE_MS: u64 = 3_000;
/// A server whose bytes never become an answer is as useless as a silent one.
const ANSWER_MS: u64 = 15_000;
/// How often it is looked whether all is well. More time than this counts as this much: this process may have stood still
/// itself.
pub(super) const LOOK_MS: u64 = 500;
/// How often a server is asked for a sign of life.
const SIGN_MS: u64 = 1_000;

/// For how long a server that was asked something has owed bytes, and an answer.
pub(crate) struct Life {
    /// When it was looked at last, and asked for a sign of life.
    look_ms: u64,
    sign_ms: u64,
    silent_ms: u64,
    unanswered_ms: u64,
    /// How many answers had come by then.
    answered: u64,
}

impl Life {
    /// Of a new connection.
    pub(crate) fn begin(now_ms: u64) -> Self {
        Self {
            look_ms: now_ms,
            sign_ms: now_ms,
            silent_ms: 0,
            unanswered_ms: 0,
            answered: 0,
        }
    }

    /// Looks at it once it has been read from, and `heard` or not; asks for a sign of life from time to time.
    ///
    /// # Errors
    /// It owes something for too long.
    pub(crate) fn look<M: Memory>(
        &mut self,
        line: &Line<M>,
        heard: bool,
        now_ms: u64,
    ) -> Result<(), Lost> {
        let passed = now_ms.saturating_sub(self.look_ms).min(LOOK_MS);
        self.look_ms = now_ms;
        let is_idle = line.waiting() == 0;
        let answered = line.answered();
        let has_answered = std::mem::replace(&mut self.answered, answered) != answered;
        count(&mut self.silent_ms, passed, is_idle || heard);
        count(&mut self.unanswered_ms, passed, is_idle || has_answered);
        if self.silent_ms >= SILENCE_MS || self.unanswered_ms >= ANSWER_MS {
            return Err(Lost::Store("does not answer".into()));
        }
        if now_ms.saturating_sub(self.sign_ms) >= SIGN_MS {
            self.sign_ms = now_ms;
            line.ping();
        }
        Ok(())
    }
}

fn count(ms: &mut u64, passed: u64, is_well: bool) {
    *ms = if is_well {
        0
    } else {
        ms.saturating_add(passed)
    };
}
