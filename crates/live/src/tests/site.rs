//! A table, its master and its workers, without nginx.

use super::world::{TestMemory, TestWorld, Ticking};
use crate::slice::Slice;
use crate::table::{
    Before, Brake, Feed, Hosts, Plan, RouteFeeder, RouteFiles, SharedTable, StateFeeder, StateFile,
};
use crate::{Candidate, Feeder, Next, Seat, Turn, World};
use gatehouse_table::route::{Key, Match, Resolved, Secret};
use gatehouse_table::table::{Change, MAX_RECORD_WORDS, Owner};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

pub(crate) const FILE: &str = "/apps.json";
const RELOAD_MS: u64 = 1_000;

pub(crate) struct Site {
    pub(crate) world: Rc<TestWorld>,
    pub(crate) memory: Rc<TestMemory>,
    pub(crate) brake: Brake,
    /// The table follows a store.
    pub(crate) has_store: bool,
    /// The table has a `check` line.
    pub(crate) has_check: bool,
    /// What the table follows.
    pub(crate) paths: Vec<&'static str>,
    /// Where the table's state is, if it has one.
    pub(crate) state: Option<PathBuf>,
    is_new: bool,
    /// The zone before, which a reload is to replace.
    old: Option<Rc<TestMemory>>,
    generation: u16,
}

/// A worker's feeder and the table it sees.
pub(crate) struct Worker {
    pub(crate) table: Rc<SharedTable<Rc<TestMemory>>>,
    pub(crate) feeder: RouteFeeder<Rc<TestMemory>>,
    /// What writes the state, if there is one.
    pub(crate) keeper: Option<StateFeeder<Rc<TestMemory>>>,
    pub(crate) who: Candidate,
    world: Rc<TestWorld>,
}

impl Site {
    pub(crate) fn new(kib: usize) -> Self {
        Self {
            world: Rc::default(),
            memory: Rc::new(TestMemory::new(kib)),
            brake: Brake::default(),
            has_store: false,
            has_check: false,
            paths: vec![FILE],
            state: None,
            is_new: true,
            old: None,
            generation: 0,
        }
    }

    /// The next configuration has a zone of this size.
    pub(crate) fn resize(&mut self, kib: usize) {
        let new = Rc::new(TestMemory::new(kib));
        let before = std::mem::replace(&mut self.memory, new);
        // A zone that was refused has never served.
        if !std::mem::replace(&mut self.is_new, true) {
            self.old = Some(before);
        }
    }

    /// nginx has ended: the next one begins anew.
    pub(crate) fn end(&mut self, kib: usize) {
        self.resize(kib);
        self.old = None;
    }

    /// The master reads a configuration with this file, then starts a worker: a start or a reload.
    pub(crate) fn start(&mut self, with_file: bool) -> Result<Worker, String> {
        let files = with_file.then(|| RouteFiles {
            paths: self.paths.iter().map(PathBuf::from).collect(),
            reload_ms: RELOAD_MS,
            hosts: Rc::new(RefCell::new(Hosts::default())),
            has_check: self.has_check,
        });
        let mut feed = Feed::new(files.as_ref());
        let state = self.state.clone().map(|path| Rc::new(StateFile::new(path)));
        let plan = Plan {
            name: "apps".into(),
            mode: Match::Host,
            brake: self.brake,
            files: files.clone(),
            has_store: self.has_store,
            state: state.clone(),
        };
        let world = self.world.as_ref();
        let before = match &self.old {
            _ if !self.is_new => Before::Kept,
            Some(old) => Before::Replaced(old),
            None => Before::Nothing,
        };
        plan.prepare(&self.memory, &before, world, &mut feed)?;
        self.is_new = false;
        self.old = None;
        self.generation += 1;
        let table = SharedTable::new(
            "apps".into(),
            Rc::clone(&self.memory),
            Match::Host,
            self.brake,
        );
        let table = Rc::new(table);
        let feed = Rc::new(RefCell::new(feed));
        let world = Rc::clone(&self.world);
        let keeper = state.map(|state| {
            let world = Rc::clone(&world) as Rc<dyn World>;
            StateFeeder::new(Rc::clone(&table), state, world)
        });
        Ok(Worker {
            keeper,
            feeder: RouteFeeder::new(
                Rc::clone(&table),
                files,
                feed,
                Rc::clone(&world) as Rc<dyn World>,
            ),
            table,
            who: Candidate {
                pid: 1,
                generation: self.generation,
            },
            world,
        })
    }
}

