//! The fields of rules over databases of several vendors.

use serde_json::{Value, json};

use super::super::{Action, Anonymous, Code, Database, Facts, Field, RuleList, Subdivision};
use super::{facts, file, open};

fn code(text: &str) -> Option<Code> {
    Code::new(text.as_bytes())
}

fn part(text: &str) -> Option<Subdivision> {
    Subdivision::new(text.as_bytes())
}

/// What a record says.
fn says(record: Value) -> Facts {
    facts(&open(&file(&[("192.0.2.0/24", record)])), "192.0.2.1")
}

#[test]
fn maxmind_and_db_ip() {
    let city = says(json!({
        "city": {"geoname_id": 2_643_743, "names": {"en": "London"}},
        "continent": {"code": "EU", "geoname_id": 6_255_148},
        "country": {"iso_code": "GB", "geoname_id": 2_635_167},
        "registered_country": {"iso_code": "US", "is_in_european_union": false},
        "represented_country": {"iso_code": "FR", "type": "military"},
        "subdivisions": [{"iso_code": "ENG"}, {"iso_code": "WBK"}, {"iso_code": "XYZ"}],
        "traits": {"is_anonymous_proxy": true, "autonomous_system_number": 64_496},
    }));
    assert_eq!(
        (city.country, city.registered_country),
        (code("GB"), code("US"))
    );
    assert_eq!((city.city, city.asn), (2_643_743, 64_496));
    assert_eq!(city.subdivisions, [part("GB-ENG"), part("gb-wbk")]);
    assert!(city.anonymous.meets(Anonymous::PROXY) && !city.anonymous.meets(Anonymous::TOR));
    let asn = says(json!({"autonomous_system_number": 4_294_967_295_u32}));
    assert_eq!(asn.asn, u32::MAX);
    // DB-IP's free city file has names only.
    let lite = says(
        json!({"country": {"iso_code": "AU"}, "city": {"names": {"en": "Perth"}}, "subdivisions": [{"names": {"en": "WA"}}]}),
    );
    assert_eq!((lite.city, lite.subdivisions), (0, [None, None]));
}

#[test]
fn anonymous_addresses() {
    for (record, words) in [
        (
            json!({"is_anonymous": true, "is_anonymous_vpn": true}),
            "vpn",
        ),
        (
            json!({"is_anonymous": true, "is_hosting_provider": true, "is_tor_exit_node": true}),
            "hosting,tor",
        ),
        (json!({"is_public_proxy": true}), "proxy"),
        (json!({"is_residential_proxy": true}), "proxy"),
        (json!({"is_anonymous": true}), "any"),
        (json!({"is_anonymous": false}), "no"),
        // IPinfo's, as texts and as booleans, side by side and in a group.
        (
            json!({"hosting": "true", "proxy": "", "relay": "", "service": "", "tor": "false", "vpn": "true"}),
            "vpn,hosting",
        ),
        (json!({"relay": "true", "service": "Example"}), "any"),
        (
            json!({"anonymous": {"is_vpn": true, "is_tor": false}, "is_hosting": true}),
            "vpn,hosting",
        ),
        (json!({"anonymous": true, "vpn": [1]}), "-"),
    ] {
        assert_eq!(
            says(record.clone()).anonymous.to_string(),
            words,
            "{record}"
        );
    }
}

#[test]
fn ipinfo() {
    let lite = says(json!({
        "as_domain": "example.net", "as_name": "Example", "asn": "AS64496",
        "continent": "North America", "continent_code": "NA", "country": "United States", "country_code": "US",
    }));
    assert_eq!(
        (lite.country, lite.continent, lite.asn),
        (code("US"), code("NA"), 64_496)
    );
    let older = says(
        json!({"asn": "as64497", "continent": "EU", "continent_name": "Europe", "country": "FR", "country_name": "France"}),
    );
    assert_eq!(
        (older.country, older.continent, older.asn),
        (code("FR"), code("EU"), 64_497)
    );
    let place = says(
        json!({"city": "Toronto", "country": "CA", "geoname_id": "6167865", "region": "Ontario", "region_code": "ON"}),
    );
    assert_eq!(
        (place.city, place.subdivisions),
        (6_167_865, [part("CA-ON"), None])
    );
    let grouped = says(
        json!({"geo": {"country": "Japan", "country_code": "JP", "region_code": "32"}, "as": {"asn": "AS18144"}}),
    );
    assert_eq!(
        (grouped.country, grouped.asn, grouped.subdivisions[0]),
        (code("JP"), 18_144, part("JP-32"))
    );
}

