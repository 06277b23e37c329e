//! Reloading a running nginx and knowing when it is done.

use std::time::Duration;

use bstr::ByteSlice;
use nix::sys::signal::Signal;

use crate::poll;
use crate::process::Nginx;
use crate::root::Root;

const DEADLINE: Duration = Duration::from_secs(10);

/// Sends SIGHUP and waits until workers of the new configuration run.
///
/// # Errors
/// nginx refused the configuration (its `[emerg]` line), or nothing happened within ten seconds.
pub fn reload(nginx: &Nginx, root: &Root) -> Result<(), String> {
    // A worker that is still starting would look like a new one: it has no title yet, or is not even there.
    let before = poll::until(DEADLINE, || {
        nginx
            .settled_children()
            .filter(|_| !nginx.worker_pids().is_empty())
    })
    .ok_or("no worker runs")?;
    let logged = root.error_log().len();
    nginx.signal(Signal::SIGHUP)?;
    let done = poll::until(DEADLINE, || {
        let log = root.error_log();
        let refused = log
            .get(logged..)
            .unwrap_or_default()
            .lines()
            .find(|line| line.contains_str("[emerg]"));
        if let Some(line) = refused {
            return Some(Err(format!("reload refused: {}", line.to_str_lossy())));
        }
        let pids = nginx.worker_pids();
        let renewed = !pids.is_empty() && pids.iter().all(|pid| !before.contains(pid));
        renewed.then_some(Ok(()))
    });
    done.unwrap_or_else(|| Err("no new worker after SIGHUP".into()))
}
