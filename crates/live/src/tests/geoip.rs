//! How a database is read and verified, and how long the longest step of that is.

use super::cost::{Cost, PART};
use super::world::TestWorld;
use crate::geoip::load;
use crate::geoip::loading::{Checking, Reading};
use crate::world::World;
use gatehouse_base::memory::free_part;
use gatehouse_geo::make::{Builder, parse_network};
use gatehouse_geo::{Database, Fields};
use serde_json::json;
use std::path::Path;

const FILE: &str = "/city.mmdb";

/// A database with so many networks, each with a record of its own.
fn database(networks: usize) -> Vec<u8> {
    let mut builder = Builder::new("Test-City", 1_700_000_000);
    for n in 0..networks {
        let [_, a, b, c] = u32::try_from(n).unwrap().to_be_bytes();
        let network = parse_network(&format!("{}.{b}.{c}.0/24", 16 + a)).unwrap();
        let record = json!({
            "city": {"names": {"en": format!("City of the number {n}")}},
            "country": {"iso_code": "FR", "is_in_european_union": true},
            "continent": {"code": "EU"},
            "location": {"latitude": n as f64, "longitude": 1.5, "time_zone": "Europe/Paris"},
        });
        builder.insert(network, &record).unwrap();
    }
    builder.build().unwrap()
}

#[test]
fn a_database_is_read_and_verified_whole() {
    let world = TestWorld::default();
    world.replace(FILE, database(50));
    let path = Path::new(FILE);
    assert_eq!(load(&world, path).unwrap().stamp, 0, "just written");
    world.advance(1_000);
    let loaded = load(&world, path).unwrap();
    let stamp = world.stat(path).unwrap();
    assert_eq!(
        (loaded.stamp, loaded.database().build_epoch()),
        (stamp.number(), 1_700_000_000)
    );
    for (bytes, why) in [
        (b"no database".to_vec(), "is not a MaxMind DB file"),
        (broken(), "is an invalid MaxMind DB file: the search tree"),
    ] {
        world.replace(FILE, bytes);
        let refused = load(&world, path).err().unwrap();
        assert!(refused.starts_with(why), "{refused}");
    }
    world.remove(FILE);
    let refused = load(&world, path).err().unwrap();
    assert_eq!(refused, "cannot be read (NotFound)");
}

/// One whose tree leads nowhere, with all else in order.
fn broken() -> Vec<u8> {
    let mut bytes = database(50);
    bytes[..60].fill(0);
    bytes
}

#[test]
fn no_step_of_a_large_one_takes_long() {
    let world = TestWorld::default();
    let bytes = database(500_000 / PART);
    println!("a database of {} MiB", bytes.len() >> 20);
    world.replace(FILE, bytes);
    let mut cost = Cost::start();
    let file = world.open(Path::new(FILE)).unwrap();
    let stamp = file.stamp().unwrap();
    let mut reading = Reading::new(file, stamp);
    while !cost.step(|| reading.step(&world)).unwrap() {}
    cost.report("a database is read");
    let mut cost = Cost::start();
    let checking = cost.step(|| Checking::new(reading.bytes, Fields::ALL));
    let mut checking = checking.map_err(|(why, _)| why).unwrap();
    cost.report("it is opened");
    let mut cost = Cost::start();
    while !cost.step(|| checking.step()).unwrap() {}
    cost.report("it is verified");
    let mut cost = Cost::start();
    while !cost.step(|| checking.append_summary(usize::MAX)) {}
    cost.report("its summary is appended");
    let mut cost = Cost::start();
    let (mut bytes, mut verification, summary) = checking.into_parts();
    let mut summary = summary.unwrap();
    while cost.step(|| free_part(&mut bytes) | verification.shrink() | summary.shrink()) {}
    cost.report("it is freed");
}

#[test]
fn a_file_without_metadata_is_refused_at_once() {
    let mut cost = Cost::start();
    let bytes = vec![7_u8; (200 << 20) / PART];
    let refused = cost.step(|| Database::open(bytes.as_slice()).is_err());
    cost.report("a large file that is no database");
    assert!(refused);
}
