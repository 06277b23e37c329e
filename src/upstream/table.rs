//! One `upstream_table`: its block, its zone, its feeder.

use super::block;
use super::check::CheckLine;
use crate::Gatehouse;
use crate::metric::Register;
use gatehouse_live::nginx::{Process, Reading};
use gatehouse_live::table::redis::{StoreWriter, Sweeper};
use gatehouse_live::table::{
    Before, Expiry, Feed, InFlight, NameFeeder, NameServers, Plan, Pulse, Returner, RouteFeeder,
    SharedTable, StateFeeder, StateFile,
};
use gatehouse_live::{Feeder, World};
use gatehouse_nginx::shm::ZoneState;
use gatehouse_nginx::{Conf, ConfLine, Counters, Error, Zone};
use gatehouse_table::balance::{Checks, Schemes};
use gatehouse_table::route::Match;
use gatehouse_table::table::{Answers, Journal, JournalRow, Lines, Passive, Table};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// A table as requests use it.
pub(super) struct UpstreamTable {
    shared: Rc<SharedTable<Zone>>,
    /// Backends that speak in clear text may be used under `proxy_pass https://`.
    plain: bool,
    /// Where the answers of backends are counted: as large as the table's zone, and kept as long.
    answers: Zone,
    drain_timeout_ms: Option<u64>,
    /// Where its block stands, if no line of it says where routes come from.
    no_source: Option<ConfLine>,
    /// What writes to the store that it follows.
    store: Option<Rc<StoreWriter>>,
    state: Option<Rc<StateFile>>,
    miss: u16,
    passive: Passive,
    checks: Checks,
    /// What feeds it.
    fed_by: Option<&'static str>,
    /// How that does, once the configuration is complete.
    pulse: Rc<OnceCell<Pulse>>,
    /// Where the requests that look it up are counted, once the configuration is complete; and how long they take.
    pub(super) requests: Counters,
    pub(super) durations: Counters,
    /// A lookup of the table looks at the requests in flight: those of all are counted.
    counts: Cell<bool>,
    in_flight: Rc<InFlight>,
}

