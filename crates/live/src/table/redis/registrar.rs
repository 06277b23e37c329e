//! Registrations in a store: every nginx that follows it has them.

use super::shown::wait_shown;
use super::transaction::Transaction;
use super::writer::StoreWriter;
use crate::memory::Memory;
use crate::table::change::Refused;
use crate::table::registering::{Act, Outcome, Unregistered, alter, forget_failures};
use crate::table::shared::SharedTable;
use gatehouse_nginx::event::sleep::sleep;
use gatehouse_nginx::ffi::process;
use gatehouse_table::hipache::read_list;
use gatehouse_table::registration::drop_expired;
use gatehouse_table::route::Key;
use gatehouse_table::table::{ApplyError, Owner};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// How long a change is tried again because somebody else was quicker.
const PATIENCE_MS: u64 = 5_000;
const PAUSE: Duration = Duration::from_millis(3);

/// Makes a change of a registration. The table has it then, or a few seconds have passed.
///
/// # Errors
/// [`Unregistered`]
pub async fn register<M: Memory>(
    store: &Rc<StoreWriter>,
    table: &SharedTable<M>,
    host: &Key,
    at: SocketAddr,
    act: Act,
) -> Result<Outcome, Unregistered> {
    let until = process::now_ms().saturating_add(PATIENCE_MS);
    loop {
        if let Some(outcome) = once(store, table, host, at, act).await? {
            return Ok(outcome);
        }
        if process::now_ms() >= until {
            return Err(Refused::Busy.into());
        }
        sleep(PAUSE).await;
    }
}

/// None: once more, soon.
async fn once<M: Memory>(
    store: &Rc<StoreWriter>,
    table: &SharedTable<M>,
    host: &Key,
    at: SocketAddr,
    act: Act,
) -> Result<Option<Outcome>, Unregistered> {
    let mut session = store.session().await?;
    let found = session.read_registered(host).await?;
    let foreign = Unregistered::from(Refused::Table(ApplyError::Foreign(Owner::Redis)));
    let Some(mut found) = found.ok().filter(|found| !found.registry.is_foreign()) else {
        session.forget().await;
        return Err(foreign);
    };
    let outcome = match alter(act, at, &mut found.registry.route, found.now_ms) {
        Ok(outcome) => outcome,
        Err(why) => {
            session.forget().await;
            return Err(why);
        }
    };
    let wanted = found.registry.wanted();
    let mut transaction = Transaction::default();
    transaction.register(store.keys(), host, &found.registry.list, &wanted);
    if !session.commit(transaction).await? {
        return Ok(None);
    }
    let list = read_list(wanted.list.iter().map(Vec::as_slice));
    let route = list.ok().map(|list| list.route);
    let route = route.filter(|_| !wanted.list.is_empty());
    wait_shown(&mut session, table, host, route.as_ref()).await?;
    if let Outcome::Joined { is_new: true, .. } = outcome {
        forget_failures(table, host, at);
    }
    Ok(Some(outcome))
}

/// Ends the registrations of a host whose time is over: how many they are. Who has changed one at that moment looks
/// after the rest.
pub(super) async fn end_over(
    store: &Rc<StoreWriter>,
    session: &mut super::writer::Session,
    host: &Key,
) -> Result<usize, super::Unwritten> {
    let mut transaction = Transaction::default();
    let Ok(mut found) = session.read_registered(host).await? else {
        // Whatever it is, no registration is in it.
        transaction.forget(store.keys(), host.as_bytes());
        session.commit(transaction).await?;
        return Ok(0);
    };
    let count = drop_expired(&mut found.registry.route, found.now_ms);
    let wanted = found.registry.wanted();
    if count == 0 && wanted.set.is_empty() {
        // The list is somebody else's by now.
        transaction.forget(store.keys(), host.as_bytes());
    } else {
        transaction.register(store.keys(), host, &found.registry.list, &wanted);
    }
    let is_made = session.commit(transaction).await?;
    Ok(if is_made { count } else { 0 })
}
