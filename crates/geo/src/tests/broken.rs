//! Damaged and crafted files: every question ends, quickly and without panic.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path as FilePath;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::super::record::{Kind, Section};
use super::super::{Database, Fields, Image, Lookup, Out, Path, Summary, Verification};
use super::file;

/// A small file with every type of value and pointers.
fn sound() -> Vec<u8> {
    let city = |name: &str| json!({"city": {"names": {"en": name}}, "country": {"iso_code": "FR", "is_in_european_union": true}, "continent": {"code": "EU"}, "location": {"latitude": 1.5, "metro": -3}, "subdivisions": [{"iso_code": "A"}, {"iso_code": "B"}]});
    file(&[
        ("192.0.2.0/24", city("Lyon")),
        ("198.51.100.0/24", city("Paris")),
        (
            "2001:db8::/32",
            json!({"country": {"iso_code": "DE"}, "big": 18_446_744_073_709_551_615_u64}),
        ),
        ("127.0.0.1/32", json!({"country": {"iso_code": "JP"}})),
    ])
}

/// Asks everything there is to ask. Returns whether the file was verified.
fn ask(bytes: &[u8]) -> bool {
    let Ok(database) = Database::open(bytes) else {
        return false;
    };
    let verified = database.verify().is_ok();
    let paths = [
        "country.iso_code",
        "subdivisions.1.iso_code",
        "location.latitude",
        "city.names.en",
    ];
    let paths = paths.map(|path| Path::parse(&[path]).unwrap());
    if verified {
        let _ = database.network(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let mut records = HashSet::new();
    for address in addresses() {
        let lookup = database.lookup(address);
        assert!(
            !verified || lookup != Lookup::Broken,
            "a verified file leads outside itself"
        );
        if let Lookup::Found(offset) = lookup {
            records.insert(offset);
        }
    }
    for offset in records {
        let mut summary = Summary::new(1, Fields::ALL).unwrap();
        summary.add(&database, offset);
        let mut image = bytes.to_vec();
        summary.append_to(&mut image, bytes.len(), usize::MAX);
        let said = Image::of(&image).facts(&image, offset, Fields::ALL);
        assert_eq!(said, Some(database.facts(offset)));
        let _ = database.record(offset);
        for path in &paths {
            let _ = database.value(offset, path, &mut Out::new());
        }
    }
    verified
}

fn addresses() -> impl Iterator<Item = IpAddr> {
    let texts = [
        "192.0.2.1",
        "198.51.100.1",
        "127.0.0.1",
        "2001:db8::1",
        "::",
        "ffff::",
        "0.0.0.0",
        "255.255.255.255",
    ];
    let spread = (0..16u32).map(|n| IpAddr::V4(Ipv4Addr::from_bits(n << 28)));
    let spread6 = (0..16u128).map(|n| IpAddr::V6(Ipv6Addr::from_bits(n << 124)));
    texts
        .into_iter()
        .map(|text| text.parse().unwrap())
        .chain(spread)
        .chain(spread6)
}

#[test]
fn the_sound_file_is_sound() {
    assert!(ask(&sound()));
}

#[test]
fn no_truncated_file_is_verified() {
    let bytes = sound();
    for length in 0..bytes.len() {
        assert!(!ask(&bytes[..length]), "{length} of {} bytes", bytes.len());
    }
}

#[test]
fn every_flipped_bit_is_survived() {
    let mut bytes = sound();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            ask(&bytes);
            bytes[at] ^= 1 << bit;
        }
    }
}

proptest! {
    #[test]
    fn damaged_files_are_survived(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = sound();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            // A file cut in the middle, its metadata still there.
            bytes.drain(..cut.index(bytes.len()));
        }
        let verified = ask(&bytes);
        // maxminddb's check is the second opinion: what we accept, it accepts.
        if verified {
            let theirs = maxminddb::Reader::from_source(bytes.as_slice()).unwrap().verify();
            let forgiven = theirs.as_ref().is_err_and(|error| error.to_string().contains("Expected: non-empty"));
            prop_assert!(theirs.is_ok() || forgiven, "{:?}", theirs);
        }
    }

    #[test]
    fn random_bytes_before_sound_metadata_are_survived(junk in proptest::collection::vec(any::<u8>(), 4000)) {
        let mut bytes = sound();
        let end = bytes.windows(4).rposition(|window| window == b"\xab\xcd\xefM").unwrap();
        for (byte, junk) in bytes[..end].iter_mut().zip(junk) {
            *byte = junk;
        }
        ask(&bytes);
    }

    #[test]
    fn random_data_sections_are_survived(junk in proptest::collection::vec(any::<u8>(), 0..400)) {
        let section = Section(&junk);
        for at in 0..=junk.len() {
            if let Some(value) = section.value(at) {
                prop_assert!(value.kind != Kind::Pointer);
                let pairs = section.pairs(value).count();
                prop_assert!(pairs <= junk.len());
                let _ = (section.element(value, 3), section.bytes(value), section.unsigned(value));
            }
        }
    }
}

