//! The election: which worker keeps a zone current.

use gatehouse_table::table::{Candidate, Lease};

/// A zone whose leader is elected.
pub trait Seat {
    /// The lease in the zone; None before the zone is mapped.
    fn lease(&self) -> Option<Lease<'_>>;

    /// Does something under the zone's lock; false, and nothing is done, when another process has it.
    fn try_locked(&self, work: &mut dyn FnMut()) -> bool;
}

/// Stands for election: whether this process leads. The lease changes hands under the zone's lock only, so whoever gets
/// it knows that the leader before is not in the middle of a change.
pub(crate) fn stand(seat: &dyn Seat, who: Candidate, now_ms: u64) -> bool {
    let Some(lease) = seat.lease() else {
        return false;
    };
    if lease.is_held(who) {
        return lease.acquire(who, now_ms);
    }
    let mut elected = false;
    if lease.is_open(who, now_ms) {
        seat.try_locked(&mut || elected = lease.acquire(who, now_ms));
    }
    elected
}

/// Gives the lease up, so that another worker is elected at once.
pub(crate) fn resign(seat: &dyn Seat, who: Candidate) {
    if let Some(lease) = seat.lease() {
        lease.release(who);
    }
}
