//! A stream module made of the same crates as the http one: it shows that nothing they share needs
//! nginx's http. t/stream-stub/check loads it into an nginx without http.
//!
//! `stub_clock name size;` in `stream` declares a zone and has each worker count its ticks there.

use gatehouse_nginx::event::timer::{self, Slot, Tick};
use gatehouse_nginx::ffi::log;
use gatehouse_nginx::stream::kind::Stream;
use gatehouse_nginx::stream::module::StreamModule;
use gatehouse_nginx::{
    Args, Conf, Contexts, Directive, Error, Kind, Level, Zone, running, stream_module,
};
use std::sync::atomic::Ordering;

/// Configuration of whatever section the clock is in.
#[derive(Default)]
pub struct Clock {
    zone: Option<Zone>,
}

/// A module that has a clock: the directive is written once for modules of every section.
trait HasClock: Kind {
    /// Where the module keeps it.
    fn clock(main: &mut Self::Main) -> &mut Clock;
}

const fn directive<M: HasClock>() -> Directive<M> {
    Directive {
        name: c"stub_clock",
        syntax: "name size",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Exactly(2),
        text: "Declares a zone in which each worker counts its ticks.",
        set: set_clock::<M>,
    }
}

fn set_clock<M: HasClock>(cf: &mut Conf<'_, M>) -> Result<(), Error> {
    let words = cf.words()?;
    let [_, name, size] = words.as_slice() else {
        return Err(cf.wrong_arguments());
    };
    if M::clock(cf.main()).zone.is_some() {
        return Err(cf.error("is duplicate"));
    }
    let zone = cf.zone(name, cf.size(size)?, |zone, _| {
        zone.words()
            .map(|_| ())
            .ok_or_else(|| "no words".to_owned())
    })?;
    M::clock(cf.main()).zone = Some(zone);
    Ok(())
}

/// The stream module.
pub struct Stub;

const DIRECTIVES: &[Directive<Stub>] = &[directive()];
const FAMILIES: &[&[Directive<Stub>]] = &[DIRECTIVES];

stream_module!(Stub, "ngx_stream_gatehouse_stub_module", FAMILIES);

impl Kind for Stub {
    type Section = Stream;
    type Main = Clock;

    fn start_worker(main: &Clock) {
        if main.zone.is_some() {
            timer::start::<Ticking>(TICK_MS);
        }
    }
}

impl HasClock for Stub {
    fn clock(main: &mut Clock) -> &mut Clock {
        main
    }
}

impl StreamModule for Stub {
    fn prepare(_: &mut Conf<'_, Self>) -> Result<(), Error> {
        Ok(())
    }

    fn complete(cf: &mut Conf<'_, Self>) -> Result<(), Error> {
        cf.log(Level::Warn, "the stream stub is loaded");
        Ok(())
    }
}

const TICK_MS: u64 = 10;

/// Counts in the zone; says so at the third tick.
struct Ticking;

impl Tick for Ticking {
    type Module = Stub;
    const NAME: &'static str = "counting ticks";

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tick() -> Option<u64> {
        running::<Stub, _>(|clock| {
            let word = clock.zone.as_ref()?.words()?.first()?;
            if word.fetch_add(1, Ordering::Relaxed) == 2 {
                log::cycle(Level::Notice, "the stream stub has counted to three");
            }
            Some(TICK_MS)
        })
        .flatten()
    }
}