#[test]
fn what_has_another_type_is_not_there() {
    for record in [
        json!({"country": {"iso_code": 33}, "registered_country": "FR", "asn": {"asn": 1}, "city": 7}),
        json!({"autonomous_system_number": "AS", "geoname_id": -1, "subdivisions": {"0": {"iso_code": "CA"}}}),
        json!({"autonomous_system_number": "AS4294967296", "asn": "+1", "region_code": "Ontario", "country_code": "USA"}),
        // A part of no country.
        json!({"subdivisions": [{"iso_code": "CA"}], "region_code": ""}),
        json!({"traits": {"traits": {"autonomous_system_number": 1}}}),
        json!({"asn": ""}),
    ] {
        let bare = Facts {
            found: true,
            ..Facts::UNKNOWN
        };
        assert_eq!(says(record.clone()), bare, "{record}");
    }
    let long = says(
        json!({"country": {"iso_code": "FR"}, "subdivisions": [{"iso_code": "FR-69"}, {"iso_code": "US-CA"}]}),
    );
    assert_eq!(long.subdivisions, [part("FR-69"), None]);
}

#[test]
fn codes_of_subdivisions() {
    for text in ["US-CA", "FR-69", "GB-ENG", "AL-1", "FR-ARA", "CZ-10A"] {
        assert_eq!(part(text).unwrap().to_string(), text);
        assert_eq!(part(&text.to_lowercase()), part(text));
    }
    for text in [
        "", "US", "US-", "-CA", "USCA", "US-CALI", "US-C!", "U1-CA", "US_CA", "US-CÄ",
    ] {
        assert_eq!(part(text), None, "{text}");
    }
}

fn verdict(rule: &str, facts: Facts) -> bool {
    let mut list = RuleList::new();
    let words: Vec<&str> = rule.split(' ').collect();
    let mut read = |_: &str| Err(String::new());
    list.push(Action::Deny, &words, "", &mut read).unwrap();
    list.evaluate(None, || facts).is_some()
}

#[test]
fn rules_ask_for_them() {
    let facts = says(json!({
        "country": {"iso_code": "GB"}, "registered_country": {"iso_code": "US"}, "city": {"geoname_id": 5},
        "subdivisions": [{"iso_code": "ENG"}, {"iso_code": "WBK"}], "autonomous_system_number": 64_496,
        "traits": {"is_anonymous_vpn": true, "is_tor_exit_node": false},
    }));
    for rule in [
        "registered_country=US",
        "registered_country=fr,us",
        "subdivision=GB-ENG",
        "subdivision=us-ca,gb-wbk",
        "city=5",
        "city=1,5,9",
        "asn=64496",
        "asn=AS64496",
        "asn=1,as64496",
        "anonymous=vpn",
        "anonymous=tor,vpn",
        "anonymous=any",
        "registered_country=US country=GB asn=64496 anonymous=any",
    ] {
        assert!(verdict(rule, facts), "{rule}");
        assert!(!verdict(rule, Facts::UNKNOWN), "{rule}");
        assert!(
            !verdict(
                rule,
                Facts {
                    found: true,
                    ..Facts::UNKNOWN
                }
            ),
            "{rule}"
        );
    }
    for rule in [
        "registered_country=GB",
        "subdivision=US-ENG",
        "subdivision=GB-EN",
        "city=4,6",
        "asn=64497",
        "anonymous=tor",
        "anonymous=proxy,hosting",
        "registered_country=US asn=1",
    ] {
        assert!(!verdict(rule, facts), "{rule}");
    }
}

