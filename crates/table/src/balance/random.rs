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

#[cfg(test)]
mod tests {
    use super::Random;
    use std::collections::BTreeSet;

    #[test]
    fn a_sequence_is_xorshift64s() {
        let random = Random::of(1);
        let three = [random.next(), random.next(), random.next()];
        let known = [
            0x47e4_ce4b_896c_dd1d,
            0xabcf_a6a8_e079_651d,
            0xb9d1_0d8f_eb73_1f57,
        ];
        assert_eq!(three, known);
    }

    #[test]
    fn each_begins_elsewhere() {
        let firsts: BTreeSet<u64> = (0..8).map(|_| Random::default().next()).collect();
        assert_eq!(firsts.len(), 8);
    }
}
