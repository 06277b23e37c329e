//! The head of an HTTP answer, which comes in pieces of any size and may be anything.

use super::{Check, Statuses};

/// No head is longer.
const MOST: usize = 16 * 1024;
/// Nor has it more fields than this, where they count.
const FIELDS: usize = 100;

/// An answer as far as it has come.
#[derive(Clone, Debug)]
pub struct Answer {
    bytes: Vec<u8>,
    expect: Statuses,
    /// The `Sec-WebSocket-Accept` that it must have.
    accept: Option<String>,
}

/// What is known of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is good.
    Good,
    /// It is not, for this reason.
    Bad(String),
    /// That cannot be said yet.
    Open,
}

/// What the bytes so far say.
enum Head {
    Open,
    Bad(&'static str),
    /// A status, and the bytes of the head if it has ended.
    Status(u16, Option<usize>),
}

impl Answer {
    /// The answer to a check of this kind: `accept` is that of its [`Question`](super::Question).
    #[must_use]
    pub fn new(check: &Check, accept: Option<String>) -> Self {
        Self {
            bytes: Vec::new(),
            expect: check.expect,
            accept,
        }
    }

    /// More of it has come.
    pub fn push(&mut self, bytes: &[u8]) -> Verdict {
        let room = MOST.saturating_sub(self.bytes.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.bytes.extend_from_slice(taken);
        let verdict = self.verdict();
        if verdict == Verdict::Open && self.bytes.len() >= MOST {
            return Verdict::Bad("the head of the answer is too long".into());
        }
        verdict
    }

    /// It has ended before that.
    #[must_use]
    pub fn ended(&self) -> String {
        if self.bytes.is_empty() {
            "the connection was closed without an answer".into()
        } else {
            "the connection was closed within the head of the answer".into()
        }
    }

    fn verdict(&self) -> Verdict {
        let mut rest = self.bytes.as_slice();
        loop {
            match head(rest) {
                Head::Open => return Verdict::Open,
                Head::Bad(why) => return Verdict::Bad(why.into()),
                // Interim answers come before the one that counts; 101 is one that counts.
                Head::Status(100 | 102..=199, Some(length)) if length > 0 => {
                    rest = rest.get(length..).unwrap_or_default();
                }
                Head::Status(100 | 102..=199, _) => return Verdict::Open,
                Head::Status(status, length) => return self.judge(status, length, rest),
            }
        }
    }

    fn judge(&self, status: u16, length: Option<usize>, bytes: &[u8]) -> Verdict {
        let Some(accept) = &self.accept else {
            return if self.expect.contains(status) {
                Verdict::Good
            } else {
                Verdict::Bad(format!("status {status}"))
            };
        };
        match length {
            _ if status != 101 => Verdict::Bad(format!("status {status}, not 101")),
            None => Verdict::Open,
            Some(_) if field(bytes, "sec-websocket-accept") == Some(accept.as_bytes()) => {
                Verdict::Good
            }
            Some(_) => Verdict::Bad("a wrong Sec-WebSocket-Accept".into()),
        }
    }
}

fn head(bytes: &[u8]) -> Head {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response.parse(bytes);
    // The reason is known when the line is over: only then is the code all that stands there.
    match (response.code.zip(response.reason), parsed) {
        (Some((status, _)), Ok(httparse::Status::Complete(length))) => {
            Head::Status(status, Some(length))
        }
        (Some((status, _)), _) => Head::Status(status, None),
        (None, Ok(_)) => Head::Open,
        (None, Err(_)) => Head::Bad("the answer is no HTTP"),
    }
}

fn field<'b>(bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    response.parse(bytes).ok()?;
    let mut fields = response.headers.iter();
    let found = fields.find(|field| field.name.eq_ignore_ascii_case(name))?;
    Some(found.value)
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, accept_of};
    use super::*;
    use proptest::prelude::*;

