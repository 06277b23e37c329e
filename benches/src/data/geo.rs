//! Databases of the shapes that GeoLite2-City and GeoLite2-Country have, and addresses to look up.

use super::seed::mix;
use gatehouse_geo::make::Builder;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of either family: one in five is IPv6.
const NETWORKS: usize = 300_000;
/// Distinct records of the City database.
const RECORDS: usize = 120_000;
/// One network in sixteen is in the country that the rule refuses, the last one.
const COUNTRIES: [(&str, &str); 16] = [
    ("US", "NA"),
    ("DE", "EU"),
    ("FR", "EU"),
    ("JP", "AS"),
    ("BR", "SA"),
    ("IN", "AS"),
    ("GB", "EU"),
    ("CA", "NA"),
    ("AU", "OC"),
    ("ZA", "AF"),
    ("SE", "EU"),
    ("MX", "NA"),
    ("IT", "EU"),
    ("ID", "AS"),
    ("PL", "EU"),
    ("RU", "EU"),
];
const LANGUAGES: [&str; 8] = ["de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"];

/// An address of a country that may pass.
pub(crate) fn allowed(n: usize) -> IpAddr {
    let network = mix(n) % NETWORKS;
    address(
        if is_refused(network) {
            network - 1
        } else {
            network
        },
        mix(n),
    )
}

/// An address of the refused country.
pub(crate) fn refused(n: usize) -> IpAddr {
    address(mix(n) % (NETWORKS / 16) * 16 + 15, mix(n))
}

/// An address that no network has.
pub(crate) fn unknown(n: usize) -> IpAddr {
    let [.., b, c, d] = mix(n).to_be_bytes();
    Ipv4Addr::new(10, b, c, d).into()
}

fn is_refused(network: usize) -> bool {
    network % 16 == 15
}

/// A database with one record a network.
pub(crate) fn database(name: &str, record: fn(usize) -> Value) -> Result<Vec<u8>, String> {
    let mut builder = Builder::new(name, 1_700_000_000);
    for n in 0..NETWORKS {
        builder.insert(network(n)?, &record(n))?;
    }
    builder.build()
}

/// The n-th network: IPv4 of 16 to 4,096 addresses, IPv6 of /32 to /48.
fn network(n: usize) -> Result<IpNet, String> {
    let net = match start(n) {
        IpAddr::V4(at) => Ipv4Net::new(at, 20 + (mix(n) % 9) as u8).map(IpNet::from),
        IpAddr::V6(at) => Ipv6Net::new(at, 32 + (mix(n) % 17) as u8).map(IpNet::from),
    };
    net.map_err(|e| e.to_string())
}

/// Where the n-th network begins; the networks lie far enough apart for the largest.
fn start(n: usize) -> IpAddr {
    if n % 5 == 4 {
        Ipv6Addr::from((0x2a << 120) | ((n as u128) << 96)).into()
    } else {
        Ipv4Addr::from(0x0b00_0000 + n as u32 * 0x2000).into()
    }
}

/// An address of the n-th network.
fn address(n: usize, salt: usize) -> IpAddr {
    match start(n) {
        IpAddr::V4(at) => Ipv4Addr::from(u32::from(at) | (salt >> 20) as u32 & 0xf).into(),
        IpAddr::V6(at) => Ipv6Addr::from(u128::from(at) | salt as u128 & 0xffff_ffff_ffff).into(),
    }
}

/// The n-th network's record as GeoLite2-City has it.
pub(crate) fn city(n: usize) -> Value {
    // The country stays that of the network.
    let r = mix(n) % (RECORDS / 16) * 16 + n % 16;
    let place = r % 20_000;
    json!({
        "city": {"geoname_id": 2_000_000 + place, "names": names("Town", place)},
        "continent": continent(r),
        "country": nation(r),
        "location": {
            "accuracy_radius": 5 << (r % 5),
            "latitude": (mix(r) % 1_600_000) as f64 / 10_000.0 - 80.0,
            "longitude": (mix(r + 1) % 3_600_000) as f64 / 10_000.0 - 180.0,
            "time_zone": format!("Europe/Zone{}", r % 300),
        },
        "postal": {"code": format!("{:05}", r % 100_000)},
        "registered_country": nation(mix(r)),
        "subdivisions": [{
            "geoname_id": 3_000_000 + r % 3_000,
            "iso_code": format!("{:02}", r % 90),
            "names": names("Land", r % 3_000),
        }],
    })
}

/// The n-th network's record as GeoLite2-Country has it.
pub(crate) fn country(n: usize) -> Value {
    json!({"continent": continent(n), "country": nation(n), "registered_country": nation(mix(n))})
}

fn continent(n: usize) -> Value {
    let (_, code) = of(n);
    json!({"code": code, "geoname_id": 6_255_148, "names": names(code, 0)})
}

fn nation(n: usize) -> Value {
    let (code, continent) = of(n);
    let mut nation =
        json!({"geoname_id": 1_000_000 + n % 16, "iso_code": code, "names": names(code, 0)});
    if continent == "EU" && !matches!(code, "GB" | "RU") {
        nation
            .as_object_mut()
            .map(|members| members.insert("is_in_european_union".to_owned(), true.into()));
    }
    nation
}

fn of(n: usize) -> (&'static str, &'static str) {
    COUNTRIES.get(n % 16).copied().unwrap_or(("", ""))
}

fn names(what: &str, n: usize) -> Value {
    LANGUAGES
        .iter()
        .map(|language| (*language, format!("{what} {n} {language}")))
        .collect()
}
