//! Active checks, of backends that are what a test says.

mod bounds;
mod known;
mod own;

use crate::election::{resign, stand};
use crate::slice::Slice;
use crate::table::{Brake, CheckFeeder, Checked, Probing, SharedTable, Target};
use crate::tests::world::{TestMemory, TestWorld, Ticking};
use crate::{Candidate, Feeder, Memory, Next, Turn, World};
use gatehouse_table::check::Check;
use gatehouse_table::route::{Key, Located, Match, Sought, parse_route};
use gatehouse_table::table::{Change, Owner, Passive, PeerId, Probe, RouteView, Table, resolve};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// Answers are there at the next look, unless all are kept back.
#[derive(Default)]
struct Backends {
    /// Those that fail.
    bad: RefCell<BTreeSet<String>>,
    /// When each was asked, in order.
    asked: RefCell<Vec<(u64, String)>>,
    /// What for.
    uris: RefCell<Vec<String>>,
    /// What it was called.
    hosts: RefCell<Vec<String>>,
    ended: RefCell<VecDeque<Checked>>,
    are_silent: Cell<bool>,
    /// How many may be under way; 0 for any number.
    most: Cell<usize>,
    now_ms: Cell<u64>,
}

struct Line(Rc<Backends>);

impl Probing for Line {
    fn begin(&self, id: PeerId, target: &Target, check: &Rc<Check>) -> bool {
        let url = target.to_string();
        let is_bad = self.0.bad.borrow().contains(&url);
        let result = if is_bad {
            Err("refused".into())
        } else {
            Ok(())
        };
        self.0.uris.borrow_mut().push(check.uri.clone());
        self.0.hosts.borrow_mut().push(target.host());
        self.0.asked.borrow_mut().push((self.0.now_ms.get(), url));
        self.0.ended.borrow_mut().push_back((id, result));
        true
    }

    fn most_open(&self) -> usize {
        match self.0.most.get() {
            0 => usize::MAX,
            most => most,
        }
    }

    fn ended(&self) -> Option<Checked> {
        if self.0.are_silent.get() {
            return None;
        }
        self.0.ended.borrow_mut().pop_front()
    }

    fn forget(&self) {
        self.0.ended.borrow_mut().clear();
    }
}

struct Site {
    world: Rc<TestWorld>,
    memory: Rc<TestMemory>,
    table: Rc<SharedTable<Rc<TestMemory>>>,
    backends: Rc<Backends>,
    feeder: CheckFeeder<Rc<TestMemory>>,
    who: Candidate,
    check: Check,
}

const STEP_MS: u64 = 10;

impl Site {
    fn new(check: Check) -> Self {
        let memory = Rc::new(TestMemory::new(1024));
        Table::format(Memory::words(&memory).unwrap(), Match::Host, 7).unwrap();
        let world = Rc::new(TestWorld::default());
        world.advance(60_000);
        Self::beside(memory, world, Rc::default(), check, 1)
    }

    fn beside(
        memory: Rc<TestMemory>,
        world: Rc<TestWorld>,
        backends: Rc<Backends>,
        check: Check,
        pid: u32,
    ) -> Self {
        let table = SharedTable::new("apps".into(), Rc::clone(&memory), Match::Host, Brake::On);
        let table = Rc::new(table);
        let feeder = CheckFeeder::new(
            Rc::clone(&table),
            Rc::new(check.clone()),
            Rc::clone(&world) as Rc<dyn World>,
            Box::new(Line(Rc::clone(&backends))),
        );
        let who = Candidate { pid, generation: 1 };
        Self {
            world,
            memory,
            table,
            backends,
            feeder,
            who,
            check,
        }
    }

    /// Another worker of the same nginx.
    fn other(&self) -> Self {
        let (memory, world) = (Rc::clone(&self.memory), Rc::clone(&self.world));
        let backends = Rc::clone(&self.backends);
        Self::beside(
            memory,
            world,
            backends,
            self.check.clone(),
            self.who.pid + 1,
        )
    }

