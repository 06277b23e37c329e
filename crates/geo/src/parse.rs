//! Reads the words of one rule.

use std::cell::RefCell;
use std::rc::Rc;

use super::condition::Condition;
use super::facts::Eu;
use super::list::{ListFile, Values};
use super::sets::Set;
use super::vocabulary::{self, Vocabulary};
use gatehouse_base::words;

/// The fields a rule may ask for.
const FIELDS: [&str; 10] = [
    "country",
    "registered_country",
    "continent",
    "subdivision",
    "city",
    "asn",
    "eu",
    "anonymous",
    "unknown",
    "address",
];

/// The words of a rule being read.
pub(super) struct Parser<'r> {
    pub(super) read: &'r mut dyn FnMut(&str) -> Result<String, String>,
    pub(super) directive: &'static str,
    pub(super) warnings: Vec<String>,
    /// The files that the rule names.
    pub(super) lists: Vec<ListFile>,
}

impl Parser<'_> {
    fn refused(&self, what: impl std::fmt::Display) -> String {
        format!("{what} in \"{}\" directive", self.directive)
    }

    /// The conditions of a rule; none for `all`.
    pub(super) fn conditions(&mut self, words: &[&str]) -> Result<Vec<Condition>, String> {
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
            "country" => Condition::Country(self.values(values, &vocabulary::COUNTRY)?),
            "registered_country" => {
                Condition::RegisteredCountry(self.values(values, &vocabulary::REGISTERED_COUNTRY)?)
            }
            "continent" => Condition::Continent(self.values(values, &vocabulary::CONTINENT)?),
            "subdivision" => Condition::Subdivision(self.values(values, &vocabulary::SUBDIVISION)?),
            "city" => Condition::City(self.values(values, &vocabulary::CITY)?),
            "asn" => Condition::Asn(self.values(values, &vocabulary::ASN)?),
            "anonymous" => Condition::Anonymous(self.values(values, &vocabulary::ANONYMOUS)?),
            "address" => Condition::Address(self.values(values, &vocabulary::ADDRESS)?),
            "eu" => Condition::Eu(yes_or_no(values).ok_or_else(|| wrong(&["eu=yes", "eu=no"]))?),
            "unknown" if values == "yes" => Condition::Unknown,
            "unknown" => return Err(wrong(&["unknown=yes"])),
            _ => return Err(words::unknown("field", field, directive, FIELDS)),
        })
    }

    /// The values of a list, or of the file it names.
    fn values<S: Set>(
        &mut self,
        values: &str,
        words: &'static Vocabulary<S>,
    ) -> Result<Values<S>, String> {
        if let Some(file) = values.strip_prefix('@') {
            return self.file(file, words).map(Values::File);
        }
        let mut set = S::default();
        for value in values.split(',') {
            let Some(item) = words.item(value, &mut self.warnings) else {
                let (what, hint) = words.refused(value);
                return Err(format!("{}, {hint}", self.refused(what)));
            };
            set.put(item);
        }
        set.finish();
        Ok(Values::Here(set))
    }

    fn file<S: Set>(
        &mut self,
        name: &str,
        words: &'static Vocabulary<S>,
    ) -> Result<Rc<RefCell<S>>, String> {
        let content = (self.read)(name).map_err(|error| self.refused(error))?;
        let values = Rc::default();
        let list = ListFile::new(name, words, &values);
        let mut filling = list.begin();
        for (line, number) in content.lines().zip(1u32..) {
            let warnings = filling.line(line).map_err(|(what, hint)| {
                let what = self.refused(format_args!("{what} in {name}:{number}"));
                format!("{what}, {hint}")
            })?;
            let placed = warnings
                .iter()
                .map(|text| format!("{text} in {name}:{number}"));
            self.warnings.extend(placed);
        }
        if filling.count() == 0 {
            self.warnings.push(format!("\"{name}\" has no values"));
        }
        filling.finish();
        self.lists.push(list);
        Ok(values)
    }
}

fn yes_or_no(value: &str) -> Option<Eu> {
    match value {
        "yes" => Some(Eu::Yes),
        "no" => Some(Eu::No),
        _ => None,
    }
}
