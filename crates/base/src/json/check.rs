//! The one look at every byte of a text.

use super::text::{Text, unescape};
use super::value::{Value, Walk, is_blank};

/// How deep values may lie in each other.
pub(super) const MAX_DEPTH: usize = 32;

/// The place of the one value of a text. If that is an object, `see` is given its members on the way.
pub(super) fn place<'t>(
    text: &'t [u8],
    see: impl FnMut(Text<'t>, Value<'t>),
) -> Option<std::ops::Range<usize>> {
    std::str::from_utf8(text).ok()?;
    let mut check = Check::new(text, see);
    let begin = check.blanks();
    check.whole()?;
    let end = check.at;
    check.blanks();
    (check.at == text.len()).then_some(begin..end)
}

/// An object or an array that is being checked.
#[derive(Clone, Copy)]
struct Open {
    is_object: bool,
    /// Where it begins.
    at: usize,
    /// A bit for each name, by its hash.
    seen: u64,
}

struct Check<'t, S> {
    text: &'t [u8],
    at: usize,
    open: [Open; MAX_DEPTH],
    depth: usize,
    /// Is given the members of the outermost object.
    see: S,
    /// The name of the one whose value is being passed, and where that begins.
    member: Option<(Text<'t>, usize)>,
}

impl<'t, S: FnMut(Text<'t>, Value<'t>)> Check<'t, S> {
    fn new(text: &'t [u8], see: S) -> Self {
        let none = Open {
            is_object: false,
            at: 0,
            seen: 0,
        };
        Self {
            text,
            at: 0,
            open: [none; MAX_DEPTH],
            depth: 0,
            see,
            member: None,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn pass(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Passes blanks, and gives the place behind them.
    fn blanks(&mut self) -> usize {
        while self.peek().is_some_and(is_blank) {
            self.pass();
        }
        self.at
    }

    fn top(&mut self) -> Option<&mut Open> {
        self.open.get_mut(self.depth.checked_sub(1)?)
    }

    /// Passes one value with all that is in it.
    fn whole(&mut self) -> Option<()> {
        loop {
            self.blanks();
            let opens = match self.peek()? {
                b'{' => self.enter(true),
                b'[' => self.enter(false),
                _ => {
                    self.scalar()?;
                    Some(false)
                }
            }?;
            if !opens && !self.leave()? {
                return Some(());
            }
        }
    }

    /// Goes into an object or an array, to its first value; false when it is empty.
    fn enter(&mut self, is_object: bool) -> Option<bool> {
        let at = self.at;
        let slot = self.open.get_mut(self.depth)?;
        *slot = Open {
            is_object,
            at,
            seen: 0,
        };
        self.pass();
        self.blanks();
        let end = if is_object { b'}' } else { b']' };
        if self.peek()? == end {
            self.pass();
            return Some(false);
        }
        self.depth = self.depth.saturating_add(1);
        if is_object {
            self.name()?;
        }
        Some(true)
    }

    /// Behind a value: to the next one, out of what ends here; false behind the outermost.
    fn leave(&mut self) -> Option<bool> {
        loop {
            let Some(is_object) = self.top().map(|open| open.is_object) else {
                return Some(false);
            };
            if self.depth == 1 {
                self.show();
            }
            self.blanks();
            let byte = self.peek()?;
            self.pass();
            match (byte, is_object) {
                (b',', true) => {
                    self.blanks();
                    self.name()?;
                    return Some(true);
                }
                (b',', false) => return Some(true),
                (b'}', true) | (b']', false) => self.depth = self.depth.saturating_sub(1),
                _ => return None,
            }
        }
    }

    /// Gives the member away whose value ends here.
    fn show(&mut self) {
        if let Some((name, begin)) = self.member.take() {
            let value = self.text.get(begin..self.at).unwrap_or_default();
            (self.see)(name, Value(value));
        }
    }

    /// Passes the name of a member, which no other one has, the colon, and blanks.
    fn name(&mut self) -> Option<()> {
        let begin = self.at;
        let (name, has_escapes) = self.string()?;
        // Written with escapes it may be any.
        let bit = if has_escapes {
            u64::MAX
        } else {
            bit_of(name.0)
        };
        let text = self.text;
        let open = self.top()?;
        let maybe = open.seen & bit != 0;
        open.seen |= bit;
        if maybe {
            let before = text.get(open.at..begin)?;
            let mut walk = Walk::into(before);
            while let Some(other) = walk.value(b'}').and_then(Value::text) {
                if other.same(name) {
                    return None;
                }
                walk.value(b'}');
            }
        }
        self.blanks();
        if self.peek()? != b':' {
            return None;
        }
        self.pass();
        self.blanks();
        if self.depth == 1 {
            self.member = Some((name, self.at));
        }
        Some(())
    }

    /// Passes a string; also says whether it has escapes.
    fn string(&mut self) -> Option<(Text<'t>, bool)> {
        if self.peek()? != b'"' {
            return None;
        }
        self.pass();
        let begin = self.at;
        let mut has_escapes = false;
        loop {
            let rest = self.text.get(self.at..)?;
            let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            let plain = rest.iter().position(is_stop)?;
            self.at = self.at.saturating_add(plain);
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    let (_, len) = unescape(self.text.get(self.at..)?)?;
                    self.at = self.at.saturating_add(len);
                }
                _ => return None,
            }
        }
        let inner = self.text.get(begin..self.at)?;
        self.pass();
        Some((Text(inner), has_escapes))
    }

    /// Passes a string, a number or a word.
    fn scalar(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let word = match rest.first()? {
            b'"' => return self.string().map(|_| ()),
            b't' => "true",
            b'f' => "false",
            b'n' => "null",
            _ => return self.number(),
        };
        rest.strip_prefix(word.as_bytes())?;
        self.at = self.at.saturating_add(word.len());
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.pass();
        }
        if self.peek()? == b'0' {
            self.pass();
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.pass();
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.pass();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.pass();
            }
            self.digits()?;
        }
        Some(())
    }

    /// Passes at least one digit.
    fn digits(&mut self) -> Option<()> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.pass();
        }
        (self.at > begin).then_some(())
    }
}

/// One of 64 bits, by a name: most names of an object have bits of their own.
fn bit_of(name: &[u8]) -> u64 {
    let word = match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(20)
        }
        _ => name
            .iter()
            .fold(0, |word, byte| (word << 8) | u64::from(*byte)),
    };
    // Multiplying spreads every byte over the highest bits (Knuth, TAOCP volume 3, section 6.4).
    let spread = word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
    1_u64.rotate_left(u32::try_from(spread).unwrap_or(0))
}
