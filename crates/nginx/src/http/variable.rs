//! Variables: registered changeable, so that a user's own definition of the name wins, and not
//! cacheable in nginx's sense; families remember values in their request state.

use crate::ffi::bytes;
use crate::ffi::guard;
use crate::http::module::Module;
use crate::http::request::Request;
use nginx_sys as ngx;

/// What reading a variable gives.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'r> {
    /// A value.
    Value(&'r [u8]),
    /// No value; prints as the empty string.
    NotFound,
    /// It could not be computed: the request ends with 500.
    Failed,
}

impl<'r> From<Option<&'r [u8]>> for Answer<'r> {
    fn from(value: Option<&'r [u8]>) -> Self {
        value.map_or(Self::NotFound, Self::Value)
    }
}

/// Which of the values that nginx keeps with a request; only the configuration gives one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index(pub(crate) usize);

/// A variable that exists whenever the module is loaded.
pub struct Variable<M: Module> {
    /// Its name without `$`.
    pub name: &'static str,
    /// The reference's text, Markdown.
    pub text: &'static str,
    /// Computes it.
    pub get: for<'r> fn(Request<'r>) -> Answer<'r>,
    /// Ties the row to its module.
    module: std::marker::PhantomData<fn(M)>,
}

impl<M: Module> Variable<M> {
    /// A row of a family's table.
    pub const fn new(
        name: &'static str,
        text: &'static str,
        get: for<'r> fn(Request<'r>) -> Answer<'r>,
    ) -> Self {
        Self {
            name,
            text,
            get,
            module: std::marker::PhantomData,
        }
    }
}

/// Computes a variable whose definition is known by a number.
pub trait Getter: 'static {
    /// The value for a request; `data` is what the variable was added with.
    fn get(r: Request<'_>, data: usize) -> Answer<'_>;
}

/// The getter of [`Variable`] rows: `data` is the row's address.
pub(crate) struct Fixed<M>(std::marker::PhantomData<M>);

impl<M: Module> Getter for Fixed<M> {
    fn get(r: Request<'_>, data: usize) -> Answer<'_> {
        // SAFETY: `Conf::add_static_variable` passes a `&'static Variable<M>`.
        let row = unsafe { &*std::ptr::with_exposed_provenance::<Variable<M>>(data) };
        (row.get)(r)
    }
}

/// Who may define a variable.
pub(crate) enum Owner {
    /// The configuration may define the same name, and then its definition counts.
    Anybody,
    /// A configuration that defines the name is refused.
    #[cfg_attr(not(ngx_feature = "http_cache"), allow(dead_code))]
    Module,
}

/// # Safety
/// `cf` is the live configuration being read.
pub(crate) unsafe fn add<G: Getter>(
    cf: *mut ngx::ngx_conf_t,
    name: &str,
    data: usize,
    owner: Owner,
) -> Option<()> {
    let mut text = bytes::borrow(name.as_bytes());
    let flags = match owner {
        Owner::Anybody => ngx::NGX_HTTP_VAR_CHANGEABLE | ngx::NGX_HTTP_VAR_NOCACHEABLE,
        Owner::Module => ngx::NGX_HTTP_VAR_NOCACHEABLE,
    } as usize;
    // SAFETY: nginx copies the name.
    let variable = unsafe { ngx::ngx_http_add_variable(cf, &raw mut text, flags).as_mut()? };
    variable.get_handler = Some(get::<G>);
    variable.data = data;
    Some(())
}

/// # Safety
/// `cf` is the live configuration being read.
pub(crate) unsafe fn index(cf: *mut ngx::ngx_conf_t, name: &str) -> Option<usize> {
    let mut text = bytes::borrow(name.as_bytes());
    // SAFETY: nginx copies the name.
    usize::try_from(unsafe { ngx::ngx_http_get_variable_index(cf, &raw mut text) }).ok()
}

unsafe extern "C" fn get<G: Getter>(
    r: *mut ngx::ngx_http_request_t,
    v: *mut ngx::ngx_variable_value_t,
    data: usize,
) -> isize {
    // SAFETY: nginx passes a live request.
    let request = unsafe { Request::new(r) };
    let body = || G::get(request, data);
    // SAFETY: the connection's log is live.
    let answer = unsafe {
        guard::run(
            request.log_ptr(),
            "computing a variable",
            Answer::Failed,
            body,
        )
    };
    // SAFETY: nginx passes a value of its own to fill.
    let v = unsafe { &mut *v };
    // Also for a failure, which nginx would remember as "not found" for all subrequests.
    v.set_no_cacheable(1);
    let found = match answer {
        Answer::Value(value) => Some(value),
        Answer::NotFound => None,
        Answer::Failed => {
            crate::http::failure::mark(request);
            return ngx::NGX_ERROR as isize;
        }
    };
    let value = found.unwrap_or_default();
    v.data = value.as_ptr().cast_mut();
    bits::set(v, bits::of_value(value.len(), found.is_some()));
    ngx::NGX_OK as isize
}

/// The bit fields of `ngx_variable_value_t` as one word: the generated accessors move single bits,
/// which costs hundreds of instructions for a length.
pub(crate) mod bits {
    use nginx_sys::ngx_variable_value_t;

    /// `unsigned len:28; valid:1; no_cacheable:1; not_found:1; escape:1` (ngx_string.h), from the
    /// low end on the little-endian machines we build for.
    const LEN: u32 = (1 << 28) - 1;
    const VALID: u32 = 1 << 28;
    const NO_CACHEABLE: u32 = 1 << 29;
    const NOT_FOUND: u32 = 1 << 30;

    const _: () = assert!(cfg!(target_endian = "little"));
    const _: () = assert!(std::mem::offset_of!(ngx_variable_value_t, _bitfield_1) == 0);

    /// A value of that length, or none; computed anew each time.
    pub fn of_value(len: usize, found: bool) -> u32 {
        let len = u32::try_from(len).unwrap_or(0) & LEN;
        len | NO_CACHEABLE | if found { VALID } else { NOT_FOUND }
    }

    pub fn set(v: &mut ngx_variable_value_t, word: u32) {
        // SAFETY: the word is the first member, as checked above; any bits are valid.
        unsafe { std::ptr::from_mut(v).cast::<u32>().write(word) };
    }

    fn get(v: &ngx_variable_value_t) -> u32 {
        // SAFETY: the word is the first member, as checked above.
        unsafe { std::ptr::from_ref(v).cast::<u32>().read() }
    }

    /// The length of a value; None when it is not found.
    pub fn len(v: &ngx_variable_value_t) -> Option<usize> {
        let word = get(v);
        (word & NOT_FOUND == 0).then_some((word & LEN) as usize)
    }

    /// Neither valid nor "not found": nginx computes it again.
    pub fn forget(v: &mut ngx_variable_value_t) {
        set(v, get(v) & !(VALID | NOT_FOUND));
    }
}
