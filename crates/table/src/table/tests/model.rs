//! The table against a map, at random.

use super::{audit, endpoint, memory, remove, writer};
use crate::route::{Endpoint, Key, Match, Options, Resolved, Secret};
use crate::table::{Applied, ApplyError, BulkNumber, Change, Owner, Shown, Table};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Number, weight and `max_conns` of each backend.
type Backends = Vec<(u32, u16, u32)>;
type Keys = Vec<Secret>;

#[derive(Clone, Debug)]
enum Step {
    Put(String, Backends, String, Keys, u64),
    Remove(String, u64),
    Lookup(String),
    /// A change of a bulk.
    Pend(String, Option<(Backends, String, Keys)>),
    /// The bulk is shown, or taken back.
    End(bool),
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[ab]{1,2}(\\.[ab]{1,2}){0,3}",
        3 => "\\*(\\.[ab]{1,2}){1,2}",
        1 => Just("*".to_string()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let backends = (
        0..12_u32,
        prop_oneof![1..4_u16, 254..300_u16],
        prop_oneof![3 => Just(0), 1 => 1..3_u32],
    );
    let backends = prop::collection::vec(backends, 0..5);
    let keys = prop::collection::vec("[a-z]{0,40}".prop_map(Secret::new), 0..3);
    let new = (backends.clone(), "[a-z]{0,20}", keys.clone());
    prop_oneof![
        4 => (name(), prop::option::weighted(0.7, new)).prop_map(|(n, new)| Step::Pend(n, new)),
        1 => any::<bool>().prop_map(Step::End),
        4 => (name(), backends, "[a-z]{0,20}", keys, 0..900_u64)
            .prop_map(|(n, b, id, k, t)| Step::Put(n, b, id, k, t)),
        2 => (name(), 0..900_u64).prop_map(|(n, t)| Step::Remove(n, t)),
        4 => name().prop_map(Step::Lookup),
    ]
}

type Model = BTreeMap<String, (Backends, String, Keys)>;

/// The key that answers for a host, by the documented rule.
fn expected<'m>(model: &'m Model, host: &str) -> Option<(&'static str, &'m String)> {
    let found = |kind, name: &str| model.get_key_value(name).map(|(key, _)| (kind, key));
    let parents = host.char_indices().filter(|(at, c)| *c == '.' && *at > 0);
    let exact = if host.starts_with('*') {
        None
    } else {
        found("exact", host)
    };
    exact
        .or_else(|| {
            let mut wildcards = parents.map(|(at, _)| format!("*{}", &host[at..]));
            wildcards.find_map(|name| found("wildcard", &name))
        })
        .or_else(|| found("default", "*"))
}

fn resolved<'r>((backends, id, keys): &'r (Backends, String, Keys)) -> Resolved<'r> {
    let endpoints = backends.iter().map(|(n, w, max_conns)| Endpoint {
        options: Options {
            max_conns: *max_conns,
            ..Options::default()
        },
        ..endpoint(*n, *w)
    });
    Resolved {
        id,
        endpoints: endpoints.collect(),
        keys: ["a", "b"].into_iter().zip(keys).collect(),
        ..Resolved::default()
    }
}

fn check_lookup(table: &Table<'_>, model: &Model, host: &str) {
    let mut buf = [0; 128];
    let hit = table.lookup(host.as_bytes(), &mut buf).unwrap();
    let got = hit.map(|h| {
        (
            h.kind.as_str(),
            String::from_utf8(h.route.key().to_vec()).unwrap(),
        )
    });
    let want = expected(model, host);
    assert_eq!(got, want.map(|(kind, key)| (kind, key.clone())), "{host}");
    if let (Some(hit), Some((_, key))) = (hit, want) {
        let expected = resolved(&model[key]);
        let mut words = [0; 64];
        let keys = table.keys(&hit.route, &mut words).unwrap().unwrap();
        let expected_keys = expected.keys.iter();
        assert!(
            keys.iter()
                .eq(expected_keys.map(|(n, s)| (*n, s.text().as_bytes())))
        );
        let without_keys = Resolved {
            keys: vec![],
            ..expected
        };
        assert_eq!(hit.route.resolved(), without_keys);
    }
}

/// A bulk under way, and what it is to change.
#[derive(Default)]
struct Bulk {
    number: Option<BulkNumber>,
    changes: BTreeMap<String, Option<(Backends, String, Keys)>>,
}

impl Bulk {
    /// Its maker is at work.
    fn lives(&self, table: &Table<'_>, now: u64) {
        if let Some(number) = self.number {
            assert!(writer(table, now).resume_bulk(number));
            assert!(writer(table, now).open_bulk().is_none(), "two at a time");
        }
    }

