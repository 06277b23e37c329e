//! Events of our own in nginx's loop: what is called after some time, or at the loop's next turn.

use super::worker;
use crate::ffi::guard;
use crate::sys as ngx;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::rc::Rc;

/// Whether a worker that has been told to go waits for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// The worker ends without it.
    No,
    /// A request depends on it.
    Yes,
}

/// An event and the value it is about; dropping it takes the event back.
pub(crate) struct Own<T: 'static>(Rc<Inner<T>>);

/// `event` comes first: nginx hands back its address.
#[repr(C)]
struct Inner<T> {
    event: UnsafeCell<ngx::ngx_event_t>,
    /// What nginx's debug log looks for behind an event: its descriptor.
    connection: UnsafeCell<MaybeUninit<ngx::ngx_connection_t>>,
    value: T,
    name: &'static str,
    happened: fn(&T),
}

impl<T: 'static> Own<T> {
    /// An idle event; `happened` is called with `value`, `name` is for the alert line.
    pub(crate) fn new(name: &'static str, value: T, happened: fn(&T)) -> Self {
        let own = Rc::new(Inner {
            // SAFETY: plain C data for which zero is an idle event.
            event: UnsafeCell::new(unsafe { std::mem::zeroed() }),
            connection: UnsafeCell::new(MaybeUninit::zeroed()),
            value,
            name,
            happened,
        });
        let connection = own.connection.get().cast::<ngx::ngx_connection_t>();
        // SAFETY: zeroed memory of our own.
        unsafe { (*connection).fd = -1 };
        let event = own.event.get();
        // SAFETY: our own event, which nginx does not know yet.
        unsafe { (*event).data = connection.cast() };
        // SAFETY: as above.
        unsafe { (*event).handler = Some(happened_in_loop::<T>) };
        Self(own)
    }

    /// The value.
    pub(crate) fn value(&self) -> &T {
        &self.0.value
    }

    /// Happens after so many milliseconds, whatever was said before. Off the loop: never.
    pub(crate) fn after(&self, milliseconds: u64, waits: Waits) {
        if !worker::on_loop() {
            return;
        }
        self.stop_timer();
        let event = self.0.event.get();
        let log = worker::log();
        // SAFETY: our own event.
        unsafe { (*event).log = log };
        // SAFETY: as above.
        unsafe { (*event).set_cancelable(u32::from(waits == Waits::No)) };
        let milliseconds = ngx::ngx_msec_t::try_from(milliseconds).unwrap_or(LONGEST);
        // SAFETY: an initialised event; the memory stays where it is until the timer is taken back.
        unsafe { ngx::ngx_add_timer(event, milliseconds.min(LONGEST)) };
    }

    /// Happens at the loop's next turn. Off the loop: never.
    ///
    /// nginx waits for nothing while this queue is not empty, and runs it once a turn: what posts itself
    /// again leaves time for everything else.
    pub(crate) fn post(&self) {
        if worker::on_loop() {
            let event = self.0.event.get();
            let log = worker::log();
            // SAFETY: our own event.
            unsafe { (*event).log = log };
            // SAFETY: the queue is initialised before a worker begins.
            unsafe { ngx::ngx_post_event(event, &raw mut ngx::ngx_posted_next_events) };
        }
    }

    /// Takes it back: it does not happen.
    pub(crate) fn cancel(&self) {
        self.stop_timer();
        let event = self.0.event.get();
        // SAFETY: our own event.
        if unsafe { (*event).posted() } != 0 {
            // SAFETY: it is in one of nginx's queues.
            unsafe { ngx::ngx_delete_posted_event(event) };
        }
    }

    fn stop_timer(&self) {
        let event = self.0.event.get();
        // SAFETY: our own event.
        if unsafe { (*event).timer_set() } != 0 {
            // SAFETY: it is in nginx's timer tree.
            unsafe { ngx::ngx_del_timer(event) };
        }
    }
}

/// Half of what nginx's clock can tell apart: it compares times by their difference.
const LONGEST: ngx::ngx_msec_t = ngx::ngx_msec_t::MAX >> 2;

impl<T: 'static> Drop for Own<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

unsafe extern "C" fn happened_in_loop<T: 'static>(event: *mut ngx::ngx_event_t) {
    let inner = event.cast::<Inner<T>>();
    // SAFETY: `Own::new` put the event at the beginning of what an Rc holds, and dropping the Rc takes the
    // event back: it is alive.
    unsafe { Rc::increment_strong_count(inner) };
    // SAFETY: the count of the line above. It keeps the memory, whatever `happened` drops.
    let inner = unsafe { Rc::from_raw(inner) };
    // SAFETY: the log of the running cycle.
    unsafe {
        guard::run(worker::log(), inner.name, (), || {
            (inner.happened)(&inner.value);
        });
    }
    drop_guarded(inner);
}

/// The value may be dropped with the count: not outside of the guard.
fn drop_guarded<T>(inner: Rc<Inner<T>>) {
    let name = inner.name;
    // SAFETY: the log of the running cycle.
    unsafe { guard::run(worker::log(), name, (), || drop(inner)) }
}
