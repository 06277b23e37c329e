//! One connection: write packets, read what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use super::error::ParseError;
use super::response::parse;

/// A piece of a request.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    /// The bytes.
    pub data: Vec<u8>,
    /// How long to wait before they are sent.
    pub delay: Duration,
}

/// What came back on a connection.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// Every byte received.
    pub bytes: Vec<u8>,
    /// Nothing came for the whole timeout.
    pub timed_out: bool,
    /// The server closed the connection.
    pub closed: bool,
}

/// Sends `packets` to 127.0.0.1 and reads until the server closes, the timeout passes, or (when the request
/// asks for no close) one whole response is there.
///
/// # Errors
/// No connection.
pub fn exchange(port: u16, packets: &[Packet], timeout: Duration) -> Result<Exchange, String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .map_err(|e| format!("cannot connect to port {port}: {e}"))?;
    let settings = stream
        .set_nodelay(true)
        .and_then(|()| stream.set_read_timeout(Some(timeout)))
        .and_then(|()| stream.set_write_timeout(Some(timeout)));
    settings.map_err(|e| e.to_string())?;
    for packet in packets {
        if !packet.delay.is_zero() {
            thread::sleep(packet.delay);
        }
        // A server may answer and close before it has read everything: its answer still counts.
        if stream.write_all(&packet.data).is_err() {
            break;
        }
    }
    let sent: Vec<u8> = packets
        .iter()
        .flat_map(|packet| packet.data.iter().copied())
        .collect();
    let received = receive(&mut stream, &sent);
    let _ = stream.shutdown(Shutdown::Both);
    Ok(received)
}

fn receive(stream: &mut TcpStream, sent: &[u8]) -> Exchange {
    let until_close = asks_for_close(sent);
    let head_only = sent.starts_with(b"HEAD ");
    let mut out = Exchange::default();
    let mut buffer = vec![0_u8; 64 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => out.closed = true,
            Ok(count) => {
                out.bytes
                    .extend_from_slice(buffer.get(..count).unwrap_or_default());
                let whole = !until_close
                    && !matches!(
                        parse(&out.bytes, head_only, false),
                        Err(ParseError::Partial)
                    );
                if !whole {
                    continue;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => out.timed_out = true,
                _ => out.closed = true,
            },
        }
        return out;
    }
}

/// Whether the request makes the server close: HTTP/1.0, or `Connection: close`.
fn asks_for_close(sent: &[u8]) -> bool {
    let text = String::from_utf8_lossy(sent).to_ascii_lowercase();
    let line = text.lines().next().unwrap_or("");
    (line.ends_with("http/1.0") && !text.contains("\nconnection: keep-alive"))
        || text.contains("\nconnection: close")
}
