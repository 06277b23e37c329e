//! What nginx reads of a library: the module's record, its table of directives, its callbacks.

use super::directive::Directive;
use super::kind::{Kind, Section};
use crate::ffi::guard;
use crate::ffi::pool;
use crate::sys;
use std::ffi::c_void;
use std::ptr;

/// What a library lets nginx read: plain tables of C.
///
/// # Safety
/// Any number of threads may read such a value at once.
pub unsafe trait Readable: 'static {}

// SAFETY: all of them are numbers, addresses and functions, without interior mutability.
unsafe impl<const N: usize> Readable for [sys::ngx_command_t; N] {}
// SAFETY: as above.
unsafe impl<const N: usize> Readable for [*const sys::ngx_module_t; N] {}
// SAFETY: as above.
unsafe impl<const N: usize> Readable for [*const std::ffi::c_char; N] {}

/// A static that nginx reads through its address, and nobody writes.
#[repr(transparent)]
pub struct Static<T: Readable>(T);

// SAFETY: `Readable`; nobody gets a mutable reference to a static.
unsafe impl<T: Readable> Sync for Static<T> {}

impl<T: Readable> Static<T> {
    /// For a static.
    pub const fn new(value: T) -> Self {
        Self(value)
    }
}

/// The command table of the families, with the terminating empty row. `N` is their number + 1.
pub const fn commands<M: Kind, const N: usize>(
    families: &[&'static [Directive<M>]],
) -> [sys::ngx_command_t; N] {
    let mut table = [const { sys::ngx_command_t::empty() }; N];
    let (mut row, mut family) = (0, 0);
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    // a const: errors of compiling
    while family < families.len() {
        let mut one = 0;
        while one < families[family].len() {
            table[row] = families[family][one].command();
            row += 1;
            one += 1;
        }
        family += 1;
    }
    table
}

/// How many directives the families have.
pub const fn count<M: Kind>(families: &[&'static [Directive<M>]]) -> usize {
    let (mut n, mut family) = (0, 0);
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    // a const: errors of compiling
    while family < families.len() {
        n += families[family].len();
        family += 1;
    }
    n
}

/// nginx's record of the module; `context` has the callbacks of its section. What it does in a process is
/// not in it: the event loop's room adds that.
pub const fn record<M: Kind>(
    context: *const c_void,
    commands: *const sys::ngx_command_t,
) -> sys::ngx_module_t {
    let mut module = sys::ngx_module_t::default();
    module.ctx = context.cast_mut();
    module.commands = commands.cast_mut();
    module.type_ = M::Section::MODULE_TYPE as usize;
    module
}

/// Makes a configuration of one level: `create_main_conf` and the like.
pub(crate) unsafe extern "C" fn create<T: Default + 'static>(
    cf: *mut sys::ngx_conf_t,
) -> *mut c_void {
    guard::install_hook();
    // SAFETY: nginx passes the live configuration being read.
    let cf = unsafe { &*cf };
    // SAFETY: the configuration's pool is live.
    let body =
        || unsafe { pool::keep(cf.pool, T::default()) }.map_or(ptr::null_mut(), <*mut T>::cast);
    // SAFETY: the log is that of the configuration being read.
    unsafe { guard::run(cf.log, "creating a configuration", ptr::null_mut(), body) }
}

/// Makes the three symbols nginx looks for, for the one module of this library, whose section has these
/// callbacks; `living` adds to its record what it does in a process. Each section has a macro over this
/// one: `http_module!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __module_table {
    ($module:ty, $name:literal, $families:expr, $callbacks:ty, $context:expr, $living:expr) => {
        const _: () = {
            use $crate::conf::table::{self, Static};
            use $crate::sys;

            const N: usize = table::count::<$module>($families) + 1;
            static COMMANDS: Static<[sys::ngx_command_t; N]> =
                Static::new(table::commands::<$module, N>($families));
            static CONTEXT: Static<$callbacks> = Static::new($context);
            static mut MODULE: sys::ngx_module_t = ($living)(table::record::<$module>(
                (&raw const CONTEXT).cast(),
                (&raw const COMMANDS).cast(),
            ));

            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            static ngx_modules: Static<[*const sys::ngx_module_t; 2]> =
                Static::new([&raw const MODULE, ::core::ptr::null()]);
            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            static ngx_module_names: Static<[*const ::core::ffi::c_char; 2]> =
                Static::new([concat!($name, "\0").as_ptr().cast(), ::core::ptr::null()]);
            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            static ngx_module_order: Static<[*const ::core::ffi::c_char; 1]> =
                Static::new([::core::ptr::null()]);

            // SAFETY: the static above, made for this type.
            unsafe impl $crate::conf::Listed for $module {
                fn module() -> *mut sys::ngx_module_t {
                    &raw mut MODULE
                }
            }
        };
    };
}

pub use __module_table as module_table;
