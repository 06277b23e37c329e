//! Where clients are, told by the family that has databases to the one that judges tokens.

use gatehouse_nginx::Request;

/// Who can say where a client is. Each gives None where no database has such a thing.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    /// Whether it is in a country or a part of one (ISO 3166: `DE`, `US-CA`).
    pub place: fn(Request<'_>, &str) -> Option<bool>,
    /// Whether it is in the autonomous system of this number.
    pub network: fn(Request<'_>, u32) -> Option<bool>,
}
