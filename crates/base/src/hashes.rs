//! A large set in many small ones.

use memmap2::MmapMut;
use std::hash::{BuildHasher, RandomState};

/// A set of hashes, of which 104 bits count, each with a tag. It is kept as many small sets, so that it never takes long
/// to grow, and it can be freed a part at a time.
#[derive(Debug)]
pub struct HashShards {
    shards: Vec<Shard>,
}

/// One of the small sets: the hashes themselves, each at the first free slot from its own on; 0 is a free one. Above a
/// hash is its tag.
#[derive(Debug, Default)]
struct Shard {
    slots: Slots,
    len: usize,
}

/// Memory of a shard. It is mapped, not allocated: an allocator keeps what is freed, or gives much of it back at once.
#[derive(Debug)]
enum Slots {
    Mapped(MmapMut),
    /// Where nothing can be mapped, and before there is anything.
    Allocated(Vec<u128>),
}

const SHARDS: usize = 256;

/// Bits of a hash that count.
const HASH_BITS: u32 = 104;
const HASH: u128 = (1 << HASH_BITS) - 1;
/// The highest tag.
const TAGS: u32 = u32::MAX >> 8;

/// Slots of a shard at first: one page.
const FEW: usize = 256;

impl Default for HashShards {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
        }
    }
}

impl HashShards {
    fn shard(hash: u128) -> usize {
        usize::from(hash.to_le_bytes()[0])
    }

    /// Adds a hash; false when it was there.
    pub fn insert(&mut self, hash: u128) -> bool {
        self.insert_tagged(hash, 0).is_ok()
    }

    /// Adds a hash with a tag of 24 bits.
    ///
    /// # Errors
    /// It was there: with this tag.
    pub fn insert_tagged(&mut self, hash: u128, tag: u32) -> Result<(), u32> {
        let shard = self.shards.get_mut(Self::shard(hash));
        let tagged = (hash & HASH).max(1) | u128::from(tag.min(TAGS)) << HASH_BITS;
        // Where everything is freed, nothing can be added.
        shard.map_or(Err(0), |shard| shard.insert(tagged))
    }

    /// Whether a hash is in it.
    pub fn contains(&self, hash: u128) -> bool {
        let shard = self.shards.get(Self::shard(hash));
        shard.is_some_and(|shard| shard.contains((hash & HASH).max(1)))
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // for figures
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len).sum()
    }

    /// Frees a part of the memory; false when there is none left.
    pub fn shrink(&mut self) -> bool {
        self.shards.pop().is_some()
    }
}

impl Shard {
    fn insert(&mut self, tagged: u128) -> Result<(), u32> {
        // Never fuller than three quarters: a search ends soon at a free slot.
        let count = self.slots.as_slice().len();
        if self.len >= count.saturating_sub(count / 4) {
            self.grow(count.saturating_mul(2).max(FEW));
        }
        put(self.slots.as_mut_slice(), tagged)?;
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    fn grow(&mut self, count: usize) {
        let mut slots = Slots::new(count);
        let hashes = self.slots.as_slice().iter().filter(|hash| **hash != 0);
        for hash in hashes {
            // They differ from each other, and there is room.
            let _ = put(slots.as_mut_slice(), *hash);
        }
        self.slots = slots;
    }

    fn contains(&self, hash: u128) -> bool {
        let slots = self.slots.as_slice();
        let slot = find(slots, hash).and_then(|at| slots.get(at));
        slot.is_some_and(|slot| slot & HASH == hash)
    }
}

/// Puts a hash among others; gives the tag of the same hash that is there (a caller makes room before).
fn put(slots: &mut [u128], tagged: u128) -> Result<(), u32> {
    let slot = find(slots, tagged & HASH).and_then(|at| slots.get_mut(at));
    match slot {
        Some(slot) if *slot == 0 => {
            *slot = tagged;
            Ok(())
        }
        Some(slot) => Err((*slot >> HASH_BITS) as u32),
        None => Err(0),
    }
}

/// The slot that has a hash, or the free one for it. The number of slots is a power of two.
fn find(slots: &[u128], hash: u128) -> Option<usize> {
    let mask = slots.len().checked_sub(1)?;
    // The lowest byte has chosen the shard.
    let first = (hash >> 8) as usize;
    let at = |step: usize| first.wrapping_add(step) & mask;
    let fits = |at: &usize| slots.get(*at).is_some_and(|s| *s & HASH == hash || *s == 0);
    (0..slots.len()).map(at).find(fits)
}

impl Default for Slots {
    fn default() -> Self {
        Self::Allocated(Vec::new())
    }
}

impl Slots {
    fn new(count: usize) -> Self {
        match MmapMut::map_anon(count.saturating_mul(size_of::<u128>())) {
            Ok(map) => Self::Mapped(map),
            Err(_) => Self::Allocated(vec![0; count]),
        }
    }

