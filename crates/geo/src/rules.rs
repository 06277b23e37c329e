//! `geoip_allow` and `geoip_deny`, also as `allow` and `deny` of a policy: who is let in, by country and address.

use std::net::IpAddr;

use super::condition::Condition;
use super::facts::{Facts, Field, Fields, Lazily};
use super::list::ListFile;
use super::parse::Parser;

/// What a matching rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The request may go on.
    Allow,
    /// The request is refused.
    Deny,
}

/// Where the rules of a list stand, and so what they are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Home {
    /// At a level of locations.
    #[default]
    Level,
    /// In a policy.
    Policy,
}

impl Home {
    fn directive(self, action: Action) -> &'static str {
        match (self, action) {
            (Self::Level, Action::Allow) => "geoip_allow",
            (Self::Level, Action::Deny) => "geoip_deny",
            (Self::Policy, Action::Allow) => "allow",
            (Self::Policy, Action::Deny) => "deny",
        }
    }
}

/// One rule: `geoip_allow`, `geoip_deny`, or a line of a policy.
#[derive(Clone, Debug)]
pub struct Rule {
    action: Action,
    conditions: Vec<Condition>,
    text: String,
    place: String,
}

impl Rule {
    /// What the rule decides.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Its words as the configuration has them, such as `country=RU,BY`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the configuration has it, as given to [`RuleList::push`].
    pub fn place(&self) -> &str {
        &self.place
    }

    #[inline]
    fn matches(&self, address: Option<IpAddr>, known: &mut Lazily<impl FnMut() -> Facts>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(address, known))
    }
}

/// Rules in order of appearance; the first that matches decides, and none has no opinion.
#[derive(Clone, Debug, Default)]
pub struct RuleList {
    home: Home,
    rules: Vec<Rule>,
    needs: Fields,
    needs_database: bool,
    lists: Vec<ListFile>,
}

impl RuleList {
    /// No rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// No rules, of a policy: its rules are called `allow` and `deny`.
    pub fn of_policy() -> Self {
        Self {
            home: Home::Policy,
            ..Self::default()
        }
    }

    /// The rule that leaves nothing to those behind it.
    pub fn last(&self) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.conditions.is_empty())
    }

    /// What the directive of a rule is called.
    pub fn directive(&self, action: Action) -> &'static str {
        self.home.directive(action)
    }

    /// Appends a rule from its words: `all`, or `field=value[,value]…` where the list may be
    /// `@file`, one value per line, `#` starting a comment. `place` is kept for the log
    /// (`FILE:LINE`), `read` answers the content of a file named in a rule, or why there is none.
    /// Gives the warnings to print.
    ///
    /// # Errors
    /// A message in nginx's wording, without place.
    pub fn push(
        &mut self,
        action: Action,
        words: &[&str],
        place: &str,
        read: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Vec<String>, String> {
        let mut parser = Parser {
            read,
            directive: self.directive(action),
            warnings: Vec::new(),
            lists: Vec::new(),
        };
        let conditions = parser.conditions(words)?;
        if let Some(before) = self.last() {
            parser.warnings.push(format!(
                "\"{} {}\" is never reached behind \"{} all\"",
                self.directive(action),
                words.join(" "),
                self.directive(before.action),
            ));
        }
        let is_unknown = |one: &Condition| matches!(one, Condition::Unknown);
        if conditions.iter().any(is_unknown) && conditions.iter().any(|one| one.field().is_some()) {
            parser.warnings.push(format!(
                "\"{} {}\" matches nobody, since all fields of a rule must match: write \"unknown=yes\" as a rule of its own",
                self.directive(action),
                words.join(" "),
            ));
        }
        for condition in &conditions {
            if let Some(field) = condition.field() {
                self.needs.insert(field);
            }
            self.needs_database |= matches!(condition, Condition::Unknown);
        }
        self.lists.append(&mut parser.lists);
        let (text, place) = (words.join(" "), place.to_owned());
        self.rules.push(Rule {
            action,
            conditions,
            text,
            place,
        });
        Ok(parser.warnings)
    }

    /// Finds the first rule that matches an address (`None` when there is none that can be read)
    /// and what is known about it: the action, and the index in [`Self::rules`]. `facts` is asked
    /// once at most, and only when a rule needs it.
    pub fn evaluate(
        &self,
        address: Option<IpAddr>,
        facts: impl FnMut() -> Facts,
    ) -> Option<(Action, usize)> {
        let mut known = Lazily::new(facts);
        let mut rules = self.rules.iter();
        let at = rules.position(|rule| rule.matches(address, &mut known))?;
        Some((self.rules.get(at)?.action, at))
    }

    /// The same rule, of one of several lists that share the facts.
    #[inline]
    pub fn decide(
        &self,
        address: Option<IpAddr>,
        known: &mut Lazily<impl FnMut() -> Facts>,
    ) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.matches(address, known))
    }

    /// An allowing rule with no denying one behind it, and what to say about it: whom it does not match
    /// is not refused either.
    pub fn refuses_nobody(&self) -> Option<(&Rule, String)> {
        let last = self
            .rules
            .iter()
            .position(|rule| rule.conditions.is_empty());
        let reached = self
            .rules
            .get(..=last.unwrap_or(usize::MAX))
            .unwrap_or(&self.rules);
        let tail = reached.rsplit(|rule| rule.action == Action::Deny).next()?;
        let rule = tail.iter().find(|rule| !rule.conditions.is_empty())?;
        let text = format!(
            "\"{} {}\" refuses nobody without a \"{} all\" behind it",
            self.directive(Action::Allow),
            rule.text,
            self.directive(Action::Deny),
        );
        Some((rule, text))
    }

    /// The rules in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether some rule asks for a field that a database must have.
    pub fn needs(&self, field: Field) -> bool {
        self.needs.contains(field)
    }

    /// The fields that rules ask for.
    pub fn asked(&self) -> Fields {
        self.needs
    }

    /// The files that rules name, in order.
    pub fn lists(&self) -> &[ListFile] {
        &self.lists
    }

    /// Whether some rule cannot be decided without any database (`address=` and `all` can).
    pub fn needs_database(&self) -> bool {
        self.needs_database || Field::ALL.into_iter().any(|field| self.needs(field))
    }
}
