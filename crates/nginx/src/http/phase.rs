//! Handlers of nginx's request phases and the header filter.

use crate::conf::{Conf, Error};
use crate::ffi::guard;
use crate::http::chain::NextFilter;
use crate::http::kind::HttpKind;
use crate::http::request::Request;
use crate::sys;
use ngx::core::Status;

/// Phases we use, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Right after the headers are read.
    PostRead,
    /// Before a location is looked for, also after an internal redirect.
    ServerRewrite,
    /// When a location is found, before its `return`, `rewrite` and `if`.
    Rewrite,
    /// Before access control.
    PreAccess,
    /// Access control.
    Access,
    /// After all of access control has let the request pass.
    PreContent,
    /// When the request is logged.
    Log,
}

/// What a handler decides.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'r> {
    /// No opinion.
    Declined,
    /// Allowed (access phase: `satisfy any` is content).
    Allowed,
    /// Refused with this status. Under `satisfy any` a later handler may still allow.
    Refused(u16),
    /// Start again at this location; both parts as in `ngx_http_internal_redirect`. The request
    /// is [internal](Request::is_internal) from then on.
    Redirect {
        /// The decoded path.
        uri: &'r [u8],
        /// The arguments.
        args: &'r [u8],
    },
    /// A fault of ours: 500.
    Failed,
}

/// A phase handler.
pub trait Handler: 'static {
    /// Its phase.
    const PHASE: Phase;
    /// For the alert line.
    const NAME: &'static str;
    /// Decides.
    fn run(r: Request<'_>) -> Outcome<'_>;
}

/// Sees the headers of a response before they are sent.
pub trait HeaderFilter: 'static {
    /// Where the next filter is kept.
    fn next() -> &'static NextFilter;
    /// May add headers.
    fn run(r: Request<'_>);
    /// A status to answer with instead, as filters of other modules have it.
    #[cfg(feature = "hooks")]
    fn instead(_: Request<'_>) -> Option<u16> {
        None
    }
}

/// Adds handlers once the configuration is complete.
pub struct Installer<'c, M: HttpKind> {
    /// nginx's own settings of `http`, which hold the phases.
    core: *mut sys::ngx_http_core_main_conf_t,
    main: &'c mut M::Main,
}

impl<'c, M: HttpKind> Installer<'c, M> {
    pub(crate) fn new(conf: &'c mut Conf<'_, M>) -> Self {
        Self {
            core: conf.core_main(),
            main: conf.main(),
        }
    }

    /// The `http` level.
    pub fn main(&mut self) -> &mut M::Main {
        self.main
    }

    /// Adds a handler. In each phase the last one added runs first.
    pub fn phase<H: Handler>(&mut self) -> Result<(), Error> {
        self.add::<H>().map(|_| ())
    }

    /// Adds a handler that runs after all others of its phase that are there by now.
    pub fn last_in_phase<H: Handler>(&mut self) -> Result<(), Error> {
        // nginx runs them from the last to the first.
        self.first_in_array::<H>()
    }

    /// Adds a handler of the log phase that runs before all others that are there by now: nginx runs
    /// these from the first to the last.
    pub fn before_logs<H: Handler>(&mut self) -> Result<(), Error> {
        const { assert!(matches!(H::PHASE, Phase::Log)) };
        self.first_in_array::<H>()
    }

    fn first_in_array<H: Handler>(&mut self) -> Result<(), Error> {
        let list = self.add::<H>()?;
        // SAFETY: an array of the handlers, nobody else's while the configuration is read.
        let list = unsafe { &mut *list };
        // SAFETY: it holds handlers.
        let handlers = unsafe { list.as_slice_mut::<sys::ngx_http_handler_pt>() };
        handlers.rotate_right(1);
        Ok(())
    }

    /// The array the handler has been added to.
    fn add<H: Handler>(&mut self) -> Result<*mut sys::ngx_array_t, Error> {
        self.add_function(H::PHASE, handler::<H>)
    }

    pub(crate) fn add_function(
        &mut self,
        phase: Phase,
        function: unsafe extern "C" fn(*mut sys::ngx_http_request_t) -> isize,
    ) -> Result<*mut sys::ngx_array_t, Error> {
        let phase = match phase {
            Phase::PostRead => sys::ngx_http_phases_NGX_HTTP_POST_READ_PHASE,
            Phase::ServerRewrite => sys::ngx_http_phases_NGX_HTTP_SERVER_REWRITE_PHASE,
            Phase::Rewrite => sys::ngx_http_phases_NGX_HTTP_REWRITE_PHASE,
            Phase::PreAccess => sys::ngx_http_phases_NGX_HTTP_PREACCESS_PHASE,
            Phase::Access => sys::ngx_http_phases_NGX_HTTP_ACCESS_PHASE,
            Phase::PreContent => sys::ngx_http_phases_NGX_HTTP_PRECONTENT_PHASE,
            Phase::Log => sys::ngx_http_phases_NGX_HTTP_LOG_PHASE,
        };
        // SAFETY: nginx's own settings, live.
        let phases = unsafe { &raw mut (*self.core).phases }.cast::<sys::ngx_http_phase_t>();
        // SAFETY: `phases` is indexed by the enumeration.
        let list = unsafe { phases.add(phase as usize) };
        // SAFETY: as above.
        let handlers = unsafe { &raw mut (*list).handlers };
        // SAFETY: an initialised array of handlers.
        let slot = unsafe { sys::ngx_array_push(handlers) }.cast::<sys::ngx_http_handler_pt>();
        if slot.is_null() {
            return Err(Error::new("no memory for a phase handler"));
        }
        // SAFETY: a fresh element of the array.
        unsafe { slot.write(Some(function)) };
        Ok(handlers)
    }

