//! nginx expressions: text with variables.

use crate::conf::{Conf, Error};
use crate::ffi::bytes;
use crate::ffi::pool;
use crate::http::kind::HttpKind;
use crate::http::request::Request;
use crate::http::variable;
use crate::sys;
use std::mem::MaybeUninit;

/// A compiled expression (`ngx_http_complex_value_t`), owned by the configuration.
pub struct Expression {
    raw: Box<sys::ngx_http_complex_value_t>,
    /// What it is made of, when that is texts and named variables only: joined here, since nginx's
    /// script engine takes two passes. Empty for all else.
    parts: Vec<Part>,
}

/// A piece of an expression.
enum Part {
    Text(Box<[u8]>),
    /// A variable's index.
    Variable(usize),
}

/// Most pieces of an expression that are joined here.
const MOST_PARTS: usize = 16;

impl Expression {
    /// # Safety
    /// `cf` is the live configuration being read.
    pub(crate) unsafe fn compile(cf: *mut sys::ngx_conf_t, text: &[u8]) -> Option<Self> {
        // SAFETY: promised by the caller.
        let memory = unsafe { (*cf).pool };
        // SAFETY: the configuration's pool outlives what is compiled from it.
        let copy = unsafe { pool::alloc(memory, text.len()) }?;
        copy.copy_from_slice(text);
        let mut value = bytes::borrow(copy);
        // SAFETY: plain C data for which zero is the documented start.
        let mut raw: Box<sys::ngx_http_complex_value_t> =
            Box::new(unsafe { MaybeUninit::zeroed().assume_init() });
        // SAFETY: as above.
        let mut compile: sys::ngx_http_compile_complex_value_t =
            unsafe { MaybeUninit::zeroed().assume_init() };
        compile.cf = cf;
        compile.value = &raw mut value;
        compile.complex_value = &raw mut *raw;
        // SAFETY: all three pointers are live for the call.
        let status = unsafe { sys::ngx_http_compile_complex_value(&raw mut compile) };
        if status != 0 {
            return None;
        }
        // SAFETY: `cf` is live.
        let parts = parts(text, |name| unsafe { variable::index(cf, name) }).unwrap_or_default();
        Some(Self { raw, parts })
    }

    /// As nginx wants it.
    #[cfg(ngx_feature = "http_cache")]
    pub(crate) fn compiled(&self) -> &sys::ngx_http_complex_value_t {
        &self.raw
    }

    /// The text when it holds no variable.
    pub fn constant(&self) -> Option<&[u8]> {
        // SAFETY: the value lives in the configuration's pool, as this expression does.
        self.raw
            .lengths
            .is_null()
            .then(|| unsafe { bytes::slice(self.raw.value) })
    }

    /// Its value for a request; None when nginx could not compute it (memory, a failed variable).
    pub fn eval<'r>(&self, r: Request<'r>) -> Option<&'r [u8]> {
        match self.parts.as_slice() {
            [] => {}
            [Part::Variable(index)] => return value_of(r, *index),
            parts => return join(r, parts),
        }
        let mut out = bytes::borrow(&[]);
        let raw = (&raw const *self.raw).cast_mut();
        // SAFETY: nginx only reads the compiled value; the request is live for 'r.
        let status = unsafe { sys::ngx_http_complex_value(r.raw(), raw, &raw mut out) };
        // SAFETY: the result lies in the request's pool or in the configuration's.
        (status == 0).then(|| unsafe { bytes::slice(out) })
    }

    /// Gives `sink` its value in pieces; None when nginx could not compute it, then or later.
    pub(crate) fn feed(&self, r: Request<'_>, sink: &mut dyn FnMut(&[u8])) -> Option<()> {
        if self.parts.is_empty() {
            sink(self.eval(r)?);
        }
        for part in &self.parts {
            sink(part.value(r)?);
        }
        Some(())
    }
}

impl Part {
    fn value<'p, 'r: 'p>(&'p self, r: Request<'r>) -> Option<&'p [u8]> {
        match self {
            Self::Text(text) => Some(text),
            Self::Variable(index) => value_of(r, *index),
        }
    }
}

impl<M: HttpKind> Conf<'_, M> {
    /// Compiles an nginx expression with variables; nginx itself logs why it cannot.
    pub fn compile(&mut self, text: &[u8]) -> Result<Expression, Error> {
        // SAFETY: `cf` is live.
        unsafe { Expression::compile(self.cf, text) }.ok_or_else(Error::logged)
    }

    /// Compiles the n-th word of the directive.
    pub fn compile_word(&mut self, n: usize) -> Result<Expression, Error> {
        let word = self.raw_words().nth(n);
        let word = word.ok_or_else(|| self.error("needs more parameters"))?;
        let cf = self.cf;
        // SAFETY: `cf` is live.
        unsafe { Expression::compile(cf, word) }.ok_or_else(Error::logged)
    }
}

/// Takes an expression apart; None when it has captures or no variable, or is long.
fn parts(text: &[u8], index: impl Fn(&str) -> Option<usize>) -> Option<Vec<Part>> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while !rest.is_empty() && parts.len() < MOST_PARTS {
        let at = rest.iter().position(|b| *b == b'$').unwrap_or(rest.len());
        if at > 0 {
            let (literal, after) = rest.split_at_checked(at)?;
            parts.push(Part::Text(literal.into()));
            rest = after;
            continue;
        }
        let (name, after) = name_at(rest)?;
        parts.push(Part::Variable(index(name)?));
        rest = after;
    }
    let variable = parts.iter().any(|part| matches!(part, Part::Variable(_)));
    (rest.is_empty() && variable).then_some(parts)
}

/// The name of the variable that text begins with, `$name` or `${name}`, and what follows it;
/// None for a capture (`$1`).
fn name_at(text: &[u8]) -> Option<(&str, &[u8])> {
    let bare = text.strip_prefix(b"$")?;
    let braced = bare.strip_prefix(b"{");
    let from = braced.unwrap_or(bare);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let end = from.iter().position(|b| !plain(b)).unwrap_or(from.len());
    let (name, after) = from.split_at_checked(end)?;
    let after = match braced {
        Some(_) => after.strip_prefix(b"}")?,
        None => after,
    };
    name.first().filter(|b| !b.is_ascii_digit())?;
    Some((std::str::from_utf8(name).ok()?, after))
}

/// The pieces' values one after another, in the request's pool.
fn join<'r>(r: Request<'r>, parts: &[Part]) -> Option<&'r [u8]> {
    let mut pieces: [&[u8]; MOST_PARTS] = [&[]; MOST_PARTS];
    for (piece, part) in pieces.iter_mut().zip(parts) {
        *piece = part.value(r)?;
    }
    r.concat(pieces.get(..parts.len())?)
}

/// A variable's value as an expression has it: empty when it is not found.
fn value_of<'r>(r: Request<'r>, index: usize) -> Option<&'r [u8]> {
    // SAFETY: the index is from `variable::index`, the request is live.
    let value = unsafe { sys::ngx_http_get_flushed_variable(r.raw(), index) };
    // SAFETY: null, or a value that lives as long as the request.
    let value = unsafe { value.as_ref() }?;
    let Some(len) = variable::bits::len(value) else {
        return Some(&[]);
    };
    let text = sys::ngx_str_t {
        len,
        data: value.data,
    };
    // SAFETY: a value's bytes live as long as the request.
    Some(unsafe { bytes::slice(text) })
}
