//! Names that are asked for again, against a name server in memory.

mod bounds;
mod scale;

use crate::slice::Slice;
use crate::table::{Ask, Brake, Heard, Hosts, NameFeeder, Reply, SharedTable};
use crate::tests::world::{TestMemory, TestWorld, Ticking};
use crate::{Candidate, Feeder, Memory, Next, Seat, Turn, World};
use gatehouse_table::route::{Key, Located, Match, Sought, parse_route};
use gatehouse_table::table::{
    Applied, ApplyError, Change, MAX_RECORD_WORDS, Owner, Passive, Table, resolve,
};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// What is said of each name; of others nothing. Answers come at the next look.
#[derive(Default)]
struct Servers {
    said: RefCell<HashMap<String, Result<Heard, String>>>,
    /// Questions, answered or not.
    asked: RefCell<Vec<String>>,
    open: RefCell<VecDeque<Rc<str>>>,
}

/// The clock moves on with each step: so many are one poll.
const STEPS: Duration = Duration::from_millis(200);

struct Line(Rc<Servers>);

impl Ask for Line {
    fn ask(&self, text: Rc<str>) {
        self.0.asked.borrow_mut().push(text.to_string());
        self.0.open.borrow_mut().push_back(text);
    }

    fn answer(&self) -> Option<Reply> {
        let said = self.0.said.borrow();
        let mut open = self.0.open.borrow_mut();
        let at = open
            .iter()
            .position(|text| said.contains_key(text.as_ref()))?;
        let text = open.remove(at)?;
        let reply = said.get(text.as_ref())?.clone();
        Some((text, reply))
    }

    fn forget(&self) {
        self.0.open.borrow_mut().clear();
    }
}

struct Site {
    world: Rc<TestWorld>,
    memory: Rc<TestMemory>,
    table: Rc<SharedTable<Rc<TestMemory>>>,
    servers: Rc<Servers>,
    feeder: NameFeeder<Rc<TestMemory>>,
    who: Candidate,
}

fn located(ip: &str) -> Located {
    ip.parse::<IpAddr>().unwrap().into()
}

impl Site {
    fn new(kib: usize) -> Self {
        let memory = Rc::new(TestMemory::new(kib));
        Table::format(Memory::words(&memory).unwrap(), Match::Host, 7).unwrap();
        let world = Rc::new(TestWorld::default());
        world.advance(60_000);
        let servers = Rc::new(Servers::default());
        Self::beside(memory, world, servers, 1)
    }

    fn beside(
        memory: Rc<TestMemory>,
        world: Rc<TestWorld>,
        servers: Rc<Servers>,
        pid: u32,
    ) -> Self {
        let table = SharedTable::new("apps".into(), Rc::clone(&memory), Match::Host, Brake::On);
        let table = Rc::new(table);
        let feeder = NameFeeder::new(
            Rc::clone(&table),
            Rc::new(RefCell::new(Hosts::default())),
            Rc::clone(&world) as Rc<dyn World>,
            Box::new(Line(Rc::clone(&servers))),
        );
        let who = Candidate { pid, generation: 1 };
        Self {
            world,
            memory,
            table,
            servers,
            feeder,
            who,
        }
    }

    /// Another worker of the same nginx.
    fn other(&self) -> Self {
        let (memory, world) = (Rc::clone(&self.memory), Rc::clone(&self.world));
        Self::beside(memory, world, Rc::clone(&self.servers), self.who.pid + 1)
    }

    fn say(&self, name: &str, ips: &[&str], holds_ms: u64) {
        let found = ips.iter().map(|ip| located(ip)).collect();
        let heard = Ok(Heard { found, holds_ms });
        self.servers.said.borrow_mut().insert(name.into(), heard);
    }

    fn fail(&self, name: &str) {
        let why = Err("no answer".into());
        self.servers.said.borrow_mut().insert(name.into(), why);
    }

    fn asked(&self, name: &str) -> usize {
        let asked = self.servers.asked.borrow();
        asked.iter().filter(|one| *one == name).count()
    }

