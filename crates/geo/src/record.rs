//! The data section of a MaxMind DB: typed values, maps and pointers.
//!
//! The crate `maxminddb` decodes a record of an address; here a record is read from its offset,
//! without allocating, also for one member only. Every position is checked against the section,
//! so any bytes at all are safe to read.

/// Data values a single walk over one record may touch: far above any real record, and the end
/// of a crafted one.
const WORK: u32 = 1 << 16;

/// The upper bits of a control byte: types.
const POINTER: u8 = 1;
const STRING: u8 = 2;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
/// The lower bits of a control byte: a size, or, where that is not short, what kind of length follows.
const LONGEST: u8 = 0x1f;
const SHORT: u8 = 28;

/// How far it is from a control byte to the next value, for pointers, and for texts and numbers of short length; 0 for
/// what needs a closer look.
static STEPS: [u8; 256] = {
    let mut steps = [0; 256];
    let mut control = 0_u8;
    loop {
        let size = control & LONGEST;
        #[allow(clippy::indexing_slicing)] // in a static: out of bounds is a compile error
        {
            steps[control as usize] = match control >> 5 {
                POINTER => (size >> 3).saturating_add(2),
                STRING | UINT16 | UINT32 if size <= SHORT => size.saturating_add(1),
                _ => 0,
            };
        }
        if control == u8::MAX {
            break steps;
        }
        control = control.saturating_add(1);
    }
};

