//! What a route says of how its own backends are checked: `"check": false`, or some words of the `check` line that hold
//! for them alone.
//!
//! A table keeps it as text in the spelling of that line, `http uri=/live interval=3s`, or `off`. Backends of one address
//! that are checked in different ways are different backends of the table, each with a health of its own.

use super::{Check, Kind, Statuses};
use std::fmt;

/// Words that only mean something where a request is sent.
pub const OF_REQUESTS: [&str; 2] = ["uri", "host"];
/// The shortest interval and time: what is shorter is a mistake in the unit.
pub const LEAST_MS: u64 = 10;
/// The text of [`Own::Off`].
pub(crate) const OFF: &str = "off";
/// Most bytes of the text that a table keeps.
const MOST_TEXT: usize = 512;

/// How the backends of a route are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// Not at all.
    Off,
    /// As the table's line says, but for this.
    Over(Box<Over>),
}

/// What a route says instead of its table's line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Over {
    kind: Option<Kind>,
    uri: Option<String>,
    host: Option<String>,
    interval_ms: Option<u64>,
    timeout_ms: Option<u64>,
    rise: Option<u8>,
    fall: Option<u8>,
    expect: Option<Statuses>,
}

impl Over {
    /// The words that a route may say.
    pub const WORDS: &[&str] = &[
        "kind", "uri", "host", "interval", "timeout", "rise", "fall", "expect",
    ];

    /// Takes the value of one of [`Over::WORDS`]; `time` reads one in milliseconds.
    ///
    /// # Errors
    /// What the value must be.
    pub fn set(
        &mut self,
        word: &str,
        value: &str,
        time: impl Fn(&str) -> Option<u64>,
    ) -> Result<(), String> {
        let time = || time(value).filter(|ms| is_time(*ms));
        let is_set = match word {
            "kind" => put(&mut self.kind, kind_of(value)),
            "uri" => put(&mut self.uri, target(value)),
            "host" => put(&mut self.host, header(value)),
            "interval" => put(&mut self.interval_ms, time()),
            "timeout" => put(&mut self.timeout_ms, time()),
            "rise" => put(&mut self.rise, count_of(value)),
            "fall" => put(&mut self.fall, count_of(value)),
            "expect" => put(&mut self.expect, Statuses::parse(value)),
            _ => false,
        };
        if is_set {
            return Ok(());
        }
        Err(match word {
            "kind" => "kind is not \"http\", \"tcp\" or \"websocket\"".into(),
            "uri" => "uri is not a path such as \"/health\"".into(),
            "host" => "host is not a name that can stand in a request".into(),
            "interval" | "timeout" => format!("{word} is not a time such as \"3s\""),
            "rise" | "fall" => format!("{word} is not 1 to 100"),
            "expect" => "expect is not statuses such as \"200-399\"".into(),
            _ => format!("\"{word}\" is none of a check's words"),
        })
    }

    /// A word that means nothing beside the others, and why.
    fn vain(&self) -> Option<(&'static str, String)> {
        let kind = self.kind?;
        let name = Kind::ALL.iter().find(|(_, known)| *known == kind)?.0;
        let given = [
            ("uri", self.uri.is_some()),
            ("host", self.host.is_some()),
            ("expect", self.expect.is_some()),
        ];
        let (word, _) = given
            .into_iter()
            .find(|(word, is_given)| *is_given && !kind.knows(word))?;
        Some((word, format!("{word} means nothing in a check \"{name}\"")))
    }

