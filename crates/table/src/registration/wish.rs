//! What a registration asks for.

use crate::api::{QueryError, arguments};
use crate::route::{Key, Match};

/// The arguments of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The host that is to be served.
    pub host: Key,
    /// The caller's port.
    pub port: u16,
    /// For how long, if it says so.
    pub ttl_ms: Option<u64>,
    /// The answer is to stay open, and the registration with it.
    pub hold: bool,
}

impl Wish {
    /// Reads `host=…&port=…[&ttl=…][&hold=0|1]`.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn parse(text: &[u8]) -> Result<Self, QueryError> {
        let (mut host, mut port, mut ttl_ms, mut hold) = (None, None, None, None);
        for argument in arguments(text, &["host", "port", "ttl", "hold"]) {
            let (name, value) = argument?;
            let invalid = || QueryError(format!("invalid argument \"{name}\""));
            let twice = match name {
                "host" => {
                    let key = Key::parse(&value, Match::Host);
                    let key =
                        key.map_err(|why| QueryError(format!("invalid argument \"host\": {why}")))?;
                    host.replace(key).is_some()
                }
                "port" => port
                    .replace(number(&value).and_then(as_port).ok_or_else(invalid)?)
                    .is_some(),
                "ttl" => ttl_ms.replace(time(&value).ok_or_else(invalid)?).is_some(),
                _ => hold.replace(flag(&value).ok_or_else(invalid)?).is_some(),
            };
            if twice {
                return Err(QueryError(format!("duplicate argument \"{name}\"")));
            }
        }
        let missing = |name| QueryError(format!("missing argument \"{name}\""));
        Ok(Self {
            host: host.ok_or_else(|| missing("host"))?,
            port: port.ok_or_else(|| missing("port"))?,
            ttl_ms,
            hold: hold.unwrap_or(false),
        })
    }
}

fn as_port(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port > 0)
}

fn flag(value: &[u8]) -> Option<bool> {
    match value {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    }
}

/// `30`, `30s`, `1500ms`, `5m`, `1h`: more than nothing, in milliseconds.
fn time(value: &[u8]) -> Option<u64> {
    let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
    let (count, unit) = value.split_at_checked(digits)?;
    let unit = match unit {
        b"ms" => 1,
        b"" | b"s" => 1_000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        _ => return None,
    };
    let time = number(count)?.checked_mul(unit)?;
    (time > 0).then_some(time)
}

/// Digits, and nothing but digits.
fn number(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}