#[test]
fn slices_find_what_the_whole_check_finds() {
    let bytes = sound();
    let database = Database::open(bytes.as_slice()).unwrap();
    for budget in [1, 7] {
        let mut check = Verification::new(&database).unwrap();
        let mut slices = 0;
        while !check.step(&database, budget).unwrap() {
            slices += 1;
        }
        assert!(slices > 10, "a small budget takes many slices");
    }
}

/// A data section behind a tree of one node whose both sides lead to its start.
pub(super) fn crafted(data: &[u8]) -> Vec<u8> {
    crafted_tree(&[[1 + 16, 1 + 16]], data)
}

/// The same, leading to a record inside it.
pub(super) fn crafted_at(record: u32, data: &[u8]) -> Vec<u8> {
    crafted_tree(&[[1 + 16 + record; 2]], data)
}

fn crafted_tree(nodes: &[[u32; 2]], data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in nodes.iter().flatten() {
        bytes.extend_from_slice(&record.to_be_bytes()[1..]);
    }
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend_from_slice(data);
    let mut metadata = file(&[("::/1", json!({}))]);
    let start = metadata
        .windows(4)
        .rposition(|window| window == b"\xab\xcd\xefM")
        .unwrap();
    let count = metadata
        .windows(10)
        .rposition(|window| window == b"node_count")
        .unwrap()
        + 11;
    metadata[count..count + 4].copy_from_slice(&(nodes.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&metadata[start..]);
    bytes
}

fn fault(bytes: &[u8]) -> String {
    let begin = Instant::now();
    assert!(!ask(bytes));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "took {:?}",
        begin.elapsed()
    );
    Database::open(bytes)
        .unwrap()
        .verify()
        .unwrap_err()
        .to_string()
}

#[test]
fn crafted_data_is_refused() {
    assert!(ask(&crafted(b"\xe0")), "an empty map is fine");
    // A map whose value is a pointer to the map.
    assert!(fault(&crafted(b"\xe1\x41a\x20\x00")).contains("a pointer loops"));
    assert!(fault(&crafted(b"\xe1\x41a\x20\x05\x20\x00")).contains("leads to no value"));
    assert!(fault(&crafted(b"\xe1\x41a\x20\xff")).contains("leads to no value"));
    assert!(fault(&crafted(b"\xe1\xc1\x07\x41a")).contains("key is no string"));
    assert!(fault(&crafted(b"\xe1\x41\xff\xe0")).contains("not UTF-8"));
    assert!(fault(&crafted(b"\xe1\x41a\x41\xff")).contains("not UTF-8"));
    assert!(fault(&crafted(b"\xe1\x41a\x5d")).contains("unreadable value"));
    assert!(
        fault(&crafted(b"\xff\xff\xff\xff")).contains("unreadable value"),
        "a map of 16 million"
    );
    assert!(
        fault(&crafted(&[0x01, 0x04].repeat(100_000))).contains("too deep"),
        "arrays in arrays"
    );
    let mut loops = b"\xe1\x41a".repeat(10_000);
    loops.extend_from_slice(b"\x20\x00");
    assert!(fault(&crafted(&loops)).contains("too deep"));
}

#[test]
fn strings_that_overlap_too_much_are_refused() {
    // An array of 500 pointers into bytes of which each begins a string of 122 bytes.
    let mut data = vec![0x1e, 0x04, 0x00, 0xd7];
    for at in 0..500_u16 {
        data.extend_from_slice(&(0x2000 | (1004 + at)).to_be_bytes());
    }
    data.extend_from_slice(&[b']'; 500 + 124]);
    assert!(fault(&crafted(&data)).contains("overlap too much"));
}

