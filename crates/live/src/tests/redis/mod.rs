//! A table that follows a Redis store.

mod faults;
mod life;
mod marks;
mod reading;

use super::store::TestStore;
use super::world::{TestMemory, TestWorld, Ticking};
use crate::table::redis::{Line, Lost, Password, Store, StoreFeeder};
use crate::table::{Brake, Hosts, SharedTable};
use crate::{Candidate, Feeder, Memory, Next, Seat, Slice, Turn, World};
use gatehouse_table::hipache::KeySpace;
use gatehouse_table::route::{Key, Match, parse_route};
use gatehouse_table::table::{Change, MAX_RECORD_WORDS, Owner, Passive, Table};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

type TestLine = Rc<Line<Rc<TestMemory>>>;

struct Site {
    world: Rc<TestWorld>,
    memory: Rc<TestMemory>,
    table: Rc<SharedTable<Rc<TestMemory>>>,
    feeder: StoreFeeder<Rc<TestMemory>>,
    begun: Rc<RefCell<Vec<TestLine>>>,
    store: TestStore,
    /// So many bytes come at once.
    piece: usize,
}

const WHO: Candidate = Candidate {
    pid: 1,
    generation: 1,
};

const PASSIVE: Passive = Passive::new(1, 10_000);

impl Site {
    fn new() -> Self {
        Self::with(1024, Brake::On)
    }

    fn with(kib: usize, brake: Brake) -> Self {
        let memory = Rc::new(TestMemory::new(kib));
        Table::format(Memory::words(&memory).unwrap(), Match::Host, 7).unwrap();
        let world = Rc::new(TestWorld::default());
        world.advance(60_000);
        let table = SharedTable::new("apps".into(), Rc::clone(&memory), Match::Host, brake);
        let table = Rc::new(table);
        let store = Store {
            user: String::new(),
            password: Some(Password::new(b"secret")),
            db: 3,
            keys: KeySpace::new("", Match::Host),
            wants_master: false,
            passive: PASSIVE,
        };
        let begun = Rc::new(RefCell::new(Vec::new()));
        let lines = Rc::clone(&begun);
        let feeder = StoreFeeder::new(
            Rc::clone(&table),
            Rc::new(store),
            Rc::new(RefCell::new(Hosts::default())),
            Rc::clone(&world) as Rc<dyn World>,
            Box::new(move |line| {
                lines.borrow_mut().push(line);
                true
            }),
        );
        Self {
            world,
            memory,
            table,
            feeder,
            begun,
            store: TestStore::default(),
            piece: usize::MAX,
        }
    }

    fn poll(&mut self, leads: bool) -> Next {
        let clock = Ticking::default();
        self.feeder.poll(&Turn {
            slice: &Slice::new(&clock, Duration::from_millis(3)),
            now_ms: self.world.ms.get(),
            leader: leads.then_some(WHO),
        })
    }

    /// Leads, connects and works until all is quiet.
    fn connect(&mut self) -> Result<(), Lost> {
        self.begin();
        self.work()
    }

    /// Leads and connects.
    fn begin(&mut self) {
        assert!(
            self.table
                .lease()
                .unwrap()
                .acquire(WHO, self.world.ms.get())
        );
        self.poll(true);
        self.store.accept();
        self.line().connected("r:6379");
    }

    /// One piece of work, and what the store says to it.
    fn turn(&mut self) -> Result<(), Lost> {
        let line = self.line();
        line.work(&Slice::new(&Ticking::default(), Duration::ZERO))?;
        self.store.answer(&line.take_out());
        line.receive(&self.store.take_out());
        Ok(())
    }

    fn line(&self) -> TestLine {
        Rc::clone(self.begun.borrow().last().unwrap())
    }

    /// The connection goes.
    fn lose(&mut self, why: &str) {
        self.line().lost("r:6379", why);
    }

    fn work(&mut self) -> Result<(), Lost> {
        let line = self.line();
        let mut quiet = 0;
        while quiet < 3 {
            let clock = Ticking::default();
            let next = line.work(&Slice::new(&clock, Duration::ZERO))?;
            self.store.answer(&line.take_out());
            let bytes = self.store.take_out();
            if next == Next::Soon || !bytes.is_empty() {
                quiet = 0;
            } else {
                quiet += 1;
                self.world.advance(3);
            }
            for piece in bytes.chunks(self.piece.min(bytes.len().max(1))) {
                line.receive(piece);
                while line.work(&Slice::new(&clock, Duration::ZERO))? == Next::Soon {}
            }
        }
        Ok(())
    }

    fn backends(&self, host: &str) -> Option<Vec<String>> {
        let mut buf = [0; MAX_RECORD_WORDS];
        let routes = self.table.routes().unwrap();
        let hit = routes.lookup(host.as_bytes(), &mut buf).unwrap()?;
        let shown = |b: gatehouse_table::table::BackendView<'_>| {
            let weight = match b.weight() {
                1 => String::new(),
                weight => format!("*{weight}"),
            };
            format!("{}{weight}", b.address)
        };
        Some(hit.route.backends().map(shown).collect())
    }

    fn has(&self, host: &str) -> bool {
        self.backends(host).is_some()
    }

    fn count(&self) -> u64 {
        self.table.routes().unwrap().stats().routes
    }

    fn fill(&mut self, count: usize) {
        for n in 0..count {
            self.store
                .put(&format!("h{n}.test"), &["", "http://10.0.0.1"]);
        }
    }

    fn is_out(&self, host: &str, number: usize) -> bool {
        let mut buf = [0; MAX_RECORD_WORDS];
        let routes = self.table.routes().unwrap();
        let hit = routes.lookup(host.as_bytes(), &mut buf).unwrap().unwrap();
        let peer = hit.route.backend(number).unwrap().peer();
        let now_ms = self.world.ms.get();
        !routes.peer(peer).unwrap().available(now_ms, &PASSIVE)
    }
}
