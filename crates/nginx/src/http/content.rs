//! Content handlers: locations that we answer ourselves.

use crate::conf::Conf;
use crate::event::worker;
use crate::ffi::guard;
use crate::http::bits;
use crate::http::body::Body;
use crate::http::kind::{HttpKind, conf_of};
use crate::http::later::{self, Making};
use crate::http::reply::{Reply, Source};
use crate::http::request::Request;
use crate::http::stream;
use crate::sys;
use std::future::Future;
use std::ptr;

/// Answers the requests of a location.
pub trait Content: 'static {
    /// For the alert line.
    const NAME: &'static str;

    /// The longest body that it takes. None: a body is not read.
    fn body_limit(r: Request<'_>) -> Option<u64>;

    /// Answers a longer body. One that does not announce its length is answered with nginx's 413.
    fn too_large(_: Request<'_>) -> Reply {
        Reply::new(413)
    }

    /// Answers, when all of the body is there.
    fn run(r: Request<'_>, body: Body<'_>) -> Answer;
}

/// What a content handler gives.
pub enum Answer {
    /// The reply.
    Now(Reply),
    /// The reply of a task. It is made to its end, whether the client is still there or not.
    Later(Making),
}

impl Answer {
    /// The reply that `making` gives. It holds nothing of the request; a panic in it is answered with 500.
    pub fn later(making: impl Future<Output = Reply> + 'static) -> Self {
        Self::Later(Box::pin(making))
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Now(reply)
    }
}

impl<M: HttpKind> Conf<'_, M> {
    /// Has `C` answer the location being read.
    pub fn content<C: Content>(&mut self) {
        let core = &raw const sys::ngx_http_core_module;
        // SAFETY: the core module's own slot.
        let core: *mut sys::ngx_http_core_loc_conf_t =
            unsafe { conf_of(self.context().loc_conf, core) };
        // SAFETY: made by nginx for this level; a plain field.
        unsafe { (*core).handler = Some(content::<C>) };
    }
}

const DONE: isize = sys::NGX_DONE as isize;
const SERVER_ERROR: isize = sys::NGX_HTTP_INTERNAL_SERVER_ERROR as isize;

/// `ngx_http_core_loc_conf_t.handler`
unsafe extern "C" fn content<C: Content>(r: *mut sys::ngx_http_request_t) -> isize {
    // SAFETY: nginx passes a live request.
    let request = unsafe { Request::new(r) };
    let asked = || Some(C::body_limit(request));
    // SAFETY: the connection's log is live.
    let limit = unsafe { guard::run(request.log_ptr(), C::NAME, None, asked) };
    match limit {
        None => SERVER_ERROR,
        // SAFETY: a live request in its content phase.
        Some(None) => unsafe { without_body(r, answer::<C>) },
        Some(Some(limit)) => {
            let announced = request.fields().headers_in.content_length_n;
            if u64::try_from(announced).is_ok_and(|announced| announced > limit) {
                // SAFETY: a live request in its content phase.
                return unsafe { without_body(r, too_large::<C>) };
            }
            let limit = sys::off_t::try_from(limit).unwrap_or(sys::off_t::MAX);
            let settings = request.fields().loc_conf;
            // SAFETY: a live request whose body nobody has begun to read.
            if unsafe { bits::gatehouse_request_limit_body(r, limit) } != sys::NGX_OK as isize {
                return SERVER_ERROR;
            }
            // SAFETY: a live request in its content phase; nginx takes a count for the handler.
            let read = unsafe { sys::ngx_http_read_client_request_body(r, Some(answer_read::<C>)) };
            if read >= sys::NGX_HTTP_SPECIAL_RESPONSE as isize {
                // SAFETY: still live: the content phase ends it with this status.
                unsafe { (*r).loc_conf = settings };
                return read;
            }
            DONE
        }
    }
}

/// Answers a request whose body is not read.
///
/// # Safety
/// `r` is a live request in its content phase.
unsafe fn without_body(
    r: *mut sys::ngx_http_request_t,
    answer: unsafe extern "C" fn(*mut sys::ngx_http_request_t),
) -> isize {
    // SAFETY: promised by the caller.
    let discarded = unsafe { sys::ngx_http_discard_request_body(r) };
    if discarded != sys::NGX_OK as isize {
        return discarded;
    }
    // `answer` finalizes the request, and the content phase does so with what is returned here.
    // SAFETY: promised by the caller.
    let main = unsafe { (*r).main };
    // SAFETY: the main request outlives its subrequests.
    unsafe { count_up(main) };
    // SAFETY: as nginx would call it, with the count it would have taken.
    unsafe { answer(r) };
    DONE
}

/// # Safety
/// `main` is a live main request.
unsafe fn count_up(main: *mut sys::ngx_http_request_t) {
    // SAFETY: promised by the caller; `count` is in the word that bindgen reaches (see bits.rs).
    let main = unsafe { &mut *main };
    main.set_count(main.count().wrapping_add(1));
}

/// Called by nginx when it has read all of the body, with a count of the request.
unsafe extern "C" fn answer_read<C: Content>(r: *mut sys::ngx_http_request_t) {
    // SAFETY: nginx passes a live request, whose body was limited before it was read.
    unsafe { bits::gatehouse_request_unlimit_body(r) };
    // SAFETY: as above, with that count.
    unsafe { answer::<C>(r) };
}

