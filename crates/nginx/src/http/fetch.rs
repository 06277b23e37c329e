//! Background subrequests: what another location of this server answers, in memory.

use crate::ffi::cycle;
use crate::ffi::{bytes, guard};
use crate::http::attached::{self, Attach};
use crate::http::bits;
use crate::http::request::Request;
use crate::sys;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Makes subrequests of a request that is about to wait.
pub struct Fetcher<'r> {
    r: Request<'r>,
}

/// What a location answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its status.
    pub status: u16,
    /// Its body; at most `subrequest_output_buffer_size` of the location.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// nginx could not begin a subrequest; its error log says why.
    NotBegun,
    /// It was cut, or longer than `subrequest_output_buffer_size` of the location.
    Failed,
    /// This nginx was built without what keeps a subrequest's answer from the client.
    NoPostponeFilter,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBegun => "the subrequest could not begin",
            Self::Failed => "the subrequest failed",
            Self::NoPostponeFilter => "this nginx has no postpone filter",
        })
    }
}

/// The answer of a subrequest, when it is there.
#[must_use = "the answer is for whoever awaits it"]
pub struct Fetch(Rc<Shared>);

struct Shared {
    result: Cell<Option<Result<Fetched, FetchError>>>,
    done: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// The subrequest's own hold on it.
struct Pending(Rc<Shared>);

impl Attach for Pending {
    fn ended(&self) {
        // The task that waited belongs to the same request, and ends with it.
        self.0.done.set(true);
    }
}

impl<'r> Fetcher<'r> {
    pub(crate) const fn new(r: Request<'r>) -> Self {
        Self { r }
    }

    /// Asks `uri` (a path of this server, also of an `internal` location) with `args`: a GET with the client's
    /// header lines and without its body. The client sees nothing of it.
    pub fn fetch(&self, uri: &[u8], args: &[u8]) -> Fetch {
        let shared = Rc::new(Shared {
            result: Cell::new(None),
            done: Cell::new(false),
            waker: RefCell::default(),
        });
        if let Err(error) = self.begin(uri, args, &shared) {
            shared.settle(Err(error));
        }
        Fetch(shared)
    }

    fn begin(&self, uri: &[u8], args: &[u8], shared: &Rc<Shared>) -> Result<(), FetchError> {
        if !keeps_answers() {
            return Err(FetchError::NoPostponeFilter);
        }
        let pending = attached::attach(self.r, Pending(Rc::clone(shared)));
        let pending = pending.ok_or(FetchError::NotBegun)?;
        // SAFETY: plain C data for which zero is valid.
        let empty: sys::ngx_http_request_body_t = unsafe { std::mem::zeroed() };
        let empty = self.r.place(empty).ok_or(FetchError::NotBegun)?;
        let post = self.r.place(sys::ngx_http_post_subrequest_t {
            handler: Some(done),
            data: ptr::from_ref(pending).cast_mut().cast(),
        });
        let post = post.ok_or(FetchError::NotBegun)?;
        let uri = self.r.concat(&[uri]).ok_or(FetchError::NotBegun)?;
        let args = self.r.concat(&[args]).ok_or(FetchError::NotBegun)?;
        let (mut uri, mut args) = (bytes::borrow(uri), bytes::borrow(args));
        let mut made: *mut sys::ngx_http_request_t = ptr::null_mut();
        let flags = sys::NGX_HTTP_SUBREQUEST_IN_MEMORY | sys::NGX_HTTP_SUBREQUEST_BACKGROUND;
        // SAFETY: a live request in one of its phases (`Waiting::begin`); all strings are in its pool.
        let result = unsafe {
            sys::ngx_http_subrequest(
                self.r.raw(),
                &raw mut uri,
                &raw mut args,
                &raw mut made,
                post,
                flags as usize,
            )
        };
        if result != sys::NGX_OK as isize || made.is_null() {
            return Err(FetchError::NotBegun);
        }
        // SAFETY: made just now, not run before this callback has returned; `empty` is in its pool.
        unsafe { bits::gatehouse_subrequest_without_body(made, empty) };
        Ok(())
    }
}

/// Whether nginx has the filter that puts such an answer into memory: without it the client would get it.
fn keeps_answers() -> bool {
    // SAFETY: null or the running cycle.
    let Some(cycle) = (unsafe { cycle::running().as_ref() }) else {
        return false;
    };
    // SAFETY: the running cycle's list of modules, of that length.
    let modules = unsafe { std::slice::from_raw_parts(cycle.modules, cycle.modules_n) };
    modules.iter().any(|module| {
        // SAFETY: a module of the running cycle.
        let name = unsafe { (**module).name };
        // SAFETY: nginx names each of its modules by a literal.
        !name.is_null()
            && unsafe { std::ffi::CStr::from_ptr(name) } == c"ngx_http_postpone_filter_module"
    })
}

/// `ngx_http_post_subrequest_t.handler`: the subrequest ends with `result`.
unsafe extern "C" fn done(
    r: *mut sys::ngx_http_request_t,
    data: *mut c_void,
    result: isize,
) -> isize {
    // SAFETY: nginx passes a live subrequest.
    let request = unsafe { Request::new(r) };
    let body = || {
        // SAFETY: what `begin` gave the main request, which lives as long as its subrequests.
        let pending = unsafe { &*data.cast::<Pending>() };
        pending.0.settle(answer_of(request, result));
    };
    // SAFETY: the connection's log is live.
    unsafe { guard::run(request.log_ptr(), "ending a subrequest", (), body) };
    // Whatever came of it concerns nobody but us. nginx takes an error in a subrequest's answer for one of the
    // client's connection, and would end the request itself.
    if result == sys::NGX_ERROR as isize {
        // SAFETY: a live request has its connection.
        unsafe { (*request.fields().connection).set_error(0) };
    }
    sys::NGX_OK as isize
}

fn answer_of(r: Request<'_>, result: isize) -> Result<Fetched, FetchError> {
    if result < 0 {
        return Err(FetchError::Failed);
    }
    if result >= sys::NGX_HTTP_SPECIAL_RESPONSE as isize {
        return Ok(Fetched {
            status: u16::try_from(result).unwrap_or(0),
            body: Vec::new(),
        });
    }
    let mut body = Vec::new();
    let mut link = r.fields().out;
    // SAFETY: null or a link of the answer's chain, in the request's pool.
    while let Some(one) = unsafe { link.as_ref() } {
        // SAFETY: a link has its buffer.
        let buffer = unsafe { &*one.buf };
        let len = (buffer.last as usize).saturating_sub(buffer.pos as usize);
        if len > 0 {
            // SAFETY: nginx's filter has put that many bytes into memory.
            body.extend_from_slice(unsafe { std::slice::from_raw_parts(buffer.pos, len) });
        }
        link = one.next;
    }
    Ok(Fetched {
        status: r.status(),
        body,
    })
}

impl Shared {
    /// The first result counts.
    fn settle(&self, result: Result<Fetched, FetchError>) {
        if self.done.replace(true) {
            return;
        }
        self.result.set(Some(result));
        let waker = self.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Fetch {
    type Output = Result<Fetched, FetchError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(result) = self.0.result.take() {
            return Poll::Ready(result);
        }
        let before = self.0.waker.replace(Some(cx.waker().clone()));
        drop(before);
        Poll::Pending
    }
}
