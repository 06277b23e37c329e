//! Statuses and ranges of them: `200-399,404,5xx`.

use std::fmt;

/// The lowest status, and the one behind the highest.
const FIRST: u16 = 100;
const END: u16 = 600;
/// Bits of a word.
const BITS: u16 = 64;

/// A set of HTTP statuses: a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statuses([u64; 8]);

const _: () = assert!((END - FIRST).div_ceil(BITS) as usize == 8);

impl Default for Statuses {
    /// 200 to 399, as `match` of NGINX Plus has it.
    fn default() -> Self {
        let mut usual = Self([0; 8]);
        usual.add(200, 399);
        usual
    }
}

impl Statuses {
    /// Reads statuses, ranges and classes (`5xx`) of them, with commas between; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Self([0; 8]);
        for part in text.split(',') {
            let (low, high) = class(part).or_else(|| range(part))?;
            all.add(low, high);
        }
        Some(all)
    }

    /// Whether this status is one of them.
    #[inline]
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        let number = status.wrapping_sub(FIRST);
        let word = self.0.get(usize::from(number / BITS));
        word.is_some_and(|word| word >> (number % BITS) & 1 != 0)
    }

    fn add(&mut self, low: u16, high: u16) {
        for number in (low..=high).map(|status| status.wrapping_sub(FIRST)) {
            if let Some(word) = self.0.get_mut(usize::from(number / BITS)) {
                *word |= 1 << (number % BITS);
            }
        }
    }
}

impl fmt::Display for Statuses {
    /// The shortest list of ranges that is read as the same set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut from, mut comma) = (None, "");
        for status in FIRST..=END {
            match (self.contains(status), from) {
                (true, None) => from = Some(status),
                (false, Some(low)) => {
                    let high = status.wrapping_sub(1);
                    match low == high {
                        true => write!(f, "{comma}{low}")?,
                        false => write!(f, "{comma}{low}-{high}")?,
                    }
                    (from, comma) = (None, ",");
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// `5xx`: all that begin with that digit.
fn class(text: &str) -> Option<(u16, u16)> {
    let low = status(&format!("{}00", text.strip_suffix("xx")?))?;
    Some((low, low.saturating_add(99)))
}

/// `502-504`, or one alone.
fn range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (status(low)?, status(high)?);
    (low <= high).then_some((low, high))
}

/// Three digits, 100 to 599.
fn status(text: &str) -> Option<u16> {
    let is_number = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number)?;
    (FIRST..END).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_classes_and_single_ones() {
        let some = Statuses::parse("200-299,304,401-403,5xx").unwrap();
        for (status, is_good) in [
            (0, false),
            (99, false),
            (199, false),
            (200, true),
            (299, true),
            (300, false),
            (304, true),
            (400, false),
            (401, true),
            (403, true),
            (404, false),
            (499, false),
            (500, true),
            (599, true),
            (600, false),
            (u16::MAX, false),
        ] {
            assert_eq!(some.contains(status), is_good, "{status}");
        }
        assert!(Statuses::default().contains(399) && !Statuses::default().contains(400));
    }

    #[test]
    fn a_set_is_written_in_one_way() {
        for (text, written) in [
            ("200-399", "200-399"),
            ("5xx", "500-599"),
            ("404,200,201", "200-201,404"),
            ("100,599", "100,599"),
            ("1xx,2xx,250", "100-299"),
        ] {
            let set = Statuses::parse(text).unwrap();
            assert_eq!(set.to_string(), written);
            assert_eq!(Statuses::parse(written), Some(set));
        }
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for bad in [
            "", "6xx", "0xx", "xx", "55xx", "5x", "200-", "-200", "399-200", "200,", "20",
            "99-100", "600", "0200", "+200", "200 -300", "5xx-599",
        ] {
            assert_eq!(Statuses::parse(bad), None, "{bad}");
        }
    }
}
