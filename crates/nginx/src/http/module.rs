//! What nginx sees of an http module: its callbacks.

use crate::conf::table::{Readable, create};
use crate::conf::{Conf, Error, Listed, Words, answer, read, result};
use crate::http::conf::Merging;
use crate::http::failure;
use crate::http::kind::{HttpKind, Records};
use crate::http::layout;
use crate::http::phase::Installer;
use crate::http::variable::Variable;
use crate::sys;
use std::ffi::{c_char, c_void};

/// What an http module does while its configuration is read.
pub trait HttpModule: HttpKind {
    /// The variables that exist whenever the module is loaded.
    const VARIABLES: &'static [&'static [Variable<Self>]];

    /// Where its configuration keeps the place of the records.
    fn records(main: &Self::Main) -> &Records;

    /// A record is made for a request; `noted` is the number noted last with it.
    fn record_begins(record: &Self::Record<'_>, noted: u8);

    /// Before the `http` block is read: adds what its lines may name.
    fn prepare(cf: &mut Conf<'_, Self>) -> Result<(), Error>;

    /// Completes `child` from `parent`, the enclosing level.
    fn merge_loc(
        cf: &mut Merging<'_, Self>,
        parent: &Self::Loc,
        child: &mut Self::Loc,
    ) -> Result<(), Error>;

    /// After the whole `http` block is read: checks what needs all of it.
    fn complete(cf: &mut Conf<'_, Self>) -> Result<(), Error>;

    /// Adds the request handlers the configuration needs.
    fn install(installer: &mut Installer<'_, Self>) -> Result<(), Error>;
}

/// nginx's table of an http module's callbacks.
pub type Callbacks = sys::ngx_http_module_t;

// SAFETY: functions only.
unsafe impl Readable for Callbacks {}

/// The callbacks of an http module.
pub const fn callbacks<M: HttpModule>() -> Callbacks {
    Callbacks {
        preconfiguration: Some(preconfiguration::<M>),
        postconfiguration: Some(postconfiguration::<M>),
        create_main_conf: Some(create::<M::Main>),
        init_main_conf: None,
        create_srv_conf: Some(create::<M::Srv>),
        merge_srv_conf: None,
        create_loc_conf: Some(create::<M::Loc>),
        merge_loc_conf: Some(merge_loc::<M>),
    }
}

/// Makes the table of the one module of this library, an http module.
///
/// `http_module!(Gatehouse, "ngx_http_gatehouse_module", FAMILIES);`
#[macro_export]
macro_rules! http_module {
    ($module:ty, $name:literal, $families:expr) => {
        $crate::conf::table::module_table!(
            $module,
            $name,
            $families,
            $crate::http::module::Callbacks,
            $crate::http::module::callbacks::<$module>(),
            $crate::event::life::living::<$module>
        );
    };
}

unsafe extern "C" fn merge_loc<M: HttpModule>(
    cf: *mut sys::ngx_conf_t,
    parent: *mut c_void,
    child: *mut c_void,
) -> *mut c_char {
    let body = |words: Words<'_>| {
        // SAFETY: nginx merges inside `http`; there is no other `Conf` now.
        let conf = unsafe { Conf::new(words)? };
        // SAFETY: made by `create::<M::Loc>`, and not the child.
        let parent = unsafe { &*parent.cast::<M::Loc>() };
        // SAFETY: likewise; `Merging` gives no other reference to it.
        let child = unsafe { &mut *child.cast::<M::Loc>() };
        M::merge_loc(&mut Merging { conf }, parent, child)
    };
    // SAFETY: nginx passes the live configuration being read.
    answer(unsafe { read(cf, <M as Listed>::module(), "merging a location", body) })
}

unsafe extern "C" fn preconfiguration<M: HttpModule>(cf: *mut sys::ngx_conf_t) -> isize {
    let body = |words: Words<'_>| {
        // Before anything else is read.
        // SAFETY: nginx passes the live configuration being read.
        unsafe { layout::check(cf) }.map_err(Error::new)?;
        // SAFETY: nginx calls `M` inside `http`; there is no other `Conf` now.
        let mut conf = unsafe { Conf::<M>::new(words)? };
        conf.reserve_records()?;
        let mut all = M::VARIABLES.iter().copied().flatten();
        all.try_for_each(|v| conf.add_static_variable(v))?;
        M::prepare(&mut conf)
    };
    let what = "preparing the configuration";
    // SAFETY: nginx passes the live configuration being read.
    result(unsafe { read(cf, <M as Listed>::module(), what, body) })
}

unsafe extern "C" fn postconfiguration<M: HttpModule>(cf: *mut sys::ngx_conf_t) -> isize {
    let body = |words: Words<'_>| {
        // SAFETY: nginx calls `M` inside `http`; there is no other `Conf` now.
        let mut conf = unsafe { Conf::<M>::new(words)? };
        M::complete(&mut conf)?;
        M::install(&mut Installer::new(&mut conf))?;
        // Last, so that it runs before the families' own filters.
        failure::install();
        Ok(())
    };
    let what = "completing the configuration";
    // SAFETY: nginx passes the live configuration being read.
    result(unsafe { read(cf, <M as Listed>::module(), what, body) })
}
