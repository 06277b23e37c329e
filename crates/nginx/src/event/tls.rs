//! TLS over a connection of ours, by nginx's own OpenSSL. Only in an nginx that was built with it.

use super::bits;
pub use super::certificate::Certificate;
use super::connection::{Connection, milliseconds};
use super::state::{self, Side};
use crate::conf::{Error, Words};
use crate::ffi::bytes;
use crate::ffi::{guard, pool};
use crate::sys;
use std::cell::UnsafeCell;
use std::ffi::CString;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::ptr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Settings of TLS connections: made while the configuration is read, used by tasks.
#[derive(Clone)]
pub struct Tls {
    context: Rc<Context>,
    verifies: bool,
}

/// nginx's context; it holds pointers into itself, so it stays in its box.
struct Context(Box<UnsafeCell<sys::ngx_ssl_t>>);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by ngx_ssl_create, freed once; open connections hold OpenSSL's part of their own accord.
        unsafe { sys::ngx_ssl_cleanup_ctx(self.0.get().cast()) };
    }
}

/// The deepest chain of certificates that is followed; nginx's own default for proxies is 1.
const DEPTH: isize = 4;

impl Tls {
    /// For clients of servers whose certificate is signed by one of those in the file `trusted`; without one
    /// nothing is verified. `own` is shown to servers that ask for it. nginx itself logs why it cannot.
    pub fn client(
        words: &Words<'_>,
        trusted: Option<&Path>,
        own: Option<&Certificate<'_>>,
    ) -> Result<Self, Error> {
        // SAFETY: plain C data that ngx_ssl_create wants zeroed.
        let fresh: Box<UnsafeCell<sys::ngx_ssl_t>> = Box::new(unsafe { std::mem::zeroed() });
        let ssl = fresh.get();
        // SAFETY: the configuration being read.
        let log = unsafe { (*words.cf).log };
        // SAFETY: our own zeroed context.
        unsafe { (*ssl).log = log };
        let protocols = sys::NGX_SSL_TLSv1_2 | sys::NGX_SSL_TLSv1_3;
        // SAFETY: a zeroed context with a log; no data belongs to it.
        let made = unsafe { sys::ngx_ssl_create(ssl, protocols as usize, ptr::null_mut()) };
        if made != sys::NGX_OK as isize {
            return Err(Error::logged());
        }
        let context = Rc::new(Context(fresh));
        if let Some(path) = trusted {
            let mut file = name_in_pool(words, path)?;
            // SAFETY: the configuration being read, the context made just now, the name lives in the configuration's pool.
            let read =
                unsafe { sys::ngx_ssl_trusted_certificate(words.cf, ssl, &raw mut file, DEPTH) };
            if read != sys::NGX_OK as isize {
                return Err(Error::logged());
            }
        }
        if let Some(own) = own {
            let mut chain = name_in_pool(words, own.chain)?;
            let mut key = name_in_pool(words, own.key)?;
            // SAFETY: the configuration being read, the context made just now, the names live in the configuration's pool; no
            // passwords.
            let read = unsafe {
                sys::ngx_ssl_certificate(
                    words.cf,
                    ssl,
                    &raw mut chain,
                    &raw mut key,
                    ptr::null_mut(),
                )
            };
            if read != sys::NGX_OK as isize {
                return Err(Error::logged());
            }
        }
        Ok(Self {
            context,
            verifies: trusted.is_some(),
        })
    }
}

/// A file's name as nginx wants it: in the configuration's pool, with a NUL behind it.
fn name_in_pool(words: &Words<'_>, path: &Path) -> Result<sys::ngx_str_t, Error> {
    // SAFETY: the configuration being read.
    let pool = unsafe { (*words.cf).pool };
    let name = path.to_string_lossy();
    let room = name.len().saturating_add(1);
    // SAFETY: the configuration's pool is live.
    let copy = unsafe { pool::alloc(pool, room) };
    let copy = copy.ok_or_else(|| Error::new("no memory for the configuration"))?;
    for (to, from) in copy.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    let mut file = bytes::borrow(copy);
    file.len = name.len();
    Ok(file)
}

/// What `ngx_ssl_check_host` and SNI are given must be a name.
fn name_of(host: &str) -> io::Result<CString> {
    CString::new(host).map_err(|_| io::Error::other("the TLS name has a NUL"))
}

impl Connection {
    /// Shakes hands as a client of the server `host`, and verifies that it is that server.
    pub async fn secure(mut self, tls: &Tls, host: &str, time: Duration) -> io::Result<Self> {
        let name = name_of(host)?;
        self.begin_wait(Side::Write);
        self.begin_tls(tls, &name)?;
        self.shake_hands(time).await?;
        // SAFETY: a connection with TLS.
        if unsafe { bits::gatehouse_ssl_handshaked(self.raw.as_ptr()) } == 0 {
            return Err(self.state.error("TLS handshake failed"));
        }
        self.begin_wait(Side::Write);
        self.adopt();
        if tls.verifies {
            self.verify(host)?;
        }
        Ok(self)
    }

