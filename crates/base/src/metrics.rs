//! The text in which Prometheus reads metrics (text format 0.0.4).
//!
//! Names of metrics and labels are words of the source; values of labels are the operator's, and are escaped.

use std::fmt::Display;
use std::io::Write;

/// The `Content-Type` of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How a metric changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until it begins at 0 again.
    Counter,
    /// It is what it is now.
    Gauge,
    /// How many were at most so large, for some sizes: [`Samples::put_histogram`].
    Histogram,
}

impl Kind {
    /// Its word in the text and in the reference.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What is the same for all samples of a metric.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name as Prometheus has it.
    pub name: &'static str,
    /// How it changes.
    pub kind: Kind,
    /// What it counts or measures: `requests`, `bytes`.
    pub unit: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub text: &'static str,
}

impl About {
    /// What is wrong with the names, if something is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let name = self.name;
        let is_total = name.ends_with("_total");
        if !is_name(name) || !name.starts_with("gatehouse_") {
            return Some(format!("metric \"{name}\" has no name of ours"));
        }
        if is_total != (self.kind == Kind::Counter) {
            return Some(format!(
                "metric \"{name}\": counters end in \"_total\", and nothing else does"
            ));
        }
        let bad = self.labels.iter().find(|label| !is_name(label));
        match bad {
            Some(label) => Some(format!("metric \"{name}\" has a label \"{label}\"")),
            None if self.text.trim().is_empty() || self.unit.is_empty() => {
                Some(format!("metric \"{name}\" says nothing"))
            }
            None => None,
        }
    }

    /// Writes the lines above the first sample.
    pub fn write_head(&self, out: &mut Vec<u8>) {
        let (name, kind) = (self.name, self.kind.as_str());
        out.extend_from_slice(b"# HELP ");
        out.extend_from_slice(name.as_bytes());
        out.push(b' ');
        escape(self.text, false, out);
        // A vector takes whatever is written.
        let _ = writeln!(out, "\n# TYPE {name} {kind}");
    }
}

/// Whether Prometheus takes it for a name of a metric and of a label.
fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    text.bytes().all(plain) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Where the samples of one metric are written.
pub struct Samples<'o> {
    about: &'o About,
    out: &'o mut Vec<u8>,
}

impl<'o> Samples<'o> {
    /// Those of this metric, behind `out`.
    pub fn new(about: &'o About, out: &'o mut Vec<u8>) -> Self {
        Self { about, out }
    }

    /// Writes a sample; `values` are those of the labels, in their order.
    pub fn put(&mut self, values: &[&str], value: u64) {
        self.line("", values, None, &value);
    }

    /// Writes the samples of a histogram of times: for each bound in seconds how many were at most that long and longer
    /// than the bound before, how many were longer than all of them, and the sum of all in milliseconds.
    pub fn put_histogram(
        &mut self,
        values: &[&str],
        buckets: &[(&str, u64)],
        longer: u64,
        sum_ms: u64,
    ) {
        let mut count = 0_u64;
        for (bound, more) in buckets.iter().chain([&("+Inf", longer)]) {
            count = count.saturating_add(*more);
            self.line("_bucket", values, Some(("le", bound)), &count);
        }
        let (seconds, rest) = (sum_ms / 1_000, sum_ms % 1_000);
        let sum = format_args!("{seconds}.{rest:03}");
        self.line("_sum", values, None, &sum);
        self.line("_count", values, None, &count);
    }

