//! Names to addresses, by nginx's own resolver.

use super::address;
use super::task;
use super::worker;
use crate::conf::{Error, Words};
use crate::ffi::{bytes, files, guard, pool};
use crate::sys;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::fmt;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// A resolver: made while the configuration is read, asked by tasks.
#[derive(Clone)]
pub struct Resolver(Rc<Shared>);

struct Shared {
    /// Null once the configuration it belongs to has ended.
    raw: Cell<*mut sys::ngx_resolver_t>,
    timeout: sys::ngx_msec_t,
    /// The questions nginx has not answered yet.
    open: RefCell<Vec<Rc<Question>>>,
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// At least one.
    pub addresses: Vec<Service>,
    /// Until when they may be used, in seconds since 1970.
    pub valid_until: i64,
}

/// One address of a name; the port is 0 and so are the others where no service was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Where it is.
    pub address: SocketAddr,
    /// Those with the least are tried first.
    pub priority: u16,
    /// Its share among those of one priority.
    pub weight: u16,
}

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// There is no such name, or it has no address.
    NotFound,
    /// Nobody has answered in time.
    TimedOut,
    /// The server does not answer such questions.
    Refused,
    /// The server cannot answer.
    ServerFailed,
    /// nginx could not ask; its error log says why.
    NotAsked,
    /// No worker runs here, or the configuration of this resolver has ended.
    Ended,
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "host not found",
            Self::TimedOut => "the name server timed out",
            Self::Refused => "the name server refuses",
            Self::ServerFailed => "the name server failed",
            Self::NotAsked => "the name could not be asked for",
            Self::Ended => "the resolver has ended",
        })
    }
}

/// A question that nginx may be asking; `ngx_resolver_ctx_t.data` leads to it.
struct Question {
    name: String,
    service: String,
    /// Null while nginx is not asked.
    context: Cell<*mut sys::ngx_resolver_ctx_t>,
    answer: Cell<Option<Result<Found, LookupError>>>,
    waker: RefCell<Option<Waker>>,
}

impl Resolver {
    /// One of nginx's, which lives as long as the configuration being read.
    ///
    /// # Safety
    /// `raw` is a resolver in the pool of the configuration being read, made before this is called.
    pub(crate) unsafe fn adopt(
        words: &Words<'_>,
        raw: NonNull<sys::ngx_resolver_t>,
        timeout: sys::ngx_msec_t,
    ) -> Result<Self, Error> {
        let shared = Rc::new(Shared {
            raw: Cell::new(raw.as_ptr()),
            timeout,
            open: RefCell::default(),
        });
        // SAFETY: the configuration being read.
        let pool = unsafe { (*words.cf).pool };
        // nginx's own cleanup, which frees the questions, has been added before: it runs after ours.
        // SAFETY: a live pool.
        let cleanup = unsafe { sys::ngx_pool_cleanup_add(pool, 0) };
        // SAFETY: null or the fresh cleanup.
        let cleanup = unsafe { cleanup.as_mut() }.ok_or("no memory for the configuration")?;
        cleanup.data = Rc::into_raw(Rc::clone(&shared)).cast_mut().cast();
        cleanup.handler = Some(configuration_ends);
        Ok(Self(shared))
    }

    /// Asks the name servers of a file in the form of /etc/resolv.conf; without any, this machine's own.
    pub fn from_file(words: &Words<'_>, path: &Path, timeout: Duration) -> Result<Self, Error> {
        let text = files::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let servers = name_servers(&text);
        // SAFETY: the configuration being read.
        let pool = unsafe { (*words.cf).pool };
        let mut names = Vec::with_capacity(servers.len());
        for server in servers {
            let server = match server {
                IpAddr::V4(v4) => v4.to_string(),
                IpAddr::V6(v6) => format!("[{v6}]"),
            };
            // SAFETY: the configuration's pool is live.
            let copy = unsafe { pool::alloc(pool, server.len()) };
            let copy = copy.ok_or("no memory for the configuration")?;
            copy.copy_from_slice(server.as_bytes());
            names.push(bytes::borrow(copy));
        }
        // SAFETY: the configuration being read; that many names, whose bytes live in its pool.
        let raw = unsafe { sys::ngx_resolver_create(words.cf, names.as_mut_ptr(), names.len()) };
        let raw = NonNull::new(raw).ok_or_else(Error::logged)?;
        let timeout = super::connection::milliseconds(timeout);
        // SAFETY: made just now.
        unsafe { Self::adopt(words, raw, timeout) }
    }

