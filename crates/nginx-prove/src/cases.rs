//! `conf_cases`: a table of configurations and what nginx must say about each.
//!
//! A row is a `# title`, the lines that stand where the block has `CASE`, and one `=> …` line or more: `ok`, or
//! what nginx prints.

use std::path::Path;

use bstr::ByteSlice;

use crate::perl::{Pattern, Value};

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// Its `# title`.
    pub title: String,
    /// What stands where the block has `CASE`.
    pub lines: String,
    /// Every line of level warn or above that nginx must print.
    pub said: Vec<Said>,
    /// Whether one `=>` is there at least.
    judged: bool,
}

/// One line that nginx must print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Such as `emerg` or `warn`.
    pub level: String,
    /// The text without its place; `*` stands for anything, `\*` for the character.
    pub text: String,
    /// Where nginx says it is.
    pub place: Place,
}

/// What follows the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// ` in …/conf/nginx.conf:N`, N being a line of the row where the row stands in that file.
    Row,
    /// ` in …/conf/FILE:LINE`; any line without a number.
    File(String, Option<usize>),
    /// Nothing.
    Nowhere,
}

/// The lines of nginx.conf where a row stands, from 1.
pub type Lines = std::ops::RangeInclusive<usize>;

/// Reads the rows of a section.
///
/// # Errors
/// Text that belongs to no row, or a row that says nothing of what nginx must do.
pub fn parse(section: &Value) -> Result<Vec<Case>, String> {
    let text = section.bytes()?;
    let text = text.to_str().map_err(|_| "conf_cases must be UTF-8")?;
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            cases.push(Case {
                title: title.trim().to_owned(),
                ..Case::default()
            });
        } else if let Some(case) = cases.last_mut() {
            case.add(line)?;
        } else if !line.trim().is_empty() {
            return Err(format!("conf_cases: `{line}` before any `# title`"));
        }
    }
    match cases.iter().find(|case| !case.judged) {
        Some(case) => Err(format!("conf_cases: `{}` has no `=>`", case.title)),
        None => Ok(cases),
    }
}

impl Case {
    fn add(&mut self, line: &str) -> Result<(), String> {
        if let Some(said) = line.strip_prefix("=> ") {
            self.judged = true;
            if said != "ok" {
                self.said.push(Said::parse(said)?);
            }
        } else if !self.judged {
            self.lines.push_str(line);
            self.lines.push('\n');
        } else if !line.trim().is_empty() {
            return Err(format!(
                "conf_cases: `{line}` behind the `=>` of `{}`",
                self.title
            ));
        }
        Ok(())
    }

    /// Whether nginx must refuse the configuration.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.said.iter().any(|said| said.level == "emerg")
    }

    /// Compares what nginx has printed with the row; gives what differs.
    ///
    /// # Errors
    /// A text that makes no pattern.
    pub fn differences(
        &self,
        printed: &[u8],
        root: &Path,
        lines: Option<&Lines>,
    ) -> Result<Vec<String>, String> {
        let mut left: Vec<&[u8]> = printed.lines().filter(|line| is_warning(line)).collect();
        let mut why = Vec::new();
        for said in &self.said {
            let pattern = Pattern::new(said.pattern(root, lines).as_bytes(), "")?;
            match left.iter().position(|line| pattern.is_match(line)) {
                Some(at) => drop(left.remove(at)),
                None => why.push(format!("no line is `{said}`")),
            }
        }
        let more = left
            .iter()
            .map(|line| format!("not expected: {}", line.to_str_lossy()));
        why.extend(more);
        Ok(why)
    }
}

impl Said {
    /// Reads `[LEVEL] TEXT @ PLACE`, the level and the place being optional.
    fn parse(text: &str) -> Result<Said, String> {
        let level = text
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "));
        let (level, text) = level.unwrap_or(("emerg", text));
        let (text, place) = match text.rsplit_once(" @ ") {
            Some((text, place)) => (text, Place::parse(place)?),
            None => (text, Place::Row),
        };
        Ok(Said {
            level: level.to_owned(),
            text: text.to_owned(),
            place,
        })
    }

    /// A pattern for the whole line as nginx prints it.
    fn pattern(&self, root: &Path, lines: Option<&Lines>) -> String {
        let level = format!(r"^nginx: \[{}\] ", escape(&self.level));
        let conf = |file: &str| {
            format!(
                " in {}:",
                escape(&root.join("conf").join(file).to_string_lossy())
            )
        };
        let place = match &self.place {
            Place::Row => {
                let numbers = lines.map_or_else(
                    || r"\d+".to_owned(),
                    |lines| {
                        lines
                            .clone()
                            .map(|n| n.to_string())
                            .collect::<Vec<_>>()
                            .join("|")
                    },
                );
                format!("{}(?:{numbers})", conf("nginx.conf"))
            }
            Place::File(file, Some(line)) => format!("{}{line}", conf(file)),
            Place::File(file, None) => format!(r"{}\d+", conf(file)),
            Place::Nowhere => String::new(),
        };
        level + &glob(&self.text) + &place + "$"
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}] {}", self.level, self.text)?;
        match &self.place {
            Place::Row => write!(f, " in …/nginx.conf, at the row's line"),
            Place::File(file, Some(line)) => write!(f, " in …/{file}:{line}"),
            Place::File(file, None) => write!(f, " in …/{file}, at some line"),
            Place::Nowhere => Ok(()),
        }
    }
}

