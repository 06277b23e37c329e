//! Where a main request without a record is: that much can be noted without any memory, and for most requests it is all
//! there is to know.

use crate::{Gatehouse, Record};
use gatehouse_nginx::Request;

/// What is noted, as a number. A request begins with 0. Behind two bits for the kind stands what there is to say of it.
const IN_SERVER: u8 = 1;
const UNCHECKED: u8 = 2;
const KINDS: u8 = 4;

/// How far a request has come of which nothing else is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It has not come to a server yet.
    Nowhere,
    /// It is in a server, and nginx has found no location since it came there.
    InServer,
    /// It came to a location without any check, and was in no other kind before.
    Unchecked {
        /// [`Request::changes_left`] as it was there.
        changes_left: u8,
    },
}

impl Noted {
    /// What a number says.
    pub(crate) fn of(number: u8) -> Self {
        match number % KINDS {
            IN_SERVER => Self::InServer,
            UNCHECKED => Self::Unchecked {
                changes_left: number / KINDS,
            },
            _ => Self::Nowhere,
        }
    }

    /// Notes that the request has come to a server.
    pub(crate) fn in_server(r: Request<'_>) {
        r.note::<Gatehouse>(IN_SERVER);
    }

    /// Notes that it has come to a location without any check.
    pub(crate) fn unchecked(r: Request<'_>) {
        let changes_left = r.changes_left();
        r.note::<Gatehouse>(changes_left.saturating_mul(KINDS).saturating_add(UNCHECKED));
    }

    /// Whether the request is in a location without any check, or `redirects` ago was.
    pub(crate) fn is_unchecked(r: Request<'_>, redirects: u8) -> bool {
        match Self::of(r.noted::<Gatehouse>()) {
            Self::Unchecked { changes_left } => !is_sent_on(r, changes_left, redirects),
            _ => false,
        }
    }
}

/// Whether a request has left the location where it had so many changes left otherwise than by these redirects. nginx refuses
/// some of those that `rewrite … last` sends on (413), when it has found their location and before anybody sees them there.
fn is_sent_on(r: Request<'_>, changes_left: u8, redirects: u8) -> bool {
    changes_left != r.changes_left().saturating_add(redirects)
}

/// Forgets in which location the request is, or `redirects` ago was, where it had been sent on to one that it has not come to.
pub(crate) fn lose_place(r: Request<'_>, record: &Record<'_>, redirects: u8) {
    let changes_left = record.changes_left.get();
    if changes_left.is_some_and(|left| is_sent_on(r, left, redirects)) {
        record.changes_left.set(None);
        record.refusal.lose_place();
        record.token.lose_place();
    }
}
