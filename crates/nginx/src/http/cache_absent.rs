//! An nginx built `--without-http-cache`: there is nothing to guard.

use crate::conf::{Conf, Error};
pub use crate::http::cache_use::{CacheGuard, CacheUse};
use crate::http::conf::Merging;
use crate::http::kind::HttpKind;
use crate::http::request::Request;

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
    /// There is no cache.
    pub fn is_for_cache(self) -> bool {
        false
    }

    /// Whether the answer comes from nginx's cache.
    pub fn served_from_cache(self) -> bool {
        false
    }
}
