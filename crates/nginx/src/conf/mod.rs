//! Reading the configuration.

use crate::ffi::bytes;
use crate::ffi::guard;
use crate::ffi::log::{self, Level};
use crate::http::module::{Directive, Module};
use crate::http::value::Expression;
use crate::http::variable::{self, Getter, Index, Owner, Variable};
use nginx_sys as ngx;
use std::ffi::{c_char, c_void};
use std::marker::PhantomData;
use std::path::PathBuf;
use std::ptr;

/// NGX_CONF_ERROR.
pub(crate) const REFUSED: *mut c_char = ptr::without_provenance_mut(usize::MAX);

/// Why a configuration is refused; nginx adds file and line.
#[derive(Clone, Debug)]
pub struct Error {
    text: String,
    place: Option<Place>,
}

impl Error {
    /// With this text, at the line being read.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            place: None,
        }
    }

    /// Refused, and the reason has been logged already.
    pub(crate) const fn logged() -> Self {
        Self {
            text: String::new(),
            place: None,
        }
    }

    /// With this text, at a line read earlier.
    pub fn at(place: &Place, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            place: Some(place.clone()),
        }
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// A line of a configuration file, kept for errors found later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's full name.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The configuration being read, at one directive.
pub struct Conf<'c, M: Module> {
    pub(crate) cf: *mut ngx::ngx_conf_t,
    life: PhantomData<&'c ()>,
    module: PhantomData<fn(M)>,
}

/// `ngx_command_t.set` of every directive.
pub(crate) unsafe extern "C" fn set<M: Module>(
    cf: *mut ngx::ngx_conf_t,
    command: *mut ngx::ngx_command_t,
    _: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx passes a row of our table, whose `post` is a `&'static Directive<M>`.
    let directive = unsafe { &*(*command).post.cast::<Directive<M>>() };
    let name = directive.name.to_string_lossy();
    let what = format!("reading the \"{name}\" directive");
    // SAFETY: nginx passes the live configuration being read.
    answer(unsafe { read::<M>(cf, &what, directive.set) })
}

