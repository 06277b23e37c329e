//! The feeder of a store: while this worker leads, a connection is kept up.

use super::follow::{Follower, Lost};
use super::store::Store;
use crate::feeder::{Feeder, Next, Turn};
use crate::memory::Memory;
use crate::slice::Slice;
use crate::table::hosts::Hosts;
use crate::table::shared::SharedTable;
use crate::world::{Level, World};
use gatehouse_table::table::Candidate;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use zeroize::Zeroizing;

/// How often it is looked whether the connection's task still runs.
const LOOK_MS: u64 = 250;

/// How long a task that has ended is not begun again.
const AFTER_END_MS: u64 = 1_000;

/// What the feeder and its connection share.
pub struct Line<M> {
    follower: RefCell<Follower<M>>,
    /// This worker, while it leads.
    who: Cell<Option<Candidate>>,
    is_up: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// Feeds a table from a store.
pub struct StoreFeeder<M> {
    name: String,
    line: Rc<Line<M>>,
    /// Begins the connection's task; false if it cannot.
    begin: Box<dyn Fn(Rc<Line<M>>) -> bool>,
    not_before_ms: u64,
}

impl<M: Memory> StoreFeeder<M> {
    /// A feeder that has `begin` make the connection.
    pub fn new(
        table: Rc<SharedTable<M>>,
        store: Rc<Store>,
        hosts: Rc<RefCell<Hosts>>,
        world: Rc<dyn World>,
        begin: Box<dyn Fn(Rc<Line<M>>) -> bool>,
    ) -> Self {
        let name = format!("feeding upstream table \"{}\" from redis", table.name);
        Self {
            name,
            line: Rc::new(Line {
                follower: RefCell::new(Follower::new(table, store, hosts, world)),
                who: Cell::new(None),
                is_up: Cell::new(false),
                waker: RefCell::new(None),
            }),
            begin,
            not_before_ms: 0,
        }
    }
}

impl<M: Memory> Feeder for StoreFeeder<M> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        self.line.lead(turn.leader);
        if turn.leader.is_none() {
            return self.line.free(turn.slice);
        }
        if !self.line.is_up.get() && turn.now_ms >= self.not_before_ms {
            self.not_before_ms = turn.now_ms.saturating_add(AFTER_END_MS);
            self.line.is_up.set((self.begin)(Rc::clone(&self.line)));
        }
        self.line.note();
        Next::In(LOOK_MS)
    }

    fn abandon(&mut self) {
        self.line.lead(None);
        self.not_before_ms = 0;
    }
}

impl<M> Line<M> {
    /// This worker leads, or does not any more.
    fn lead(&self, who: Option<Candidate>) {
        let led = self.who.replace(who).is_some();
        if led && who.is_none() {
            let waker = self.waker.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Whether the connection's task is to end; else `waker` is called when it is.
    pub fn is_over(&self, waker: &Waker) -> bool {
        let is_over = self.who.get().is_none();
        if !is_over {
            let before = self.waker.replace(Some(waker.clone()));
            drop(before);
        }
        is_over
    }
}

impl<M: Memory> Line<M> {
    fn free(&self, slice: &Slice<'_>) -> Next {
        let Ok(mut follower) = self.follower.try_borrow_mut() else {
            return Next::IDLE;
        };
        while follower.free() {
            if slice.is_over() {
                return Next::Soon;
            }
        }
        Next::IDLE
    }

    /// Notes for all workers whether the store is followed.
    fn note(&self) {
        if let Ok(follower) = self.follower.try_borrow() {
            let (up, world) = (follower.is_following(), follower.world.as_ref());
            follower.table.note_feeding("redis", up, world);
        }
    }

    /// A connection to this server is there.
    pub fn connected(&self, server: &str) {
        self.follower.borrow_mut().connected(server);
    }

    /// A slice of work.
    ///
    /// # Errors
    /// Why the connection is given up.
    pub fn work(&self, slice: &Slice<'_>) -> Result<Next, Lost> {
        let who = self.who.get().ok_or(Lost::Lead)?;
        self.follower.borrow_mut().work(slice, who)
    }

    /// Takes the bytes to be sent.
    pub fn take_out(&self) -> Zeroizing<Vec<u8>> {
        self.follower.borrow_mut().dialogue.take_out()
    }

    /// Bytes have come. All that came before has been worked through.
    pub fn receive(&self, bytes: &[u8]) {
        self.follower.borrow_mut().dialogue.receive(bytes);
    }

    /// Asks for a sign of life.
    pub fn ping(&self) {
        self.follower.borrow_mut().ping();
    }

    /// How many commands have no answer yet.
    pub fn waiting(&self) -> usize {
        self.follower.borrow().dialogue.waiting()
    }

    /// How many commands have been answered; the number runs in a circle.
    #[cfg(any(test, feature = "nginx"))]
    pub(super) fn answered(&self) -> u64 {
        self.follower.borrow().dialogue.answered()
    }

    /// Whether all of the store has been read over this connection.
    pub fn is_following(&self) -> bool {
        self.follower.borrow().is_following()
    }

    /// The server at hand is of no use, for this reason.
    pub fn lost(&self, server: &str, why: &str) {
        let mut follower = self.follower.borrow_mut();
        follower.hang_up();
        let routes = follower.table.routes().map_or(0, |t| t.stats().routes);
        if let Some(line) = follower.news.lost(server, why, routes) {
            follower.log(Level::Error, &line);
        }
    }

    /// The connection's task has ended.
    pub fn ended(&self) {
        self.is_up.set(false);
        if let Ok(mut follower) = self.follower.try_borrow_mut() {
            follower.hang_up();
        }
    }

    /// Names, and the process around: for whoever makes the connection.
    #[cfg(feature = "nginx")]
    pub(super) fn around(&self) -> super::way::Around {
        let follower = self.follower.borrow();
        super::way::Around {
            hosts: Rc::clone(&follower.hosts),
            world: Rc::clone(&follower.world),
        }
    }
}