/// Reads an `upstream_table` block.
pub(super) fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let name = cf.words()?.pop().unwrap_or_default();
    let place = cf.here();
    if cf
        .main()
        .upstream
        .tables
        .iter()
        .any(|table| table.name() == name)
    {
        return Err(Error::new(format!("duplicate upstream_table \"{name}\"")));
    }
    let mut block = block::Block::default();
    cf.block(&mut block, block::line)?;
    let size = block
        .size
        .ok_or_else(|| Error::at(&place, format!("upstream_table \"{name}\" has no \"zone\"")))?;
    if let Some(files) = &mut block.files {
        files.has_check = block.check.is_some();
    }
    let has_no_source = block.files.is_none() && block.store.is_none() && block.state.is_none();
    let mode = block.mode.unwrap_or(Match::Host);
    let brake = block.brake.unwrap_or_default();
    let fed_by = match (&block.store, &block.files) {
        (Some(_), _) => Some("redis"),
        (None, Some(_)) => Some("file"),
        (None, None) => None,
    };
    let feed = Rc::new(RefCell::new(Feed::new(block.files.as_ref())));
    let state = block.state.map(|path| Rc::new(StateFile::new(path)));
    if let Some(state) = &state {
        let mut others = cf.main().upstream.tables.iter();
        if let Some(other) = others.find(|other| other.keeps(state)) {
            let (path, other) = (state.path().display(), other.name());
            let text = format!("state \"{path}\" is that of upstream_table \"{other}\" already");
            return Err(Error::at(&place, text));
        }
    }
    let plan = Plan {
        name: name.clone(),
        mode,
        brake,
        files: block.files.clone(),
        has_store: block.store.is_some(),
        state: state.clone(),
    };
    let pulse = Rc::new(OnceCell::new());
    let zone = prepared_zone(cf, size, plan, Rc::clone(&feed), Rc::clone(&pulse))?;
    let answers = cf.zone(&format!("upstream_answers {name}"), size, |_, _| Ok(()))?;
    let shared = Rc::new(SharedTable::new(name, zone, mode, brake));
    let passive = block.passive.unwrap_or_default();
    let mut writer = None;
    let feeder: Box<dyn Feeder> = match block.store {
        Some(store) => {
            let hosts = cf.main().upstream.hosts();
            let (feeder, store) = store.parts(Rc::clone(&shared), passive, hosts);
            writer = Some(store);
            feeder
        }
        None => Box::new(RouteFeeder::new(
            Rc::clone(&shared),
            block.files,
            feed,
            Rc::new(Process),
        )),
    };
    let expiry = Expiry::new(Rc::clone(&shared), Rc::new(Process));
    let names = names(cf, &shared);
    let in_flight = Rc::<InFlight>::default();
    let returner = Returner::new(Rc::clone(&shared), Rc::clone(&in_flight), Rc::new(Process));
    let mut feeders = vec![
        feeder,
        Box::new(expiry),
        Box::new(names),
        Box::new(returner),
    ];
    if let Some(store) = &writer {
        let (table, store) = (Rc::clone(&shared), Rc::clone(store));
        feeders.push(Box::new(Sweeper::new(table, store, Rc::new(Process))));
    }
    if let Some(state) = &state {
        let (table, state) = (Rc::clone(&shared), Rc::clone(state));
        feeders.push(Box::new(StateFeeder::new(table, state, Rc::new(Process))));
    }
    let checks = block.check.as_ref().map(CheckLine::heeded);
    let checks = checks.unwrap_or_default();
    if let Some(check) = block.check {
        feeders.push(Box::new(check.feeder(Rc::clone(&shared))));
    }
    let seat = Rc::clone(&shared);
    let main = cf.main();
    main.feeds.change(|scheduler| scheduler.add(seat, feeders));
    main.upstream.tables.push(UpstreamTable {
        shared,
        answers,
        store: writer,
        state,
        no_source: has_no_source.then_some(place),
        miss: block.miss.unwrap_or(404),
        passive,
        plain: block.plain.is_some(),
        drain_timeout_ms: block.drain_timeout_ms,
        checks,
        fed_by,
        pulse,
        requests: Counters::default(),
        durations: Counters::default(),
        counts: Cell::new(false),
        in_flight,
    });
    Ok(())
}

/// What asks for the names of a table's backends.
fn names(cf: &mut Conf<'_, Gatehouse>, shared: &Rc<SharedTable<Zone>>) -> NameFeeder<Zone> {
    let main = &mut cf.main().upstream;
    let servers = Box::new(NameServers::new(Rc::clone(&main.resolver)));
    NameFeeder::new(Rc::clone(shared), main.hosts(), Rc::new(Process), servers)
}

/// The table's zone; the master fills it, or leaves in `feed` what workers are to bring it to.
fn prepared_zone(
    cf: &Conf<'_, Gatehouse>,
    size: usize,
    plan: Plan,
    feed: Rc<RefCell<Feed>>,
    pulse: Rc<OnceCell<Pulse>>,
) -> Result<Zone, Error> {
    let name = format!("upstream_table {}", plan.name);
    cf.zone(&name, size, move |zone, state| {
        let old = zone.predecessor();
        let before = match (state, &old) {
            (ZoneState::Inherited, _) => Before::Kept,
            (ZoneState::New, Some(old)) => Before::Replaced(old),
            (ZoneState::New, None) => Before::Nothing,
        };
        // Workers of a configuration that stays after all go on to change their table.
        zone.if_refused(|old| {
            if let Ok(table) = Table::attach(old) {
                table.set_superseded(false);
            }
        });
        if let (Before::Nothing, Some(pulse)) = (&before, pulse.get()) {
            pulse.clear();
        }
        let mut feed = feed.borrow_mut();
        let prepared = plan.prepare(zone, &before, &Reading(zone), &mut feed);
        prepared.map_err(|e| format!("upstream_table \"{}\": {e}", plan.name))?;
        if let Some(pulse) = pulse.get().filter(|_| plan.is_fed_by_files()) {
            pulse.note(feed.is_well(), Process.time());
        }
        Ok(())
    })
}

