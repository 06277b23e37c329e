//! Variables: registered changeable, so that a user's own definition of the name wins, and not
//! cacheable in nginx's sense; families remember values in their request state.

use crate::bytes;
use crate::guard;
use crate::module::Module;
use crate::request::Request;
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

/// A variable that exists whenever the module is loaded.
pub struct Variable<M: Module> {
    /// Its name without `$`.
    pub name: &'static str,
    /// The reference's text, Markdown.
    pub text: &'static str,
    /// Computes it.
    pub get: for<'r> fn(Request<'r>) -> Answer<'r>,
    /// Ties the row to its module.
    pub module: std::marker::PhantomData<fn(M)>,
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

/// # Safety
/// `cf` is the live configuration being read.
pub(crate) unsafe fn add<G: Getter>(
    cf: *mut ngx::ngx_conf_t,
    name: &str,
    data: usize,
) -> Option<()> {
    let mut text = bytes::borrow(name.as_bytes());
    let flags = (ngx::NGX_HTTP_VAR_CHANGEABLE | ngx::NGX_HTTP_VAR_NOCACHEABLE) as usize;
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
            crate::failure::mark(request);
            return ngx::NGX_ERROR as isize;
        }
    };
    let value = found.unwrap_or_default();
    v.set_len(u32::try_from(value.len()).unwrap_or(0));
    v.data = value.as_ptr().cast_mut();
    v.set_valid(u32::from(found.is_some()));
    v.set_not_found(u32::from(found.is_none()));
    ngx::NGX_OK as isize
}
