//! The test build: directives that panic on demand and a clock that can be set. None of this is in
//! a release; `scripts/check-symbols` proves it.
#![allow(clippy::panic)] // what this file is for

pub(crate) mod processes;
pub(crate) mod requests;
pub(crate) mod slots;
pub(crate) mod tasks;

use crate::family::Family;
use crate::{Gatehouse, reference};
use gatehouse_live::nginx::hooks::set_before_change;
use gatehouse_nginx::conf::directive::{Args, Contexts, Directive};
use gatehouse_nginx::event::timer::{self, Slot, Tick};
use gatehouse_nginx::ffi::process::hooks::{reloading, set_clock, stop_here};
use gatehouse_nginx::http::chain::NextFilter;
use gatehouse_nginx::http::compare_package;
use gatehouse_nginx::http::phase::{Handler, HeaderFilter, Installer, Outcome, Phase};
use gatehouse_nginx::http::upstream::{self, Address, Balancer, Chosen, Init};
use gatehouse_nginx::http::variable::Getter;
use gatehouse_nginx::{Answer, Conf, Error, Level, Request, running};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// `http`: what the configuration wants to see fail.
#[derive(Default)]
pub(crate) struct Main {
    wanted: Vec<Where>,
    redirects: bool,
    refuses: bool,
    stop_feeder: Option<PathBuf>,
    processes: processes::Main,
    slots: slots::Main,
    tasks: tasks::Main,
}

/// One level of locations.
#[derive(Default)]
pub(crate) struct Loc {
    wanted: Option<Where>,
    redirect: Option<&'static str>,
    refuses: Option<u16>,
    requests: requests::Loc,
}

/// An `upstream`.
#[derive(Default)]
pub(crate) struct Srv {
    slot: upstream::Slot,
    peer: Option<Peer>,
}

/// Where `test_panic` panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Configuration,
    Reload,
    Merge,
    Postconfiguration,
    Zone,
    Worker,
    Timer,
    Feeder,
    Variable,
    Request,
    Filter,
    Log,
}

const PLACES: &[(&str, Where)] = &[
    ("configuration", Where::Configuration),
    ("reload", Where::Reload),
    ("merge", Where::Merge),
    ("postconfiguration", Where::Postconfiguration),
    ("zone", Where::Zone),
    ("worker", Where::Worker),
    ("timer", Where::Timer),
    ("feeder", Where::Feeder),
    ("variable", Where::Variable),
    ("request", Where::Request),
    ("filter", Where::Filter),
    ("log", Where::Log),
];

/// The one peer of an `upstream` and the callback that panics.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    callback: Callback,
    address: SocketAddr,
    text: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Callback {
    Init,
    Get,
    Free,
}

/// What has to stand before the other families: its handlers run after theirs.
pub(crate) const FIRST: Family = Family {
    install: install_first,
    complete: |cf| {
        complete(cf);
        Ok(())
    },
    ..Family::NONE
};

/// What this family brings; the reference does not tell.
pub(crate) const FAMILY: Family = Family {
    directives: DIRECTIVES,
    merge: |_, parent, child| {
        merge(&parent.hooks, &mut child.hooks);
        Ok(())
    },
    install,
    start_worker: |main| start_worker(&main.hooks),
    ..Family::NONE
};

const DIRECTIVES: &[Directive<Gatehouse>] = &[
    Directive {
        name: c"test_panic",
        syntax: "configuration | reload | merge | postconfiguration | zone | worker | timer | feeder | variable | request | filter | log",
        default: None,
        contexts: Contexts::ANY,
        args: Args::Exactly(1),
        text: "Panics there. `variable`: when `$test_panic` is read. `timer`: at its first tick. `feeder`: when one is about to change a zone, once.",
        set: set_panic,
    },
    Directive {
        name: c"test_panic_upstream",
        syntax: "peer_init | peer_get | peer_free address",
        default: None,
        contexts: Contexts::UPSTREAM,
        args: Args::Exactly(2),
        text: "A balancer with one peer that panics in that callback.",
        set: set_panic_upstream,
    },
    Directive {
        name: c"test_access_redirect",
        syntax: "uri",
        default: None,
        contexts: Contexts::LOCATION,
        args: Args::Exactly(1),
        text: "An access handler that sends the request on, after ours and before nginx's own: as another module may.",
        set: |cf| {
            let uri = word(cf, 1)?.leak();
            cf.main().hooks.redirects = true;
            cf.loc().hooks.redirect = Some(uri);
            Ok(())
        },
    },
    Directive {
        name: c"test_package",
        syntax: "built nginx list",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Exactly(3),
        text: "Logs what a module that was built for such a package of Debian's says of that nginx and that list of packages.",
        set: |cf| {
            let [built, runs, list] = [word(cf, 1)?, word(cf, 2)?, word(cf, 3)?];
            let list = cf.path(&list)?;
            let said = compare_package(&built, Path::new(&runs), &list);
            let said = said.err().unwrap_or_else(|| "nothing".to_owned());
            cf.log(
                Level::Warn,
                &format!("test_package: {built} of {runs}: {said}"),
            );
            Ok(())
        },
    },
    Directive {
        name: c"test_filter_status",
        syntax: "status",
        default: None,
        contexts: Contexts::LOCATION,
        args: Args::Exactly(1),
        text: "A header filter that answers with this status instead, after ours: as another module may.",
        set: |cf| {
            let word = word(cf, 1)?;
            let status = word.parse().map_err(|_| cf.invalid(&word))?;
            cf.main().hooks.refuses = true;
            cf.loc().hooks.refuses = Some(status);
            Ok(())
        },
    },
    Directive {
        name: c"test_clock",
        syntax: "epoch",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Exactly(1),
        text: "Stops the module's clock at so many seconds since 1970.",
        set: set_test_clock,
    },
    Directive {
        name: c"test_stop_feeder",
        syntax: "path",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Exactly(1),
        text: "When this file exists, a worker that is about to change a table or a database removes it and stops (`SIGSTOP`).",
        set: set_stop_feeder,
    },
    Directive {
        name: c"test_reference",
        syntax: "folder",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Exactly(1),
        text: "Writes the reference of the other directives, Markdown, into a folder.",
        set: reference::write,
    },
];

