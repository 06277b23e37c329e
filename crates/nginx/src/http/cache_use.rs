//! What is decided about a request and nginx's caches, whether this nginx has any or not.

use crate::http::kind::HttpKind;
use crate::http::request::Request;

/// What a request may do with a cache.
#[derive(Clone, Copy, Debug)]
pub enum CacheUse<'r> {
    /// As the configuration says.
    Free,
    /// As the configuration says, with these bytes in front of its key. They must not be the beginning of any other
    /// such bytes.
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
