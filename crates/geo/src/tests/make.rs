//! Files that the writer makes, read by `maxminddb` and by ourselves.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::make::{Builder, from_json, parse_network};
use super::super::{Database, Lookup, Width};
use super::record;

fn networks() -> impl Strategy<Value = BTreeMap<IpNet, Value>> {
    let v4 = (any::<u32>(), 0u8..=32).prop_map(|(bits, length)| {
        IpNet::V4(
            Ipv4Net::new(Ipv4Addr::from_bits(bits), length)
                .unwrap()
                .trunc(),
        )
    });
    let v6 = (any::<u128>(), 0u8..=128).prop_map(|(bits, length)| {
        IpNet::V6(
            Ipv6Net::new(Ipv6Addr::from_bits(bits), length)
                .unwrap()
                .trunc(),
        )
    });
    proptest::collection::btree_map(prop_oneof![v4, v6], values(), 1..30)
}

/// Objects of all types JSON and the format share.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        "[a-zé]{0,40}".prop_map(Value::from),
        Just(Value::from("long".repeat(200))),
    ];
    let tree = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-d]{1,6}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    });
    proptest::collection::btree_map("[a-d]{1,6}", tree, 0..4).prop_map(|map| json!(map))
}

/// The record of the smallest network around an address; IPv4 networks lie in `::/96`.
fn expected(networks: &BTreeMap<IpNet, Value>, address: IpAddr) -> Option<&Value> {
    let low = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let around = |network: &IpNet| {
        let length =
            u32::from(network.prefix_len()) + if network.addr().is_ipv4() { 96 } else { 0 };
        let differ = low(network.addr()) ^ low(address);
        (differ.checked_shr(128 - length).unwrap_or(0) == 0).then_some(length)
    };
    let best = networks
        .iter()
        .filter_map(|(network, value)| Some((around(network)?, value)));
    best.max_by_key(|(length, _)| *length)
        .map(|(_, value)| value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        networks in networks(),
        probes in proptest::collection::vec(any::<u128>(), 8),
        width in prop_oneof![Just(None), Just(Some(Width::W28)), Just(Some(Width::W32))],
    ) {
        // 0.0.0.0/0 and ::/96 are the same place.
        prop_assume!(!networks.keys().any(|network| matches!(network, IpNet::V6(v6) if v6.prefix_len() >= 96 && v6.addr().to_bits() >> 32 == 0)));
        let mut builder = Builder::new("Test", 1_234_567);
        if let Some(width) = width {
            builder.width(width);
        }
        for (network, record) in &networks {
            prop_assert!(builder.insert(*network, record).unwrap());
        }
        let bytes = builder.build().unwrap();
        let database = Database::open(bytes.as_slice()).unwrap();
        database.verify().unwrap();
        let reader = maxminddb::Reader::from_source(bytes.as_slice()).unwrap();
        reader.verify().unwrap();
        prop_assert_eq!(database.build_epoch(), 1_234_567);
        let inside = networks.keys().flat_map(|network| [network.network(), network.broadcast()]);
        let random = probes.iter().flat_map(|bits| {
            [IpAddr::V6(Ipv6Addr::from_bits(*bits)), IpAddr::V4(Ipv4Addr::from_bits(*bits as u32))]
        });
        for address in inside.chain(random) {
            if address.to_canonical() != address {
                continue;
            }
            let wanted = expected(&networks, address);
            let theirs: Option<Value> = reader.lookup(address).unwrap().decode().unwrap();
            prop_assert_eq!(theirs.as_ref(), wanted, "{}", address);
            let ours = record(&database, address);
            prop_assert_eq!(ours.as_ref(), wanted, "{}", address);
            let offset = reader.lookup(address).unwrap().offset();
            let found = offset.map_or(Lookup::NotFound, |offset| Lookup::Found(offset as u32));
            prop_assert_eq!(database.lookup(address), found);
        }
    }
}

#[test]
fn records_are_written_once() {
    let record = json!({"country": {"iso_code": "FR", "names": {"en": "France"}}});
    let mut builder = Builder::new("Test", 0);
    for third in 0..=255 {
        let network = parse_network(&format!("10.0.{third}.0/24")).unwrap();
        builder.insert(network, &record).unwrap();
    }
    let many = builder.build().unwrap();
    let database = Database::open(many.as_slice()).unwrap();
    let offsets: Vec<Lookup> = ["10.0.0.1", "10.0.255.1"]
        .map(|text| database.lookup(text.parse().unwrap()))
        .to_vec();
    assert_eq!(offsets, [Lookup::Found(0); 2]);
}

