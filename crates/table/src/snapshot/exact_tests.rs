//! Files to the last byte: what each version of the module reads and writes alike, and the bounds of what is read.

use super::decode::Bytes;
use super::tests::All;
use super::{Fault, Head, MAGIC, MAX_BLOCK, Snapshot, VERSION, next_check, read};
use crate::route::{Match, Options, Protocol, ProxyHeader, Resolved};
use crate::table::tests::{endpoint, key, memory, writer};
use crate::table::{Change, Owner, Table};
use std::convert::Infallible;

/// A file of one route for each of these backends' options, with an owner each.
fn file_of(mode: Match, options: &[Options]) -> (Vec<u8>, u64) {
    let memory = memory(256);
    let table = Table::format(&memory, mode, 3).unwrap();
    let owners = [Owner::File, Owner::Api, Owner::Registration, Owner::Redis];
    for ((number, options), owner) in (0_u32..).zip(options).zip(owners.iter().cycle()) {
        let mut route = Resolved {
            endpoints: vec![endpoint(number, 1)],
            ..Resolved::default()
        };
        route.endpoints[0].options = *options;
        let change = Change::Put {
            key: &key(&format!("{number}.test")),
            route: &route,
            owner: *owner,
        };
        writer(&table, 0).apply(&change).unwrap();
    }
    let mut snapshot = Snapshot::new(&Head {
        name: "apps".into(),
        mode,
        source: 7,
    });
    let mut cursor = table.cursor();
    while table.scan_wanted(&mut cursor, 9, &mut All(&mut snapshot)) {}
    snapshot.finish();
    (snapshot.ready().to_vec(), snapshot.routes())
}

#[test]
fn each_option_is_read_back() {
    let all: Vec<Options> = [ProxyHeader::Off, ProxyHeader::V1, ProxyHeader::V2]
        .into_iter()
        .flat_map(|proxy| {
            [Protocol::Http, Protocol::Tcp, Protocol::Udp].map(|protocol| Options {
                proxy,
                protocol,
                ..Options::default()
            })
        })
        .collect();
    for mode in [Match::Host, Match::Exact] {
        let (file, routes) = file_of(mode, &all);
        assert_eq!(routes, 9);
        let (mut seen, mut found_mode) = (Vec::new(), None);
        let left_out = read(
            &mut &file[..],
            &mut |head| {
                found_mode = Some(head.mode);
                Ok::<(), Infallible>(())
            },
            &mut |found| {
                seen.push((found.key.to_vec(), found.route.endpoints[0].options));
                Ok(())
            },
        );
        assert_eq!((left_out.unwrap(), found_mode), (0, Some(mode)));
        seen.sort_by(|one, other| one.0.cmp(&other.0));
        let seen: Vec<Options> = seen.into_iter().map(|(_, options)| options).collect();
        assert_eq!(seen, all);
    }
}

/// A file is read by later versions: its bytes stay what they are.
#[test]
fn a_file_is_the_same_for_ever() {
    let (file, _) = file_of(Match::Exact, &[Options::default()]);
    // How keys are compared, source, name.
    let head = b"\x02\x07\0\0\0\x04apps";
    // Length, owner, key, no id, one backend: what it is, address, port, weight; no vars, no keys, no meta, no check.
    let route = b"\x16\x01\x060.test\0\x01\0\x0a\0\0\0\x90\x1f\x01\0\0\0\0";
    let block = |at: usize, len: usize| file[at..at + len].escape_ascii().to_string();
    let checked = 4 + 8;
    let at = MAGIC.len() + 4 + checked;
    assert_eq!(block(at, head.len()), head.escape_ascii().to_string());
    let at = at + head.len() + checked;
    assert_eq!(block(at, route.len()), route.escape_ascii().to_string());
}

/// What a version before has written is read: its routes end with their `meta`.
#[test]
fn a_file_of_the_first_version_is_read() {
    let mut file = MAGIC.to_vec();
    file.extend(1_u32.to_le_bytes());
    let mut check = next_check(0, &file);
    let head = b"\x01\x07\0\0\0\x04apps";
    let route = b"\x15\x01\x060.test\0\x01\0\x0a\0\0\0\x90\x1f\x01\0\0\0";
    for content in [&head[..], route, &[]] {
        let counted = 1_u64.to_le_bytes();
        check = next_check(
            check,
            if content.is_empty() {
                &counted
            } else {
                content
            },
        );
        file.extend((content.len() as u32).to_le_bytes());
        file.extend(check.to_le_bytes());
        file.extend(content);
    }
    let mut seen = Vec::new();
    let left_out = read(
        &mut &file[..],
        &mut |_| Ok::<(), Infallible>(()),
        &mut |found| {
            seen.push((found.key.to_vec(), found.route.check.map(str::to_owned)));
            Ok(())
        },
    );
    assert_eq!(
        (left_out.unwrap(), seen),
        (0, vec![(b"0.test".to_vec(), None)])
    );
}

#[test]
fn a_number_has_one_spelling() {
    for (bytes, number) in [
        (&[0][..], Some(0)),
        (&[0x7f], Some(127)),
        (&[0x80, 1], Some(128)),
        (&[0x80, 0], None),
        (&[0xff, 0x80, 0], None),
        (&[0xff, 0xff, 0xff, 0xff, 0x0f], Some(u32::MAX)),
        (&[0xff, 0xff, 0xff, 0xff, 0x1f], None),
        (&[0x80], None),
    ] {
        assert_eq!(Bytes(bytes).number(), number, "{bytes:?}");
    }
}

#[test]
fn faults_have_words() {
    let why = |len: usize, version: u32| {
        let len = u32::try_from(len).unwrap().to_le_bytes();
        let file = [&MAGIC[..], &version.to_le_bytes(), &len, &[0; 8]].concat();
        let none = read(
            &mut &file[..],
            &mut |_| Ok::<(), Infallible>(()),
            &mut |_| Ok(()),
        );
        let fault: Fault<Infallible> = none.unwrap_err();
        fault.to_string()
    };
    assert_eq!(why(MAX_BLOCK, VERSION), "is cut short");
    assert_eq!(why(MAX_BLOCK + 1, VERSION), "has a block that is too long");
    let newer = format!("is of version 9, and this module knows versions up to {VERSION}");
    assert_eq!(why(0, 9), newer);
}
