//! Evaluating an expression as if nginx had not computed certain variables yet.

use crate::http::request::Request;
use crate::http::value::Expression;
use crate::http::variable::Index;
use crate::sys;
use std::ptr;

/// Words of a variable's value.
const WORDS: usize = size_of::<sys::ngx_variable_value_t>() / size_of::<u64>();

impl Expression {
    /// Its value with the variables `anew` computed again. Afterwards nginx has the values of these
    /// variables that it had before, and `$1`, `$2` … are those of the location: what the
    /// expression reads may use regular expressions, as a `map` does. None when memory is short or
    /// the value cannot be computed.
    pub fn eval_anew<'r>(&self, r: Request<'r>, anew: &[Index]) -> Option<&'r [u8]> {
        computing_again(r, anew, || self.eval(r))
    }

    /// The same piece by piece, where it lies in pieces: nothing is put together. With None as the answer `sink` may have
    /// got some of them.
    pub fn feed_anew(
        &self,
        r: Request<'_>,
        anew: &[Index],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        computing_again(r, anew, || self.feed(r, sink))
    }
}

/// Asks with the variables `anew` computed again.
fn computing_again<T>(
    r: Request<'_>,
    anew: &[Index],
    ask: impl FnOnce() -> Option<T>,
) -> Option<T> {
    let captures = Captures::of(r)?;
    let kept = r.words(anew.len().checked_mul(WORDS)?)?;
    for (index, place) in anew.iter().zip(kept.chunks_exact_mut(WORDS)) {
        let value = r.kept_value(*index).cast::<u64>();
        // SAFETY: a value of nginx's and room for one, apart from each other.
        unsafe { ptr::copy_nonoverlapping(value, place.as_mut_ptr(), WORDS) };
        r.forget_variable(*index);
    }
    let answer = ask();
    for (index, place) in anew.iter().zip(kept.chunks_exact(WORDS)) {
        let value = r.kept_value(*index).cast::<u64>();
        // SAFETY: as above, the other way.
        unsafe { ptr::copy_nonoverlapping(place.as_ptr(), value, WORDS) };
    }
    captures.put_back(r);
    answer
}

/// What the last regular expression of a request has captured. One without groups captures nothing, and has no memory made
/// for offsets: nginx counts two of them all the same (ngx_http_regex_exec).
#[cfg(ngx_feature = "pcre")]
struct Captures<'r> {
    text: *mut u8,
    count: usize,
    /// A copy of the offsets: nginx uses their memory again. Empty where there is no such memory.
    copy: &'r mut [i32],
}

#[cfg(ngx_feature = "pcre")]
impl<'r> Captures<'r> {
    fn of(r: Request<'r>) -> Option<Self> {
        let fields = r.fields();
        let has_memory = !fields.captures.is_null();
        let copy = r.numbers(if has_memory { fields.ncaptures } else { 0 })?;
        if !copy.is_empty() {
            // SAFETY: nginx has memory for `ncaptures` offsets there, and the copy has room for as many.
            unsafe { ptr::copy_nonoverlapping(fields.captures, copy.as_mut_ptr(), copy.len()) };
        }
        Some(Self {
            text: fields.captures_data,
            count: fields.ncaptures,
            copy,
        })
    }

    /// nginx keeps the memory that it has now: in a subrequest that may be other memory than before, of the same size.
    fn put_back(self, r: Request<'_>) {
        let raw = r.raw();
        // SAFETY: a plain field of the live request.
        unsafe { (*raw).captures_data = self.text };
        // SAFETY: as above.
        unsafe { (*raw).ncaptures = self.count };
        if !self.copy.is_empty() {
            // SAFETY: as above.
            let offsets = unsafe { (*raw).captures };
            // SAFETY: once it is there, it has room for the offsets of any regular expression of the configuration.
            unsafe { ptr::copy_nonoverlapping(self.copy.as_ptr(), offsets, self.copy.len()) };
        }
    }
}

/// Without regular expressions there is nothing to keep.
#[cfg(not(ngx_feature = "pcre"))]
struct Captures;

#[cfg(not(ngx_feature = "pcre"))]
impl Captures {
    fn of(_: Request<'_>) -> Option<Self> {
        Some(Self)
    }

    fn put_back(self, _: Request<'_>) {}
}
