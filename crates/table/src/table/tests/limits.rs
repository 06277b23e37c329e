//! What a record holds at most, and keys that share what tells others apart.

use super::super::encode::encode;
use super::super::layout::slot_tag_is;
use super::super::record::{AttachedRef, MAX_ATTACHED, PeerSlot};
use super::{audit, find, key, memory, put, remove, route};
use crate::route::{Match, Resolved};
use crate::table::{Applied, ApplyError, Demand, LayoutError, LookupError, Owner, Table, TooSmall};
use std::collections::HashMap;

/// Whether a record takes a key of so many bytes, with an id, so many backends, a variable of so many bytes and blocks.
fn fits(key: usize, id: usize, backends: u32, variable: usize, blocks: usize) -> bool {
    let backends: Vec<u32> = (0..backends).collect();
    let id = "i".repeat(id);
    let value = "v".repeat(variable);
    let mut full = Resolved {
        id: &id,
        ..route(&backends)
    };
    if variable > 0 {
        full.vars = vec![("n", &value)];
    }
    let slots = vec![PeerSlot::NOWHERE; backends.len()];
    let blocks = vec![AttachedRef::from_words(0, 0); blocks];
    encode(&vec![b'k'; key], Owner::File, &full, &slots, &blocks).is_some()
}

#[test]
fn each_limit_of_a_record_holds_alone() {
    assert!(fits(2047, 0, 1, 0, 0) && !fits(2048, 0, 1, 0, 0));
    assert!(fits(1, 255, 1, 0, 0) && !fits(1, 256, 1, 0, 0));
    assert!(fits(1, 0, 500, 0, 0) && !fits(1, 0, 512, 0, 0));
    assert!(fits(1, 0, 1, 8000, 0) && !fits(1, 0, 1, 8186, 0));
    for blocks in 0..20 {
        assert_eq!(fits(1, 0, 1, 0, blocks), blocks <= MAX_ATTACHED, "{blocks}");
    }
}

/// Two keys whose slots cannot be told apart: only their records can.
fn twins(table: &Table<'_>) -> (String, String) {
    let mut seen = HashMap::new();
    for number in 0.. {
        let name = format!("k{number}.test");
        let hash = table.hash(name.as_bytes());
        let mut buckets = table.buckets_of(hash);
        buckets.sort_unstable();
        if let Some(other) = seen.insert((hash & 0xffff, buckets), name.clone()) {
            return (other, name);
        }
    }
    panic!("there are fewer slots than names");
}

#[test]
fn keys_with_one_tag_are_told_apart_by_their_records() {
    let memory = memory(128);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let (one, two) = twins(&table);
    put(&table, &one, &route(&[1])).unwrap();
    assert_eq!(find(&table, &two), None);
    assert_eq!(remove(&table, &two), Ok(Applied::Missing));
    assert_eq!(put(&table, &two, &route(&[2])), Ok(Applied::Created));
    assert_eq!(find(&table, &one), Some(("exact", one.clone())));
    assert_eq!(find(&table, &two), Some(("exact", two.clone())));
    audit(&table);
    assert_eq!(remove(&table, &one), Ok(Applied::Removed));
    assert_eq!(find(&table, &one), None);
    assert_eq!(find(&table, &two), Some(("exact", two)));
}

#[test]
fn a_tag_is_that_of_a_slot_in_use() {
    assert!(!slot_tag_is(0, 0), "an empty slot has no entry");
    assert!(slot_tag_is(7 << 48 | 64, 0xabc_0007));
    assert!(!slot_tag_is(7 << 48 | 64, 0xabc_0008));
}

#[test]
fn a_demand_counts_routes_and_is_freed_in_parts() {
    let mut demand = Demand::default();
    for number in 0..3000_u32 {
        let name = key(&format!("k{number}.test"));
        demand.add(&name, &route(&[number, number + 1])).unwrap();
    }
    assert_eq!(demand.routes(), 3000);
    let parts = std::iter::repeat_with(|| demand.shrink()).take(10_000);
    let parts = parts.take_while(|more| *more).count();
    assert!((1..10_000).contains(&parts), "{parts}");
    assert!(!demand.shrink());
}

#[test]
fn errors_say_what_is_wrong() {
    assert_eq!(TooSmall.to_string(), "no room for a table");
    assert_eq!(LayoutError::NoTable.to_string(), "no table");
    assert_eq!(
        LayoutError::OtherVersion(9).to_string(),
        "table of layout 9"
    );
    assert_eq!(LayoutError::OtherSize.to_string(), "table of another size");
    let too_small = LookupError::BufferTooSmall(7);
    assert_eq!(too_small.to_string(), "record of 7 words");
    assert_eq!(LookupError::Busy.to_string(), "record keeps changing");
    for (error, words) in [
        (ApplyError::Foreign(Owner::File), "key belongs to the file"),
        (ApplyError::Foreign(Owner::Api), "key belongs to the API"),
        (ApplyError::Full, "zone is full"),
        (ApplyError::TooBig, "route is longer than 8192 bytes"),
    ] {
        assert_eq!(error.to_string(), words);
    }
}
