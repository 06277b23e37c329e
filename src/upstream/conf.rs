//! What the configuration says about tables and who looks them up.

use super::table::UpstreamTable;
use crate::Gatehouse;
use gatehouse_live::table::Hosts;
use gatehouse_nginx::event::resolver::Resolver;
use gatehouse_nginx::http::upstream::Slot;
use gatehouse_nginx::{Conf, ConfLine, Expression};
use gatehouse_table::balance::{Policy, Random, Rules};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

/// `http`: the tables, who uses them, and the variables that read them.
#[derive(Default)]
pub(crate) struct Main {
    pub(super) tables: Vec<UpstreamTable>,
    pub(super) uses: Vec<Rc<TableRef>>,
    /// Where routes may come from besides a table's own lines.
    pub(super) writers: Vec<Rc<TableRef>>,
    /// Where backends register themselves.
    pub(super) registers: Vec<Rc<TableRef>>,
    pub(super) lookups: Vec<Rc<Lookup>>,
    pub(super) variables: Vec<Definition>,
    /// Addresses of host names, for all tables.
    pub(super) hosts: Option<Rc<RefCell<Hosts>>>,
    /// Who is asked for names of backends and of stores; None until the configuration is read.
    pub(super) resolver: Rc<OnceCell<Resolver>>,
}

/// One `upstream` block.
#[derive(Default)]
pub(crate) struct Srv {
    pub(super) lookup: Option<Rc<Lookup>>,
}

/// A table named before or after its block is read.
pub(super) struct TableRef {
    pub(super) name: String,
    pub(super) directive: String,
    pub(super) place: ConfLine,
    /// Its index in [`Main::tables`], once all blocks are read.
    pub(super) index: Cell<usize>,
}

/// One `upstream_lookup`.
pub(super) struct Lookup {
    pub(super) table: Rc<TableRef>,
    pub(super) key: Expression,
    pub(super) balance: Balance,
    pub(super) slot: Slot,
    /// The table's generation when it was last looked which idle connections are not wanted any more.
    pub(super) looked_at: Cell<u64>,
}

/// How an `upstream_lookup` chooses.
pub(super) struct Balance {
    pub(super) policy: Box<dyn Policy>,
    /// What a policy that takes a key hashes.
    pub(super) hash_key: Option<Expression>,
    /// The cookie of sessions.
    pub(super) sticky: Option<Sticky>,
    /// For what is left to chance.
    random: Random,
}

/// `sticky=cookie_name`
pub(super) struct Sticky {
    pub(super) name_len: usize,
    /// What `Set-Cookie` says over TLS, with room for the value.
    pub(super) line: Box<[u8]>,
}

impl Balance {
    pub(super) fn new(
        policy: Box<dyn Policy>,
        hash_key: Option<Expression>,
        sticky: Option<Sticky>,
    ) -> Self {
        Self {
            policy,
            hash_key,
            sticky,
            random: Random::default(),
        }
    }
}

impl Lookup {
    pub(super) fn new(table: Rc<TableRef>, key: Expression, balance: Balance) -> Self {
        Self {
            table,
            key,
            balance,
            slot: Slot::default(),
            looked_at: Cell::default(),
        }
    }

    pub(super) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The rules for a request that is hashed by `hash_key`.
    pub(super) fn rules<'c>(&'c self, table: &'c UpstreamTable, hash_key: &'c [u8]) -> Rules<'c> {
        let (counts, journal) = table.in_flight();
        Rules {
            policy: &*self.balance.policy,
            passive: table.passive(),
            checks: table.checks(),
            counts,
            journal,
            key: hash_key,
            random: &self.balance.random,
            answers: None,
        }
    }
}

/// One `upstream_variable`.
pub(super) struct Definition {
    pub(super) table: Rc<TableRef>,
    pub(super) key: Expression,
    pub(super) name: String,
    pub(super) default: Option<Expression>,
}

/// Notes that a table is used here; it may be defined later.
pub(super) fn use_table(cf: &mut Conf<'_, Gatehouse>, name: String) -> Rc<TableRef> {
    let used = Rc::new(TableRef {
        name,
        directive: cf.name(),
        place: cf.here(),
        index: Cell::new(usize::MAX),
    });
    cf.main().upstream.uses.push(Rc::clone(&used));
    used
}

impl Main {
    /// The addresses of host names, for all tables.
    pub(super) fn hosts(&mut self) -> Rc<RefCell<Hosts>> {
        let new = || Rc::new(RefCell::new(Hosts::of_new_configuration()));
        Rc::clone(self.hosts.get_or_insert_with(new))
    }

    /// Whether any `upstream` looks its backends up.
    pub(crate) fn in_use(&self) -> bool {
        !self.lookups.is_empty()
    }

    /// Whether any of them has sessions that stay at their backends.
    pub(super) fn has_sessions(&self) -> bool {
        let mut lookups = self.lookups.iter();
        lookups.any(|lookup| lookup.balance.sticky.is_some())
    }

    /// The tables that an `upstream` looks its backends up in, once all of the configuration is read.
    pub(super) fn looked_up(&mut self) -> impl Iterator<Item = &mut UpstreamTable> {
        let used: HashSet<usize> = self
            .lookups
            .iter()
            .map(|lookup| lookup.table.index.get())
            .collect();
        let tables = self.tables.iter_mut().enumerate();
        let used = tables.filter(move |(number, _)| used.contains(number));
        used.map(|(_, table)| table)
    }

    /// Whether upgraded connections end some time after their backend is drained.
    pub(super) fn has_drain_timeout(&self) -> bool {
        let mut tables = self.tables.iter();
        tables.any(|table| table.drain_timeout_ms().is_some())
    }

    pub(super) fn table(&self, used: &TableRef) -> Option<&UpstreamTable> {
        self.tables.get(used.index.get())
    }
}
