//! Lookups, facts and values of sound databases.

use serde_json::json;

use super::super::{Code, Database, Error, Eu, Facts, Field, Lookup, Out, Path};
use super::{address, facts, file, open, record as record_of};
use crate::Width;
use crate::make::{Builder, parse_network};

fn code(text: &str) -> Option<Code> {
    Code::new(text.as_bytes())
}

fn value(database: &Database<&[u8]>, ip: &str, path: &[&str]) -> Option<String> {
    let Lookup::Found(offset) = database.lookup(address(ip)) else {
        return None;
    };
    let mut out = Out::new();
    let text = database.value(offset, &Path::parse(path).unwrap(), &mut out)?;
    Some(String::from_utf8(text.to_vec()).unwrap())
}

#[test]
fn facts_of_records() {
    let bytes = file(&[
        (
            "192.0.2.0/24",
            json!({"continent": {"code": "EU"}, "country": {"is_in_european_union": true, "iso_code": "FR"}}),
        ),
        (
            "198.51.100.0/24",
            json!({"country": {"iso_code": "US", "names": {"en": "United States"}}}),
        ),
        (
            "203.0.113.0/24",
            json!({"continent": {"code": "AN"}, "city": {"geoname_id": 1}}),
        ),
        (
            "10.0.0.0/8",
            json!({"country": {"iso_code": "A1"}, "continent": "Europe"}),
        ),
        ("10.1.0.0/16", json!({"country": 33, "continent": ["EU"]})),
        ("2001:db8::/32", json!({"country": {"iso_code": "de"}})),
    ]);
    let database = open(&bytes);
    let fr = Facts {
        country: code("FR"),
        continent: code("EU"),
        eu: Eu::Yes,
        found: true,
        ..Facts::UNKNOWN
    };
    assert_eq!(facts(&database, "192.0.2.1"), fr);
    assert_eq!(facts(&database, "::ffff:192.0.2.1"), fr);
    // The database carries the flag, so its absence says no.
    let us = Facts {
        country: code("US"),
        continent: None,
        eu: Eu::No,
        found: true,
        ..Facts::UNKNOWN
    };
    assert_eq!(facts(&database, "198.51.100.255"), us);
    let ice = Facts {
        continent: code("AN"),
        city: 1,
        found: true,
        ..Facts::UNKNOWN
    };
    assert_eq!(facts(&database, "203.0.113.9"), ice);
    let bare = Facts {
        found: true,
        ..Facts::UNKNOWN
    };
    assert_eq!(
        facts(&database, "10.0.0.1"),
        bare,
        "a code with a digit, the name of a continent"
    );
    assert_eq!(facts(&database, "10.1.0.1"), bare);
    assert_eq!(facts(&database, "2001:db8:1::1").country, code("DE"));
    assert_eq!(facts(&database, "2001:db9::1"), Facts::UNKNOWN);
    assert_eq!(facts(&database, "192.0.3.0"), Facts::UNKNOWN);
}

#[test]
fn without_the_eu_flag_nothing_is_said_of_the_eu() {
    let bytes = file(&[("192.0.2.0/24", json!({"country": {"iso_code": "FR"}}))]);
    assert_eq!(facts(&open(&bytes), "192.0.2.1").eu, Eu::Unknown);
}

#[test]
fn fields_come_from_the_records() {
    let bytes = file(&[
        ("192.0.2.0/24", json!({"continent": {"code": "EU"}})),
        ("198.51.100.0/24", json!({"country": {"iso_code": "US"}})),
    ]);
    let database = open(&bytes);
    assert!(database.has_field(Field::Country) && database.has_field(Field::Continent));
    assert!(!database.has_field(Field::Eu));
    // A name alone promises nothing.
    let mut builder = Builder::new("GeoLite2-Country", 0);
    builder
        .insert(
            "192.0.2.0/24".parse().unwrap(),
            &json!({"autonomous_system_organization": "Example"}),
        )
        .unwrap();
    let bytes = builder.build().unwrap();
    assert!(
        Field::ALL
            .into_iter()
            .all(|field| !open(&bytes).has_field(field))
    );
}

#[test]
fn an_ipv4_database_has_no_ipv6_addresses() {
    let mut builder = Builder::new("Test", 0);
    builder.ipv4_only();
    builder
        .insert(
            "0.0.0.0/0".parse().unwrap(),
            &json!({"country": {"iso_code": "FR"}}),
        )
        .unwrap();
    let bytes = builder.build().unwrap();
    let database = open(&bytes);
    assert_eq!(database.ip_version(), 4);
    assert_eq!(database.lookup(address("2001:db8::1")), Lookup::NotFound);
    assert_eq!(facts(&database, "255.255.255.255").country, code("FR"));
    assert_eq!(facts(&database, "::ffff:1.2.3.4").country, code("FR"));
    database.verify().unwrap();
}

#[test]
fn an_ipv6_network_may_hold_all_ipv4_addresses() {
    let bytes = file(&[("::/8", json!({"country": {"iso_code": "FR"}}))]);
    assert_eq!(facts(&open(&bytes), "192.0.2.1").country, code("FR"));
    let bytes = file(&[("2001:db8::/32", json!({"country": {"iso_code": "FR"}}))]);
    assert_eq!(facts(&open(&bytes), "192.0.2.1"), Facts::UNKNOWN);
}

