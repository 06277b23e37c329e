//! Who takes what is read from a file of routes.

use super::error::At;
use super::json::{self, Json};
use super::{Key, Route, RouteError};

/// One route of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key in normal form.
    pub key: Key,
    /// The route.
    pub route: Route,
    /// Where it stands in the file (JSON pointer): put before the pointer of a later error, see [`RouteError::below`].
    pub pointer: String,
}

/// Takes each member below the routes.
pub(super) trait Take {
    /// Whether this text of a member is known, so that it need not be parsed.
    fn knows(&mut self, key: &Key, text: &[u8]) -> bool;

    /// Takes one, with its pointer.
    fn take(&mut self, key: Key, json: Json, pointer: String) -> Result<(), RouteError>;
}

/// Takes each route of a file; its error ends the reading.
pub type Sink<'f> = dyn FnMut(Entry) -> Result<(), RouteError> + 'f;

/// Takes each route of a file that it does not know.
pub trait Reads {
    /// Whether the route of this text is known: nothing is made of it then. It was read once from this very text.
    fn knows(&mut self, key: &Key, text: &[u8]) -> bool;

    /// Takes a route, right after [`Reads::knows`] said no.
    ///
    /// # Errors
    /// Its error ends the reading.
    fn take(&mut self, entry: Entry) -> Result<(), RouteError>;
}

/// Who knows nothing.
pub(super) struct All<'s, 'f>(pub(super) &'s mut Sink<'f>);

impl Reads for All<'_, '_> {
    fn knows(&mut self, _: &Key, _: &[u8]) -> bool {
        false
    }

    fn take(&mut self, entry: Entry) -> Result<(), RouteError> {
        self.0(entry)
    }
}

/// Makes routes of members.
pub(super) struct Routes<'r, R: ?Sized>(pub(super) &'r mut R);

impl<R: Reads + ?Sized> Take for Routes<'_, R> {
    fn knows(&mut self, key: &Key, text: &[u8]) -> bool {
        self.0.knows(key, text)
    }

    fn take(&mut self, key: Key, json: Json, pointer: String) -> Result<(), RouteError> {
        let route = json::route(json, At::Top(&pointer))?;
        self.0.take(Entry {
            key,
            route,
            pointer,
        })
    }
}
