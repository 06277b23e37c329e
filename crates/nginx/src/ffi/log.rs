//! nginx's error log.

use crate::ffi::cycle;
use crate::sys::ngx_log_t;
use ngx::log::LOG_BUFFER_SIZE;
use std::fmt::{self, Display, Formatter, Write};
use std::mem::MaybeUninit;

/// Levels of `error_log` that we use; numbers as in nginx's ngx_log.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `emerg`: the configuration is refused.
    Emerg = 1,
    /// `alert`: a fault of our own.
    Alert = 2,
    /// `error`.
    Error = 4,
    /// `warn`.
    Warn = 5,
    /// `notice`.
    Notice = 6,
    /// `info`.
    Info = 7,
}

impl Level {
    /// The levels of a `…_log_level` directive and their names.
    pub const NAMED: [(&str, Self); 4] = [
        ("info", Self::Info),
        ("notice", Self::Notice),
        ("warn", Self::Warn),
        ("error", Self::Error),
    ];

    /// The level of a name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::NAMED
            .iter()
            .find(|row| row.0 == word)
            .map(|row| row.1)
    }
}

/// Whether a log takes lines of this level.
///
/// # Safety
/// `log` is null or a live log.
pub(crate) unsafe fn takes(log: *const ngx_log_t, level: Level) -> bool {
    // SAFETY: promised by the caller.
    unsafe { log.as_ref() }.is_some_and(|log| log.log_level >= level as usize)
}

/// Writes one line, if the log takes lines of this level.
///
/// # Safety
/// `log` is null or a live log.
pub(crate) unsafe fn write(log: *mut ngx_log_t, level: Level, text: &dyn Display) {
    // SAFETY: promised by the caller.
    if unsafe { takes(log, level) } {
        let mut room = LineRoom::empty();
        // SAFETY: promised by the caller.
        unsafe { write_line(log, level, room.line(text)) };
    }
}

/// The same, with a text that is put together already.
///
/// # Safety
/// `log` is null or a live log.
pub(crate) unsafe fn write_line(log: *mut ngx_log_t, level: Level, line: Line<'_>) {
    // SAFETY: promised by the caller.
    if unsafe { takes(log, level) } {
        // SAFETY: not null, live.
        unsafe { ngx::log::log_error(level as usize, log, 0, line.0) };
    }
}

/// The text of a line, as the log is to have it: without control bytes. A client must not forge lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Line<'a>(pub(crate) &'a [u8]);

/// Where a line is put together, without the heap. What is longer is cut, as nginx cuts it.
pub struct LineRoom([MaybeUninit<u8>; LOG_BUFFER_SIZE]);

impl LineRoom {
    /// An empty one.
    #[inline]
    pub fn empty() -> Self {
        Self([const { MaybeUninit::uninit() }; LOG_BUFFER_SIZE])
    }

    /// What a value displays; its bytes below 0x20 and 0x7f become `\xHH`, as nginx shows clients' text.
    pub fn line(&mut self, text: &dyn Display) -> Line<'_> {
        Line(ngx::log::write_fmt(
            &mut self.0,
            format_args!("{}", Printable(text)),
        ))
    }
}

/// Shows a value without its control bytes.
struct Printable<'a>(&'a dyn Display);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Cleaner(f), "{}", self.0)
    }
}

struct Cleaner<'a, 'f>(&'a mut Formatter<'f>);

impl Write for Cleaner<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // All bytes, one way or the other: so many are looked at in one step.
        let has_control = |found, byte: u8| found | byte.is_ascii_control();
        if !text.bytes().fold(false, has_control) {
            return self.0.write_str(text);
        }
        text.chars().try_for_each(|c| {
            if c.is_ascii_control() {
                write!(self.0, "\\x{:02X}", u32::from(c))
            } else {
                self.0.write_char(c)
            }
        })
    }
}

/// Writes to the log of the running cycle (workers: timers, feeders).
pub fn cycle(level: Level, text: &str) {
    // SAFETY: null or the cycle's own log.
    unsafe { write(cycle::log(), level, &text) };
}
