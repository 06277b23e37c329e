//! A WebSocket client that plays a script.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Error, Message};

use super::script::{Action, Expect, Step};
use crate::http::{self, ParseError, Response};

/// An open WebSocket.
pub struct Client {
    socket: WebSocket<TcpStream>,
    timeout: Duration,
}

/// What one read gave.
enum Event {
    Message(Message),
    Quiet,
    Ended(String),
}

impl Client {
    /// Makes the handshake with 127.0.0.1. Gives the response, and the client when it was a valid 101.
    ///
    /// `headers` are lines with CRLF; one of ours is left out when `headers` has its name.
    ///
    /// # Errors
    /// No connection, no answer in time, or a 101 that breaks RFC 6455 section 4.1.
    pub fn connect(
        port: u16,
        path: &str,
        protocol: Option<&str>,
        headers: &[u8],
        timeout: Duration,
    ) -> Result<(Response, Option<Client>), String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .map_err(|e| format!("cannot connect to port {port}: {e}"))?;
        let settings = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(timeout)));
        settings.map_err(|e| e.to_string())?;
        let key = generate_key();
        let request = handshake(path, protocol, headers, &key)?;
        stream
            .write_all(&request)
            .map_err(|e| format!("handshake: {e}"))?;
        let (response, rest) = read_response(&mut stream)?;
        if response.status != 101 {
            return Ok((response, None));
        }
        if !headers
            .to_ascii_lowercase()
            .contains_str("sec-websocket-key:")
        {
            let expected = derive_accept_key(key.as_bytes());
            let accept = response.header("Sec-WebSocket-Accept").unwrap_or_default();
            if accept != expected {
                return Err(format!(
                    "Sec-WebSocket-Accept is `{accept}`, not `{expected}`"
                ));
            }
        }
        let socket = WebSocket::from_partially_read(stream, rest, Role::Client, None);
        Ok((response, Some(Client { socket, timeout })))
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send_text(&mut self, text: &str) -> Result<(), String> {
        self.socket
            .send(Message::text(text))
            .map_err(|e| e.to_string())
    }

    /// The next text message; pings and pongs are passed over.
    ///
    /// # Errors
    /// Another message, the end, or nothing in time.
    pub fn recv_text(&mut self) -> Result<String, String> {
        match self.next(false) {
            Event::Message(Message::Text(text)) => Ok(text.as_str().to_owned()),
            other => Err(format!(
                "a text message was expected, {} came",
                describe(&other)
            )),
        }
    }

    /// Waits for `time` and makes sure that nothing closed.
    ///
    /// # Errors
    /// A close frame or the end of the connection came.
    pub fn expect_open(&mut self, time: Duration) -> Result<(), String> {
        let end = Instant::now().checked_add(time).ok_or("time too long")?;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.set_timeout(self.timeout);
            }
            self.set_timeout(left)?;
            match self.read() {
                Event::Quiet | Event::Message(Message::Ping(_) | Message::Pong(_)) => {}
                other => {
                    return Err(format!(
                        "still open was expected, {} came",
                        describe(&other)
                    ));
                }
            }
        }
    }

    fn set_timeout(&self, timeout: Duration) -> Result<(), String> {
        self.socket
            .get_ref()
            .set_read_timeout(Some(timeout))
            .map_err(|e| e.to_string())
    }

    fn read(&mut self) -> Event {
        match self.socket.read() {
            Ok(message) => Event::Message(message),
            Err(Error::Io(e))
                if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                Event::Quiet
            }
            Err(error) => Event::Ended(error.to_string()),
        }
    }

    /// The next event; pings and pongs only when `control` asks for them.
    fn next(&mut self, control: bool) -> Event {
        loop {
            match self.read() {
                Event::Message(Message::Ping(_) | Message::Pong(_)) if !control => {}
                event => return event,
            }
        }
    }

    fn expect(&mut self, expect: &Expect) -> Result<(), String> {
        let control = matches!(expect, Expect::Ping(_) | Expect::Pong(_));
        let event = self.next(control);
        let met = match (&event, expect) {
            (Event::Message(Message::Text(text)), Expect::Text(wanted)) => {
                text.as_bytes() == wanted.as_slice()
            }
            (Event::Message(Message::Text(text)), Expect::TextLike(pattern)) => {
                pattern.is_match(text.as_bytes())
            }
            (Event::Message(Message::Binary(data)), Expect::Binary(wanted)) => {
                data.as_ref() == wanted.as_slice()
            }
            (Event::Message(Message::Ping(data)), Expect::Ping(wanted))
            | (Event::Message(Message::Pong(data)), Expect::Pong(wanted)) => {
                data.as_ref() == wanted.as_slice()
            }
            (Event::Message(Message::Close(_)), Expect::Close(None))
            | (Event::Message(Message::Close(_)) | Event::Ended(_), Expect::Eof) => true,
            (Event::Message(Message::Close(Some(frame))), Expect::Close(Some(code))) => {
                u16::from(frame.code) == *code
            }
            _ => false,
        };
        if met {
            Ok(())
        } else {
            Err(format!("came: {}", describe(&event)))
        }
    }

    fn send(&mut self, message: Message) -> Result<(), String> {
        self.socket.send(message).map_err(|e| e.to_string())
    }

    fn step(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::SendText(text) => {
                let text = String::from_utf8(text.clone())
                    .map_err(|_| "text must be UTF-8; use send raw")?;
                self.send(Message::text(text))
            }
            Action::SendBinary(data) => self.send(Message::binary(data.clone())),
            Action::SendPing(data) => self.send(Message::Ping(data.clone().into())),
            Action::SendPong(data) => self.send(Message::Pong(data.clone().into())),
            Action::SendClose(frame) => self.close(frame.as_ref()),
            Action::SendRaw(data) => self
                .socket
                .get_mut()
                .write_all(data)
                .map_err(|e| e.to_string()),
            Action::Recv(expect) => self.expect(expect),
            Action::ExpectOpen(time) => self.expect_open(*time),
            Action::Drop => {
                let _ = self.socket.get_ref().shutdown(Shutdown::Both);
                Ok(())
            }
            Action::Reload => Ok(()),
        }
    }

    fn close(&mut self, frame: Option<&(u16, Vec<u8>)>) -> Result<(), String> {
        let frame = frame.map(|(code, reason)| CloseFrame {
            code: (*code).into(),
            reason: String::from_utf8_lossy(reason).into_owned().into(),
        });
        self.socket.close(frame).map_err(|e| e.to_string())?;
        self.socket.flush().map_err(|e| e.to_string())
    }
}

