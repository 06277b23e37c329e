use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::thread;

const NOW: i64 = 1_700_000_000;

fn words(count: usize) -> Vec<AtomicU64> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

/// Of tokens that all come to the same bucket where there is one.
fn token(number: u64) -> Identity {
    Identity {
        tag: number + 1,
        seed: mix(number),
    }
}

fn limit(uses: Option<u32>, addresses: Option<u8>) -> Limit {
    Limit {
        uses,
        addresses,
        zone: 0,
    }
}

fn by(number: u64, address: &str, now: i64) -> Use {
    Use {
        token: token(number),
        address: address.parse().ok(),
        until: Some(NOW + 600),
        now,
    }
}

fn admits(ledger: &Ledger<'_>, one: &Use, limit: &Limit) -> bool {
    ledger.charge(one, limit).unwrap().is_admitted
}

#[test]
fn so_many_uses_are_admitted() {
    let words = words(1000);
    let ledger = Ledger::make(&words, 8).unwrap();
    let three = limit(Some(3), None);
    for number in [1, 2] {
        let mut admitted = (0..5).map(|_| admits(&ledger, &by(number, "192.0.2.1", NOW), &three));
        assert_eq!(
            admitted.by_ref().collect::<Vec<_>>(),
            [true, true, true, false, false]
        );
    }
}

#[test]
fn the_first_addresses_stay_in() {
    let words = words(1000);
    let ledger = Ledger::make(&words, 8).unwrap();
    let two = limit(None, Some(2));
    for (address, wanted) in [
        ("192.0.2.1", true),
        ("192.0.2.1", true),
        ("::ffff:192.0.2.1", true),
        ("2001:db8:0:1::1", true),
        ("192.0.2.2", false),
        ("2001:db8:0:1:ffff::9", true),
        ("2001:db8:0:2::1", false),
        ("unix", false),
        ("192.0.2.1", true),
    ] {
        assert_eq!(
            admits(&ledger, &by(1, address, NOW), &two),
            wanted,
            "{address}"
        );
    }
    // A client without an address is one, too.
    assert!(admits(&ledger, &by(2, "unix", NOW), &limit(None, Some(1))));
    assert!(admits(&ledger, &by(2, "unix", NOW), &limit(None, Some(1))));
    assert!(!admits(
        &ledger,
        &by(2, "192.0.2.1", NOW),
        &limit(None, Some(1))
    ));
}

#[test]
fn a_refused_address_uses_nothing() {
    let words = words(1000);
    let ledger = Ledger::make(&words, 8).unwrap();
    let both = limit(Some(2), Some(1));
    assert!(admits(&ledger, &by(1, "192.0.2.1", NOW), &both));
    for _ in 0..5 {
        assert!(!admits(&ledger, &by(1, "192.0.2.2", NOW), &both));
    }
    assert!(admits(&ledger, &by(1, "192.0.2.1", NOW), &both));
    assert!(!admits(&ledger, &by(1, "192.0.2.1", NOW), &both));
}

#[test]
fn every_legal_count_of_addresses_is_kept() {
    for most in 1..=MOST_ADDRESSES {
        let width = width(most);
        let words = words(bucket(width) + HEAD);
        let ledger = Ledger::make(&words, width).unwrap();
        let limit = limit(None, u8::try_from(most).ok());
        let client = |number: usize| by(1, &format!("192.0.2.{number}"), NOW);
        for number in 0..most {
            assert!(admits(&ledger, &client(number), &limit), "{most}");
        }
        assert!(!admits(&ledger, &client(most), &limit), "{most}");
        assert!((0..most).all(|number| admits(&ledger, &client(number), &limit)));
        assert!(Ledger::attach(&words).is_some(), "{most}");
    }
}

#[test]
fn the_oldest_goes_first() {
    // One bucket.
    let words = words(bucket(8) + HEAD);
    let ledger = Ledger::make(&words, 8).unwrap();
    assert_eq!(ledger.capacity(), WAYS);
    let once = limit(Some(1), None);
    for number in 0..WAYS as u64 {
        let charge = ledger
            .charge(&by(number, "", NOW + number as i64), &once)
            .unwrap();
        assert_eq!((charge.is_admitted, charge.has_displaced), (true, false));
    }
    // Also who is refused is remembered.
    assert!(!admits(&ledger, &by(0, "", NOW + 100), &once));
    let charge = ledger.charge(&by(8, "", NOW + 101), &once).unwrap();
    assert_eq!((charge.is_admitted, charge.has_displaced), (true, true));
    assert!(!admits(&ledger, &by(0, "", NOW + 102), &once));
    assert!(!admits(&ledger, &by(2, "", NOW + 103), &once));
    assert!(admits(&ledger, &by(1, "", NOW + 104), &once));
}

#[test]
fn the_expired_goes_before_the_oldest() {
    let words = words(bucket(8) + HEAD);
    let ledger = Ledger::make(&words, 8).unwrap();
    let once = limit(Some(1), None);
    for number in 0..WAYS as u64 {
        let until = (number == 5).then_some(NOW + 10);
        let one = Use {
            until,
            ..by(number, "", NOW + number as i64)
        };
        assert!(admits(&ledger, &one, &once));
    }
    // It is good until then.
    let charge = ledger.charge(&by(20, "", NOW + 11), &once).unwrap();
    assert_eq!((charge.is_admitted, charge.has_displaced), (true, false));
    for number in [0, 1, 2, 3, 4, 6, 7] {
        assert!(
            !admits(&ledger, &by(number, "", NOW + 12), &once),
            "{number}"
        );
    }
}

