//! Values that were accepted, and the way from one to the next.

use minicbor::Decoder;
use minicbor::data::Type;

/// A value that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'t>(pub(super) &'t [u8]);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'t> {
    /// A whole number, from -2^64 to 2^64 - 1.
    Int(i128),
    /// Another number.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `null` or `undefined`.
    Null,
    /// A byte string.
    Bytes(&'t [u8]),
    /// A text.
    Text(&'t str),
    /// An array of so many items.
    Array(u64),
    /// A map of so many pairs.
    Map(u64),
    /// A tag of this number; [`Value::tagged`] is its content.
    Tag(u64),
}

impl<'t> Value<'t> {
    /// What it is.
    pub fn item(self) -> Item<'t> {
        // It was accepted: there is always an item.
        item(&mut Decoder::new(self.0)).unwrap_or(Item::Null)
    }

    /// Its bytes.
    pub fn source(self) -> &'t [u8] {
        self.0
    }

    /// A whole number that fits.
    pub fn int(self) -> Option<i64> {
        match self.item() {
            Item::Int(number) => i64::try_from(number).ok(),
            _ => None,
        }
    }

    /// A byte string.
    pub fn bytes(self) -> Option<&'t [u8]> {
        match self.item() {
            Item::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A text.
    pub fn text(self) -> Option<&'t str> {
        match self.item() {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a map.
    pub fn is_map(self) -> bool {
        matches!(self.item(), Item::Map(_))
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        matches!(self.item(), Item::Array(_))
    }

    /// The number of a tag, and its content.
    pub fn tagged(self) -> Option<(u64, Value<'t>)> {
        match self.item() {
            Item::Tag(number) => Some((number, self.inner().value()?)),
            _ => None,
        }
    }

    /// The items of an array, in order; none of anything else.
    pub fn items(self) -> impl Iterator<Item = Value<'t>> {
        let len = match self.item() {
            Item::Array(len) => len,
            _ => 0,
        };
        let mut inner = self.inner();
        (0..len).map_while(move |_| inner.value())
    }

    /// The keys and values of a map, in order; none of anything else.
    pub fn pairs(self) -> impl Iterator<Item = (Value<'t>, Value<'t>)> {
        let len = match self.item() {
            Item::Map(len) => len,
            _ => 0,
        };
        let mut inner = self.inner();
        (0..len).map_while(move |_| Some((inner.value()?, inner.value()?)))
    }

    /// The value of a map under a number.
    pub fn get(self, label: i64) -> Option<Value<'t>> {
        let mut pairs = self.pairs();
        pairs
            .find(|pair| pair.0.int() == Some(label))
            .map(|pair| pair.1)
    }

    /// Whether two keys are one: numbers by their value, everything else by its kind and bytes.
    pub(super) fn is_same_key(self, other: Self) -> bool {
        match (self.item(), other.item()) {
            (Item::Int(one), Item::Int(other)) => one == other,
            (Item::Bytes(one), Item::Bytes(other)) => one == other,
            (Item::Text(one), Item::Text(other)) => one == other,
            (Item::Float(one), Item::Float(other)) => one == other,
            _ => self.0 == other.0,
        }
    }

    /// Behind the head of an array, a map or a tag.
    fn inner(self) -> Walk<'t> {
        let mut input = Decoder::new(self.0);
        let _ = item(&mut input);
        Walk(input)
    }
}

/// A way through the inside of a value.
struct Walk<'t>(Decoder<'t>);

impl<'t> Walk<'t> {
    /// The next value.
    fn value(&mut self) -> Option<Value<'t>> {
        let begin = self.0.position();
        self.0.skip().ok()?;
        let whole = self.0.input().get(begin..self.0.position())?;
        Some(Value(whole))
    }
}

/// Reads the head of an array, a map or a tag, and all of anything else. None: it is cut short, has no length in front, or
/// is a simple value without a meaning.
pub(super) fn item<'t>(input: &mut Decoder<'t>) -> Option<Item<'t>> {
    let found = match input.datatype().ok()? {
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => Item::Int(input.int().ok()?.into()),
        Type::Bytes => Item::Bytes(input.bytes().ok()?),
        Type::String => Item::Text(input.str().ok()?),
        Type::Array => Item::Array(input.array().ok()??),
        Type::Map => Item::Map(input.map().ok()??),
        Type::Tag => Item::Tag(input.tag().ok()?.as_u64()),
        Type::Bool => Item::Bool(input.bool().ok()?),
        Type::Null => input.null().map(|()| Item::Null).ok()?,
        Type::Undefined => input.undefined().map(|()| Item::Null).ok()?,
        Type::F16 => Item::Float(half(input)?),
        Type::F32 => Item::Float(input.f32().ok()?.into()),
        Type::F64 => Item::Float(input.f64().ok()?),
        _ => return None,
    };
    // Neither is a number that JSON, or anybody's clock, has.
    let is_number = !matches!(found, Item::Float(number) if !number.is_finite());
    is_number.then_some(found)
}

/// Reads a number of two bytes (RFC 8949 appendix D).
fn half(input: &mut Decoder<'_>) -> Option<f64> {
    let begin = input.position();
    let end = begin.checked_add(3)?;
    let [_, high, low] = *input.input().get(begin..end)? else {
        return None;
    };
    input.set_position(end);
    let bits = u16::from_be_bytes([high, low]);
    let (exponent, fraction) = ((bits >> 10) & 31, f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (fraction + 1024.0) * 2_f64.powi(i32::from(exponent).checked_sub(25)?),
    };
    Some(if bits >> 15 == 1 { -size } else { size })
}
