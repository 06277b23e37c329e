//! Ends registrations in a store whose time is over, whichever nginx they have come to.

use super::registrar::end_over;
use super::transaction::Transaction;
use super::unwritten::Unwritten;
use super::writer::StoreWriter;
use crate::feeder::{Feeder, Next, Turn};
use crate::memory::Memory;
use crate::table::shared::SharedTable;
use crate::world::{Level, World};
use gatehouse_nginx::event::task;
use gatehouse_table::route::Key;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The pause between two looks, and after one that has failed.
const PAUSE_MS: u64 = 400;
const AFTER_FAILURE_MS: u64 = 3_000;
/// Rounds of one look: each ends the registrations of some hosts.
const ROUNDS: usize = 64;

/// Looks for registrations that are over, again and again.
pub struct Sweeper<M> {
    sweep: Rc<Sweep<M>>,
    due_ms: u64,
}

/// What the feeder and its task share.
struct Sweep<M> {
    table: Rc<SharedTable<M>>,
    store: Rc<StoreWriter>,
    world: Rc<dyn World>,
    is_under_way: Cell<bool>,
    has_failed: Cell<bool>,
    /// What was said last of a failure.
    said: RefCell<String>,
}

impl<M: Memory> Sweeper<M> {
    /// One for this table and its store.
    pub fn new(table: Rc<SharedTable<M>>, store: Rc<StoreWriter>, world: Rc<dyn World>) -> Self {
        Self {
            sweep: Rc::new(Sweep {
                table,
                store,
                world,
                is_under_way: Cell::new(false),
                has_failed: Cell::new(false),
                said: RefCell::default(),
            }),
            due_ms: 0,
        }
    }
}

impl<M: Memory + 'static> Feeder for Sweeper<M> {
    fn name(&self) -> String {
        let table = self.sweep.table.name();
        format!("ending registrations of upstream table \"{table}\" in redis")
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        if turn.leader.is_none() || !self.sweep.table.takes_registrations.get() {
            return Next::IDLE;
        }
        if self.sweep.is_under_way.get() {
            return Next::In(PAUSE_MS);
        }
        if turn.now_ms < self.due_ms {
            return Next::In(self.due_ms.saturating_sub(turn.now_ms));
        }
        let has_failed = self.sweep.has_failed.take();
        let pause = if has_failed {
            AFTER_FAILURE_MS
        } else {
            PAUSE_MS
        };
        self.due_ms = turn.now_ms.saturating_add(pause);
        if !has_failed {
            let way = UnderWay::new(Rc::clone(&self.sweep));
            task::spawn("ending registrations in redis", async move {
                way.0.run().await;
            });
        }
        Next::In(pause)
    }

    fn abandon(&mut self) {
        self.due_ms = 0;
    }
}

/// A sweep is under way as long as this is there.
struct UnderWay<M>(Rc<Sweep<M>>);

impl<M> UnderWay<M> {
    fn new(sweep: Rc<Sweep<M>>) -> Self {
        sweep.is_under_way.set(true);
        Self(sweep)
    }
}

impl<M> Drop for UnderWay<M> {
    fn drop(&mut self) {
        self.0.is_under_way.set(false);
    }
}

impl<M: Memory> Sweep<M> {
    async fn run(&self) {
        match self.sweep().await {
            Ok(()) => self.said.borrow_mut().clear(),
            Err(why) => {
                self.has_failed.set(true);
                self.complain(&why);
            }
        }
    }

    async fn sweep(&self) -> Result<(), Unwritten> {
        let mut session = self.store.session().await?;
        for _ in 0..ROUNDS {
            let hosts = session.over().await?;
            if hosts.is_empty() {
                break;
            }
            for host in hosts {
                // What is written otherwise than keys are is nobody's, and would come again in every round.
                let key = Key::parse(&host, self.table.mode).ok();
                let Some(key) = key.filter(|key| key.as_bytes() == host.as_slice()) else {
                    let mut transaction = Transaction::default();
                    transaction.forget(self.store.keys(), &host);
                    session.commit(transaction).await?;
                    continue;
                };
                let count = end_over(&self.store, &mut session, &key).await?;
                if count > 0 {
                    self.table.log_ended(self.world.as_ref(), &key, count);
                }
            }
        }
        Ok(())
    }

    /// That the store is away, others say.
    fn complain(&self, why: &Unwritten) {
        let text = why.to_string();
        let is_news = self.said.replace(text.clone()) != text;
        if is_news && !matches!(why, Unwritten::Away(_)) {
            let table = self.table.name();
            let line = format!("upstream table \"{table}\": registrations do not end: {text}");
            self.world.log(Level::Error, &line);
        }
    }
}
