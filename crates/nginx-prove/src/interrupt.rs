//! A runner told to stop takes its nginx processes and its directory with it.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

use crate::{poll, process};

/// Watches for SIGINT, SIGTERM and SIGHUP: stops every nginx started here, removes `directory`, exits.
///
/// Must be called before other threads start, because they take over what is blocked here.
///
/// # Errors
/// The signals cannot be blocked.
pub fn watch(directory: Option<PathBuf>) -> Result<(), String> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect();
    signals
        .thread_block()
        .map_err(|e| format!("signals: {e}"))?;
    thread::spawn(move || {
        let signal = signals.wait();
        process::stop_all();
        if let Some(directory) = directory {
            // Blocks still at work may add a file meanwhile; they cannot once the directory is gone.
            poll::until(Duration::from_secs(2), || {
                let _ = std::fs::remove_dir_all(&directory);
                (!directory.exists()).then_some(())
            });
        }
        let number = signal.map_or(0, |signal| signal as i32);
        std::process::exit(number.saturating_add(128));
    });
    Ok(())
}
