//! Host names of backends and their addresses. The caller does the asking.
//!
//! A name that does not resolve holds back its own backend only. While name servers do not answer, the addresses of the
//! configuration before stay in use, and after [`PATIENCE`] spent waiting no further name is asked for.

use super::Unresolved;
use gatehouse_base::hashes::{Hash128, HashShards};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

/// How long one configuration waits, all in all, for name servers that do not answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// Most lines about names, for one reading of a file.
const LINES: usize = 10;

/// What the system says about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its addresses.
    Found(Vec<IpAddr>),
    /// There is no such name, for this reason.
    NotFound(String),
    /// No name server answered, for this reason.
    NoAnswer(String),
}

/// Names and what is known about them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    known: HashMap<String, Known>,
    /// From the configuration before.
    before: HashMap<String, Vec<IpAddr>>,
    /// Names that have the addresses of the configuration before, and why.
    kept: BTreeMap<String, String>,
    waited: Duration,
}

/// What is known about a name.
#[derive(Clone, Debug)]
struct Known {
    found: Result<Vec<IpAddr>, String>,
    /// It is of the configuration before: no name server has answered since.
    is_old: bool,
}

impl Names {
    /// The names of the next configuration: where name servers do not answer, it uses what is known here.
    #[must_use]
    pub fn followed(&self) -> Self {
        let good = |(name, known): (&String, &Known)| {
            Some((name.clone(), known.found.as_ref().ok()?.clone()))
        };
        Self {
            before: self.known.iter().filter_map(good).collect(),
            ..Self::default()
        }
    }

    /// The addresses of a name; the first time `ask` says what they are and how long that took.
    ///
    /// # Errors
    /// Why there are none, as a human-readable text.
    pub fn resolve(
        &mut self,
        name: &str,
        ask: &mut dyn FnMut(&str) -> (Answer, Duration),
    ) -> Result<Vec<IpAddr>, String> {
        if let Some(known) = self.known.get(name) {
            return known.found.clone();
        }
        let (answer, took) = if self.waited < PATIENCE {
            ask(name)
        } else {
            let why = "not asked, name servers take too long".into();
            (Answer::NoAnswer(why), Duration::ZERO)
        };
        // Answers count as well: a thousand of them hold up a start as one that never comes.
        self.waited = self.waited.saturating_add(took);
        let mut is_old = false;
        let found = match answer {
            Answer::Found(addresses) => Ok(addresses),
            Answer::NotFound(why) => Err(why),
            Answer::NoAnswer(why) => match self.before.get(name) {
                Some(addresses) => {
                    is_old = true;
                    self.kept.insert(name.to_owned(), why);
                    Ok(addresses.clone())
                }
                None => Err(why),
            },
        };
        let found = found.map_err(|why| format!("host not found \"{name}\" ({why})"));
        let known = Known {
            found: found.clone(),
            is_old,
        };
        self.known.insert(name.to_owned(), known);
        found
    }

    /// The addresses that a name had when the configuration was read.
    #[must_use]
    pub fn asked(&self, name: &str) -> Option<&[IpAddr]> {
        let known = self.known.get(name).filter(|known| !known.is_old);
        known?.found.as_deref().ok()
    }

    /// The same, or those of an earlier configuration.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&[IpAddr]> {
        self.known.get(name)?.found.as_deref().ok()
    }

    /// Whether it was not found when the configuration was read, which has been reported.
    #[must_use]
    pub fn has_failed(&self, name: &str) -> bool {
        let known = self.known.get(name);
        known.is_some_and(|known| known.found.is_err())
    }

    /// What is to be said about names that name servers did not answer for, once.
    pub fn take_kept(&mut self) -> Vec<String> {
        let kept = std::mem::take(&mut self.kept);
        let line = |(name, why): &(String, String)| {
            format!("host \"{name}\" keeps the addresses of the last configuration ({why})")
        };
        let kept: Vec<_> = kept.into_iter().collect();
        shortened(kept.iter().map(line), kept.len())
    }
}

/// Host names that were reported, as hashes.
#[derive(Debug, Default)]
pub struct NameSet {
    hash: Hash128,
    hashes: HashShards,
}

impl NameSet {
    fn insert(&mut self, name: &str) -> bool {
        self.hashes.insert(self.hash.of(name.as_bytes()))
    }

    fn contains(&self, name: &str) -> bool {
        self.hashes.contains(self.hash.of(name.as_bytes()))
    }

    /// Frees a part of the memory; false when there is none left. All at once would take long.
    pub fn shrink(&mut self) -> bool {
        self.hashes.shrink()
    }
}

