//! `$geoip_…` and the variables of `geoip_variable`.

use super::check::{self, Enforced, Verdict};
use super::conf::{Definition, Main, Metadata, What};
use super::database::Db;
use crate::words::duplicate;
use crate::{Gatehouse, refusal};
use gatehouse_base::words;
use gatehouse_geo::{Action, Code, Facts, Field, Fields, Path};
use gatehouse_nginx::http::variable::{Getter, Variable};
use gatehouse_nginx::{Answer, Conf, Error, Request};
use std::net::IpAddr;

/// Reads a `geoip_variable` directive.
pub(super) fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let words = cf.words()?;
    let name = words.get(1).cloned().unwrap_or_default();
    let (mut db, mut source, mut default, mut steps) = (None, None, None, Vec::new());
    for word in words.iter().skip(2) {
        let seen = match word.split_once('=') {
            Some(("db", value)) => db.replace(value.to_owned()).is_some(),
            Some(("source", value)) => source.replace(cf.compile(value.as_bytes())?).is_some(),
            Some(("default", value)) => default.replace(value.as_bytes().to_vec()).is_some(),
            Some(_) => return Err(cf.invalid_parameter(word)),
            None => {
                steps.push(word.as_str());
                false
            }
        };
        if seen {
            return Err(duplicate(cf, word));
        }
    }
    let what = what(&steps).map_err(Error::new)?;
    if source.is_some() && matches!(what, What::Metadata(_)) {
        return Err(Error::new(
            "\"source\" has no use for metadata in \"geoip_variable\" directive",
        ));
    }
    let place = cf.here();
    let variables = &mut cf.main().geoip.variables;
    variables.push(Definition {
        db,
        number: 0,
        source,
        what,
        default,
        place,
    });
    let number = variables.len().saturating_sub(1);
    cf.add_variable::<Value>(&name, number)
}

/// What the words of a path ask for: `metadata …` is about the database, anything else a way through a record. The
/// error is a whole sentence.
fn what(steps: &[&str]) -> Result<What, String> {
    let refused = |text: String| format!("{text} in \"geoip_variable\" directive");
    let path = Path::parse(steps).map_err(refused)?;
    let words: Vec<&str> = match steps {
        [single] => single.split('.').collect(),
        _ => steps.to_vec(),
    };
    match words.as_slice() {
        ["metadata", word] => {
            let mut known = Metadata::WORDS.into_iter();
            let found = known.find(|(name, _)| name == word);
            found
                .map(|(_, metadata)| What::Metadata(metadata))
                .ok_or_else(|| {
                    let legal = Metadata::WORDS.map(|(name, _)| name);
                    words::unknown("metadata", word, "geoip_variable", legal)
                })
        }
        ["metadata", ..] => Err(refused(format!("invalid path \"{}\"", steps.join(" ")))),
        _ => Ok(What::Path(path)),
    }
}

/// Finds the databases that `db=` names.
pub(super) fn complete(main: &mut Main) -> Result<(), Error> {
    for definition in &mut main.variables {
        let position = match &definition.db {
            Some(name) => main.databases.iter().position(|db| db.name() == name),
            None => (!main.databases.is_empty()).then_some(0),
        };
        definition.number = position.ok_or_else(|| {
            let text = match &definition.db {
                Some(name) => {
                    format!("unknown geoip_db \"{name}\" in \"geoip_variable\" directive")
                }
                None => "\"geoip_variable\" needs a \"geoip_db\"".to_owned(),
            };
            Error::at(&definition.place, text)
        })?;
    }
    Ok(())
}

/// Bytes of the longest number.
const LONGEST_NUMBER: usize = 20;

struct Value;

impl Getter for Value {
    fn get(r: Request<'_>, number: usize) -> Answer<'_> {
        let main = &r.main_conf::<Gatehouse>().geoip;
        let Some(definition) = main.variables.get(number) else {
            return Answer::Failed;
        };
        let db = main.databases.get(definition.number);
        let found = db.and_then(|db| match &definition.what {
            What::Metadata(metadata) => about(r, db, *metadata),
            What::Path(path) => {
                let address = match &definition.source {
                    None => address(r.main()),
                    Some(source) => source.eval(r).and_then(|text| check::parse(r, text)),
                };
                db.value(address?, path, |text| r.copy_text(text))
            }
        });
        Answer::from(found.or(definition.default.as_deref()))
    }
}

/// What is known about a database itself.
fn about<'r>(r: Request<'r>, db: &Db, what: Metadata) -> Option<&'r [u8]> {
    let shared = db.shared();
    let number = match what {
        Metadata::DatabaseType => {
            return shared.database_type(|name| {
                let is_printable = !name.bytes().any(|byte| byte.is_ascii_control());
                r.copy_text(name.as_bytes()).filter(|_| is_printable)
            });
        }
        Metadata::BuildEpoch => shared.build_epoch(),
        Metadata::LastCheck => shared.last_check(),
        Metadata::LastChange => shared.last_change(),
    };
    number.and_then(|number| r.text(&number, LONGEST_NUMBER))
}

