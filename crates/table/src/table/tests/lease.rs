//! Who may write.

use super::{find, key, memory, put, route};
use crate::route::Match;
use crate::table::{Applied, Candidate, Change, NoWriter, Owner, Table};

fn candidate(pid: u32, generation: u16) -> Candidate {
    Candidate { pid, generation }
}

#[test]
fn the_lease_has_one_holder() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let lease = table.lease().unwrap();
    let (a, b) = (candidate(100, 65535), candidate(101, 65535));
    let reloaded = candidate(102, 0);
    assert!(lease.acquire(a, 1_000));
    assert!(!lease.acquire(b, 3_900) && !lease.is_open(b, 3_900));
    assert!(lease.acquire(a, 3_900), "renewed");
    assert!(!lease.acquire(b, 6_900));
    assert!(lease.is_open(b, 7_000) && lease.is_held(a));
    assert!(lease.acquire(b, 7_000), "stale");
    assert!(!lease.acquire(a, 7_000));
    assert!(
        lease.acquire(reloaded, 7_000),
        "a newer configuration takes over at once"
    );
    assert!(!lease.acquire(b, 7_000));
    assert!(lease.is_held(reloaded) && !lease.is_held(b));
    lease.release(b);
    assert!(lease.is_held(reloaded));
    lease.release(reloaded);
    assert!(lease.acquire(b, 7_000));
}

/// A process asked for the lease, had it, and was stopped at the lock for longer than it lasts: its successor's routes stay.
#[test]
fn a_writer_without_the_lease_is_refused() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let lease = table.lease().unwrap();
    let (slow, quick) = (candidate(100, 1), candidate(101, 1));
    let write = |who, now_ms, backend| {
        let (key, route) = (key("a"), route(&[backend]));
        let change = Change::Put {
            key: &key,
            route: &route,
            owner: Owner::File,
        };
        let writer = table.feeding_writer(who, now_ms);
        writer.map(|mut writer| writer.apply(&change).unwrap())
    };
    assert_eq!(write(slow, 0, 1).err(), Some(NoWriter::LeaseLost));
    assert!(lease.acquire(slow, 1_000));
    assert_eq!(write(slow, 1_000, 2), Ok(Applied::Created));
    assert!(lease.acquire(quick, 5_000));
    assert_eq!(write(quick, 5_000, 3), Ok(Applied::Replaced));
    let before = table.generation();
    assert_eq!(write(slow, 5_001, 2).err(), Some(NoWriter::LeaseLost));
    assert_eq!(table.generation(), before, "nothing was written");
    lease.release(quick);
    assert_eq!(write(quick, 5_002, 4).err(), Some(NoWriter::LeaseLost));
    assert!(find(&table, "a").is_some());
}

/// Without the lease nobody repairs either: that is writing.
#[test]
fn a_repair_needs_the_lease_and_goes_in_slices() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1, 2])).unwrap();
    put(&table, "*.wild", &route(&[1, 2])).unwrap();
    let before = table.stats();
    super::hook::killed_at(3, || {
        put(&table, "b", &route(&[3])).unwrap();
    });
    let (holder, other) = (candidate(1, 1), candidate(2, 1));
    assert!(table.lease().unwrap().acquire(holder, 0));
    assert_eq!(
        table.feeding_writer(other, 0).err(),
        Some(NoWriter::LeaseLost)
    );
    let mut slices = 0;
    let repaired = loop {
        assert!(find(&table, "a").is_some() && find(&table, "x.wild").is_some());
        match table.feeding_writer(holder, 0) {
            Ok(writer) => break writer.repaired(),
            Err(error) => assert_eq!(error, NoWriter::Repairing),
        }
        slices += 1;
    };
    assert!(repaired && slices > 3, "{slices} slices");
    assert_eq!(table.stats(), before);
    assert!(!table.feeding_writer(holder, 0).unwrap().repaired());
}

/// Clocks of two processes differ by a moment: a heartbeat from ahead is a fresh one.
#[test]
fn a_heartbeat_from_a_moment_ahead_counts() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let lease = table.lease().unwrap();
    let (a, b) = (candidate(100, 1), candidate(101, 1));
    assert!(lease.acquire(a, 10_000));
    assert!(!lease.is_open(b, 9_900));
    assert!(!lease.is_open(b, 8_000));
    // And so does one at the end of the circle, where counting begins anew.
    let turn = (1 << 26) * 100;
    assert!(lease.acquire(a, turn - 100));
    assert!(!lease.is_open(b, turn + 100));
    assert!(lease.is_open(b, turn + 4_000));
}

/// Half of all numbers are newer: 0x7fff reloads ahead, and no more.
#[test]
fn a_newer_configuration_is_told_over_the_end_of_the_numbers() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let lease = table.lease().unwrap();
    assert!(lease.acquire(candidate(100, 7), 1_000));
    assert!(lease.is_open(candidate(101, 7 + 0x7fff), 1_000));
    assert!(!lease.is_open(candidate(101, 7 + 0x8000), 1_000));
    assert!(!lease.is_open(candidate(101, 6), 1_000));
}