#[test]
fn what_the_format_cannot_hold_is_refused() {
    let mut builder = Builder::new("Test", 0);
    let network = parse_network("192.0.2.0/24").unwrap();
    let error = builder.insert(network, &json!({"a": [null]})).unwrap_err();
    assert_eq!(error, "a MaxMind DB has no null");
    let error = builder
        .insert(network, &json!({"a": "x".repeat(16_900_000)}))
        .unwrap_err();
    assert_eq!(error, "a value is too long for a MaxMind DB");
    let longest = json!({"a": "x".repeat(65_821 + 0x00ff_ffff)});
    let other = parse_network("198.51.100.0/24").unwrap();
    assert_eq!(builder.insert(other, &longest), Ok(true));
    assert!(builder.insert(network, &json!({})).unwrap());
    assert!(!builder.insert(network, &json!({"a": 1})).unwrap());
    builder.ipv4_only();
    builder
        .insert(parse_network("2001:db8::/32").unwrap(), &json!({}))
        .unwrap();
    assert_eq!(
        builder.build().unwrap_err(),
        "2001:db8::/32 in a database of IPv4 networks"
    );
}

#[test]
fn mistakes_in_json_are_named() {
    let make = |text: &str| from_json(text, "Test", 0).unwrap_err();
    assert!(make("{").contains("line 1 column 1"), "{}", make("{"));
    assert_eq!(
        make(r#"{"192.0.2.0/40": {}}"#),
        "invalid network \"192.0.2.0/40\""
    );
    assert_eq!(
        make(r#"{"192.0.2.0/24": 1}"#),
        "the record of 192.0.2.0/24 is no object"
    );
    assert_eq!(
        make(r#"{"192.0.2.0/24": {"a": null}}"#),
        "192.0.2.0/24: a MaxMind DB has no null"
    );
    assert_eq!(
        make(r#"{"192.0.2.0/24": {}, "192.0.2.1/24": {}}"#),
        "192.0.2.1/24 is there twice"
    );
}

#[test]
fn a_file_without_networks_is_neither_made_nor_used() {
    let mut builder = Builder::new("Test", 0);
    assert_eq!(builder.build().unwrap_err(), "there are no networks");
    assert_eq!(
        from_json(" {} ", "Test", 0).unwrap_err(),
        "there are no networks"
    );
    // Somebody else's empty file: one network whose two halves are "nothing".
    let network = parse_network("::/1").unwrap();
    builder
        .insert(network, &json!({"country": {"iso_code": "FR"}}))
        .unwrap();
    let mut bytes = builder.build().unwrap();
    assert_eq!(Database::open(bytes.as_slice()).unwrap().verify(), Ok(()));
    bytes[..6].copy_from_slice(&[0, 0, 1, 0, 0, 1]);
    let database = Database::open(bytes.as_slice()).unwrap();
    assert_eq!(
        database.verify().unwrap_err().to_string(),
        "invalid MaxMind DB file: it has no networks"
    );
}

/// Databases of cities have more than 2^24 bytes: records of 28 bits then use their upper four, which
/// lie apart, left and right in one byte.
#[test]
fn records_beyond_16_mib_are_found() {
    let fill = json!({"a": "x".repeat(16_700_000), "b": "y".repeat(100_000)});
    let country = |code: &str| json!({"country": {"iso_code": code}});
    let mut builder = Builder::new("Test", 0);
    builder.ipv4_only();
    let networks = [
        ("0.0.0.0/2", fill),
        ("64.0.0.0/2", country("FR")),
        ("128.0.0.0/2", country("US")),
        ("192.0.0.0/2", country("DE")),
    ];
    for (network, record) in &networks {
        builder
            .insert(parse_network(network).unwrap(), record)
            .unwrap();
    }
    let bytes = builder.build().unwrap();
    let reader = maxminddb::Reader::from_source(bytes.as_slice()).unwrap();
    assert_eq!(reader.metadata().record_size, 28);
    let database = Database::open(bytes.as_slice()).unwrap();
    assert_eq!(database.verify(), Ok(()));
    for (network, wanted) in networks.iter().skip(1) {
        let address = parse_network(network).unwrap().addr();
        let theirs: Option<Value> = reader.lookup(address).unwrap().decode().unwrap();
        assert_eq!(theirs.as_ref(), Some(wanted), "as maxminddb reads it");
        assert_eq!(record(&database, address).as_ref(), Some(wanted));
    }
    builder.width(Width::W24);
    assert_eq!(builder.build().unwrap_err(), "too large for a MaxMind DB");
}
