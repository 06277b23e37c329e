//! nginx's error log.

use crate::ffi::cycle;
use crate::sys::ngx_log_t;

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

/// Writes one line; bytes below 0x20 and 0x7f are shown as `\xHH`, as nginx does for clients' text.
///
/// # Safety
/// `log` is null or a live log.
pub(crate) unsafe fn write(log: *mut ngx_log_t, level: Level, text: &str) {
    if log.is_null() {
        return;
    }
    // SAFETY: not null, live.
    let threshold = unsafe { (*log).log_level };
    if threshold < level as usize {
        return;
    }
    let clean = printable(text);
    // SAFETY: promised by the caller.
    unsafe { ngx::log::log_error(level as usize, log, 0, clean.as_bytes()) };
}

/// `text` without control bytes: a client must not forge log lines.
pub(crate) fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    use std::fmt::Write;
    if !text.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return text.into();
    }
    let mut clean = String::with_capacity(text.len().saturating_add(8));
    for c in text.chars() {
        if c < ' ' || c == '\x7f' {
            let _ = write!(clean, "\\x{:02X}", u32::from(c));
        } else {
            clean.push(c);
        }
    }
    clean.into()
}

/// Writes to the log of the running cycle (workers: timers, feeders).
pub fn cycle(level: Level, text: &str) {
    // SAFETY: null or the cycle's own log.
    unsafe { write(cycle::log(), level, text) };
}