    fn routes(&self) -> Table<'_> {
        self.table.routes().unwrap()
    }

    fn put(&self, host: &str, ports: &[u16]) {
        let urls: Vec<String> = ports.iter().map(|p| url(*p)).collect();
        self.put_urls(host, &urls);
    }

    /// All names have one address.
    fn put_urls(&self, host: &str, urls: &[String]) {
        self.put_text(
            host,
            &format!("{{\"backends\": [\"{}\"]}}", urls.join("\", \"")),
        );
    }

    fn put_text(&self, host: &str, text: &str) {
        let route = parse_route(text.as_bytes()).unwrap();
        let key = Key::parse(host.as_bytes(), Match::Host).unwrap();
        let found = |_: Sought<'_>| Ok(vec![Located::from(IpAddr::from([10, 0, 0, 1]))]);
        let route = resolve(&key, &route, &mut { found }, &mut |_| {});
        let mut writer = self.routes().writer(0).unwrap();
        let put = Change::Put {
            key: &key,
            route: &route,
            owner: Owner::Api,
        };
        writer.apply(&put).unwrap();
    }

    fn remove(&self, host: &str) {
        let key = Key::parse(host.as_bytes(), Match::Host).unwrap();
        let mut writer = self.routes().writer(0).unwrap();
        let owner = Owner::Api;
        writer.apply(&Change::Remove { key: &key, owner }).unwrap();
    }

    fn view<T>(&self, host: &str, look: impl FnOnce(RouteView<'_>) -> T) -> T {
        let mut buf = [0; 256];
        let routes = self.routes();
        let hit = routes.lookup(host.as_bytes(), &mut buf).unwrap();
        look(hit.unwrap().route)
    }

    /// Requests want all backends of a host.
    fn want(&self, host: &str) {
        let now_ms = self.world.now_ms();
        self.view(host, |route| {
            for backend in route.backends() {
                let peer = self.routes().peer(backend.peer());
                peer.unwrap().note_wanted(now_ms);
            }
        });
    }

    fn probe(&self, host: &str, index: usize) -> Option<Probe> {
        self.view(host, |route| {
            let id = route.backend(index).unwrap().peer();
            self.routes().peer(id).unwrap().probe()
        })
    }

    fn is_up(&self, host: &str, index: usize) -> Option<bool> {
        self.probe(host, index).map(|probe| probe.up)
    }

    fn poll(&mut self) -> Next {
        let now_ms = self.world.now_ms();
        self.backends.now_ms.set(now_ms);
        let leads = stand(self.table.as_ref(), self.who, now_ms);
        let clock = Ticking::default();
        let slice = Slice::new(&clock, Duration::from_millis(500));
        self.feeder.poll(&Turn {
            slice: &slice,
            now_ms,
            leader: leads.then_some(self.who),
        })
    }

    /// Time goes by, as the event loop has it.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.poll();
            self.world.advance(STEP_MS);
        }
    }

    /// When a backend was asked.
    fn asked(&self, port: u16) -> Vec<u64> {
        let url = url(port);
        let asked = self.backends.asked.borrow();
        let asked = asked.iter().filter(|(_, of)| *of == url);
        asked.map(|(at_ms, _)| *at_ms).collect()
    }

    fn fail(&self, port: u16) {
        self.backends.bad.borrow_mut().insert(url(port));
    }

    fn mend(&self, port: u16) {
        self.backends.bad.borrow_mut().remove(&url(port));
    }
}

fn url(port: u16) -> String {
    format!("http://10.0.0.1:{port}")
}

/// Each second; two answers turn a backend.
fn check() -> Check {
    Check {
        interval_ms: 1_000,
        rise: 2,
        fall: 2,
        ..Check::default()
    }
}

/// Some different peers.
pub(crate) fn peers(count: usize) -> Vec<PeerId> {
    let site = Site::new(check());
    let ports: Vec<u16> = (1..=count).map(|n| n as u16).collect();
    site.put("a.test", &ports);
    site.view("a.test", |route| {
        route.backends().map(|b| b.peer()).collect()
    })
}

#[test]
fn one_that_fails_is_left_out_until_it_is_back() {
    let mut site = Site::new(check());
    site.put("a.test", &[1, 2, 3]);
    site.want("a.test");
    site.run(2_500);
    let up = |site: &Site| [0, 1, 2].map(|n| site.is_up("a.test", n));
    assert_eq!(up(&site), [Some(true); 3]);
    assert_eq!(site.world.take_lines(), [""; 0]);
    site.fail(2);
    site.run(2_600);
    assert_eq!(up(&site), [Some(true), Some(false), Some(true)]);
    let line = r#"[Error] upstream table "apps": backend http://10.0.0.1:2 is down: refused"#;
    assert_eq!(site.world.take_lines(), [line]);
    site.mend(2);
    site.run(2_600);
    assert_eq!(up(&site), [Some(true); 3]);
    let line = r#"[Notice] upstream table "apps": backend http://10.0.0.1:2 is back"#;
    assert_eq!(site.world.take_lines(), [line]);
}

#[test]
fn each_is_asked_once_in_an_interval_by_one_worker() {
    let mut one = Site::new(check());
    let mut two = one.other();
    // Three routes have the same backend.
    for host in ["a.test", "b.test", "c.test"] {
        one.put(host, &[1, 2]);
        one.want(host);
    }
    for _ in 0..2_000 {
        one.poll();
        two.poll();
        one.world.advance(STEP_MS);
    }
    for port in [1, 2] {
        let asked = one.asked(port);
        let gaps = asked.windows(2).map(|pair| pair[1] - pair[0]);
        assert!((19..=22).contains(&asked.len()), "{asked:?}");
        assert!(
            gaps.clone().all(|gap| (880..=1_120).contains(&gap)),
            "{asked:?}"
        );
        assert!(
            gaps.clone().any(|gap| gap != gaps.clone().next().unwrap()),
            "jitter"
        );
    }
}

