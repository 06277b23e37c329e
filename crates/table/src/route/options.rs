//! Options of a backend besides its address and its weight.

/// How nginx speaks to a backend and how much the backend takes. The default takes no room in a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Whether its connections begin with a PROXY header.
    pub proxy: ProxyHeader,
    /// Its protocol.
    pub protocol: Protocol,
    /// Most requests at a time, 0 for no limit; at most [`Options::MOST_CONNS`].
    pub max_conns: u32,
    /// For how long its share grows after it was out, in milliseconds; at most [`Options::MOST_SLOW_START_MS`].
    pub slow_start_ms: u32,
}

impl Options {
    /// The largest `max_conns`.
    pub const MOST_CONNS: u32 = (1 << 20) - 1;
    /// The longest `slow_start`: three days.
    pub const MOST_SLOW_START_MS: u32 = (1 << 28) - 1;
}

/// Units of a time, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Reads the largest number of requests at a time.
///
/// # Errors
/// A human-readable error.
pub(super) fn max_conns(number: Option<u64>) -> Result<u32, String> {
    let most = Options::MOST_CONNS;
    let read = number.and_then(|number| u32::try_from(number).ok());
    read.filter(|number| *number <= most)
        .ok_or_else(|| format!("max_conns is not 0 to {most}"))
}

/// Reads a time such as `30s` in milliseconds, as nginx does; seconds where there is no unit.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = if unit.is_empty() { "s" } else { unit };
    let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*ms)
}

/// Reads the time of `slow_start`.
///
/// # Errors
/// A human-readable error.
pub(super) fn slow_start(text: &str) -> Result<u32, String> {
    let time = milliseconds(text).and_then(|ms| u32::try_from(ms).ok());
    time.filter(|ms| *ms <= Options::MOST_SLOW_START_MS)
        .ok_or_else(|| "slow_start is not a time up to 3 days such as \"30s\"".to_owned())
}

impl Options {
    /// `slow_start` as it is read.
    #[must_use]
    pub fn slow_start(&self) -> String {
        let ms = self.slow_start_ms;
        if ms % 1_000 == 0 {
            format!("{}s", ms / 1_000)
        } else {
            format!("{ms}ms")
        }
    }

    /// Whether they are those that can be written nowhere yet.
    #[must_use]
    pub(crate) fn are_unwritten(&self) -> bool {
        let known = Self {
            max_conns: self.max_conns,
            slow_start_ms: self.slow_start_ms,
            ..Self::default()
        };
        *self != known
    }
}

/// The PROXY protocol's version, if it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProxyHeader {
    /// No header.
    #[default]
    Off,
    /// The text of version 1.
    V1,
    /// The bytes of version 2.
    V2,
}

/// The protocol of a backend; whether TLS is below it says [`Backend::tls`](super::Backend::tls).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP.
    #[default]
    Http,
    /// Any stream of bytes.
    Tcp,
    /// Datagrams.
    Udp,
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn a_time_is_written_in_seconds_where_it_is_some() {
        for (slow_start_ms, text) in [
            (0, "0s"),
            (1, "1ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (1_500, "1500ms"),
            (60_000, "60s"),
        ] {
            let options = Options {
                slow_start_ms,
                ..Options::default()
            };
            assert_eq!(options.slow_start(), text);
        }
    }
}