#[test]
fn a_check_that_is_given_up_is_freed_in_parts() {
    // Two bits for a byte of data, in two lists of 2.5 MiB. Of each goes a MiB at a time, and at last 64 KiB.
    let bytes = crafted(&vec![0xe0; 20 << 20]);
    let database = Database::open(bytes.as_slice()).unwrap();
    let mut check = Verification::new(&database).unwrap();
    let parts = (0..100).take_while(|_| check.shrink()).count();
    assert_eq!(parts, 2 + 8 - 1);
    assert!(!check.shrink());
}

#[test]
fn pointers_that_multiply_are_checked_once() {
    // Each map points to the next one twice: 2^28 ways to 28 values.
    let mut data = Vec::new();
    for map in 0..28u8 {
        let next = (map + 1) * 9;
        data.extend_from_slice(&[0xe2, 0x41, b'a', 0x20, next, 0x41, b'b', 0x20, next]);
    }
    data.push(0xe0);
    let bytes = crafted(&data);
    assert!(Database::open(bytes.as_slice()).unwrap().verify().is_ok());
    let begin = Instant::now();
    ask(&bytes);
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "took {:?}",
        begin.elapsed()
    );
}

#[test]
fn crafted_trees_are_refused() {
    let looped = fault(&crafted_tree(&[[1, 2], [0, 2]], b"\xe0"));
    assert!(looped.contains("loops"), "{looped}");
    assert!(fault(&crafted_tree(&[[0, 0]], b"\xe0")).contains("loops"));
    assert!(fault(&crafted_tree(&[[18, 18], [18, 18]], b"\xe0")).contains("no address reaches"));
    assert!(
        fault(&crafted_tree(&[[2, 1]], b"\xe0")).contains("outside the data"),
        "in the separator"
    );
    assert!(
        fault(&crafted_tree(&[[18, 1]], b"\xe0")).contains("outside the data"),
        "after the data"
    );
    let ladder = |length: u32| {
        let mut nodes: Vec<[u32; 2]> = (1..length).map(|next| [next; 2]).collect();
        nodes.push([length + 16; 2]);
        crafted_tree(&nodes, b"\xe0")
    };
    assert!(ask(&ladder(128)), "as deep as an address, by 2^128 ways");
    assert!(fault(&ladder(129)).contains("deeper than an address"));
    // The second way to a shared node is longer than the first and than an address.
    let mut nodes = vec![[2, 1], [2, 2]];
    nodes.extend((3..=129).map(|next| [next; 2]));
    assert!(fault(&crafted_tree(&nodes, b"\xe0")).contains("deeper than an address"));
    assert!(fault(&crafted_tree(&[[1, 1]], b"\xe0")).contains("no networks"));
    let mut separator = sound();
    let at = separator
        .windows(16)
        .rposition(|window| window == [0; 16])
        .unwrap();
    separator[at] = 1;
    assert!(!ask(&separator));
}

#[test]
fn known_broken_files_end() {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/geoip/broken");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIP: {} is not there", folder.display());
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let begin = Instant::now();
        assert!(!ask(&bytes), "{} was verified", path.display());
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{} took {:?}",
            path.display(),
            begin.elapsed()
        );
    }
}

#[test]
fn known_good_files_are_read() {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/geoip");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIP: {} is not there", folder.display());
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "mmdb")
        {
            assert!(
                ask(&std::fs::read(&path).unwrap()),
                "{} was not verified",
                path.display()
            );
        }
    }
}

#[test]
fn pointers_of_every_length_are_read_up_to_the_end() {
    let all: [(&[u8], usize); 8] = [
        (b"\x20\x05", 5),
        (b"\x27\xff", 0x7ff),
        (b"\x28\x00\x01", 2049),
        (b"\x2f\xff\xff", 0x7_ffff + 2048),
        (b"\x30\x00\x00\x02", 526_338),
        (b"\x37\xff\xff\xff", 0x7ff_ffff + 526_336),
        (b"\x38\x00\x00\x00\x09", 9),
        (b"\x3f\x81\x02\x03\x04", 0x8102_0304),
    ];
    for (bytes, target) in all {
        for more in 0..5 {
            let data = [bytes, &vec![0xff; more]].concat();
            let head = Section(&data).head(0).unwrap();
            let read = (head.kind, head.size, head.payload);
            assert_eq!(read, (Kind::Pointer, target, bytes.len()), "{bytes:x?}");
        }
        let short = &bytes[..bytes.len() - 1];
        assert!(Section(short).head(0).is_none(), "{short:x?}");
    }
}
