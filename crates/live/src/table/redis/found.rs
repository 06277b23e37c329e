//! What the store has of a host, as whoever is about to change it has read it.

use super::commands::{Answer, Commands};
use super::dialogue::{error_of, items};
use super::unwritten::Unwritten;
use gatehouse_table::hipache::{KeySpace, List, MAX_ELEMENTS, read_list};
use gatehouse_table::registration::Registry;
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
    // Whoever changes registrations changes the list too. The store looks through all keys that are watched each time.
    commands.push(&[b"WATCH", &list]);
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

/// What the store has of a host and its registrations, at a time of the store's clock.
pub(super) struct Registered {
    pub(super) registry: Registry,
    pub(super) now_ms: u64,
}

/// Asks for the registrations of a host, and watches them; and whether the index can have the host.
pub(super) fn ask_registered(commands: &mut Commands, keys: &KeySpace, host: &Key) {
    let (list, set) = (keys.route_key(host), keys.registrations_key(host));
    let last = MAX_ELEMENTS.to_string();
    commands.push(&[b"WATCH", &list, &set]);
    commands.push(&[b"LRANGE", &list, b"0", last.as_bytes()]);
    commands.push(&[b"ZRANGE", &set, b"0", b"-1", b"WITHSCORES"]);
    commands.push(&[b"ZRANGE", &keys.registered_key(), b"0", b"0"]);
    commands.push(&[b"TIME"]);
}

/// Reads the answers to these. The inner error: there is something that is no list or set of ours.
pub(super) fn read_registered(answers: &[Answer]) -> Result<Result<Registered, String>, Unwritten> {
    let [watched, list, set, index, time] = answers else {
        return Err(odd());
    };
    check(watched)?;
    check(index)?;
    let now_ms = read_time(time)?;
    let list = match elements(list)? {
        // To write back what has been read of it would cut it off.
        Ok(list) if list.len() > MAX_ELEMENTS => return Ok(Err("list is too long".into())),
        Ok(list) => list,
        Err(why) => return Ok(Err(why)),
    };
    Ok(scores(set)?.map(|set| Registered {
        registry: Registry::new(list, &set),
        now_ms,
    }))
}

/// Of a time and hosts with the time when their first registration ends, those whose time is over.
pub(super) fn over(answers: &[Answer]) -> Result<Vec<Vec<u8>>, Unwritten> {
    let [time, hosts] = answers else {
        return Err(odd());
    };
    let now_ms = read_time(time)?;
    let hosts = scores(hosts)?.map_err(|why| Unwritten::of_error(&why))?;
    let over = hosts.into_iter().filter(|(_, ends_ms)| *ends_ms <= now_ms);
    Ok(over.map(|(host, _)| host).collect())
}

/// Members of a set with their scores.
type Scores = Vec<(Vec<u8>, u64)>;

/// The members of a set with their scores, or why it is none.
fn scores(answer: &Answer) -> Result<Result<Scores, String>, Unwritten> {
    let members = match parts(answer, "set")? {
        Ok(members) => members,
        Err(why) => return Ok(Err(why)),
    };
    let pair = |member: OwnedFrame| {
        let pair = items(member)?;
        let [name, OwnedFrame::Double { data, .. }] = pair.as_slice() else {
            return None;
        };
        // Anything that is no time has the time 0, which is over.
        Some((name.as_bytes()?.to_vec(), *data as u64))
    };
    let members: Option<Scores> = members.into_iter().map(pair).collect();
    Ok(Ok(members.ok_or_else(odd)?))
}

/// The store's clock in milliseconds.
fn read_time(answer: &Answer) -> Result<u64, Unwritten> {
    check(answer)?;
    let parts = answer.clone().and_then(items).ok_or_else(odd)?;
    let part = |n: usize| parts.get(n).and_then(Resp3Frame::as_str)?.parse().ok();
    let parts: Option<(u64, u64)> = part(0).zip(part(1));
    let (seconds, micros) = parts.ok_or_else(odd)?;
    Ok(seconds.saturating_mul(1000).saturating_add(micros / 1000))
}

