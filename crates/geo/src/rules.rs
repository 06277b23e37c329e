//! `geoip_allow` and `geoip_deny`, also as `allow` and `deny` of a policy: who is let in, by country and address.

use std::net::IpAddr;

use ipnet::IpNet;

use super::countries;
use super::facts::{Code, Eu, Facts, Field, Fields};
use super::sets::{AddressSet, CodeSet};
use gatehouse_base::words;

/// The continents as MaxMind abbreviates them.
const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

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

    fn matches(&self, address: Option<IpAddr>, facts: &mut impl FnMut() -> Facts) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Address(set) => address.is_some_and(|address| set.contains(address)),
            Condition::Country(set) => set.contains(facts().country),
            Condition::Continent(set) => set.contains(facts().continent),
            Condition::Eu(wanted) => facts().eu == *wanted,
            Condition::Unknown => !facts().found,
        })
    }
}

/// All conditions of a rule must hold; `all` has none.
#[derive(Clone, Debug)]
enum Condition {
    Address(AddressSet),
    Country(CodeSet),
    Continent(CodeSet),
    Eu(Eu),
    Unknown,
}

/// Rules in order of appearance; the first that matches decides, and none has no opinion.
#[derive(Clone, Debug, Default)]
pub struct RuleList {
    home: Home,
    rules: Vec<Rule>,
    needs: Fields,
    needs_database: bool,
    depends_on_address: bool,
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
        for condition in &conditions {
            match condition {
                Condition::Address(_) => self.depends_on_address = true,
                Condition::Country(_) => self.needs.insert(Field::Country),
                Condition::Continent(_) => self.needs.insert(Field::Continent),
                Condition::Eu(_) => self.needs.insert(Field::Eu),
                Condition::Unknown => self.needs_database = true,
            }
        }
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
    #[inline]
    pub fn evaluate(
        &self,
        address: Option<IpAddr>,
        facts: impl FnOnce() -> Facts,
    ) -> Option<(Action, usize)> {
        let (mut ask, mut known) = (Some(facts), Facts::UNKNOWN);
        let mut facts = || {
            if let Some(ask) = ask.take() {
                known = ask();
            }
            known
        };
        let at = self
            .rules
            .iter()
            .position(|rule| rule.matches(address, &mut facts))?;
        self.rules.get(at).map(|rule| (rule.action, at))
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

    /// Whether some rule asks for the address itself. Otherwise two addresses with equal facts
    /// have equal verdicts, which can be remembered by record.
    pub fn depends_on_address(&self) -> bool {
        self.depends_on_address
    }

    /// Whether some rule asks for a field that a database must have.
    pub fn needs(&self, field: Field) -> bool {
        self.needs.contains(field)
    }

    /// Whether some rule cannot be decided without any database (`address=` and `all` can).
    pub fn needs_database(&self) -> bool {
        self.needs_database || Field::ALL.into_iter().any(|field| self.needs(field))
    }
}

/// Reads the words of one rule.
struct Parser<'r> {
    read: &'r mut dyn FnMut(&str) -> Result<String, String>,
    directive: &'static str,
    warnings: Vec<String>,
}

/// The fields a rule may ask for.
const FIELDS: [&str; 5] = ["country", "continent", "eu", "unknown", "address"];

/// A value that is none of its field.
struct Refused {
    what: String,
    field: &'static str,
}

impl Refused {
    fn new(what: String, field: &'static str) -> Self {
        Self { what, field }
    }

    /// The sentence for a value that stands `place`.
    fn text(&self, place: &str) -> String {
        let what = &self.what;
        let hint = match self.field {
            "country" => "it must be two letters, ISO 3166-1 alpha-2",
            "continent" => "it must be AF, AN, AS, EU, NA, OC or SA",
            _ => "it must be an address or a network in CIDR notation",
        };
        format!("{what} {place}, {hint}")
    }
}

