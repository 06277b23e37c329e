//! Reads the text of metrics as strictly as Prometheus's own checker, and knows nothing of who wrote it.

use std::collections::{BTreeMap, HashSet};

/// Samples by their name and labels, as the text has them.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    samples: BTreeMap<String, f64>,
}

impl Exposition {
    /// Reads a text; an error names the first line that breaks a rule.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reading = Reading::default();
        if !text.ends_with('\n') {
            return Err("the text does not end in a newline".into());
        }
        for line in text.lines() {
            reading.line(line).map_err(|why| format!("{why}: {line}"))?;
        }
        Ok(reading.read)
    }

    /// The value of a sample.
    pub(super) fn get(&self, sample: &str) -> Option<f64> {
        self.samples.get(sample).copied()
    }

    /// All values of one metric, added up.
    pub(super) fn sum(&self, metric: &str) -> f64 {
        let of = |name: &&String| name.split('{').next() == Some(metric);
        let names = self.samples.keys().filter(of);
        names.filter_map(|name| self.get(name)).sum()
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }
}

#[derive(Default)]
struct Reading {
    read: Exposition,
    /// The metric of the lines at hand, and what has been said about it.
    name: String,
    has_help: bool,
    kind: Option<String>,
    /// Of a histogram: its series that have all of their samples, and the count of the last bucket of the others.
    whole: HashSet<String>,
    buckets: BTreeMap<String, Buckets>,
    /// Metrics that are over.
    over: HashSet<String>,
}

/// Of a series of a histogram: the last bucket.
struct Buckets {
    bound: f64,
    count: f64,
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            bound: f64::NEG_INFINITY,
            count: 0.0,
        }
    }
}

impl Reading {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = rest.split_once(' ').ok_or("a HELP without a text")?;
            self.begin(name)?;
            if self.has_help || self.kind.is_some() {
                return Err("HELP does not come first".into());
            }
            unescape(text, false)?;
            self.has_help = true;
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("a TYPE without a word")?;
            self.begin(name)?;
            if !["counter", "gauge", "histogram"].contains(&kind) || self.kind.is_some() {
                return Err("a wrong TYPE".into());
            }
            self.kind = Some(kind.to_owned());
            return Ok(());
        }
        self.sample(line)
    }

    /// The lines of a metric stand together.
    fn begin(&mut self, name: &str) -> Result<(), String> {
        if name == self.name {
            return Ok(());
        }
        if !is_name(name) || !self.over.insert(name.to_owned()) {
            return Err("not the name of a new metric".into());
        }
        name.clone_into(&mut self.name);
        self.has_help = false;
        self.kind = None;
        self.whole.clear();
        self.buckets.clear();
        Ok(())
    }

    /// A sample of a histogram: of each series the buckets come first, in order and none below the one before, up to
    /// `+Inf`; then the sum, then the count, which is that of `+Inf`.
    fn part(&mut self, line: &str, at: usize) -> Result<(), String> {
        let (name, rest) = line.split_at(at);
        let suffix = name.strip_prefix(&self.name).unwrap_or_default();
        let length = rest.strip_prefix('{').map_or(Ok(0), labels)?;
        let (all, value) = rest.split_at(length);
        let value: f64 = value.trim().parse().map_err(|_| "not a number")?;
        // `le` comes last.
        let (series, bound) = match all.rsplit_once(",le=\"") {
            Some((before, bound)) => {
                let bound = bound.trim_end_matches("\"}");
                let bound: f64 = bound.parse().map_err(|_| "a wrong bound")?;
                (before.to_owned(), Some(bound))
            }
            None => (all.trim_end_matches('}').to_owned(), None),
        };
        if self.whole.contains(&series) {
            return Err("a series goes on behind its count".into());
        }
        let seen = self.buckets.entry(series.clone()).or_default();
        let fits = match (suffix, bound) {
            ("_bucket", Some(bound)) => {
                let is_next = bound > seen.bound && value >= seen.count;
                (seen.bound, seen.count) = (bound, value);
                is_next
            }
            ("_sum", None) => seen.bound == f64::INFINITY,
            ("_count", None) => {
                self.whole.insert(series);
                seen.bound == f64::INFINITY && seen.count == value
            }
            _ => false,
        };
        if !fits {
            return Err("no part of a histogram".into());
        }
        let key = line.get(..at.saturating_add(length)).unwrap_or_default();
        match self.read.samples.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err("the same sample twice".into()),
        }
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let at = line.find(['{', ' ']).ok_or("no value")?;
        let (name, rest) = line.split_at(at);
        if self.kind.as_deref() == Some("histogram") && name.starts_with(&self.name) {
            return self.part(line, at);
        }
        self.begin(name)?;
        let kind = self.kind.as_deref().ok_or("a sample without a TYPE")?;
        if name.ends_with("_total") != (kind == "counter") || !self.has_help {
            return Err("the name does not suit the TYPE".into());
        }
        let labels = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => 0,
        };
        let value = rest.get(labels..).and_then(|r| r.strip_prefix(' '));
        let value = value.ok_or("no value")?;
        let value: f64 = value.parse().map_err(|_| "not a number")?;
        let key = line.get(..at.saturating_add(labels)).unwrap_or_default();
        match self.read.samples.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err("the same sample twice".into()),
        }
    }
}

