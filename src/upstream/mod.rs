//! `upstream_…`: which backends serve a host, from a table that changes without a reload.

mod api;
mod balance;
mod block;
mod check;
mod conf;
mod counters;
mod draining;
mod durations;
mod each;
mod kept;
mod keys;
mod loc;
mod lookup;
mod memo;
mod passive;
mod register;
mod session;
mod state;
mod sticky;
mod store;
mod table;
mod url;
mod variables;

pub(crate) use balance::cache_use;
pub(crate) use conf::{Main, Srv};
pub(crate) use loc::Loc;
pub(crate) use memo::Local;

use crate::Gatehouse;
use crate::family::Family;
use gatehouse_nginx::{Args, Conf, ConfLine, Contexts, Directive, Error, Level};
use std::collections::BTreeSet;
use table::UpstreamTable;
use variables::VARIABLES;

/// What this family brings.
pub(crate) const FAMILY: Family = Family {
    page: "upstream",
    title: "Upstream lookup",
    directives: DIRECTIVES,
    variables: VARIABLES,
    metrics: counters::METRICS,
    many: each::METRICS,
    #[cfg(feature = "hooks")]
    words: block::reference,
    merge: |cf, parent, child| {
        register::merge(cf, parent, child);
        api::merge(cf, parent, child)
    },
    complete: |cf| {
        complete(cf)?;
        warn_of_empty_tables(cf);
        Ok(())
    },
    install: |installer| {
        if installer.main().upstream.in_use() {
            installer.phase::<counters::Counting>()?;
        }
        if installer.main().upstream.has_sessions() {
            installer.header_filter::<sticky::Telling>();
        }
        Ok(())
    },
    start_worker: |main| {
        kept::start(&main.upstream);
    },
    ending: Some(&draining::ENDING),
    ready: counters::ready,
    ..Family::NONE
};

const DIRECTIVES: &[Directive<Gatehouse>] = &[
    Directive {
        name: c"upstream_table",
        syntax: "name { … }",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Block(1),
        text: include_str!("docs/upstream_table.md"),
        set: |cf| {
            table::set(cf)?;
            keys::lend_last(cf);
            Ok(())
        },
    },
    Directive {
        name: c"upstream_lookup",
        syntax: "table key [balance=round_robin|least_conn|p2c|hash] [hash_key=string] [sticky=cookie_name]",
        default: None,
        contexts: Contexts::UPSTREAM,
        args: Args::Between(2, 5),
        text: include_str!("docs/upstream_lookup.md"),
        set: lookup::set,
    },
    Directive {
        name: c"upstream_variable",
        syntax: "$variable table key name [default=string]",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Between(4, 5),
        text: include_str!("docs/upstream_variable.md"),
        set: variables::set,
    },
    Directive {
        name: c"upstream_api",
        syntax: "table [write=on|off] [key_file=path] [body_max=size]",
        default: None,
        contexts: Contexts::LOCATION,
        args: Args::Between(1, 4),
        text: include_str!("docs/upstream_api.md"),
        set: api::set,
    },
    Directive {
        name: c"upstream_register",
        syntax: "table hosts=PATTERN[,…] (key_file=path | profile=NAME | insecure) [ttl=time] [max_ttl=time] [max=N]",
        default: None,
        contexts: Contexts::LOCATION,
        args: Args::Between(1, 6),
        text: include_str!("docs/upstream_register.md"),
        set: register::set,
    },
];

/// Warns of tables that nothing can bring a route into.
fn warn_of_empty_tables(cf: &mut Conf<'_, Gatehouse>) {
    let main = &cf.main().upstream;
    let is_empty =
        |table: &&UpstreamTable| !main.writers.iter().any(|one| one.name == table.name());
    let empty = main.tables.iter().filter(is_empty);
    let lines: Vec<(String, ConfLine)> = empty
        .filter_map(|table| Some((table.name().to_owned(), table.no_source()?.clone())))
        .collect();
    for (name, place) in lines {
        let text = format!(
            "upstream_table \"{name}\" has no \"file\", no \"redis\", no \"upstream_api\" with \"write=on\" and no \"upstream_register\", it stays empty"
        );
        cf.log_at(&place, Level::Warn, &text);
    }
}

/// What can be said when all of the configuration is there.
fn complete(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    if !cf.main().upstream.tables.is_empty() {
        let resolver = cf.resolver()?;
        // There is one for each configuration.
        let _ = cf.main().upstream.resolver.set(resolver);
    }
    find_tables(&cf.main().upstream)?;
    keep_journals(cf);
    Ok(())
}

/// Has the tables that are looked up note their requests in flight.
fn keep_journals(cf: &mut Conf<'_, Gatehouse>) {
    let main = &cf.main().upstream;
    let looked_up = main.lookups.iter().filter_map(|lookup| {
        let table = main.table(&lookup.table)?;
        let is_noted = table.is_looked_up(lookup.balance.policy.counts());
        (!is_noted).then(|| table.name().to_owned())
    });
    for name in looked_up.collect::<BTreeSet<_>>() {
        let text = format!(
            "no memory to note the requests in flight of upstream_table \"{name}\": those of a worker that is killed stay counted"
        );
        cf.log(Level::Warn, &text);
    }
}

/// Finds the tables that are used, and refuses a lookup that another method has replaced.
fn find_tables(main: &Main) -> Result<(), Error> {
    for used in &main.uses {
        let number = main
            .tables
            .iter()
            .position(|table| table.name() == used.name);
        used.index.set(number.ok_or_else(|| {
            Error::at(
                &used.place,
                format!(
                    "unknown upstream_table \"{}\" in \"{}\" directive",
                    used.name, used.directive
                ),
            )
        })?);
    }
    for used in &main.registers {
        let Some(table) = main.table(used) else {
            continue;
        };
        if !register::accepts(table) {
            let text = "\"upstream_register\" needs an upstream_table with \"match host\"";
            return Err(Error::at(&used.place, text));
        }
        table.shared().take_registrations();
    }
    match main
        .lookups
        .iter()
        .find_map(|lookup| lookup.slot().replaced())
    {
        Some(place) => Err(Error::at(
            &place,
            "\"upstream_lookup\" cannot be used with another load balancing method",
        )),
        None => Ok(()),
    }
}