impl Place {
    /// Reads `FILE:LINE`, `FILE` or `-`.
    fn parse(text: &str) -> Result<Place, String> {
        match text.rsplit_once(':') {
            _ if text == "-" => Ok(Place::Nowhere),
            None => Ok(Place::File(text.to_owned(), None)),
            Some((file, line)) => line
                .parse()
                .map(|line| Place::File(file.to_owned(), Some(line)))
                .map_err(|_| format!("conf_cases: `{text}` is no place")),
        }
    }
}

fn glob(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('*') {
        let (before, from) = rest.split_at(at);
        rest = from.get(1..).unwrap_or_default();
        match before.strip_suffix('\\') {
            Some(before) => out.push_str(&(escape(before) + r"\*")),
            None => out.push_str(&(escape(before) + ".*")),
        }
    }
    out + &escape(rest)
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether nginx says there that something is wrong.
fn is_warning(line: &[u8]) -> bool {
    line.strip_prefix(b"nginx: [").is_some_and(|rest| {
        ["warn]", "error]", "crit]", "alert]", "emerg]"]
            .iter()
            .any(|level| rest.starts_with(level.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "
# a word
words here;
  and there;
=> unknown \"words\" in \"*\"

# two lines
=> [warn] a \\* b @ -
=> no x @ sub/x.conf:3

# well
fine;
=> ok
";

    fn rows() -> Vec<Case> {
        parse(&Value::Str(ROWS.into())).unwrap()
    }

    fn differences(row: usize, printed: &str) -> Vec<String> {
        let case = &rows()[row];
        let found = case.differences(printed.as_bytes(), Path::new("/r"), Some(&(4..=5)));
        found.unwrap()
    }

    #[test]
    fn reads_rows() {
        let rows = rows();
        let titles: Vec<_> = rows.iter().map(|row| row.title.as_str()).collect();
        assert_eq!(titles, ["a word", "two lines", "well"]);
        assert_eq!(rows[0].lines, "words here;\n  and there;\n");
        assert_eq!(
            rows.iter().map(Case::refused).collect::<Vec<_>>(),
            [true, true, false]
        );
        assert_eq!(
            rows[1].said[1].place,
            Place::File("sub/x.conf".into(), Some(3))
        );
        for wrong in [
            "words",
            "# a\nb;\n",
            "# a\n=> ok\nb;\n",
            "# a\n=> x @ y:z\n",
        ] {
            assert!(parse(&Value::Str(wrong.into())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_is_what_the_row_says_and_where() {
        let said = |text: &str| differences(0, text).len();
        let good = "nginx: [emerg] unknown \"words\" in \"any thing\" in /r/conf/nginx.conf:5\n";
        assert_eq!(said(good), 0);
        assert_eq!(
            said(&format!("{good}nginx: configuration file test failed\n")),
            0
        );
        // Nothing, and each time one line that is missing and one too many.
        assert_eq!(said(""), 1);
        for (from, to) in [
            (":5", ":6"),
            ("nginx.conf", "x.conf"),
            ("[emerg]", "[alert]"),
            ("unknown", "an unknown"),
            ("thing\"", "thing\" twice"),
        ] {
            assert_eq!(said(&good.replace(from, to)), 2, "{to}");
        }
        assert_eq!(said(&good.repeat(2)), 1);
        assert_eq!(said(&format!("{good}nginx: [warn] and more\n")), 1);
    }

    #[test]
    fn places_and_stars() {
        let both = "nginx: [emerg] no x in /r/conf/sub/x.conf:3\nnginx: [warn] a * b\n";
        assert_eq!(differences(1, both), Vec::<String>::new());
        assert_eq!(differences(1, &both.replace("a * b", "a c b")).len(), 2);
        assert_eq!(
            differences(1, &both.replace("x.conf:3", "x.conf:33")).len(),
            2
        );
        assert_eq!(
            differences(2, "nginx: the syntax is ok\n"),
            Vec::<String>::new()
        );
        assert_eq!(
            differences(2, "nginx: [warn] x\n"),
            ["not expected: nginx: [warn] x"]
        );
    }
}