/// The backends that one reading of a file left out.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// All their names.
    names: NameSet,
    /// How many of the names had not been reported before.
    new: usize,
    /// The first of these, by name: no more than are reported.
    first: BTreeMap<String, Backends>,
    /// Stands behind the pointer of a backend: the file it is in, if there are several.
    file: String,
}

/// The first backend of a name, and how many more there are.
#[derive(Debug)]
struct Backends {
    why: String,
    pointer: String,
    partly: bool,
    more: usize,
}

impl LeftOut {
    /// What follows is in this file, one of several.
    pub fn enter(&mut self, file: &str) {
        self.file = format!(" in \"{file}\"");
    }

    /// Notes a backend of the route at `pointer`. A name that is in `said` has been reported.
    pub fn note(&mut self, pointer: &str, backend: Unresolved<'_>, said: &NameSet) {
        if let Some(known) = self.first.get_mut(backend.name) {
            known.more = known.more.saturating_add(1);
            return;
        }
        if !self.names.insert(backend.name) || said.contains(backend.name) {
            return;
        }
        self.new = self.new.saturating_add(1);
        let first = Backends {
            why: backend.why,
            pointer: format!("{pointer}/backends/{}{}", backend.index, self.file),
            partly: backend.partly,
            more: 0,
        };
        self.first.insert(backend.name.to_owned(), first);
        if self.first.len() > LINES {
            self.first.pop_last();
        }
    }

    /// What is to be said about names that were not reported before; and all the names, which are reported now.
    #[must_use]
    pub fn finish(self) -> (Vec<String>, NameSet) {
        let lines = shortened(self.first.values().map(Backends::line), self.new);
        (lines, self.names)
    }

    /// All the names, of a reading that is given up.
    #[must_use]
    pub fn into_names(self) -> NameSet {
        self.names
    }
}

impl Backends {
    fn line(&self) -> String {
        let Self {
            why, pointer, more, ..
        } = self;
        match more {
            _ if self.partly => format!("{why} at {pointer}"),
            0 => format!("{why} at {pointer}, this backend is left out"),
            _ => format!("{why} at {pointer}, this backend and {more} more are left out"),
        }
    }
}