#[test]
fn values_print_as_text() {
    let record = json!({
        "names": {"en": "Köln", "with.dot": "yes", "feed": "a\nb", "del": "a\u{7f}"},
        "small": 0, "large": 18_446_744_073_709_551_615_u64, "negative": -7, "real": -12.5,
        "huge": 1e300, "yes": true, "no": false,
        "list": [{"code": "A"}, {"code": "B"}], "digits": {"1": "one"}, "empty": "",
    });
    let bytes = file(&[("192.0.2.0/24", record)]);
    let database = open(&bytes);
    let get = |path: &[&str]| value(&database, "192.0.2.1", path);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(get(&["names.en"]), some("Köln"));
    assert_eq!(get(&["names", "with.dot"]), some("yes"));
    assert_eq!(get(&["names.with.dot"]), None);
    assert_eq!((get(&["names.feed"]), get(&["names.del"])), (None, None));
    assert_eq!(get(&["small"]), some("0"));
    assert_eq!(get(&["large"]), some("18446744073709551615"));
    assert_eq!(get(&["negative"]), some("-7"));
    assert_eq!(get(&["real"]), some("-12.50000"));
    assert_eq!(get(&["huge"]), None, "longer than the room for it");
    assert_eq!((get(&["yes"]), get(&["no"])), (some("1"), some("0")));
    assert_eq!(
        (get(&["list.0.code"]), get(&["list.1.code"])),
        (some("A"), some("B"))
    );
    assert_eq!((get(&["list.2.code"]), get(&["list.x.code"])), (None, None));
    assert_eq!(get(&["digits.1"]), some("one"));
    assert_eq!(get(&["empty"]), some(""));
    assert_eq!(
        (
            get(&["names"]),
            get(&["list"]),
            get(&["names.en.x"]),
            get(&["none"])
        ),
        (None, None, None, None)
    );
}

#[test]
fn paths_have_no_empty_steps() {
    for words in [&[] as &[&str], &[""], &["a..b"], &["a."], &["a", ""]] {
        let error = Path::parse(words).unwrap_err();
        assert_eq!(error, format!("invalid path \"{}\"", words.join(" ")));
    }
}

#[test]
fn facts_add_up() {
    let first = Facts {
        country: code("FR"),
        found: true,
        ..Facts::UNKNOWN
    };
    let second = Facts {
        country: code("RU"),
        continent: code("EU"),
        eu: Eu::No,
        found: true,
        ..Facts::UNKNOWN
    };
    let both = first.or(second);
    assert_eq!(
        both,
        Facts {
            country: code("FR"),
            continent: code("EU"),
            eu: Eu::No,
            found: true,
            ..Facts::UNKNOWN
        }
    );
    assert_eq!(Facts::UNKNOWN.or(Facts::UNKNOWN), Facts::UNKNOWN);
    for one in [first, second] {
        assert!(one.or(Facts::UNKNOWN).found && Facts::UNKNOWN.or(one).found);
    }
}

#[test]
fn what_is_no_database_is_named_so() {
    for bytes in [&b""[..], b"<html>", &[0; 4096]] {
        let error = Database::open(bytes).unwrap_err();
        assert_eq!(error, Error::NotMaxMind);
        assert_eq!(error.to_string(), "not a MaxMind DB file");
    }
    let error = Database::open(&b"\xab\xcd\xefMaxMind.com"[..])
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("invalid MaxMind DB file: "), "{error}");
}

#[test]
fn people_see_the_record_and_its_network() {
    let record = json!({"country": {"iso_code": "FR"}, "n": [1, -2, 2.5, true]});
    let bytes = file(&[("192.0.2.0/25", record.clone())]);
    let database = open(&bytes);
    assert_eq!(record_of(&database, address("192.0.2.1")), Some(record));
    assert_eq!(
        database.network(address("192.0.2.1")).unwrap(),
        (address("192.0.2.0"), 25)
    );
    assert_eq!(record_of(&database, address("192.0.2.200")), None);
}

#[test]
fn a_prepared_database_answers_the_same() {
    const IPV4: [&str; 5] = [
        "0.0.0.0/1",
        "192.0.2.0/24",
        "192.0.2.128/32",
        "203.0.0.0/14",
        "224.0.0.0/13",
    ];
    const IPV6: [&str; 5] = [
        "2001:db8::/32",
        "2001:db8:1::/48",
        "2001:db8::1/128",
        "8000::/1",
        "4000::/15",
    ];
    let ends = |network: &str| {
        let network = parse_network(network).unwrap();
        [network.network(), network.broadcast()]
    };
    let mut tried: Vec<_> = IPV4.into_iter().chain(IPV6).flat_map(ends).collect();
    let others = ["192.0.1.255", "192.0.3.0", "::", "::1", "2002::"];
    tried.extend(others.map(address));
    tried.push(address("::ffff:192.0.2.1"));
    for (width, ipv6) in [
        (Width::W24, &IPV6[..]),
        (Width::W28, &IPV6[..]),
        (Width::W32, &IPV6[..]),
        (Width::W24, &[]),
    ] {
        let mut builder = Builder::new("Test", 1_700_000_000);
        builder.width(width);
        if ipv6.is_empty() {
            builder.ipv4_only();
        }
        for network in IPV4.iter().chain(ipv6) {
            let record = json!({ "network": network });
            let network = parse_network(network).unwrap();
            builder.insert(network, &record).unwrap();
        }
        let bytes = builder.build().unwrap();
        let plain = open(&bytes);
        let mut prepared = open(&bytes);
        prepared.prepare();
        for address in &tried {
            let (fast, slow) = (prepared.lookup(*address), plain.lookup(*address));
            assert_eq!(fast, slow, "{address}");
        }
        let known = address("192.0.2.1");
        assert!(matches!(prepared.lookup(known), Lookup::Found(_)));
    }
}