/// Of pointers by their size: bits of four bytes that are not theirs, bytes behind the control byte, and what the
/// numbers count from.
static POINTERS: [(u32, usize, usize); 4] = [(24, 1, 0), (16, 2, 2048), (8, 3, 526_336), (0, 4, 0)];

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
    /// The types whose number is in a byte of its own, where it counts from 7. A pointer is none of them.
    fn extended(byte: u8) -> Option<Self> {
        Some(match byte.checked_add(7)? {
            8 => Self::Int32,
            9 => Self::Uint64,
            10 => Self::Uint128,
            11 => Self::Array,
            14 => Self::Bool,
            15 => Self::Float,
            7 => Self::Map,
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
    /// The big-endian number in `N` bytes.
    #[inline]
    fn number<const N: usize>(self, at: usize) -> Option<usize> {
        let bytes: &[u8; N] = self.0.get(at..)?.first_chunk()?;
        let number = bytes
            .iter()
            .fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        usize::try_from(number).ok()
    }

    /// The value at an offset; a pointer is returned as such. Scalars are known to fit.
    #[inline]
    pub(super) fn head(self, at: usize) -> Option<Value> {
        let control = *self.0.get(at)?;
        let payload = at.checked_add(1)?;
        match control >> 5 {
            0 => self.extended(control, payload),
            POINTER => self.pointer(control, payload),
            STRING => self.sized(Kind::String, control, payload),
            3 => self.sized(Kind::Double, control, payload),
            4 => self.sized(Kind::Bytes, control, payload),
            UINT16 => self.sized(Kind::Uint16, control, payload),
            UINT32 => self.sized(Kind::Uint32, control, payload),
            _ => self.sized(Kind::Map, control, payload),
        }
    }

    /// A value whose type is in the byte behind the control byte.
    fn extended(self, control: u8, at: usize) -> Option<Value> {
        let kind = Kind::extended(*self.0.get(at)?)?;
        self.sized(kind, control, at.checked_add(1)?)
    }

    #[inline(always)]
    fn sized(self, kind: Kind, control: u8, at: usize) -> Option<Value> {
        let (size, payload) = match control & LONGEST {
            small if small <= SHORT => (usize::from(small), at),
            length => self.long(length, at)?,
        };
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

    /// A size that does not fit into the control byte, and where the payload starts.
    fn long(self, length: u8, at: usize) -> Option<(usize, usize)> {
        let (size, extra) = match length {
            29 => (self.number::<1>(at)?.checked_add(29)?, 1),
            30 => (self.number::<2>(at)?.checked_add(285)?, 2),
            _ => (self.number::<3>(at)?.checked_add(65_821)?, 3),
        };
        Some((size, at.checked_add(extra)?))
    }

    /// A pointer with this control byte, whose other bytes follow: a pointer has up to four, and most often there are as
    /// many bytes left.
    #[inline(always)]
    fn pointer(self, control: u8, at: usize) -> Option<Value> {
        let Some(bytes) = self.0.get(at..).and_then(|rest| rest.first_chunk()) else {
            return self.last_pointer(control, at);
        };
        // Three bits of the control byte stand above the bytes, but where all four are used.
        let number = u64::from(control & 7) << 32 | u64::from(u32::from_be_bytes(*bytes));
        let (unused, count, base) = *POINTERS.get(usize::from(control >> 3 & 3))?;
        let target = number.wrapping_shr(unused) as u32;
        // Far from what would wrap, as all offsets in memory are.
        Some(Value {
            kind: Kind::Pointer,
            size: usize::try_from(target).ok()?.wrapping_add(base),
            payload: at.wrapping_add(count),
        })
    }

    /// The same at the end of the section.
    #[cold]
    fn last_pointer(self, control: u8, at: usize) -> Option<Value> {
        let high = usize::from(control & 7);
        let (target, count) = match (control >> 3) & 3 {
            0 => (high << 8 | self.number::<1>(at)?, 1),
            1 => ((high << 16 | self.number::<2>(at)?).checked_add(2048)?, 2),
            2 => (
                (high << 24 | self.number::<3>(at)?).checked_add(526_336)?,
                3,
            ),
            _ => (self.number::<4>(at)?, 4),
        };
        Some(Value {
            kind: Kind::Pointer,
            size: target,
            payload: at.checked_add(count)?,
        })
    }

    /// The value at an offset, through a pointer if there is one; pointers do not chain.
    #[inline(never)]
    pub(super) fn value(self, at: usize) -> Option<Value> {
        let head = self.head(at)?;
        if head.kind != Kind::Pointer {
            return Some(head);
        }
        self.head(head.size)
            .filter(|target| target.kind != Kind::Pointer)
    }

    /// Where the text of a map's key is, with its control byte, and the offset after the key.
    #[inline(always)]
    fn key_at(self, at: usize) -> Option<(usize, usize)> {
        let control = *self.0.get(at)?;
        match control >> 5 {
            POINTER => {
                let pointer = self.pointer(control, at.wrapping_add(1))?;
                Some((pointer.size, pointer.payload))
            }
            STRING if control & LONGEST <= SHORT => {
                let length = usize::from(control & LONGEST);
                Some((at, at.wrapping_add(1).wrapping_add(length)))
            }
            _ => Some((at, self.long_key(at)?.1)),
        }
    }

    /// The text of a map's key, and the offset after it.
    #[inline]
    fn key(self, at: usize) -> Option<(&'a [u8], usize)> {
        let (place, after) = self.key_at(at)?;
        let control = *self.0.get(place)?;
        let length = control & LONGEST;
        if control >> 5 != STRING || length > SHORT {
            return self.long_key(at);
        }
        let begin = place.wrapping_add(1);
        let text = self.0.get(begin..begin.wrapping_add(usize::from(length)))?;
        Some((text, after))
    }

    /// The same of a key that is no short text.
    #[cold]
    fn long_key(self, at: usize) -> Option<(&'a [u8], usize)> {
        let head = self.head(at)?;
        let text = self.value(at).filter(|text| text.kind == Kind::String)?;
        let after = match head.kind {
            Kind::Pointer => head.payload,
            _ => after(text)?,
        };
        Some((self.bytes(text)?, after))
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
    #[inline]
    fn skip(self, at: usize, work: &mut u32) -> Option<usize> {
        let mut at = at;
        let mut pending = 1usize;
        while pending > 0 {
            *work = work.checked_sub(1)?;
            pending = pending.checked_sub(1)?;
            let control = *self.0.get(at)?;
            // What records are full of is not looked at closely. Where it leads out of the section nothing is read.
            let mut step = STEPS.get(usize::from(control)).map_or(0, |step| *step);
            if step == 0 {
                let size = control & LONGEST;
                if control >> 5 != MAP || size > SHORT {
                    let value = self.head(at)?;
                    pending = pending.checked_add(children(value)?)?;
                    at = after(value)?;
                    continue;
                }
                pending = pending.checked_add(usize::from(size).wrapping_mul(2))?;
                step = 1;
            }
            // `at` is within the section.
            at = at.wrapping_add(usize::from(step));
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

    /// The offset of a map's member: what [`Self::pairs`] finds in a sound file, in a quarter of the time.
    pub(super) fn member(self, map: Value, key: &[u8]) -> Option<usize> {
        if map.kind != Kind::Map {
            return None;
        }
        // There is one way only to write a text. Of most keys the first byte tells that it is another one.
        let control = u8::try_from(key.len()).ok().filter(|len| *len <= SHORT);
        let Some(control) = control.map(|len| STRING << 5 | len) else {
            let found = self.pairs(map).find(|(name, _)| *name == key);
            return found.map(|(_, value)| value);
        };
        let (mut at, mut work) = (map.payload, WORK);
        for _ in 0..map.size {
            let (text, value) = self.key_at(at)?;
            if self.0.get(text) == Some(&control) {
                let text = text.wrapping_add(1);
                if self.0.get(text..text.wrapping_add(key.len())) == Some(key) {
                    return Some(value);
                }
            }
            work = work.checked_sub(1)?;
            at = self.skip(value, &mut work)?;
        }
        None
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

    #[inline]
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
