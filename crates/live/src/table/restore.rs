//! Fills a new table with the routes that were there before it, and counts what they need.

use super::earlier::{Before, Earlier, Wanted};
use super::plan::Plan;
use super::state::{Failure, Told};
use crate::world::{Level, World};
use gatehouse_table::route::{Key, Resolved};
use gatehouse_table::table::{
    Applied, ApplyError, Change, Demand, LayoutError, Owner, Table, Writer,
};
use std::sync::atomic::AtomicU64;

/// Why a table is not filled.
pub(super) enum NotRestored {
    /// The configuration is refused.
    Refused(String),
    /// The zone is too small for these routes.
    Full,
    /// The state was no use, and is not asked again.
    Unusable,
}

/// Where the earlier routes of a table are.
pub(super) fn earlier<'e>(plan: &'e Plan, before: &Before<'e>, world: &dyn World) -> Earlier<'e> {
    if let Before::Replaced(old) = before {
        match Earlier::table(*old) {
            Ok(earlier) => return earlier,
            Err(error) => say_unreadable(plan, error, world),
        }
    }
    plan.state
        .as_deref()
        .map_or(Earlier::Nothing, Earlier::State)
}

fn say_unreadable(plan: &Plan, error: Option<LayoutError>, world: &dyn World) {
    let has = error.map_or("no table".to_owned(), |error| error.to_string());
    let rest = match plan.state {
        Some(_) => "those of the state",
        None => "none of them",
    };
    let text = format!(
        "the zone in use has {has}: of routes that are not the files', {rest} come into the new one"
    );
    plan.log(world, Level::Error, &text);
}

/// Puts the earlier routes into a new table.
pub(super) fn restore(
    plan: &Plan,
    earlier: &Earlier<'_>,
    table: &Table<'_, AtomicU64>,
    wanted: Wanted,
    world: &dyn World,
) -> Result<Option<Told>, NotRestored> {
    let writer = table.writer(world.now_ms());
    let mut writer = writer.map_err(|e| NotRestored::Refused(e.to_string()))?;
    let (mut is_full, mut too_big) = (false, 0_u64);
    let mut orphans = 0_u64;
    let told = earlier.each(&plan.name, plan.mode, world, &mut |owner, key, route| {
        if !wanted.has(owner, plan.has_store) {
            orphans = orphans.saturating_add(plan.has_dropped(owner).into());
            return Ok(());
        }
        match put(&mut writer, owner, key, route) {
            Ok(_) => Ok(()),
            Err(ApplyError::TooBig) => {
                too_big = too_big.saturating_add(1);
                Ok(())
            }
            Err(error) => {
                is_full = error == ApplyError::Full;
                Err(error.to_string())
            }
        }
    });
    match told {
        Ok(Some(told)) => {
            say_left_out(plan, told.left_out.saturating_add(too_big), world);
            say_orphans(plan, orphans, world);
            Ok(Some(told))
        }
        Ok(None) => Ok(None),
        Err(_) if is_full => Err(NotRestored::Full),
        Err(Failure::Refused(why)) => Err(NotRestored::Refused(why)),
        Err(Failure::Unusable(why, suffix)) => {
            keep_aside(plan, &why, suffix, world).map_err(NotRestored::Refused)?;
            Err(NotRestored::Unusable)
        }
    }
}

/// The last word about a key counts, whoever owned it before.
fn put(
    writer: &mut Writer<'_>,
    owner: Owner,
    key: &Key,
    route: &Resolved<'_>,
) -> Result<Applied, ApplyError> {
    let change = Change::Put { key, route, owner };
    match writer.apply(&change) {
        Err(ApplyError::Foreign(owner)) => {
            writer.apply(&Change::Remove { key, owner })?;
            writer.apply(&change)
        }
        other => other,
    }
}

fn say_left_out(plan: &Plan, count: u64, world: &dyn World) {
    if count > 0 {
        let text = format!("{count} of the earlier routes cannot be taken over");
        plan.log(world, Level::Error, &text);
    }
}

/// The block has lost the line that brought these routes: by intention, or not.
fn say_orphans(plan: &Plan, count: u64, world: &dyn World) {
    if count > 0 {
        let text = format!(
            "{count} of the earlier routes are left out: the block no longer has the \"file\" or \"redis\" that brought them"
        );
        plan.log(world, Level::Warn, &text);
    }
}

/// A state that cannot be used is not written over.
fn keep_aside(
    plan: &Plan,
    why: &str,
    suffix: &'static str,
    world: &dyn World,
) -> Result<(), String> {
    let Some(state) = &plan.state else {
        return Ok(());
    };
    let (shown, aside) = (state.shown(), state.beside(suffix));
    let aside = aside.display();
    if !world.writes() {
        let text = format!("{shown} {why}, a start would keep it aside as \"{aside}\"");
        plan.log(world, Level::Error, &text);
        return Ok(());
    }
    state.set_aside(suffix).map_err(|error| {
        let error = world.explain(&error);
        format!("{shown} {why}, and cannot be renamed to \"{aside}\" ({error})")
    })?;
    let text = format!("{shown} {why}: it is kept aside as \"{aside}\" and not used");
    plan.log(world, Level::Error, &text);
    Ok(())
}

/// What the wanted ones of the earlier routes need.
pub(super) fn demand(
    plan: &Plan,
    earlier: &Earlier<'_>,
    wanted: Wanted,
    world: &dyn World,
) -> Demand {
    let mut demand = Demand::default();
    let _ = earlier.each(&plan.name, plan.mode, world, &mut |owner, key, route| {
        if wanted.has(owner, plan.has_store) {
            let _ = demand.add(key, route);
        }
        Ok(())
    });
    demand
}
