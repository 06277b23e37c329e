//! Reads a state, in the master.

use super::file::StateFile;
use crate::world::World;
use gatehouse_table::route::{Key, Match, Resolved};
use gatehouse_table::snapshot::{Fault, Found, Head, read};
use gatehouse_table::table::Owner;

/// Takes a route; an error refuses the configuration.
pub(in crate::table) type Take<'t> =
    dyn FnMut(Owner, &Key, &Resolved<'_>) -> Result<(), String> + 't;

/// What a place of earlier routes says besides.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::table) struct Told {
    /// What its table was fed from, or 0.
    pub(in crate::table) source: u32,
    /// Routes that a table of this kind does not take.
    pub(in crate::table) left_out: u64,
}

/// Why a state is not loaded.
pub(in crate::table) enum Failure {
    /// The configuration is refused.
    Refused(String),
    /// It cannot be used: what is wrong with it, and what is put behind its name to keep it aside.
    Unusable(String, &'static str),
}

/// Reads a state from its beginning to its end; None when there is none.
pub(in crate::table) fn load(
    state: &StateFile,
    table: &str,
    mode: Match,
    world: &dyn World,
    take: &mut Take<'_>,
) -> Result<Option<Told>, Failure> {
    let refused = |why: String| Failure::Refused(format!("{} {why}", state.shown()));
    let opened = state.open(world.workers());
    let opened = opened.map_err(|e| refused(format!("cannot be read ({})", world.explain(&e))))?;
    let Some(mut file) = opened else {
        return Ok(None);
    };
    let mut told = Told::default();
    let mut source = 0;
    let begin = &mut |head: &Head| {
        source = head.source;
        if head.name == table {
            Ok(())
        } else {
            let shown = state.shown();
            Err(format!(
                "{shown} is that of upstream_table \"{}\"",
                head.name
            ))
        }
    };
    let mut no_keys = 0_u64;
    let each = &mut |found: &Found<'_>| match Key::parse(found.key, mode) {
        Ok(key) => take(found.owner, &key, found.route),
        Err(_) => {
            no_keys = no_keys.saturating_add(1);
            Ok(())
        }
    };
    match read(&mut file, begin, each) {
        Ok(left_out) => {
            told.source = source;
            told.left_out = left_out.saturating_add(no_keys);
            Ok(Some(told))
        }
        Err(Fault::Refused(why)) => Err(Failure::Refused(why)),
        Err(Fault::Io(error)) => Err(refused(format!(
            "cannot be read ({})",
            world.explain(&error)
        ))),
        Err(Fault::Damaged(why)) => Err(Failure::Unusable(why.to_owned(), ".bad")),
        Err(fault @ Fault::Newer(_)) => Err(Failure::Unusable(fault.to_string(), ".newer")),
    }
}
