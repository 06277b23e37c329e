//! Connections that a task makes: TCP and unix sockets, and TLS on top of them ([`super::tls`]).
//!
//! A connection is nginx's own and has a place in `worker_connections`. What nginx would log about it
//! becomes the text of an [`io::Error`]: whoever asked decides what is logged. It never keeps a worker
//! alive by its timers, and is closed when it is dropped.

use super::address::Address;
use super::state::{Side, State};
use super::worker;
use crate::sys;
use std::future::poll_fn;
use std::io;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// An open connection.
pub struct Connection {
    pub(super) raw: NonNull<sys::ngx_connection_t>,
    pub(super) state: Rc<State>,
}

impl Connection {
    /// Connects, or says why not, at the latest after `time`.
    ///
    /// While the connection is idle (see [`Connection::set_idle`]), a worker that is told to go closes it.
    pub async fn connect(to: &Address, time: Duration) -> io::Result<Self> {
        if !worker::on_loop() {
            return Err(io::Error::other("no worker runs here"));
        }
        let name = to.to_string();
        let mut connection = Self::begin(to, &name)?;
        connection.set_idle(true);
        if !connection.write_ready() {
            let what = format!("connect() to {name}");
            connection.wait(Side::Write, time, &what).await?;
        }
        match connection.socket_error() {
            None => Ok(connection),
            Some(error) => {
                let text = crate::ffi::files::errno(&error);
                let text = format!("connect() to {name} failed ({text})");
                Err(io::Error::new(error.kind(), text))
            }
        }
    }

    /// Asks the kernel; the socket is writable or on its way.
    fn begin(to: &Address, name: &str) -> io::Result<Self> {
        let state = State::new();
        let (mut address, length) = to.raw();
        let mut name = crate::ffi::bytes::borrow(name.as_bytes());
        // SAFETY: plain C data for which zero is valid.
        let mut peer: sys::ngx_peer_connection_t = unsafe { std::mem::zeroed() };
        peer.sockaddr = (&raw mut address).cast();
        peer.socklen = length;
        peer.name = &raw mut name;
        peer.get = Some(sys::ngx_event_get_peer);
        peer.log = state.log();
        // SAFETY: all that it reads of `peer` is set and lives until it returns; its log is the state's.
        let result = unsafe { sys::ngx_event_connect_peer(&raw mut peer) };
        let raw = NonNull::new(peer.connection).ok_or_else(|| state.error("connect() failed"))?;
        // From here on dropping it closes it.
        let mut connection = Self { raw, state };
        connection.adopt();
        let result = result as i32;
        if result != sys::NGX_OK as i32 && result != sys::NGX_AGAIN {
            return Err(connection.state.error("connect() failed"));
        }
        Ok(connection)
    }

    /// Has nginx call the state's handlers.
    pub(super) fn adopt(&mut self) {
        let state = Rc::as_ptr(&self.state);
        let fields = self.fields();
        fields.data = state.cast_mut().cast();
        let (read, write) = (fields.read, fields.write);
        // SAFETY: a connection has its events.
        unsafe { (*read).handler = Some(State::readable) };
        // SAFETY: as above.
        unsafe { (*write).handler = Some(State::writable) };
        // SAFETY: as above.
        unsafe { (*read).set_cancelable(1) };
        // SAFETY: as above.
        unsafe { (*write).set_cancelable(1) };
    }

    /// nginx's record. Never held across a call into nginx.
    pub(super) fn fields(&mut self) -> &mut sys::ngx_connection_t {
        // SAFETY: open until this is dropped; nginx is single-threaded and does not run meanwhile.
        unsafe { self.raw.as_mut() }
    }

    /// Whether a worker that is told to go closes the connection: reads and writes fail from then on. A
    /// connection that a request waits for is not idle.
    pub fn set_idle(&mut self, idle: bool) {
        self.fields().set_idle(idle.into());
    }

    fn write_ready(&mut self) -> bool {
        let write = self.fields().write;
        // SAFETY: a connection has its events.
        unsafe { (*write).ready() != 0 }
    }

    /// What became of a connection attempt.
    fn socket_error(&mut self) -> Option<io::Error> {
        let fd = self.fields().fd;
        let mut number: i32 = 0;
        let mut length = size_of::<i32>() as sys::socklen_t;
        // SAFETY: an open socket; both pointers lead to values of the size that is named.
        let asked = unsafe {
            sys::getsockopt(
                fd,
                sys::SOL_SOCKET as i32,
                sys::SO_ERROR as i32,
                (&raw mut number).cast(),
                &raw mut length,
            )
        };
        if asked == -1 {
            return Some(io::Error::last_os_error());
        }
        (number != 0).then(|| io::Error::from_raw_os_error(number))
    }

