//! `upstream_…`: which backends serve a host, from a table that changes without a reload.

mod balance;
mod table;
mod variables;

pub use balance::{Lookup, cache_use};
pub use variables::{Local, Record};

use crate::Gatehouse;
use crate::family::Family;
use balance::Routed;
use gatehouse_base::words;
use gatehouse_live::table::Hosts;
use gatehouse_nginx::{Args, Conf, ConfLine, Contexts, Directive, Error, Level};
use gatehouse_table::balance::{self as policies, POLICIES};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use table::UpstreamTable;
use variables::VARIABLES;

/// `http`: the tables, who uses them, and the variables that read them.
#[derive(Default)]
pub struct Main {
    tables: Vec<UpstreamTable>,
    uses: Vec<Rc<Use>>,
    lookups: Vec<Rc<Lookup>>,
    variables: Vec<variables::Definition>,
    /// Addresses of host names, for all tables.
    hosts: Option<Rc<RefCell<Hosts>>>,
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
    place: ConfLine,
    number: Cell<usize>,
}

/// What this family brings.
pub const FAMILY: Family = Family {
    page: "upstream",
    title: "Upstream lookup",
    directives: DIRECTIVES,
    variables: VARIABLES,
    complete: |cf| complete(&cf.main().upstream),
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
        set: table::set,
    },
    Directive {
        name: c"upstream_lookup",
        syntax: "table key [balance=round_robin]",
        default: None,
        contexts: Contexts::UPSTREAM,
        args: Args::Between(2, 3),
        text: include_str!("docs/upstream_lookup.md"),
        set: set_lookup,
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
];

fn set_lookup(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    if cf.srv().upstream.lookup.is_some() {
        return Err(cf.error("is duplicate"));
    }
    let words = cf.words()?;
    let policy = match words.get(3) {
        None => DEFAULT_POLICY,
        Some(word) => word
            .strip_prefix("balance=")
            .ok_or_else(|| cf.invalid_parameter(word))?,
    };
    let policy = policies::policy(policy).ok_or_else(|| {
        let legal = POLICIES.iter().map(|row| row.name);
        words::unknown("balancing method", policy, &cf.name(), legal)
    })?;
    let key = cf.compile_word(2)?;
    if key.constant().is_some() {
        let word = words.get(2).map(String::as_str).unwrap_or_default();
        let text = format!(
            "the key \"{word}\" of \"upstream_lookup\" has no variable: every request gets the same route"
        );
        cf.log(Level::Warn, &text);
    }
    let table = use_table(cf, words.get(1).cloned().unwrap_or_default());
    let lookup = Rc::new(Lookup::new(table, key, policy));
    cf.srv().upstream.lookup = Some(Rc::clone(&lookup));
    cf.main().upstream.lookups.push(lookup);
    cf.balancer::<Routed>()
}

/// The word of `balance=` that holds without one.
const DEFAULT_POLICY: &str = "round_robin";

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
fn complete(main: &Main) -> Result<(), Error> {
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