/// The address that its location looks up.
fn address(r: Request<'_>) -> Option<IpAddr> {
    check::address(r, &r.loc::<Gatehouse>().geoip)
}

/// What the databases know about the client, as far as one field needs it.
pub(super) fn facts(r: Request<'_>, asked: Field) -> Facts {
    let (r, asked) = (r.main(), Fields::of(asked));
    address(r).map_or(Facts::UNKNOWN, |address| check::facts(r, address, asked))
}

fn code<'r>(code: Option<Code>) -> Answer<'r> {
    Answer::from(code.map(|code| code.as_bytes().as_slice()))
}

/// The rule that decides the request: the one it was refused by, else the location's.
fn verdict(r: Request<'_>) -> Result<Verdict<'_>, ()> {
    let r = r.main();
    if let Some(by) = check::refused(r) {
        return Ok(Verdict::Rule(by));
    }
    let verdict = check::judge(r, &r.loc::<Gatehouse>().geoip)?;
    if matches!(verdict, Verdict::Rule(by) if by.rule.action() == Action::Deny) {
        // Without memory for a record nothing is noted; then no check can be made either.
        if let Some(record) = r.record::<Gatehouse>() {
            refusal::doubt(record);
        }
    }
    Ok(verdict)
}

/// Variables that ask for what takes memory to have worked out beforehand; one that the configuration does not name is
/// decoded (of `token_claim`, of scripts).
pub(super) const ASKING: [(&str, Field); 2] = [
    ("geoip_subdivision", Field::Subdivision),
    ("geoip_asn", Field::Asn),
];

pub(super) const VARIABLES: &[Variable<Gatehouse>] = &[
    Variable::new(
        "geoip_country",
        "The client's country, ISO 3166-1 alpha-2.",
        |r| code(facts(r, Field::Country).country),
    ),
    Variable::new(
        "geoip_continent",
        "The client's continent: `AF AN AS EU NA OC SA`.",
        |r| code(facts(r, Field::Continent).continent),
    ),
    Variable::new(
        "geoip_subdivision",
        "The client's first subdivision, ISO 3166-2: `US-CA`.",
        |r| {
            let [part, _] = facts(r, Field::Subdivision).subdivisions;
            Answer::from(part.and_then(|part| r.copy_text(part.text(&mut [0; 6]))))
        },
    ),
    Variable::new(
        "geoip_asn",
        "The number of the client's autonomous system.",
        |r| {
            let asn = Some(facts(r, Field::Asn).asn).filter(|asn| *asn != 0);
            Answer::from(asn.and_then(|asn| r.text(&asn, LONGEST_NUMBER)))
        },
    ),
    Variable::new(
        "geoip_verdict",
        "`allowed`, `denied` or `none`: what the rules say. Reading it runs the check without enforcing it.",
        |r| match verdict(r) {
            Err(()) => Answer::Failed,
            Ok(verdict) => Answer::Value(verdict.word().as_str().as_bytes()),
        },
    ),
    Variable::new(
        "geoip_action",
        "What the access phase did: `allowed` (also in spite of a rule, by `satisfy any`), `refused`, or `dry_run` for every request of a dry run; not found \
         before it and where no rules are in force.",
        |r| {
            Answer::from(check::enforced(r).map(|enforced| match enforced {
                Enforced::Allowed => b"allowed".as_slice(),
                Enforced::Refused => b"refused",
                Enforced::DryRun => b"dry_run",
            }))
        },
    ),
    Variable::new(
        "geoip_rule",
        "The text of the rule that matched.",
        |r| match verdict(r) {
            Err(()) => Answer::Failed,
            Ok(Verdict::Nothing) => Answer::NotFound,
            Ok(Verdict::Rule(by)) => Answer::Value(by.rule.text().as_bytes()),
        },
    ),
    Variable::new(
        "geoip_build_epoch",
        "When the first database was built, seconds since 1970.",
        |r| {
            let db = r.main_conf::<Gatehouse>().geoip.databases.first();
            let epoch = db.and_then(Db::build_epoch);
            Answer::from(epoch.and_then(|epoch| r.text(&epoch, LONGEST_NUMBER)))
        },
    ),
];
