//! Databases that arguments and configurations name, and what they know.

use std::collections::BTreeMap;
use std::path::Path;

use gatehouse_geo::{Code, Database, Eu, Facts};

use crate::Failure;
use crate::files::{read, refused};

/// The database in a file.
pub(super) fn open(path: &Path) -> Result<Database<Vec<u8>>, Failure> {
    Database::open(read(path)?).map_err(|error| refused(path, &error))
}

/// The fields of rules that are known.
pub(super) fn known(facts: &Facts) -> BTreeMap<&'static str, String> {
    let parts: Vec<String> = facts
        .subdivisions
        .iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    let code = |code: Option<Code>| code.map(|code| code.to_string());
    let number = |number: u32| (number != 0).then(|| number.to_string());
    let fields = [
        ("country", code(facts.country)),
        ("registered_country", code(facts.registered_country)),
        ("continent", code(facts.continent)),
        ("subdivision", (!parts.is_empty()).then(|| parts.join(","))),
        ("city", number(facts.city)),
        ("asn", number(facts.asn)),
        (
            "eu",
            match facts.eu {
                Eu::Yes => Some("yes".to_owned()),
                Eu::No => Some("no".to_owned()),
                Eu::Unknown => None,
            },
        ),
        (
            "anonymous",
            (!facts.anonymous.is_unknown()).then(|| facts.anonymous.to_string()),
        ),
    ];
    let known = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    known.collect()
}