/// Plays every step; `reload` is called for a `reload` step.
///
/// # Errors
/// The first step that failed, with what was expected and what came.
pub fn play(
    client: &mut Client,
    steps: &[Step],
    reload: &dyn Fn(usize) -> Result<(), String>,
) -> Result<(), String> {
    for (index, step) in steps.iter().enumerate() {
        let done = match step.action {
            Action::Reload => reload(index),
            _ => client.step(&step.action),
        };
        done.map_err(|e| format!("ws_script `{}`: {e}", step.text))?;
    }
    Ok(())
}

fn handshake(
    path: &str,
    protocol: Option<&str>,
    headers: &[u8],
    key: &str,
) -> Result<Vec<u8>, String> {
    let mut lines = headers.to_vec();
    let mut add = |name: &str, value: &str| {
        let prefix = format!("{}:", name.to_ascii_lowercase());
        if !headers
            .lines()
            .any(|line| line.to_ascii_lowercase().starts_with(prefix.as_bytes()))
        {
            lines.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
    };
    add("Connection", "Upgrade");
    add("Upgrade", "websocket");
    add("Sec-WebSocket-Version", "13");
    add("Sec-WebSocket-Key", key);
    if let Some(protocol) = protocol {
        add("Sec-WebSocket-Protocol", protocol);
    }
    http::build(format!("GET {path}").as_bytes(), &lines, false, "Upgrade")
}

fn read_response(stream: &mut TcpStream) -> Result<(Response, Vec<u8>), String> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0_u8; 16 << 10];
    let mut eof = false;
    loop {
        if let Some(end) = bytes.find(b"\r\n\r\n").map(|at| at.saturating_add(4)) {
            let head = bytes.get(..end).unwrap_or_default();
            if head.starts_with(b"HTTP/1.1 101") {
                let (response, _) = http::parse(head, false, true).map_err(|e| format!("{e:?}"))?;
                return Ok((response, bytes.split_off(end)));
            }
        }
        match http::parse(&bytes, false, eof) {
            Ok((response, _)) => return Ok((response, Vec::new())),
            Err(ParseError::Bad(error)) => return Err(error),
            Err(ParseError::Partial) if eof => {
                return Err("the connection closed without an answer to the handshake".into());
            }
            Err(ParseError::Partial) => {}
        }
        match stream.read(&mut chunk) {
            Ok(0) => eof = true,
            Ok(count) => bytes.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err("no answer to the handshake in time".into());
            }
            Err(_) => eof = true,
        }
    }
}

fn describe(event: &Event) -> String {
    match event {
        Event::Message(Message::Text(text)) => format!("text \"{}\"", text.as_str().escape_debug()),
        Event::Message(Message::Binary(data)) => format!(
            "binary {}",
            data.iter().map(|b| format!("{b:02x}")).collect::<String>()
        ),
        Event::Message(Message::Close(Some(frame))) => {
            format!("close {} \"{}\"", u16::from(frame.code), frame.reason)
        }
        Event::Message(other) => format!("{other:?}"),
        Event::Quiet => "nothing in time".into(),
        Event::Ended(error) => format!("the end ({error})"),
    }
}
