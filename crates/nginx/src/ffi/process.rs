//! Which nginx process this is, and what time it is.

use crate::sys;
use std::io;

/// Roles of nginx processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `nginx -t`: reads everything, changes nothing.
    Test,
    /// `nginx -s …`: only signals; parses the configuration on the way.
    Signaller,
    /// The master, also before it has workers, and whatever else nginx runs: none of that asks.
    Master,
    /// A worker.
    Worker,
}

/// The role of this process. Before workers exist every start is [`Role::Master`].
pub fn role() -> Role {
    // SAFETY: a plain global, written by nginx before modules run.
    let test = unsafe { sys::ngx_test_config };
    // SAFETY: as above.
    let process = unsafe { sys::ngx_process } as u32;
    if test != 0 {
        return Role::Test;
    }
    match process {
        sys::NGX_PROCESS_SIGNALLER => Role::Signaller,
        sys::NGX_PROCESS_WORKER => Role::Worker,
        _ => Role::Master,
    }
}

/// Whether this process serves requests: a worker, or the one of `master_process off`.
pub fn serves() -> bool {
    // SAFETY: plain global, see `role`.
    let process = unsafe { sys::ngx_process } as u32;
    process == sys::NGX_PROCESS_WORKER || process == sys::NGX_PROCESS_SINGLE
}

/// Whether this worker has been told to go.
pub fn exiting() -> bool {
    // SAFETY: a plain global of the process.
    let exiting = unsafe { sys::ngx_exiting };
    // SAFETY: as above; a signal may write it, and nginx's own loops read it like this.
    let quit = unsafe { sys::ngx_quit };
    // SAFETY: as above.
    let terminate = unsafe { sys::ngx_terminate };
    exiting != 0 || quit != 0 || terminate != 0
}

/// User and group of the workers of a configuration, where the master gives up its own.
///
/// # Safety
/// The cycle is live, its directives read.
pub(crate) unsafe fn workers_of(cycle: *const sys::ngx_cycle_t) -> Option<(u32, u32)> {
    // SAFETY: promised by the caller.
    let contexts = unsafe { (*cycle).conf_ctx };
    // SAFETY: nginx's own static; only `index` is read.
    let core = unsafe { sys::ngx_core_module.index };
    // SAFETY: conf_ctx has one slot for each module.
    let context = unsafe { contexts.add(core) };
    // SAFETY: as above.
    let context = unsafe { context.read() }.cast::<sys::ngx_core_conf_t>();
    // SAFETY: null, or the core module's own configuration.
    let conf = unsafe { context.as_ref()? };
    // NGX_CONF_UNSET_UINT: nobody's rights are given up.
    (conf.user != u32::MAX).then_some((conf.user, conf.group))
}

/// Whether this is the first of the workers, or the only process.
pub fn is_first_worker() -> bool {
    // SAFETY: a plain global, which nginx sets before a worker begins.
    let number = unsafe { sys::ngx_worker };
    number == 0
}

/// This process's number.
pub fn pid() -> u32 {
    std::process::id()
}

/// This process, told from a later one of the same number: when it began (0 if the system does not say), and its number.
pub fn mark() -> u64 {
    let began = stat_of(pid()).map_or(0, |(_, began)| began);
    u64::from(began) << 32 | u64::from(pid())
}

/// Whether the process of this [`mark`] is there. One that has ended and still is to be waited for is not.
pub fn is_alive(mark: u64) -> bool {
    let (pid, began) = (mark as u32, (mark >> 32) as u32);
    let Ok(number) = i32::try_from(pid) else {
        return false;
    };
    // SAFETY: a plain system call; 0 is no signal, it only asks.
    let found = unsafe { sys::kill(number, 0) } == 0;
    if !found && io::Error::last_os_error().raw_os_error() == Some(sys::ESRCH as i32) {
        return false;
    }
    match stat_of(pid) {
        Some((b'Z' | b'X', _)) => false,
        Some((_, begins)) => began == 0 || begins == began,
        None => true,
    }
}

/// A process's state, and the lower bits of when it began, as Linux has them in `/proc/N/stat` (proc(5)).
fn stat_of(pid: u32) -> Option<(u8, u32)> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses, which may have any bytes.
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(name_end.checked_add(1)?..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    // The first one here is the third, and this the twenty-second.
    let began: u64 = fields.nth(18)?.parse().ok()?;
    Some((state, began as u32))
}

/// nginx's cached wall clock, seconds since 1970 (ngx_time()).
pub fn now() -> i64 {
    #[cfg(feature = "hooks")]
    if let Some(fixed) = hooks::clock() {
        return fixed;
    }
    wall_clock().0
}

/// nginx's cached wall clock (ngx_timeofday()): seconds since 1970 and milliseconds of the second.
pub(crate) fn wall_clock() -> (i64, u64) {
    // SAFETY: a plain global, which nginx reads the same way.
    let time = unsafe { sys::ngx_cached_time };
    // SAFETY: null or one of nginx's slots of times, which are statics.
    unsafe { time.as_ref() }.map_or((0, 0), |t| (t.sec, t.msec as u64))
}

/// nginx's cached monotonic clock in milliseconds (ngx_current_msec).
pub fn now_ms() -> u64 {
    // SAFETY: plain global of the process.
    unsafe { sys::ngx_current_msec as u64 }
}

/// The same, read anew: a master that works for long, or waits, has the time at which it began.
pub fn now_ms_anew() -> u64 {
    // SAFETY: brings nginx's cached times up to date, as its event loop does.
    unsafe { sys::ngx_time_update() };
    now_ms()
}

/// The clock of the test build.
#[cfg(feature = "hooks")]
pub mod hooks {
    use crate::ffi::cycle;
    use crate::sys;
    use std::sync::atomic::{AtomicI64, Ordering};

    static CLOCK: AtomicI64 = AtomicI64::new(i64::MIN);

    /// Fixes [`super::now`] in this process and those forked from it.
    pub fn set_clock(seconds: i64) {
        CLOCK.store(seconds, Ordering::Relaxed);
    }

    /// Whether a configuration is in force already: the one being read is a reload's.
    pub fn reloading() -> bool {
        // SAFETY: null or the running cycle; one without configuration stands in at the start.
        unsafe { cycle::running().as_ref() }.is_some_and(|cycle| !cycle.conf_ctx.is_null())
    }

    /// Stops this process until somebody sends it SIGCONT.
    pub fn stop_here() {
        // SAFETY: a plain system call.
        unsafe { sys::raise(sys::SIGSTOP as i32) };
    }

    pub(super) fn clock() -> Option<i64> {
        Some(CLOCK.load(Ordering::Relaxed)).filter(|t| *t != i64::MIN)
    }
}
