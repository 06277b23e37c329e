//! What `gatehouse geoip make` is given: whatever the text, a database that comes of it is one that nginx takes, and there is
//! the record of a network in it. The first byte says what is made of which text.
#![no_main]
#[path = "../../crates/cli/src/geoip/source.rs"]
mod source;

// Used by `source`.
use csv as _;
use gatehouse_geo::make::Builder;
use gatehouse_geo::{Database, Lookup, Width};
use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut builder = Builder::new("Test", 1);
    match (first >> 1) & 3 {
        1 => builder.width(Width::W24),
        2 => builder.width(Width::W28),
        3 => builder.width(Width::W32),
        _ => {}
    }
    if first & 8 != 0 {
        builder.ipv4_only();
    }
    let convert: source::Convert = if first & 1 == 0 { source::from_csv } else { source::from_json };
    let Ok(made) = convert(text, builder) else { return };
    assert!(made.doubts.iter().all(|doubt| !doubt.is_empty()));
    let database = Database::open(made.bytes.as_slice()).unwrap();
    database.verify().unwrap();
    for address in ["192.0.2.1", "2001:db8::1"] {
        let address: IpAddr = address.parse().unwrap();
        match database.lookup(address) {
            Lookup::Found(offset) => {
                let _ = database.facts(offset);
                let _ = database.record(offset);
                let _ = database.network(address).unwrap();
            }
            Lookup::NotFound => {}
            Lookup::Broken => panic!("{address} leads nowhere"),
        }
    }
});