/// Called with all of the body, and a count of the request.
unsafe extern "C" fn answer<C: Content>(r: *mut sys::ngx_http_request_t) {
    let body = |request: Request<'_>| {
        let body = Body::new(request);
        match C::body_limit(request) {
            Some(limit) if body.len() > limit => C::too_large(request).into(),
            _ => C::run(request, body),
        }
    };
    // SAFETY: nginx passes a live request, and a count of it.
    unsafe { end::<C>(r, body) }
}

/// Called for a body that is too large, with a count of the request.
unsafe extern "C" fn too_large<C: Content>(r: *mut sys::ngx_http_request_t) {
    // SAFETY: the caller passes a live request, and a count of it.
    unsafe { end::<C>(r, |request| C::too_large(request).into()) }
}

/// # Safety
/// `r` is live, and a count of it is the caller's to give back; it does not use the request afterwards.
unsafe fn end<C: Content>(
    r: *mut sys::ngx_http_request_t,
    body: impl FnOnce(Request<'_>) -> Answer,
) {
    // SAFETY: promised by the caller.
    let request = unsafe { Request::new(r) };
    let failed = Answer::Now(Reply::new(500));
    // SAFETY: the connection's log is live.
    let answer = unsafe { guard::run(request.log_ptr(), C::NAME, failed, || body(request)) };
    match answer {
        // SAFETY: promised by the caller.
        Answer::Now(reply) => unsafe { send_guarded::<C>(request, reply) },
        // SAFETY: promised by the caller.
        Answer::Later(making) => unsafe {
            later::begin(request, C::NAME, making, send_guarded::<C>);
        },
    }
}

/// # Safety
/// As [`send`].
unsafe fn send_guarded<C: Content>(r: Request<'_>, reply: Reply) {
    let body = || {
        // SAFETY: promised by the caller.
        unsafe { send::<C>(r, reply) }
    };
    // What is left of the reply is dropped after the request has ended: its connection's log may be gone.
    // SAFETY: the log of the running cycle.
    unsafe { guard::run(worker::log(), C::NAME, (), body) }
}

/// # Safety
/// A count of `r` is the caller's to give back; it does not use the request afterwards.
unsafe fn send<C: Content>(r: Request<'_>, reply: Reply) {
    let bare = matches!(reply.body, Source::Nothing);
    if bare && reply.status >= 300 {
        // SAFETY: promised by the caller.
        return unsafe { finalize(r, reply.status as isize) };
    }
    if !reply.is_sound() {
        r.log(
            crate::Level::Error,
            "a reply with a header that cannot be sent",
        );
        // SAFETY: promised by the caller.
        return unsafe { finalize(r, SERVER_ERROR) };
    }
    if set_head(r, &reply).is_none() {
        // SAFETY: promised by the caller.
        return unsafe { finalize(r, SERVER_ERROR) };
    }
    let raw = r.raw();
    // SAFETY: a live request whose header has not been sent.
    let sent = unsafe { sys::ngx_http_send_header(raw) };
    // SAFETY: a live request.
    let only = unsafe { bits::gatehouse_request_header_only(raw) } != 0;
    if sent != sys::NGX_OK as isize || only {
        // SAFETY: promised by the caller.
        return unsafe { finalize(r, sent) };
    }
    // SAFETY: promised by the caller.
    unsafe { stream::begin(r, C::NAME, reply.body) }
}

/// # Safety
/// As [`send`].
unsafe fn finalize(r: Request<'_>, result: isize) {
    // SAFETY: promised by the caller.
    unsafe { sys::ngx_http_finalize_request(r.raw(), result) };
}

/// Puts status, length and headers into the request; None when memory is short.
fn set_head(r: Request<'_>, reply: &Reply) -> Option<()> {
    let length = match &reply.body {
        // These have no body by themselves.
        _ if matches!(reply.status, 204 | 304) => -1,
        Source::Nothing => 0,
        Source::Bytes(bytes) => sys::off_t::try_from(bytes.len()).ok()?,
        Source::Producer(_) => -1,
    };
    // nginx would answer a change that was made with 412: its tag is not the one that was expected any more.
    // SAFETY: a live request.
    unsafe { bits::gatehouse_request_own_conditions(r.raw()) };
    // SAFETY: a plain structure of the live request, which nginx reads when the header is sent.
    let out = unsafe { &mut (*r.raw()).headers_out };
    out.status = reply.status.into();
    out.content_length_n = length;
    for (name, value) in &reply.headers {
        if name.eq_ignore_ascii_case("content-type") {
            let value = crate::ffi::bytes::borrow(r.concat(&[value.as_bytes()])?);
            out.content_type = value;
            out.content_type_len = value.len;
            out.content_type_lowcase = ptr::null_mut();
            continue;
        }
        let name = r.concat(&[name.as_bytes()])?;
        let value = r.concat(&[value.as_bytes()])?;
        // SAFETY: the request's own list of header lines.
        let line = unsafe { sys::ngx_list_push(&raw mut out.headers) };
        let line = line.cast::<sys::ngx_table_elt_t>();
        if line.is_null() {
            return None;
        }
        // SAFETY: plain C data for which zero is valid.
        let mut fresh: sys::ngx_table_elt_t = unsafe { std::mem::zeroed() };
        fresh.hash = 1;
        fresh.key = crate::ffi::bytes::borrow(name);
        fresh.value = crate::ffi::bytes::borrow(value);
        // SAFETY: the fresh element of the list.
        unsafe { line.write(fresh) };
    }
    Some(())
}
