//! What the connections of one backend share.

use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// A backend's name, its counters, and what ends it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) accepts: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) stopping: AtomicBool,
    pub(super) open: Mutex<Vec<TcpStream>>,
}

impl Shared {
    /// Nothing counted, nothing open.
    pub(super) fn new(name: &str) -> Shared {
        Shared {
            name: name.to_owned(),
            accepts: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            open: Mutex::new(Vec::new()),
        }
    }
}
