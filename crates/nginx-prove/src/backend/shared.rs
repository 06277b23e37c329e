//! What the connections of one backend share.

use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};

use tungstenite::WebSocket;

/// A backend's name, its counters, and what ends it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) accepts: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) stopping: AtomicBool,
    pub(super) open: Mutex<Vec<TcpStream>>,
    pub(super) rooms: Mutex<Rooms>,
}

/// Who is in the channels of a chat: a number, the channel, and what messages are sent through.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    pub(super) next: u64,
    pub(super) members: Vec<(u64, String, WebSocket<TcpStream>)>,
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
            rooms: Mutex::default(),
        }
    }
}
