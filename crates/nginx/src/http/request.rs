//! A request being served.

use crate::event::address;
use crate::ffi::bytes;
use crate::ffi::guard;
use crate::ffi::log::{self, Level, Line};
use crate::ffi::pool;
use crate::ffi::process;
use crate::http::bits;
use crate::http::kind::{HttpKind, conf_of, slot};
use crate::sys;
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::fmt::Display;
use std::hint::black_box;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::ptr::{self, NonNull};

/// A request or subrequest, live for the callback `'r` it was passed to.
///
/// `'r` neither grows nor shrinks: with a shorter one, safe code could put a reference to its own
/// stack into [`Request::local`], which outlives the callback.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    ptr: NonNull<sys::ngx_http_request_t>,
    life: PhantomData<Cell<&'r ()>>,
}

/// What `ctx` points to: the request's own state.
struct State<M: HttpKind> {
    /// Whose state it is.
    request: *mut sys::ngx_http_request_t,
    /// What finds it again after an internal redirect has cleared `ctx`, once that is wanted.
    anchor: UnsafeCell<sys::ngx_pool_cleanup_t>,
    local: M::Local<'static>,
}

impl<'r> Request<'r> {
    /// # Safety
    /// `r` is a live request and stays so for `'r`.
    pub(crate) unsafe fn new(r: *mut sys::ngx_http_request_t) -> Self {
        // SAFETY: live, so not null.
        let ptr = unsafe { NonNull::new_unchecked(r) };
        Self {
            ptr,
            life: PhantomData,
        }
    }

    pub(crate) fn raw(self) -> *mut sys::ngx_http_request_t {
        self.ptr.as_ptr()
    }

    /// The request's fields. Never held across a call into nginx.
    pub(crate) fn fields(&self) -> &sys::ngx_http_request_t {
        // SAFETY: live for 'r; nginx is single-threaded and does not run meanwhile.
        unsafe { self.ptr.as_ref() }
    }

    pub(crate) fn log_ptr(self) -> *mut sys::ngx_log_t {
        // SAFETY: a request always has its connection.
        unsafe { (*self.fields().connection).log }
    }

    /// The main request.
    pub fn main(self) -> Self {
        // SAFETY: a subrequest's main request outlives it.
        unsafe { Self::new(self.fields().main) }
    }

    /// Whether this is the main request.
    pub fn is_main(self) -> bool {
        self.fields().main == self.raw()
    }

    /// Whether its client speaks TLS, as `$scheme` says.
    pub fn is_tls(self) -> bool {
        // SAFETY: a live request.
        unsafe { bits::gatehouse_request_is_tls(self.raw()) != 0 }
    }

