//! `$upstream_lookup_…` and the variables of `upstream_variable`.

use super::balance;
use super::conf::{Definition, use_table};
use super::memo::{Found, Read, last};
use crate::Gatehouse;
use gatehouse_nginx::http::variable::{Getter, Variable};
use gatehouse_nginx::{Answer, Conf, Error, Request};

/// Reads an `upstream_variable` directive.
pub(super) fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let words = cf.words()?;
    let word = |n: usize| words.get(n).cloned().unwrap_or_default();
    let default = match words.get(5).map(|w| w.strip_prefix("default=").ok_or(w)) {
        None => None,
        Some(Ok(value)) => Some(cf.compile(value.as_bytes())?),
        Some(Err(word)) => return Err(cf.invalid_parameter(word)),
    };
    let key = cf.compile_word(3)?;
    let table = use_table(cf, word(2));
    let variables = &mut cf.main().upstream.variables;
    variables.push(Definition {
        table,
        key,
        name: word(4),
        default,
    });
    let number = variables.len().saturating_sub(1);
    cf.add_variable::<Value>(&word(1), number)
}

/// The route that a variable is read from, found when the first variable is.
fn read<'r>(r: Request<'r>, definition: &Definition) -> Option<Found<'r>> {
    let key = definition.key.eval(r)?;
    let index = definition.table.index.get();
    let memo = &r.local::<Gatehouse>()?.upstream.read;
    let known = memo.get();
    if let Some(known) = known.filter(|known| known.table == index && known.key == key) {
        return Some(known.found);
    }
    let table = r
        .main_conf::<Gatehouse>()
        .upstream
        .table(&definition.table)?;
    let found = balance::find(r, table, key)?;
    memo.set(Some(r.place(Read {
        table: index,
        key,
        found,
    })?));
    Some(found)
}

struct Value;

impl Getter for Value {
    fn get(r: Request<'_>, number: usize) -> Answer<'_> {
        let main = &r.main_conf::<Gatehouse>().upstream;
        let Some(definition) = main.variables.get(number) else {
            return Answer::Failed;
        };
        let Some(found) = read(r, definition) else {
            return Answer::Failed;
        };
        let value = found
            .route
            .and_then(|(_, route)| route.var(definition.name.as_bytes()));
        // A value that may not be shown is no reason for the default: that may be the name of a profile that asks for
        // nothing.
        if value.is_some() {
            return Answer::from(shown(value.map(str::as_bytes)));
        }
        match definition.default.as_ref().map(|default| default.eval(r)) {
            None => Answer::NotFound,
            Some(None) => Answer::Failed,
            Some(default) => Answer::from(shown(default)),
        }
    }
}

/// The lookup of a request that is on its way to an `upstream` with `upstream_lookup`. Where it has no upstream (yet),
/// what nginx still keeps of an earlier location is not looked at: the last lookup made is shown.
fn found<'r>(r: Request<'r>) -> Option<&'r Found<'r>> {
    if !r.has_upstream_of_location() {
        return last(r).map(|last| &last.found);
    }
    // First: the cache's key may have asked before the cache was looked at.
    if r.served_from_cache() {
        return None;
    }
    let lookup = r.upstream_srv::<Gatehouse>()?.upstream.lookup.as_deref()?;
    balance::look_up(r, lookup).map(|known| &known.found)
}

/// The value of a route as a variable; one with a control byte could split a header.
fn shown(value: Option<&[u8]>) -> Option<&[u8]> {
    value.filter(|v| !v.iter().any(u8::is_ascii_control))
}

pub(super) const VARIABLES: &[Variable<Gatehouse>] = &[
    Variable::new(
        "upstream_lookup_result",
        "How the route was found: `exact`, `wildcard`, `default` or `miss`. Usable in `proxy_set_header`; not found before the first upstream is known and on a cache hit. Where an error page has no upstream, it is the lookup before.",
        |r| {
            Answer::from(found(r).map(|found| match found.route {
                Some((kind, _)) => kind.as_str().as_bytes(),
                None => b"miss",
            }))
        },
    ),
    Variable::new(
        "upstream_lookup_key",
        "The key of the route that was found, such as `*.example.com`.",
        |r| {
            let key = found(r)
                .and_then(|found| found.route)
                .map(|(_, route)| route.key());
            Answer::from(shown(key))
        },
    ),
    Variable::new(
        "upstream_lookup_id",
        "The `id` of the route that was found.",
        |r| {
            let id = found(r)
                .and_then(|found| found.route)
                .map(|(_, route)| route.id().as_bytes());
            Answer::from(shown(id.filter(|id| !id.is_empty())))
        },
    ),
];
