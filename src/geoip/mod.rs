//! `geoip_…`: country rules and variables from MaxMind databases.

mod area;
mod check;
mod conf;
mod counters;
mod database;
mod policy;
mod rule;
mod variables;

pub(crate) use check::Record;
pub(crate) use conf::{Loc, Main};

use crate::Gatehouse;
use crate::family::Family;
use crate::words::{http_status, set_flag, set_log_level, set_once};
use check::Access;
use database::Db;
use gatehouse_geo::{Action, Field, Fields};
use gatehouse_nginx::{Args, Conf, Contexts, Directive, Error, Level, Merging};
use std::rc::Rc;
use variables::VARIABLES;

/// What this family brings.
pub(crate) const FAMILY: Family = Family {
    page: "geoip",
    title: "GeoIP",
    directives: DIRECTIVES,
    variables: VARIABLES,
    metrics: counters::METRICS,
    merge: |cf, parent, child| {
        merge(cf, &parent.geoip, &mut child.geoip);
        Ok(())
    },
    complete,
    install: |installer| {
        if installer.main().geoip.in_use() {
            installer.phase::<Access>()?;
        }
        Ok(())
    },
    ..Family::NONE
};

const DIRECTIVES: &[Directive<Gatehouse>] = &[
    Directive {
        name: c"geoip_db",
        syntax: "file [name=NAME] [reload=time] [max_age=time] [zone=size]",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Between(1, 5),
        text: include_str!("docs/geoip_db.md"),
        set: set_db,
    },
    Directive {
        name: c"geoip_variable",
        syntax: "$variable [db=NAME] [source=string] path.to.field [default=string]",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::TwoOrMore,
        text: include_str!("docs/geoip_variable.md"),
        set: variables::set,
    },
    Directive {
        name: c"geoip_allow",
        syntax: "all | field=value[,value]… …",
        default: None,
        contexts: Contexts::ANY,
        args: Args::OneOrMore,
        text: include_str!("docs/geoip_allow.md"),
        set: |cf| rule::set(cf, Action::Allow),
    },
    Directive {
        name: c"geoip_deny",
        syntax: "all | field=value[,value]… …",
        default: None,
        contexts: Contexts::ANY,
        args: Args::OneOrMore,
        text: include_str!("docs/geoip_deny.md"),
        set: |cf| rule::set(cf, Action::Deny),
    },
    Directive {
        name: c"geoip_policy",
        syntax: "name { … }",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Block(1),
        text: include_str!("docs/geoip_policy.md"),
        set: policy::set,
    },
    Directive {
        name: c"geoip_use",
        syntax: "name | $variable | off",
        default: Some("off"),
        contexts: Contexts::ANY,
        args: Args::Exactly(1),
        text: include_str!("docs/geoip_use.md"),
        set: policy::set_use,
    },
    Directive {
        name: c"geoip_bypass",
        syntax: "string …",
        default: None,
        contexts: Contexts::ANY,
        args: Args::OneOrMore,
        text: include_str!("docs/geoip_bypass.md"),
        set: set_bypass,
    },
    Directive {
        name: c"geoip_status",
        syntax: "N",
        default: Some("403"),
        contexts: Contexts::ANY,
        args: Args::Exactly(1),
        text: include_str!("docs/geoip_status.md"),
        set: |cf| {
            let word = cf.words()?.pop().unwrap_or_default();
            let status = http_status(cf, &word)?;
            set_once(cf, |loc| &mut loc.geoip.status, status)
        },
    },
    Directive {
        name: c"geoip_dry_run",
        syntax: "on | off",
        default: Some("off"),
        contexts: Contexts::ANY,
        args: Args::Flag,
        text: include_str!("docs/geoip_dry_run.md"),
        set: |cf| set_flag(cf, |loc| &mut loc.geoip.dry_run),
    },
    Directive {
        name: c"geoip_log_level",
        syntax: "info | notice | warn | error",
        default: Some("error"),
        contexts: Contexts::ANY,
        args: Args::Exactly(1),
        text: include_str!("docs/geoip_log_level.md"),
        set: |cf| set_log_level(cf, |loc| &mut loc.geoip.log_level),
    },
    Directive {
        name: c"geoip_address",
        syntax: "string",
        default: Some("$remote_addr"),
        contexts: Contexts::ANY,
        args: Args::Exactly(1),
        text: include_str!("docs/geoip_address.md"),
        set: |cf| {
            let address = Rc::new(cf.compile_word(1)?);
            set_once(cf, |loc| &mut loc.geoip.address, address)
        },
    },
];

