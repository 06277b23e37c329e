//! A summary says what the records say, and a damaged one nothing that is dangerous.

use super::{address, file, open};
use crate::{Database, Facts, Image, Lookup, Summary, Verification};
use proptest::prelude::*;
use serde_json::json;

/// The image of a file, as the host makes it.
fn image(bytes: &[u8]) -> Vec<u8> {
    let database = Database::open(bytes).unwrap();
    let mut verification = Verification::new(&database).unwrap();
    while !verification.step(&database, 1000).unwrap() {}
    let mut summary = Summary::new(verification.records().len()).unwrap();
    for offset in verification.records() {
        summary.add(&database, *offset);
    }
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
                parts.facts(&image, offset, true),
                Some(database.facts(offset)),
                "{at}"
            );
            assert_eq!(parts.facts(&image, offset + 1, true), None, "{at}");
            let narrow = parts.facts(&image, offset, false).unwrap();
            assert_eq!(
                (narrow.country, narrow.asn),
                (database.facts(offset).country, 0)
            );
        }
    }
}

#[test]
fn what_has_no_place_is_left_out() {
    let bytes = countries(40);
    let database = open(&bytes);
    let mut verification = Verification::new(&database).unwrap();
    while !verification.step(&database, u32::MAX).unwrap() {}
    let mut summary = Summary::new(2).unwrap();
    for offset in verification.records() {
        summary.add(&database, *offset);
    }
    let mut image = bytes.clone();
    summary.append_to(&mut image, bytes.len(), usize::MAX);
    let parts = Image::of(&image);
    let said = |offset: &u32| parts.facts(&image, *offset, true);
    let known: Vec<Facts> = verification.records().iter().filter_map(said).collect();
    assert_eq!(known.len(), 6);
}

#[test]
fn a_file_without_a_summary_is_all_file() {
    let bytes = countries(3);
    let parts = Image::of(&bytes);
    assert_eq!(
        (parts.file, parts.facts(&bytes, 0, true)),
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
        let _ = parts.facts(&image, offset, true);
    }
}
