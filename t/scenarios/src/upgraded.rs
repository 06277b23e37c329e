//! Both ends of a connection that is upgraded, by hand: what passes is compared byte for byte.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nginx_prove::server::Server;

pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A backend that agrees to any upgrade, says `text` and listens until the end, which it tells.
pub(crate) fn speaker(
    protocol: &'static str,
    text: &'static [u8],
) -> Result<(u16, Receiver<Vec<u8>>), String> {
    speaker_at("127.0.0.1:0", protocol, text)
}

/// The same at another address.
pub(crate) fn speaker_at(
    address: &str,
    protocol: &'static str,
    text: &'static [u8],
) -> Result<(u16, Receiver<Vec<u8>>), String> {
    let listener = TcpListener::bind(address).map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let (tell, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            thread::spawn(move || tell.send(serve(stream, protocol, text).unwrap_or_default()));
        }
    });
    Ok((port, told))
}

fn serve(mut stream: TcpStream, protocol: &str, text: &[u8]) -> std::io::Result<Vec<u8>> {
    head(&mut stream)?;
    let answer = format!("HTTP/1.1 101 Go\r\nUpgrade: {protocol}\r\nConnection: upgrade\r\n\r\n");
    stream.write_all(answer.as_bytes())?;
    stream.write_all(text)?;
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard)?;
    Ok(heard)
}

/// Reads to the empty line.
pub(crate) fn head(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        text.extend(byte);
    }
    Ok(())
}

/// A client that has upgraded and said `text`.
pub(crate) fn client(
    server: &Server,
    host: &str,
    protocol: &str,
    text: &[u8],
) -> Result<TcpStream, String> {
    client_at(server, "/", host, protocol, text)
}

/// The same for another target.
pub(crate) fn client_at(
    server: &Server,
    target: &str,
    host: &str,
    protocol: &str,
    text: &[u8],
) -> Result<TcpStream, String> {
    let open = || -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port(0)))?;
        stream.set_read_timeout(Some(LONG))?;
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: {protocol}\r\nConnection: upgrade\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        head(&mut stream)?;
        stream.write_all(text)?;
        Ok(stream)
    };
    open().map_err(|e| e.to_string())
}