#[test]
fn values_that_are_none_are_named() {
    let refused = |rule: &str| {
        let mut read = |_: &str| Err(String::new());
        RuleList::new()
            .push(Action::Deny, &[rule], "", &mut read)
            .unwrap_err()
    };
    for (rule, what, hint) in [
        (
            "registered_country=USA",
            "registered_country \"USA\"",
            "two letters, ISO 3166-1 alpha-2",
        ),
        (
            "subdivision=CA",
            "subdivision \"CA\"",
            "a code of ISO 3166-2 such as \"US-CA\"",
        ),
        ("city=London", "city \"London\"", "a GeoNames id, a number"),
        ("city=0", "city \"0\"", "a GeoNames id, a number"),
        (
            "asn=AS",
            "asn \"AS\"",
            "a number such as \"64496\" or \"AS64496\"",
        ),
        (
            "asn=4294967296",
            "asn \"4294967296\"",
            "a number such as \"64496\" or \"AS64496\"",
        ),
        (
            "asn=-1",
            "asn \"-1\"",
            "a number such as \"64496\" or \"AS64496\"",
        ),
        (
            "anonymous=VPN",
            "anonymous \"VPN\"",
            "vpn, proxy, hosting, tor or any",
        ),
        (
            "anonymous=yes",
            "anonymous \"yes\"",
            "vpn, proxy, hosting, tor or any",
        ),
    ] {
        let wanted = format!("invalid {what} in \"geoip_deny\" directive, it must be {hint}");
        assert_eq!(refused(rule), wanted);
    }
}

#[test]
fn the_first_database_that_has_a_field_answers_it() {
    let first = says(
        json!({"country": {"iso_code": "FR"}, "subdivisions": [{"iso_code": "69"}], "is_anonymous": false}),
    );
    let second = says(json!({
        "country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "CA"}, {"iso_code": "1"}], "city": {"geoname_id": 5},
        "autonomous_system_number": 7, "registered_country": {"iso_code": "US"}, "is_tor_exit_node": true,
    }));
    let both = first.or(second);
    assert_eq!(
        (both.country, both.registered_country),
        (code("FR"), code("US"))
    );
    // A subdivision is never that of another country.
    assert_eq!(both.subdivisions, [part("FR-69"), None]);
    assert_eq!((both.city, both.asn), (5, 7));
    assert!(both.anonymous.meets(Anonymous::TOR));
    assert_eq!(second.or(first).asn, 7);
}

#[test]
fn a_database_says_which_it_has() {
    let fields = |record: Value| {
        let bytes = file(&[("192.0.2.0/24", record)]);
        let database = Database::open(bytes.as_slice()).unwrap();
        let has = Field::ALL
            .into_iter()
            .filter(|field| database.has_field(*field));
        has.map(Field::name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        fields(json!({"asn": "AS1", "country_code": "FR"})),
        "country asn"
    );
    assert_eq!(fields(json!({"is_anonymous": false})), "anonymous");
    let all = json!({
        "country": {"iso_code": "FR", "is_in_european_union": true}, "registered_country": {"iso_code": "FR"},
        "continent": {"code": "EU"}, "subdivisions": [{"iso_code": "69"}], "city": {"geoname_id": 5},
        "traits": {"autonomous_system_number": 1, "is_anonymous_vpn": false},
    });
    assert_eq!(
        fields(all),
        "country registered_country continent subdivision city asn eu anonymous"
    );
}

/// Thousands of members that all lead to one long list: a reader that looks into each does not end.
#[test]
fn a_record_of_many_maps_is_read_in_no_time() {
    for member in [
        "traits",
        "subdivisions",
        "country",
        "city",
        "registered_country",
        "continent",
    ] {
        let mut data = Vec::new();
        // At 0 the key; behind it a map of 20,000 pairs of that key and an empty string.
        data.push(0x40 | member.len() as u8);
        data.extend(member.as_bytes());
        let long = data.len();
        let count = 20_000_u16;
        data.extend([0xfe, ((count - 285) >> 8) as u8, (count - 285) as u8]);
        for _ in 0..count {
            data.extend([0x20, 0, 0x40]);
        }
        // The record: as many pairs of the key and that map.
        let record = data.len();
        data.extend([0xfe, ((count - 285) >> 8) as u8, (count - 285) as u8]);
        for _ in 0..count {
            data.extend([0x20, 0, 0x20, long as u8]);
        }
        let bytes = super::broken::crafted_at(record as u32, &data);
        let database = open(&bytes);
        let before = std::time::Instant::now();
        let _ = database.facts(record as u32);
        assert!(
            before.elapsed().as_secs() < 5,
            "{member}: {:?}",
            before.elapsed()
        );
    }
}