fn word(cf: &Conf<'_, Gatehouse>, n: usize) -> Result<String, Error> {
    Ok(cf.words()?.get(n).cloned().unwrap_or_default())
}

fn set_panic(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let word = word(cf, 1)?;
    let found = PLACES.iter().find(|(name, _)| *name == word);
    let (_, place) = found.ok_or_else(|| cf.invalid(&word))?;
    match place {
        Where::Configuration => panic!("test_panic configuration"),
        Where::Reload if reloading() => panic!("test_panic reload"),
        Where::Zone => {
            cf.zone("test_panic", 1 << 16, |_, _| panic!("test_panic zone"))?;
        }
        Where::Variable => cf.add_variable::<Reader>("$test_panic", 0)?,
        _ => {}
    }
    cf.main().hooks.wanted.push(*place);
    cf.loc().hooks.wanted = Some(*place);
    Ok(())
}

fn set_panic_upstream(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let (callback, address) = (word(cf, 1)?, word(cf, 2)?);
    let callback = match callback.as_str() {
        "peer_init" => Callback::Init,
        "peer_get" => Callback::Get,
        "peer_free" => Callback::Free,
        _ => return Err(cf.invalid(&callback)),
    };
    let peer = Peer {
        callback,
        address: address.parse().map_err(|_| cf.invalid(&address))?,
        text: address.leak(),
    };
    cf.srv().hooks.peer = Some(peer);
    cf.balancer::<Panicking>()
}

fn set_test_clock(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let word = word(cf, 1)?;
    set_clock(word.parse().map_err(|_| cf.invalid(&word))?);
    Ok(())
}

fn set_stop_feeder(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let path = cf.path(&word(cf, 1)?)?;
    cf.main().hooks.stop_feeder = Some(path);
    Ok(())
}

/// Takes over what this level does not say.
fn merge(parent: &Loc, child: &mut Loc) {
    child.wanted = child.wanted.or(parent.wanted);
    if child.wanted == Some(Where::Merge) {
        panic!("test_panic merge");
    }
}

/// Says what this build is.
fn complete(cf: &mut Conf<'_, Gatehouse>) {
    cf.log(Level::Warn, "built with test hooks");
    if cf.main().hooks.wants(Where::Postconfiguration) {
        panic!("test_panic postconfiguration");
    }
}

/// Adds what runs after the handlers of the families.
fn install_first(installer: &mut Installer<'_, Gatehouse>) -> Result<(), Error> {
    if installer.main().hooks.redirects {
        installer.phase::<Elsewhere>()?;
    }
    if installer.main().hooks.refuses {
        installer.header_filter::<Refusing>();
    }
    Ok(())
}

/// `test_access_redirect`
struct Elsewhere;

impl Handler for Elsewhere {
    const PHASE: Phase = Phase::Access;
    const NAME: &'static str = "redirecting a request";

    fn run(r: Request<'_>) -> Outcome<'_> {
        match r.loc::<Gatehouse>().hooks.redirect {
            Some(uri) => Outcome::Redirect {
                uri: uri.as_bytes(),
                args: r.args(),
            },
            None => Outcome::Declined,
        }
    }
}

/// `test_filter_status`
struct Refusing;

impl HeaderFilter for Refusing {
    fn next() -> &'static NextFilter {
        static NEXT: NextFilter = NextFilter::new();
        &NEXT
    }

