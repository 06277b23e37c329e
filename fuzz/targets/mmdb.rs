//! MaxMind DB files: whatever the bytes, opening, verifying and reading end without a panic. What is worked out of a file that
//! verifies says the same as its records; of other bytes it says nothing that is dangerous.
#![no_main]
use gatehouse_geo::{Database, Field, Fields, Image, Lookup, Out, Path, Summary, Verification};
use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fuzz_target!(|data: &[u8]| {
    let Some((address, file)) = data.split_first_chunk::<16>() else { return };
    // A file may end like an image.
    let parts = Image::of(file);
    let _ = parts.facts(file, u32::from_ne_bytes([address[0], address[1], address[2], address[3]]), Fields::ALL);
    let Ok(database) = Database::open(file) else { return };
    let verified = verify(&database);
    let path = Path::parse(&["country.names.en"]).unwrap();
    let v4: [u8; 4] = address[..4].try_into().unwrap();
    for address in [IpAddr::V4(Ipv4Addr::from(v4)), IpAddr::V6(Ipv6Addr::from(*address))] {
        if let Lookup::Found(offset) = database.lookup(address) {
            let _ = database.facts(offset);
            let _ = database.record(offset);
            let _ = database.network(address);
            let _ = database.value(offset, &path, &mut Out::new());
        }
    }
    let Some(verification) = verified else { return };
    let mut summary = Summary::new(verification.records().len(), Fields::ALL).unwrap();
    for offset in verification.records() {
        summary.add(&database, *offset);
    }
    // With all of its columns, or those of one field.
    if let Some(asked) = Field::ALL.get(usize::from(address[4])) {
        summary.narrow(Fields::of(*asked), file.len());
    }
    let mut image = file.to_vec();
    while !summary.append_to(&mut image, file.len(), 7) {}
    let parts = Image::of(&image);
    assert_eq!((parts.file, parts.fields()), (file.len(), Some(summary.fields())));
    for offset in verification.records() {
        let said = parts.facts(&image, *offset, Fields::ALL);
        assert!(said.is_none_or(|said| said == database.facts(*offset)));
    }
});

fn verify(database: &Database<&[u8]>) -> Option<Verification> {
    let mut verification = Verification::new(database).ok()?;
    while !verification.step(database, 1000).ok()? {}
    Some(verification)
}