impl Worker {
    /// Takes the lead.
    pub(crate) fn lead(&self) {
        let lease = self.table.lease().unwrap();
        assert!(lease.acquire(self.who, self.world.ms.get()));
    }

    /// One poll that lasts for one step.
    pub(crate) fn step(&mut self) -> Next {
        self.poll(&Slice::new(&Ticking::default(), Duration::ZERO), true)
    }

    pub(crate) fn poll(&mut self, slice: &Slice<'_>, leads: bool) -> Next {
        self.feeder.poll(&Turn {
            slice,
            now_ms: self.world.ms.get(),
            leader: leads.then_some(self.who),
        })
    }

    /// One poll of what writes the state, for one step.
    pub(crate) fn keep_step(&mut self) -> Next {
        self.world.advance(1);
        self.keeper.as_mut().unwrap().poll(&Turn {
            slice: &Slice::new(&Ticking::default(), Duration::ZERO),
            now_ms: self.world.ms.get(),
            leader: Some(self.who),
        })
    }

    /// Writes the state, if there is anything to write; gives the number of polls.
    pub(crate) fn keep(&mut self) -> usize {
        self.lead();
        self.world.advance(1_000);
        let polls = std::iter::from_fn(|| (self.keep_step() == Next::Soon).then_some(()));
        polls.take(1_000_000).count() + 1
    }

    /// Changes a route as another owner does; without a value it goes.
    pub(crate) fn change(&self, owner: Owner, key: &str, value: Option<&str>) {
        let key = Key::parse(key.as_bytes(), Match::Host).unwrap();
        let secret = Secret::new(format!("secret of {value:?}"));
        let route = Resolved {
            vars: vec![("v", value.unwrap_or_default())],
            keys: vec![("token", &secret)],
            ..Resolved::default()
        };
        let change = match value {
            Some(_) => Change::Put {
                key: &key,
                route: &route,
                owner,
            },
            None => Change::Remove { key: &key, owner },
        };
        let routes = self.table.routes().unwrap();
        routes.writer(0).unwrap().apply(&change).unwrap();
    }

    /// Leads until nothing is to be done; gives the number of polls.
    pub(crate) fn work(&mut self) -> usize {
        self.lead();
        let polls = std::iter::from_fn(|| (self.step() == Next::Soon).then_some(()));
        polls.take(1_000_000).count() + 1
    }

    /// Bytes that the master has left to workers.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.feeder.kept_bytes()
    }

    /// The addresses of a host's backends.
    pub(crate) fn backends(&self, host: &str) -> Vec<String> {
        let mut buf = [0; MAX_RECORD_WORDS];
        let routes = self.table.routes().unwrap();
        let hit = routes.lookup(host.as_bytes(), &mut buf).unwrap().unwrap();
        hit.route
            .backends()
            .map(|b| b.address.to_string())
            .collect()
    }

    /// The variable `v` of a host.
    pub(crate) fn value(&self, host: &str) -> Option<String> {
        let mut buf = [0; MAX_RECORD_WORDS];
        let routes = self.table.routes().unwrap();
        let hit = routes.lookup(host.as_bytes(), &mut buf).unwrap()?;
        hit.route.var(b"v").map(str::to_owned)
    }
}

/// A file of routes of `h0.test`, `h1.test`, …
pub(crate) fn routes(count: usize, value: &str) -> String {
    let route = |n| {
        format!(
            r#""h{n}.test": {{"backends": ["http://10.0.0.1:80", "http://10.0.0.2:80"], "vars": {{"v": "{value}"}}}}"#
        )
    };
    let routes: Vec<String> = (0..count).map(route).collect();
    format!("{{{}}}", routes.join(",\n"))
}
