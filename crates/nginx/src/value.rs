//! nginx expressions: text with variables.

use crate::bytes;
use crate::conf::Conf;
use crate::module::Module;
use crate::request::Request;
use crate::variable;
use nginx_sys as ngx;
use std::mem::MaybeUninit;

/// A compiled expression (`ngx_http_complex_value_t`), owned by the configuration.
pub struct Expression {
    raw: Box<ngx::ngx_http_complex_value_t>,
    /// The index of the variable that is all of it: read without nginx's script engine.
    single: Option<usize>,
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
        if status != 0 {
            return None;
        }
        // SAFETY: `cf` is live.
        let single = only_variable(text).and_then(|name| unsafe { variable::index(cf, name) });
        Some(Self { raw, single })
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
        if let Some(index) = self.single {
            return value_of(r, index);
        }
        let mut out = bytes::borrow(&[]);
        let raw = (&raw const *self.raw).cast_mut();
        // SAFETY: nginx only reads the compiled value; the request is live for 'r.
        let status = unsafe { ngx::ngx_http_complex_value(r.raw(), raw, &raw mut out) };
        // SAFETY: the result lies in the request's pool or in the configuration's.
        (status == 0).then(|| unsafe { bytes::slice(out) })
    }
}

impl<M: Module> Conf<'_, M> {
    /// The names, in lower case, of the variables that nginx, modules or the configuration define
    /// one by one: `http_host`, but not every `http_…`. Only before nginx has read all of `http`,
    /// as in `Module::complete`; empty after that.
    pub fn defined_variables(&self) -> Vec<String> {
        // SAFETY: inside `http`, `ctx` is nginx's http context.
        let context = unsafe { &*(*self.cf).ctx.cast::<ngx::ngx_http_conf_ctx_t>() };
        // SAFETY: the core module's own index.
        let index = unsafe { ngx::ngx_http_core_module.ctx_index };
        // SAFETY: its slot holds its main configuration.
        let core =
            unsafe { *context.main_conf.add(index) }.cast::<ngx::ngx_http_core_main_conf_t>();
        // SAFETY: null, or the names collected so far, live while `http` is read.
        let keys = unsafe { (*core).variables_keys.as_ref() };
        // SAFETY: an initialised array of hash keys (ngx_http_variables_add_core_vars).
        let keys = keys.map_or(&[][..], |all| unsafe {
            all.keys.as_slice::<ngx::ngx_hash_key_t>()
        });
        keys.iter()
            // SAFETY: names live in the configuration's pool.
            .map(|key| String::from_utf8_lossy(unsafe { bytes::slice(key.key) }).into_owned())
            .collect()
    }
}

/// The name in an expression that is one variable: `$name` or `${name}`, not a capture.
fn only_variable(text: &[u8]) -> Option<&str> {
    let name = text.strip_prefix(b"$")?;
    let name = name
        .strip_prefix(b"{")
        .map_or(Some(name), |n| n.strip_suffix(b"}"))?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let first = name.first().filter(|b| !b.is_ascii_digit());
    (first.is_some() && name.iter().all(plain)).then(|| std::str::from_utf8(name).ok())?
}

/// A variable's value as an expression has it: empty when it is not found.
fn value_of<'r>(r: Request<'r>, index: usize) -> Option<&'r [u8]> {
    // SAFETY: the index is from `variable::index`, the request is live.
    let value = unsafe { ngx::ngx_http_get_flushed_variable(r.raw(), index).as_ref() }?;
    let Some(len) = variable::bits::len(value) else {
        return Some(&[]);
    };
    let text = ngx::ngx_str_t {
        len,
        data: value.data,
    };
    // SAFETY: a value's bytes live as long as the request.
    Some(unsafe { bytes::slice(text) })
}
