//! What nginx will see: the list of families, and how each of nginx's callbacks goes to all of them.

mod cache;
mod choice;
mod digest;
mod ending;
mod family;
mod followed;
mod geoip;
#[cfg(feature = "hooks")]
mod hooks;
mod journey;
mod judge;
mod keys;
mod lender;
mod metric;
mod module;
mod noted;
mod page;
mod places;
mod problem;
#[cfg(feature = "hooks")]
mod reference;
mod refusal;
mod report;
mod searching;
mod status;
mod token;
#[cfg(feature = "hooks")]
mod turns;
mod upgraded;
mod upstream;
mod version;
mod words;

use family::Family;
use gatehouse_live::nginx::{Feeds, Live};
use gatehouse_nginx::conf::directive::Directive;
use gatehouse_nginx::event::timer::Slot;
use gatehouse_nginx::http::kind::Http;
use gatehouse_nginx::http::phase::Installer;
use gatehouse_nginx::http::variable::Variable;
use gatehouse_nginx::{Conf, Error, HttpModule, Kind, Level, Merging, Records, http_module};
pub use module::{Gatehouse, Loc, Local, Main, Record, Srv};

/// Every family. In each phase the handlers of the last one run first: what follows a request's way
/// before countries, and these before tokens.
const FAMILIES: &[Family] = &[
    #[cfg(feature = "hooks")]
    hooks::FIRST,
    digest::FAMILY,
    token::FAMILY,
    geoip::FAMILY,
    journey::FAMILY,
    upstream::FAMILY,
    upgraded::FAMILY,
    status::FAMILY,
    #[cfg(feature = "hooks")]
    hooks::tasks::FAMILY,
    #[cfg(feature = "hooks")]
    hooks::slots::FAMILY,
    #[cfg(feature = "hooks")]
    hooks::processes::FAMILY,
    #[cfg(feature = "hooks")]
    hooks::requests::FAMILY,
    #[cfg(feature = "hooks")]
    hooks::FAMILY,
];

const DIRECTIVES: &[&[Directive<Gatehouse>]] = &family::directives::<{ FAMILIES.len() }>(FAMILIES);

http_module!(Gatehouse, "ngx_http_gatehouse_module", DIRECTIVES);

impl Kind for Gatehouse {
    type Section = Http;
    type Main = Main;

    fn takes_over(log: &dyn Fn(Level, &str)) {
        version::say(log);
    }

    fn start_worker(main: &Main) {
        gatehouse_live::nginx::start_worker::<Self>(&main.feeds);
        for family in FAMILIES {
            (family.start_worker)(main);
        }
    }

    fn end_master(main: &Main) {
        gatehouse_live::nginx::end_master(&main.feeds);
    }
}

impl Live for Gatehouse {
    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn feeds(main: &Main) -> &Feeds {
        &main.feeds
    }
}

impl HttpModule for Gatehouse {
    const VARIABLES: &'static [&'static [Variable<Self>]] =
        &family::variables::<{ FAMILIES.len() }>(FAMILIES);

    fn records(main: &Main) -> &Records {
        &main.records
    }

    fn record_begins(record: &Record<'_>, noted: u8) {
        journey::record_begins(record, noted);
    }

    fn prepare(cf: &mut Conf<'_, Self>) -> Result<(), Error> {
        cf.main().families = FAMILIES;
        cf.add_cache_variables::<cache::Guard>()
    }

    fn merge_loc(cf: &mut Merging<'_, Self>, parent: &Loc, child: &mut Loc) -> Result<(), Error> {
        let mut all = FAMILIES.iter();
        all.try_for_each(|family| (family.merge)(cf, parent, child))
    }

    fn complete(cf: &mut Conf<'_, Self>) -> Result<(), Error> {
        let mut all = FAMILIES.iter();
        all.try_for_each(|family| (family.complete)(cf))?;
        family::register(cf, FAMILIES);
        Ok(())
    }

    fn install(installer: &mut Installer<'_, Self>) -> Result<(), Error> {
        let mut all = FAMILIES.iter();
        all.try_for_each(|family| (family.install)(installer))
    }
}
