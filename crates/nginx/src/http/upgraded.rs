//! Connections that have switched protocols (101), such as WebSockets: nginx passes their bytes on until one side ends.
//!
//! A worker knows those that it was told to [watch](watch), and can have them end: [`look`] goes through them. What passes
//! is followed, so that each side can be told goodbye where nothing is half said. No filter of nginx sees these bytes; both
//! connections send them by `c->send` (ngx_http_upstream_process_upgraded), in whose place the following stands. The end is
//! nginx's own: the connection to the backend is shut down, and nginx sees that it is over.

use crate::event::worker::{self, OfLoop};
use crate::ffi::guard;
use crate::http::bits;
use crate::http::piece::{Piece, words_of};
use crate::http::request::Request;
use crate::sys;
use ngx::core::Status;
use std::ffi::c_void;
use std::ptr;

/// Who bytes are sent to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum To {
    /// The client.
    Client,
    /// The backend.
    Backend,
}

/// Follows what passes.
pub trait Follow {
    /// These bytes have been sent.
    fn passed(&self, to: To, bytes: &[u8]);
    /// What may be sent as the last thing; None while something is half sent.
    fn farewell(&self, to: To) -> Option<&'static [u8]>;
    /// How many of these bytes, which are to be sent next, belong to what is half sent.
    fn rest(&self, to: To, bytes: &[u8]) -> usize;
}

/// How often a goodbye is tried before the connection ends without.
const PATIENCE: u8 = 8;

type Send = unsafe extern "C" fn(*mut sys::ngx_connection_t, *mut u8, usize) -> isize;

/// One direction.
struct Side {
    send: Send,
    /// The connection has not taken all that it was given last.
    is_full: bool,
    /// It has taken nothing of that: TLS must be given all of it again.
    is_owed: bool,
    /// Goodbye is said, and nothing follows.
    is_said: bool,
}

/// A watched connection, in its request's pool. There may be many of them for days, so it is small.
struct Node {
    next: *mut Node,
    before: *mut Node,
    request: *mut sys::ngx_http_request_t,
    /// The connection to the backend; nginx may close it long before the request ends.
    backend: *mut sys::ngx_connection_t,
    follow: *const dyn Follow,
    to_client: Side,
    to_backend: Side,
    tries: u8,
    has_ended: bool,
}

/// Words that are kept for a watched connection.
pub const WORDS: usize = words_of::<Node>();

/// Those of this worker, in a ring that begins with who is looked at next.
struct Ring {
    first: *mut Node,
    count: usize,
}

static RING: OfLoop<Ring> = OfLoop::new(Ring {
    first: ptr::null_mut(),
    count: 0,
});

