//! Keys of routes: stored beside the record, never copied with it.

use super::{key, memory, remove, route, writer};
use crate::route::{Match, Resolved, Secret};
use crate::table::{Applied, ApplyError, Change, Keys, LookupError, Owner, RouteView, Table};
use std::sync::atomic::{AtomicU64, Ordering};

type Pairs<'k> = &'k [(&'k str, &'k Secret)];

fn with_keys<'k>(keys: Pairs<'k>) -> Resolved<'k> {
    Resolved {
        keys: keys.to_vec(),
        ..route(&[1])
    }
}

fn put(table: &Table<'_>, keys: Pairs<'_>, now_ms: u64) -> Result<Applied, ApplyError> {
    let route = with_keys(keys);
    let change = Change::Put {
        key: &key("a"),
        route: &route,
        owner: Owner::File,
    };
    writer(table, now_ms).apply(&change)
}

/// The words of the route's record, as a request keeps them.
fn record(table: &Table<'_>) -> Vec<u64> {
    let mut buf = [0; 64];
    let hit = table.lookup(b"a", &mut buf).unwrap().unwrap();
    hit.route.words().to_vec()
}

/// A key as a lookup finds it now.
fn key_of(table: &Table<'_>, name: &str) -> Option<String> {
    let record = record(table);
    let mut buf = vec![0; 16 * 1024];
    let keys = table
        .keys(&RouteView::from_words(&record), &mut buf)
        .unwrap()
        .expect("the route is as it was");
    keys.get(name.as_bytes())
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
}

fn bytes(memory: &[AtomicU64]) -> Vec<u8> {
    let words = memory.iter().map(|w| w.load(Ordering::Relaxed));
    words.flat_map(u64::to_ne_bytes).collect()
}

fn holds(memory: &[AtomicU64], text: &str) -> bool {
    bytes(memory)
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn keys_are_read_by_name() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let (first, second) = (Secret::new("s3cret".into()), Secret::new(String::new()));
    let keys = [("token", &first), ("empty", &second)];
    assert_eq!(put(&table, &keys, 0), Ok(Applied::Created));
    assert_eq!(key_of(&table, "token").as_deref(), Some("s3cret"));
    assert_eq!(key_of(&table, "empty").as_deref(), Some(""));
    assert_eq!(key_of(&table, "other"), None);
    let record = record(&table);
    let view = RouteView::from_words(&record);
    let mut buf = vec![0; view.key_words()];
    let all = table.keys(&view, &mut buf).unwrap().unwrap();
    let all: Vec<_> = all.iter().collect();
    assert_eq!(all, [("token", &b"s3cret"[..]), ("empty", b"")]);
    assert_eq!(view.var(b"token"), None, "keys are no variables");
    assert!(
        !record.iter().any(|w| w.to_ne_bytes().starts_with(b"s3c")),
        "a lookup copies no key"
    );
    let small = table.keys(&view, &mut buf[1..]);
    assert_eq!(
        small.err(),
        Some(LookupError::BufferTooSmall(view.key_words()))
    );
}

#[test]
fn keys_that_were_shown_are_wiped() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let secret = Secret::new("s3cret".into());
    put(&table, &[("token", &secret)], 0).unwrap();
    let kept = record(&table);
    let view = RouteView::from_words(&kept);
    let mut buf = [7; 16];
    let see = |keys: Keys<'_>| keys.get(b"token").map(<[u8]>::to_vec);
    let shown = table.with_keys(&view, &mut buf, see);
    assert_eq!(shown, Ok(Some(Some(b"s3cret".to_vec()))));
    assert_eq!(buf, [0; 16]);
    let mut buf = [7; 16];
    let panics = std::panic::AssertUnwindSafe(|| {
        let _ = table.with_keys(&view, &mut buf, |_| panic!("in the middle"));
    });
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(buf, [0; 16], "also after a panic");
    remove(&table, "a").unwrap();
    let gone = table.with_keys(&view, &mut buf, |_| ());
    assert_eq!(gone, Ok(None), "a route that has been replaced");
}

