//! `$geoip_…` and the variables of `geoip_variable`.

use super::check::{self, Enforced, Verdict};
use super::conf::{Definition, Main, Paths};
use super::database::Db;
use crate::words::duplicate;
use crate::{Gatehouse, refusal};
use gatehouse_geo::{Action, Facts, Out, Path};
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
    let path = Path::parse(&steps)
        .map_err(|e| Error::new(format!("{e} in \"geoip_variable\" directive")))?;
    let place = cf.here();
    let variables = &mut cf.main().geoip.variables;
    variables.push(Definition {
        db,
        number: 0,
        source,
        path,
        default,
        place,
    });
    let number = variables.len().saturating_sub(1);
    cf.add_variable::<Value>(&name, number)
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
        let address = match &definition.source {
            None => check::address(r.main()),
            Some(source) => source.eval(r).and_then(|text| check::parse(r, text)),
        };
        let db = main.databases.get(definition.number);
        let found = address
            .zip(db)
            .and_then(|(address, db)| read(r, db, address, &definition.path));
        Answer::from(found.or(definition.default.as_deref()))
    }
}

/// The value of a field, copied out of the database.
fn read<'r>(r: Request<'r>, db: &Db, address: IpAddr, path: &Path) -> Option<&'r [u8]> {
    db.record(address, |database, offset| {
        let mut out = Out::new();
        keep(r, database.value(offset, path, &mut out)?)
    })
}

fn keep<'r>(r: Request<'r>, value: &[u8]) -> Option<&'r [u8]> {
    let copy = r.alloc(value.len())?;
    copy.copy_from_slice(value);
    Some(copy)
}

fn facts(r: Request<'_>) -> Facts {
    let r = r.main();
    check::address(r).map_or(Facts::UNKNOWN, |address| check::facts(r, address))
}

/// A field by its path, from the first database that has it.
fn first<'r>(r: Request<'r>, path: fn(&Paths) -> Option<&Path>) -> Option<&'r [u8]> {
    let address = check::address(r.main())?;
    let main = &r.main_conf::<Gatehouse>().geoip;
    let path = path(&main.paths)?;
    main.databases
        .iter()
        .find_map(|db| read(r, db, address, path))
}

/// The rule that decides the request: the one it was refused by, else the location's.
fn verdict(r: Request<'_>) -> Result<Verdict<'_>, ()> {
    let r = r.main();
    if let Some(by) = check::refused(r) {
        return Ok(Verdict::Rule(by));
    }
    let verdict = check::judge(r)?;
    if matches!(verdict, Verdict::Rule(by) if by.rule.action() == Action::Deny) {
        // Without memory for a record nothing is noted; then no check can be made either.
        if let Some(record) = r.record::<Gatehouse>() {
            refusal::doubt(record);
        }
    }
    Ok(verdict)
}

pub(super) const VARIABLES: &[Variable<Gatehouse>] = &[
    Variable::new(
        "geoip_country",
        "The client's country, ISO 3166-1 alpha-2.",
        |r| Answer::from(facts(r).country.and_then(|code| keep(r, code.as_bytes()))),
    ),
    Variable::new(
        "geoip_continent",
        "The client's continent: `AF AN AS EU NA OC SA`.",
        |r| Answer::from(facts(r).continent.and_then(|code| keep(r, code.as_bytes()))),
    ),
    Variable::new(
        "geoip_subdivision",
        "The client's first subdivision, ISO 3166-2: `US-CA`.",
        |r| {
            let part = first(r, |paths| paths.subdivision.as_ref());
            let both = facts(r).country.zip(part);
            Answer::from(
                both.and_then(|(country, part)| r.concat(&[country.as_bytes(), b"-", part])),
            )
        },
    ),
    Variable::new(
        "geoip_asn",
        "The number of the client's autonomous system.",
        |r| Answer::from(first(r, |paths| paths.asn.as_ref())),
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
