//! Where a main request without a record is: that much can be noted without any memory, and for most requests it is all
//! there is to know.

use crate::{Gatehouse, Record};
use gatehouse_nginx::Request;

/// Notes that the request is in no location: nginx has found none since it came to its server.
pub(crate) fn nowhere(r: Request<'_>) {
    r.note::<Gatehouse>(0);
}

/// Notes that it has come to a location without any check, and was in no other kind before; false where it was: then it has a
/// record.
pub(crate) fn unchecked(r: Request<'_>) -> bool {
    r.note_without_record::<Gatehouse>(r.changes_left().saturating_add(1))
}

/// What a number says: [`Request::changes_left`] when the request came to its location, which has no check; None where it is
/// in none. A request begins with 0.
pub(crate) fn changes_left(number: u8) -> Option<u8> {
    number.checked_sub(1)
}

/// Whether the request is in a location without any check, or `redirects` ago was.
pub(crate) fn is_unchecked(r: Request<'_>, redirects: u8) -> bool {
    let changes_left = changes_left(r.noted::<Gatehouse>());
    changes_left.is_some_and(|left| !is_sent_on(r, left, redirects))
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
