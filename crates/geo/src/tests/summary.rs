//! A summary says what the records say, and a damaged one nothing that is dangerous.

use super::{address, file, open};
use crate::{Database, Facts, Field, Fields, Image, Lookup, Out, Path, Summary, Verification};
use proptest::prelude::*;
use serde_json::json;

/// The image of a file, as the host makes it, with all of its columns.
fn image(bytes: &[u8]) -> Vec<u8> {
    let summary = summary(bytes);
    appended(summary, bytes)
}

fn summary(bytes: &[u8]) -> Summary {
    summary_for(bytes, Fields::ALL)
}

fn summary_for(bytes: &[u8], asked: Fields) -> Summary {
    let database = Database::open(bytes).unwrap();
    let mut verification = Verification::new(&database).unwrap();
    while !verification.step(&database, 1000).unwrap() {}
    let mut summary = Summary::new(verification.records().len(), asked).unwrap();
    for offset in verification.records() {
        summary.add(&database, *offset);
    }
    summary
}

fn appended(mut summary: Summary, bytes: &[u8]) -> Vec<u8> {
    let mut image = bytes.to_vec();
    let len = summary.len(image.len());
    while !summary.append_to(&mut image, bytes.len(), 100) {}
    assert_eq!(image.len(), bytes.len() + len);
    image
}

fn countries(count: u32) -> Vec<u8> {
    let continents = ["EU", "AS", "ZZ"];
    let letter = |n: u32| char::from(b'A' + (n % 26) as u8);
    let networks: Vec<_> = (0..count)
        .map(|n| {
            let record = json!({
                "country": {"iso_code": format!("{}{}", letter(n / 26), letter(n)), "is_in_european_union": n % 3 == 0},
                "continent": {"code": continents[n as usize % 3]},
                "registered_country": {"iso_code": if n % 5 == 0 { "FR" } else { "?" }},
                "subdivisions": [{"iso_code": format!("{}", n % 1000)}, {"iso_code": if n % 2 == 0 { "A9Z" } else { "" }}],
                "city": {"geoname_id": 7 * n},
                "traits": {"autonomous_system_number": 1 + n, "is_tor_exit_node": n % 7 == 0},
            });
            (format!("{}.{}.{}.0/24", 1 + n / 65536, n / 256 % 256, n % 256), record)
        })
        .collect();
    let networks: Vec<_> = networks
        .iter()
        .map(|(network, record)| (network.as_str(), record.clone()))
        .collect();
    file(&networks)
}

#[test]
fn every_record_is_in_it() {
    for (count, cut) in [(1, 0), (3, 1), (5_000, 3)] {
        // Files of any length.
        let mut bytes = countries(count);
        bytes.extend(std::iter::repeat_n(0, cut));
        let database = open(&bytes);
        let image = image(&bytes);
        let parts = Image::of(&image);
        assert_eq!(parts.file, bytes.len());
        assert_eq!(parts.fields(), Some(database.fields()));
        for n in 0..count {
            let at = format!("{}.{}.{}.7", 1 + n / 65536, n / 256 % 256, n % 256);
            let Lookup::Found(offset) = database.lookup(address(&at)) else {
                panic!("{at}")
            };
            assert_eq!(
                parts.facts(&image, offset, Fields::ALL),
                Some(database.facts(offset)),
                "{at}"
            );
            assert_eq!(parts.facts(&image, offset + 1, Fields::ALL), None, "{at}");
            let narrow = parts.facts(&image, offset, Fields::default()).unwrap();
            assert_eq!(
                (narrow.country, narrow.asn),
                (database.facts(offset).country, 0)
            );
        }
    }
}

#[test]
fn what_nobody_asks_for_is_left_out() {
    let bytes = countries(5_000);
    let database = open(&bytes);
    let whole = image(&bytes).len();
    let Lookup::Found(offset) = database.lookup(address("1.0.5.7")) else {
        panic!("not found")
    };
    let facts = database.facts(offset);
    for asked in Field::ALL {
        let mut narrowed = summary(&bytes);
        // A long file has room for all columns.
        narrowed.narrow(Fields::of(asked), 100 << 20);
        let image = appended(narrowed, &bytes);
        let never_made = summary_for(&bytes, Fields::of(asked));
        assert!(image == appended(never_made, &bytes), "{asked:?}");
        assert!(image.len() < whole, "{asked:?}");
        let parts = Image::of(&image);
        let said = |field| parts.facts(&image, offset, Fields::of(field));
        let own = said(asked).expect("what is asked for is there");
        assert_eq!(own.country, facts.country, "what costs nothing is there");
        assert_eq!(said(Field::Country), said(Field::Eu));
        let same = match asked {
            Field::City => own.city == facts.city,
            Field::Asn => own.asn == facts.asn,
            Field::Subdivision => own.subdivisions == facts.subdivisions,
            Field::RegisteredCountry => own.registered_country == facts.registered_country,
            _ => true,
        };
        assert!(same, "{asked:?}: {own:?}");
        // Of the other columns it knows that it does not know them.
        let city = (asked == Field::City).then_some(own);
        assert_eq!(said(Field::City), city, "{asked:?}");
        assert_eq!(parts.facts(&image, offset, Fields::ALL), None);
    }
}

