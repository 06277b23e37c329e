//! `upstream_…`: which backends serve a host, from a table that changes without a reload.

mod balance;
mod feed;
mod fill;
mod hosts;
mod job;
mod pile;
mod room;
mod stamp;
mod table;
mod variables;

pub use balance::{Lookup, cache_use};
pub use feed::start_worker;
pub use variables::{Local, Record, VARIABLES};

use crate::Gatehouse;
use balance::RoundRobin;
use gatehouse_base::words;
use gatehouse_nginx::{Args, Conf, Contexts, Directive, Error, Level, Place};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use table::UpstreamTable;

/// `http`: the tables, who uses them, and the variables that read them.
#[derive(Default)]
pub struct Main {
    tables: Vec<UpstreamTable>,
    uses: Vec<Rc<Use>>,
    lookups: Vec<Rc<Lookup>>,
    variables: Vec<variables::Definition>,
    /// Addresses of host names, for all tables.
    hosts: Option<Rc<RefCell<hosts::Hosts>>>,
}

/// One `upstream` block.
#[derive(Default)]
pub struct Srv {
    lookup: Option<Rc<Lookup>>,
}

/// A table named before or after its block is read.
pub struct Use {
    name: String,
    directive: String,
    place: Place,
    number: Cell<usize>,
}

pub const DIRECTIVES: &[Directive<Gatehouse>] = &[
    Directive {
        name: c"upstream_table",
        syntax: "name { … }",
        default: None,
        contexts: Contexts::HTTP,
        args: Args::Block(1),
        text: "A table of routes in shared memory: which backends serve a key, usually a host. In the block:\n\n\
               - `zone size;` its memory, for all workers together (about 110 bytes for a host with one backend of its own or two that \
               it shares with others, 210 with two of its own, 290 with an `id`, two `vars` and a long name as well). Required.\n\
               - `match host | exact;` how keys are compared. `host` (the default): lower-cased, port and trailing dot dropped; exact, then \
               `*.parent` from the longest, then `*`. `exact`: the bytes, no wildcards.\n\
               - `file path [reload=time];` the routes as JSON, `{\"version\": 1, \"routes\": {KEY: route}}` or the bare object. Looked at again every \
               `reload` (default `1s`, `0` never) without a reload. A file that is broken, or has more routes than the zone has room for, is refused as a whole with an \
               `[error]` that names the place or the size that is needed, and the last good routes keep serving: while nginx runs, and at a reload, too, \
               when the table was fed from that file and its `zone` keeps its size. `nginx -t` refuses such a file, and so does a start, or a reload that \
               makes the table anew, with `[emerg]`.\n\
               - `miss N;` the answer when no route matches and the `upstream` has no `server` lines. Default `404`.\n\
               - `passive fails=N window=time;` how many failed tries within the time take a backend out for that time, for all workers and routes \
               (as `max_fails` and `fail_timeout`). Default `fails=1 window=10s`; `fails=0` never.\n\n\
               A route is `{\"id\": \"shop\", \"backends\": [\"http://10.0.0.5:3000\", {\"url\": \"https://10.0.0.6:3443\", \"weight\": 2, \"backup\": false, \
               \"drain\": false, \"sni\": \"shop.internal\"}], \"vars\": {\"token\": \"gold\"}, \"meta\": {}}`. A backend is `http` or `https`, a name, IPv4, `[IPv6]` or \
               `unix:/path`, and a port; the short form takes options in its fragment (`http://10.0.0.6:3000#weight=5&drain=1`). Unknown members are refused, \
               except below `meta`. `https` backends are used only under `proxy_pass https://…`. Host names are resolved by the system when nginx starts or \
               reloads. A name that is not found leaves out its own backend, with an `[error]` (a `[warn]` from `nginx -t`); so does a name that is new in a \
               file read later and not in `/etc/hosts`, until the next reload. When name servers do not answer, a reload keeps the addresses it had.",
        set: table::set,
    },
    Directive {
        name: c"upstream_lookup",
        syntax: "table key [balance=round_robin]",
        default: None,
        contexts: Contexts::UPSTREAM,
        args: Args::Between(2, 3),
        text: "The backends of this `upstream` are those of the route that `key` finds in the table. `server` lines of the block serve a miss; without them a \
               miss is answered with the table's `miss` status, so that `error_page` applies. Backends are chosen by smooth weighted round robin shared by all \
               workers; `backup` ones when no other is left, `drain` ones not at all. `proxy_next_upstream` works as always. Must come before `keepalive`, \
               and no other load balancing method may stand beside it.\n\n\
               Always write `proxy_set_header Host $host;`: for nginx the name of the `upstream` is the same for every host. In a cache each key has entries of its own, \
               whatever `proxy_cache_key` says: the table and the key are put in front of it. A page in the cache is answered without a lookup.",
        set: set_lookup,
    },
    Directive {
        name: c"upstream_variable",
        syntax: "$variable table key name [default=string]",
        default: None,
        contexts: Contexts::HTTP,
        args: Args::Between(4, 5),
        text: "Makes `$variable` the value of `name` in the `vars` of the route that `key` finds in the table, in any phase, whether or not the request is proxied.",
        set: variables::set,
    },
];

fn set_lookup(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    if cf.srv().upstream.lookup.is_some() {
        return Err(cf.error("is duplicate"));
    }
    let words = cf.words()?;
    if let Some(word) = words.get(3) {
        match word.strip_prefix("balance=") {
            Some("round_robin") => {}
            Some(name) => {
                let legal = ["round_robin"];
                let text = words::unknown("balancing method", name, &cf.name(), legal);
                return Err(text.into());
            }
            None => return Err(cf.invalid_parameter(word)),
        }
    }
    let key = cf.compile_word(2)?;
    if key.constant().is_some() {
        let word = words.get(2).map(String::as_str).unwrap_or_default();
        let text = format!(
            "the key \"{word}\" of \"upstream_lookup\" has no variable: every request gets the same route"
        );
        cf.log(Level::Warn, &text);
    }
    let table = use_table(cf, words.get(1).cloned().unwrap_or_default());
    let lookup = Rc::new(Lookup::new(table, key));
    cf.srv().upstream.lookup = Some(Rc::clone(&lookup));
    cf.main().upstream.lookups.push(lookup);
    cf.balancer::<RoundRobin>()
}

/// Notes that a table is used here; it may be defined later.
fn use_table(cf: &mut Conf<'_, Gatehouse>, name: String) -> Rc<Use> {
    let used = Rc::new(Use {
        name,
        directive: cf.name(),
        place: cf.here(),
        number: Cell::new(usize::MAX),
    });
    cf.main().upstream.uses.push(Rc::clone(&used));
    used
}

/// Finds the tables that are used, and refuses a lookup that another method has replaced.
pub fn complete(main: &Main) -> Result<(), Error> {
    for used in &main.uses {
        let number = main
            .tables
            .iter()
            .position(|table| table.name() == used.name);
        used.number.set(number.ok_or_else(|| {
            Error::at(
                &used.place,
                format!(
                    "unknown upstream_table \"{}\" in \"{}\" directive",
                    used.name, used.directive
                ),
            )
        })?);
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

impl Main {
    /// Whether any `upstream` looks its backends up.
    pub fn in_use(&self) -> bool {
        !self.lookups.is_empty()
    }

    fn table(&self, used: &Use) -> Option<&UpstreamTable> {
        self.tables.get(used.number.get())
    }
}
