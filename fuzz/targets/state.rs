//! States of tables: no panic, and what is taken over is taken over again from what is written of it.
#![no_main]
use gatehouse_table::route::{Key, Match};
use gatehouse_table::snapshot::{Head, Snapshot, read};
use gatehouse_table::table::{Change, Keys, RouteView, Table, Walk};
use libfuzzer_sys::fuzz_target;
use rapidhash::v3::rapidhash_v3;
use std::convert::Infallible;
use std::sync::atomic::AtomicU64;

struct All<'s>(&'s mut Snapshot);

impl Walk for All<'_> {
    fn wants(&mut self, _: usize, _: u64) -> bool {
        true
    }

    fn show(&mut self, route: &RouteView<'_>, keys: &Keys<'_>) {
        self.0.add(route, keys);
    }
}

fn load(mut bytes: &[u8], table: &Table<'_>) -> Option<Head> {
    let mut head = None;
    let mut writer = table.writer(0).ok()?;
    let begun = &mut |found: &Head| {
        head = Some(found.clone());
        Ok::<(), Infallible>(())
    };
    let read = read(&mut bytes, begun, &mut |found| {
        if let Ok(key) = Key::parse(found.key, Match::Host) {
            let _ = writer.apply(&Change::Put {
                key: &key,
                route: found.route,
                owner: found.owner,
            });
        }
        Ok(())
    });
    read.is_ok().then_some(head?)
}

fn save(head: &Head, table: &Table<'_>) -> Vec<u8> {
    let mut snapshot = Snapshot::new(head);
    table.scan_wanted(&mut table.cursor(), usize::MAX, &mut All(&mut snapshot));
    snapshot.finish();
    snapshot.ready().to_vec()
}

fuzz_target!(|data: &[u8]| {
    let memory = || (0..128 * 256).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
    let (first, second) = (memory(), memory());
    let table = Table::format(&first, Match::Host, 1).expect("room");
    // The checks are no obstacle to the fuzzer: what is behind them is tried as well.
    for bytes in [data.to_vec(), checked(data)] {
        let Some(head) = load(&bytes, &table) else { continue };
        let saved = save(&head, &table);
        let again = Table::format(&second, Match::Host, 1).expect("room");
        assert_eq!(load(&saved, &again).as_ref(), Some(&head));
        assert_eq!(table.stats().routes, again.stats().routes);
    }
});

/// The bytes as the routes of a file whose checks are right: see `gatehouse_table::snapshot`.
fn checked(routes: &[u8]) -> Vec<u8> {
    let next = |before: u64, content: &[u8]| {
        let both = [before.to_le_bytes(), rapidhash_v3(content).to_le_bytes()];
        rapidhash_v3(&both.concat())
    };
    let mut file = b"ghstate\n\x01\0\0\0".to_vec();
    let mut check = next(0, &file);
    let head: &[u8] = b"\x01\0\0\0\0\x01a";
    for block in [head, routes].into_iter().filter(|block| !block.is_empty()) {
        check = next(check, block);
        file.extend((block.len() as u32).to_le_bytes());
        file.extend(check.to_le_bytes());
        file.extend(block);
    }
    // How many routes there are, if all of them are shorter than 128 bytes.
    let (mut rest, mut count) = (routes, 0_u64);
    while let Some((len, more)) = rest.split_first() {
        rest = more.get(usize::from(*len)..).unwrap_or_default();
        count += 1;
    }
    file.extend([0; 4]);
    file.extend(next(check, &count.to_le_bytes()).to_le_bytes());
    file
}