fn set_db(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let db = Db::read(cf)?;
    let main = cf.main();
    main.geoip.databases.push(db);
    main.places = Some(area::PLACES);
    Ok(())
}

fn set_bypass(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let count = cf.words()?.len();
    let strings = (1..count)
        .map(|n| cf.compile_word(n))
        .collect::<Result<Vec<_>, _>>()?;
    set_once(cf, |loc| &mut loc.geoip.bypass, Rc::new(strings))
}

/// Takes over what this level does not say.
fn merge(cf: &mut Merging<'_, Gatehouse>, parent: &Loc, child: &mut Loc) {
    child.rules = child.rules.take().or_else(|| parent.rules.clone());
    child.policy = child.policy.take().or_else(|| parent.policy.clone());
    policy::note(cf, child);
    if let Some(rules) = &child.rules {
        // In front of a policy a rule that allows has its use, too.
        let any = cf.satisfy_any() || child.has_policy();
        let lists = &mut cf.main().geoip.lists;
        let list = lists
            .entry(Rc::as_ptr(rules))
            .or_insert_with(|| (Rc::clone(rules), false));
        list.1 |= any;
    }
    child.bypass = child.bypass.take().or_else(|| parent.bypass.clone());
    child.address = child.address.take().or_else(|| parent.address.clone());
    child.status = child.status.or(parent.status);
    child.dry_run = child.dry_run.or(parent.dry_run);
    child.log_level = child.log_level.or(parent.log_level);
}

/// Checks that the databases have what rules and variables ask for.
fn complete(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let main = &mut cf.main().geoip;
    for need in &main.needs {
        let directive = &need.directive;
        if main.databases.is_empty() {
            let text = format!("\"{directive}\" needs a \"geoip_db\"");
            return Err(Error::at(&need.place, text));
        }
        let lacking = need
            .field
            .filter(|field| !main.databases.iter().any(|db| db.has(*field)));
        if let Some(field) = lacking {
            let text = format!(
                "\"{directive}\": no \"geoip_db\" has the field \"{}\"",
                field.name()
            );
            return Err(Error::at(&need.place, text));
        }
    }
    let mut asked = Fields::NONE;
    let fields = main.needs.iter().filter_map(|need| need.field);
    fields.for_each(|field| asked.insert(field));
    // Variables tell of these, whatever rules ask.
    let told = [Field::Country, Field::Continent, Field::Eu, Field::Asn];
    let told = told.map(Fields::of).into_iter().fold(asked, Fields::or);
    for (variable, field) in variables::ASKING {
        if !cf.remembered_variables(|name| name == variable).is_empty() {
            asked.insert(field);
        }
    }
    let main = &mut cf.main().geoip;
    for db in &main.databases {
        db.complete(told, asked);
    }
    variables::complete(main)?;
    policy::complete(cf)?;
    rule::complete(cf);
    warn_of_futile(cf);
    Ok(())
}

/// Warns about rules that allow somebody but refuse nobody.
fn warn_of_futile(cf: &mut Conf<'_, Gatehouse>) {
    let lists = std::mem::take(&mut cf.main().geoip.lists);
    for (list, _) in lists.values().filter(|(_, any)| !any) {
        if let Some((rule, text)) = list.refuses_nobody() {
            cf.log_at(rule.place(), Level::Warn, &text);
        }
    }
}