#[test]
fn a_summary_is_small_beside_its_file() {
    // A table of 240 KB, and four columns of 120 KB.
    let bytes = countries(20_000);
    let narrowed = |file: usize| {
        let mut summary = summary(&bytes);
        summary.narrow(Fields::ALL, file);
        summary
    };
    assert_eq!(narrowed(1 << 20).len(0), summary(&bytes).len(0));
    let image = appended(narrowed(0), &bytes);
    let offset = match open(&bytes).lookup(address("1.0.7.7")) {
        Lookup::Found(offset) => offset,
        other => panic!("{other:?}"),
    };
    let parts = Image::of(&image);
    let knows = |field| parts.facts(&image, offset, Fields::of(field)).is_some();
    assert!(knows(Field::Country) && knows(Field::City) && knows(Field::Asn));
    assert!(!knows(Field::Subdivision) && !knows(Field::RegisteredCountry));
}

#[test]
fn what_has_no_place_is_left_out() {
    let bytes = countries(40);
    let database = open(&bytes);
    let mut verification = Verification::new(&database).unwrap();
    while !verification.step(&database, u32::MAX).unwrap() {}
    let mut summary = Summary::new(2, Fields::ALL).unwrap();
    for offset in verification.records() {
        summary.add(&database, *offset);
    }
    let mut image = bytes.clone();
    summary.append_to(&mut image, bytes.len(), usize::MAX);
    let parts = Image::of(&image);
    let said = |offset: &u32| parts.facts(&image, *offset, Fields::ALL);
    let known: Vec<Facts> = verification.records().iter().filter_map(said).collect();
    assert_eq!(known.len(), 10);
}

#[test]
fn a_file_without_a_summary_is_all_file() {
    let bytes = countries(3);
    let parts = Image::of(&bytes);
    assert_eq!(
        (parts.file, parts.facts(&bytes, 0, Fields::ALL)),
        (bytes.len(), None)
    );
    // Whatever of its trailer is another.
    let image = image(&bytes);
    for at in image.len() - 32..image.len() {
        let mut damaged = image.clone();
        damaged[at] ^= 1;
        let file = Image::of(&damaged).file;
        // A few bytes more or less of zeros between the two can be told from nothing.
        assert!(
            file == damaged.len() || file.abs_diff(bytes.len()) < 8,
            "{at}"
        );
    }
}

proptest! {
    #[test]
    fn damage_leads_nowhere(
        at in 0_usize..200,
        with: [u8; 8],
        offset: u32,
        cut in 0_usize..64,
    ) {
        let mut image = image(&countries(9));
        image.truncate(image.len() - cut);
        let from = image.len().saturating_sub(at + 8);
        if let Some(place) = image.get_mut(from..).and_then(|rest| rest.first_chunk_mut()) {
            *place = with;
        }
        let parts = Image::of(&image);
        prop_assert!(parts.file <= image.len());
        let _ = parts.facts(&image, offset, Fields::ALL);
    }
}

#[test]
fn a_path_to_a_code_finds_what_the_record_has() {
    let records = [
        json!({"country": {"iso_code": "DE"}, "continent": {"code": "EU"}}),
        json!({"country": {"iso_code": "de"}, "continent": {"code": "Eu"}}),
        json!({"country": {"iso_code": "DEU"}, "continent": {"code": 7}}),
        json!({"country": {"iso_code": {"of": "DE"}}, "continent": {}}),
        json!({"country_code": "DE", "continent_code": "EU"}),
        json!({"country_code": "FR", "country": {"iso_code": "DE"}}),
        json!({"country": "DE", "continent": "EU"}),
        json!({"city": 1}),
    ];
    let networks = ["10", "11", "12", "13", "14", "15", "16", "17"].map(|n| format!("{n}.0.0.0/8"));
    let networks = networks.iter().map(String::as_str).zip(records);
    let bytes = file(&networks.collect::<Vec<_>>());
    let (image, database) = (image(&bytes), open(&bytes));
    let mut said = Vec::new();
    for words in ["country.iso_code", "continent.code", "country.code", "city"] {
        let path = Path::parse(&[words]).unwrap();
        for n in 10..18 {
            let Lookup::Found(offset) = database.lookup(address(&format!("{n}.0.0.1"))) else {
                panic!("{n} is not found");
            };
            let code = Image::of(&image).value(&image, offset, &path);
            if let Some(code) = code {
                let mut out = Out::new();
                let text = database.value(offset, &path, &mut out);
                assert_eq!(
                    code.map(|code| code.as_bytes().as_slice()),
                    text,
                    "{words} of {n}"
                );
                said.push((words, n, code.is_some()));
            }
        }
    }
    let expected = [
        ("country.iso_code", 10, true),
        ("country.iso_code", 13, false),
        ("country.iso_code", 15, true),
        ("country.iso_code", 17, false),
        ("continent.code", 10, true),
        ("continent.code", 13, false),
        ("continent.code", 15, false),
        ("continent.code", 17, false),
    ];
    assert_eq!(said, expected);
}
