//! The way through an object or array, byte by byte, to where it ends.

/// How far an object or array has been followed: whether its brackets match is the JSON reader's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nested {
    /// Open brackets; none: it is over.
    pub(super) depth: u32,
    string: bool,
    escaped: bool,
}

impl Nested {
    /// Behind its first bracket.
    pub(super) const BEGIN: Self = Self {
        depth: 1,
        string: false,
        escaped: false,
    };

    /// Follows it to its end, or to the end of the bytes; gives how many of them it takes.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while self.depth > 0 {
            if self.string && !self.escaped {
                // Nothing else means anything in a string.
                let run = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                rest = rest.get(run..).unwrap_or_default();
            }
            let Some((&byte, after)) = rest.split_first() else {
                break;
            };
            self.step(byte);
            rest = after;
        }
        bytes.len().saturating_sub(rest.len())
    }

    fn step(&mut self, byte: u8) {
        match (self.string, byte) {
            (true, b'"') if !self.escaped => self.string = false,
            (true, _) => self.escaped = !self.escaped && byte == b'\\',
            (false, b'"') => self.string = true,
            (false, b'{' | b'[') => self.depth = self.depth.saturating_add(1),
            (false, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            (false, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Nested;

    #[test]
    fn brackets_and_quotes_within_strings_mean_nothing() {
        for text in [
            r#"{"a": [1, {}], "b": "]}"}"#,
            r#"{"a": "x\ny", "b": 1}"#,
            r#"{"a": "\"}", "b": "\\"}"#,
            r#"{"a\\\"": {"b": "\u005d}"}}"#,
        ] {
            let inner = &text.as_bytes()[1..];
            let followed = [inner, b", 1]"].concat();
            for cut in 0..=inner.len() {
                let (first, second) = followed.split_at(cut);
                let mut nested = Nested::BEGIN;
                let taken = nested.follow(first) + nested.follow(second);
                assert_eq!(taken, inner.len(), "{text} cut at {cut}");
                assert_eq!(nested.depth, 0);
            }
        }
    }
}