/// The elements of a list, or why it is none.
pub(super) fn elements(answer: &Answer) -> Result<Result<Vec<Vec<u8>>, String>, Unwritten> {
    let bytes = |element: OwnedFrame| element.as_bytes().unwrap_or_default().to_vec();
    Ok(parts(answer, "list")?.map(|parts| parts.into_iter().map(bytes).collect()))
}

/// What a list or a set consists of, or why it is none.
fn parts(answer: &Answer, what: &str) -> Result<Result<Vec<OwnedFrame>, String>, Unwritten> {
    let Some(answer) = answer else {
        return Ok(Err(format!("{what} is too long")));
    };
    match error_of(answer) {
        Some(error) if error.starts_with("WRONGTYPE") => Ok(Err(error)),
        Some(error) => Err(Unwritten::of_error(&error)),
        None => items(answer.clone()).ok_or_else(odd).map(Ok),
    }
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
    fn registrations_are_read_with_the_time() {
        let of = |text: &str| read_registered(&answers(text.as_bytes()));
        let index = "*1\r\n$1\r\na\r\n";
        let list = "*2\r\n$0\r\n\r\n$17\r\nhttp://10.0.0.1:1\r\n";
        let set =
            "*2\r\n*2\r\n$17\r\nhttp://10.0.0.1:1\r\n,1700000000123\r\n*2\r\n$1\r\nx\r\n,nan\r\n";
        let time = "*2\r\n$10\r\n1700000000\r\n$6\r\n456789\r\n";
        let found = of(&format!("+OK\r\n{list}{set}{index}{time}")).unwrap();
        let found = found.unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(found.now_ms, 1_700_000_000_456);
        let wanted = found.registry.wanted();
        assert_eq!(
            wanted.set,
            [("http://10.0.0.1:1".to_owned(), 1_700_000_000_123)]
        );
        let long = format!("*4097\r\n{}", "$1\r\nx\r\n".repeat(4097));
        for odd in [
            format!("+OK\r\n{long}{set}{index}{time}"),
            format!("+OK\r\n-WRONGTYPE x\r\n{set}{index}{time}"),
            format!("+OK\r\n{list}-WRONGTYPE x\r\n{index}{time}"),
        ] {
            assert!(of(&odd).unwrap().is_err(), "{odd}");
        }
        for broken in [
            format!("-NOPERM\r\n{list}{set}{index}{time}"),
            format!("+OK\r\n{list}-NOPERM\r\n{index}{time}"),
            format!("+OK\r\n{list}+x\r\n{index}{time}"),
            format!("+OK\r\n{list}*1\r\n:1\r\n{index}{time}"),
            format!("+OK\r\n{list}{set}{index}-NOPERM\r\n"),
            format!("+OK\r\n{list}{set}{index}*0\r\n"),
            format!("+OK\r\n{list}{set}{time}"),
        ] {
            assert!(of(&broken).is_err(), "{broken}");
        }
        let wrong = "WRONGTYPE x";
        let refused = of(&format!("+OK\r\n{list}{set}-{wrong}\r\n{time}")).err();
        assert_eq!(refused, Some(Unwritten::Forbidden(wrong.into())));
    }

    #[test]
    fn hosts_with_registrations_that_are_over_are_found() {
        let of = |text: &str| over(&answers(text.as_bytes()));
        let time = "*2\r\n$1\r\n5\r\n$1\r\n0\r\n";
        let hosts = "*2\r\n*2\r\n$1\r\na\r\n,5000\r\n*2\r\n$1\r\nb\r\n,5001\r\n";
        assert_eq!(of(&format!("{time}{hosts}")), Ok(vec![b"a".to_vec()]));
        assert_eq!(of(&format!("{time}*0\r\n")), Ok(Vec::new()));
        assert!(of(&format!("{time}-WRONGTYPE x\r\n")).is_err());
        assert!(of(&format!("-NOPERM x\r\n{hosts}")).is_err());
        assert!(of(time).is_err());
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