#[test]
fn the_next_worker_goes_on_in_turn() {
    let mut one = Site::new(check());
    one.put("a.test", &[1, 2]);
    one.want("a.test");
    one.fail(1);
    one.run(4_000);
    let mut two = one.other();
    resign(one.table.as_ref(), one.who);
    one.feeder.abandon();
    two.run(4_000);
    for port in [1, 2] {
        let asked = one.asked(port);
        let gaps = asked.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.clone().all(|gap| gap >= 880), "{asked:?}");
        assert!((7..=9).contains(&asked.len()), "{asked:?}");
    }
    assert_eq!(two.is_up("a.test", 0), Some(false));
    let lines = one.world.take_lines();
    assert_eq!(lines.len(), 1, "it is said once: {lines:?}");
}

#[test]
fn one_that_is_gone_is_not_asked_any_more() {
    let mut site = Site::new(check());
    site.put("a.test", &[1]);
    site.put("b.test", &[2]);
    site.want("a.test");
    site.want("b.test");
    site.run(3_000);
    site.remove("a.test");
    let before = (site.asked(1).len(), site.asked(2).len());
    site.run(5_000);
    assert_eq!(site.asked(1).len(), before.0);
    assert!(site.asked(2).len() >= before.1 + 4);
    assert_eq!(site.feeder.checked(), 1);
}

#[test]
fn one_that_nobody_wants_is_not_asked() {
    let mut site = Site::new(Check {
        idle_ms: 5_000,
        ..check()
    });
    site.put("a.test", &[1]);
    site.put("b.test", &[2]);
    site.want("b.test");
    site.fail(2);
    site.run(3_000);
    assert!(site.asked(1).is_empty());
    assert_eq!(site.is_up("b.test", 0), Some(false));
    site.run(10_000);
    assert!(site.asked(2).len() < 8, "{:?}", site.asked(2));
    assert_eq!(site.probe("b.test", 0), None, "what was known is forgotten");
    site.want("b.test");
    site.run(2_000);
    assert!(site.probe("b.test", 0).is_some(), "and it begins anew");
    // All of them, where that is said.
    let mut site = Site::new(Check {
        idle_ms: 0,
        ..check()
    });
    site.put("a.test", &[1]);
    site.run(3_000);
    assert!(site.asked(1).len() >= 2);
}

#[test]
fn a_worker_that_stood_still_blames_nobody() {
    for (timeout_ms, still_ms) in [(1_000, 3_000), (200, 400)] {
        stand_still(timeout_ms, still_ms);
    }
}

fn stand_still(timeout_ms: u64, still_ms: u64) {
    let mut site = Site::new(Check {
        fall: 1,
        timeout_ms,
        ..check()
    });
    site.put("a.test", &[1, 2, 3]);
    site.want("a.test");
    site.run(2_000);
    for port in [1, 2, 3] {
        site.fail(port);
    }
    site.backends.are_silent.set(true);
    // Checks begin, and their answers wait while the worker does something else.
    site.run(1_200);
    let under_way = site.backends.ended.borrow().len();
    site.world.advance(still_ms);
    for port in [1, 2, 3] {
        site.mend(port);
    }
    site.backends.are_silent.set(false);
    site.run(2_000);
    assert!(under_way > 0);
    assert_eq!(site.world.take_lines(), [""; 0]);
    let up = [0, 1, 2].map(|n| site.is_up("a.test", n));
    assert_eq!(up, [Some(true); 3]);
}

#[test]
fn a_worker_that_does_not_lead_asks_nobody() {
    let mut one = Site::new(check());
    let mut two = one.other();
    one.put("a.test", &[1]);
    one.want("a.test");
    one.poll();
    two.run(3_000);
    assert_eq!(two.feeder.checked(), 0);
    assert_eq!(two.poll(), Next::IDLE);
}

#[test]
fn passive_health_goes_on_beside_it() {
    let mut site = Site::new(check());
    site.put("a.test", &[1, 2]);
    site.want("a.test");
    site.run(3_000);
    let (now_ms, usual) = (site.world.now_ms(), Passive::default());
    site.view("a.test", |route| {
        let id = route.backend(0).unwrap().peer();
        let peer = site.table.routes().unwrap().peer(id).unwrap();
        peer.failed(now_ms, &usual, None);
    });
    site.run(3_000);
    site.view("a.test", |route| {
        let id = route.backend(0).unwrap().peer();
        let peer = site.table.routes().unwrap().peer(id).unwrap();
        assert!(peer.is_out(&usual), "a check says nothing about it");
    });
}
