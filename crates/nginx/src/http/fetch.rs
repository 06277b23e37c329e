//! Background subrequests: what another location of this server answers, in memory.

use crate::event::own::{Handle, Own, Waits};
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
    /// Its body; for [`Fetcher::fetch`] at most `subrequest_output_buffer_size` of the location.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// nginx could not begin a subrequest; its error log says why.
    NotBegun,
    /// It was cut, or too long.
    Failed,
    /// The request that made it has ended.
    Ended,
    /// This nginx was built without what keeps a subrequest's answer from the client.
    NoPostponeFilter,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBegun => "the subrequest could not begin",
            Self::Failed => "the subrequest failed",
            Self::Ended => "the request that asked has ended",
            Self::NoPostponeFilter => "this nginx has no postpone filter",
        })
    }
}

/// The answer of a subrequest, when it is there.
#[must_use = "the answer is for whoever awaits it"]
pub struct Fetch(Rc<Shared>);

#[derive(Default)]
struct Shared {
    result: Cell<Option<Result<Fetched, FetchError>>>,
    waker: RefCell<Option<Waker>>,
}

/// What is done with the answer.
type Then = Box<dyn FnOnce(Result<Fetched, FetchError>)>;

/// The subrequest's own hold on it.
struct Pending {
    then: Cell<Option<Then>>,
    /// Gives the subrequest up when it takes too long.
    limit: Own<Made>,
}

/// The subrequest; null before it is made, and when it is over.
type Made = Cell<*mut sys::ngx_http_request_t>;

/// What takes this long is given up, and looked at again after [`AGAIN_MS`]: nginx may have gone on to another server.
const LONGEST_MS: u64 = 10_000;
const AGAIN_MS: u64 = 1_000;

impl Attach for Pending {
    fn ended(&self) {
        self.settle(Err(FetchError::Ended));
    }
}

fn give_up(limit: &Handle<Made>) {
    let made = limit.value().get();
    if made.is_null() {
        return;
    }
    // Before: the request may be over afterwards.
    limit.after(AGAIN_MS, Waits::Yes);
    // SAFETY: in its parent's memory, and not over: `settle` would have said so. Nothing of it is used after this.
    unsafe { bits::gatehouse_subrequest_give_up(made) };
}

/// Whether a request is a subrequest of [`Fetcher::fetch_alone`] that is not over.
pub fn is_alone(r: Request<'_>) -> bool {
    !r.is_main() && attached::find::<Pending>(r, |one| one.limit.value().get() == r.raw()).is_some()
}

/// Has nginx pass on the answer to a subrequest as it comes, which is to be done before its header is. So one that is too long
/// is cut at once, and not when it has filled buffers and a file.
pub fn unbuffer(r: Request<'_>) {
    // SAFETY: a live request.
    unsafe { bits::gatehouse_subrequest_unbuffer(r.raw()) };
}

/// What a subrequest asks for.
#[derive(Clone, Copy)]
struct Wanted<'w> {
    uri: &'w [u8],
    args: &'w [u8],
    /// The most bytes of an answer to a request that has nothing of the client's; None: it has its header lines.
    alone: Option<usize>,
}

impl<'r> Fetcher<'r> {
    pub(crate) const fn new(r: Request<'r>) -> Self {
        Self { r }
    }

    /// Asks `uri` (a path of this server, also of an `internal` location) with `args`: a GET with the client's
    /// header lines and without its body. The client sees nothing of it.
    pub fn fetch(&self, uri: &[u8], args: &[u8]) -> Fetch {
        let shared = Rc::new(Shared::default());
        let to = Rc::clone(&shared);
        let alone = None;
        self.begin(
            Wanted { uri, args, alone },
            Box::new(move |result| to.settle(result)),
        );
        Fetch(shared)
    }

