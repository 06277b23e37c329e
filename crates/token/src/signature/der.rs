//! As much of DER (ITU-T X.690) as it takes to find a public key.

/// The tags that are met.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`, the version of a certificate.
pub(super) const VERSION: u8 = 0xa0;

/// What has still to be read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    pub(super) fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    /// The content of the next element, which has this tag.
    pub(super) fn next(&mut self, tag: u8) -> Option<&'d [u8]> {
        let (first, rest) = self.0.split_first()?;
        let (len, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(len)?;
        if *first != tag {
            return None;
        }
        self.0 = rest;
        Some(content)
    }

    /// The same, as something to read.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Reader<'d>> {
        self.next(tag).map(Reader)
    }

    /// Passes the next element if it has this tag.
    pub(super) fn skip_if(&mut self, tag: u8) -> Option<()> {
        if self.0.first() == Some(&tag) {
            self.next(tag)?;
        }
        Some(())
    }

    /// A positive number, without zeros in front.
    pub(super) fn number(&mut self) -> Option<&'d [u8]> {
        let content = self.next(INTEGER)?;
        let is_negative = content.first().is_none_or(|first| *first >= 0x80);
        (!is_negative).then(|| without_zeros(content))
    }

    /// Whole bytes of a bit string.
    pub(super) fn bits(&mut self) -> Option<&'d [u8]> {
        self.next(BIT_STRING)?.strip_prefix(&[0])
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether only white space follows.
    pub(super) fn is_blank(self) -> bool {
        self.0.trim_ascii().is_empty()
    }
}

/// A length, and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        return Some((usize::from(*first), rest));
    }
    let count = usize::from(first & 0x7f);
    let (digits, rest) = rest
        .split_at_checked(count)
        .filter(|_| (1..=3).contains(&count))?;
    let len = digits
        .iter()
        .fold(0_usize, |len, digit| (len << 8) | usize::from(*digit));
    Some((len, rest))
}

/// A number without zeros in front of it.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
