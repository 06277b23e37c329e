//! TAP lines and the closing count.

use std::io::Write;

use super::Outcome;

/// How many passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Skipped.
    pub skipped: usize,
}

/// Writes TAP.
pub struct Tap<W: Write> {
    out: W,
    number: usize,
    summary: Summary,
}

impl<W: Write> Tap<W> {
    /// Starts a stream of `planned` results.
    pub fn new(mut out: W, planned: usize) -> Tap<W> {
        let _ = writeln!(out, "TAP version 13\n1..{planned}");
        Tap {
            out,
            number: 0,
            summary: Summary::default(),
        }
    }

    /// A `#` line.
    pub fn note(&mut self, text: &str) {
        for line in text.lines() {
            let _ = writeln!(self.out, "# {line}");
        }
    }

    /// One result.
    pub fn result(&mut self, title: &str, outcome: &Outcome) {
        self.number = self.number.saturating_add(1);
        let title = title.replace('#', "\\#");
        let number = self.number;
        match outcome {
            Outcome::Pass => {
                self.summary.passed = self.summary.passed.saturating_add(1);
                let _ = writeln!(self.out, "ok {number} - {title}");
            }
            Outcome::Skip(reason) => {
                self.summary.skipped = self.summary.skipped.saturating_add(1);
                let _ = writeln!(
                    self.out,
                    "ok {number} - {title} # SKIP {}",
                    reason.replace('\n', " ")
                );
            }
            Outcome::Fail(why) => {
                self.summary.failed = self.summary.failed.saturating_add(1);
                let _ = writeln!(self.out, "not ok {number} - {title}");
                for item in why {
                    self.note(item);
                }
            }
        }
        let _ = self.out.flush();
    }

    /// Prints the closing line and returns the count.
    pub fn finish(mut self) -> Summary {
        let Summary {
            passed,
            failed,
            skipped,
        } = self.summary;
        let _ = writeln!(
            self.out,
            "{passed} passed, {failed} failed, {skipped} skipped"
        );
        let _ = self.out.flush();
        self.summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_tap() {
        let mut out = Vec::new();
        let mut tap = Tap::new(&mut out, 3);
        tap.result("a: #1", &Outcome::Pass);
        tap.result("b", &Outcome::Fail(vec!["x\ny".into()]));
        tap.result("c", &Outcome::Skip("why".into()));
        assert_eq!(
            tap.finish(),
            Summary {
                passed: 1,
                failed: 1,
                skipped: 1
            }
        );
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "TAP version 13\n1..3\nok 1 - a: \\#1\nnot ok 2 - b\n# x\n# y\nok 3 - c # SKIP why\n1 passed, 1 failed, 1 skipped\n"
        );
    }
}