    fn pend(
        &mut self,
        table: &Table<'_>,
        now: u64,
        model: &Model,
        name: &str,
        new: &Option<(Backends, String, Keys)>,
    ) {
        let mut writer = writer(table, now);
        match self.number {
            None => self.number = writer.open_bulk(),
            Some(number) => assert!(writer.resume_bulk(number)),
        }
        let (key, owner) = (
            Key::parse(name.as_bytes(), Match::Host).unwrap(),
            Owner::Api,
        );
        let generation = table.generation();
        let route = new.as_ref().map(resolved);
        let applied = writer.apply(&match &route {
            Some(route) => Change::Put {
                key: &key,
                route,
                owner,
            },
            None => Change::Remove { key: &key, owner },
        });
        let want = match (model.get(name), new) {
            (None, None) => Applied::Missing,
            (None, Some(_)) => Applied::Created,
            (Some(_), None) => Applied::Removed,
            (old, new) if old == new.as_ref() => Applied::Unchanged,
            _ => Applied::Replaced,
        };
        assert_eq!(applied, Ok(want));
        if !matches!(want, Applied::Unchanged | Applied::Missing) {
            self.changes.insert(name.to_owned(), new.clone());
            assert_eq!(writer.pending(&key), Some(want));
        }
        assert_eq!(table.generation(), generation);
        self.check_as_before(table, model);
    }

    /// Nothing of it is seen.
    fn check_as_before(&self, table: &Table<'_>, model: &Model) {
        let wildcards = model.keys().filter(|key| key.starts_with("*.")).count();
        let stats = table.stats();
        assert_eq!(
            (stats.routes, stats.wildcards),
            (model.len() as u64, wildcards as u64)
        );
        for name in model.keys().chain(self.changes.keys()) {
            check_lookup(table, model, name);
        }
        let mut shown = 0;
        table.scan(&mut table.cursor(), usize::MAX, &mut |view| {
            let name = std::str::from_utf8(view.key()).unwrap();
            assert_eq!(view.id(), model[name].1);
            shown += 1;
        });
        assert_eq!(shown, model.len());
        let mut listing = crate::table::Listing::new(table, None, None);
        let mut listed = 0;
        while listing.step(table, &mut |_| {
            listed += 1;
            true
        }) {}
        assert_eq!(listed, model.len());
    }

