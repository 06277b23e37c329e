//! The types a module is made of, whatever block of nginx's it is configured in.

use crate::ffi::cycle;
use crate::ffi::log::Level;
use crate::sys;
use ngx::core::Status;
use std::ffi::c_void;

/// A block in which nginx configures modules: `http`, `stream`.
///
/// # Safety
/// `module()` is nginx's own module of that block, and the context that it keeps in a cycle begins
/// with the table of its modules' main configurations.
pub unsafe trait Section: 'static {
    /// The block's name.
    const NAME: &'static str;
    /// `ngx_module_t.type` of its modules.
    const MODULE_TYPE: u32;
    /// The bit of the block itself in `ngx_command_t.type`.
    const MAIN: u32;
    /// The bit of a `server`.
    const SERVER: u32;
    /// The bit of a `location`; 0 where there are none.
    const LOCATION: u32;
    /// The bit of an `upstream`.
    const UPSTREAM: u32;

    /// nginx's own module of the block.
    fn module() -> *const sys::ngx_module_t;
}

/// How the context of every section begins.
#[repr(C)]
pub(crate) struct Context {
    /// One slot for each module of the section.
    pub(crate) main_conf: *mut *mut c_void,
}

/// A module that is in nginx's table.
///
/// # Safety
/// `module()` is the one static that [`super::table::module_table!`] made for this very type.
pub unsafe trait Listed: Sized + 'static {
    /// nginx's own record of the module.
    fn module() -> *mut sys::ngx_module_t;
}

/// The types a module is made of that exist in every section, and what it does when a process
/// begins. What it does in a section is said over it: `HttpKind`, `HttpModule`.
pub trait Kind: Listed {
    /// Where it is configured.
    type Section: Section;
    /// Configuration of the whole section.
    type Main: Default + 'static;

    /// A configuration is about to serve, at the start and at a reload; not for `nginx -t`. Lines for
    /// its error log go to `log`.
    fn takes_over(log: &dyn Fn(Level, &str)) {
        let _ = log;
    }

    /// A worker (or the only process) starts; it must not fail.
    fn start_worker(main: &Self::Main) {
        let _ = main;
    }

    /// The master ends, when all its workers have (or the only process does): the last moment at which the zones are
    /// there.
    fn end_master(main: &Self::Main) {
        let _ = main;
    }
}

/// The answer of a callback that completes the configuration.
pub(crate) const fn result(well: bool) -> isize {
    if well {
        Status::NGX_OK.0
    } else {
        Status::NGX_ERROR.0
    }
}

/// The module's configuration of its section in a cycle; None without such a block.
///
/// # Safety
/// `cycle` is null or a live cycle; the result is used only while it lives.
pub(crate) unsafe fn main_of_cycle<'a, M: Kind>(
    cycle: *mut sys::ngx_cycle_t,
) -> Option<&'a M::Main> {
    // SAFETY: promised by the caller.
    let contexts = unsafe { cycle.as_ref()? }.conf_ctx;
    if contexts.is_null() {
        // The stand-in cycle of a process that starts.
        return None;
    }
    // SAFETY: nginx's own static; only `index` is read.
    let section = unsafe { (*M::Section::module()).index };
    // SAFETY: conf_ctx has one slot for each module.
    let context = unsafe { contexts.add(section) };
    // SAFETY: as above.
    let context = unsafe { context.read() }.cast::<Context>();
    // SAFETY: null without such a block, else nginx's context of that block (`Section`).
    let table = unsafe { context.as_ref()? }.main_conf;
    // SAFETY: that context's own table.
    let main = unsafe { main_in::<M>(table) };
    // SAFETY: made by `create::<M::Main>`, or null.
    unsafe { main.as_ref() }
}

/// The module's slot in a section's table of main configurations.
///
/// # Safety
/// `table` is such a table of `M::Section`, live.
pub(super) unsafe fn main_in<M: Kind>(table: *mut *mut c_void) -> *mut M::Main {
    // SAFETY: the module's static; nginx has set `ctx_index` when it loaded the module.
    let index = unsafe { (*M::module()).ctx_index };
    // SAFETY: the table has one slot for each module of the section.
    let slot = unsafe { table.add(index) };
    // SAFETY: as above.
    unsafe { slot.read() }.cast()
}

/// Calls `use_it` with the running configuration, for timers and feeders: ask again at each tick.
pub fn running<M: Kind, T>(use_it: impl FnOnce(&M::Main) -> T) -> Option<T> {
    // SAFETY: null or the running cycle; the reference ends with this call.
    unsafe { main_of_cycle::<M>(cycle::running()) }.map(use_it)
}