/// Watches the request's connection, whose upstream has just agreed to another protocol; for a header filter. None where
/// there is nothing to watch, or no memory. [`WORDS`] of the piece are used.
pub fn watch<'r, F: Follow>(
    r: Request<'r>,
    piece: Option<&Piece<'r>>,
    follow: &'r F,
) -> Option<()> {
    // SAFETY: a live request.
    let is_upgraded = unsafe { bits::gatehouse_request_is_upgraded(r.raw()) } != 0;
    if !worker::on_loop() || !is_upgraded {
        return None;
    }
    // SAFETY: as above.
    if let Some(node) = unsafe { node_of(r.raw()) } {
        // Another upstream of the same request, after one whose answer could not be passed on.
        node.has_ended = true;
        return None;
    }
    let client = r.fields().connection;
    // SAFETY: the request's upstream, in its pool.
    let backend = unsafe { (*r.fields().upstream).peer.connection };
    let follow: *const (dyn Follow + 'r) = follow;
    let node = Node {
        next: ptr::null_mut(),
        before: ptr::null_mut(),
        request: r.raw(),
        backend,
        // SAFETY: only the lifetime differs: it lives in the request's pool, as the node that points to it.
        follow: unsafe {
            std::mem::transmute::<*const (dyn Follow + 'r), *const dyn Follow>(follow)
        },
        // SAFETY: both connections are live.
        to_client: unsafe { side(client) }?,
        // SAFETY: as above.
        to_backend: unsafe { side(backend) }?,
        tries: 0,
        has_ended: false,
    };
    let node = ptr::from_mut(r.place_in(piece, node)?);
    // SAFETY: the request's pool.
    let cleanup = unsafe { sys::ngx_pool_cleanup_add(r.fields().pool, 0) };
    // SAFETY: null or the fresh cleanup.
    let cleanup = unsafe { cleanup.as_mut() }?;
    cleanup.handler = Some(forget);
    cleanup.data = node.cast();
    RING.with(|ring| ring.add(node));
    for connection in [client, backend] {
        // SAFETY: both are live.
        unsafe { (*connection).send = Some(send) };
    }
    Some(())
}

/// # Safety
/// The connection is live.
unsafe fn side(connection: *mut sys::ngx_connection_t) -> Option<Side> {
    Some(Side {
        // SAFETY: promised by the caller.
        send: unsafe { (*connection).send }?,
        is_full: false,
        is_owed: false,
        is_said: false,
    })
}

/// Asks of so many watched connections, those that have waited longest, whether each is to end. How many there are in all.
pub fn look(most: usize, mut is_to_end: impl FnMut(Request<'_>) -> bool) -> usize {
    let count = RING.with(|ring| ring.count).unwrap_or(0);
    for _ in 0..most.min(count) {
        let Some(node) = RING.with(Ring::turn).filter(|node| !node.is_null()) else {
            break;
        };
        // SAFETY: a node leaves the ring before its request ends, and nobody else has a reference to it.
        let node = unsafe { &mut *node };
        // SAFETY: as above.
        let request = unsafe { Request::new(node.request) };
        // What one side has been told is not taken back.
        if node.is_going_on() && (node.is_ending() || is_to_end(request)) {
            end(node);
        }
    }
    count
}

impl Node {
    /// Whether nginx still passes its bytes on. It closes the connection to the backend first; the request may then wait
    /// for its client to go (`lingering_close`), or go on elsewhere (`post_action`).
    fn is_going_on(&self) -> bool {
        // SAFETY: the request of a node is live.
        let is_upgraded = unsafe { bits::gatehouse_request_is_upgraded(self.request) } != 0;
        if self.has_ended || !is_upgraded {
            return false;
        }
        // SAFETY: as above.
        let upstream = unsafe { (*self.request).upstream };
        // SAFETY: an upgraded request has its upstream.
        let backend = unsafe { (*upstream).peer.connection };
        backend == self.backend
    }

    /// Whether each side is told goodbye as soon as it can be.
    fn is_ending(&self) -> bool {
        self.tries > 0
    }

    fn side(&mut self, to: To) -> &mut Side {
        match to {
            To::Client => &mut self.to_client,
            To::Backend => &mut self.to_backend,
        }
    }
}

impl Ring {
    /// Puts a node at the end.
    fn add(&mut self, node: *mut Node) {
        if self.first.is_null() {
            self.first = node;
            // SAFETY: live, and nobody else's.
            unsafe { (*node).next = node };
            // SAFETY: as above.
            unsafe { (*node).before = node };
        } else {
            // SAFETY: nodes of the ring are live.
            let last = unsafe { (*self.first).before };
            link(last, node);
            link(node, self.first);
        }
        self.count = self.count.saturating_add(1);
    }

    /// The first one, which becomes the last.
    fn turn(&mut self) -> *mut Node {
        let node = self.first;
        if !node.is_null() {
            // SAFETY: nodes of the ring are live.
            self.first = unsafe { (*node).next };
        }
        node
    }

    fn remove(&mut self, node: *mut Node) {
        // SAFETY: live until its pool is freed.
        let next = unsafe { (*node).next };
        // SAFETY: as above.
        let before = unsafe { (*node).before };
        if next == node {
            self.first = ptr::null_mut();
        } else {
            link(before, next);
            if self.first == node {
                self.first = next;
            }
        }
        self.count = self.count.saturating_sub(1);
    }
}

fn link(before: *mut Node, next: *mut Node) {
    // SAFETY: both are nodes of the ring, or about to be.
    unsafe { (*before).next = next };
    // SAFETY: as above.
    unsafe { (*next).before = before };
}

/// Says goodbye to both sides and ends the connection, one that is going on; if something is half said, another time.
fn end(node: &mut Node) {
    let said = [To::Client, To::Backend].map(|to| say(node, to));
    node.tries = node.tries.saturating_add(1);
    if said == [true, true] || node.tries >= PATIENCE {
        shut(node);
    }
}

fn shut(node: &mut Node) {
    node.has_ended = true;
    // nginx reads that it is over, at the loop's next turn.
    // SAFETY: an upgraded request has its upstream and the connection to it.
    unsafe { bits::gatehouse_request_end_upgraded(node.request) };
}

fn say(node: &mut Node, to: To) -> bool {
    let (follow, backend, request) = (node.follow, node.backend, node.request);
    let side = node.side(to);
    if side.is_said || side.is_full {
        return side.is_said;
    }
    // SAFETY: in the request's pool, as the node.
    let Some(bytes) = (unsafe { (*follow).farewell(to) }) else {
        return false;
    };
    side.is_said = true;
    if !bytes.is_empty() {
        let connection = match to {
            // SAFETY: the request is live.
            To::Client => unsafe { (*request).connection },
            To::Backend => backend,
        };
        // A piece of it is as good as nothing: the connection ends at once.
        // SAFETY: the connection is live, and its own function only reads the bytes.
        unsafe { (side.send)(connection, bytes.as_ptr().cast_mut(), bytes.len()) };
    }
    true
}

/// The node of a request.
///
/// # Safety
/// The request is live.
unsafe fn node_of<'a>(r: *mut sys::ngx_http_request_t) -> Option<&'a mut Node> {
    // SAFETY: promised by the caller.
    let pool = unsafe { r.as_ref() }?.pool;
    // SAFETY: its pool, live as well.
    let mut cleanup = unsafe { (*pool).cleanup };
    // SAFETY: the list of a pool's cleanups.
    while let Some(one) = unsafe { cleanup.as_ref() } {
        if one
            .handler
            .is_some_and(|handler| ptr::fn_addr_eq(handler, forget as Cleanup))
        {
            // SAFETY: `watch` has set its node; nobody else holds a reference to it.
            return unsafe { one.data.cast::<Node>().as_mut() };
        }
        cleanup = one.next;
    }
    None
}

type Cleanup = unsafe extern "C" fn(*mut c_void);

/// Sends bytes of nginx's, and says goodbye behind what is half sent when that is to be said.
///
/// # Safety
/// The connection is live and the node's.
unsafe fn pass_on(node: &mut Node, to: To, c: *mut sys::ngx_connection_t, all: &[u8]) -> isize {
    let (follow, is_ending) = (node.follow, node.is_ending());
    let side = node.side(to);
    let wanted = if is_ending && !side.is_owed {
        // SAFETY: in the request's pool, as the node.
        let rest = unsafe { (*follow).rest(to, all) };
        all.get(..rest).unwrap_or(all)
    } else {
        all
    };
    let mut sent = 0;
    if !wanted.is_empty() {
        // SAFETY: the connection's own function, called as nginx would; it only reads the bytes.
        sent = unsafe { (side.send)(c, wanted.as_ptr().cast_mut(), wanted.len()) };
        let passed = usize::try_from(sent).unwrap_or(0);
        let passed = wanted.get(..passed).unwrap_or(wanted);
        // SAFETY: as above.
        unsafe { (*follow).passed(to, passed) };
        side.is_owed = passed.is_empty() && wanted.len() == all.len();
        side.is_full = passed.len() < wanted.len();
    } else {
        side.is_full = false;
    }
    if is_ending && say(node, to) {
        if node.to_client.is_said && node.to_backend.is_said {
            // At once: nginx would not stop reading from who never stops sending.
            shut(node);
        }
        // Of the rest nobody hears.
        return all.len() as isize;
    }
    sent
}

/// In the place of `c->send`.
unsafe extern "C" fn send(c: *mut sys::ngx_connection_t, bytes: *mut u8, size: usize) -> isize {
    const FAILED: isize = Status::NGX_ERROR.0;
    let body = || {
        // SAFETY: nginx passes a live connection; both of an upgraded request point to it.
        let request = unsafe { (*c).data }.cast::<sys::ngx_http_request_t>();
        // SAFETY: as above.
        let Some(node) = (unsafe { node_of(request) }) else {
            return FAILED;
        };
        let to = if node.backend == c {
            To::Backend
        } else {
            To::Client
        };
        if node.side(to).is_said {
            // Nobody listens any more.
            return size as isize;
        }
        // SAFETY: nginx passes so many bytes.
        let all = unsafe { std::slice::from_raw_parts(bytes, size) };
        // SAFETY: the connection is live.
        unsafe { pass_on(node, to, c, all) }
    };
    // SAFETY: nginx passes a live connection.
    let log = unsafe { (*c).log };
    // SAFETY: the connection's log is live.
    unsafe { guard::run(log, "sending to an upgraded connection", FAILED, body) }
}

/// The request ends. Its connection to the backend is closed by now; that to the client is not.
unsafe extern "C" fn forget(node: *mut c_void) {
    let node = node.cast::<Node>();
    let body = || {
        RING.with(|ring| ring.remove(node));
        // SAFETY: live until the pool is freed, which happens after this.
        let send = unsafe { (*node).to_client.send };
        // SAFETY: as above.
        let request = unsafe { (*node).request };
        // SAFETY: it lies in that pool, too.
        let client = unsafe { (*request).connection };
        // SAFETY: the client's connection outlives its request.
        unsafe { (*client).send = Some(send) };
    };
    // SAFETY: a null log is allowed.
    unsafe { guard::run(ptr::null_mut(), "leaving an upgraded connection", (), body) }
}
