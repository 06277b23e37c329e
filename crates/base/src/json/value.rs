//! Values of a text that was accepted, and the way from one to the next.

use super::text::Text;

/// A value of a text that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'t>(pub(super) &'t [u8]);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`
    Null,
}

impl<'t> Value<'t> {
    /// What it is.
    pub fn kind(self) -> Kind {
        match self.0.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::Text,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// Its bytes.
    pub fn source(self) -> &'t [u8] {
        self.0
    }

    /// A text.
    pub fn text(self) -> Option<Text<'t>> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(Text(inner))
    }

    /// The digits of a number, as they stand there.
    pub fn number(self) -> Option<&'t [u8]> {
        (self.kind() == Kind::Number).then_some(self.0)
    }

    /// The members of an object, in order; none of anything else.
    pub fn members(self) -> impl Iterator<Item = (Text<'t>, Value<'t>)> {
        let rest = if self.kind() == Kind::Object {
            self.0
        } else {
            b""
        };
        let mut walk = Walk::into(rest);
        std::iter::from_fn(move || {
            let name = walk.value(b'}')?.text()?;
            Some((name, walk.value(b'}')?))
        })
    }

    /// The items of an array, in order; none of anything else.
    pub fn items(self) -> impl Iterator<Item = Value<'t>> {
        let rest = if self.kind() == Kind::Array {
            self.0
        } else {
            b""
        };
        let mut walk = Walk::into(rest);
        std::iter::from_fn(move || walk.value(b']'))
    }

    /// The member of that name.
    pub fn member(self, name: &str) -> Option<Value<'t>> {
        let mut members = self.members();
        members
            .find(|one| one.0.is(name.as_bytes()))
            .map(|one| one.1)
    }

    /// What a step of a path leads to: a member of an object, or an item of an array by its number from 0.
    pub fn step(self, step: &str) -> Option<Value<'t>> {
        match self.kind() {
            Kind::Object => self.member(step),
            Kind::Array => {
                let is_number = step == "0" || !step.starts_with(['0', '+']);
                let index: usize = step.parse().ok().filter(|_| is_number)?;
                self.items().nth(index)
            }
            _ => None,
        }
    }
}

/// A way through the inside of an object or an array that was accepted.
pub(super) struct Walk<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Walk<'t> {
    /// Begins behind the bracket that the text begins with.
    pub(super) fn into(text: &'t [u8]) -> Self {
        Self { text, at: 1 }
    }

    /// The next value, be it a name; None at the end.
    pub(super) fn value(&mut self, end: u8) -> Option<Value<'t>> {
        let rest = self.text.get(self.at..)?;
        let is_between = |byte: &u8| is_blank(*byte) || matches!(byte, b',' | b':');
        let blanks = rest.iter().take_while(|byte| is_between(byte)).count();
        let rest = rest.get(blanks..)?;
        if rest.first()? == &end {
            return None;
        }
        let len = len_of(rest);
        self.at = self.at.saturating_add(blanks).saturating_add(len);
        rest.get(..len).map(Value)
    }
}

/// The length of the value that an accepted text begins with.
fn len_of(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => {}
            // A number or a name: to what follows it.
            _ => {
                let rest = text.get(at..).unwrap_or_default();
                let word = rest.iter().take_while(|byte| !is_end(**byte)).count();
                at = at.saturating_add(word.saturating_sub(1));
            }
        }
        at = at.saturating_add(1);
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn is_end(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b',' | b']' | b'}' | b':')
}

/// The place of the quote that ends the string whose first quote stands at `at`.
fn string_end(text: &[u8], at: usize) -> usize {
    let mut at = at.saturating_add(1);
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(stop) = memchr::memchr2(b'"', b'\\', rest) else {
            return text.len();
        };
        at = at.saturating_add(stop);
        if text.get(at) == Some(&b'"') {
            return at;
        }
        at = at.saturating_add(2);
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}
