//! The data section of a MaxMind DB: typed values, maps and pointers.
//!
//! The crate `maxminddb` decodes a record of an address; here a record is read from its offset,
//! without allocating, also for one member only. Every position is checked against the section,
//! so any bytes at all are safe to read.

/// Data values a single walk over one record may touch: far above any real record, and the end
/// of a crafted one.
const WORK: u32 = 1 << 16;

/// The data section: the offsets of tree records and pointers count from its start.
#[derive(Clone, Copy)]
pub(super) struct Section<'a>(pub(super) &'a [u8]);

/// The type of a value, with the numbers of the format's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pointer,
    String,
    Double,
    Bytes,
    Uint16,
    Uint32,
    Map,
    Int32,
    Uint64,
    Uint128,
    Array,
    Bool,
    Float,
}

impl Kind {
    fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Pointer,
            2 => Self::String,
            3 => Self::Double,
            4 => Self::Bytes,
            5 => Self::Uint16,
            6 => Self::Uint32,
            7 => Self::Map,
            8 => Self::Int32,
            9 => Self::Uint64,
            10 => Self::Uint128,
            11 => Self::Array,
            14 => Self::Bool,
            15 => Self::Float,
            _ => return None,
        })
    }

    /// Whether a value of this type may claim that size.
    fn allows(self, size: usize) -> bool {
        match self {
            Self::Double => size == 8,
            Self::Float => size == 4,
            Self::Uint16 => size <= 2,
            Self::Uint32 | Self::Int32 => size <= 4,
            Self::Uint64 => size <= 8,
            Self::Uint128 => size <= 16,
            Self::Bool => size <= 1,
            Self::Pointer | Self::String | Self::Bytes | Self::Map | Self::Array => true,
        }
    }
}

/// A value's control bytes, understood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) kind: Kind,
    /// Bytes of a scalar, pairs of a map, elements of an array, the value of a boolean;
    /// for a pointer the offset it points to.
    pub(super) size: usize,
    /// Where the payload starts: the bytes, or the first member; for a pointer the offset after it.
    pub(super) payload: usize,
}

impl<'a> Section<'a> {
    fn byte(self, at: usize) -> Option<usize> {
        self.0.get(at).copied().map(usize::from)
    }

    /// The big-endian number in `count` bytes.
    fn number(self, at: usize, count: usize) -> Option<usize> {
        let bytes = self.0.get(at..at.checked_add(count)?)?;
        bytes.iter().try_fold(0usize, |sum, byte| {
            sum.checked_mul(256)?.checked_add(usize::from(*byte))
        })
    }

    /// The value at an offset; a pointer is returned as such. Scalars are known to fit.
    pub(super) fn head(self, at: usize) -> Option<Value> {
        let control = self.byte(at)?;
        let mut payload = at.checked_add(1)?;
        if control >> 5 == 1 {
            return self.pointer(control, payload);
        }
        let mut number = control >> 5;
        if number == 0 {
            number = self.byte(payload)?.checked_add(7)?;
            payload = payload.checked_add(1)?;
        }
        let kind = Kind::from_number(u16::try_from(number).ok()?)?;
        if kind == Kind::Pointer {
            return None;
        }
        let (size, extra) = match control & 0x1f {
            29 => (self.number(payload, 1)?.checked_add(29)?, 1),
            30 => (self.number(payload, 2)?.checked_add(285)?, 2),
            31 => (self.number(payload, 3)?.checked_add(65_821)?, 3),
            small => (small, 0),
        };
        payload = payload.checked_add(extra)?;
        let fits = match kind {
            Kind::Map | Kind::Array | Kind::Bool | Kind::Pointer => true,
            _ => payload.checked_add(size)? <= self.0.len(),
        };
        (fits && kind.allows(size)).then_some(Value {
            kind,
            size,
            payload,
        })
    }

    fn pointer(self, control: usize, at: usize) -> Option<Value> {
        let high = control & 7;
        let count = ((control >> 3) & 3).checked_add(1)?;
        let low = self.number(at, count)?;
        let target = match count {
            1 => (high << 8) | low,
            2 => ((high << 16) | low).checked_add(2048)?,
            3 => ((high << 24) | low).checked_add(526_336)?,
            _ => low,
        };
        let payload = at.checked_add(count)?;
        Some(Value {
            kind: Kind::Pointer,
            size: target,
            payload,
        })
    }

    /// The value at an offset, through a pointer if there is one; pointers do not chain.
    pub(super) fn value(self, at: usize) -> Option<Value> {
        let head = self.head(at)?;
        if head.kind != Kind::Pointer {
            return Some(head);
        }
        self.head(head.size)
            .filter(|target| target.kind != Kind::Pointer)
    }

