//! Phase handlers that wait: a request is suspended until a task has its answer.

use crate::conf::Error;
use crate::event::own::{Handle, Own, Waits, WeakHandle};
use crate::event::task::Bound;
use crate::ffi::guard;
use crate::http::attached::{self, Attach};
use crate::http::bits;
use crate::http::fetch::Fetcher;
use crate::http::kind::HttpKind;
use crate::http::phase::{Installer, Outcome, Phase, answer};
use crate::http::request::Request;
use crate::sys;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::time::Duration;

/// A phase handler that may have to wait.
pub trait Waiting: 'static {
    /// Its phase: `PreAccess`, `Access` or `PreContent`.
    const PHASE: Phase;
    /// For the alert line.
    const NAME: &'static str;
    /// The longest that a request waits.
    const PATIENCE: Duration;
    /// What is waited for.
    type Answer: 'static;

    /// Decides, or says what to wait for. The request is suspended meanwhile; a client that goes ends it, and
    /// the wait with it. A worker that is told to go stays for the answer.
    fn begin<'r>(r: Request<'r>, fetcher: &Fetcher<'r>) -> Begin<'r, Self::Answer>;

    /// Decides, when the answer is there. None: the request has waited for [`Waiting::PATIENCE`].
    fn end(r: Request<'_>, answer: Option<Self::Answer>) -> Outcome<'_>;
}

/// See [`Waiting::begin`].
pub enum Begin<'r, A> {
    /// There is nothing to wait for.
    Decided(Outcome<'r>),
    /// Waits for this. It holds nothing of the request; a panic in it is answered with 500.
    Wait(Pin<Box<dyn Future<Output = A>>>, Client),
}

/// What becomes of a wait whose client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// It ends, and the request with it.
    Counts,
    /// It goes on: others need what this request fetches.
    IsOne,
}

impl<A> Begin<'_, A> {
    /// Waits for what `future` gives.
    pub fn wait(future: impl Future<Output = A> + 'static) -> Self {
        Self::Wait(Box::pin(future), Client::Counts)
    }

    /// Waits for what `future` gives, also when the client goes meanwhile.
    pub fn wait_out(future: impl Future<Output = A> + 'static) -> Self {
        Self::Wait(Box::pin(future), Client::IsOne)
    }
}

impl<M: HttpKind> Installer<'_, M> {
    /// Adds a handler that may have to wait. In each phase the last one added runs first.
    pub fn waiting_phase<W: Waiting>(&mut self) -> Result<(), Error> {
        const {
            assert!(matches!(
                W::PHASE,
                Phase::PreAccess | Phase::Access | Phase::PreContent
            ));
        }
        self.add_function(W::PHASE, handler::<W>).map(|_| ())
    }
}

/// A request that waits; it belongs to the request.
struct Suspended<W: Waiting>(Own<State<W>>);

struct State<W: Waiting> {
    /// Null once the request is over, or has been answered.
    r: Cell<*mut sys::ngx_http_request_t>,
    /// What looks for the answer.
    task: RefCell<Option<Bound>>,
    found: Cell<Found<W::Answer>>,
}

enum Found<A> {
    /// It waits.
    Nothing,
    Answer(A),
    /// The task ended without one.
    Failed,
    TimedOut,
}

impl<W: Waiting> Attach for Suspended<W> {
    fn ended(&self) {
        let state = self.0.value();
        state.r.set(ptr::null_mut());
        let task = state.task.take();
        drop(task);
        // The task's end may have asked for a last turn.
        self.0.cancel();
    }
}

unsafe extern "C" fn handler<W: Waiting>(r: *mut sys::ngx_http_request_t) -> isize {
    // SAFETY: nginx passes a live request.
    let request = unsafe { Request::new(r) };
    let body = || match attached::find::<Suspended<W>>(request, |s| s.0.value().r.get() == r) {
        Some(suspended) => go_on(request, suspended.0.value()),
        None => begin::<W>(request),
    };
    let failed = Some(Outcome::Failed);
    // SAFETY: the connection's log is live.
    let outcome = unsafe { guard::run(request.log_ptr(), W::NAME, failed, body) };
    match outcome {
        // SAFETY: the request is live; nothing of it is used after this.
        Some(outcome) => unsafe { answer(request, W::PHASE, outcome) },
        // The phases stop here. Who resumes them is `resume`.
        None => sys::NGX_DONE as isize,
    }
}

