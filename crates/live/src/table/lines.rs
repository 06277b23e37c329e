//! What is said about names and backends: not all of it when many change at once.

/// Lines within [`TOGETHER_MS`].
const LINES: usize = 10;
const TOGETHER_MS: u64 = 1_000;

/// Counts lines.
pub(super) struct Lines {
    /// What they are about.
    what: &'static str,
    since_ms: u64,
    said: usize,
    unsaid: usize,
}

impl Lines {
    /// Lines about these things, none so far.
    pub(super) fn of(what: &'static str) -> Self {
        Self {
            what,
            since_ms: 0,
            said: 0,
            unsaid: 0,
        }
    }

    /// Whether one more line may be written now; else it is counted.
    pub(super) fn admit(&mut self, now_ms: u64) -> bool {
        if now_ms.saturating_sub(self.since_ms) >= TOGETHER_MS && self.unsaid == 0 {
            (self.since_ms, self.said) = (now_ms, 0);
        }
        let is_admitted = self.said < LINES;
        if is_admitted {
            self.said = self.said.saturating_add(1);
        } else {
            self.unsaid = self.unsaid.saturating_add(1);
        }
        is_admitted
    }

    /// The line about those that were not written, when it is time for it.
    pub(super) fn rest(&mut self, now_ms: u64) -> Option<String> {
        let is_time = now_ms.saturating_sub(self.since_ms) >= TOGETHER_MS;
        if self.unsaid == 0 || !is_time {
            return None;
        }
        let unsaid = std::mem::take(&mut self.unsaid);
        Some(format!("and {unsaid} more {}", self.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_names_at_once_are_a_few_lines() {
        let mut lines = Lines::of("host names");
        for _ in 0..2 {
            let now_ms = 5_000;
            lines = Lines::of("host names");
            let written = (0..1_000).filter(|_| lines.admit(now_ms)).count();
            assert_eq!(written, 10);
            assert_eq!(lines.rest(now_ms + 999), None);
            let rest = lines.rest(now_ms + 1_000);
            assert_eq!(rest.as_deref(), Some("and 990 more host names"));
        }
        assert_eq!(lines.rest(9_000), None);
        assert!(lines.admit(9_000));
    }
}
