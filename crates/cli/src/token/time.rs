//! Times as arguments: seconds since 1970, or from now.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::geoip::date;

/// A point in time, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// Seconds since 1970.
    At(i64),
    /// Seconds from now.
    After(i64),
}

/// The units nginx has, in seconds; a number without one counts seconds.
const UNITS: [(char, i64); 7] = [
    ('s', 1),
    ('m', 60),
    ('h', 3600),
    ('d', 86_400),
    ('w', 604_800),
    ('M', 2_592_000),
    ('y', 31_536_000),
];

/// Before this second (in 2001) nobody signed links: it is a duration that lacks its `+`.
const EARLIEST: i64 = 1_000_000_000;

/// The end of the year 9999.
const LATEST: i64 = 253_402_300_799;

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(span), _) => seconds(span).map(Self::After),
            (_, Some(span)) => seconds(span).and_then(i64::checked_neg).map(Self::After),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok().map(Self::At),
            _ => None,
        };
        time.ok_or_else(|| {
            "neither seconds since 1970 nor a time from now such as +3600, +90m or +1d12h"
                .to_owned()
        })
    }
}

impl Time {
    /// Seconds since 1970.
    pub(crate) fn epoch(self, now: i64) -> i64 {
        match self {
            Self::At(epoch) => epoch,
            Self::After(seconds) => now.saturating_add(seconds),
        }
    }

    /// Seconds since 1970 until which a link signed at `now` may be good.
    ///
    /// # Errors
    /// Why no link should have that expiry.
    pub(crate) fn expiry(self, now: i64) -> Result<i64, String> {
        let expires = self.epoch(now);
        match self {
            Self::At(seconds) if seconds < EARLIEST && seconds < now => Err(format!(
                "--expires {seconds} means {}: for {seconds} seconds from now write +{seconds}",
                shown(expires)
            )),
            _ if expires < now => Err(format!(
                "--expires {} is over, {}",
                shown(expires),
                distance(expires, now)
            )),
            _ if expires > LATEST => Err(format!(
                "--expires {expires} is after the year 9999: it counts seconds"
            )),
            _ => Ok(expires),
        }
    }
}

/// A duration as nginx writes it, such as `90`, `90m` or `1d12h`.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let mut total = 0i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at_checked(digits)?;
        let mut behind = behind.chars();
        let unit = match behind.next() {
            None => 1,
            Some(letter) => UNITS.iter().find(|unit| unit.0 == letter)?.1,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
        rest = behind.as_str();
    }
    (!text.is_empty()).then_some(total)
}

/// The machine's clock, in seconds since 1970.
pub(crate) fn clock() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}

/// Seconds since 1970 as a date.
pub(crate) fn shown(epoch: i64) -> String {
    u64::try_from(epoch).map_or_else(|_| epoch.to_string(), date)
}

/// How far a time is from another, in words.
pub(crate) fn distance(time: i64, now: i64) -> String {
    let span = humantime::format_duration(Duration::from_secs(time.abs_diff(now)));
    match time.cmp(&now) {
        std::cmp::Ordering::Less => format!("{span} ago"),
        std::cmp::Ordering::Equal => "now".to_owned(),
        std::cmp::Ordering::Greater => format!("in {span}"),
    }
}