    fn begin_tls(&mut self, tls: &Tls, name: &CString) -> io::Result<()> {
        let log = self.state.log();
        if !self.fields().ssl.is_null() {
            return Err(io::Error::other("the connection has TLS already"));
        }
        // SAFETY: the log lives as long as the connection, which destroys the pool.
        self.fields().pool = unsafe { sys::ngx_create_pool(POOL, log) };
        if self.fields().pool.is_null() {
            return Err(io::Error::other("no memory for TLS"));
        }
        let raw = self.raw.as_ptr();
        let context = tls.context.0.get();
        // SAFETY: a context made by ngx_ssl_create, an open connection with a pool.
        let made =
            unsafe { sys::ngx_ssl_create_connection(context, raw, sys::NGX_SSL_CLIENT as _) };
        if made != sys::NGX_OK as isize {
            return Err(self.state.error("TLS cannot begin"));
        }
        // RFC 6066, section 3: an address is no name of a server.
        let text = name.to_str().unwrap_or_default();
        if text.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        // SAFETY: nginx has made it just now.
        let ssl = unsafe { (*self.fields().ssl).connection };
        // What the macro SSL_set_tlsext_host_name says; OpenSSL copies the name.
        // SAFETY: a live SSL and a text that ends in NUL.
        let set = unsafe {
            sys::SSL_ctrl(
                ssl,
                sys::SSL_CTRL_SET_TLSEXT_HOSTNAME as i32,
                sys::TLSEXT_NAMETYPE_host_name as _,
                name.as_ptr().cast_mut().cast(),
            )
        };
        if set == 1 {
            Ok(())
        } else {
            Err(io::Error::other("the TLS name is refused"))
        }
    }

    /// Returns when the handshake is over, well or not. nginx goes on with it by itself.
    async fn shake_hands(&mut self, time: Duration) -> io::Result<()> {
        // SAFETY: an open connection with TLS.
        let result = unsafe { sys::ngx_ssl_handshake(self.raw.as_ptr()) };
        if result as i32 != sys::NGX_AGAIN {
            return Ok(());
        }
        let ssl = self.fields().ssl;
        // SAFETY: a connection with TLS.
        unsafe { (*ssl).handler = Some(shaken) };
        let event = self.event(Side::Write);
        // SAFETY: an event of an open connection.
        unsafe { sys::ngx_add_timer(event, milliseconds(time)) };
        poll_fn(|cx| {
            if let Some(error) = self.state.failed(Side::Write, "TLS handshake") {
                return Poll::Ready(Err(error));
            }
            if self.state.take_event(Side::Write) {
                return Poll::Ready(Ok(()));
            }
            self.state.register(Side::Write, cx.waker());
            Poll::Pending
        })
        .await
    }

    fn verify(&mut self, host: &str) -> io::Result<()> {
        // SAFETY: a connection with TLS.
        let ssl = unsafe { (*self.fields().ssl).connection };
        // SAFETY: a live SSL whose handshake is done.
        let result = unsafe { sys::SSL_get_verify_result(ssl) };
        if result != sys::X509_V_OK as _ {
            // SAFETY: gives a literal of OpenSSL's for any number.
            let text = unsafe { sys::X509_verify_cert_error_string(result) };
            // SAFETY: as above.
            let text = unsafe { std::ffi::CStr::from_ptr(text) }.to_string_lossy();
            let text = format!("certificate of {host} is not valid ({result}:{text})");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut name = bytes::borrow(host.as_bytes());
        // SAFETY: a connection whose handshake is done; nginx reads the name.
        let matches = unsafe { sys::ngx_ssl_check_host(self.raw.as_ptr(), &raw mut name) };
        if matches == sys::NGX_OK as isize {
            return Ok(());
        }
        let text = format!("certificate is not for {host}");
        Err(io::Error::new(io::ErrorKind::InvalidData, text))
    }

    /// Says goodbye without waiting for an answer.
    pub(super) fn end_tls(&mut self) {
        if self.fields().ssl.is_null() {
            return;
        }
        let raw = self.raw.as_ptr();
        // SAFETY: a connection with TLS.
        unsafe { bits::gatehouse_ssl_no_wait(raw) };
        // SAFETY: as above.
        if unsafe { sys::ngx_ssl_shutdown(raw) } as i32 == sys::NGX_AGAIN {
            // It could not be said at once: nginx frees what it has without it.
            self.fields().set_timedout(1);
            // SAFETY: as above.
            unsafe { sys::ngx_ssl_shutdown(raw) };
        }
    }
}

/// nginx's own size for the pool of a connection to an upstream.
const POOL: usize = 128;

/// `ngx_ssl_connection_t.handler`: the handshake is over, well or not.
unsafe extern "C" fn shaken(connection: *mut sys::ngx_connection_t) {
    // SAFETY: a connection of ours, see `wait_for_handshake`.
    let state = unsafe { state::of(connection) };
    // SAFETY: an open connection has its write event.
    let event = unsafe { (*connection).write };
    // SAFETY: as above.
    let timed_out = unsafe { (*event).timedout() } != 0;
    // SAFETY: as above.
    unsafe { (*event).set_timedout(0) };
    // SAFETY: the log of the running cycle.
    unsafe {
        guard::run(super::worker::log(), "waking a task", (), || {
            state.wake_after(Side::Write, timed_out);
        });
    }
}
