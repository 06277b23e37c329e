//! Tests of the table.

mod explore;
pub(super) mod hook;

mod answers;
mod attached;
mod basics;
mod bulk;
mod bulk_races;
mod crash;
mod demand;
mod events;
mod fed;
mod journal;
mod late;
mod lease;
mod limits;
mod listing;
mod model;
mod named;
mod peer;
mod prepared;
mod races;
mod recognize;
mod same_key;
mod saved;
mod scale;
mod sweep;

use crate::route::{Address, Endpoint, Key, Match, Options, Resolved};
use crate::table::{Applied, ApplyError, Change, NoWriter, Owner, Table, Word, Writer};
use std::sync::atomic::{AtomicU64, Ordering};

/// Zeroed memory of so many KiB.
pub(crate) fn memory(kib: usize) -> Vec<AtomicU64> {
    (0..kib * 128).map(|_| AtomicU64::new(0)).collect()
}

pub(crate) fn key(text: &str) -> Key {
    Key::parse(text.as_bytes(), Match::Host).unwrap()
}

/// A plain backend at 10.x.y.z:port.
pub(crate) fn endpoint(n: u32, weight: u16) -> Endpoint<'static> {
    let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 | n);
    Endpoint {
        address: Address::Ip((ip, 8080).into()),
        tls: false,
        weight,
        backup: false,
        drain: false,
        name: None,
        sni: None,
        service: None,
        options: Options::default(),
    }
}

/// A route with backends of these numbers.
pub(crate) fn route(backends: &[u32]) -> Resolved<'static> {
    Resolved {
        endpoints: backends.iter().map(|n| endpoint(*n, 1)).collect(),
        ..Resolved::default()
    }
}

/// The writer, after all slices of a repair if there is one.
pub(crate) fn writer<'a, W: Word>(table: &Table<'a, W>, now_ms: u64) -> Writer<'a, W> {
    loop {
        match table.writer(now_ms) {
            Ok(writer) => return writer,
            Err(error) => assert_eq!(error, NoWriter::Repairing),
        }
    }
}

pub(crate) fn put(
    table: &Table<'_>,
    name: &str,
    route: &Resolved<'_>,
) -> Result<Applied, ApplyError> {
    writer(table, 0).apply(&Change::Put {
        key: &key(name),
        route,
        owner: Owner::File,
    })
}

pub(crate) fn remove(table: &Table<'_>, name: &str) -> Result<Applied, ApplyError> {
    writer(table, 0).apply(&Change::Remove {
        key: &key(name),
        owner: Owner::File,
    })
}

/// Kind, key and route a lookup gives.
pub(crate) fn find(table: &Table<'_>, host: &str) -> Option<(&'static str, String)> {
    let mut buf = [0; crate::table::MAX_RECORD_WORDS];
    let hit = table.lookup(host.as_bytes(), &mut buf).unwrap()?;
    Some((
        hit.kind.as_str(),
        String::from_utf8(hit.route.key().to_vec()).unwrap(),
    ))
}

/// Settles what is pending, as its maker does in the end.
pub(crate) fn settle_all(table: &Table<'_>) {
    let mut writer = table.writer(0).unwrap();
    let slots = table.geo.buckets * 8;
    for slot_at in super::layout::HEADER..super::layout::HEADER + slots {
        if table.mem.load(slot_at) & super::layout::PENDING != 0 {
            writer.begin();
            writer.settle_slot(slot_at);
            writer.end_unseen();
        }
    }
    assert_eq!(table.mem.load(super::layout::head::PENDING), 0);
    writer.close_bulk();
}

/// The derived parts of a table are what a repair would make of it, and every route is found by its key.
pub(crate) fn audit(table: &Table<'_>) {
    let copy: Vec<AtomicU64> = table
        .mem
        .words
        .iter()
        .map(|w| AtomicU64::new(w.load(Ordering::Relaxed)))
        .collect();
    let copy = Table::attach(&copy).unwrap();
    settle_all(&copy);
    // What rests is free after a repair.
    while copy.release_retired(None) {}
    let before = copy.stats();
    while !copy.repair_slice() {}
    assert_eq!(before, copy.stats());
    let mut keys = std::collections::HashSet::new();
    let more = copy.scan(&mut copy.cursor(), usize::MAX, &mut |view| {
        assert!(
            copy.find(view.key(), copy.hash(view.key())).is_some(),
            "unreachable {:?}",
            view.key()
        );
        assert!(keys.insert(view.key().to_vec()), "twice {:?}", view.key());
    });
    assert_eq!((more, keys.len() as u64), (false, before.routes));
}