    /// Whether all of it makes sense together.
    ///
    /// # Errors
    /// The word that does not, and why.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if let Some(vain) = self.vain() {
            return Err(vain);
        }
        if self
            .timeout_ms
            .zip(self.interval_ms)
            .is_some_and(|(timeout, interval)| timeout > interval)
        {
            return Err(("timeout", "timeout is longer than interval".into()));
        }
        if Own::Over(Box::new(self.clone())).to_string().len() > MOST_TEXT {
            let longest = if self.uri > self.host { "uri" } else { "host" };
            return Err((
                longest,
                format!("the check is longer than {MOST_TEXT} bytes"),
            ));
        }
        Ok(())
    }

    /// The words that are said, each with its value, as a `check` line spells them.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let kind = self
            .kind
            .and_then(|kind| Kind::ALL.iter().find(|(_, known)| *known == kind));
        let time = |ms: Option<u64>| ms.map(written_time);
        let count = |count: Option<u8>| count.map(|count| count.to_string());
        let all = [
            ("kind", kind.map(|(name, _)| (*name).to_owned())),
            ("uri", self.uri.clone()),
            ("host", self.host.clone()),
            ("interval", time(self.interval_ms)),
            ("timeout", time(self.timeout_ms)),
            ("rise", count(self.rise)),
            ("fall", count(self.fall)),
            ("expect", self.expect.map(|set| set.to_string())),
        ];
        all.into_iter()
            .filter_map(|(word, value)| Some((word, value?)))
    }

    fn over(&self, table: &Check) -> Check {
        let mut check = table.clone();
        check.kind = self.kind.unwrap_or(check.kind);
        check.uri = self.uri.clone().unwrap_or(check.uri);
        check.host = self.host.clone().or(check.host);
        check.interval_ms = self.interval_ms.unwrap_or(check.interval_ms);
        check.timeout_ms = self.timeout_ms.unwrap_or(check.timeout_ms);
        // One of them may be the table's.
        check.timeout_ms = check.timeout_ms.min(check.interval_ms);
        check.rise = self.rise.unwrap_or(check.rise);
        check.fall = self.fall.unwrap_or(check.fall);
        check.expect = self.expect.unwrap_or(check.expect);
        check
    }
}

impl Own {
    /// Reads the text that a table keeps; `None` for what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == OFF {
            return Some(Self::Off);
        }
        let mut over = Over::default();
        for word in text.split(' ') {
            let (name, value) = word.split_once('=').unwrap_or(("kind", word));
            over.set(name, value, read_time).ok()?;
        }
        over.check().ok()?;
        Some(Self::Over(Box::new(over)))
    }

    /// How a backend of the route is checked, where its table has this line; `None`: not at all.
    #[must_use]
    pub fn over(&self, table: &Check) -> Option<Check> {
        match self {
            Self::Off => None,
            Self::Over(over) => Some(over.over(table)),
        }
    }
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Over(over) = self else {
            return f.write_str(OFF);
        };
        let mut space = "";
        for (word, value) in over.said() {
            match word {
                "kind" => write!(f, "{value}")?,
                _ => write!(f, "{space}{word}={value}")?,
            }
            space = " ";
        }
        Ok(())
    }
}

impl Kind {
    /// Whether a word of the line means something with this kind.
    #[must_use]
    pub fn knows(self, word: &str) -> bool {
        match self {
            Self::Http => true,
            Self::WebSocket => word != "expect",
            Self::Tcp => word != "expect" && !OF_REQUESTS.contains(&word),
        }
    }
}

/// Whether a route whose text this is asks for checks: `off` does not.
#[must_use]
pub fn asks(text: Option<&str>) -> bool {
    text.is_some_and(|text| text != OFF)
}

/// Takes a value, if there is one.
fn put<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let is_there = value.is_some();
    *place = value.or(place.take());
    is_there
}

/// The kind of this name.
#[must_use]
pub fn kind_of(word: &str) -> Option<Kind> {
    let known = Kind::ALL.iter().find(|(name, _)| *name == word);
    known.map(|(_, kind)| *kind)
}

/// The target of a request: a path, and what is legal behind one.
#[must_use]
pub fn target(uri: &str) -> Option<String> {
    let is_legal = uri.bytes().all(|b| b.is_ascii_graphic());
    (uri.starts_with('/') && is_legal && !uri.contains('#')).then(|| uri.to_owned())
}