    /// As [`Fetcher::fetch`], on nobody's behalf: the GET has no header line of the client, and shares no variable with its
    /// request. `then` is called once, whatever comes of it: with an answer of at most `most` bytes, or when the request
    /// has ended before. What an upstream has not answered after ten seconds is given up.
    pub fn fetch_alone(
        &self,
        uri: &[u8],
        args: &[u8],
        most: usize,
        then: impl FnOnce(Result<Fetched, FetchError>) + 'static,
    ) {
        let alone = Some(most);
        self.begin(Wanted { uri, args, alone }, Box::new(then));
    }

    fn begin(&self, wanted: Wanted<'_>, then: Then) {
        let pending = Pending {
            then: Cell::new(None),
            limit: Own::new("fetching", Cell::new(ptr::null_mut()), give_up),
        };
        let Some(pending) = attached::attach(self.r, pending) else {
            return then(Err(FetchError::NotBegun));
        };
        pending.then.set(Some(then));
        if let Err(error) = self.send(wanted, pending) {
            pending.settle(Err(error));
        }
    }

    fn send(&self, wanted: Wanted<'_>, pending: &'r Pending) -> Result<(), FetchError> {
        if !keeps_answers() {
            return Err(FetchError::NoPostponeFilter);
        }
        let none = FetchError::NotBegun;
        // SAFETY: plain C data for which zero is valid.
        let empty: sys::ngx_http_request_body_t = unsafe { std::mem::zeroed() };
        let empty = self.r.place(empty).ok_or(none)?;
        let post = self.r.place(sys::ngx_http_post_subrequest_t {
            handler: Some(done),
            data: ptr::from_ref(pending).cast_mut().cast(),
        });
        let post = post.ok_or(none)?;
        let uri = self.r.concat(&[wanted.uri]).ok_or(none)?;
        let args = self.r.concat(&[wanted.args]).ok_or(none)?;
        let own = match wanted.alone {
            None => ptr::null_mut(),
            Some(most) => {
                // SAFETY: a live request; all of it is in its pool.
                let own = unsafe { bits::gatehouse_subrequest_own(self.r.raw(), most) };
                ptr::NonNull::new(own).ok_or(none)?.as_ptr()
            }
        };
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
            return Err(none);
        }
        // SAFETY: made just now, not run before this callback has returned; `empty` is in its pool.
        unsafe { bits::gatehouse_subrequest_without_body(made, empty) };
        if !own.is_null() {
            // SAFETY: as above; `own` was made for it.
            unsafe { bits::gatehouse_subrequest_alone(made, own) };
            pending.limit.value().set(made);
            pending.limit.after(LONGEST_MS, Waits::Yes);
        }
        Ok(())
    }
}

impl Pending {
    /// The first result counts.
    fn settle(&self, result: Result<Fetched, FetchError>) {
        self.limit.value().set(ptr::null_mut());
        self.limit.cancel();
        if let Some(then) = self.then.take() {
            then(result);
        }
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
    let failed = Cell::new(true);
    let body = || {
        // SAFETY: what `begin` gave the main request, which lives as long as its subrequests.
        let pending = unsafe { &*data.cast::<Pending>() };
        let answer = answer_of(request, result);
        failed.set(answer.is_err());
        pending.settle(answer);
    };
    // SAFETY: the connection's log is live.
    unsafe { guard::run(request.log_ptr(), "ending a subrequest", (), body) };
    // Whatever came of it concerns nobody but us. nginx takes an error in a subrequest's answer for one of the
    // client's connection, and would end the request itself: also one that it has not told us of, in the last of its pieces.
    if failed.get() {
        // SAFETY: a live subrequest, of which nobody takes anything any more.
        unsafe { bits::gatehouse_subrequest_drop_rest(r) };
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
    // A part of it may have been lost on the way, or have found no room.
    let announced = usize::try_from(r.fields().headers_out.content_length_n);
    if announced.is_ok_and(|len| len != body.len()) {
        return Err(FetchError::Failed);
    }
    Ok(Fetched {
        status: r.status(),
        body,
    })
}

impl Shared {
    fn settle(&self, result: Result<Fetched, FetchError>) {
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