    /// Puts a header filter in front.
    pub fn header_filter<F: HeaderFilter>(&mut self) {
        F::next().install(header_filter::<F>);
    }
}

unsafe extern "C" fn handler<H: Handler>(r: *mut sys::ngx_http_request_t) -> isize {
    // SAFETY: nginx passes a live request.
    let request = unsafe { Request::new(r) };
    // SAFETY: the connection's log is live.
    let outcome = unsafe {
        guard::run(request.log_ptr(), H::NAME, Outcome::Failed, || {
            H::run(request)
        })
    };
    // SAFETY: the request is live; nothing of it is used after this.
    unsafe { answer(request, H::PHASE, outcome) }
}

/// Does what was decided, and says so to nginx.
///
/// # Safety
/// `r` is in that phase, and not used by the caller afterwards.
pub(crate) unsafe fn answer(r: Request<'_>, phase: Phase, outcome: Outcome<'_>) -> isize {
    match outcome {
        Outcome::Declined => Status::NGX_DECLINED.0,
        Outcome::Allowed if phase == Phase::Access => Status::NGX_OK.0,
        Outcome::Allowed => Status::NGX_DECLINED.0,
        Outcome::Refused(status) => refuse(r, status),
        Outcome::Failed => sys::NGX_HTTP_INTERNAL_SERVER_ERROR as isize,
        // SAFETY: promised by the caller.
        Outcome::Redirect { uri, args } => unsafe { redirect(r.raw(), uri, args) },
    }
}

/// nginx lets a later access handler save a request only after 401 or 403; any other status of
/// ours is left in `access_code`, which nginx answers with when nobody allows the request
/// (ngx_http_core_access_phase, ngx_http_core_post_access_phase).
fn refuse(r: Request<'_>, status: u16) -> isize {
    if !r.satisfy_any() {
        // This one is final. What an earlier location deferred, before another module took the request away from it,
        // is not pending any more.
        // SAFETY: a plain field of the live request.
        unsafe { (*r.raw()).access_code = 0 };
        return status as isize;
    }
    if status == 401 || status == 403 {
        return status as isize;
    }
    if r.fields().access_code != sys::NGX_HTTP_UNAUTHORIZED as usize {
        // SAFETY: a plain field of the live request.
        unsafe { (*r.raw()).access_code = status as usize };
    }
    Status::NGX_DECLINED.0
}

/// # Safety
/// `r` is live and not used by the caller afterwards.
unsafe fn redirect(r: *mut sys::ngx_http_request_t, uri: &[u8], args: &[u8]) -> isize {
    let mut uri = crate::ffi::bytes::borrow(uri);
    let mut args = crate::ffi::bytes::borrow(args);
    // nginx keeps it; a refusal that `satisfy any` deferred must not end the phase of the new location.
    // SAFETY: a plain field of the live request.
    unsafe { (*r).access_code = 0 };
    // SAFETY: both strings live in the request's pool; nginx takes one count of the request.
    unsafe { sys::ngx_http_internal_redirect(r, &raw mut uri, &raw mut args) };
    // SAFETY: gives that count back, as every caller of ngx_http_internal_redirect does.
    unsafe { sys::ngx_http_finalize_request(r, Status::NGX_DONE.0) };
    Status::NGX_DONE.0
}

unsafe extern "C" fn header_filter<F: HeaderFilter>(r: *mut sys::ngx_http_request_t) -> isize {
    // SAFETY: nginx passes a live request.
    let request = unsafe { Request::new(r) };
    // SAFETY: the connection's log is live.
    let ran = unsafe {
        guard::run(request.log_ptr(), "filtering headers", false, || {
            F::run(request);
            true
        })
    };
    // The second time it is the 500 of the first that goes out.
    if !ran && request.fields().err_status != sys::NGX_HTTP_INTERNAL_SERVER_ERROR as usize {
        // SAFETY: this is the request's header filter.
        return unsafe { crate::http::failure::respond(r, F::next()) };
    }
    #[cfg(feature = "hooks")]
    if let Some(status) = F::instead(request) {
        return status as isize;
    }
    // SAFETY: nginx passes a live request to its chain of filters.
    unsafe { F::next().call(r) }
}
