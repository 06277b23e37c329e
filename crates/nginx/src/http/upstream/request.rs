//! What a request says about its way to a backend.

use super::address::mark_of;
use super::srv_of;
use crate::ffi::bytes;
use crate::http::kind::{HttpKind, conf_of};
use crate::http::request::Request;
use crate::sys;
use std::ptr;

impl<'r> Request<'r> {
    pub(in crate::http) fn upstream(self) -> Option<&'r sys::ngx_http_upstream_t> {
        // SAFETY: null or the request's upstream, in its pool.
        unsafe { self.fields().upstream.as_ref() }
    }

    /// Of the try of a backend that ends now: milliseconds until its answer's header, or until now without one; and the
    /// status of the answer, 0 without one.
    pub(super) fn upstream_answer(self) -> (u64, u16) {
        const NO_TIME: sys::ngx_msec_t = sys::ngx_msec_t::MAX;
        let upstream = self.fields().upstream;
        if upstream.is_null() {
            return (0, 0);
        }
        // Its `peer` may be borrowed by nginx's caller: no reference to the whole structure is made.
        // SAFETY: the request's upstream, in its pool.
        let state = unsafe { (*upstream).state };
        // SAFETY: as above.
        let started = unsafe { (*upstream).start_time };
        // SAFETY: null or the state of this try, in the request's pool.
        let (header, status) = match unsafe { state.as_ref() } {
            Some(state) => (state.header_time, state.status),
            None => (NO_TIME, 0),
        };
        // SAFETY: a plain global of nginx's single thread.
        let now = unsafe { sys::ngx_current_msec };
        let ms = if header == NO_TIME {
            now.saturating_sub(started)
        } else {
            header
        };
        (ms as u64, u16::try_from(status).unwrap_or(0))
    }

    /// The module's configuration of the `upstream` block this request is going to; None before
    /// nginx knows it.
    pub fn upstream_srv<M: HttpKind>(self) -> Option<&'r M::Srv> {
        let upstream = self.upstream()?;
        let block = if !upstream.upstream.is_null() {
            upstream.upstream
        } else {
            // SAFETY: null or the location's upstream settings.
            let named = unsafe { upstream.conf.as_ref() }.map_or(ptr::null_mut(), |c| c.upstream);
            if named.is_null() {
                self.resolved_block(upstream)?
            } else {
                named
            }
        };
        // SAFETY: a block of the live configuration.
        unsafe { srv_of::<M>(block) }
    }

    /// `proxy_pass http://$name`: the block of that name, as ngx_http_upstream_init_request finds it.
    fn resolved_block(
        self,
        upstream: &sys::ngx_http_upstream_t,
    ) -> Option<*mut sys::ngx_http_upstream_srv_conf_t> {
        // SAFETY: null or what create_request's module evaluated.
        let resolved = unsafe { upstream.resolved.as_ref()? };
        // SAFETY: lives in the request's pool.
        let host = unsafe { bytes::slice(resolved.host) };
        let module = &raw const sys::ngx_http_upstream_module;
        // SAFETY: the upstream module's own slot.
        let main: *const sys::ngx_http_upstream_main_conf_t =
            unsafe { conf_of(self.fields().main_conf, module) };
        // SAFETY: its main configuration, which outlives the request.
        let main = unsafe { &*main };
        // SAFETY: an array of pointers to blocks.
        let blocks = unsafe {
            main.upstreams
                .as_slice::<*mut sys::ngx_http_upstream_srv_conf_t>()
        };
        blocks.iter().copied().find(|block| {
            // SAFETY: blocks live as long as the configuration.
            let block = unsafe { &**block };
            // SAFETY: as above.
            let name = unsafe { bytes::slice(block.host) };
            name.eq_ignore_ascii_case(host)
                && (block.port == resolved.port || block.port == 0 && resolved.no_port != 0)
        })
    }

    /// The [mark](super::Chosen::mark) of the backend that serves it; None without one, and where its address has no room.
    pub fn backend_mark(self) -> Option<u64> {
        let upstream = self.fields().upstream;
        if upstream.is_null() {
            return None;
        }
        // SAFETY: the request's upstream, in its pool.
        let address = unsafe { (*upstream).peer.sockaddr };
        if address.is_null() {
            return None;
        }
        // SAFETY: the address that it connects to.
        unsafe { mark_of(address) }
    }

    /// Tells one upstream of a request from another; 0 before it has any.
    pub fn upstream_mark(self) -> usize {
        self.fields().upstream.addr()
    }

    /// Keeps nginx from storing the answer as a file (`proxy_store`). For a header filter: nginx looks whether to store
    /// it once the headers are sent.
    pub fn do_not_store(self) {
        // SAFETY: null or the request's upstream.
        if let Some(upstream) = unsafe { self.fields().upstream.as_mut() } {
            upstream.set_store(0);
        }
    }

    /// nginx's settings of the location's upstream.
    pub(crate) fn upstream_settings(self) -> Option<*mut sys::ngx_http_upstream_conf_t> {
        self.upstream()
            .map(|u| u.conf)
            .filter(|conf| !conf.is_null())
    }

    /// Whether the request got its upstream in the location it is in now: those settings are the location's. After an
    /// internal redirect nginx still has the upstream of the location before.
    pub fn has_upstream_of_location(self) -> bool {
        let Some(settings) = self.upstream_settings() else {
            return false;
        };
        // SAFETY: a plain global, set when the configuration was read.
        let modules = unsafe { sys::ngx_http_max_module };
        // Every module that passes requests on has them at the start of its own configuration.
        (0..modules).any(|index| {
            // SAFETY: `loc_conf` has one slot for each http module.
            let slot = unsafe { self.fields().loc_conf.add(index) };
            // SAFETY: as above.
            let conf = unsafe { slot.read() };
            conf.addr() == settings.addr()
        })
    }
}
