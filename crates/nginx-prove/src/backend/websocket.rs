//! The WebSocket backend.

use std::io::Write;
use std::net::TcpStream;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Message, Utf8Bytes};

use super::head::{header, read_head};
use super::shared::Shared;

/// What a WebSocket backend does after the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WsMode {
    /// Sends every message back; `?headers` and `?name` are answered.
    Echo,
    /// Closes with this code at once.
    Close(u16),
    /// Reads and says nothing, not even to a close.
    Silent,
    /// Sends every text to all that are connected with the same path, and answers `?name`.
    Chat,
}

impl WsMode {
    /// Reads `echo`, `close CODE`, `silent` or `chat`.
    ///
    /// # Errors
    /// Another word, or a code that is no number.
    pub fn parse(text: &str) -> Result<WsMode, String> {
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("echo"), None, None) => Ok(WsMode::Echo),
            (Some("silent"), None, None) => Ok(WsMode::Silent),
            (Some("chat"), None, None) => Ok(WsMode::Chat),
            (Some("close"), Some(code), None) => code
                .parse()
                .map(WsMode::Close)
                .map_err(|_| format!("bad close code `{code}`")),
            _ => Err(format!(
                "ws_upstream: `{text}` is none of echo, close CODE, silent, chat"
            )),
        }
    }
}

/// Serves one connection.
pub(super) fn connection(mut stream: TcpStream, shared: &Shared, mode: WsMode) {
    if let Some((head, rest)) = read_head(&mut stream, Vec::new()) {
        continued(stream, shared, mode, &head, rest);
    }
}

/// Serves a connection of which the head, and maybe more, is read already.
pub(super) fn continued(
    mut stream: TcpStream,
    shared: &Shared,
    mode: WsMode,
    head: &[u8],
    rest: Vec<u8>,
) {
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let Some(key) = header(head, "Sec-WebSocket-Key") else {
        let body = "a WebSocket handshake is needed\n";
        let _ = write!(
            stream,
            "HTTP/1.1 426 Upgrade Required\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        return;
    };
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
        derive_accept_key(key.as_bytes())
    );
    if let Some(protocol) = header(head, "Sec-WebSocket-Protocol")
        .and_then(|list| list.split(',').next().map(|p| p.trim().to_owned()))
    {
        answer.push_str(&format!("Sec-WebSocket-Protocol: {protocol}\r\n"));
    }
    answer.push_str("\r\n");
    if stream.write_all(answer.as_bytes()).is_err() {
        return;
    }
    let mut socket = WebSocket::from_partially_read(stream, rest, Role::Server, None);
    match mode {
        WsMode::Echo => echo(&mut socket, head, &shared.name),
        WsMode::Close(code) => {
            let _ = socket.close(Some(CloseFrame {
                code: code.into(),
                reason: Utf8Bytes::from_static(""),
            }));
            while socket.read().is_ok() {}
        }
        WsMode::Silent => {
            let _ = std::io::copy(socket.get_mut(), &mut std::io::sink());
        }
        WsMode::Chat => chat(&mut socket, head, shared),
    }
}

/// A member of the channel that the path names, until it goes.
fn chat(socket: &mut WebSocket<TcpStream>, head: &[u8], shared: &Shared) {
    let line = head.split(|b| *b == b'\r').next().unwrap_or_default();
    let path = line.split(|b| *b == b' ').nth(1).unwrap_or_default();
    let channel = String::from_utf8_lossy(path).into_owned();
    let Ok(stream) = socket.get_ref().try_clone() else {
        return;
    };
    let rooms = || shared.rooms.lock().unwrap_or_else(PoisonError::into_inner);
    let member = WebSocket::from_raw_socket(stream, Role::Server, None);
    let mut joined = rooms();
    let id = joined.next;
    joined.next = joined.next.wrapping_add(1);
    joined.members.push((id, channel.clone(), member));
    drop(joined);
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        // All that is sent goes through the room's own half: frames of two threads never mix.
        let mut all = rooms();
        for (other, place, member) in &mut all.members {
            let answer = match text.as_str() {
                "?name" if *other == id => Message::text(shared.name.as_str()),
                "?name" => continue,
                _ if *place == channel => Message::Text(text.clone()),
                _ => continue,
            };
            let _ = member.send(answer);
        }
    }
    rooms().members.retain(|(other, _, _)| *other != id);
}

fn echo(socket: &mut WebSocket<TcpStream>, head: &[u8], name: &str) {
    while let Ok(message) = socket.read() {
        let answer = match &message {
            Message::Text(text) if text.as_str() == "?headers" => {
                Message::text(String::from_utf8_lossy(head).into_owned())
            }
            Message::Text(text) if text.as_str() == "?name" => Message::text(name),
            Message::Text(_) | Message::Binary(_) => message,
            _ => continue,
        };
        if socket.send(answer).is_err() {
            return;
        }
    }
}