/// None: the request is suspended.
fn begin<W: Waiting>(r: Request<'_>) -> Option<Outcome<'_>> {
    match W::begin(r, &Fetcher::new(r)) {
        Begin::Decided(outcome) => Some(outcome),
        Begin::Wait(future, client) => match suspend::<W>(r, future, client) {
            Some(()) => None,
            None => Some(Outcome::Failed),
        },
    }
}

fn go_on<'r, W: Waiting>(r: Request<'r>, state: &State<W>) -> Option<Outcome<'r>> {
    let found = state.found.replace(Found::Nothing);
    let answer = match found {
        // Somebody else has resumed the phases: a subrequest that ended, say.
        Found::Nothing => return None,
        Found::Failed => {
            state.r.set(ptr::null_mut());
            return Some(Outcome::Failed);
        }
        Found::Answer(answer) => Some(answer),
        Found::TimedOut => None,
    };
    // The same phase may come again, after a redirect: that is another wait.
    state.r.set(ptr::null_mut());
    Some(W::end(r, answer))
}

fn suspend<W: Waiting>(
    r: Request<'_>,
    future: Pin<Box<dyn Future<Output = W::Answer>>>,
    client: Client,
) -> Option<()> {
    let state = State::<W> {
        r: Cell::new(r.raw()),
        task: RefCell::default(),
        found: Cell::new(Found::Nothing),
    };
    let own = Own::new(W::NAME, state, resume::<W>);
    let suspended = attached::attach(r, Suspended(own))?;
    let promise = Promise(suspended.0.downgrade());
    let task = Bound::spawn(W::NAME, async move {
        let answer = future.await;
        promise.keep(Found::Answer(answer));
    });
    let begun = task.is_some();
    suspended.0.value().task.replace(task);
    let patience = u64::try_from(W::PATIENCE.as_millis()).unwrap_or(u64::MAX);
    suspended.0.after(patience, Waits::Yes);
    // SAFETY: a live request; nginx calls this when it has something to write, which is not before it is resumed.
    unsafe { (*r.raw()).write_event_handler = Some(sys::ngx_http_request_empty_handler) };
    // nginx reads nothing of a client in these phases, and does not see it go.
    let watched = client == Client::IsOne || {
        // SAFETY: a live request.
        let watched = unsafe { bits::gatehouse_request_watch_client(r.raw()) };
        watched == sys::NGX_OK as isize
    };
    if begun && watched {
        return Some(());
    }
    suspended.ended();
    None
}

/// The task's end of the wait: kept by an answer, or broken when it is dropped without.
struct Promise<W: Waiting>(WeakHandle<State<W>>);

impl<W: Waiting> Promise<W> {
    fn keep(&self, found: Found<W::Answer>) {
        let Some(handle) = self.0.upgrade() else {
            return;
        };
        let before = handle.value().found.replace(found);
        match before {
            Found::Nothing => handle.post(),
            // The first one counts.
            before => drop(handle.value().found.replace(before)),
        }
    }
}

impl<W: Waiting> Drop for Promise<W> {
    fn drop(&mut self) {
        self.keep(Found::Failed);
    }
}

/// The answer is there, or the time is over: the phases go on where they stopped.
fn resume<W: Waiting>(handle: &Handle<State<W>>) {
    handle.cancel();
    let state = handle.value();
    let raw = state.r.get();
    // SAFETY: null, or a live request: it says when it ends.
    let Some(connection) = (unsafe { raw.as_ref() }).map(|r| r.connection) else {
        return;
    };
    let found = state.found.replace(Found::TimedOut);
    if !matches!(found, Found::Nothing) {
        drop(state.found.replace(found));
    }
    // Dropping the task must not count as its failure.
    let task = state.task.take();
    drop(task);
    // SAFETY: a live request in the phase where `suspend` stopped it.
    unsafe { (*raw).read_event_handler = Some(sys::ngx_http_block_reading) };
    // SAFETY: as above.
    unsafe { (*raw).write_event_handler = Some(sys::ngx_http_core_run_phases) };
    // SAFETY: as above; nothing of the request is used after this.
    unsafe { sys::ngx_http_core_run_phases(raw) };
    // SAFETY: the connection that the request was on; nginx itself looks whether it is still open.
    unsafe { sys::ngx_http_run_posted_requests(connection) };
}