    fn put(&self, host: &str, backends: &str) -> Result<Applied, ApplyError> {
        let key = Key::parse(host.as_bytes(), Match::Host).unwrap();
        let text = format!(r#"{{"backends": [{backends}], "keys": {{"k": "of {host}"}}}}"#);
        let route = parse_route(text.as_bytes()).unwrap();
        let mut ask = |_: Sought<'_>| Err(String::new());
        let routes = self.table.routes().unwrap();
        routes.writer(0).unwrap().apply(&Change::Put {
            key: &key,
            route: &resolve(&key, &route, &mut ask, &mut |_| {}),
            owner: Owner::Api,
        })
    }

    fn poll(&mut self, leads: bool) -> Next {
        let clock = Ticking::default();
        self.feeder.poll(&Turn {
            slice: &Slice::new(&clock, STEPS),
            now_ms: self.world.ms.get(),
            leader: leads.then_some(self.who),
        })
    }

    /// Leads for so long.
    fn lead(&mut self, ms: u64) {
        let until = self.world.ms.get() + ms;
        while self.world.ms.get() < until {
            let lease = self.table.lease().unwrap();
            assert!(lease.acquire(self.who, self.world.ms.get()));
            let pause = match self.poll(true) {
                Next::Soon => 1,
                Next::In(ms) => ms,
            };
            self.world
                .advance(pause.clamp(1, until - self.world.ms.get()));
        }
    }

    fn backends(&self, host: &str) -> Vec<String> {
        let mut buf = [0; MAX_RECORD_WORDS];
        let routes = self.table.routes().unwrap();
        let hit = routes.lookup(host.as_bytes(), &mut buf).unwrap().unwrap();
        hit.route
            .backends()
            .map(|b| b.address.to_string())
            .collect()
    }

    /// How many names there are, and how many are not found.
    fn counts(&self) -> (u64, u64) {
        let stats = self.table.routes().unwrap().stats();
        (stats.names, stats.unresolved)
    }
}

#[test]
fn a_name_is_asked_for_when_it_is_stored_and_again_when_its_answer_is_over() {
    let mut site = Site::new(512);
    site.say("n.test", &["10.0.0.2", "10.0.0.1", "10.0.0.2"], 5_000);
    site.put("a.test", r#""http://n.test:81", "http://10.9.9.9""#)
        .unwrap();
    assert_eq!(site.backends("a.test"), ["0.0.0.0:81", "10.9.9.9:80"]);
    site.lead(300);
    let two = ["10.0.0.1:81", "10.0.0.2:81", "10.9.9.9:80"];
    assert_eq!(site.backends("a.test"), two);
    assert_eq!((site.asked("n.test"), site.counts()), (1, (1, 0)));
    site.say("n.test", &["10.0.0.3"], 60_000);
    site.lead(4_000);
    assert_eq!(
        (site.asked("n.test"), site.backends("a.test")),
        (1, two.map(str::to_owned).to_vec())
    );
    site.lead(1_000);
    assert_eq!(
        (site.asked("n.test"), site.backends("a.test")),
        (2, vec!["10.0.0.3:81".to_owned(), "10.9.9.9:80".into()])
    );
    site.lead(50_000);
    assert_eq!(site.asked("n.test"), 2);
    // Its owner and its keys are as before, and nothing was said about any of it.
    let key = Key::parse(b"a.test", Match::Host).unwrap();
    let taken = site
        .table
        .routes()
        .unwrap()
        .take_out(&key)
        .unwrap()
        .unwrap();
    assert_eq!(taken.view().owner(), Some(Owner::Api));
    assert_eq!(taken.written().keys[0].1.text(), "of a.test");
    assert_eq!(site.world.take_lines(), [""; 0]);
}

#[test]
fn a_name_that_is_lost_keeps_its_addresses_and_is_one_line_until_it_is_found() {
    let mut site = Site::new(512);
    site.say("n.test", &["10.0.0.1"], 1_000);
    site.put("a.test", r#""http://n.test""#).unwrap();
    site.lead(500);
    site.fail("n.test");
    site.lead(100_000);
    assert_eq!(site.backends("a.test"), ["10.0.0.1:80"]);
    let line = r#"[Error] upstream table "apps": host not found "n.test" (no answer), its last addresses stay in use"#;
    assert_eq!(site.world.take_lines(), [line]);
    assert_eq!(site.counts(), (1, 1));
    // Later and later, up to half a minute; not at the same moment as others.
    let asked = site.asked("n.test");
    assert!((7..=11).contains(&asked), "{asked}");
    site.say("n.test", &["10.0.0.2"], 1_000);
    site.lead(40_000);
    assert_eq!(site.backends("a.test"), ["10.0.0.2:80"]);
    let line = r#"[Notice] upstream table "apps": host "n.test" is found again"#;
    assert_eq!(site.world.take_lines(), [line]);
    assert_eq!(site.counts(), (1, 0));
}

#[test]
fn an_unknown_name_holds_back_its_own_backend_until_it_is_known() {
    let mut site = Site::new(512);
    site.say("good.test", &["10.0.0.1"], 60_000);
    site.fail("later.test");
    site.put("a.test", r#""http://later.test""#).unwrap();
    site.put("b.test", r#""http://good.test", "http://later.test:81""#)
        .unwrap();
    site.lead(1_000);
    assert_eq!(site.backends("a.test"), ["0.0.0.0:80"]);
    assert_eq!(site.backends("b.test"), ["10.0.0.1:80", "0.0.0.0:81"]);
    let said = site.world.take_lines();
    let line = r#"host not found "later.test" (no answer), first in route ""#;
    assert!(said.len() == 1 && said[0].contains(line), "{said:?}");
    assert!(
        said[0].ends_with(r#".test", its backends are left out"#),
        "{said:?}"
    );
    assert_eq!(site.counts(), (2, 1));
    // An answer that no request could be sent to is none.
    site.say("later.test", &["0.0.0.0", "::"], 60_000);
    site.lead(40_000);
    assert_eq!(site.backends("a.test"), ["0.0.0.0:80"]);
    site.say("later.test", &["::", "10.0.0.2"], 60_000);
    site.lead(40_000);
    assert_eq!(site.backends("a.test"), ["10.0.0.2:80"]);
    assert_eq!(site.backends("b.test"), ["10.0.0.1:80", "10.0.0.2:81"]);
}

#[test]
fn a_service_has_ports_weights_and_backups_of_its_own() {
    let mut site = Site::new(512);
    let one = |at: &str, weight, backup| Located {
        at: at.parse().unwrap(),
        weight,
        backup,
    };
    let found = vec![one("10.0.0.2:81", 3, true), one("10.0.0.1:80", 0, false)];
    let heard = Heard {
        found,
        holds_ms: 60_000,
    };
    let mut said = site.servers.said.borrow_mut();
    said.insert("srv:http:n.test".into(), Ok(heard));
    drop(said);
    site.put("a.test", r#""http://n.test#service=http""#)
        .unwrap();
    site.lead(1_000);
    assert_eq!(site.backends("a.test"), ["10.0.0.1:80", "10.0.0.2:81"]);
    // The same again is no change.
    let generation = site.table.routes().unwrap().generation();
    site.lead(61_000);
    assert_eq!(site.asked("srv:http:n.test"), 2);
    assert_eq!(site.table.routes().unwrap().generation(), generation);
}

/// Addresses that stay keep their marks.
#[test]
fn peers_that_stay_keep_their_health() {
    let mut site = Site::new(512);
    site.say("n.test", &["10.0.0.1", "10.0.0.2"], 1_000);
    site.put("a.test", r#""http://n.test""#).unwrap();
    site.lead(500);
    let fails = |site: &Site, address: &str, failed: bool| {
        let mut buf = [0; MAX_RECORD_WORDS];
        let routes = site.table.routes().unwrap();
        let hit = routes.lookup(b"a.test", &mut buf).unwrap().unwrap();
        let mut backends = hit.route.backends();
        let found = backends.find(|b| b.address.to_string() == address).unwrap();
        let peer = routes.peer(found.peer()).unwrap();
        if failed {
            peer.failed(1, &Passive::default(), None);
        }
        peer.fails()
    };
    assert_eq!(fails(&site, "10.0.0.2:80", true), 1);
    site.say("n.test", &["10.0.0.2", "10.0.0.3"], 1_000);
    site.lead(2_000);
    assert_eq!(site.backends("a.test"), ["10.0.0.2:80", "10.0.0.3:80"]);
    assert_eq!(fails(&site, "10.0.0.2:80", false), 1);
    assert_eq!(fails(&site, "10.0.0.3:80", false), 0);
}

#[test]
fn whoever_leads_next_goes_on_and_no_other_worker_asks() {
    let mut site = Site::new(512);
    site.say("n.test", &["10.0.0.1"], 2_000);
    site.put("a.test", r#""http://n.test""#).unwrap();
    site.lead(500);
    let mut next = site.other();
    assert_eq!(next.poll(false), Next::IDLE);
    let asked = site.asked("n.test");
    site.table.lease().unwrap().release(site.who);
    site.feeder.abandon();
    while site.poll(false) != Next::IDLE {}
    site.world.advance(10_000);
    assert_eq!(site.asked("n.test"), asked);
    // What the name had serves meanwhile, whatever name servers do.
    next.fail("n.test");
    next.lead(5_000);
    assert_eq!(next.backends("a.test"), ["10.0.0.1:80"]);
    next.say("n.test", &["10.0.0.2"], 2_000);
    next.lead(20_000);
    assert_eq!(next.backends("a.test"), ["10.0.0.2:80"]);
}

/// An answer that comes for a question of an earlier lead changes nothing.
#[test]
fn what_was_asked_in_an_earlier_lead_is_forgotten() {
    let mut site = Site::new(512);
    site.put("a.test", r#""http://n.test""#).unwrap();
    site.lead(500);
    assert_eq!(site.asked("n.test"), 1);
    let text = site.servers.open.borrow()[0].clone();
    site.feeder.abandon();
    site.servers.open.borrow_mut().push_back(text);
    site.say("n.test", &["10.0.0.1"], 2_000);
    while site.poll(true) == Next::Soon {}
    assert_eq!(site.world.take_lines(), [""; 0]);
    site.lead(500);
    assert_eq!(site.backends("a.test"), ["10.0.0.1:80"]);
}

#[test]
fn names_that_no_route_has_any_more_are_not_asked_for() {
    let mut site = Site::new(512);
    for name in ["n.test", "m.test"] {
        site.say(name, &["10.0.0.1"], 1_000);
    }
    site.put("a.test", r#""http://n.test""#).unwrap();
    site.put("b.test", r#""http://m.test""#).unwrap();
    site.lead(1_500);
    assert_eq!(site.counts(), (2, 0));
    site.put("a.test", r#""http://10.0.0.1""#).unwrap();
    site.lead(1_500);
    assert_eq!(site.counts(), (1, 0));
    let asked = (site.asked("n.test"), site.asked("m.test"));
    site.lead(10_000);
    assert_eq!(site.asked("n.test"), asked.0);
    assert!(site.asked("m.test") > asked.1 + 5);
}

#[test]
fn etc_hosts_comes_before_name_servers() {
    let mut site = Site::new(512);
    site.say("n.test", &["10.0.0.1"], 60_000);
    site.world.replace("/etc/hosts", "10.0.0.9 n.test\n");
    site.put("a.test", r#""http://n.test""#).unwrap();
    site.lead(1_000);
    assert_eq!(
        (site.backends("a.test"), site.asked("n.test")),
        (vec!["10.0.0.9:80".to_owned()], 0)
    );
    site.world.advance(1);
    site.world.replace("/etc/hosts", "10.0.0.8 n.test\n");
    site.lead(12_000);
    assert_eq!(site.backends("a.test"), ["10.0.0.8:80"]);
    site.world.replace("/etc/hosts", "");
    site.lead(12_000);
    assert_eq!(site.backends("a.test"), ["10.0.0.1:80"]);
}
