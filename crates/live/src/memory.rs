//! Zones of shared memory.

use std::sync::atomic::AtomicU64;

/// A zone of shared memory, as feeders need it.
pub trait Memory {
    /// The zone's words; None before they are mapped.
    fn words(&self) -> Option<&[AtomicU64]>;

    /// Does something under the zone's lock; false, and nothing is done, when another process has it.
    fn try_locked(&self, work: &mut dyn FnMut()) -> bool;

    /// Bytes of the zone, as it was declared.
    fn size(&self) -> usize;

    /// Bytes of the smallest zone whose number of words is `enough`.
    fn size_for(&self, enough: &dyn Fn(usize) -> bool) -> usize;
}

/// A zone that serves workers of the configuration that runs, while another one takes its place.
pub trait OldZone {
    /// Its words; None if no zone of ours has ever been there.
    fn words(&self) -> Option<&[AtomicU64]>;

    /// Does something under its lock; false, and nothing is done, when another process does not let go of it.
    fn locked(&self, work: &mut dyn FnMut()) -> bool;
}