    fn end(&mut self, table: &Table<'_>, now: u64, model: &mut Model, is_shown: bool) {
        let Some(number) = self.number.take() else {
            return;
        };
        let mut writer = writer(table, now);
        assert!(writer.resume_bulk(number));
        let (count, generation) = (self.changes.len(), table.generation());
        if is_shown {
            assert_eq!(writer.show_bulk(count + 1), Shown::Disturbed);
            self.check_as_before(table, model);
            assert_eq!(writer.show_bulk(count), Shown::All);
            assert_eq!(table.generation(), generation + 1);
        }
        let changes = std::mem::take(&mut self.changes);
        for (name, new) in changes.iter().filter(|_| is_shown) {
            match new {
                Some(new) => model.insert(name.clone(), new.clone()),
                None => model.remove(name),
            };
        }
        self.check_as_before(table, model);
        let generation = table.generation();
        for name in changes.keys() {
            writer.settle(&Key::parse(name.as_bytes(), Match::Host).unwrap());
            check_lookup(table, model, name);
        }
        writer.close_bulk();
        assert_eq!(table.generation(), generation);
        self.check_as_before(table, model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_a_map(seed: u64, steps in prop::collection::vec(step(), 1..300)) {
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, seed).unwrap();
        let mut model = Model::new();
        let mut bulk = Bulk::default();
        let mut now = 0;
        for step in &steps {
            match step {
                Step::Pend(name, new) => bulk.pend(&table, now, &model, name, new),
                Step::End(is_shown) => bulk.end(&table, now, &mut model, *is_shown),
                Step::Put(name, backends, id, keys, later) => {
                    now += later;
                    bulk.lives(&table, now);
                    let key = Key::parse(name.as_bytes(), Match::Host).unwrap();
                    let new = (backends.clone(), id.clone(), keys.clone());
                    let route = resolved(&new);
                    let change = Change::Put { key: &key, route: &route, owner: Owner::Api };
                    let applied = writer(&table, now).apply(&change).unwrap();
                    let old = model.insert(name.clone(), new.clone());
                    let same = old.as_ref() == model.get(name);
                    let want = match old {
                        None => Applied::Created,
                        Some(_) if same => Applied::Unchanged,
                        Some(_) => Applied::Replaced,
                    };
                    prop_assert_eq!(applied, want);
                    if applied != Applied::Unchanged {
                        bulk.changes.remove(name);
                    }
                }
                Step::Remove(name, later) => {
                    now += later;
                    bulk.lives(&table, now);
                    let key = Key::parse(name.as_bytes(), Match::Host).unwrap();
                    let applied = writer(&table, now).apply(&Change::Remove { key: &key, owner: Owner::Api }).unwrap();
                    let there = model.remove(name).is_some();
                    prop_assert_eq!(applied, if there { Applied::Removed } else { Applied::Missing });
                    if there {
                        bulk.changes.remove(name);
                    }
                }
                Step::Lookup(name) => check_lookup(&table, &model, name),
            }
        }
        bulk.check_as_before(&table, &model);
        audit(&table);
        bulk.end(&table, now, &mut model, true);
        bulk.check_as_before(&table, &model);
        audit(&table);
    }

    #[test]
    fn a_lookup_takes_any_bytes(key: Vec<u8>, words in prop::collection::vec(any::<u64>(), 0..64)) {
        let memory = memory(96);
        let table = Table::format(&memory, Match::Host, 3).unwrap();
        super::put(&table, "*", &super::route(&[1])).unwrap();
        let mut buf = [0; 16];
        let hit = table.lookup(&key, &mut buf).unwrap();
        prop_assert_eq!(hit.is_some(), !key.is_empty());
        // Words that are no record are garbage, but no panic.
        let view = crate::table::RouteView::from_words(&words);
        let _ = (view.resolved(), view.key().len(), view.owner(), view.var(b"x"));
        let _ = table.keys(&view, &mut [0; 64]);
    }
}

/// An index as full as it gets, stirred: entries move to make room.
#[test]
fn a_crowded_index_stays_right() {
    let memory = memory(88);
    let table = Table::format(&memory, Match::Host, 5).unwrap();
    let mut present = std::collections::HashSet::new();
    let start = table.cursor();
    let mut random = 1_u64;
    let (mut full, mut most) = (0, 0);
    for step in 0..60_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let n = (random >> 33) % 1300;
        let name = format!("h{n}");
        let removing = (random >> 20) % 16 < 3;
        if removing {
            assert_eq!(
                remove(&table, &name).unwrap() == Applied::Removed,
                present.remove(&n)
            );
        } else {
            match super::put(&table, &name, &super::route(&[(random >> 60) as u32])) {
                Ok(Applied::Created) => assert!(present.insert(n)),
                Ok(_) => assert!(present.contains(&n)),
                Err(ApplyError::Full) => full += 1,
                Err(other) => panic!("{other}"),
            }
        }
        most = most.max(present.len());
        if step % 6000 == 0 {
            for n in 0..1300 {
                assert_eq!(
                    super::find(&table, &format!("h{n}")).is_some(),
                    present.contains(&n),
                    "h{n}"
                );
            }
        }
    }
    let slots = table.geo.buckets * 8;
    assert!(
        full > 0 && most > slots * 9 / 10,
        "full {full} times, {most} of {slots}"
    );
    assert!(table.disturbed(&start));
    audit(&table);
    for n in present {
        assert_eq!(remove(&table, &format!("h{n}")), Ok(Applied::Removed));
    }
    audit(&table);
    let slots = memory[super::super::layout::HEADER..]
        .iter()
        .take(table.geo.buckets * 8);
    let left = slots
        .filter(|w| w.load(std::sync::atomic::Ordering::Relaxed) != 0)
        .count();
    assert_eq!(left, 0, "the index is empty");
}

#[test]
fn a_hundred_thousand_cycles_leave_no_trace() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 5).unwrap();
    super::put(&table, "stays", &super::route(&[1, 2])).unwrap();
    for n in 0..100_000_u32 {
        let (key, owner) = (super::key(&format!("host-{}", n % 1000)), Owner::Api);
        let mut route = super::route(&[n % 300, n % 7]);
        let id = "x".repeat((n % 90) as usize);
        route.id = &id;
        let now = u64::from(n) / 10;
        writer(&table, now)
            .apply(&Change::Put {
                key: &key,
                route: &route,
                owner,
            })
            .unwrap();
        writer(&table, now)
            .apply(&Change::Remove { key: &key, owner })
            .unwrap();
    }
    // Everything is free after a while.
    writer(&table, 1_000_000)
        .apply(&Change::Remove {
            key: &super::key("stays"),
            owner: Owner::File,
        })
        .unwrap();
    let mut room = crate::table::Room::default();
    while writer(&table, 1_000_000).make_room(&mut room) {}
    let stats = table.stats();
    assert_eq!(
        (stats.routes, stats.peers, stats.cells, stats.record_words),
        (0, 0, 0, 0)
    );
    assert_eq!(stats.free_pages, stats.pages);
}