    /// The method as sent.
    pub fn method(self) -> &'r [u8] {
        // SAFETY: lives in the request's pool or buffers.
        unsafe { bytes::slice(self.fields().method_name) }
    }

    /// Whether its header lines say that a body follows.
    pub fn announces_body(self) -> bool {
        let headers = &self.fields().headers_in;
        headers.content_length_n > 0 || headers.chunked() != 0
    }

    /// The name of the location: for one by the beginning of a path that beginning.
    pub fn location(self) -> &'r [u8] {
        let core = &raw const sys::ngx_http_core_module;
        // SAFETY: the core module's own slot.
        let core: *const sys::ngx_http_core_loc_conf_t =
            unsafe { conf_of(self.fields().loc_conf, core) };
        // SAFETY: its location configuration, which every request has.
        let name = unsafe { (*core).name };
        // SAFETY: it lives as long as the configuration.
        unsafe { bytes::slice(name) }
    }

    /// Whether the location is a named one.
    pub fn is_at_named(self) -> bool {
        let core = &raw const sys::ngx_http_core_module;
        // SAFETY: the core module's own slot.
        let core: *const sys::ngx_http_core_loc_conf_t =
            unsafe { conf_of(self.fields().loc_conf, core) };
        // SAFETY: its location configuration, which every request has.
        unsafe { bits::gatehouse_location_is_named(core) != 0 }
    }

    /// The decoded, normalised path.
    pub fn uri(self) -> &'r [u8] {
        // SAFETY: lives in the request's pool or buffers.
        unsafe { bytes::slice(self.fields().uri) }
    }

    /// The arguments, without `?`.
    pub fn args(self) -> &'r [u8] {
        // SAFETY: lives in the request's pool or buffers.
        unsafe { bytes::slice(self.fields().args) }
    }

    /// The request target as received (`$request_uri`).
    pub fn target(self) -> &'r [u8] {
        // SAFETY: lives in the request's pool or buffers.
        unsafe { bytes::slice(self.fields().unparsed_uri) }
    }

    /// Replaces the decoded path.
    pub fn set_uri(self, uri: &'r [u8]) {
        // SAFETY: a plain field; the bytes live as long as the request.
        unsafe { (*self.raw()).uri = bytes::borrow(uri) };
    }

    /// Replaces the arguments.
    pub fn set_args(self, args: &'r [u8]) {
        // nginx has no pointer where there are none: `$args` is "not found" then.
        let args = match args {
            [] => sys::ngx_str_t::default(),
            _ => bytes::borrow(args),
        };
        // SAFETY: a plain field; the bytes live as long as the request.
        unsafe { (*self.raw()).args = args };
    }

    /// From here on upstreams get the path (`$uri`), escaped, and not the target's spelling of it.
    pub fn send_uri(self) {
        // SAFETY: a live request.
        unsafe { bits::gatehouse_request_send_uri(self.raw()) };
    }

    /// Replaces the request target.
    pub fn set_target(self, target: &'r [u8]) {
        // SAFETY: a plain field; the bytes live as long as the request.
        unsafe { (*self.raw()).unparsed_uri = bytes::borrow(target) };
    }

    /// The status the response will carry; 0 before it is known.
    pub fn status(self) -> u16 {
        u16::try_from(self.fields().headers_out.status).unwrap_or(0)
    }

    /// Milliseconds since its first byte came (`$request_time`).
    pub fn age_ms(self) -> u64 {
        let fields = self.fields();
        let (now, now_ms) = process::wall_clock();
        let seconds = now.wrapping_sub(fields.start_sec);
        let ms = (now_ms as i64).wrapping_sub(fields.start_msec as i64);
        // The clock may have been set back meanwhile.
        let age = seconds.wrapping_mul(1_000).wrapping_add(ms).max(0);
        age.unsigned_abs()
    }

    /// Whether the request has said for which host it is; before that it is in the default server.
    pub fn has_host(self) -> bool {
        self.fields().headers_in.server.len > 0
    }

    /// Whether nginx itself chose the request's location: it may be an `internal` one.
    pub fn is_internal(self) -> bool {
        // SAFETY: a live request.
        unsafe { bits::gatehouse_request_internal(self.raw()) != 0 }
    }

    /// How many more times nginx lets the request go to another location: each `rewrite … last` of a location and each
    /// internal redirect is one.
    pub fn changes_left(self) -> u8 {
        // SAFETY: a live request.
        unsafe { bits::gatehouse_request_uri_changes(self.raw()) as u8 }
    }

    /// From here on the request is again one whose path a client chose: no `internal` location.
    pub fn set_external(self) {
        // SAFETY: a live request; nginx reads the field when it looks for a location.
        unsafe { bits::gatehouse_request_set_external(self.raw()) };
    }

    /// Whether the location says `satisfy any`.
    pub fn satisfy_any(self) -> bool {
        let core = &raw const sys::ngx_http_core_module;
        // SAFETY: the core module's own slot.
        let core: *const sys::ngx_http_core_loc_conf_t =
            unsafe { conf_of(self.fields().loc_conf, core) };
        // SAFETY: its location configuration, which every request has.
        let satisfy = unsafe { (*core).satisfy };
        satisfy == sys::NGX_HTTP_SATISFY_ANY as usize
    }

    /// The client's address as nginx sees it, after realip; None for a unix socket.
    pub fn client(self) -> Option<IpAddr> {
        // SAFETY: a request always has its connection.
        let connection = unsafe { &*self.fields().connection };
        // SAFETY: the connection's address, of that length.
        let address = unsafe { address::read(connection.sockaddr, connection.socklen as usize) };
        address.map(|address| address.ip())
    }

    /// `len` zeroed bytes of the request's pool; None when memory is short.
    pub fn alloc(self, len: usize) -> Option<&'r mut [u8]> {
        // SAFETY: the pool lives as long as the request.
        unsafe { pool::alloc(self.fields().pool, len) }
    }

    /// What `value` displays, in the request's pool; None when it is longer than `most` bytes or
    /// memory is short.
    pub fn text(self, value: &impl Display, most: usize) -> Option<&'r [u8]> {
        let out = self.alloc(most)?;
        let mut rest = &mut *out;
        std::io::Write::write_fmt(&mut rest, format_args!("{value}")).ok()?;
        let unused = rest.len();
        out.get(..most.checked_sub(unused)?)
    }

    /// A copy in the request's pool; None when memory is short.
    pub fn copy(self, words: &[u64]) -> Option<&'r [u64]> {
        // SAFETY: the pool lives as long as the request.
        unsafe { pool::copy(self.fields().pool, words) }
    }

    /// The same of a text.
    pub fn copy_text(self, text: &[u8]) -> Option<&'r [u8]> {
        // SAFETY: the pool lives as long as the request.
        unsafe { pool::copy(self.fields().pool, text) }
    }

    /// The same, to be changed before it is used.
    pub(crate) fn copy_to_change(self, text: &[u8]) -> Option<&'r mut [u8]> {
        // SAFETY: the pool lives as long as the request.
        unsafe { pool::copy_to_change(self.fields().pool, text) }
    }

    /// The pieces one after another, in the request's pool; None when memory is short.
    pub fn concat(self, pieces: &[&[u8]]) -> Option<&'r [u8]> {
        let mut len: usize = 0;
        for piece in pieces {
            len = len.checked_add(piece.len())?;
        }
        let out = self.alloc(len)?;
        let mut room = &mut *out;
        for piece in pieces {
            let (to, rest) = room.split_at_mut_checked(piece.len())?;
            to.copy_from_slice(piece);
            room = rest;
        }
        Some(out)
    }

    /// A value in the request's pool; it must not need dropping. None when memory is short.
    pub fn place<T: 'r>(self, value: T) -> Option<&'r mut T> {
        // SAFETY: the pool lives as long as the request.
        unsafe { pool::alloc_value(self.fields().pool, value) }
    }

    /// `len` zero words in the request's pool; None when memory is short.
    #[cfg(ngx_feature = "pcre")]
    pub(crate) fn numbers(self, len: usize) -> Option<&'r mut [i32]> {
        // SAFETY: the pool lives as long as the request.
        unsafe { pool::alloc(self.fields().pool, len) }
    }

    /// Zeroed words from the request's pool; None when memory is short.
    pub fn words(self, len: usize) -> Option<&'r mut [u64]> {
        // SAFETY: the pool lives as long as the request.
        unsafe { pool::alloc(self.fields().pool, len) }
    }

    /// The `http` level of the configuration.
    pub fn main_conf<M: HttpKind>(self) -> &'r M::Main {
        // SAFETY: a table of configurations, which outlives the request; ours was made by
        // `create::<M::Main>`.
        unsafe { own::<M, _>(self.fields().main_conf) }
    }

    /// The server's level of the configuration.
    pub fn srv<M: HttpKind>(self) -> &'r M::Srv {
        // SAFETY: as above, by `create::<M::Srv>`.
        unsafe { own::<M, _>(self.fields().srv_conf) }
    }

    /// The location's level of the configuration (before a location is found: the server's).
    pub fn loc<M: HttpKind>(self) -> &'r M::Loc {
        // SAFETY: as above, by `create::<M::Loc>`.
        unsafe { own::<M, _>(self.fields().loc_conf) }
    }

    /// This request's own state, made on first use; None when memory is short.
    pub fn local<M: HttpKind>(self) -> Option<&'r M::Local<'r>> {
        let state = self.state::<M>()?;
        // SAFETY: only lifetimes differ. Whatever callbacks store in it lives as long as the
        // request (crate docs), so it may be read back with this callback's lifetime.
        Some(unsafe { &*(&raw const state.local).cast::<M::Local<'r>>() })
    }

    /// Keeps this request's own state, so that [`Request::kept_locals`] finds it again. None when memory is short.
    pub fn keep_local<M: HttpKind>(self) -> Option<()> {
        self.anchor(self.state::<M>()?);
        Some(())
    }

    /// The request's own states that were kept, the newest first: each internal redirect begins another one.
    pub fn kept_locals<M: HttpKind>(self) -> impl Iterator<Item = &'r M::Local<'r>> {
        // SAFETY: in the request's pool; for the lifetimes see `local`.
        let local = |state: &'r State<M>| unsafe { &*(&raw const state.local).cast() };
        self.kept::<M>().map(local)
    }

    fn slot<M: HttpKind>(self) -> *mut *mut c_void {
        // SAFETY: `ctx` has one slot for each http module.
        unsafe { slot::<M>(self.fields().ctx) }
    }

    fn existing_state<M: HttpKind>(self) -> Option<&'r State<M>> {
        // SAFETY: our own slot.
        let state = unsafe { self.slot::<M>().read() }.cast::<State<M>>();
        // SAFETY: null, or what `state` stored there, in the request's pool.
        unsafe { state.as_ref() }
    }

    fn state<M: HttpKind>(self) -> Option<&'r State<M>> {
        if let Some(state) = self.existing_state::<M>() {
            return Some(state);
        }
        let fresh = State::<M> {
            request: self.raw(),
            anchor: UnsafeCell::new(sys::ngx_pool_cleanup_t {
                handler: None,
                data: ptr::null_mut(),
                next: ptr::null_mut(),
            }),
            local: Default::default(),
        };
        let state = self.place(fresh)?;
        // SAFETY: our own slot.
        unsafe { *self.slot::<M>() = ptr::from_mut(state).cast() };
        Some(state)
    }

    /// The request's states that have an anchor, the newest first. It is found as nginx's realip module finds its own:
    /// by the handler of a pool cleanup.
    fn kept<M: HttpKind>(self) -> impl Iterator<Item = &'r State<M>> {
        // SAFETY: the pool's list of cleanups, live as long as the pool.
        let mut cleanup = unsafe { (*self.fields().pool).cleanup };
        std::iter::from_fn(move || {
            // SAFETY: null or an element of that list.
            while let Some(one) = unsafe { cleanup.as_ref() } {
                cleanup = one.next;
                let ours = one.handler.is_some_and(|handler| {
                    ptr::fn_addr_eq(handler, anchor::<M> as unsafe extern "C" fn(*mut c_void))
                });
                if ours {
                    // SAFETY: our handler's data is a state, in the request's pool.
                    let state = unsafe { &*one.data.cast::<State<M>>() };
                    if state.request == self.raw() {
                        return Some(state);
                    }
                }
            }
            None
        })
    }

    /// Gives a state of the request an anchor, if it has none: an element of the pool's list of cleanups, linked in as
    /// ngx_pool_cleanup_add does it, without an allocation.
    fn anchor<M: HttpKind>(self, state: &'r State<M>) {
        let anchor_at = state.anchor.get();
        // SAFETY: the state lives as long as the request; nobody else writes there.
        if unsafe { (*anchor_at).handler }.is_some() {
            return;
        }
        let pool = self.fields().pool;
        // SAFETY: the pool is live.
        let next = unsafe { (*pool).cleanup };
        let linked = sys::ngx_pool_cleanup_t {
            handler: Some(anchor::<M>),
            data: ptr::from_ref(state).cast_mut().cast(),
            next,
        };
        // SAFETY: as above.
        unsafe { anchor_at.write(linked) };
        // SAFETY: the pool is live, and the element lives in it.
        unsafe { (*pool).cleanup = anchor_at };
    }

    /// One line in the request's error log.
    pub fn log(self, level: Level, text: impl Display) {
        // SAFETY: the connection's log is live.
        unsafe { log::write(self.log_ptr(), level, &text) };
    }

    /// The same with a text that is put together already.
    pub fn log_line(self, level: Level, line: Line<'_>) {
        // SAFETY: the connection's log is live.
        unsafe { log::write_line(self.log_ptr(), level, line) };
    }

    /// A line that lives as long as the request; None when memory is short.
    pub fn keep_line(self, line: Line<'_>) -> Option<Line<'r>> {
        self.concat(&[line.0]).map(Line)
    }

    /// Whether the error log takes lines of this level.
    pub fn logs(self, level: Level) -> bool {
        // SAFETY: the connection's log is live.
        unsafe { log::takes(self.log_ptr(), level) }
    }
}

/// The module's configuration in a table.
///
/// # Safety
/// `table` is a live table of configurations of http modules, where that of `M` is a `T`; it lives for
/// `'r`.
unsafe fn own<'r, M: HttpKind, T>(table: *mut *mut c_void) -> &'r T {
    // SAFETY: promised by the caller.
    let slot = unsafe { slot::<M>(table) };
    // SAFETY: a slot of that table.
    let conf = unsafe { slot.read() };
    // SAFETY: promised by the caller.
    unsafe { &*conf.cast() }
}

/// Marks a state's anchor; there is nothing to clean up.
unsafe extern "C" fn anchor<M: HttpKind>(_: *mut c_void) {
    // Two types must not share one address: their states differ.
    let body = || _ = black_box(size_of::<State<M>>());
    // SAFETY: a null log is allowed.
    unsafe { guard::run(ptr::null_mut(), "ending a request", (), body) };
}