    /// The text of a map's key, and the offset after it.
    fn key(self, at: usize) -> Option<(&'a [u8], usize)> {
        let head = self.head(at)?;
        let text = match head.kind {
            Kind::String => head,
            Kind::Pointer => self
                .head(head.size)
                .filter(|text| text.kind == Kind::String)?,
            _ => return None,
        };
        Some((self.bytes(text)?, after(head)?))
    }

    /// The bytes of a string or of a scalar.
    pub(super) fn bytes(self, value: Value) -> Option<&'a [u8]> {
        self.0
            .get(value.payload..value.payload.checked_add(value.size)?)
    }

    /// An unsigned number of up to 16 bytes.
    pub(super) fn unsigned(self, value: Value) -> Option<u128> {
        let bytes = self.bytes(value).filter(|bytes| bytes.len() <= 16)?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, byte| (sum << 8) | u128::from(*byte)),
        )
    }

    /// The offset after a value, which is not followed if it is a pointer.
    fn skip(self, at: usize, work: &mut u32) -> Option<usize> {
        let mut at = at;
        let mut pending = 1usize;
        while pending > 0 {
            *work = work.checked_sub(1)?;
            let value = self.head(at)?;
            pending = pending.checked_sub(1)?.checked_add(children(value)?)?;
            at = after(value)?;
        }
        Some(at)
    }

    /// The pairs of a map: key and offset of the value. Ends early where the bytes make no sense.
    pub(super) fn pairs(self, map: Value) -> Pairs<'a> {
        let left = if map.kind == Kind::Map { map.size } else { 0 };
        Pairs {
            section: self,
            at: map.payload,
            has_begun: false,
            left,
            work: WORK,
        }
    }

    /// The offset of a map's member.
    pub(super) fn member(self, map: Value, key: &[u8]) -> Option<usize> {
        self.pairs(map)
            .find(|(name, _)| *name == key)
            .map(|(_, at)| at)
    }

    /// The offsets of an array's elements. Ends early where the bytes make no sense.
    pub(super) fn elements(self, array: Value) -> impl Iterator<Item = usize> {
        let count = if array.kind == Kind::Array {
            array.size
        } else {
            0
        };
        let (mut next, mut work) = (Some(array.payload), WORK);
        (0..count).map_while(move |index| {
            let at = next?;
            // The last element need not be skipped.
            next = if index.checked_add(1)? < count {
                self.skip(at, &mut work)
            } else {
                None
            };
            Some(at)
        })
    }

    /// The offset of an array's element.
    pub(super) fn element(self, array: Value, index: usize) -> Option<usize> {
        self.elements(array).nth(index)
    }

    /// A signed number, whose missing bytes are zero.
    pub(super) fn signed(self, value: Value) -> Option<i32> {
        let bits = u32::try_from(self.unsigned(value)?).ok()?;
        Some(i32::from_be_bytes(bits.to_be_bytes()))
    }

    pub(super) fn double(self, value: Value) -> Option<f64> {
        Some(f64::from_be_bytes(self.bytes(value)?.try_into().ok()?))
    }

    pub(super) fn float(self, value: Value) -> Option<f32> {
        Some(f32::from_be_bytes(self.bytes(value)?.try_into().ok()?))
    }
}

/// How many values follow inside this one.
pub(super) fn children(value: Value) -> Option<usize> {
    match value.kind {
        Kind::Map => value.size.checked_mul(2),
        Kind::Array => Some(value.size),
        _ => Some(0),
    }
}

/// Where the next value starts: the first one inside, or the one after a scalar.
pub(super) fn after(value: Value) -> Option<usize> {
    match value.kind {
        Kind::Map | Kind::Array | Kind::Bool | Kind::Pointer => Some(value.payload),
        _ => value.payload.checked_add(value.size),
    }
}

/// See [`Section::pairs`].
pub(super) struct Pairs<'a> {
    section: Section<'a>,
    /// Where the next pair is; once `has_begun`, where the value is that stands before it. It is skipped only when the
    /// next pair is asked for: most walks end at the pair they look for.
    at: usize,
    has_begun: bool,
    left: usize,
    work: u32,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], usize);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let section = self.section;
        if self.has_begun {
            self.at = section.skip(self.at, &mut self.work)?;
        }
        self.work = self.work.checked_sub(1)?;
        let (key, value) = section.key(self.at)?;
        (self.at, self.has_begun) = (value, true);
        Some((key, value))
    }
}
