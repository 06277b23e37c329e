//! Directives: what nginx needs to read them and what the reference says about them.

use super::error::Error;
use super::kind::{Kind, Section};
use super::typed::Conf;
use super::words::{Words, answer, read};
use crate::ffi::bytes;
use crate::sys;
use std::ffi::{CStr, c_char, c_void};
use std::ops::BitOr;
use std::ptr;

/// Where a directive may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contexts(u8);

impl Contexts {
    /// The section itself: `http`, `stream`.
    pub const MAIN: Self = Self(1);
    /// `server`
    pub const SERVER: Self = Self(2);
    /// `location`
    pub const LOCATION: Self = Self(4);
    /// `upstream`
    pub const UPSTREAM: Self = Self(8);
    /// The section, `server` and, where there are any, `location`.
    pub const ANY: Self = Self(1 | 2 | 4);

    /// Each context, its bit in nginx's tables and its name on nginx.org.
    const fn all<S: Section>() -> [(Self, u32, &'static str); 4] {
        [
            (Self::MAIN, S::MAIN, S::NAME),
            (Self::SERVER, S::SERVER, "server"),
            (Self::LOCATION, S::LOCATION, "location"),
            (Self::UPSTREAM, S::UPSTREAM, "upstream"),
        ]
    }

    const fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }

    const fn bits<S: Section>(self) -> u32 {
        let [main, server, location, upstream] = Self::all::<S>();
        (if self.has(Self::MAIN) { main.1 } else { 0 })
            | (if self.has(Self::SERVER) { server.1 } else { 0 })
            | (if self.has(Self::LOCATION) {
                location.1
            } else {
                0
            })
            | (if self.has(Self::UPSTREAM) {
                upstream.1
            } else {
                0
            })
    }

    fn of_bits<S: Section>(bits: u32) -> Self {
        let hit = Self::all::<S>().into_iter().filter(|row| bits & row.1 != 0);
        hit.fold(Self(0), |all, row| all | row.0)
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
            Self::Exactly(n) => sys::NGX_CONF_NOARGS << n,
            Self::Between(low, high) => {
                let mut bits = 0;
                let mut n = low;
                while n <= high {
                    bits |= sys::NGX_CONF_NOARGS << n;
                    n = n.saturating_add(1);
                }
                bits
            }
            Self::OneOrMore => sys::NGX_CONF_1MORE,
            Self::TwoOrMore => sys::NGX_CONF_2MORE,
            Self::Flag => sys::NGX_CONF_FLAG,
            Self::Block(n) => sys::NGX_CONF_BLOCK | sys::NGX_CONF_NOARGS << n,
        }
    }
}

/// One directive: what nginx needs to read it and what the reference says about it.
pub struct Directive<M: Kind> {
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

impl<M: Kind> Directive<M> {
    /// The row nginx reads; `post` leads back to `self`.
    pub(super) const fn command(&'static self) -> sys::ngx_command_t {
        sys::ngx_command_t {
            name: bytes::borrow(self.name.to_bytes()),
            type_: (self.contexts.bits::<M::Section>() | self.args.bits()) as usize,
            set: Some(set::<M>),
            // `set` does not look at the configuration that nginx finds by this: it is the section's.
            conf: 0,
            offset: 0,
            post: ptr::from_ref(self).cast_mut().cast(),
        }
    }

    /// Where it may stand, as nginx.org prints it.
    pub fn context_names(&self) -> Vec<&'static str> {
        Contexts::all::<M::Section>()
            .into_iter()
            .filter(|row| self.contexts.has(row.0) && row.1 != 0)
            .map(|row| row.2)
            .collect()
    }
}

/// `ngx_command_t.set` of every directive.
unsafe extern "C" fn set<M: Kind>(
    cf: *mut sys::ngx_conf_t,
    command: *mut sys::ngx_command_t,
    _: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx passes a row of our table.
    let directive = unsafe { (*command).post }.cast::<Directive<M>>();
    // SAFETY: `command` stored a `&'static Directive<M>` there.
    let directive = unsafe { &*directive };
    let name = directive.name.to_string_lossy();
    let what = format!("reading the \"{name}\" directive");
    let body = |words: Words<'_>| {
        // SAFETY: a directive of `M`, which nginx accepts only where its row says.
        let mut conf = unsafe { Conf::<M>::new(words)? };
        (directive.set)(&mut conf)
    };
    // SAFETY: nginx passes the live configuration being read.
    answer(unsafe { read(cf, M::module(), &what, body) })
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
pub fn rows<M: Kind>() -> Vec<Row> {
    let contexts = Contexts::all::<M::Section>();
    let contexts = contexts.iter().fold(0, |bits, row| bits | row.1);
    // SAFETY: the module's static.
    let mut command = unsafe { (*M::module()).commands };
    let mut rows = Vec::new();
    // SAFETY: a row of the module's static table, whose last row has no name.
    while let Some(one) = unsafe { command.as_ref() }.filter(|c| !c.name.data.is_null()) {
        // SAFETY: names are literals of this library.
        let name = unsafe { bytes::slice::<'static>(one.name) };
        let flags = u32::try_from(one.type_).unwrap_or(u32::MAX);
        rows.push(Row {
            name: std::str::from_utf8(name).unwrap_or("(not UTF-8)"),
            contexts: Contexts::of_bits::<M::Section>(flags),
            arguments: flags & !contexts,
        });
        // SAFETY: not the last row.
        command = unsafe { command.add(1) };
    }
    rows
}