    /// Reads what there is, at most `into`'s length, waiting at most `time` for the first byte. 0: the other
    /// side has ended the connection.
    pub async fn read(&mut self, into: &mut [u8], time: Duration) -> io::Result<usize> {
        self.begin_wait(Side::Read);
        poll_fn(|cx| {
            let connection = self.raw.as_ptr();
            // SAFETY: an open connection has its functions.
            let Some(receive) = (unsafe { (*connection).recv }) else {
                return Poll::Ready(Err(io::Error::other("the connection cannot read")));
            };
            if let Some(error) = self.state.failed(Side::Read, "read") {
                return Poll::Ready(Err(error));
            }
            // SAFETY: an open connection, and room of our own of that length.
            let count = unsafe { receive(connection, into.as_mut_ptr(), into.len()) };
            match usize::try_from(count) {
                Ok(count) => Poll::Ready(Ok(count)),
                Err(_) if count == AGAIN => self.poll_wait(Side::Read, cx, time),
                Err(_) => Poll::Ready(Err(self.state.error("read failed"))),
            }
        })
        .await
    }

    /// Writes all of `bytes`, waiting at most `time` for each step.
    pub async fn write_all(&mut self, mut bytes: &[u8], time: Duration) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.write(bytes, time).await?;
            bytes = bytes.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes what fits.
    async fn write(&mut self, bytes: &[u8], time: Duration) -> io::Result<usize> {
        self.begin_wait(Side::Write);
        poll_fn(|cx| {
            let connection = self.raw.as_ptr();
            // SAFETY: an open connection has its functions.
            let Some(send) = (unsafe { (*connection).send }) else {
                return Poll::Ready(Err(io::Error::other("the connection cannot write")));
            };
            if let Some(error) = self.state.failed(Side::Write, "write") {
                return Poll::Ready(Err(error));
            }
            // SAFETY: an open connection; nginx only reads the bytes.
            let count = unsafe { send(connection, bytes.as_ptr().cast_mut(), bytes.len()) };
            match usize::try_from(count) {
                Ok(count) if count > 0 => Poll::Ready(Ok(count)),
                Err(_) if count != AGAIN => Poll::Ready(Err(self.state.error("write failed"))),
                _ => self.poll_wait(Side::Write, cx, time),
            }
        })
        .await
    }

    /// Waits until nginx sees a change on that side.
    async fn wait(&mut self, side: Side, time: Duration, what: &str) -> io::Result<()> {
        self.begin_wait(side);
        poll_fn(|cx| {
            if let Some(error) = self.state.failed(side, what) {
                return Poll::Ready(Err(error));
            }
            if self.state.take_event(side) {
                return Poll::Ready(Ok(()));
            }
            self.poll_wait(side, cx, time)
        })
        .await
    }

    /// Forgets what an operation before this one waited for.
    pub(super) fn begin_wait(&mut self, side: Side) {
        self.state.clear(side);
        let event = self.event(side);
        // SAFETY: a connection has its events.
        if unsafe { (*event).timer_set() } != 0 {
            // SAFETY: it is in nginx's timer tree.
            unsafe { sys::ngx_del_timer(event) };
        }
    }

    pub(super) fn event(&mut self, side: Side) -> *mut sys::ngx_event_t {
        match side {
            Side::Read => self.fields().read,
            Side::Write => self.fields().write,
        }
    }

    /// Has the task woken at the next event, or when the time is over.
    pub(super) fn poll_wait<T>(
        &mut self,
        side: Side,
        cx: &std::task::Context<'_>,
        time: Duration,
    ) -> Poll<io::Result<T>> {
        self.state.register(side, cx.waker());
        let event = self.event(side);
        // SAFETY: a connection has its events.
        if unsafe { (*event).timer_set() } == 0 {
            // SAFETY: an event of an open connection.
            unsafe { sys::ngx_add_timer(event, milliseconds(time)) };
        }
        let handled = match side {
            // SAFETY: an event of an open connection.
            Side::Read => unsafe { sys::ngx_handle_read_event(event, 0) },
            // SAFETY: as above.
            Side::Write => unsafe { sys::ngx_handle_write_event(event, 0) },
        };
        if handled == sys::NGX_OK as isize {
            Poll::Pending
        } else {
            Poll::Ready(Err(self.state.error("nginx cannot watch the connection")))
        }
    }
}

/// As nginx counts them; 49 days are for ever.
pub(crate) fn milliseconds(time: Duration) -> sys::ngx_msec_t {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX) as sys::ngx_msec_t
}

/// NGX_AGAIN
const AGAIN: isize = sys::NGX_AGAIN as isize;

impl Drop for Connection {
    fn drop(&mut self) {
        #[cfg(ngx_feature = "ssl")]
        self.end_tls();
        let fields = self.fields();
        let pool = std::mem::replace(&mut fields.pool, ptr::null_mut());
        // SAFETY: open until now; nginx takes its timers and posted events back.
        unsafe { sys::ngx_close_connection(self.raw.as_ptr()) };
        if !pool.is_null() {
            // SAFETY: the pool of this connection's TLS, used by nobody any more.
            unsafe { sys::ngx_destroy_pool(pool) };
        }
    }
}
