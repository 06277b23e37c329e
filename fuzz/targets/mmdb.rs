//! MaxMind DB files: whatever the bytes, opening, verifying and reading end without a panic.
#![no_main]
use gatehouse_geo::{Database, Lookup, Out, Path};
use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fuzz_target!(|data: &[u8]| {
    let Some((address, file)) = data.split_first_chunk::<16>() else { return };
    let Ok(database) = Database::open(file) else { return };
    let _ = database.verify();
    let path = Path::parse(&["country.names.en"]).unwrap();
    let v4: [u8; 4] = address[..4].try_into().unwrap();
    for address in [IpAddr::V4(Ipv4Addr::from(v4)), IpAddr::V6(Ipv6Addr::from(*address))] {
        if let Lookup::Found(offset) = database.lookup(address) {
            let _ = database.facts(offset);
            let _ = database.value(offset, &path, &mut Out::new());
        }
    }
});
