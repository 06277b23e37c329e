//! The words of a directive, and what every directive needs whatever its module.

use super::error::{ConfLine, Error};
use crate::ffi::bytes;
use crate::ffi::guard;
use crate::ffi::log::{self, Level};
use crate::ffi::pool;
use crate::ffi::process;
use crate::sys;
use std::ffi::c_char;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::ptr;

/// NGX_CONF_ERROR.
const REFUSED: *mut c_char = ptr::without_provenance_mut(usize::MAX);

/// The configuration being read, at one directive of some module.
pub struct Words<'c> {
    pub(crate) cf: *mut sys::ngx_conf_t,
    /// Whose directive it is.
    pub(crate) module: *mut sys::ngx_module_t,
    life: PhantomData<&'c ()>,
}

/// Runs a callback of the configuration being read; whether it went well. An error and a panic
/// refuse the configuration with `[emerg]`, file and line.
///
/// # Safety
/// `cf` is the live configuration being read, `module` the module that nginx calls.
pub(crate) unsafe fn read(
    cf: *mut sys::ngx_conf_t,
    module: *mut sys::ngx_module_t,
    what: &str,
    body: impl FnOnce(Words<'_>) -> Result<(), Error>,
) -> bool {
    let words = || Words {
        cf,
        module,
        life: PhantomData,
    };
    // SAFETY: the configuration being read.
    let log = unsafe { (*cf).log };
    // SAFETY: its log.
    let result = unsafe { guard::run(log, what, None, || Some(body(words()))) };
    match result {
        Some(Ok(())) => return true,
        Some(Err(error)) => words().refuse(&error),
        None => words().refuse(&Error::new(format!("internal error while {what}"))),
    }
    false
}

/// The answer of a directive.
pub(crate) const fn answer(well: bool) -> *mut c_char {
    if well { ptr::null_mut() } else { REFUSED }
}

impl Words<'_> {
    fn raw(&self) -> &sys::ngx_conf_t {
        // SAFETY: `read`'s contract; nginx does not change it while our callback runs, except in
        // `ngx_conf_parse`, during which no such reference is held.
        unsafe { &*self.cf }
    }

    /// Logs `[emerg]` with file and line.
    fn refuse(&self, error: &Error) {
        match &error.at {
            None if error.text.is_empty() => {}
            None => self.log(Level::Emerg, &error.text),
            Some(line) => self.log_at(line, Level::Emerg, &error.text),
        }
    }

    /// One line in the error log, with file and line of the directive being read.
    pub fn log(&self, level: Level, text: &str) {
        let text = match self.line() {
            Some(line) => format!("{text} in {line}"),
            None => text.to_owned(),
        };
        // SAFETY: the log of the configuration being read.
        unsafe { log::write(self.raw().log, level, &text) };
    }

    /// One line in the error log about a line read earlier.
    pub fn log_at(&self, line: impl std::fmt::Display, level: Level, text: &str) {
        // SAFETY: the log of the configuration being read.
        unsafe { log::write(self.raw().log, level, &format_args!("{text} in {line}")) };
    }

    /// The line being read; None once the file is closed.
    pub fn line(&self) -> Option<ConfLine> {
        // SAFETY: null or the open file, valid while it is read.
        let file = unsafe { self.raw().conf_file.as_ref()? };
        // SAFETY: its name lives in the configuration's pool.
        let name = unsafe { bytes::slice(file.file.name) };
        Some(ConfLine {
            file: String::from_utf8_lossy(name).into_owned(),
            line: file.line,
        })
    }

    /// The line being read, or a stand-in.
    pub fn here(&self) -> ConfLine {
        self.line().unwrap_or(ConfLine {
            file: "the configuration".into(),
            line: 0,
        })
    }

    /// The words as bytes, the directive's name first.
    pub(crate) fn raw_words(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        // SAFETY: nginx sets `args` to an array of strings before it calls a directive.
        let args = unsafe { self.raw().args.as_ref() };
        // SAFETY: it holds ngx_str_t.
        let args = args.map_or(&[][..], |args| unsafe { args.as_slice::<sys::ngx_str_t>() });
        // SAFETY: words live in the configuration's pool.
        args.iter().map(|word| unsafe { bytes::slice(*word) })
    }

    /// The directive's words, its name first.
    pub fn words(&self) -> Result<Vec<String>, Error> {
        self.raw_words()
            .map(|word| String::from_utf8(word.to_vec()))
            .collect::<Result<_, _>>()
            .map_err(|_| Error::new("a parameter is not UTF-8"))
    }

    /// The directive's name.
    pub fn name(&self) -> String {
        let name = self.raw_words().next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    /// `"NAME" directive is duplicate` and the like.
    pub fn error(&self, what: &str) -> Error {
        Error::new(format!("\"{}\" directive {what}", self.name()))
    }

    /// `invalid value "VALUE" in "NAME" directive`
    pub fn invalid(&self, value: &str) -> Error {
        let name = self.name();
        Error::new(format!("invalid value \"{value}\" in \"{name}\" directive"))
    }

    /// `invalid parameter "WORD" in "NAME" directive`
    pub fn invalid_parameter(&self, word: &str) -> Error {
        let name = self.name();
        Error::new(format!(
            "invalid parameter \"{word}\" in \"{name}\" directive"
        ))
    }

    /// `invalid number of arguments in "NAME" directive`
    pub fn wrong_arguments(&self) -> Error {
        let name = self.name();
        Error::new(format!(
            "invalid number of arguments in \"{name}\" directive"
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

    /// A file name relative to the configuration's directory, made absolute.
    pub fn path(&self, name: &str) -> Result<PathBuf, Error> {
        // SAFETY: the cycle being built.
        Self::below(unsafe { (*self.raw().cycle).conf_prefix }, name)
    }

    /// User and group of the workers, where the directives so far say so.
    pub fn workers(&self) -> Option<(u32, u32)> {
        // SAFETY: the cycle being built, whose core module has a configuration.
        unsafe { process::workers_of(self.raw().cycle) }
    }

    /// A file name relative to nginx's prefix, made absolute.
    pub fn path_of_prefix(&self, name: &str) -> Result<PathBuf, Error> {
        // SAFETY: the cycle being built.
        Self::below(unsafe { (*self.raw().cycle).prefix }, name)
    }

    fn below(prefix: sys::ngx_str_t, name: &str) -> Result<PathBuf, Error> {
        if name.starts_with('/') {
            return Ok(name.into());
        }
        // SAFETY: a string of that cycle's pool.
        let prefix = unsafe { bytes::slice(prefix) };
        let prefix = std::str::from_utf8(prefix).map_err(|_| Error::new("prefix is not UTF-8"))?;
        Ok(format!("{prefix}{name}").into())
    }

    /// Bytes of a size such as `64m`.
    pub fn size(&self, text: &str) -> Result<usize, Error> {
        let mut word = bytes::borrow(text.as_bytes());
        // SAFETY: nginx only reads the word.
        usize::try_from(unsafe { sys::ngx_parse_size(&raw mut word) })
            .map_err(|_| self.invalid(text))
    }

    /// Seconds of a time such as `30s` or `1y`; a part of a second is refused.
    pub fn seconds(&self, text: &str) -> Result<u64, Error> {
        self.time(text, 1)
    }

    /// Milliseconds of a time such as `30s`.
    pub fn milliseconds(&self, text: &str) -> Result<u64, Error> {
        self.time(text, 0)
    }

    fn time(&self, text: &str, is_seconds: sys::ngx_uint_t) -> Result<u64, Error> {
        let mut word = bytes::borrow(text.as_bytes());
        // SAFETY: nginx only reads the word.
        u64::try_from(unsafe { sys::ngx_parse_time(&raw mut word, is_seconds) })
            .map_err(|_| self.invalid(text))
    }

    /// Gives a value to the configuration's pool, which drops it at its end.
    pub(crate) fn keep<T: 'static>(&self, value: T) -> Result<*mut T, Error> {
        // SAFETY: the configuration's pool is live.
        unsafe { pool::keep(self.raw().pool, value) }
            .ok_or_else(|| Error::new("no memory for the configuration"))
    }
}