#[test]
fn a_bucket_whose_owner_was_killed_is_taken_over() {
    let words = words(bucket(8) + HEAD);
    let ledger = Ledger::make(&words, 8).unwrap();
    let twice = limit(Some(2), None);
    assert!(admits(&ledger, &by(1, "", NOW), &twice));
    words[HEAD].store(77, Relaxed);
    let begin = Instant::now();
    assert!(admits(&ledger, &by(1, "", NOW), &twice));
    assert!(begin.elapsed() >= PATIENCE);
    assert_eq!(words[HEAD].load(Relaxed), 0);
    assert!(!admits(&ledger, &by(1, "", NOW), &twice));
}

#[test]
fn many_at_once_are_counted_exactly() {
    let words = words(bucket(8) + HEAD);
    let ledger = Ledger::make(&words, 8).unwrap();
    let most = limit(Some(1000), None);
    let admitted: usize = thread::scope(|scope| {
        let work = || {
            (0..2000)
                .filter(|_| admits(&ledger, &by(1, "", NOW), &most))
                .count()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(admitted, 1000);
}

#[test]
fn a_larger_ledger_takes_over() {
    let few = words(bucket(8) + HEAD);
    let old = Ledger::make(&few, 8).unwrap();
    let twice = limit(Some(2), Some(2));
    for number in 0..6 {
        // As those of digests, so that they spread.
        let token = Identity {
            tag: mix(number + 1),
            seed: number,
        };
        assert!(admits(
            &old,
            &Use {
                token,
                ..by(number, "192.0.2.1", NOW)
            },
            &twice
        ));
    }
    let many = words(100 * (bucket(16) + HEAD));
    let new = Ledger::make(&many, 16).unwrap();
    new.take_over(&Ledger::attach(&few).unwrap(), NOW + 1);
    for number in 0..6 {
        let token = Identity {
            tag: mix(number + 1),
            seed: number,
        };
        let by = |address| Use {
            token,
            ..by(number, address, NOW)
        };
        assert!(admits(&new, &by("192.0.2.2"), &twice));
        assert!(!admits(&new, &by("192.0.2.1"), &twice));
    }
    // Back into one that has no room for all: nothing is lost that was used last.
    let few = words(bucket(8) + HEAD);
    let small = Ledger::make(&few, 8).unwrap();
    for number in 10..20 {
        let token = Identity {
            tag: mix(number + 1),
            seed: number,
        };
        let one = Use {
            token,
            ..by(number, "", NOW + number as i64)
        };
        assert!(admits(&new, &one, &limit(Some(1), None)));
    }
    small.take_over(&new, NOW + 30);
    for number in 13..20 {
        let token = Identity {
            tag: mix(number + 1),
            seed: number,
        };
        let one = Use {
            token,
            ..by(number, "", NOW + 40)
        };
        assert!(!admits(&small, &one, &limit(Some(1), None)), "{number}");
    }
}

#[test]
fn other_words_are_no_ledger() {
    let count = bucket(8) + HEAD;
    assert!(Ledger::make(&words(count - 1), 8).is_none());
    let words = words(count);
    assert!(Ledger::attach(&words).is_none());
    Ledger::make(&words, 8).unwrap();
    assert!(Ledger::attach(&words).is_some());
    assert!(Ledger::attach(&words[..count - 1]).is_none());
    words[1].store(9, Relaxed);
    assert!(Ledger::attach(&words).is_none());
}

#[test]
fn the_room_is_as_documented() {
    // nginx keeps some pages of a zone for itself.
    for (addresses, wanted) in [(10, 15_000), (26, 7_500), (50, 3_750)] {
        let words = words((1 << 20) / 8 - 2 * 512);
        let ledger = Ledger::make(&words, width(addresses)).unwrap();
        assert!(ledger.capacity() >= wanted, "{}", ledger.capacity());
    }
}

proptest! {
    /// With room enough it is what a map would count.
    #[test]
    fn as_a_model_counts(
        uses in prop::option::of(1_u32..5),
        addresses in prop::option::of(1_u8..5),
        asked in prop::collection::vec((0_u64..6, 0_u8..7), 0..80),
    ) {
        let words = words(100 * bucket(8) + HEAD);
        let ledger = Ledger::make(&words, 8).unwrap();
        let limit = limit(uses, addresses);
        let mut model: HashMap<u64, (u32, HashSet<u8>)> = HashMap::new();
        for (number, client) in asked {
            let (used, known) = model.entry(number).or_default();
            let is_known = addresses.is_none_or(|most| known.contains(&client) || known.len() < usize::from(most));
            let wanted = uses.is_none_or(|most| *used < most) && is_known;
            if wanted {
                *used += 1;
                known.insert(client);
            }
            let one = Use {
                token: Identity { tag: mix(number + 1), seed: number },
                ..by(number, &format!("192.0.2.{client}"), NOW)
            };
            prop_assert_eq!(admits(&ledger, &one, &limit), wanted);
        }
    }
}
