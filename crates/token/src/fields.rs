//! Tokens that are named fields with a character between, and behind them a MAC or a signature of them.

use crate::mac;
use crate::reason::Reason;

/// The fields of a token.
pub(crate) struct Fields<'t, const N: usize> {
    /// What stands before the MAC and the separator in front of it.
    pub(crate) signed: &'t [u8],
    /// The name of the field that is the MAC, counted in [`Form::macs`].
    pub(crate) mac_name: usize,
    /// Its value.
    pub(crate) mac: &'t [u8],
    /// Those before it, by their number in [`Form::names`].
    values: [Option<&'t [u8]>; N],
}

/// What a scheme's fields are.
pub(crate) struct Form<const N: usize> {
    pub(crate) separator: u8,
    pub(crate) names: [&'static [u8]; N],
    /// The one that stands alone, without `=` and a value.
    pub(crate) bare: Option<usize>,
    /// Names of the last field.
    pub(crate) macs: &'static [&'static [u8]],
}

impl<const N: usize> Form<N> {
    /// Reads a token; `None` for a field that is unknown or comes twice, for one behind the MAC, and without a MAC.
    pub(crate) fn read<'t>(&self, token: &'t [u8]) -> Option<Fields<'t, N>> {
        let mut values = [None; N];
        let mut start = 0usize;
        for field in token.split(|byte| *byte == self.separator) {
            let end = start.saturating_add(field.len());
            let equals = field.iter().position(|byte| *byte == b'=');
            let (name, value) = field.split_at_checked(equals.unwrap_or(field.len()))?;
            if let Some(mac_name) = self.macs.iter().position(|one| *one == name) {
                let is_last = end == token.len();
                return is_last.then_some(Fields {
                    signed: token.get(..start.checked_sub(1)?)?,
                    mac_name,
                    mac: value.get(1..)?,
                    values,
                });
            }
            let known = self.names.iter().position(|one| *one == name)?;
            if equals.is_none() != (self.bare == Some(known)) {
                return None;
            }
            let value = value.get(1..).unwrap_or_default();
            if values.get_mut(known)?.replace(value).is_some() {
                return None;
            }
            start = end.saturating_add(1);
        }
        None
    }
}

impl<'t, const N: usize> Fields<'t, N> {
    /// The value of a field, by its number.
    pub(crate) fn value(&self, field: usize) -> Option<&'t [u8]> {
        self.values.get(field).copied().flatten()
    }

    /// The time that a field holds, if it is there.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn epoch(&self, field: usize) -> Result<Option<i64>, Reason> {
        let text = self.value(field);
        let epoch = text.map(|text| mac::parse_epoch(text).ok_or(Reason::Malformed));
        epoch.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_strictly() {
        let form = Form {
            separator: b'~',
            names: [b"a", b"b", b"Bare"],
            bare: Some(2),
            macs: &[b"mac", b"sig"],
        };
        for token in [
            "",
            "~",
            "a=1",
            "mac=x",
            "a=1~mac",
            "a=1~a=2~mac=x",
            "c=1~mac=x",
            "a~mac=x",
            "Bare=1~mac=x",
            "a=1~mac=x~b=2",
            "a=1~mac=x~",
            "a=1~~mac=x",
            "~a=1~mac=x",
            "a=1~mac=x~sig=y",
        ] {
            assert!(form.read(token.as_bytes()).is_none(), "{token}");
        }
        let fields = form.read(b"Bare~b=x=y~sig=z=").unwrap();
        assert_eq!(
            (fields.signed, fields.mac_name, fields.mac),
            (&b"Bare~b=x=y"[..], 1, &b"z="[..])
        );
        assert_eq!(
            (0..3).map(|n| fields.value(n)).collect::<Vec<_>>(),
            [None, Some(&b"x=y"[..]), Some(b"")]
        );
    }
}
