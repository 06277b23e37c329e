//! Replies of the store, cut out of the bytes that come.
//!
//! The codec is a library's. It reads values in each other as deep as they are, and needs a whole reply in memory. So each
//! reply is measured first, byte by byte as it comes: what is too deep is refused, and what is too long is passed over.

use redis_protocol::resp3::decode::complete::decode;
use redis_protocol::resp3::types::OwnedFrame;

/// Bytes of the longest reply that is read.
pub(super) const LONGEST: usize = 1024 * 1024;

/// Most values in each other; those of Redis to our commands have four.
const DEEPEST: usize = 8;

/// Bytes of the longest line; texts of errors are lines.
const LINE: usize = 64 * 1024;

/// Cut out so far, these bytes are forgotten.
const FORGET: usize = 64 * 1024;

/// What has come.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// A value.
    Value(OwnedFrame),
    /// A value that was too long to be read.
    TooLong,
    /// Something that nobody asked for, too long to be read.
    TooLongPush,
}

/// Cuts replies out of bytes.
#[derive(Default)]
pub(super) struct Framer {
    buffer: Vec<u8>,
    /// Where the reply at hand begins.
    from: usize,
    /// How far it is measured; beyond the buffer inside of a text that has not come.
    at: usize,
    /// Values that are still to come, at each depth.
    open: Vec<u64>,
    /// The reply at hand is measured to its end.
    is_whole: bool,
    is_push: bool,
    /// The reply at hand is too long: its bytes are dropped.
    is_dropped: bool,
}

impl Framer {
    /// Adds bytes that have come.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next reply, if all of it has come.
    ///
    /// # Errors
    /// What comes is no reply.
    pub(super) fn next(&mut self) -> Result<Option<Reply>, String> {
        loop {
            if self.at > self.buffer.len() {
                break;
            }
            if std::mem::take(&mut self.is_whole) {
                return self.take().map(Some);
            }
            if !self.step()? {
                break;
            }
        }
        if self.is_dropped {
            self.forget(self.at.min(self.buffer.len()));
        }
        Ok(None)
    }

    /// Measures one value, or the head of one with values in it; false when its line has not come.
    fn step(&mut self) -> Result<bool, String> {
        let Some(line) = self.line()? else {
            return Ok(false);
        };
        let (kind, number) = (line.kind, line.number);
        if self.at == self.from && self.open.is_empty() && !self.is_dropped {
            self.is_push = kind == b'>';
        }
        let mut to = self.at.saturating_add(line.length);
        let mut inner = 0;
        match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'_' | b'(' => {}
            b'$' | b'!' | b'=' => {
                let length = usize::try_from(number?).map_err(|_| BROKEN)?;
                to = to.saturating_add(length).saturating_add(2);
            }
            b'*' | b'~' | b'>' => inner = number?,
            b'%' => inner = number?.saturating_mul(2),
            _ => return Err(BROKEN.into()),
        }
        if self.open.len() >= DEEPEST {
            return Err("replies with values too deep in each other".into());
        }
        self.at = to;
        self.is_dropped |= to.saturating_sub(self.from) > LONGEST;
        if inner > 0 {
            self.open.push(inner);
            return Ok(true);
        }
        while let Some(left) = self.open.last_mut() {
            *left = left.saturating_sub(1);
            if *left > 0 {
                break;
            }
            self.open.pop();
        }
        self.is_whole = self.open.is_empty();
        Ok(true)
    }

    /// The line at hand.
    fn line(&self) -> Result<Option<Line>, String> {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', rest.get(..LINE).unwrap_or(rest)) else {
            return if rest.len() >= LINE {
                Err(BROKEN.into())
            } else {
                Ok(None)
            };
        };
        let text = rest.get(..end).and_then(|line| line.strip_suffix(b"\r"));
        let (kind, digits) = text.and_then(<[u8]>::split_first).ok_or(BROKEN)?;
        let number = std::str::from_utf8(digits).ok();
        let number = number.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        Ok(Some(Line {
            kind: *kind,
            number: number.and_then(|digits| digits.parse().ok()).ok_or(BROKEN),
            length: end.saturating_add(1),
        }))
    }

    /// The reply that has been measured to its end.
    fn take(&mut self) -> Result<Reply, String> {
        let to = self.at;
        let reply = if std::mem::take(&mut self.is_dropped) {
            if self.is_push {
                Reply::TooLongPush
            } else {
                Reply::TooLong
            }
        } else {
            let bytes = self.buffer.get(self.from..to).unwrap_or_default();
            match decode(bytes) {
                Ok(Some((value, length))) if length == bytes.len() => Reply::Value(value),
                _ => return Err(BROKEN.into()),
            }
        };
        self.from = to;
        if to > FORGET || to == self.buffer.len() {
            self.forget(to);
        }
        Ok(reply)
    }

    fn forget(&mut self, count: usize) {
        self.buffer.drain(..count);
        self.at = self.at.saturating_sub(count);
        self.from = self.from.saturating_sub(count);
    }
}

