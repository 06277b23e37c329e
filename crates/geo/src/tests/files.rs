//! The databases in `t/data`, which the scenarios of `t/` use.

use std::path::{Path, PathBuf};

use super::super::{Database, Eu, Field, Lookup, Out, make};
use super::{address, facts};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../t/data")
        .join(name)
}

/// Name, type and build time of each.
const FILES: [(&str, &str, u64); 4] = [
    ("geo", "Gatehouse-Test-City", 1_700_000_000),
    ("geo2", "Gatehouse-Test-City", 1_700_086_400),
    ("asn", "Gatehouse-Test-ASN", 1_700_000_000),
    ("shapes", "Gatehouse-Test-Shapes", 1_700_000_000),
];

#[test]
fn files_are_what_their_sources_make() {
    for (name, database_type, epoch) in FILES {
        let source = std::fs::read_to_string(data(&format!("{name}.json"))).unwrap();
        let made = make::from_json(&source, database_type, epoch).unwrap();
        let path = data(&format!("{name}.mmdb"));
        if std::env::var_os("GENERATE").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let kept = std::fs::read(path).unwrap();
        assert!(
            made == kept,
            "t/data/{name}.mmdb is not current: run scripts/generate"
        );
        assert!(kept.len() <= 10_240);
        Database::open(kept).unwrap().verify().unwrap();
    }
}

#[test]
fn scenarios_may_rely_on_these_answers() {
    let database = Database::open(std::fs::read(data("geo.mmdb")).unwrap()).unwrap();
    let of = |ip: &str| {
        let facts = facts(&database, ip);
        let country = facts.country.map_or(String::new(), |code| code.to_string());
        let continent = facts
            .continent
            .map_or(String::new(), |code| code.to_string());
        (country, continent, facts.eu, facts.found)
    };
    let known =
        |country: &str, continent: &str, eu| (country.to_owned(), continent.to_owned(), eu, true);
    assert_eq!(of("192.0.2.1"), known("FR", "EU", Eu::Yes));
    assert_eq!(of("198.51.100.1"), known("US", "NA", Eu::No));
    assert_eq!(of("203.0.113.1"), known("RU", "EU", Eu::No));
    assert_eq!(of("2001:db8::1"), known("DE", "EU", Eu::Yes));
    assert_eq!(of("127.0.0.1"), known("JP", "AS", Eu::No));
    assert_eq!(of("127.0.0.2"), known("KP", "AS", Eu::No));
    assert_eq!(of("127.0.0.3"), known("", "AN", Eu::Unknown));
    assert!(!facts(&database, "127.0.0.4").found);
    let city = |ip: &str| {
        let Lookup::Found(offset) = database.lookup(address(ip)) else {
            panic!()
        };
        let path = super::super::Path::parse(&["city.names.en"]).unwrap();
        database
            .value(offset, &path, &mut Out::new())
            .map(|text| text.to_vec())
    };
    assert_eq!(city("203.0.113.1").unwrap(), "Москва".as_bytes());
    assert_eq!(city("192.0.2.200"), None, "its name has a line feed");
    let second = Database::open(std::fs::read(data("geo2.mmdb")).unwrap()).unwrap();
    assert_eq!(facts(&second, "127.0.0.1").country.unwrap().as_str(), "RU");
    let asn = Database::open(std::fs::read(data("asn.mmdb")).unwrap()).unwrap();
    let has = |database: &Database<Vec<u8>>| {
        let has = Field::ALL
            .into_iter()
            .filter(|field| database.has_field(*field));
        has.map(Field::name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(has(&asn), "asn");
    assert_eq!(has(&database), "country continent subdivision city eu");
}
