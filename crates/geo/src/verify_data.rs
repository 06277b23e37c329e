//! The check of the data section: everything that tree records lead to, each value once.

use super::database::{Error, invalid};
use super::record::{Kind, Section, Value, after, children};
use gatehouse_base::memory::free_part;

/// How deep values may nest, pointers counted: real records have four or five levels.
const MAX_DEPTH: usize = 128;

/// Values visited and string bytes read, per byte of data: every value is checked once, so only
/// crafted records that overlap need more.
const WORK_PER_BYTE: u64 = 8;

/// A check under way: [`DataCheck::start`] a record, then `step` while it is busy.
#[derive(Debug)]
pub(super) struct DataCheck {
    done: Bits,
    /// Targets being looked through: a pointer back to one of them is a loop.
    active: Bits,
    levels: Vec<Level>,
    work: u64,
}

/// A container, or the target of a record or pointer, being looked through.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// The next value inside.
    at: usize,
    /// Values still to come; in a map keys and values alternate, so an even number means a key.
    left: usize,
    is_map: bool,
    /// For a target its offset; `None` for a container, which the values after it follow.
    target: Option<usize>,
}

impl DataCheck {
    pub(super) fn new(length: usize) -> Self {
        let work = u64::try_from(length)
            .unwrap_or(u64::MAX)
            .saturating_mul(WORK_PER_BYTE);
        Self {
            done: Bits::new(length),
            active: Bits::new(length),
            levels: Vec::new(),
            work,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.levels.is_empty()
    }

    /// Frees a part of the memory; false when there is none left.
    pub(super) fn shrink(&mut self) -> bool {
        let (done, active) = (self.done.shrink(), self.active.shrink());
        done | active
    }

    /// Begins with the value at an offset, unless it is known to be good.
    pub(super) fn start(&mut self, offset: usize) -> Result<(), Error> {
        if self.done.get(offset) {
            return Ok(());
        }
        if self.active.get(offset) {
            return Err(fault("a pointer loops", offset));
        }
        self.active.set(offset, true);
        self.push(Level {
            at: offset,
            left: 1,
            is_map: false,
            target: Some(offset),
        })
    }

    /// Looks at one value.
    pub(super) fn step(&mut self, section: Section<'_>) -> Result<(), Error> {
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        if level.left == 0 {
            self.pop();
            return Ok(());
        }
        let here = level.at;
        let is_key = level.is_map && level.left % 2 == 0;
        let value = section
            .head(here)
            .ok_or_else(|| fault("unreadable value", here))?;
        level.at = after(value).ok_or_else(|| fault("unreadable value", here))?;
        level.left = level.left.saturating_sub(1);
        self.charge(1, here)?;
        if is_key {
            self.check_key(section, value, here)
        } else {
            self.check_value(section, value, here)
        }
    }

    fn check_key(&mut self, section: Section<'_>, key: Value, here: usize) -> Result<(), Error> {
        let string = if key.kind == Kind::Pointer {
            section.head(key.size)
        } else {
            Some(key)
        };
        match string {
            Some(string) if string.kind == Kind::String => self.check_string(section, string, here),
            _ => Err(fault("a map's key is no string", here)),
        }
    }

    fn check_value(
        &mut self,
        section: Section<'_>,
        value: Value,
        here: usize,
    ) -> Result<(), Error> {
        match value.kind {
            Kind::String => self.check_string(section, value, here),
            Kind::Map | Kind::Array => {
                let left = children(value).ok_or_else(|| fault("unreadable value", here))?;
                self.push(Level {
                    at: value.payload,
                    left,
                    is_map: value.kind == Kind::Map,
                    target: None,
                })
            }
            Kind::Pointer => match section.head(value.size) {
                Some(target) if target.kind != Kind::Pointer => self.start(value.size),
                _ => Err(fault("a pointer leads to no value", here)),
            },
            _ => Ok(()),
        }
    }

    fn check_string(
        &mut self,
        section: Section<'_>,
        string: Value,
        here: usize,
    ) -> Result<(), Error> {
        let bytes = section
            .bytes(string)
            .ok_or_else(|| fault("unreadable value", here))?;
        self.charge(string.size, here)?;
        std::str::from_utf8(bytes)
            .map(|_| ())
            .map_err(|_| fault("a string is not UTF-8", here))
    }

    fn charge(&mut self, work: usize, here: usize) -> Result<(), Error> {
        let left = u64::try_from(work)
            .ok()
            .and_then(|work| self.work.checked_sub(work));
        self.work = left.ok_or_else(|| fault("records overlap too much", here))?;
        Ok(())
    }

    fn push(&mut self, level: Level) -> Result<(), Error> {
        if self.levels.len() >= MAX_DEPTH {
            return Err(fault("values nest too deep", level.at));
        }
        self.levels.push(level);
        Ok(())
    }

    fn pop(&mut self) {
        let Some(level) = self.levels.pop() else {
            return;
        };
        match level.target {
            Some(offset) => {
                self.active.set(offset, false);
                self.done.set(offset, true);
            }
            None => {
                if let Some(parent) = self.levels.last_mut() {
                    parent.at = level.at;
                }
            }
        }
    }
}

fn fault(what: &str, offset: usize) -> Error {
    invalid(&format!("{what} at offset {offset} of the data"))
}

/// A set of offsets below a length; those beyond it are never in it.
#[derive(Debug)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(length: usize) -> Self {
        Self(vec![0; length.div_ceil(64)])
    }

    pub(super) fn get(&self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    pub(super) fn set(&mut self, index: usize, on: bool) {
        if let Some(word) = self.0.get_mut(index / 64) {
            let bit = 1 << (index % 64);
            *word = if on { *word | bit } else { *word & !bit };
        }
    }

    /// Frees a part of the memory; false when there is none left.
    pub(super) fn shrink(&mut self) -> bool {
        free_part(&mut self.0)
    }
}
