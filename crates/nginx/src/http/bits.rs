//! What only C can say: bit fields of a request that bindgen's accessors do not reach; see bits.c.
//!
//! Of `ngx_http_request_t` only those of the first word (`count`) may be used without it.

#[cfg(ngx_feature = "http_cache")]
use crate::sys::ngx_http_upstream_conf_t;
use crate::sys::{ngx_http_request_t, ngx_uint_t};

unsafe extern "C" {
    /// # Safety
    /// `r` is a live request.
    pub(crate) fn gatehouse_request_internal(r: *const ngx_http_request_t) -> ngx_uint_t;

    /// # Safety
    /// `r` is a live request.
    pub(crate) fn gatehouse_request_set_external(r: *mut ngx_http_request_t);

    /// # Safety
    /// `r` is a live request.
    pub(crate) fn gatehouse_request_send_uri(r: *mut ngx_http_request_t);

    /// # Safety
    /// `r` is a live request.
    #[cfg(ngx_feature = "http_cache")]
    pub(crate) fn gatehouse_request_cached(r: *const ngx_http_request_t) -> ngx_uint_t;

    /// # Safety
    /// `conf` is nginx's settings of an upstream, merged.
    #[cfg(ngx_feature = "http_cache")]
    pub(crate) fn gatehouse_upstream_conf_caches(
        conf: *const ngx_http_upstream_conf_t,
    ) -> ngx_uint_t;
}
