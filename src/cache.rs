//! What our features say about nginx's caches of upstream answers.

use crate::{Gatehouse, refusal, upstream};
use gatehouse_nginx::Request;
use gatehouse_nginx::http::cache::{CacheGuard, CacheUse};

/// The page of a refusal uses no cache. Routes share one `upstream`, so the key of an entry begins with the route's.
pub(crate) struct Guard;

impl CacheGuard for Guard {
    type Module = Gatehouse;

    fn decide(r: Request<'_>) -> CacheUse<'_> {
        if refusal::shows_refusal(r) {
            return CacheUse::Never;
        }
        upstream::cache_use(r)
    }
}