impl Parser<'_> {
    fn refused(&self, what: impl std::fmt::Display) -> String {
        format!("{what} in \"{}\" directive", self.directive)
    }

    fn conditions(&mut self, words: &[&str]) -> Result<Vec<Condition>, String> {
        if words == ["all"] {
            return Ok(Vec::new());
        }
        if words.is_empty() {
            return Err(format!(
                "invalid number of arguments in \"{}\" directive",
                self.directive
            ));
        }
        let mut seen: Vec<&str> = Vec::new();
        let mut conditions = Vec::new();
        for word in words {
            let Some((field, values)) = word.split_once('=') else {
                return Err(self.refused(format_args!("invalid parameter \"{word}\"")));
            };
            if seen.contains(&field) {
                return Err(words::duplicate(field, self.directive));
            }
            seen.push(field);
            conditions.push(self.condition(field, values)?);
        }
        // What needs no database is asked first.
        conditions.sort_by_key(|condition| !matches!(condition, Condition::Address(_)));
        Ok(conditions)
    }

    fn condition(&mut self, field: &str, values: &str) -> Result<Condition, String> {
        let directive = self.directive;
        let wrong = |legal: &[&str]| {
            words::invalid(
                &format!("{field}={values}"),
                directive,
                legal.iter().copied(),
            )
        };
        Ok(match field {
            "country" => Condition::Country(self.codes("country", values, Code::new)?),
            "continent" => Condition::Continent(self.codes("continent", values, continent)?),
            "eu" => Condition::Eu(yes_or_no(values).ok_or_else(|| wrong(&["eu=yes", "eu=no"]))?),
            "unknown" if values == "yes" => Condition::Unknown,
            "unknown" => return Err(wrong(&["unknown=yes"])),
            "address" => Condition::Address(self.addresses(values)?),
            _ => return Err(words::unknown("field", field, directive, FIELDS)),
        })
    }

    fn codes(
        &mut self,
        field: &'static str,
        values: &str,
        parse: fn(&[u8]) -> Option<Code>,
    ) -> Result<CodeSet, String> {
        let mut set = CodeSet::default();
        self.each(values, |value, warnings| {
            let code = parse(value.as_bytes())
                .ok_or_else(|| Refused::new(format!("invalid {field} \"{value}\""), field))?;
            if field == "country" {
                warnings.extend(countries::slip(code));
            }
            set.insert(code);
            Ok(())
        })?;
        Ok(set)
    }

    fn addresses(&mut self, values: &str) -> Result<AddressSet, String> {
        let mut networks = Vec::new();
        self.each(values, |value, warnings| {
            let network = network(value)
                .ok_or_else(|| Refused::new(format!("invalid address \"{value}\""), "address"))?;
            if network.trunc() != network {
                warnings.push(format!("low address bits of {value} are meaningless"));
            }
            networks.push(network.trunc());
            Ok(())
        })?;
        Ok(AddressSet::new(&networks))
    }

    /// Calls `take` with each value of a list or of the file it names.
    fn each(
        &mut self,
        values: &str,
        mut take: impl FnMut(&str, &mut Vec<String>) -> Result<(), Refused>,
    ) -> Result<(), String> {
        let directive = self.directive;
        let Some(file) = values.strip_prefix('@') else {
            return values
                .split(',')
                .try_for_each(|value| take(value, &mut self.warnings))
                .map_err(|refused| refused.text(&format!("in \"{directive}\" directive")));
        };
        let content = (self.read)(file).map_err(|error| self.refused(error))?;
        let mut count = 0u32;
        for (line, number) in content.lines().zip(1u32..) {
            let value = line.split('#').next().unwrap_or_default().trim();
            if !value.is_empty() {
                let mut warnings = Vec::new();
                take(value, &mut warnings).map_err(|refused| {
                    refused.text(&format!("in {file}:{number} in \"{directive}\" directive"))
                })?;
                let placed = warnings
                    .iter()
                    .map(|text| format!("{text} in {file}:{number}"));
                self.warnings.extend(placed);
                count = count.saturating_add(1);
            }
        }
        if count == 0 {
            self.warnings.push(format!("\"{file}\" has no values"));
        }
        Ok(())
    }
}

/// The continent that a code of MaxMind's means, whatever its case; `None` for anything else.
pub fn continent(text: &[u8]) -> Option<Code> {
    Code::new(text).filter(|code| CONTINENTS.contains(&code.as_str()))
}

fn yes_or_no(value: &str) -> Option<Eu> {
    match value {
        "yes" => Some(Eu::Yes),
        "no" => Some(Eu::No),
        _ => None,
    }
}

/// A CIDR, or an address alone.
fn network(value: &str) -> Option<IpNet> {
    value
        .parse()
        .ok()
        .or_else(|| value.parse::<IpAddr>().ok().map(IpNet::from))
}
