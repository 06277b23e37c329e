//! Request heads, read byte for byte.

use std::io::Read;
use std::net::TcpStream;

use bstr::ByteSlice;

const MAX_HEAD: usize = 1 << 20;

/// Reads a request head; returns it with the bytes that came after it, or `None` when the peer closed before.
pub(super) fn read_head(
    stream: &mut TcpStream,
    mut buffered: Vec<u8>,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut chunk = vec![0_u8; 16 << 10];
    loop {
        if let Some(end) = buffered.find(b"\r\n\r\n") {
            let rest = buffered.split_off(end.saturating_add(4));
            return Some((buffered, rest));
        }
        if buffered.len() > MAX_HEAD {
            return None;
        }
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        buffered.extend_from_slice(chunk.get(..count)?);
    }
}

/// The value of a header in a request head.
pub(super) fn header(head: &[u8], name: &str) -> Option<String> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once_str(":")?;
        found
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| String::from_utf8_lossy(value).trim().to_owned())
    })
}