struct Line {
    kind: u8,
    number: Result<u64, &'static str>,
    length: usize,
}

const BROKEN: &str = "answers that are not those of a Redis server";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8], step: usize) -> Result<Vec<Reply>, String> {
        let (mut framer, mut replies) = (Framer::default(), Vec::new());
        for piece in bytes.chunks(step) {
            framer.push(piece);
            while let Some(reply) = framer.next()? {
                replies.push(reply);
            }
            assert!(framer.buffer.len() <= LONGEST + 2 * step + LINE);
        }
        Ok(replies)
    }

    fn text(text: &str) -> Reply {
        Reply::Value(OwnedFrame::BlobString {
            data: text.into(),
            attributes: None,
        })
    }

    const SOME: &[u8] =
        b"+OK\r\n$3\r\na\r\n\r\n*2\r\n$1\r\nx\r\n*0\r\n:7\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n\
        %1\r\n+a\r\n*1\r\n:1\r\n-ERR no\r\n~1\r\n$1\r\n0\r\n$0\r\n\r\n#t\r\n";

    #[test]
    fn any_division_reads_the_same() {
        let whole = all(SOME, SOME.len()).unwrap();
        assert_eq!(whole.len(), 10);
        assert_eq!(whole[1], text("a\r\n"));
        for step in 1..SOME.len() {
            assert_eq!(all(SOME, step).unwrap(), whole, "{step}");
        }
    }

    #[test]
    fn what_is_too_long_is_passed_over() {
        let long = "x".repeat(3 * LONGEST);
        let bytes = format!(
            "+a\r\n*2\r\n$1\r\nx\r\n${0}\r\n{long}\r\n+b\r\n>1\r\n${0}\r\n{long}\r\n${0}\r\n{long}\r\n+c\r\n",
            long.len()
        );
        for step in [1000, 77_777, bytes.len()] {
            let replies = all(bytes.as_bytes(), step).unwrap();
            assert_eq!(replies.len(), 6);
            assert_eq!(replies[1], Reply::TooLong);
            assert_eq!(replies[3], Reply::TooLongPush);
            assert_eq!(replies[4], Reply::TooLong);
        }
        let mut many = format!("*{}\r\n", LONGEST);
        many.push_str(&":1\r\n".repeat(LONGEST));
        many.push_str("+d\r\n");
        let replies = all(many.as_bytes(), 100_000).unwrap();
        assert_eq!(replies[0], Reply::TooLong);
        assert_eq!(replies.len(), 2);
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"$x\r\n",
            b"$-1\r\n",
            b"*-1\r\n",
            b"$99999999999999999999\r\n",
            b"+OK\n",
            b"\r\n",
            b"$?\r\n;1\r\na\r\n;0\r\n",
            b"|1\r\n+a\r\n+b\r\n:1\r\n",
            b":x\r\n",
        ] {
            assert!(all(bytes, 3).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        let deep = "*1\r\n".repeat(1_000_000);
        assert!(all(deep.as_bytes(), 4096).is_err());
        let line = vec![b'+'; LINE + 1];
        assert!(all(&line, 4096).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_end_well(bytes in prop::collection::vec(any::<u8>(), 0..200), step in 1..50_usize) {
            let _ = all(&bytes, step);
        }

        #[test]
        fn changed_replies_end_well(at in 0..SOME.len(), byte: u8, step in 1..50_usize) {
            let mut bytes = SOME.to_vec();
            bytes[at] = byte;
            let whole = all(&bytes, bytes.len());
            prop_assert_eq!(all(&bytes, step).ok(), whole.ok());
        }
    }
}
