//! A listener with one thread per connection, stopped when dropped.

use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;

use super::http;
use super::shared::Shared;
use super::websocket::{self, WsMode};
use crate::ports::Port;

/// A mock backend on a free port.
#[derive(Debug)]
pub struct Backend {
    port: Port,
    shared: Arc<Shared>,
}

impl Backend {
    /// An HTTP backend that answers with its name and the request head it got.
    ///
    /// # Errors
    /// No free port.
    pub fn http(name: &str) -> Result<Backend, String> {
        Backend::serve(name, |stream, shared| {
            http::connection(stream, shared, false);
        })
    }

    /// A WebSocket backend that sends every message back; to the text `?headers` it answers with the request head it got.
    ///
    /// # Errors
    /// No free port.
    pub fn echo() -> Result<Backend, String> {
        Backend::websocket("echo", WsMode::Echo)
    }

    /// A WebSocket backend of some other behaviour.
    ///
    /// # Errors
    /// No free port.
    pub fn websocket(name: &str, mode: WsMode) -> Result<Backend, String> {
        Backend::serve(name, move |stream, shared| {
            websocket::connection(stream, shared, mode)
        })
    }

    /// An HTTP backend that also takes WebSockets and sends every message back, as a site's server does.
    ///
    /// # Errors
    /// No free port.
    pub fn site(name: &str) -> Result<Backend, String> {
        Backend::serve(name, |stream, shared| {
            http::connection(stream, shared, true);
        })
    }

    /// The port it listens on, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn accepts(&self) -> u64 {
        self.shared.accepts.load(Ordering::SeqCst)
    }

    /// How many requests it has read.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    fn serve(
        name: &str,
        handler: impl Fn(TcpStream, &Shared) + Send + Sync + 'static,
    ) -> Result<Backend, String> {
        let (port, listener) = listen().map_err(|e| format!("backend {name}: {e}"))?;
        let shared = Arc::new(Shared::new(name));
        let for_thread = Arc::clone(&shared);
        thread::spawn(move || accept_loop(&listener, &for_thread, &Arc::new(handler)));
        Ok(Backend { port, shared })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees the flag.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.number()));
        for stream in self
            .shared
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A listener on a claimed port; another one when a stranger was quicker.
fn listen() -> Result<(Port, TcpListener), String> {
    let mut last = String::new();
    for _ in 0..5 {
        let port = Port::free()?;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())) {
            Ok(listener) => return Ok((port, listener)),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

fn accept_loop<F: Fn(TcpStream, &Shared) + Send + Sync + 'static>(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    handler: &Arc<F>,
) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        shared.accepts.fetch_add(1, Ordering::SeqCst);
        let _ = stream.set_nodelay(true);
        if let Ok(copy) = stream.try_clone() {
            let mut open = shared.open.lock().unwrap_or_else(PoisonError::into_inner);
            // Connections the peer has closed would otherwise stay half open here.
            open.retain(|old| old.peer_addr().is_ok());
            open.push(copy);
        }
        let shared = Arc::clone(shared);
        let handler = Arc::clone(handler);
        thread::spawn(move || {
            let copy = stream.try_clone();
            handler(stream, &shared);
            if let Ok(copy) = copy {
                let _ = copy.shutdown(Shutdown::Both);
            }
        });
    }
}
