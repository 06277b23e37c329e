//! A worker's memo of records: a known record decodes nothing.

use super::database::Database;
use super::facts::Facts;

/// Entries; a power of two. Records of a country database number a few hundred.
const ENTRIES: usize = 4096;
/// What is left of 32 bits is an entry's number.
const SHIFT: u32 = u32::BITS - ENTRIES.trailing_zeros();

/// Facts by record, for one database: each record has one place in the table, and the last one
/// read holds it.
#[derive(Debug)]
pub struct FactsCache(Box<[Entry]>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    generation: u32,
    offset: u32,
    facts: Facts,
}

impl Entry {
    /// The facts of no record: [`Facts::found`] is never false in a used entry.
    const EMPTY: Self = Self {
        generation: 0,
        offset: 0,
        facts: Facts::UNKNOWN,
    };
}

impl FactsCache {
    /// An empty memo of about 64 KiB.
    pub fn new() -> Self {
        Self(vec![Entry::EMPTY; ENTRIES].into_boxed_slice())
    }

    /// What the record at an offset says, decoded only when it is not known. `generation` is
    /// another one for every content the database ever has.
    #[inline]
    pub fn facts<S: AsRef<[u8]>>(
        &mut self,
        generation: u32,
        database: &Database<S>,
        offset: u32,
    ) -> Facts {
        let Some(entry) = self.0.get_mut(place(offset)) else {
            return database.facts(offset);
        };
        if entry.offset != offset || entry.generation != generation || !entry.facts.found {
            *entry = Entry {
                generation,
                offset,
                facts: database.facts(offset),
            };
        }
        entry.facts
    }
}

impl Default for FactsCache {
    fn default() -> Self {
        Self::new()
    }
}

/// Offsets differ in their low bits first, but not evenly: a multiplication spreads them.
#[inline]
fn place(offset: u32) -> usize {
    let spread = offset.wrapping_mul(0x9e37_79b1) >> SHIFT;
    usize::try_from(spread).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{ENTRIES, place};

    #[test]
    fn records_are_spread_over_all_entries() {
        // As far apart as records of a database are.
        let places = (0..20_000u32).map(|record| place(record * 37));
        let used: std::collections::HashSet<usize> = places.collect();
        assert_eq!(used.len(), ENTRIES);
        assert!(used.iter().all(|place| *place < ENTRIES));
    }
}