/// Runs a callback of the configuration being read; whether it went well. An error and a panic
/// refuse the configuration with `[emerg]`, file and line.
///
/// # Safety
/// `cf` is the live configuration being read.
pub(crate) unsafe fn read<M: Module>(
    cf: *mut ngx::ngx_conf_t,
    what: &str,
    body: impl FnOnce(&mut Conf<'_, M>) -> Result<(), Error>,
) -> bool {
    // SAFETY: promised by the caller.
    let mut conf = unsafe { Conf::<M>::new(cf) };
    // SAFETY: the log of the configuration being read.
    let result = unsafe { guard::run((*cf).log, what, None, || Some(body(&mut conf))) };
    match result {
        Some(Ok(())) => return true,
        Some(Err(error)) => conf.refuse(&error),
        None => conf.refuse(&Error::new(format!("internal error while {what}"))),
    }
    false
}

/// The answer of a directive.
pub(crate) fn answer(well: bool) -> *mut c_char {
    if well { ptr::null_mut() } else { REFUSED }
}

impl<M: Module> Conf<'_, M> {
    /// # Safety
    /// `cf` is the live configuration being read.
    pub(crate) unsafe fn new(cf: *mut ngx::ngx_conf_t) -> Self {
        Self {
            cf,
            life: PhantomData,
            module: PhantomData,
        }
    }

    fn raw(&self) -> &ngx::ngx_conf_t {
        // SAFETY: `new`'s contract; nginx does not change it while our callback runs, except in
        // `ngx_conf_parse`, during which no such reference is held.
        unsafe { &*self.cf }
    }

    /// Logs `[emerg]` with file and line.
    fn refuse(&self, error: &Error) {
        match &error.place {
            None if error.text.is_empty() => {}
            None => self.log(Level::Emerg, &error.text),
            // SAFETY: the log of the configuration being read.
            Some(place) => unsafe {
                log::write(
                    self.raw().log,
                    Level::Emerg,
                    &format!("{} in {place}", error.text),
                );
            },
        }
    }

    /// One line in the error log, with file and line of the directive being read.
    pub fn log(&self, level: Level, text: &str) {
        let text = match self.place() {
            Some(place) => format!("{text} in {place}"),
            None => text.to_owned(),
        };
        // SAFETY: the log of the configuration being read.
        unsafe { log::write(self.raw().log, level, &text) };
    }

    /// One line in the error log about a line read earlier.
    pub fn log_at(&self, place: impl std::fmt::Display, level: Level, text: &str) {
        // SAFETY: the log of the configuration being read.
        unsafe { log::write(self.raw().log, level, &format!("{text} in {place}")) };
    }

    /// Whether the level of locations being merged says `satisfy any`.
    pub fn satisfy_any(&self) -> bool {
        // SAFETY: the core module's own index.
        let index = unsafe { ngx::ngx_http_core_module.ctx_index };
        // SAFETY: null, or inside `http` nginx's http context.
        let context = unsafe { self.raw().ctx.cast::<ngx::ngx_http_conf_ctx_t>().as_ref() };
        let Some(context) = context else { return false };
        // SAFETY: its slot holds the core module's location configuration, merged before ours.
        let core = unsafe { *context.loc_conf.add(index) }.cast::<ngx::ngx_http_core_loc_conf_t>();
        // SAFETY: null or that configuration.
        unsafe { core.as_ref() }
            .is_some_and(|core| core.satisfy == ngx::NGX_HTTP_SATISFY_ANY as usize)
    }

    /// The line being read; None once the file is closed.
    pub fn place(&self) -> Option<Place> {
        // SAFETY: null or the open file, valid while it is read.
        let file = unsafe { self.raw().conf_file.as_ref()? };
        // SAFETY: its name lives in the configuration's pool.
        let name = unsafe { bytes::slice(file.file.name) };
        Some(Place {
            file: String::from_utf8_lossy(name).into_owned(),
            line: file.line,
        })
    }

    /// The line being read, or a stand-in.
    pub fn here(&self) -> Place {
        self.place().unwrap_or(Place {
            file: "the configuration".into(),
            line: 0,
        })
    }

    fn raw_args(&self) -> Vec<ngx::ngx_str_t> {
        // SAFETY: nginx sets `args` to an array of strings before it calls a directive.
        unsafe { self.raw().args.as_ref() }
            // SAFETY: it holds ngx_str_t.
            .map(|args| unsafe { args.as_slice::<ngx::ngx_str_t>() }.to_vec())
            .unwrap_or_default()
    }

    /// The directive's words, its name first.
    pub fn words(&self) -> Result<Vec<String>, Error> {
        self.raw_args()
            .into_iter()
            // SAFETY: words live in the configuration's pool.
            .map(|word| String::from_utf8(unsafe { bytes::slice(word) }.to_vec()))
            .collect::<Result<_, _>>()
            .map_err(|_| Error::new("a parameter is not UTF-8"))
    }

    /// The directive's name.
    pub fn name(&self) -> String {
        self.raw_args().first().map_or_else(String::new, |word| {
            // SAFETY: words live in the configuration's pool.
            String::from_utf8_lossy(unsafe { bytes::slice(*word) }).into_owned()
        })
    }

    /// `"NAME" directive is duplicate` and the like.
    pub fn error(&self, what: &str) -> Error {
        Error::new(format!("\"{}\" directive {what}", self.name()))
    }

    /// `invalid value "VALUE" in "NAME" directive`
    pub fn invalid(&self, value: &str) -> Error {
        Error::new(format!(
            "invalid value \"{value}\" in \"{}\" directive",
            self.name()
        ))
    }

    /// `invalid parameter "WORD" in "NAME" directive`
    pub fn invalid_parameter(&self, word: &str) -> Error {
        Error::new(format!(
            "invalid parameter \"{word}\" in \"{}\" directive",
            self.name()
        ))
    }

    /// `invalid number of arguments in "NAME" directive`
    pub fn wrong_arguments(&self) -> Error {
        Error::new(format!(
            "invalid number of arguments in \"{}\" directive",
            self.name()
        ))
    }

    /// Reads `on` or `off`.
    pub fn flag(&self) -> Result<bool, Error> {
        match self.words()?.get(1).map(String::as_str) {
            Some(w) if w.eq_ignore_ascii_case("on") => Ok(true),
            Some(w) if w.eq_ignore_ascii_case("off") => Ok(false),
            other => Err(Error::new(format!(
                "invalid value \"{}\" in \"{}\" directive, it must be \"on\" or \"off\"",
                other.unwrap_or_default(),
                self.name()
            ))),
        }
    }

    fn slot<T>(&self, table: fn(&ngx::ngx_http_conf_ctx_t) -> *mut *mut c_void) -> Option<*mut T> {
        // SAFETY: inside `http`, `ctx` is nginx's http context.
        let context = unsafe { self.raw().ctx.cast::<ngx::ngx_http_conf_ctx_t>().as_ref()? };
        // SAFETY: the module's static; `ctx_index` is set when a module is loaded.
        let index = unsafe { (*M::module()).ctx_index };
        // SAFETY: each table has one slot for each http module.
        Some(unsafe { *table(context).add(index) }.cast())
    }

    /// The `http` level.
    #[allow(clippy::expect_used)] // nginx calls us only inside `http`
    pub fn main(&mut self) -> &mut M::Main {
        let main = self.slot::<M::Main>(|c| c.main_conf).expect("inside http");
        // SAFETY: made by `create::<M::Main>`; `&mut self` keeps it unique while it is held.
        unsafe { &mut *main }
    }

    /// The level of the directive (`http`, `server` or `location`).
    #[allow(clippy::expect_used)] // nginx calls us only inside `http`
    pub fn loc(&mut self) -> &mut M::Loc {
        let loc = self.slot::<M::Loc>(|c| c.loc_conf).expect("inside http");
        // SAFETY: made by `create::<M::Loc>`; `&mut self` keeps it unique while it is held.
        unsafe { &mut *loc }
    }

    /// The `server` or `upstream` of the directive.
    #[allow(clippy::expect_used)] // nginx calls us only inside `http`
    pub fn srv(&mut self) -> &mut M::Srv {
        // Not the structure nginx passes to a directive: which level that is of depends on its row.
        let srv = self.slot::<M::Srv>(|c| c.srv_conf).expect("inside http");
        // SAFETY: made by `create::<M::Srv>`; `&mut self` keeps it unique while it is held.
        unsafe { &mut *srv }
    }

    /// Compiles an nginx expression with variables; nginx itself logs why it cannot.
    pub fn compile(&mut self, text: &[u8]) -> Result<Expression, Error> {
        // SAFETY: `cf` is live.
        unsafe { Expression::compile(self.cf, text) }.ok_or_else(Error::logged)
    }

    /// Compiles the n-th word of the directive.
    pub fn compile_word(&mut self, n: usize) -> Result<Expression, Error> {
        let word = self.raw_args().get(n).copied();
        let word = word.ok_or_else(|| self.error("needs more parameters"))?;
        // SAFETY: words live in the configuration's pool.
        self.compile(unsafe { bytes::slice(word) })
    }

    /// A file name relative to the configuration's directory, made absolute.
    pub fn path(&self, name: &str) -> Result<PathBuf, Error> {
        // SAFETY: the cycle being built has its conf_prefix.
        let prefix = unsafe { bytes::slice((*self.raw().cycle).conf_prefix) };
        if name.starts_with('/') {
            return Ok(name.into());
        }
        let prefix = std::str::from_utf8(prefix).map_err(|_| Error::new("prefix is not UTF-8"))?;
        Ok(format!("{prefix}{name}").into())
    }

    /// Gives a value to the configuration's pool, which drops it at its end.
    pub(crate) fn keep<T: 'static>(&self, value: T) -> Result<*mut T, Error> {
        // SAFETY: the configuration's pool is live.
        unsafe { crate::http::module::keep(self.raw().pool, value) }
            .ok_or_else(|| Error::new("no memory for the configuration"))
    }

    /// Adds a variable computed by `G` with `data`.
    pub fn add_variable<G: Getter>(&mut self, name: &str, data: usize) -> Result<(), Error> {
        let Some(bare) = name.strip_prefix('$').filter(|n| !n.is_empty()) else {
            return Err(Error::new(format!("invalid variable name \"{name}\"")));
        };
        // SAFETY: `cf` is live.
        unsafe { variable::add::<G>(self.cf, bare, data, Owner::Anybody) }
            .ok_or_else(|| Error::new(format!("variable \"{name}\" could not be added")))
    }

    /// Adds a variable, named without `$`, that no configuration may define itself.
    #[cfg(ngx_feature = "http_cache")]
    pub(crate) fn add_own_variable<G: Getter>(
        &mut self,
        name: &str,
        data: usize,
    ) -> Result<(), Error> {
        // SAFETY: `cf` is live.
        unsafe { variable::add::<G>(self.cf, name, data, Owner::Module) }
            .ok_or_else(|| Error::new(format!("variable \"{name}\" could not be added")))
    }

    pub(crate) fn add_static_variable(
        &mut self,
        variable: &'static Variable<M>,
    ) -> Result<(), Error> {
        let data = ptr::from_ref(variable) as usize;
        // SAFETY: `cf` is live; the getter turns `data` back into the static.
        unsafe { variable::add::<variable::Fixed<M>>(self.cf, variable.name, data, Owner::Anybody) }
            .ok_or_else(|| Error::new(format!("variable \"{}\" could not be added", variable.name)))
    }

    /// The indexes of the variables nginx keeps values of whose names are `wanted`.
    pub fn remembered_variables(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<Index> {
        // SAFETY: inside `http`, `ctx` is nginx's http context.
        let context = unsafe { &*self.raw().ctx.cast::<ngx::ngx_http_conf_ctx_t>() };
        // SAFETY: the core module's own index.
        let index = unsafe { ngx::ngx_http_core_module.ctx_index };
        // SAFETY: its slot holds its main configuration.
        let core =
            unsafe { &*(*context.main_conf.add(index)).cast::<ngx::ngx_http_core_main_conf_t>() };
        // SAFETY: an array of variables, empty (null) when no configuration names one.
        let all = unsafe { core.variables.as_slice::<ngx::ngx_http_variable_t>() };
        // SAFETY: names live in the configuration's pool.
        let name = |v: &ngx::ngx_http_variable_t| unsafe { bytes::slice(v.name) };
        let hit = |v: &&ngx::ngx_http_variable_t| std::str::from_utf8(name(v)).is_ok_and(&wanted);
        all.iter().filter(hit).map(|v| Index(v.index)).collect()
    }

    /// Reads `{ … }`: each line of it is given to `line` together with `block`; `include` works.
    pub fn block<B>(
        &mut self,
        block: &mut B,
        line: fn(&mut Conf<'_, M>, &mut B) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut state = Block::<M, B> { block, line };
        // SAFETY: a bitwise copy to restore; nginx's own blocks (geo, map) do the same.
        let saved = unsafe { self.cf.read() };
        // SAFETY: `cf` is live and ours to change until it is restored.
        unsafe {
            (*self.cf).handler = Some(block_line::<M, B>);
            (*self.cf).handler_conf = (&raw mut state).cast();
        }
        // SAFETY: `cf` is live; the handler gets `state`, which outlives the call.
        let answer = unsafe { ngx::ngx_conf_parse(self.cf, ptr::null_mut()) };
        // SAFETY: puts back what was there.
        unsafe { self.cf.write(saved) };
        if answer.is_null() {
            Ok(())
        } else {
            Err(Error::logged())
        }
    }

    /// `unknown directive "x" in token_profile`
    pub fn unknown(&self, block: &str) -> Error {
        Error::new(format!("unknown directive \"{}\" in {block}", self.name()))
    }
}

struct Block<'b, M: Module, B> {
    block: &'b mut B,
    line: fn(&mut Conf<'_, M>, &mut B) -> Result<(), Error>,
}

unsafe extern "C" fn block_line<M: Module, B>(
    cf: *mut ngx::ngx_conf_t,
    _: *mut ngx::ngx_command_t,
    state: *mut c_void,
) -> *mut c_char {
    let body = |conf: &mut Conf<'_, M>| {
        // SAFETY: `Conf::block` passes its `Block`, unique while nginx parses.
        let state = unsafe { &mut *state.cast::<Block<'_, M, B>>() };
        if conf.name() != "include" {
            return (state.line)(conf, state.block);
        }
        // nginx counts the arguments of its own directives; include takes the second word unasked.
        if conf.raw_args().len() != 2 {
            return Err(conf.wrong_arguments());
        }
        // SAFETY: ngx_conf_include reads `cf->args` and parses with the same handler.
        let answer = unsafe { ngx::ngx_conf_include(cf, ptr::null_mut(), ptr::null_mut()) };
        answer.is_null().then_some(()).ok_or_else(Error::logged)
    };
    // SAFETY: nginx passes the live configuration being read.
    answer(unsafe { read::<M>(cf, "reading a block", body) })
}
