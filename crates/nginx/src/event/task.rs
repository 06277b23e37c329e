//! Tasks: futures that a worker runs on nginx's loop.
//!
//! A waker only notes that its task may go on and posts an event; the task is polled at the loop's next
//! turn, never on the stack of whoever woke it. A panic ends its task and is one `[alert]` line.

use super::own::Own;
use super::shutdown;
use super::worker::{self, OfLoop};
use crate::ffi::guard;
use crate::ffi::process;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

type Job = Pin<Box<dyn Future<Output = ()>>>;

/// How long a task lives when it does not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Until the worker is told to go.
    Worker,
    /// Until the worker exits: a request depends on it.
    Request,
}

/// Runs `future` in this worker until it ends or the worker is told to go, whichever is first; then it is
/// dropped. `name` is for the alert line. False where no worker runs, or one that is going: the future is dropped.
pub fn spawn(name: &'static str, future: impl Future<Output = ()> + 'static) -> bool {
    let placed = place(name, Life::Worker, Box::pin(future)).is_some();
    if placed {
        shutdown::watch(end_background);
    }
    placed
}

/// A task that ends when this is dropped.
pub(crate) struct Bound(u64);

impl Bound {
    /// Runs `future` for somebody's sake. None where no worker runs.
    pub(crate) fn spawn(
        name: &'static str,
        future: impl Future<Output = ()> + 'static,
    ) -> Option<Self> {
        place(name, Life::Request, Box::pin(future)).map(Self)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        end_one(self.0);
    }
}

/// The tasks of this worker by their numbers.
struct Tasks {
    /// The worker ends: nothing begins any more.
    closed: bool,
    last: u64,
    all: BTreeMap<u64, Task>,
}

struct Task {
    name: &'static str,
    life: Life,
    /// None while it is polled.
    job: Option<Job>,
}

static TASKS: OfLoop<Tasks> = OfLoop::new(Tasks {
    closed: false,
    last: 0,
    all: BTreeMap::new(),
});

/// What runs those that may go on; made by the first of them.
static TURN: OfLoop<Option<Own<()>>> = OfLoop::new(None);

/// Wakers to be called at the loop's next turn.
static LATER: OfLoop<Vec<Waker>> = OfLoop::new(Vec::new());

/// Those that may go on, in the order they were woken.
static WOKEN: Mutex<Vec<Arc<Ticket>>> = Mutex::new(Vec::new());

/// What a waker holds. Any thread may wake a task; the loop looks at once only if it was its own.
struct Ticket {
    number: u64,
    queued: AtomicBool,
}

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            woken().push(self);
            post();
        }
    }
}

fn woken() -> MutexGuard<'static, Vec<Arc<Ticket>>> {
    WOKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn post() {
    TURN.with(|turn| {
        turn.get_or_insert_with(|| Own::new("running tasks", (), |_| run()))
            .post();
    });
}

/// Has `waker` called at the loop's next turn: it may be anybody's, and do what nginx does not expect in the
/// middle of a list of its own.
pub(super) fn wake_later(waker: Waker) {
    LATER.with(|later| later.push(waker));
    post();
}

fn place(name: &'static str, life: Life, job: Job) -> Option<u64> {
    if life == Life::Worker && process::exiting() {
        return None;
    }
    let placed = TASKS.with(|tasks| {
        if tasks.closed {
            return None;
        }
        tasks.last = tasks.last.wrapping_add(1);
        let ticket = Arc::new(Ticket {
            number: tasks.last,
            queued: AtomicBool::new(false),
        });
        let task = Task {
            name,
            life,
            job: Some(job),
        };
        tasks.all.insert(tasks.last, task);
        Some(ticket)
    });
    let ticket = placed.flatten()?;
    let number = ticket.number;
    ticket.wake();
    Some(number)
}

/// Polls each task that was woken before this turn, once.
fn run() {
    let later = LATER.with(std::mem::take).unwrap_or_default();
    later.into_iter().for_each(Waker::wake);
    let ready = std::mem::take(&mut *woken());
    for ticket in ready {
        // Before it is polled: what wakes it meanwhile asks for another turn.
        ticket.queued.store(false, Ordering::Release);
        poll(ticket);
    }
}

fn poll(ticket: Arc<Ticket>) {
    let number = ticket.number;
    let taken = TASKS.with(|tasks| {
        let task = tasks.all.get_mut(&number)?;
        task.job.take().map(|job| (task.name, task.life, job))
    });
    let Some((name, life, mut job)) = taken.flatten() else {
        return;
    };
    if life == Life::Worker && process::exiting() {
        TASKS.with(|tasks| tasks.all.remove(&number));
        return discard(name, Some(job));
    }
    let waker = Waker::from(ticket);
    // SAFETY: the log of the running cycle.
    let polled = unsafe {
        guard::run(worker::log(), name, Poll::Ready(()), || {
            job.as_mut().poll(&mut Context::from_waker(&waker))
        })
    };
    let mut job = Some(job);
    if polled.is_pending() {
        // Where it has been ended meanwhile there is no place for it any more.
        TASKS.with(|tasks| {
            if let Some(task) = tasks.all.get_mut(&number) {
                task.job = job.take();
            }
        });
    } else {
        TASKS.with(|tasks| tasks.all.remove(&number));
    }
    discard(name, job);
}

/// Drops what is left of a task; its own code may run, and panic, in that.
fn discard(name: &'static str, job: Option<Job>) {
    // SAFETY: the log of the running cycle.
    unsafe { guard::run(worker::log(), name, (), || drop(job)) }
}

fn end_one(number: u64) {
    let task = TASKS.with(|tasks| tasks.all.remove(&number));
    if let Some(task) = task.flatten() {
        discard(task.name, task.job);
    }
}

/// Ends those that live no longer than the worker serves.
fn end_background() {
    end_where(|task| task.life == Life::Worker);
}

/// A worker begins.
pub(super) fn begin() {
    TASKS.with(|tasks| tasks.closed = false);
}

/// Ends all tasks, for good.
pub(super) fn end_all() {
    TASKS.with(|tasks| tasks.closed = true);
    end_where(|_| true);
    woken().clear();
    let later = LATER.with(std::mem::take);
    // SAFETY: the log of the running cycle.
    unsafe { guard::run(worker::log(), "ending tasks", (), || drop(later)) };
    TURN.with(Option::take);
}

fn end_where(ends: fn(&Task) -> bool) {
    // One at a time: a task's end may end others, or begin some.
    loop {
        let first = TASKS.with(|tasks| {
            let found = tasks.all.iter().find(|(_, task)| ends(task));
            let number = found.map(|(number, _)| *number)?;
            tasks.all.remove(&number)
        });
        match first.flatten() {
            Some(task) => discard(task.name, task.job),
            None => return,
        }
    }
}

/// How many tasks this worker has.
#[cfg(feature = "hooks")]
pub fn count() -> usize {
    TASKS.with(|tasks| tasks.all.len()).unwrap_or(0)
}
