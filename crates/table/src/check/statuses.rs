//! Which statuses are good: `200-399,404`.

use std::ops::RangeInclusive;

/// Ranges of HTTP statuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl Default for Statuses {
    /// 200 to 399, as `match` of NGINX Plus has it.
    fn default() -> Self {
        Self(vec![200..=399])
    }
}

impl Statuses {
    /// Reads statuses and ranges of them, with commas between; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let ranges = text.split(',').map(|part| {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let (low, high) = (status(low)?, status(high)?);
            (low <= high).then_some(low..=high)
        });
        ranges.collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether this status is one of them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

/// Three digits, 100 to 599.
fn status(text: &str) -> Option<u16> {
    let is_number = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number)?;
    (100..=599).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_single_ones() {
        let some = Statuses::parse("200-299,304,401-403").unwrap();
        for (status, is_good) in [
            (199, false),
            (200, true),
            (299, true),
            (300, false),
            (304, true),
            (400, false),
            (401, true),
            (403, true),
            (404, false),
        ] {
            assert_eq!(some.contains(status), is_good, "{status}");
        }
        assert!(Statuses::default().contains(399) && !Statuses::default().contains(400));
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for bad in [
            "", "2xx", "200-", "-200", "399-200", "200,", "20", "99-100", "600", "0200", "+200",
            "200 -300",
        ] {
            assert_eq!(Statuses::parse(bad), None, "{bad}");
        }
    }
}