    /// The verdict on these bytes, whole and byte by byte.
    fn verdict(check: &Check, accept: Option<&str>, bytes: &[u8]) -> Verdict {
        let answer = || Answer::new(check, accept.map(str::to_owned));
        let whole = answer().push(bytes);
        let mut slowly = answer();
        let mut last = Verdict::Open;
        for byte in bytes {
            last = slowly.push(&[*byte]);
            if last != Verdict::Open {
                break;
            }
        }
        assert_eq!(last, whole);
        whole
    }

    fn http(bytes: &str) -> Verdict {
        verdict(&Check::default(), None, bytes.as_bytes())
    }

    fn bad(why: &str) -> Verdict {
        Verdict::Bad(why.into())
    }

    #[test]
    fn the_status_decides() {
        assert_eq!(http("HTTP/1.1 200 OK\r\n\r\n"), Verdict::Good);
        assert_eq!(http("HTTP/1.0 301 Moved\r\nA: b\r\n\r\n"), Verdict::Good);
        assert_eq!(http("HTTP/1.1 503 No\r\n\r\n"), bad("status 503"));
        assert_eq!(http("HTTP/1.1 404\r\n\r\n"), bad("status 404"));
        assert_eq!(http("HTTP/1.1 20"), Verdict::Open);
        assert_eq!(http("HTTP/1.1 200"), Verdict::Open);
        for no_status in ["2000 OK", "20 OK", "2xx OK", "+200 OK"] {
            let answer = format!("HTTP/1.1 {no_status}\r\n\r\n");
            assert_eq!(http(&answer), bad("the answer is no HTTP"), "{no_status}");
        }
        assert_eq!(http(""), Verdict::Open);
        assert_eq!(
            http("SSH-2.0-OpenSSH_9.2\r\n"),
            bad("the answer is no HTTP")
        );
    }

    #[test]
    fn an_interim_answer_is_none() {
        assert_eq!(
            http("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
            Verdict::Good
        );
        assert_eq!(http("HTTP/1.1 100 Continue\r\n\r\n"), Verdict::Open);
        assert_eq!(http("HTTP/1.1 101 Switching\r\n\r\n"), bad("status 101"));
    }

    #[test]
    fn a_head_without_end_is_given_up() {
        let long = format!("HTTP/1.1 100 Continue\r\nA: {}", "x".repeat(MOST));
        assert_eq!(http(&long), bad("the head of the answer is too long"));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(FIELDS + 1));
        assert_eq!(http(&many), Verdict::Good);
    }

    #[test]
    fn a_websocket_must_know_the_key() {
        let check = Check {
            kind: Kind::WebSocket,
            ..Check::default()
        };
        let accept = accept_of("key");
        let answer = |text: &str| verdict(&check, Some(&accept), text.as_bytes());
        assert_eq!(
            answer(&format!(
                "HTTP/1.1 101 Switching\r\nSec-Websocket-Accept: {accept}\r\n\r\n"
            )),
            Verdict::Good
        );
        assert_eq!(
            answer("HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: x\r\n\r\n"),
            bad("a wrong Sec-WebSocket-Accept")
        );
        assert_eq!(
            answer("HTTP/1.1 101 Switching\r\n\r\n"),
            bad("a wrong Sec-WebSocket-Accept")
        );
        assert_eq!(
            answer("HTTP/1.1 200 OK\r\n\r\n"),
            bad("status 200, not 101")
        );
    }

    #[test]
    fn an_end_that_comes_too_early() {
        let mut answer = Answer::new(&Check::default(), None);
        assert!(answer.ended().ends_with("without an answer"));
        answer.push(b"HTTP");
        assert!(answer.ended().ends_with("within the head of the answer"));
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_verdict(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..40)) {
            let mut answer = Answer::new(&Check::default(), Some("x".into()));
            for piece in pieces {
                if answer.push(&piece) != Verdict::Open {
                    break;
                }
            }
        }
    }
}
