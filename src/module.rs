//! The module and what nginx keeps for it: a field for each family, at each level and for each request.

use crate::ending::Passing;
use crate::family::Family;
#[cfg(feature = "hooks")]
use crate::hooks;
use crate::lender::Lender;
use crate::places::Places;
use crate::{digest, geoip, refusal, token, upstream};
use gatehouse_live::nginx::Feeds;
use gatehouse_nginx::http::cache::CacheGuards;
use gatehouse_nginx::{HttpKind, Records};
use std::cell::Cell;
use std::rc::Rc;

/// The http module.
pub struct Gatehouse;

/// Configuration of `http`.
#[derive(Default)]
pub struct Main {
    pub(crate) digest: digest::Main,
    pub(crate) geoip: geoip::Main,
    pub(crate) token: token::Main,
    pub(crate) upstream: upstream::Main,
    pub(crate) caches: Rc<CacheGuards>,
    pub(crate) records: Records,
    /// Some level says `satisfy any`.
    pub(crate) satisfies_any: bool,
    /// The tables whose routes have keys.
    pub(crate) lenders: Vec<Rc<dyn Lender>>,
    /// Who can say where a client is.
    pub(crate) places: Option<Places>,
    /// What keeps tables and databases current.
    pub(crate) feeds: Feeds,
    #[cfg(feature = "hooks")]
    pub(crate) hooks: hooks::Main,
    /// What the metrics and the reference are written from.
    pub(crate) families: &'static [Family],
}

/// Configuration of an `upstream`.
#[derive(Default)]
pub struct Srv {
    pub(crate) token: token::Srv,
    pub(crate) upstream: upstream::Srv,
    #[cfg(feature = "hooks")]
    pub(crate) hooks: hooks::Srv,
}

/// Configuration of a level of locations.
#[derive(Default)]
pub struct Loc {
    /// The directive that answers the requests of the location.
    pub(crate) answered_by: Option<String>,
    pub(crate) geoip: geoip::Loc,
    pub(crate) token: token::Loc,
    pub(crate) upstream: upstream::Loc,
    #[cfg(feature = "hooks")]
    pub(crate) hooks: hooks::Loc,
}

/// State of a main request.
#[derive(Default)]
pub struct Record<'r> {
    pub(crate) refusal: refusal::Refusal<'r>,
    pub(crate) geoip: geoip::Record<'r>,
    pub(crate) token: token::Record<'r>,
    /// [`Request::changes_left`] when the request came to its location; none before that.
    pub(crate) changes_left: Cell<Option<u8>>,
}

/// State of one request or subrequest.
#[derive(Default)]
pub struct Local<'r> {
    pub(crate) digest: digest::Local<'r>,
    /// The request was refused in the location where it is now.
    pub(crate) refused_here: Cell<bool>,
    /// Its connection was upgraded and may have to end.
    pub(crate) passing: Cell<Option<&'r Passing>>,
    pub(crate) upstream: upstream::Local<'r>,
}

impl HttpKind for Gatehouse {
    type Srv = Srv;
    type Loc = Loc;
    type Record<'r> = Record<'r>;
    type Local<'r> = Local<'r>;
}
