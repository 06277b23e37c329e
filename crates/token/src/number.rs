//! Numbers as JSON spells them, compared without being rounded.

/// Whether two numbers are one: `0`, `-0`, `0.0` and `0e5` are, and digits that floating point loses make a difference.
/// None when they are not the same but many a program reads both as one: numbers that floating point cannot tell apart,
/// but for whole ones of up to 18 digits.
pub(crate) fn same(one: &[u8], other: &[u8]) -> Option<bool> {
    if one == other {
        return Some(true);
    }
    let (one, other) = (
        std::str::from_utf8(one).ok()?,
        std::str::from_utf8(other).ok()?,
    );
    if let (Some(one), Some(other)) = (small(one), small(other)) {
        return Some(one == other);
    }
    if Decimal::of(one)?.same(&Decimal::of(other)?) {
        return Some(true);
    }
    let (one, other): (f64, f64) = (one.parse().ok()?, other.parse().ok()?);
    // Neither is NaN, which JSON cannot spell.
    (one != other).then_some(false)
}

/// A whole number that programs keep as it is.
fn small(text: &str) -> Option<i64> {
    (text.trim_start_matches('-').len() <= 18)
        .then(|| text.parse().ok())
        .flatten()
}

/// The digits of a number and what they are worth.
struct Decimal<'t> {
    is_negative: bool,
    /// Before the point and behind it.
    digits: [&'t str; 2],
    /// How many zeros the digits begin with.
    zeros: usize,
    /// The power of ten of the first digit that is no zero; None of 0.
    power: Option<i64>,
}

impl<'t> Decimal<'t> {
    /// None when the exponent has no end.
    fn of(text: &'t str) -> Option<Self> {
        let (number, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let plain = number.strip_prefix('-');
        let is_negative = plain.is_some();
        let (whole, fraction) = plain
            .unwrap_or(number)
            .split_once('.')
            .unwrap_or((plain.unwrap_or(number), ""));
        let zeros = leading_zeros(whole.bytes().chain(fraction.bytes()));
        let all = whole.len().saturating_add(fraction.len());
        let power = if zeros == all {
            None
        } else {
            let power: i64 = power.parse().ok()?;
            let whole = i64::try_from(whole.len()).ok()?;
            let zeros = i64::try_from(zeros).ok()?;
            Some(power.checked_add(whole.checked_sub(zeros)?)?)
        };
        Some(Self {
            is_negative,
            digits: [whole, fraction],
            zeros,
            power,
        })
    }

    fn same(&self, other: &Self) -> bool {
        let is_zero = self.power.is_none();
        let starts_alike =
            self.power == other.power && (is_zero || self.is_negative == other.is_negative);
        starts_alike && (is_zero || self.significant().eq(other.significant()))
    }

    /// The digits from the first to the last that is no zero.
    fn significant(&self) -> impl Iterator<Item = u8> {
        let [whole, fraction] = self.digits;
        let all = move || whole.bytes().chain(fraction.bytes());
        let behind = leading_zeros(all().rev());
        let len = whole.len().saturating_add(fraction.len());
        let len = len.saturating_sub(behind);
        all().take(len).skip(self.zeros)
    }
}

fn leading_zeros(digits: impl Iterator<Item = u8>) -> usize {
    digits.take_while(|digit| *digit == b'0').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_what_they_are_worth() {
        let (yes, no) = (Some(true), Some(false));
        for (one, other, wanted) in [
            ("0", "-0", yes),
            ("0", "0.0", yes),
            ("0", "0e0", yes),
            ("0", "-0.00E+99999999999999999999", yes),
            ("0", "1", no),
            ("5", "5.0", yes),
            ("5", "-5", no),
            ("5", "-5.0", no),
            ("50", "5e1", yes),
            ("50", "0.5E+2", yes),
            ("50", "500e-1", yes),
            ("50", "5", no),
            ("505", "5.05e2", yes),
            ("0.1", "0.10", yes),
            ("0.1", "0.2", no),
            ("0.1", "0.10000000000000000555", None),
            ("0", "1e-999", None),
            ("1e998", "1e999", None),
            ("1e99999999999999999999", "1", None),
            ("9007199254740992", "9007199254740993", no),
            ("9007199254740992", "9007199254740993.0", None),
            ("999999999999999999", "999999999999999998", no),
            ("123456789012345678901", "123456789012345678902", None),
            ("123456789012345678901", "123456789012345678901.0", yes),
        ] {
            assert_eq!(
                same(one.as_bytes(), other.as_bytes()),
                wanted,
                "{one} {other}"
            );
            assert_eq!(
                same(other.as_bytes(), one.as_bytes()),
                wanted,
                "{other} {one}"
            );
        }
    }

    proptest! {
        /// Never said to be others when floating point reads one number, nor to be one when it reads two.
        #[test]
        fn floating_point_agrees(
            one in "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
            other in "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
            zeros in 0_usize..4,
        ) {
            let equal = one.parse::<f64>().unwrap() == other.parse::<f64>().unwrap();
            prop_assert_eq!(same(one.as_bytes(), other.as_bytes()), Some(equal));
            if !one.contains(['e', 'E']) {
                let point = if one.contains('.') { "" } else { ".0" };
                let longer = format!("{one}{point}{}e0", "0".repeat(zeros));
                prop_assert_eq!(same(one.as_bytes(), longer.as_bytes()), Some(true));
            }
        }
    }
}
