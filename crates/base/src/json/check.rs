//! The one look at every byte of a text.

use super::text::{Text, unescape};
use super::value::{Value, Walk, is_blank};

/// How deep values may lie in each other.
pub(super) const MAX_DEPTH: usize = 32;

/// The place of the one value of a text.
pub(super) fn place(text: &[u8]) -> Option<std::ops::Range<usize>> {
    std::str::from_utf8(text).ok()?;
    let mut check = Check::new(text);
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

struct Check<'t> {
    text: &'t [u8],
    at: usize,
    open: [Open; MAX_DEPTH],
    depth: usize,
}

impl<'t> Check<'t> {
    fn new(text: &'t [u8]) -> Self {
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

    /// Passes the name of a member, which no other one has, and the colon.
    fn name(&mut self) -> Option<()> {
        let begin = self.at;
        let name = self.string()?;
        let bit = match name.plain() {
            Some(plain) => {
                let hash = plain.iter().fold(plain.len(), |hash, byte| {
                    hash.wrapping_mul(31).wrapping_add(usize::from(*byte))
                });
                1_u64.checked_shl(u32::try_from(hash & 63).unwrap_or(0))?
            }
            // Written with escapes it may be any.
            None => u64::MAX,
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
        (self.peek()? == b':').then(|| self.pass())
    }

    /// Passes a string.
    fn string(&mut self) -> Option<Text<'t>> {
        if self.peek()? != b'"' {
            return None;
        }
        self.pass();
        let begin = self.at;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    let (_, len) = unescape(self.text.get(self.at..)?)?;
                    self.at = self.at.saturating_add(len);
                }
                0..=0x1f => return None,
                _ => self.pass(),
            }
        }
        let inner = self.text.get(begin..self.at)?;
        self.pass();
        Some(Text(inner))
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
