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
    /// Metrics that are over.
    over: HashSet<String>,
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
            if !["counter", "gauge"].contains(&kind) || self.kind.is_some() {
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
        Ok(())
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let at = line.find(['{', ' ']).ok_or("no value")?;
        let (name, rest) = line.split_at(at);
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
