//! Where a main request without a record is: that much can be noted without any memory, and for most requests it is all
//! there is to know.

use crate::Gatehouse;
use gatehouse_nginx::Request;

/// What is noted, as a number. A request begins with 0.
const IN_SERVER: u8 = 1;
const UNCHECKED: u8 = 2;

/// How far a request has come of which nothing else is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It has not come to a server yet.
    Nowhere,
    /// It is in a server, and nginx has found no location since it came there.
    InServer,
    /// It is in a location without any check, and was in no other kind before.
    Unchecked,
}

impl Noted {
    /// What a number says.
    pub(crate) fn of(number: u8) -> Self {
        match number {
            IN_SERVER => Self::InServer,
            UNCHECKED => Self::Unchecked,
            _ => Self::Nowhere,
        }
    }

    /// What is noted of a request.
    pub(crate) fn with(r: Request<'_>) -> Self {
        Self::of(r.noted::<Gatehouse>())
    }

    /// Notes it.
    pub(crate) fn note(self, r: Request<'_>) {
        r.note::<Gatehouse>(match self {
            Self::Nowhere => 0,
            Self::InServer => IN_SERVER,
            Self::Unchecked => UNCHECKED,
        });
    }
}