#[test]
fn another_key_is_a_change_and_the_same_one_is_none() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let (first, second) = (Secret::new("first".into()), Secret::new("other".into()));
    put(&table, &[("token", &first)], 0).unwrap();
    let before = bytes(&memory);
    assert_eq!(put(&table, &[("token", &first)], 0), Ok(Applied::Unchanged));
    assert!(before == bytes(&memory));
    let kept = record(&table);
    assert_eq!(put(&table, &[("token", &second)], 0), Ok(Applied::Replaced));
    assert_eq!(key_of(&table, "token").as_deref(), Some("other"));
    let mut buf = [0; 8];
    let stale = table.keys(&RouteView::from_words(&kept), &mut buf).unwrap();
    assert!(
        stale.is_none(),
        "an old copy of the route has no key any more"
    );
    // Another change of the route leaves the key where it is.
    let record_before = record(&table);
    let keys = [("token", &second)];
    let mut changed = with_keys(&keys);
    changed.id = "new";
    super::put(&table, "a", &changed).unwrap();
    let mut buf = [0; 8];
    let old = table
        .keys(&RouteView::from_words(&record_before), &mut buf)
        .unwrap();
    assert_eq!(old.unwrap().get(b"token"), Some(&b"other"[..]));
    assert_eq!(put(&table, &[], 0), Ok(Applied::Replaced));
    assert_eq!(key_of(&table, "token"), None);
    super::audit(&table);
}

#[test]
fn a_key_that_is_gone_is_nowhere_in_memory() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let (first, second) = ("0123456789abcdef", "fedcba9876543210");
    let secret = |text: &str| Secret::new(text.into());
    put(&table, &[("token", &secret(first))], 0).unwrap();
    assert!(holds(&memory, first));
    put(&table, &[("token", &secret(second))], 0).unwrap();
    assert!(holds(&memory, second) && !holds(&memory, first));
    remove(&table, "a").unwrap();
    assert!(!holds(&memory, second));
    super::audit(&table);
}

/// A value larger than a record goes on in further blocks; too much for them is refused.
#[test]
fn keys_may_be_larger_than_a_record() {
    let memory = memory(1024);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let long = |n: usize| Secret::new("0123456789".repeat(n));
    let (a, b) = (long(2000), long(1));
    put(&table, &[("a", &a), ("b", &b)], 0).unwrap();
    assert_eq!(RouteView::from_words(&record(&table)).attached().count(), 3);
    assert_eq!(key_of(&table, "a").as_deref(), Some(a.text()));
    assert_eq!(key_of(&table, "b").as_deref(), Some(b.text()));
    let used = table.stats();
    let too_long = long(12_400);
    let refused = put(&table, &[("a", &too_long)], 0);
    assert_eq!(refused, Err(ApplyError::TooBig));
    assert_eq!(table.stats(), used);
    // Whatever does not fit the zone any more leaves nothing behind.
    let mut count = 0;
    let result = loop {
        let keys = [("a", &a)];
        let route = with_keys(&keys);
        match super::put(&table, &format!("h{count}"), &route) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((result, count > 10), (ApplyError::Full, true));
    super::audit(&table);
    for n in 0..count {
        remove(&table, &format!("h{n}")).unwrap();
    }
    remove(&table, "a").unwrap();
    super::audit(&table);
    assert_eq!(table.stats().record_words, 0);
}

/// Blocks that move because their page is emptied are found again, and an old copy of the route sees that they moved.
#[test]
fn keys_move_with_their_route() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let secret = Secret::new("0123456789abcdef".repeat(20));
    put(&table, &[("token", &secret)], 0).unwrap();
    let before = record(&table);
    let block = RouteView::from_words(&before).attached().next().unwrap();
    let page = table.geo.page_of(block.at).unwrap();
    table.leave_page(page);
    let slot = table.find(b"a", table.hash(b"a")).unwrap().slot_at;
    writer(&table, 0).move_on(slot);
    assert!(table.page_live(page) == 0, "its page is empty");
    assert_eq!(key_of(&table, "token").as_deref(), Some(secret.text()));
    let mut buf = [0; 64];
    let stale = table.keys(&RouteView::from_words(&before), &mut buf);
    assert!(stale.unwrap().is_none());
    assert!(!holds(
        &memory[table.geo.page_at(page)..][..1024],
        "0123456789abcdef"
    ));
    super::audit(&table);
}

/// More than a record can refer to is refused as a whole.
#[test]
fn keys_have_a_bound() {
    let memory = memory(1024);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let (long, longer) = (
        Secret::new("x".repeat(1_000)),
        Secret::new("x".repeat(200_000)),
    );
    assert!(put(&table, &[("a", &long)], 0).is_ok());
    assert_eq!(put(&table, &[("a", &longer)], 0), Err(ApplyError::TooBig));
}
