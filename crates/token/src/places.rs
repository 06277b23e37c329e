//! Lists of countries as a token has them.

use crate::request::{Area, RequestView};
use crate::text::Text;

/// The longest name of a place in bytes; a longer one is none.
const LONGEST: usize = 8;

/// Whether the client is in one of these countries, which have commas between; None when nobody can say.
pub(crate) fn is_in_one(list: Text<'_>, request: &dyn RequestView) -> Option<bool> {
    request.is_in(Area::Place(""))?;
    let mut bytes = list.bytes().peekable();
    while bytes.peek().is_some() {
        let mut name = [0; LONGEST];
        let mut len = 0_usize;
        for byte in bytes.by_ref().take_while(|byte| *byte != b',') {
            if let Some(slot) = name.get_mut(len) {
                *slot = byte;
            }
            len = len.saturating_add(1);
        }
        let name = name
            .get(..len)
            .and_then(|name| std::str::from_utf8(name).ok());
        if name.is_some_and(|name| request.is_in(Area::Place(name)) == Some(true)) {
            return Some(true);
        }
    }
    Some(false)
}
