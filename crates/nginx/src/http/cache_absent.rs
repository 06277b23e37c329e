//! An nginx built `--without-http-cache`: there is nothing to guard.

use crate::conf::{Conf, Error};
use crate::http::conf::Merging;
use crate::http::kind::HttpKind;
use crate::http::request::Request;

/// What a request may do with a cache.
#[derive(Clone, Copy, Debug)]
pub enum CacheUse<'r> {
    /// As the configuration says.
    Free,
    /// With these bytes in front of its key.
    KeyedBy(&'r [u8]),
    /// Nothing is looked up and nothing stored.
    Never,
}

/// Decides for each request that comes to a cache.
pub trait CacheGuard: 'static {
    /// The module it belongs to.
    type Module: HttpKind;
    /// May be asked several times for one request, and must then say the same.
    fn decide(r: Request<'_>) -> CacheUse<'_>;
}

/// What is kept of the configuration: nothing.
#[derive(Default)]
pub struct CacheGuards;

impl<M: HttpKind> Conf<'_, M> {
    /// Does nothing.
    pub fn add_cache_variables<G: CacheGuard<Module = M>>(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl<M: HttpKind> Merging<'_, M> {
    /// Does nothing.
    pub fn guard_caches(&mut self, _: &CacheGuards) -> Result<(), Error> {
        Ok(())
    }
}

impl Request<'_> {
    /// Whether the answer comes from nginx's cache.
    pub fn served_from_cache(self) -> bool {
        false
    }
}
