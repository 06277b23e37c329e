//! Events of our own in nginx's loop: what is called after some time, or at the loop's next turn.

use super::worker;
use crate::ffi::guard;
use crate::sys;
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::rc::{Rc, Weak};

/// Whether a worker that has been told to go waits for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// The worker ends without it.
    No,
    /// A request depends on it.
    Yes,
}

/// An event and the value it is about; dropping it takes the event back.
pub(crate) struct Own<T: 'static>(Handle<T>);

/// The event as others see it: what it is asked for after its owner is gone does not happen.
pub(crate) struct Handle<T: 'static>(Rc<Inner<T>>);

/// A handle that keeps nothing alive.
pub(crate) struct WeakHandle<T: 'static>(Weak<Inner<T>>);

/// `event` comes first: nginx hands back its address.
#[repr(C)]
struct Inner<T: 'static> {
    event: UnsafeCell<sys::ngx_event_t>,
    /// What nginx's debug log looks for behind an event: its descriptor.
    connection: UnsafeCell<MaybeUninit<sys::ngx_connection_t>>,
    value: T,
    name: &'static str,
    happened: fn(&Handle<T>),
    /// The owner is gone.
    disowned: Cell<bool>,
}

impl<T: 'static> Own<T> {
    /// An idle event; `happened` is called when it happens, `name` is for the alert line.
    pub(crate) fn new(name: &'static str, value: T, happened: fn(&Handle<T>)) -> Self {
        let own = Rc::new(Inner {
            // SAFETY: plain C data for which zero is an idle event.
            event: UnsafeCell::new(unsafe { std::mem::zeroed() }),
            connection: UnsafeCell::new(MaybeUninit::zeroed()),
            value,
            name,
            happened,
            disowned: Cell::new(false),
        });
        let connection = own.connection.get().cast::<sys::ngx_connection_t>();
        // SAFETY: zeroed memory of our own.
        unsafe { (*connection).fd = -1 };
        let event = own.event.get();
        // SAFETY: our own event, which nginx does not know yet.
        unsafe { (*event).data = connection.cast() };
        // SAFETY: as above.
        unsafe { (*event).handler = Some(happened_in_loop::<T>) };
        Self(Handle(own))
    }
}

impl<T: 'static> Deref for Own<T> {
    type Target = Handle<T>;

    fn deref(&self) -> &Handle<T> {
        &self.0
    }
}

impl<T: 'static> Drop for Own<T> {
    fn drop(&mut self) {
        self.0.0.disowned.set(true);
        self.0.cancel();
    }
}

impl<T: 'static> WeakHandle<T> {
    /// The event, if it is still there.
    pub(crate) fn upgrade(&self) -> Option<Handle<T>> {
        self.0.upgrade().map(Handle)
    }
}

impl<T: 'static> Handle<T> {
    /// The value.
    pub(crate) fn value(&self) -> &T {
        &self.0.value
    }

    /// See [`WeakHandle`].
    pub(crate) fn downgrade(&self) -> WeakHandle<T> {
        WeakHandle(Rc::downgrade(&self.0))
    }

    fn usable(&self) -> bool {
        worker::on_loop() && !self.0.disowned.get()
    }

    /// Happens after so many milliseconds, whatever was said before. Off the loop: never.
    pub(crate) fn after(&self, milliseconds: u64, waits: Waits) {
        if !self.usable() {
            return;
        }
        self.stop_timer();
        let event = self.0.event.get();
        let log = worker::log();
        // SAFETY: our own event.
        unsafe { (*event).log = log };
        // SAFETY: as above.
        unsafe { (*event).set_cancelable(u32::from(waits == Waits::No)) };
        let milliseconds = sys::ngx_msec_t::try_from(milliseconds).unwrap_or(LONGEST);
        // SAFETY: an initialised event; the memory stays where it is until the timer is taken back.
        unsafe { sys::ngx_add_timer(event, milliseconds.min(LONGEST)) };
    }

    /// Happens at the loop's next turn. Off the loop: never.
    ///
    /// nginx waits for nothing while this queue is not empty, and runs it once a turn: what posts itself
    /// again leaves time for everything else. A worker that has been told to go does not look at the queue:
    /// what a request depends on has a timer besides.
    pub(crate) fn post(&self) {
        if self.usable() {
            let event = self.0.event.get();
            let log = worker::log();
            // SAFETY: our own event.
            unsafe { (*event).log = log };
            let queue = &raw mut sys::ngx_posted_next_events;
            // SAFETY: the queue is initialised before a worker begins.
            unsafe { sys::ngx_post_event(event, queue) };
        }
    }

    /// Takes it back: it does not happen.
    pub(crate) fn cancel(&self) {
        self.stop_timer();
        let event = self.0.event.get();
        // SAFETY: our own event.
        if unsafe { (*event).posted() } != 0 {
            // SAFETY: it is in one of nginx's queues.
            unsafe { sys::ngx_delete_posted_event(event) };
        }
    }

    fn stop_timer(&self) {
        let event = self.0.event.get();
        // SAFETY: our own event.
        if unsafe { (*event).timer_set() } != 0 {
            // SAFETY: it is in nginx's timer tree.
            unsafe { sys::ngx_del_timer(event) };
        }
    }
}

/// Half of what nginx's clock can tell apart: it compares times by their difference.
const LONGEST: sys::ngx_msec_t = sys::ngx_msec_t::MAX >> 2;

unsafe extern "C" fn happened_in_loop<T: 'static>(event: *mut sys::ngx_event_t) {
    let inner = event.cast::<Inner<T>>();
    // SAFETY: `Own::new` put the event at the beginning of what an Rc holds, and dropping the owner takes the
    // event back: it is alive.
    unsafe { Rc::increment_strong_count(inner) };
    // SAFETY: the count of the line above. It keeps the memory, whatever `happened` drops.
    let handle = Handle(unsafe { Rc::from_raw(inner) });
    let name = handle.0.name;
    let body = || (handle.0.happened)(&handle);
    // SAFETY: the log of the running cycle.
    unsafe { guard::run(worker::log(), name, (), body) };
    // The value may be dropped with the count: not outside of the guard.
    // SAFETY: the log of the running cycle.
    unsafe { guard::run(worker::log(), name, (), || drop(handle)) };
}
