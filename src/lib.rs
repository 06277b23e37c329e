//! What nginx will see: the module table and the shape of its configuration.

mod cache;
mod digest;
mod geoip;
#[cfg(feature = "hooks")]
mod hooks;
mod journey;
mod keys;
#[cfg(feature = "hooks")]
mod reference;
mod refusal;
mod token;
mod upstream;
mod version;
mod words;

use gatehouse_nginx::conf::directive::Directive;
use gatehouse_nginx::http::cache::CacheGuards;
use gatehouse_nginx::http::kind::Http;
use gatehouse_nginx::http::phase::Installer;
use gatehouse_nginx::http::variable::Variable;
use gatehouse_nginx::{Conf, Error, HttpKind, HttpModule, Kind, Level, Merging, http_module};
use std::rc::Rc;

/// The http module.
pub struct Gatehouse;

/// Configuration of `http`.
#[derive(Default)]
pub struct Main {
    digest: digest::Main,
    geoip: geoip::Main,
    token: token::Main,
    upstream: upstream::Main,
    caches: Rc<CacheGuards>,
    #[cfg(feature = "hooks")]
    hooks: hooks::Main,
}

/// Configuration of an `upstream`.
#[derive(Default)]
pub struct Srv {
    token: token::Srv,
    upstream: upstream::Srv,
    #[cfg(feature = "hooks")]
    hooks: hooks::Srv,
}

/// Configuration of a level of locations.
#[derive(Default)]
pub struct Loc {
    geoip: geoip::Loc,
    token: token::Loc,
    #[cfg(feature = "hooks")]
    hooks: hooks::Loc,
}

/// State of a main request.
#[derive(Default)]
pub struct Record<'r> {
    refusal: refusal::Refusal<'r>,
    geoip: geoip::Record<'r>,
    token: token::Record<'r>,
    upstream: upstream::Record<'r>,
}

/// State of one request or subrequest.
#[derive(Default)]
pub struct Local<'r> {
    digest: digest::Local<'r>,
    arrival: journey::Arrival,
    refused: refusal::RefusedHere,
    upstream: upstream::Local<'r>,
}

const FAMILIES: &[&[Directive<Gatehouse>]] = &[
    digest::DIRECTIVES,
    token::DIRECTIVES,
    geoip::DIRECTIVES,
    upstream::DIRECTIVES,
    #[cfg(feature = "hooks")]
    hooks::DIRECTIVES,
    #[cfg(feature = "hooks")]
    hooks::tasks::DIRECTIVES,
];

http_module!(Gatehouse, "ngx_http_gatehouse_module", FAMILIES);

impl Kind for Gatehouse {
    type Section = Http;
    type Main = Main;

    fn takes_over(log: &dyn Fn(Level, &str)) {
        version::say(log);
    }

    fn start_worker(main: &Main) {
        geoip::start_worker(&main.geoip);
        upstream::start_worker(&main.upstream);
        #[cfg(feature = "hooks")]
        hooks::start_worker(&main.hooks);
    }
}

impl HttpKind for Gatehouse {
    type Srv = Srv;
    type Loc = Loc;
    type Record<'r> = Record<'r>;
    type Local<'r> = Local<'r>;
}

impl HttpModule for Gatehouse {
    const VARIABLES: &'static [&'static [Variable<Self>]] = &[
        token::VARIABLES,
        geoip::VARIABLES,
        upstream::VARIABLES,
        version::VARIABLES,
    ];

    fn prepare(cf: &mut Conf<'_, Self>) -> Result<(), Error> {
        cf.add_cache_variables::<cache::Guard>()
    }

    fn merge_loc(cf: &mut Merging<'_, Self>, parent: &Loc, child: &mut Loc) -> Result<(), Error> {
        geoip::merge(cf, &parent.geoip, &mut child.geoip);
        token::merge(cf, &parent.token, &mut child.token);
        #[cfg(feature = "hooks")]
        hooks::merge(&parent.hooks, &mut child.hooks);
        let main = cf.main();
        if main.token.in_use() || main.geoip.in_use() || main.upstream.in_use() {
            let caches = Rc::clone(&main.caches);
            cf.guard_caches(&caches)?;
        }
        Ok(())
    }

    fn complete(cf: &mut Conf<'_, Self>) -> Result<(), Error> {
        #[cfg(feature = "hooks")]
        hooks::complete(cf);
        geoip::complete(cf)?;
        upstream::complete(&cf.main().upstream)?;
        token::complete(cf)
    }

    fn install(installer: &mut Installer<'_, Self>) -> Result<(), Error> {
        #[cfg(feature = "hooks")]
        hooks::install_first(installer)?;
        // In each phase the handler added last runs first: GeoIP before tokens.
        let tokens = installer.main().token.in_use();
        let rules = installer.main().geoip.in_use();
        if tokens {
            installer.phase::<token::PostRead>()?;
            installer.phase::<token::PreAccess>()?;
            installer.phase::<token::Access>()?;
            installer.before_logs::<token::Log>()?;
        }
        if installer.main().token.in_paths() {
            installer.phase::<token::PreContent>()?;
        }
        if rules {
            installer.phase::<geoip::Access>()?;
        }
        if tokens || rules {
            installer.phase::<journey::EnterServer>()?;
            installer.phase::<journey::EnterLocation>()?;
            installer.last_in_phase::<refusal::Standing>()?;
            installer.phase::<refusal::Overrule>()?;
            installer.header_filter::<journey::Answering>();
        }
        #[cfg(feature = "hooks")]
        hooks::install(installer)?;
        Ok(())
    }
}
