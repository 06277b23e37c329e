//! What nginx sees of a module: its table of directives and its callbacks.

use crate::conf::{self, Conf, Error};
use crate::ffi::guard;
use crate::ffi::log::{self, Level};
use crate::http::layout;
use crate::http::phase::Installer;
use crate::http::variable::Variable;
use nginx_sys as ngx;
use std::ffi::{CStr, c_void};
use std::ops::BitOr;
use std::ptr;

/// An http module: its configuration, its request state and its tables.
///
/// # Safety
/// `module()` returns the one static that [`crate::module_table!`] made for this very type.
pub unsafe trait Module: Sized + 'static {
    /// Configuration of `http`.
    type Main: Default + 'static;
    /// Configuration of one `server` or `upstream`.
    type Srv: Default + 'static;
    /// Configuration of one `http`, `server` or `location` level.
    type Loc: Default + 'static;
    /// State of a main request, kept across its internal redirects, shared with its subrequests.
    type Record<'r>: Default;
    /// State of one request or subrequest, gone after an internal redirect.
    type Local<'r>: Default;

    /// The variables that exist whenever the module is loaded.
    const VARIABLES: &'static [&'static [Variable<Self>]];

    /// nginx's own record of the module.
    fn module() -> *mut ngx::ngx_module_t;

    /// Before the `http` block is read: adds what its lines may name.
    fn prepare(cf: &mut Conf<'_, Self>) -> Result<(), Error>;

    /// Completes `child` from `parent`, the enclosing level.
    fn merge_loc(
        cf: &mut Conf<'_, Self>,
        parent: &Self::Loc,
        child: &mut Self::Loc,
    ) -> Result<(), Error>;

    /// After the whole `http` block is read: checks what needs all of it.
    fn complete(cf: &mut Conf<'_, Self>) -> Result<(), Error>;

    /// Adds the request handlers the configuration needs.
    fn install(installer: &mut Installer<'_, Self>) -> Result<(), Error>;

    /// A configuration is about to serve, at the start and at a reload; not for `nginx -t`. Lines for
    /// its error log go to `log`.
    fn takes_over(log: &dyn Fn(Level, &str));

    /// A worker (or the only process) starts; it must not fail.
    fn start_worker(main: &Self::Main);
}

/// Where a directive may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contexts(u32);

impl Contexts {
    /// `http`
    pub const HTTP: Self = Self(ngx::NGX_HTTP_MAIN_CONF);
    /// `server`
    pub const SERVER: Self = Self(ngx::NGX_HTTP_SRV_CONF);
    /// `location`
    pub const LOCATION: Self = Self(ngx::NGX_HTTP_LOC_CONF);
    /// `upstream`
    pub const UPSTREAM: Self = Self(ngx::NGX_HTTP_UPS_CONF);
    /// `http`, `server`, `location`
    pub const ANY: Self = Self(Self::HTTP.0 | Self::SERVER.0 | Self::LOCATION.0);

    /// The names, as nginx.org prints them.
    pub fn names(self) -> Vec<&'static str> {
        [
            (Self::HTTP, "http"),
            (Self::SERVER, "server"),
            (Self::LOCATION, "location"),
            (Self::UPSTREAM, "upstream"),
        ]
        .into_iter()
        .filter(|(c, _)| self.0 & c.0 != 0)
        .map(|(_, name)| name)
        .collect()
    }
}

impl BitOr for Contexts {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How many parameters a directive takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Args {
    /// That many, 1 to 7.
    Exactly(u32),
    /// From the first to the second number, 1 to 7.
    Between(u32, u32),
    /// One or more.
    OneOrMore,
    /// Two or more.
    TwoOrMore,
    /// `on` or `off`.
    Flag,
    /// That many, then `{ … }`.
    Block(u32),
}

impl Args {
    const fn bits(self) -> u32 {
        match self {
            Self::Exactly(n) => ngx::NGX_CONF_NOARGS << n,
            Self::Between(low, high) => {
                let mut bits = 0;
                let mut n = low;
                while n <= high {
                    bits |= ngx::NGX_CONF_NOARGS << n;
                    n += 1;
                }
                bits
            }
            Self::OneOrMore => ngx::NGX_CONF_1MORE,
            Self::TwoOrMore => ngx::NGX_CONF_2MORE,
            Self::Flag => ngx::NGX_CONF_FLAG,
            Self::Block(n) => ngx::NGX_CONF_BLOCK | ngx::NGX_CONF_NOARGS << n,
        }
    }
}

/// One directive: what nginx needs to read it and what the reference says about it.
pub struct Directive<M: Module> {
    /// Its name; nginx compares it up to the NUL.
    pub name: &'static CStr,
    /// The parameters as the reference shows them, without name and semicolon.
    pub syntax: &'static str,
    /// The parameters in force when it is absent; None prints as "—".
    pub default: Option<&'static str>,
    /// Where it may stand.
    pub contexts: Contexts,
    /// How many parameters it takes.
    pub args: Args,
    /// The reference's text, Markdown.
    pub text: &'static str,
    /// Reads it.
    pub set: fn(&mut Conf<'_, M>) -> Result<(), Error>,
}

impl<M: Module> Directive<M> {
    /// The row nginx reads; `post` leads back to `self`.
    pub const fn command(&'static self) -> ngx::ngx_command_t {
        let conf = if self.contexts.0 == Contexts::HTTP.0 {
            ngx::NGX_HTTP_MAIN_CONF_OFFSET
        } else if self.contexts.0 == Contexts::UPSTREAM.0 {
            ngx::NGX_HTTP_SRV_CONF_OFFSET
        } else {
            ngx::NGX_HTTP_LOC_CONF_OFFSET
        };
        ngx::ngx_command_t {
            name: crate::ffi::bytes::borrow(self.name.to_bytes()),
            type_: (self.contexts.0 | self.args.bits()) as usize,
            set: Some(conf::set::<M>),
            conf,
            offset: 0,
            post: ptr::from_ref(self).cast_mut().cast(),
        }
    }
}

/// A row of the table nginx reads.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The directive's name.
    pub name: &'static str,
    /// Where nginx accepts it.
    pub contexts: Contexts,
    arguments: u32,
}

impl Row {
    /// Whether nginx accepts these parameters and no others.
    pub fn takes(&self, args: Args) -> bool {
        self.arguments == args.bits()
    }
}

/// The rows of the running module, as nginx reads them: up to the one without a name.
pub fn rows<M: Module>() -> Vec<Row> {
    const CONTEXTS: u32 = Contexts::ANY.0 | Contexts::UPSTREAM.0;
    // SAFETY: the module's static.
    let mut command = unsafe { (*M::module()).commands };
    let mut rows = Vec::new();
    // SAFETY: a row of the module's static table, whose last row has no name.
    while let Some(one) = unsafe { command.as_ref() }.filter(|c| !c.name.data.is_null()) {
        // SAFETY: names are literals of this library.
        let name = unsafe { crate::ffi::bytes::slice::<'static>(one.name) };
        let flags = one.type_ as u32;
        rows.push(Row {
            name: std::str::from_utf8(name).unwrap_or("(not UTF-8)"),
            contexts: Contexts(flags & CONTEXTS),
            arguments: flags & !CONTEXTS,
        });
        // SAFETY: not the last row.
        command = unsafe { command.add(1) };
    }
    rows
}

/// A static that C code reads and writes through its address.
#[repr(transparent)]
pub struct Shared<T>(pub T);

// SAFETY: nginx reads and writes its module tables from one thread per process.
unsafe impl<T> Sync for Shared<T> {}

/// The command table of the families, with the terminating empty row. `N` is their number + 1.
pub const fn commands<M: Module, const N: usize>(
    families: &[&'static [Directive<M>]],
) -> [ngx::ngx_command_t; N] {
    let mut table = [const { ngx::ngx_command_t::empty() }; N];
    let (mut row, mut family) = (0, 0);
    #[allow(clippy::indexing_slicing)] // in a const: out of bounds is a compile error
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
pub const fn count<M: Module>(families: &[&'static [Directive<M>]]) -> usize {
    let (mut n, mut family) = (0, 0);
    #[allow(clippy::indexing_slicing)] // in a const: out of bounds is a compile error
    while family < families.len() {
        n += families[family].len();
        family += 1;
    }
    n
}

/// The callbacks of an http module.
pub const fn context<M: Module>() -> ngx::ngx_http_module_t {
    ngx::ngx_http_module_t {
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

/// nginx's record of the module.
pub const fn record<M: Module>(
    context: *const ngx::ngx_http_module_t,
    commands: *const ngx::ngx_command_t,
) -> ngx::ngx_module_t {
    let mut module = ngx::ngx_module_t::default();
    module.ctx = context.cast_mut().cast();
    module.commands = commands.cast_mut();
    module.type_ = ngx::NGX_HTTP_MODULE as usize;
    module.init_module = Some(init_module::<M>);
    module.init_process = Some(init_process::<M>);
    module
}

/// A value owned by a pool: dropped with it. None when memory is short.
///
/// # Safety
/// `pool` is live.
pub(crate) unsafe fn keep<T: 'static>(pool: *mut ngx::ngx_pool_t, value: T) -> Option<*mut T> {
    // SAFETY: promised by the caller.
    let cleanup = unsafe { ngx::ngx_pool_cleanup_add(pool, 0) };
    // SAFETY: null or the fresh cleanup.
    let cleanup = unsafe { cleanup.as_mut() }?;
    let value = Box::into_raw(Box::new(value));
    cleanup.data = value.cast();
    cleanup.handler = Some(destroy::<T>);
    Some(value)
}

unsafe extern "C" fn create<T: Default + 'static>(cf: *mut ngx::ngx_conf_t) -> *mut c_void {
    // SAFETY: nginx passes the live configuration being read.
    let (pool, log) = unsafe { ((*cf).pool, (*cf).log) };
    guard::install_hook();
    // SAFETY: the configuration's pool is live.
    let body = || unsafe { keep(pool, T::default()) }.map_or(ptr::null_mut(), <*mut T>::cast);
    // SAFETY: the log is that of the configuration being read.
    unsafe { guard::run(log, "creating a configuration", ptr::null_mut(), body) }
}

unsafe extern "C" fn destroy<T>(value: *mut c_void) {
    // A reload closes the old configuration's log files before it drops the configuration
    // (ngx_init_cycle): there is no log to write to.
    // SAFETY: a null log is allowed.
    unsafe {
        guard::run(ptr::null_mut(), "dropping a configuration", (), || {
            // SAFETY: made by `keep` with Box::into_raw; nginx runs a cleanup once.
            drop(Box::from_raw(value.cast::<T>()));
        });
    }
}

unsafe extern "C" fn merge_loc<M: Module>(
    cf: *mut ngx::ngx_conf_t,
    parent: *mut c_void,
    child: *mut c_void,
) -> *mut std::ffi::c_char {
    let body = |conf: &mut Conf<'_, M>| {
        // SAFETY: both were made by `create::<M::Loc>`, are distinct and used by nobody else now.
        let (parent, child) = unsafe { (&*parent.cast::<M::Loc>(), &mut *child.cast::<M::Loc>()) };
        M::merge_loc(conf, parent, child)
    };
    // SAFETY: nginx passes the live configuration being read.
    conf::answer(unsafe { conf::read::<M>(cf, "merging a location", body) })
}

unsafe extern "C" fn preconfiguration<M: Module>(cf: *mut ngx::ngx_conf_t) -> isize {
    let body = |conf: &mut Conf<'_, M>| {
        // SAFETY: nginx passes the live configuration being read.
        unsafe { layout::check(cf) }.map_err(Error::new)?;
        let mut all = M::VARIABLES.iter().copied().flatten();
        all.try_for_each(|v| conf.add_static_variable(v))?;
        M::prepare(conf)
    };
    // SAFETY: nginx passes the live configuration being read.
    status(unsafe { conf::read::<M>(cf, "preparing the configuration", body) })
}

unsafe extern "C" fn postconfiguration<M: Module>(cf: *mut ngx::ngx_conf_t) -> isize {
    let body = |conf: &mut Conf<'_, M>| {
        M::complete(conf)?;
        M::install(&mut Installer::new(conf))?;
        // Last, so that it runs before the families' own filters.
        crate::http::failure::install();
        Ok(())
    };
    // SAFETY: nginx passes the live configuration being read.
    status(unsafe { conf::read::<M>(cf, "completing the configuration", body) })
}

/// The answer of a callback that completes the configuration.
pub(crate) const fn status(well: bool) -> isize {
    if well {
        ngx::NGX_OK as isize
    } else {
        ngx::NGX_ERROR as isize
    }
}

/// Never reports a failure: nginx would exit.
unsafe extern "C" fn init_module<M: Module>(cycle: *mut ngx::ngx_cycle_t) -> isize {
    // SAFETY: nginx passes the cycle that is about to run.
    let cycle_log = unsafe { (*cycle).log };
    let body = || {
        if crate::ffi::process::role() != crate::ffi::process::Role::Test {
            // SAFETY: the cycle's log, open by now.
            M::takes_over(&|level, text| unsafe { log::write(cycle_log, level, text) });
        }
        0
    };
    // SAFETY: the cycle's log.
    unsafe { guard::run(cycle_log, "taking over", 0, body) }
}

/// Never reports a failure: nginx would end the worker for good (nginx-limits: ngx_process.c).
unsafe extern "C" fn init_process<M: Module>(cycle: *mut ngx::ngx_cycle_t) -> isize {
    // SAFETY: nginx passes the running cycle.
    let log = unsafe { (*cycle).log };
    let body = || {
        if crate::ffi::process::serves() {
            // SAFETY: the cycle is the running one.
            if let Some(main) = unsafe { main_of_cycle::<M>(cycle) } {
                M::start_worker(main);
            }
        }
        0
    };
    // SAFETY: the cycle's log.
    unsafe { guard::run(log, "starting a worker", 0, body) }
}

/// The module's `http` configuration in a cycle; None without an `http` block.
///
/// # Safety
/// `cycle` is null or a live cycle; the result is used only while it lives.
pub(crate) unsafe fn main_of_cycle<'a, M: Module>(
    cycle: *mut ngx::ngx_cycle_t,
) -> Option<&'a M::Main> {
    // SAFETY: promised by the caller.
    let cycle = unsafe { cycle.as_ref()? };
    // SAFETY: nginx's own static; only `index` is read.
    let http = unsafe { ngx::ngx_http_module.index };
    // SAFETY: conf_ctx has one slot for each module.
    let context = unsafe { *cycle.conf_ctx.add(http) }.cast::<ngx::ngx_http_conf_ctx_t>();
    // SAFETY: null without `http`, else nginx's context of that block.
    let context = unsafe { context.as_ref()? };
    // SAFETY: the module's static; nginx has set `ctx_index` when it loaded the module.
    let index = unsafe { (*M::module()).ctx_index };
    // SAFETY: main_conf has one slot for each http module, ours made by `create::<M::Main>`.
    unsafe { (*context.main_conf.add(index)).cast::<M::Main>().as_ref() }
}

/// Calls `use_it` with the running configuration, for timers and feeders: ask again at each tick.
pub fn running<M: Module, T>(use_it: impl FnOnce(&M::Main) -> T) -> Option<T> {
    // SAFETY: ngx_cycle is the running cycle; the reference ends with this call.
    unsafe { main_of_cycle::<M>(ngx::ngx_cycle) }.map(use_it)
}

/// Makes the three symbols nginx looks for, for the one module of this library.
///
/// `module_table!(Gatehouse, "ngx_http_gatehouse_module", FAMILIES)`
#[macro_export]
macro_rules! module_table {
    ($module:ty, $name:literal, $families:expr) => {
        const _: () = {
            use $crate::http::module::{self, Shared};
            use $crate::sys;

            const N: usize = module::count::<$module>($families) + 1;
            static COMMANDS: Shared<[sys::ngx_command_t; N]> =
                Shared(module::commands::<$module, N>($families));
            static CONTEXT: Shared<sys::ngx_http_module_t> = Shared(module::context::<$module>());
            static mut MODULE: sys::ngx_module_t =
                module::record::<$module>(&raw const CONTEXT.0, (&raw const COMMANDS.0).cast());

            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            static ngx_modules: Shared<[*const sys::ngx_module_t; 2]> =
                Shared([&raw const MODULE, ::core::ptr::null()]);
            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            static ngx_module_names: Shared<[*const ::core::ffi::c_char; 2]> =
                Shared([concat!($name, "\0").as_ptr().cast(), ::core::ptr::null()]);
            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            static ngx_module_order: Shared<[*const ::core::ffi::c_char; 1]> =
                Shared([::core::ptr::null()]);

            impl $module {
                fn table() -> *mut sys::ngx_module_t {
                    &raw mut MODULE
                }
            }
        };
    };
}