    fn run(_: Request<'_>) {}

    fn instead(r: Request<'_>) -> Option<u16> {
        r.loc::<Gatehouse>().hooks.refuses
    }
}

/// Adds the handlers that may panic.
fn install(installer: &mut Installer<'_, Gatehouse>) -> Result<(), Error> {
    if installer.main().hooks.wants(Where::Request) {
        installer.phase::<OnRequest>()?;
    }
    if installer.main().hooks.wants(Where::Log) {
        installer.phase::<OnLog>()?;
    }
    if installer.main().hooks.wants(Where::Filter) {
        installer.header_filter::<Filter>();
    }
    Ok(())
}

/// Starts what panics once.
fn start_worker(main: &Main) {
    set_before_change(before_change);
    if main.wants(Where::Timer) {
        timer::start::<Clockwork>(10);
    }
    if main.wants(Where::Worker) {
        panic!("test_panic worker");
    }
}

impl Main {
    fn wants(&self, place: Where) -> bool {
        self.wanted.contains(&place)
    }
}

/// A feeder of this worker is about to change a zone.
fn before_change() {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    let wanted = running::<Gatehouse, _>(|main| {
        let panics = main.hooks.wants(Where::Feeder);
        (main.hooks.stop_feeder.clone(), panics)
    });
    let (stop, panics) = wanted.unwrap_or_default();
    if stop.is_some_and(|path| std::fs::remove_file(path).is_ok()) {
        stop_here();
    }
    if panics && !PANICKED.swap(true, Ordering::Relaxed) {
        panic!("test_panic feeder");
    }
}

/// Panics where the request's location says so.
fn panic_if_wanted(r: Request<'_>, place: Where) {
    if r.loc::<Gatehouse>().hooks.wanted == Some(place) {
        panic!("test_panic {place:?}");
    }
}

/// `$test_panic`
struct Reader;

impl Getter for Reader {
    fn get(_: Request<'_>, _: usize) -> Answer<'_> {
        panic!("test_panic variable")
    }
}

struct OnRequest;

impl Handler for OnRequest {
    const PHASE: Phase = Phase::Access;
    const NAME: &'static str = "testing a request";

    fn run(r: Request<'_>) -> Outcome<'_> {
        panic_if_wanted(r, Where::Request);
        Outcome::Declined
    }
}

struct OnLog;

impl Handler for OnLog {
    const PHASE: Phase = Phase::Log;
    const NAME: &'static str = "testing a log entry";

    fn run(r: Request<'_>) -> Outcome<'_> {
        panic_if_wanted(r, Where::Log);
        Outcome::Declined
    }
}

struct Filter;

impl HeaderFilter for Filter {
    fn next() -> &'static NextFilter {
        static NEXT: NextFilter = NextFilter::new();
        &NEXT
    }

    fn run(r: Request<'_>) {
        panic_if_wanted(r, Where::Filter);
    }
}

/// Panics at its first tick and says so at its second.
struct Clockwork;

impl Tick for Clockwork {
    type Module = Gatehouse;
    const NAME: &'static str = "testing a timer";

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tick() -> Option<u64> {
        static TICKS: AtomicU32 = AtomicU32::new(0);
        match TICKS.fetch_add(1, Ordering::Relaxed) {
            0 => panic!("test_panic timer"),
            1 => gatehouse_nginx::ffi::log::cycle(Level::Notice, "test_panic timer lives on"),
            _ => {}
        }
        Some(10)
    }
}

/// The balancer of `test_panic_upstream`.
struct Panicking;

impl Balancer for Panicking {
    type Module = Gatehouse;
    type State<'r> = Peer;

    fn slot(srv: &crate::Srv) -> Option<&upstream::Slot> {
        Some(&srv.hooks.slot)
    }

    fn init<'r>(_: Request<'r>, srv: &'r crate::Srv, _: bool) -> Init<Peer> {
        match srv.hooks.peer {
            Some(peer) if peer.callback == Callback::Init => panic!("test_panic peer_init"),
            Some(state) => Init::Serve { state, tries: 1 },
            None => Init::Failed,
        }
    }

    fn get<'r>(
        _: Request<'r>,
        peer: &mut Peer,
        room: &mut [u8; upstream::NAME_MAX],
    ) -> Option<Chosen<'r>> {
        if peer.callback == Callback::Get {
            panic!("test_panic peer_get");
        }
        room.get_mut(..peer.text.len())?
            .copy_from_slice(peer.text.as_bytes());
        Some(Chosen {
            address: Address::Inet(peer.address),
            name: peer.text.len(),
            tls: None,
            mark: 0,
        })
    }

    fn free<'r>(_: Request<'r>, peer: &mut Peer, _: &upstream::Tried) {
        if peer.callback == Callback::Free {
            panic!("test_panic peer_free");
        }
    }
}
