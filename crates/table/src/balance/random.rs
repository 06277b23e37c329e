//! Random bits for balancing: quick, and good for nothing else.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// A process's own sequence, which begins when it is first asked: behind nginx's fork.
#[derive(Debug, Default)]
pub struct Random(Cell<u64>);

impl Random {
    /// The next 64 bits: xorshift64*, of Vigna's "An experimental exploration of Marsaglia's xorshift generators".
    pub(super) fn next(&self) -> u64 {
        let mut state = self.0.get();
        if state == 0 {
            // 0 is the only state that the sequence does not leave. Processes of one fork may have one RandomState.
            state = RandomState::new().hash_one(std::process::id()) | 1;
        }
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.0.set(state);
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    #[cfg(test)]
    pub(crate) fn of(seed: u64) -> Self {
        Self(Cell::new(seed))
    }
}
