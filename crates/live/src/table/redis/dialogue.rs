//! What was asked of the store, and what it answers: in the same order, with news of its own in between.

use super::frame::{Framer, Reply};
use gatehouse_table::route::Key;
use redis_protocol::resp3::types::{OwnedFrame, Resp3Frame};
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// A command that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// `HELLO`, with the password if there is one.
    Hello,
    /// `SELECT`
    Select,
    /// `CLIENT TRACKING`
    Tracking,
    /// `ROLE`: only a master will do.
    Role,
    /// `PING`
    Ping,
    /// `SCAN` of the routes, for the full read of this number.
    Scan(u32),
    /// `SCAN` of the marks.
    ScanMarks,
    /// The list of a route, by the store's key, for a full read or because it has changed.
    List(Vec<u8>, Option<u32>),
    /// The marks of a host.
    Marks(Key),
    /// For how many milliseconds they hold.
    Lasts,
    /// The list they count in.
    MarkedList,
}

impl Ask {
    /// The command's name, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Hello => "HELLO",
            Self::Select => "SELECT",
            Self::Tracking => "CLIENT TRACKING",
            Self::Role => "ROLE",
            Self::Ping => "PING",
            Self::Scan(_) | Self::ScanMarks => "SCAN",
            Self::List(..) | Self::MarkedList => "LRANGE",
            Self::Marks(_) => "SMEMBERS",
            Self::Lasts => "PTTL",
        }
    }
}

/// What the store has said.
#[derive(Debug)]
pub(super) enum Heard {
    /// The answer to a command; None is one that was too long to be read.
    Answer(Ask, Option<OwnedFrame>),
    /// These keys may have changed.
    Changed(Vec<OwnedFrame>),
    /// Any key may have changed; true when somebody has emptied a database.
    AllChanged(bool),
}

/// Both sides of a connection.
#[derive(Default)]
pub(super) struct Dialogue {
    framer: Framer,
    /// Bytes to be sent; a password may be among them.
    out: Zeroizing<Vec<u8>>,
    asked: VecDeque<Ask>,
    /// How many commands have been answered.
    answered: u64,
}

impl Dialogue {
    /// Bytes have come.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.framer.push(bytes);
    }

    /// Takes the bytes to be sent.
    pub(super) fn take_out(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.out)
    }

    /// Commands without an answer.
    pub(super) fn waiting(&self) -> usize {
        self.asked.len()
    }

    /// How many commands have been answered; the number runs in a circle.
    #[cfg(any(test, feature = "nginx"))]
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    /// Sends a command.
    pub(super) fn ask(&mut self, ask: Ask, words: &[&[u8]]) {
        write_command(&mut self.out, words);
        self.asked.push_back(ask);
    }

    /// What the store has said next, if all of it has come.
    ///
    /// # Errors
    /// What came is no answer to what was asked.
    pub(super) fn next(&mut self) -> Result<Option<Heard>, String> {
        loop {
            let Some(reply) = self.framer.next()? else {
                return Ok(None);
            };
            let heard = match reply {
                Reply::TooLongPush => Some(Heard::AllChanged(false)),
                Reply::Value(OwnedFrame::Push { data, .. }) => news(data),
                Reply::Value(value) => Some(self.answer(Some(value))?),
                Reply::TooLong => Some(self.answer(None)?),
            };
            if heard.is_some() {
                return Ok(heard);
            }
        }
    }

    fn answer(&mut self, value: Option<OwnedFrame>) -> Result<Heard, String> {
        let ask = self.asked.pop_front();
        let ask = ask.ok_or("answers what nobody asked")?;
        self.answered = self.answered.wrapping_add(1);
        Ok(Heard::Answer(ask, value))
    }
}

/// Adds a command to what is to be sent.
pub(super) fn write_command(out: &mut Vec<u8>, words: &[&[u8]]) {
    // One allocation: a password must leave no copies behind.
    let length = |word: &&[u8]| word.len().saturating_add(24);
    out.reserve(words.iter().map(length).sum::<usize>().saturating_add(24));
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// `invalidate` with the keys, or with nothing when a database was emptied. Other news are not for us.
fn news(data: Vec<OwnedFrame>) -> Option<Heard> {
    let mut data = data.into_iter();
    if data.next()?.as_bytes()? != b"invalidate" {
        return None;
    }
    match data.next()? {
        OwnedFrame::Array { data, .. } => Some(Heard::Changed(data)),
        OwnedFrame::Null => Some(Heard::AllChanged(true)),
        _ => None,
    }
}

/// The text of an error.
pub(super) fn error_of(value: &OwnedFrame) -> Option<String> {
    match value {
        OwnedFrame::SimpleError { data, .. } => Some(data.clone()),
        OwnedFrame::BlobError { data, .. } => Some(String::from_utf8_lossy(data).into_owned()),
        _ => None,
    }
}

/// The values of an array or set.
pub(super) fn items(value: OwnedFrame) -> Option<Vec<OwnedFrame>> {
    match value {
        OwnedFrame::Array { data, .. } => Some(data),
        OwnedFrame::Set { data, .. } => Some(data.into_iter().collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_answered_in_order_with_news_in_between() {
        let mut dialogue = Dialogue::default();
        dialogue.ask(Ask::ScanMarks, &[b"SCAN", b"0"]);
        dialogue.ask(Ask::Ping, &[b"PING"]);
        assert_eq!(
            &dialogue.take_out()[..],
            b"*2\r\n$4\r\nSCAN\r\n$1\r\n0\r\n*1\r\n$4\r\nPING\r\n"
        );
        dialogue.receive(b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nx\r\n*2\r\n$1\r\n0\r\n*0\r\n");
        dialogue.receive(b">1\r\n$7\r\nmessage\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n+PONG\r\n");
        assert!(matches!(dialogue.next(), Ok(Some(Heard::Changed(keys))) if keys.len() == 1));
        assert!(matches!(
            dialogue.next(),
            Ok(Some(Heard::Answer(Ask::ScanMarks, Some(_))))
        ));
        assert!(matches!(dialogue.next(), Ok(Some(Heard::AllChanged(true)))));
        assert!(matches!(
            dialogue.next(),
            Ok(Some(Heard::Answer(Ask::Ping, Some(_))))
        ));
        assert!(matches!(dialogue.next(), Ok(None)) && dialogue.waiting() == 0);
        dialogue.receive(b"+PONG\r\n");
        assert!(dialogue.next().is_err());
    }
}