/// A value that can stand in a `Host`.
#[must_use]
pub fn header(host: &str) -> Option<String> {
    let is_legal = host.bytes().all(|b| b.is_ascii_graphic());
    (is_legal && !host.is_empty()).then(|| host.to_owned())
}

/// A number of answers in a row.
#[must_use]
pub fn count_of(text: &str) -> Option<u8> {
    text.parse().ok().filter(|count| (1..=100).contains(count))
}

/// Whether an interval or a time can be so long.
#[must_use]
pub fn is_time(ms: u64) -> bool {
    (LEAST_MS..=u64::from(u32::MAX)).contains(&ms)
}

/// A time as the table keeps it.
fn written_time(ms: u64) -> String {
    match ms.checked_rem(1_000) {
        Some(0) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

fn read_time(text: &str) -> Option<u64> {
    match text.strip_suffix("ms") {
        Some(ms) => ms.parse().ok(),
        None => text
            .strip_suffix('s')?
            .parse::<u64>()
            .ok()?
            .checked_mul(1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(text: &str) -> Check {
        let table = Check {
            host: Some("table.test".into()),
            timeout_ms: 2_000,
            panic: 7,
            ..Check::default()
        };
        Own::parse(text).unwrap().over(&table).unwrap()
    }

    #[test]
    fn what_is_not_said_is_the_tables() {
        let all = "websocket uri=/live?a=b host=a.test interval=1500ms timeout=1s rise=4 fall=5";
        let check = over(all);
        assert_eq!(
            (check.kind, check.uri.as_str()),
            (Kind::WebSocket, "/live?a=b")
        );
        assert_eq!(check.host.as_deref(), Some("a.test"));
        assert_eq!((check.interval_ms, check.timeout_ms), (1_500, 1_000));
        assert_eq!((check.rise, check.fall, check.panic), (4, 5, 7));
        let check = over("expect=204");
        assert_eq!(check.host.as_deref(), Some("table.test"));
        assert!(check.expect.contains(204) && !check.expect.contains(200));
        assert_eq!((check.kind, check.timeout_ms), (Kind::Http, 2_000));
        let usual = Check {
            host: Some("table.test".into()),
            timeout_ms: 2_000,
            panic: 7,
            ..Check::default()
        };
        assert_eq!(Over::default().over(&usual), usual);
        assert_eq!(Own::Off.over(&usual), None);
    }

    #[test]
    fn a_time_is_never_longer_than_the_interval() {
        assert_eq!(over("interval=1s").timeout_ms, 1_000, "the table's time");
        let check = over("timeout=9s");
        assert_eq!(check.timeout_ms, check.interval_ms, "the table's interval");
        assert_eq!(Own::parse("timeout=2s interval=1s"), None);
        assert!(Own::parse("timeout=1s interval=1s").is_some());
    }

    #[test]
    fn a_text_is_written_as_it_is_read() {
        for text in [
            "off",
            "tcp",
            "http uri=/a interval=1s",
            "uri=/a host=b:80 interval=1001ms timeout=10ms rise=1 fall=100 expect=200-299,404",
        ] {
            assert_eq!(Own::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_route_asks_for_checks_unless_it_is_off() {
        assert!(asks(Some("uri=/a")) && asks(Some("tcp")));
        assert!(!asks(Some("off")) && !asks(None));
    }

    #[test]
    fn what_makes_no_sense_is_none() {
        for bad in [
            "",
            "on",
            "uri=a",
            "uri=/a#b",
            "host=",
            "interval=9ms",
            "interval=1",
            "rise=0",
            "fall=101",
            "expect=1",
            "idle=1s",
            "tcp uri=/",
            "tcp host=a",
            "tcp expect=200",
            "websocket expect=200",
        ] {
            assert_eq!(Own::parse(bad), None, "{bad}");
        }
        let long = format!("uri=/{}", "a".repeat(MOST_TEXT - 5));
        assert!(Own::parse(&long).is_some());
        assert_eq!(Own::parse(&format!("{long}a")), None);
    }
}