/// Reads labels behind their brace; how long they are with both braces.
fn labels(text: &str) -> Result<usize, String> {
    let mut rest = text;
    let mut seen = HashSet::new();
    loop {
        let (name, value) = rest.split_once("=\"").ok_or("a label without a value")?;
        if !is_name(name) || !seen.insert(name) {
            return Err("a wrong label".into());
        }
        let length = unescape(value, true)?;
        rest = value
            .get(length..)
            .and_then(|r| r.strip_prefix('"'))
            .ok_or("a quote is missing")?;
        if let Some(more) = rest.strip_prefix(',') {
            rest = more;
            continue;
        }
        let rest = rest.strip_prefix('}').ok_or("a brace is missing")?;
        return Ok(text.len().saturating_sub(rest.len()).saturating_add(1));
    }
}

/// How long a text is, up to its quote or to its end; only what may be escaped is.
fn unescape(text: &str, is_quoted: bool) -> Result<usize, String> {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' if is_quoted => return Ok(at),
            b'\\' => match bytes.next() {
                Some((_, b'\\' | b'n')) => {}
                Some((_, b'"')) if is_quoted => {}
                _ => return Err("a wrong escape".into()),
            },
            _ => {}
        }
    }
    if is_quoted {
        Err("a value without an end".into())
    } else {
        Ok(text.len())
    }
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().all(plain) && !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# HELP a_total A.\n# TYPE a_total counter\n";

    fn parse(text: &str) -> Result<Exposition, String> {
        Exposition::parse(&format!("{HEAD}{text}"))
    }

    #[test]
    fn what_is_right_is_read() {
        let read = parse("a_total{x=\"1\",y=\"a\\\"}\\\\,\"} 3\na_total 4\n").unwrap();
        assert_eq!(read.get("a_total{x=\"1\",y=\"a\\\"}\\\\,\"}"), Some(3.0));
        assert_eq!((read.sum("a_total"), read.len()), (7.0, 2));
    }

    #[test]
    fn a_histogram_is_read() {
        const HEAD: &str = "# HELP d D.\n# TYPE d histogram\n";
        let good = "d_bucket{t=\"x\",le=\"1\"} 1\nd_bucket{t=\"x\",le=\"+Inf\"} 3\nd_sum{t=\"x\"} 2.5\nd_count{t=\"x\"} 3\n";
        let read = Exposition::parse(&format!("{HEAD}{good}")).unwrap();
        assert_eq!(read.get("d_bucket{t=\"x\",le=\"1\"}"), Some(1.0));
        assert_eq!(read.get("d_sum{t=\"x\"}"), Some(2.5));
        for (from, to) in [
            ("le=\"1\"} 1", "le=\"1\"} 4"),
            ("+Inf", "0.5"),
            ("count{t=\"x\"} 3", "count{t=\"x\"} 4"),
            ("d_sum", "d_mean"),
            ("d_bucket{t=\"x\",le=\"1\"} 1\n", "d 1\n"),
        ] {
            let text = format!("{HEAD}{}", good.replace(from, to));
            assert!(Exposition::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_prometheus_refuses_is_refused() {
        for text in [
            "a_total 1",
            "a_total\n",
            "a_total x\n",
            "a_total{x=\"1\"}\n",
            "a_total{x=\"1} 1\n",
            "a_total{x=\"\\x\"} 1\n",
            "a_total{x=\"1\",x=\"2\"} 1\n",
            "a_total{0=\"1\"} 1\n",
            "a_total 1\na_total 2\n",
            "b_total 1\n",
            "a_total 1\n# TYPE b gauge\n# HELP b B.\n",
            "# HELP b B.\n# TYPE b gauge\nb 1\na_total 1\n",
            "# HELP b B.\n# TYPE b counter\nb 1\n",
            "# HELP b_total B.\n# TYPE b_total gauge\nb_total 1\n",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
