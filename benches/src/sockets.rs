//! A backend of WebSockets: it opens every one that it is asked for, and then never says anything.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

const ANSWER: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/// Listens at every address of this machine, on the port that it gives, for as long as this process lives.
pub(crate) fn listen() -> Result<u16, String> {
    let listener = TcpListener::bind("0.0.0.0:0").map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming().flatten() {
            open.extend(upgraded(stream));
        }
    });
    Ok(port)
}

/// The connection, once its request has been read and answered.
fn upgraded(stream: TcpStream) -> Option<TcpStream> {
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
    }
    let mut stream = input.into_inner();
    stream.write_all(ANSWER).ok()?;
    Some(stream)
}