    /// The addresses of `name`; one that is an address already is not asked for.
    pub async fn lookup(&self, name: &str) -> Result<Found, LookupError> {
        if let Ok(ip) = name.trim_matches(['[', ']']).parse::<IpAddr>() {
            let address = SocketAddr::new(ip, 0);
            let service = Service {
                address,
                priority: 0,
                weight: 0,
            };
            return Ok(Found {
                addresses: vec![service],
                valid_until: i64::MAX,
            });
        }
        self.ask(name, "").await
    }

    /// The addresses and ports of a service (SRV): `http` stands for `_http._tcp`.
    pub async fn services(&self, service: &str, name: &str) -> Result<Found, LookupError> {
        self.ask(name, service).await
    }

    /// How many questions are open: those that nginx has not answered, and that somebody waits for.
    #[cfg(feature = "hooks")]
    pub fn open(&self) -> usize {
        self.0.open.borrow().len()
    }

    async fn ask(&self, name: &str, service: &str) -> Result<Found, LookupError> {
        let question = Rc::new(Question {
            name: name.to_owned(),
            service: service.to_owned(),
            context: Cell::new(ptr::null_mut()),
            answer: Cell::new(None),
            waker: RefCell::default(),
        });
        self.begin(&question)?;
        // Taken back when whoever asked loses interest.
        let asking = Asking(&self.0, question);
        let question = &asking.1;
        poll_fn(|cx| {
            if let Some(answer) = question.answer.take() {
                return Poll::Ready(answer);
            }
            let before = question.waker.replace(Some(cx.waker().clone()));
            drop(before);
            Poll::Pending
        })
        .await
    }

    fn begin(&self, question: &Rc<Question>) -> Result<(), LookupError> {
        let raw = self.0.raw.get();
        if raw.is_null() || !worker::on_loop() {
            return Err(LookupError::Ended);
        }
        if question.name.is_empty() {
            return Err(LookupError::NotFound);
        }
        // SAFETY: a live resolver.
        let context = unsafe { sys::ngx_resolve_start(raw, ptr::null_mut()) };
        // nginx's NGX_NO_RESOLVER is the address -1.
        if context.is_null() || context.addr() == usize::MAX {
            return Err(LookupError::NotAsked);
        }
        // SAFETY: fresh, ours until it is done.
        let fields = unsafe { &mut *context };
        fields.name = bytes::borrow(question.name.as_bytes());
        fields.service = bytes::borrow(question.service.as_bytes());
        fields.handler = Some(answered);
        fields.data = Rc::as_ptr(question).cast_mut().cast();
        fields.timeout = self.0.timeout;
        fields.set_cancelable(1);
        question.context.set(context);
        // From here on the list keeps what nginx refers to.
        self.0.open.borrow_mut().push(Rc::clone(question));
        // `answered` may be called at once.
        // SAFETY: all that it reads is set.
        let asked = unsafe { sys::ngx_resolve_name(context) };
        if asked == sys::NGX_OK as isize {
            return Ok(());
        }
        // nginx has freed the context.
        question.context.set(ptr::null_mut());
        self.0.forget(question);
        Err(LookupError::NotAsked)
    }
}

impl Shared {
    fn forget(&self, question: &Rc<Question>) {
        let mut open = self.open.borrow_mut();
        open.retain(|one| !Rc::ptr_eq(one, question));
    }
}

/// Somebody waits for the answer.
struct Asking<'r>(&'r Shared, Rc<Question>);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.1.take_back();
        self.0.forget(&self.1);
    }
}

