//! nginx expressions: text with variables.

use crate::bytes;
use crate::request::Request;
use nginx_sys as ngx;
use std::mem::MaybeUninit;

/// A compiled expression (`ngx_http_complex_value_t`), owned by the configuration.
pub struct Expression {
    raw: Box<ngx::ngx_http_complex_value_t>,
}

impl Expression {
    /// # Safety
    /// `cf` is the live configuration being read.
    pub(crate) unsafe fn compile(cf: *mut ngx::ngx_conf_t, text: &[u8]) -> Option<Self> {
        // SAFETY: the configuration's pool outlives what is compiled from it.
        let copy = unsafe { bytes::alloc((*cf).pool, text.len()) }?;
        copy.copy_from_slice(text);
        let mut value = bytes::borrow(copy);
        // SAFETY: plain C data for which zero is the documented start.
        let mut raw: Box<ngx::ngx_http_complex_value_t> =
            Box::new(unsafe { MaybeUninit::zeroed().assume_init() });
        // SAFETY: as above.
        let mut compile: ngx::ngx_http_compile_complex_value_t =
            unsafe { MaybeUninit::zeroed().assume_init() };
        compile.cf = cf;
        compile.value = &raw mut value;
        compile.complex_value = &raw mut *raw;
        // SAFETY: all three pointers are live for the call.
        let status = unsafe { ngx::ngx_http_compile_complex_value(&raw mut compile) };
        (status == 0).then_some(Self { raw })
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
        let mut out = bytes::borrow(&[]);
        let raw = (&raw const *self.raw).cast_mut();
        // SAFETY: nginx only reads the compiled value; the request is live for 'r.
        let status = unsafe { ngx::ngx_http_complex_value(r.raw(), raw, &raw mut out) };
        // SAFETY: the result lies in the request's pool or in the configuration's.
        (status == 0).then(|| unsafe { bytes::slice(out) })
    }
}
