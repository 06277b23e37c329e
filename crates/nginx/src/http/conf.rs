//! What only the configuration of `http` has: `server`s and `location`s.

use crate::conf::{Conf, Error, Words};
use crate::event::connection::milliseconds;
use crate::event::resolver::Resolver;
use crate::ffi::bytes;
use crate::http::bits;
use crate::http::content::Content;
use crate::http::kind::{HttpKind, conf_of, slot};
use crate::sys;
use std::ffi::c_void;
use std::ops::Deref;
use std::path::Path;
use std::ptr::NonNull;
use std::time::Duration;

/// nginx's own default of `resolver_timeout`.
const RESOLVER_TIMEOUT: Duration = Duration::from_secs(30);

impl<M: HttpKind> Conf<'_, M> {
    /// nginx's context of the level being read.
    pub(crate) fn context(&self) -> &sys::ngx_http_conf_ctx_t {
        // SAFETY: a `Conf` of an http module exists only inside `http`.
        let context = unsafe { (*self.cf).ctx }.cast::<sys::ngx_http_conf_ctx_t>();
        // SAFETY: there it is nginx's context, which lives as long as the configuration.
        unsafe { &*context }
    }

    /// nginx's own settings of the section.
    pub(crate) fn core_main(&self) -> *mut sys::ngx_http_core_main_conf_t {
        let core = &raw const sys::ngx_http_core_module;
        // SAFETY: the core module's own slot.
        unsafe { conf_of(self.context().main_conf, core) }
    }

    /// The level of the directive (`http`, `server` or `location`).
    pub fn loc(&mut self) -> &mut M::Loc {
        // SAFETY: the table of the level's configurations.
        let loc = unsafe { own::<M>(self.context().loc_conf) }.cast();
        // SAFETY: made by `create::<M::Loc>`; `&mut self` keeps it unique while it is held: a level
        // that is being merged has no `Conf`.
        unsafe { &mut *loc }
    }

    /// The `server` or `upstream` of the directive.
    pub fn srv(&mut self) -> &mut M::Srv {
        // Not the structure nginx passes to a directive: which level that is of depends on its row.
        // SAFETY: the table of the block's configurations.
        let srv = unsafe { own::<M>(self.context().srv_conf) }.cast();
        // SAFETY: made by `create::<M::Srv>`; `&mut self` keeps it unique while it is held.
        unsafe { &mut *srv }
    }

    /// The `resolver` of `http`, else the name servers of /etc/resolv.conf. To be asked when the whole block
    /// has been read.
    pub fn resolver(&self) -> Result<Resolver, Error> {
        let core = &raw const sys::ngx_http_core_module;
        // SAFETY: the core module's own slot.
        let core: *const sys::ngx_http_core_loc_conf_t =
            unsafe { conf_of(self.context().loc_conf, core) };
        // SAFETY: made by nginx for this level.
        let raw = unsafe { (*core).resolver };
        // SAFETY: as above.
        let timeout = unsafe { (*core).resolver_timeout };
        // NGX_CONF_UNSET_MSEC: what nginx merges into servers is not set in `http` itself.
        let timeout = if timeout == sys::ngx_msec_t::MAX {
            RESOLVER_TIMEOUT
        } else {
            Duration::from_millis(timeout as u64)
        };
        match NonNull::new(raw) {
            // SAFETY: a resolver that nginx made while it read this configuration.
            Some(raw) if unsafe { raw.as_ref() }.connections.nelts > 0 => unsafe {
                Resolver::adopt(self, raw, milliseconds(timeout))
            },
            _ => Resolver::from_file(self, Path::new("/etc/resolv.conf"), timeout),
        }
    }

    /// The name of the location being read, if it is one by the beginning of a path.
    pub fn prefix_location(&self) -> Option<&[u8]> {
        let core = &raw const sys::ngx_http_core_module;
        // SAFETY: the core module's own slot.
        let core: *const sys::ngx_http_core_loc_conf_t =
            unsafe { conf_of(self.context().loc_conf, core) };
        // SAFETY: made by nginx for this level.
        if unsafe { bits::gatehouse_location_is_prefix(core) } == 0 {
            return None;
        }
        // SAFETY: as above.
        let name = unsafe { (*core).name };
        // SAFETY: it lives as long as the configuration.
        Some(unsafe { bytes::slice(name) })
    }

    pub(crate) fn satisfies_any(&self) -> bool {
        let core = &raw const sys::ngx_http_core_module;
        // SAFETY: the core module's own slot.
        let core: *const sys::ngx_http_core_loc_conf_t =
            unsafe { conf_of(self.context().loc_conf, core) };
        // SAFETY: null or that configuration.
        unsafe { core.as_ref() }
            .is_some_and(|core| core.satisfy == sys::NGX_HTTP_SATISFY_ANY as usize)
    }
}

/// # Safety
/// A live table of configurations.
unsafe fn own<M: HttpKind>(table: *mut *mut c_void) -> *mut c_void {
    // SAFETY: promised by the caller.
    let slot = unsafe { slot::<M>(table) };
    // SAFETY: a slot of that table.
    unsafe { slot.read() }
}

/// The configuration while a level of locations is merged with the enclosing one. It does not give
/// out that level: whoever merges has it already.
pub struct Merging<'c, M: HttpKind> {
    pub(crate) conf: Conf<'c, M>,
}

impl<'c, M: HttpKind> Deref for Merging<'c, M> {
    type Target = Words<'c>;

    fn deref(&self) -> &Words<'c> {
        &self.conf
    }
}

impl<M: HttpKind> Merging<'_, M> {
    /// The `http` level.
    pub fn main(&mut self) -> &mut M::Main {
        self.conf.main()
    }

    /// The `server` the level is in.
    pub fn srv(&mut self) -> &mut M::Srv {
        self.conf.srv()
    }

    /// Whether the level is an `if` or a `limit_except` of a location: nginx does not ask the location's content handler
    /// there unless it is said again.
    pub fn is_part_of_location(&self) -> bool {
        let core = &raw const sys::ngx_http_core_module;
        // SAFETY: the core module's own slot.
        let core: *const sys::ngx_http_core_loc_conf_t =
            unsafe { conf_of(self.conf.context().loc_conf, core) };
        // SAFETY: made by nginx for this level.
        unsafe { bits::gatehouse_location_is_part(core) != 0 }
    }

    /// Has `C` answer the level being merged.
    pub fn content<C: Content>(&mut self) {
        self.conf.content::<C>();
    }

    /// As [`Conf::resolver`], for the level being merged.
    pub fn resolver(&self) -> Result<Resolver, Error> {
        self.conf.resolver()
    }

    /// Bodies of any length get through to the content handler of the location, which has a limit of its own: nginx would
    /// refuse them before it is asked.
    pub fn leave_body_size_to_content(&mut self) {
        let core = &raw const sys::ngx_http_core_module;
        // SAFETY: the core module's own slot, merged before ours.
        let core: *mut sys::ngx_http_core_loc_conf_t =
            unsafe { conf_of(self.conf.context().loc_conf, core) };
        // SAFETY: made by nginx for this level; a plain field.
        unsafe { (*core).client_max_body_size = 0 };
    }

    /// Whether the level says `satisfy any`: nginx's own settings are merged before ours.
    pub fn satisfy_any(&self) -> bool {
        self.conf.satisfies_any()
    }
}