/// The first lines, and one that counts the others.
fn shortened(lines: impl Iterator<Item = String>, count: usize) -> Vec<String> {
    let more = count.saturating_sub(LINES);
    let mut lines: Vec<_> = lines.take(LINES).collect();
    if more > 0 {
        lines.push(format!("and {more} more host names"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn unresolved(name: &str, index: usize) -> Unresolved<'_> {
        let why = format!("host not found \"{name}\"");
        Unresolved {
            index,
            name,
            why,
            partly: false,
        }
    }

    #[test]
    fn a_name_is_asked_for_once() {
        let mut names = Names::default();
        let mut asked = 0;
        for _ in 0..2 {
            let found = names.resolve("app", &mut |_| {
                asked += 1;
                (Answer::Found(vec![ip("10.0.0.1")]), Duration::ZERO)
            });
            assert_eq!(found, Ok(vec![ip("10.0.0.1")]));
        }
        assert_eq!(asked, 1);
    }

    #[test]
    fn a_dead_resolver_is_not_asked_for_ever() {
        let mut names = Names::default();
        let mut asked = 0;
        for number in 0..1000 {
            let found = names.resolve(&format!("h{number}"), &mut |_| {
                asked += 1;
                let answer = Answer::NoAnswer("Temporary failure".into());
                (answer, Duration::from_secs(5))
            });
            assert!(found.is_err());
        }
        assert_eq!(asked, 3);
        assert_eq!(
            names.resolve("h999", &mut |_| panic!("asked")).unwrap_err(),
            "host not found \"h999\" (not asked, name servers take too long)"
        );
    }

    #[test]
    fn answers_that_come_slowly_do_not_hold_up_a_start() {
        let not_found = || Answer::NotFound("Name or service not known".into());
        let found = || Answer::Found(vec![ip("10.0.0.1")]);
        for answer in [&not_found as &dyn Fn() -> Answer, &found] {
            let (mut names, mut asked) = (Names::default(), 0);
            for number in 0..1000 {
                let _ = names.resolve(&format!("h{number}"), &mut |_| {
                    asked += 1;
                    (answer(), Duration::from_millis(500))
                });
            }
            assert_eq!(asked, 30);
        }
    }

    #[test]
    fn without_an_answer_the_addresses_of_the_last_configuration_stay() {
        let mut first = Names::default();
        let mut found = |_: &str| (Answer::Found(vec![ip("10.0.0.1")]), Duration::ZERO);
        let good = first.resolve("app", &mut found);
        let mut second = first.followed();
        let mut silent = |_: &str| (Answer::NoAnswer("Temporary failure".into()), PATIENCE);
        assert_eq!(second.resolve("app", &mut silent), good);
        assert!(second.resolve("new", &mut silent).is_err());
        assert_eq!(
            second.take_kept(),
            ["host \"app\" keeps the addresses of the last configuration (Temporary failure)"]
        );
        assert!(second.take_kept().is_empty());
        // And on to the next one; but a name that is gone is gone.
        let mut third = second.followed();
        assert_eq!(third.resolve("app", &mut silent), good);
        let mut fourth = third.followed();
        let mut gone = |_: &str| (Answer::NotFound("unknown".into()), Duration::ZERO);
        assert_eq!(
            fourth.resolve("app", &mut gone).unwrap_err(),
            "host not found \"app\" (unknown)"
        );
    }

    #[test]
    fn what_the_master_asked_is_told_from_what_it_kept() {
        let mut first = Names::default();
        let mut found = |_: &str| (Answer::Found(vec![ip("10.0.0.1")]), Duration::ZERO);
        let _ = first.resolve("app", &mut found);
        let addresses = [ip("10.0.0.1")];
        assert_eq!(first.asked("app"), Some(&addresses[..]));
        let mut second = first.followed();
        let mut silent = |_: &str| (Answer::NoAnswer("Try again".into()), PATIENCE);
        let _ = second.resolve("app", &mut silent);
        let _ = second.resolve("dead", &mut silent);
        assert_eq!(
            (second.asked("app"), second.last("app")),
            (None, Some(&addresses[..]))
        );
        assert_eq!((second.asked("dead"), second.last("dead")), (None, None));
        let failed = ["app", "dead", "new"].map(|name| second.has_failed(name));
        assert_eq!(failed, [false, true, false]);
    }

    #[test]
    fn each_name_is_said_once() {
        let mut said = NameSet::default();
        let mut read = |names: &[&str]| {
            let mut out = LeftOut::default();
            for name in names {
                out.note("/a", unresolved(name, 0), &said);
            }
            let (lines, now) = out.finish();
            said = now;
            lines
        };
        let line = |name: &str, rest: &str| {
            format!("host not found \"{name}\" at /a/backends/0, this backend{rest}")
        };
        assert_eq!(
            read(&["x", "y", "y", "x", "x"]),
            [
                line("x", " and 2 more are left out"),
                line("y", " and 1 more are left out")
            ]
        );
        assert!(read(&["y", "x"]).is_empty());
        assert!(read(&["x"]).is_empty());
        // Gone and back: that is news.
        assert_eq!(read(&["x", "y"]), [line("y", " is left out")]);
    }

    #[test]
    fn a_line_says_which_file_and_what_is_left() {
        let mut out = LeftOut::default();
        out.enter("b.json");
        out.note("/a", unresolved("x", 2), &NameSet::default());
        let some = Unresolved {
            partly: true,
            ..unresolved("y", 0)
        };
        out.note("/a", some, &NameSet::default());
        let (lines, mut names) = out.finish();
        assert_eq!(
            lines,
            [
                "host not found \"x\" at /a/backends/2 in \"b.json\", this backend is left out",
                "host not found \"y\" at /a/backends/0 in \"b.json\""
            ]
        );
        assert!(names.contains("x") && names.contains("y") && !names.contains("z"));
        let parts = std::iter::from_fn(|| names.shrink().then_some(()));
        assert!((1..100_000).contains(&parts.take(100_000).count()));
    }

    #[test]
    fn the_names_of_a_reading_that_is_given_up_are_kept() {
        let mut out = LeftOut::default();
        out.note("/a", unresolved("x", 0), &NameSet::default());
        assert!(out.into_names().contains("x"));
    }

    #[test]
    fn a_thousand_dead_names_are_a_few_lines() {
        let mut out = LeftOut::default();
        for number in (0..1000).chain(0..1000).rev() {
            let name = format!("h{number:03}");
            out.note("/a", unresolved(&name, number), &NameSet::default());
        }
        let (lines, _) = out.finish();
        assert_eq!(lines.len(), 11);
        assert!(lines[0].contains("\"h000\""), "{}", lines[0]);
        assert!(lines[9].contains("\"h009\""), "{}", lines[9]);
        assert_eq!(lines[10], "and 990 more host names");
    }
}
