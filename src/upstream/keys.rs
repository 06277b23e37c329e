//! The write-only keys of routes, for those who verify with them.

use super::balance::{self, USUAL_WORDS};
use super::table::UpstreamTable;
use crate::Gatehouse;
use crate::lender::{Lender, Lent};
use gatehouse_nginx::{Conf, Request};
use std::rc::Rc;

/// The keys of one table's routes.
pub(super) struct TableKeys {
    table: String,
    /// Its index in [`Main::tables`](super::conf::Main::tables).
    index: usize,
}

/// Lends the keys of the table that was read last.
pub(super) fn lend_last(cf: &mut Conf<'_, Gatehouse>) {
    let main = cf.main();
    let mut tables = main.upstream.tables.iter().enumerate();
    if let Some((index, table)) = tables.next_back() {
        let table = table.name().to_owned();
        main.lenders.push(Rc::new(TableKeys { table, index }));
    }
}

impl Lender for TableKeys {
    fn name(&self) -> &str {
        &self.table
    }

    fn lend(&self, r: Request<'_>, host: &[u8], name: &str, see: &mut dyn FnMut(&[u8])) -> Lent {
        let tables = &r.main_conf::<Gatehouse>().upstream.tables;
        let Some(table) = tables.get(self.index) else {
            return Lent::Failed;
        };
        for _ in 0..ATTEMPTS {
            match attempt(r, table, host, name, see) {
                Attempt::Done(lent) => return lent,
                Attempt::Replaced => {}
            }
        }
        Lent::Failed
    }
}

/// Attempts before a key is given up: each failed one means that this very route was replaced meanwhile.
const ATTEMPTS: usize = 100;

/// Words that hold the keys of most routes.
const USUAL_KEYS: usize = 64;

enum Attempt {
    Done(Lent),
    /// The route was replaced between finding it and reading its keys.
    Replaced,
}

fn attempt(
    r: Request<'_>,
    table: &UpstreamTable,
    host: &[u8],
    name: &str,
    see: &mut dyn FnMut(&[u8]),
) -> Attempt {
    let mut record = [0; USUAL_WORDS];
    let Some(found) = balance::find_in(r, table, host, &mut record) else {
        return Attempt::Done(Lent::Failed);
    };
    let (Some((_, route)), Some(routes)) = (found.route, table.routes()) else {
        return Attempt::Done(Lent::Nothing);
    };
    let (mut usual, needed) = ([0; USUAL_KEYS], route.key_words());
    let words = if needed <= USUAL_KEYS {
        &mut usual[..]
    } else {
        match r.words(needed) {
            Some(words) => words,
            None => return Attempt::Done(Lent::Failed),
        }
    };
    let shown = routes.with_keys(&route, words, |keys| keys.get(name.as_bytes()).map(see));
    match shown {
        Ok(Some(Some(()))) => Attempt::Done(Lent::Shown),
        Ok(Some(None)) => Attempt::Done(Lent::Nothing),
        Ok(None) => Attempt::Replaced,
        Err(_) => Attempt::Done(Lent::Failed),
    }
}