impl UpstreamTable {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.shared.name()
    }

    /// Whether its routes are kept in this file.
    fn keeps(&self, state: &StateFile) -> bool {
        let own = self.state.as_ref();
        own.is_some_and(|own| own.path() == state.path())
    }

    /// The table in its zone, as feeders and the API have it.
    pub(super) fn shared(&self) -> &Rc<SharedTable<Zone>> {
        &self.shared
    }

    /// What writes to the store that it follows, if it does.
    pub(super) fn store(&self) -> Option<&Rc<StoreWriter>> {
        self.store.as_ref()
    }

    /// Has what feeds it note how it does.
    pub(super) fn take_pulse(&self, counters: &mut Register<'_>) {
        let Some(fed_by) = self.fed_by else {
            return;
        };
        let set = counters(&format!("{} {fed_by}", self.name()), Pulse::NUMBERS);
        if let Some(pulse) = Pulse::of(set.cells()) {
            self.shared.set_pulse(pulse);
            let _ = self.pulse.set(pulse);
        }
    }

    /// What feeds it, and how that does.
    pub(super) fn pulse(&self) -> Option<(&'static str, &Pulse)> {
        self.fed_by.zip(self.pulse.get())
    }

    /// Whether it is there, and has been filled if something is to fill it.
    pub(super) fn is_filled(&self) -> bool {
        let Some(routes) = self.routes() else {
            return false;
        };
        let pulse = self.pulse.get();
        let was_fed = pulse.is_some_and(|pulse| pulse.last_success() > 0);
        was_fed || self.fed_by.is_none() || routes.stats().routes > 0
    }

    /// How long an upgraded connection may go on after its backend is drained; None: as long as it likes.
    pub(super) fn drain_timeout_ms(&self) -> Option<u64> {
        self.drain_timeout_ms
    }

    /// Which backends a location may use; `tls`: it says `proxy_pass https://…`.
    pub(super) fn schemes(&self, tls: bool) -> Schemes {
        Schemes {
            http: !tls || self.plain,
            https: tls,
        }
    }

    /// What answers a miss.
    pub(super) fn miss(&self) -> u16 {
        self.miss
    }

    /// A lookup of it looks at requests in flight (`counts`), or may meet backends that take only so many. False when
    /// there is no memory to note them in.
    pub(super) fn is_looked_up(&self, counts: bool) -> bool {
        self.counts.set(self.counts.get() || counts);
        let words = || Counters::journal(self.name(), Journal::WORDS);
        self.in_flight.is_kept() || words().is_some_and(|words| self.in_flight.keep_in(words))
    }

    /// Whether requests in flight are counted, and where this worker notes its own.
    pub(super) fn in_flight(&self) -> (bool, Option<JournalRow<'static>>) {
        (self.counts.get(), self.in_flight.row())
    }

    /// When backends are left out.
    pub(super) fn passive(&self) -> &Passive {
        &self.passive
    }

    /// Whether active checks leave backends out.
    pub(super) fn checks(&self) -> Checks {
        self.checks
    }

    /// Where its block stands, if no line of it says where routes come from.
    pub(super) fn no_source(&self) -> Option<&ConfLine> {
        self.no_source.as_ref()
    }

    /// How keys are compared.
    pub(super) fn mode(&self) -> Match {
        self.shared.mode()
    }

    /// Where the answers of its backends are counted.
    pub(super) fn answers(&self) -> Option<Answers<'_>> {
        self.answers.words().map(Answers::new)
    }

    /// The table itself.
    pub(super) fn routes(&self) -> Option<Table<'_, AtomicU64>> {
        self.shared.routes()
    }

    /// The live words of its peers and cells.
    #[inline]
    pub(super) fn lines(&self) -> Option<Lines<'_, AtomicU64>> {
        self.shared.lines()
    }
}