impl Question {
    /// Has nginx forget it.
    fn take_back(&self) {
        let context = self.context.replace(ptr::null_mut());
        if !context.is_null() {
            // SAFETY: nginx has not been told so far; the resolver is live as long as the list has the question.
            unsafe { sys::ngx_resolve_name_done(context) };
        }
    }

    fn settle(&self, answer: Result<Found, LookupError>) {
        self.answer.set(Some(answer));
        let waker = self.waker.take();
        // nginx goes through a list of questions, and does not expect that one of them ends meanwhile.
        waker.into_iter().for_each(task::wake_later);
    }
}

/// `ngx_resolver_ctx_t.handler`
unsafe extern "C" fn answered(context: *mut sys::ngx_resolver_ctx_t) {
    // SAFETY: nginx passes a context of `begin`.
    let question = unsafe { (*context).data }.cast::<Question>().cast_const();
    // SAFETY: the list of open questions, or whoever asks, holds an Rc of it.
    unsafe { Rc::increment_strong_count(question) };
    // SAFETY: the count of the line above.
    let question = unsafe { Rc::from_raw(question) };
    let body = || {
        // SAFETY: the answer is there until nginx is told that it has been read.
        let context = unsafe { &*context };
        // SAFETY: as above.
        let answer = unsafe { read(context) };
        question.take_back();
        question.settle(answer);
    };
    // SAFETY: the log of the running cycle.
    unsafe { guard::run(worker::log(), "reading a name server's answer", (), body) }
}

/// # Safety
/// An answered context.
unsafe fn read(context: &sys::ngx_resolver_ctx_t) -> Result<Found, LookupError> {
    match u32::try_from(context.state).unwrap_or(u32::MAX) {
        0 => {}
        sys::NGX_RESOLVE_NXDOMAIN => return Err(LookupError::NotFound),
        sys::NGX_ETIMEDOUT => return Err(LookupError::TimedOut),
        sys::NGX_RESOLVE_REFUSED => return Err(LookupError::Refused),
        _ => return Err(LookupError::ServerFailed),
    }
    let found = if context.addrs.is_null() {
        &[]
    } else {
        // SAFETY: promised by the caller: nginx's addresses, that many.
        unsafe { std::slice::from_raw_parts(context.addrs, context.naddrs) }
    };
    let mut addresses = Vec::with_capacity(found.len());
    for one in found {
        // SAFETY: an address of that length.
        let address = unsafe { address::read(one.sockaddr, one.socklen as usize) };
        addresses.extend(address.map(|address| Service {
            address,
            priority: one.priority,
            weight: one.weight,
        }));
    }
    if addresses.is_empty() {
        return Err(LookupError::NotFound);
    }
    Ok(Found {
        addresses,
        valid_until: context.valid,
    })
}

/// The configuration's pool ends, and the resolver with it.
unsafe extern "C" fn configuration_ends(shared: *mut c_void) {
    // SAFETY: `adopt` has left this Rc to the cleanup, which nginx runs once.
    let shared = unsafe { Rc::from_raw(shared.cast::<Shared>().cast_const()) };
    let body = || {
        shared.raw.set(ptr::null_mut());
        let open = shared.open.take();
        for question in open {
            question.take_back();
            question.settle(Err(LookupError::Ended));
        }
        drop(shared);
    };
    // SAFETY: a null log is allowed; that of the cycle that ends is closed by now.
    unsafe { guard::run(ptr::null_mut(), "ending a resolver", (), body) }
}

/// The servers that a resolv.conf names: three are asked at most, as by the C library.
fn name_servers(text: &str) -> Vec<IpAddr> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let keyword = words.next()?;
        words.next().filter(|_| keyword == "nameserver")
    });
    let servers: Vec<IpAddr> = lines.filter_map(|word| word.parse().ok()).take(3).collect();
    if servers.is_empty() {
        vec![IpAddr::from([127, 0, 0, 1])]
    } else {
        servers
    }
}
