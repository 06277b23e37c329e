//! What the store has of a host, as whoever is about to change it has read it.

use super::commands::{Answer, Commands};
use super::dialogue::{error_of, items};
use super::unwritten::Unwritten;
use gatehouse_table::hipache::{KeySpace, List, MAX_ELEMENTS, read_list};
use gatehouse_table::route::Key;
use redis_protocol::resp3::types::{OwnedFrame, Resp3Frame};

/// What the store has of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its list, if there is one.
    pub list: Option<List>,
    /// Why there is something that is no list of ours.
    pub unreadable: Option<String>,
    /// For how many milliseconds it stays, if it has an end.
    pub lasts_ms: Option<u64>,
    /// Backends have registered themselves for it.
    pub is_registered: bool,
}

/// Commands about each host.
pub(super) const COMMANDS: usize = 4;

/// Asks for all about a host, and watches it: what changes from now on refuses the transaction.
pub(super) fn ask(commands: &mut Commands, keys: &KeySpace, key: &Key) {
    let (list, registrations) = (keys.route_key(key), keys.registrations_key(key));
    // One more than there may be.
    let last = MAX_ELEMENTS.to_string();
    commands.push(&[b"WATCH", &list, &registrations]);
    commands.push(&[b"LRANGE", &list, b"0", last.as_bytes()]);
    commands.push(&[b"PTTL", &list]);
    commands.push(&[b"EXISTS", &registrations]);
}

/// Reads the answers to these.
pub(super) fn read(answers: &[Answer]) -> Result<Found, Unwritten> {
    let [watched, list, lasts, registered] = answers else {
        return Err(odd());
    };
    for answer in [watched, lasts, registered] {
        check(answer)?;
    }
    let mut found = Found {
        lasts_ms: number(lasts).filter(|ms| *ms > 0),
        is_registered: number(registered) == Some(1),
        ..Found::default()
    };
    match elements(list)? {
        Ok(elements) if elements.is_empty() => {}
        Ok(elements) => match read_list(elements.iter().map(Vec::as_slice)) {
            Ok(list) => found.list = Some(list),
            Err(why) => found.unreadable = Some(why),
        },
        Err(why) => found.unreadable = Some(why),
    }
    Ok(found)
}

/// The elements of a list, or why it is none.
pub(super) fn elements(answer: &Answer) -> Result<Result<Vec<Vec<u8>>, String>, Unwritten> {
    let Some(answer) = answer else {
        return Ok(Err("list is too long".into()));
    };
    if let Some(error) = error_of(answer) {
        return if error.starts_with("WRONGTYPE") {
            Ok(Err(error))
        } else {
            Err(Unwritten::of_error(&error))
        };
    }
    let elements = items(answer.clone()).ok_or_else(odd)?;
    let bytes = |element: &OwnedFrame| element.as_bytes().unwrap_or_default().to_vec();
    Ok(Ok(elements.iter().map(bytes).collect()))
}

/// Whether a command was done.
pub(super) fn check(answer: &Answer) -> Result<(), Unwritten> {
    match answer.as_ref().and_then(error_of) {
        Some(error) => Err(Unwritten::of_error(&error)),
        None => Ok(()),
    }
}

/// A number that is not below zero.
fn number(answer: &Answer) -> Option<u64> {
    match answer {
        Some(OwnedFrame::Number { data, .. }) => u64::try_from(*data).ok(),
        _ => None,
    }
}

/// What came of a transaction: whether it was made. Where not, somebody else was quicker.
pub(super) fn made(answers: &[Answer]) -> Result<bool, Unwritten> {
    // The first error is the reason, the last one only says that there was one.
    answers.iter().try_for_each(check)?;
    match answers.last() {
        Some(Some(OwnedFrame::Null)) => Ok(false),
        Some(Some(OwnedFrame::Array { data, .. })) => match data.iter().find_map(error_of) {
            Some(error) => Err(Unwritten::Unknown(error)),
            None => Ok(true),
        },
        // Too long to be read: many results.
        Some(None) => Ok(true),
        _ => Err(Unwritten::Unknown("EXEC: odd answer".into())),
    }
}

pub(super) fn odd() -> Unwritten {
    Unwritten::Away("the answers are not those of a Redis server".into())
}

#[cfg(test)]
mod tests {
    use super::super::frame::{Framer, Reply};
    use super::*;

    fn answers(bytes: &[u8]) -> Vec<Answer> {
        let (mut framer, mut answers) = (Framer::default(), Vec::new());
        framer.push(bytes);
        while let Some(reply) = framer.next().unwrap() {
            let Reply::Value(value) = reply else {
                panic!("{reply:?}")
            };
            answers.push(Some(value));
        }
        answers
    }

    #[test]
    fn a_host_is_read_with_all_about_it() {
        let bytes =
            b"+OK\r\n*2\r\n$1\r\nx\r\n$17\r\nhttp://10.0.0.1:1\r\n:1500\r\n:1\r\n".as_slice();
        let found = read(&answers(bytes)).unwrap();
        assert_eq!((found.lasts_ms, found.is_registered), (Some(1500), true));
        let route = found.list.unwrap().route;
        assert_eq!((route.id.as_deref(), route.backends.len()), (Some("x"), 1));
        let none = read(&answers(b"+OK\r\n*0\r\n:-2\r\n:0\r\n")).unwrap();
        assert_eq!(none, Found::default());
    }

    #[test]
    fn what_is_no_list_is_known_as_such() {
        let bytes = b"+OK\r\n-WRONGTYPE Operation\r\n:-1\r\n:0\r\n";
        let found = read(&answers(bytes)).unwrap();
        assert_eq!(found.unreadable.as_deref(), Some("WRONGTYPE Operation"));
        let mut long = answers(b"+OK\r\n+x\r\n:-1\r\n:0\r\n");
        long[1] = None;
        assert!(read(&long).unwrap().unreadable.is_some());
        let text = "NOPERM this user";
        for bytes in [
            format!("-{text}\r\n*0\r\n:0\r\n:0\r\n"),
            format!("+OK\r\n-{text}\r\n:0\r\n:0\r\n"),
            format!("+OK\r\n*0\r\n-{text}\r\n:0\r\n"),
            format!("+OK\r\n*0\r\n:0\r\n-{text}\r\n"),
        ] {
            let refused = Err(Unwritten::Forbidden(text.into()));
            assert_eq!(read(&answers(bytes.as_bytes())), refused, "{bytes}");
        }
        assert!(read(&answers(b"+OK\r\n*0\r\n:0\r\n")).is_err());
        assert!(read(&answers(b"+OK\r\n+x\r\n:0\r\n:0\r\n")).is_err());
    }

    #[test]
    fn a_transaction_is_made_or_not() {
        let of = |text: &str| made(&answers(text.as_bytes()));
        assert_eq!(of("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n"), Ok(true));
        assert_eq!(of("+OK\r\n+QUEUED\r\n_\r\n"), Ok(false));
        assert_eq!(made(&[None]), Ok(true));
        let full = of("+OK\r\n-OOM command\r\n-EXECABORT Transaction\r\n");
        assert_eq!(full, Err(Unwritten::Full("OOM command".into())));
        let half = of("+OK\r\n+QUEUED\r\n*1\r\n-ERR x\r\n");
        assert_eq!(half, Err(Unwritten::Unknown("ERR x".into())));
        assert!(matches!(of("+OK\r\n"), Err(Unwritten::Unknown(_))));
        assert!(matches!(made(&[]), Err(Unwritten::Unknown(_))));
    }
}
