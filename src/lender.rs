//! The keys that routes have, lent by the family that has tables to the one that verifies with keys.

use gatehouse_nginx::Request;

/// A table whose routes have keys.
pub(crate) trait Lender {
    /// The table's name.
    fn name(&self) -> &str;

    /// Shows the key called `name` of the route that `host` finds to `see`, once at most; nothing of it is kept.
    fn lend(&self, r: Request<'_>, host: &[u8], name: &str, see: &mut dyn FnMut(&[u8])) -> Lent;
}

/// What came of asking for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lent {
    /// It was shown.
    Shown,
    /// The host has no route, or its route has no such key.
    Nothing,
    /// Memory is short, or the table is broken.
    Failed,
}