    fn line(
        &mut self,
        suffix: &str,
        values: &[&str],
        more: Option<(&str, &str)>,
        value: &dyn Display,
    ) {
        debug_assert_eq!(values.len(), self.about.labels.len());
        self.out.extend_from_slice(self.about.name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        let mut before = b'{';
        let labels = self.about.labels.iter().copied();
        let labels = labels.zip(values.iter().copied()).chain(more);
        for (label, value) in labels {
            self.out.push(before);
            self.out.extend_from_slice(label.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape(value, true, self.out);
            self.out.push(b'"');
            before = b',';
        }
        if before == b',' {
            self.out.push(b'}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

/// Writes a text so that it stays in its line, and a label's value between its quotes.
fn escape(text: &str, is_quoted: bool, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if is_quoted => out.extend_from_slice(b"\\\""),
            other => out.push(other),
        }
    }
}

/// The statuses that answers are counted by; all others are one more, [`OTHER`].
const STATUSES: [&str; 71] = [
    "101", "103", "200", "201", "202", "203", "204", "205", "206", "207", "208", "226", "300",
    "301", "302", "303", "304", "305", "307", "308", "400", "401", "402", "403", "404", "405",
    "406", "407", "408", "409", "410", "411", "412", "413", "414", "415", "416", "417", "418",
    "421", "422", "423", "424", "425", "426", "428", "429", "431", "444", "451", "494", "495",
    "496", "497", "498", "499", "500", "501", "502", "503", "504", "505", "506", "507", "508",
    "509", "510", "511", "520", "530", "599",
];

/// The word for every other status, and for none.
pub const OTHER: &str = "other";

/// How many words there are for a status.
pub const CODES: usize = STATUSES.len() + 1;

/// The number of a status's word, below [`CODES`].
#[must_use]
#[inline]
pub fn code(status: u16) -> usize {
    const NUMBERS: [u8; 600] = numbers();
    let number = NUMBERS.get(usize::from(status));
    number.map_or(STATUSES.len(), |number| usize::from(*number))
}

/// The word of that number.
#[must_use]
pub fn code_word(number: usize) -> &'static str {
    STATUSES.get(number).copied().unwrap_or(OTHER)
}

/// The number of each status's word.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // in a const: a fault is a compile error
const fn numbers() -> [u8; 600] {
    let mut numbers = [STATUSES.len() as u8; 600];
    let mut at = 0;
    while at < STATUSES.len() {
        let digits = STATUSES[at].as_bytes();
        let status = (digits[0] - b'0') as usize * 100
            + (digits[1] - b'0') as usize * 10
            + (digits[2] - b'0') as usize;
        numbers[status] = at as u8;
        at += 1;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKS: About = About {
        name: "gatehouse_checks_total",
        kind: Kind::Counter,
        unit: "checks",
        labels: &["profile", "status"],
        text: "Checks, one\\two,\nthree \"four\".",
    };

    #[test]
    fn a_metric_is_a_head_and_samples() {
        let mut out = Vec::new();
        CHECKS.write_head(&mut out);
        let mut samples = Samples::new(&CHECKS, &mut out);
        samples.put(&["video", "ok"], 3);
        samples.put(&["a\"b\\c\nd}", ""], u64::MAX);
        let wanted = "# HELP gatehouse_checks_total Checks, one\\\\two,\\nthree \"four\".\n\
                      # TYPE gatehouse_checks_total counter\n\
                      gatehouse_checks_total{profile=\"video\",status=\"ok\"} 3\n\
                      gatehouse_checks_total{profile=\"a\\\"b\\\\c\\nd}\",status=\"\"} 18446744073709551615\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn a_histogram_counts_up() {
        let about = About {
            name: "gatehouse_d",
            kind: Kind::Histogram,
            labels: &["t"],
            ..CHECKS
        };
        assert_eq!(about.fault(), None);
        let mut out = Vec::new();
        let mut samples = Samples::new(&about, &mut out);
        samples.put_histogram(&["x"], &[("0.5", 1), ("1", 2)], 4, 61_007);
        let wanted = "gatehouse_d_bucket{t=\"x\",le=\"0.5\"} 1\n\
                      gatehouse_d_bucket{t=\"x\",le=\"1\"} 3\n\
                      gatehouse_d_bucket{t=\"x\",le=\"+Inf\"} 7\n\
                      gatehouse_d_sum{t=\"x\"} 61.007\n\
                      gatehouse_d_count{t=\"x\"} 7\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn without_labels_there_are_no_braces() {
        let about = About {
            labels: &[],
            ..CHECKS
        };
        let mut out = Vec::new();
        Samples::new(&about, &mut out).put(&[], 1);
        assert_eq!(out, b"gatehouse_checks_total 1\n");
    }

    #[test]
    fn a_name_that_prometheus_would_misread_is_a_fault() {
        assert_eq!(CHECKS.fault(), None);
        let bad = |about: About| assert!(about.fault().is_some(), "{about:?}");
        for name in [
            "",
            "checks_total",
            "gatehouse_Checks_total",
            "gatehouse_checks",
        ] {
            bad(About { name, ..CHECKS });
        }
        bad(About {
            kind: Kind::Gauge,
            ..CHECKS
        });
        bad(About {
            labels: &["a-b"],
            ..CHECKS
        });
        bad(About {
            labels: &["0a"],
            ..CHECKS
        });
        bad(About {
            text: " ",
            ..CHECKS
        });
    }

    #[test]
    fn each_status_has_one_word() {
        let mut seen = std::collections::HashSet::new();
        for word in STATUSES {
            let status: u16 = word.parse().unwrap();
            assert_eq!(code_word(code(status)), word);
            assert!(seen.insert(word), "{word} twice");
        }
        for status in [0, 9, 99, 100, 199, 299, 432, 600, 999, u16::MAX] {
            assert_eq!(code_word(code(status)), OTHER);
        }
        assert!((0..=u16::MAX).all(|status| code(status) < CODES));
        assert_eq!(code_word(CODES - 1), OTHER);
    }
}
