//! Keys are compared by words.

use super::{memory, put, remove, route};
use crate::route::Match;
use crate::table::Table;
use crate::table::layout::slot_record;
use std::sync::atomic::Ordering;

/// None may count as another that is longer, shorter or differs in one byte.
#[test]
fn keys_that_differ_little_are_different_keys() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let text = b"abcdefghijklmnopqrstuvwxyz";
    for len in 1..=text.len() {
        let key = &text[..len];
        let name = std::str::from_utf8(key).unwrap();
        put(&table, name, &route(&[1])).unwrap();
        let slots = table.slots_of(0, table.geo.buckets).iter();
        let mut used = slots.map(|slot| slot.load(Ordering::Relaxed));
        let at = slot_record(used.find(|slot| *slot != 0).unwrap());
        assert!(table.record_has_key(at, key));
        assert!(!table.record_has_key(at, &text[..len - 1]));
        assert!(len == text.len() || !table.record_has_key(at, &text[..len + 1]));
        for n in 0..len {
            let mut other = key.to_vec();
            other[n] ^= 1;
            assert!(!table.record_has_key(at, &other), "{len} {n}");
        }
        remove(&table, name).unwrap();
    }
}