    fn as_slice(&self) -> &[u128] {
        match self {
            Self::Mapped(map) => bytemuck::cast_slice(map),
            Self::Allocated(slots) => slots,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [u128] {
        match self {
            Self::Mapped(map) => bytemuck::cast_slice_mut(map),
            Self::Allocated(slots) => slots,
        }
    }
}

/// Hashes to 128 bits with random keys: two texts of one hash are not to be found, by chance or on purpose.
#[derive(Clone, Debug, Default)]
pub struct Hash128([RandomState; 2]);

impl Hash128 {
    /// The hash of some bytes.
    pub fn of(&self, bytes: &[u8]) -> u128 {
        let [high, low] = self.0.each_ref().map(|state| state.hash_one(bytes));
        u128::from(high) << 64 | u128::from(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn it_is_a_set_and_can_be_freed_in_parts() {
        let (mut set, hash) = (HashShards::default(), Hash128::default());
        for n in 0..300_000_u32 {
            assert!(set.insert(hash.of(&n.to_le_bytes())), "{n}");
        }
        for n in 0..600_000_u32 {
            let known = set.contains(hash.of(&n.to_le_bytes()));
            assert_eq!(known, n < 300_000, "{n}");
        }
        assert!(!set.insert(hash.of(&7_u32.to_le_bytes())));
        assert_eq!(set.len(), 300_000);
        let mut parts = 0;
        while set.shrink() {
            parts += 1;
        }
        assert_eq!((parts, set.len()), (SHARDS, 0));
        assert!(!set.contains(1) && !set.insert(1), "freed");
    }

    #[test]
    fn hashes_are_spread() {
        let (mut set, hash) = (HashShards::default(), Hash128::default());
        let mut seen = 0;
        for n in 0..1_000_u32 {
            let hash = hash.of(&n.to_le_bytes());
            seen |= hash;
            set.insert(hash);
        }
        assert_eq!(seen, u128::MAX, "each bit is of use");
        let used = set.shards.iter().filter(|shard| shard.len > 0).count();
        assert!(used > SHARDS / 2, "{used}");
    }

    #[test]
    fn a_shard_is_never_full() {
        let mut set = HashShards::default();
        for n in 1..10_000 {
            set.insert(n << 8);
            let (len, room) = (set.shards[0].len, set.shards[0].slots.as_slice().len());
            assert!(len * 4 <= room * 3, "{len} of {room}");
        }
    }

    #[test]
    fn a_hash_that_comes_twice_gives_the_tag_of_the_first() {
        let mut set = HashShards::default();
        assert_eq!(set.insert_tagged(7 << 20, 3), Ok(()));
        for n in 0..1_000 {
            assert_eq!(set.insert_tagged(n << 8, u32::MAX), Ok(()));
        }
        assert_eq!(set.insert_tagged(7 << 20, 5), Err(3));
        assert_eq!(set.insert_tagged(999 << 8, 1), Err(TAGS));
        assert!(set.contains(7 << 20) && !set.insert(7 << 20));
        assert_eq!(set.len(), 1_001);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn it_behaves_as_a_set(hashes in prop::collection::vec(0..2_000_u128, 0..3_000)) {
            let (mut set, mut model) = (HashShards::default(), HashSet::new());
            for hash in hashes {
                // Many in one shard, many that want the same slot.
                let hash = (hash / 10) << 32 | (hash % 10) << 8 | 7;
                prop_assert_eq!(set.contains(hash), model.contains(&hash));
                prop_assert_eq!(set.insert(hash), model.insert(hash));
            }
            prop_assert_eq!(set.len(), model.len());
        }
    }
}
