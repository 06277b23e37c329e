//! What we answer is what libmaxminddb answers: for every boundary of a network and for random addresses the same record
//! (by its offset), and for records the same content as Debian's `mmdblookup` prints.
//!
//! Wants the packages mmdb-bin and python3, and says SKIP without. `GATEHOUSE_GEO_FULL=1` (with `--release`) makes the database of
//! 500,000 networks and compares every record of 10,000 addresses; otherwise both are smaller.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::panic)] // an overflow fails the test

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gatehouse_geo::make::Builder;
use gatehouse_geo::{Database, Lookup};
use ipnet::IpNet;
use serde_json::{Value, json};

/// A generator of numbers that is the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn address(&mut self) -> IpAddr {
        let (a, b) = (self.next(), self.next());
        match a % 4 {
            0 => Ipv6Addr::from((u128::from(a) << 64 | u128::from(b)) >> 3 | 1 << 125).into(),
            _ => Ipv4Addr::from(b as u32).into(),
        }
    }
}

fn is_full() -> bool {
    std::env::var_os("GATEHOUSE_GEO_FULL").is_some()
}

fn has_tools() -> bool {
    let runs = |name: &str, argument: &str| Command::new(name).arg(argument).output().is_ok();
    let library = Command::new("python3")
        .args(["-c", "import ctypes; ctypes.CDLL('libmaxminddb.so.0')"])
        .output();
    let has =
        runs("mmdblookup", "--version") && library.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("SKIP: mmdblookup (mmdb-bin) or python3 is missing");
    }
    has
}

/// The first and the last address of every stretch that the tree tells apart, in both families.
fn boundaries(database: &Database<Vec<u8>>) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut walk = |mut at: u128, bits: u32, address: &dyn Fn(u128) -> IpAddr| loop {
        let (network, length) = database.network(address(at)).unwrap();
        // One of IPv4 in a tree of IPv6 is told by its own length.
        let length = u32::from(length)
            + if network.is_ipv4() && bits == 128 {
                96
            } else {
                0
            };
        let size = 1_u128.checked_shl(bits - length).unwrap_or(0);
        let last = (at & !size.wrapping_sub(1)).wrapping_add(size.wrapping_sub(1));
        found.extend([address(at), address(last)]);
        let end = if bits == 32 {
            u128::from(u32::MAX)
        } else {
            u128::MAX
        };
        if last >= end {
            break;
        }
        at = last + 1;
    };
    walk(0, 32, &|at| Ipv4Addr::from(at as u32).into());
    if database.ip_version() == 6 {
        walk(0, 128, &|at| Ipv6Addr::from(at).into());
    }
    found
}

/// The addresses at both ends of a network, inside and outside.
fn edges(network: &IpNet) -> Vec<IpAddr> {
    match network {
        IpNet::V4(v4) => {
            let (first, last) = (v4.network().to_bits(), v4.broadcast().to_bits());
            let all = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            all.map(|at| Ipv4Addr::from(at).into()).to_vec()
        }
        IpNet::V6(v6) => {
            let (first, last) = (v6.network().to_bits(), v6.broadcast().to_bits());
            let all = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            all.map(|at| Ipv6Addr::from(at).into()).to_vec()
        }
    }
}

/// What libmaxminddb finds.
fn theirs(path: &Path, addresses: &[IpAddr]) -> Vec<Option<u32>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/offsets.py");
    let mut child = Command::new("python3")
        .args([&script, path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text: String = addresses
        .iter()
        .map(|address| format!("{address}\n"))
        .collect();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    said.lines().map(|line| line.parse().ok()).collect()
}

/// Compares answers for random addresses and for the boundaries of the networks, or of all that the tree tells apart.
fn compare(path: &Path, random: &mut Random, networks: Option<&[IpNet]>) {
    let database = Database::open(fs::read(path).unwrap()).unwrap();
    let mut addresses = match networks {
        Some(networks) => networks.iter().flat_map(edges).collect(),
        None => boundaries(&database),
    };
    let stretches = addresses.len() / 2;
    addresses.extend((0..10_000).map(|_| random.address()));
    // These are IPv4 for us wherever they stand; the tree of a file without MaxMind's aliases has nothing there.
    addresses.retain(|address| !matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()));
    let parts = addresses.chunks(500_000);
    let theirs: Vec<_> = parts.flat_map(|part| theirs(path, part)).collect();
    assert_eq!(theirs.len(), addresses.len());
    let mut records = BTreeMap::new();
    for (address, their) in addresses.iter().zip(&theirs) {
        let our = match database.lookup(*address) {
            Lookup::Found(offset) => Some(offset),
            Lookup::NotFound => None,
            Lookup::Broken => panic!("{address} leads outside {}", path.display()),
        };
        // An IPv4 database has no IPv6 addresses for us; for libmaxminddb they are an error.
        assert_eq!(our, *their, "{address} in {}", path.display());
        records.extend(our.map(|offset| (offset, *address)));
    }
    let most = if is_full() { 10_000 } else { 110 };
    let step = records.len().div_ceil(most).max(1);
    let asked: Vec<_> = records.iter().step_by(step).collect();
    for (offset, address) in &asked {
        let own = database.record(**offset).unwrap();
        // A line that ends in the middle of a text cannot be told from one that does not.
        if own.to_string().contains("\\n") {
            continue;
        }
        let shown = printed(path, **address);
        assert_eq!(texts(&own), shown, "{address}");
    }
    eprintln!(
        "{}: {stretches} stretches, {} addresses, {} of {} records compared",
        path.file_name().unwrap().to_string_lossy(),
        addresses.len(),
        asked.len(),
        records.len()
    );
}

/// What `mmdblookup` prints for an address, numbers as their text.
fn printed(path: &Path, address: IpAddr) -> Value {
    let file = path.to_str().unwrap();
    let output = Command::new("mmdblookup")
        .args(["--file", file, "--ip", &address.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{address}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap();
    value(first, &mut lines)
}

fn value<'l>(line: &'l str, lines: &mut dyn Iterator<Item = &'l str>) -> Value {
    match line {
        "{" => {
            let mut map = serde_json::Map::new();
            loop {
                let key = lines.next().unwrap();
                if key == "}" {
                    return map.into();
                }
                let key = key.strip_suffix(':').unwrap().trim_matches('"').to_owned();
                let next = lines.next().unwrap();
                map.insert(key, value(next, lines));
            }
        }
        "[" => {
            let mut list = Vec::new();
            loop {
                let next = lines.next().unwrap();
                if next == "]" {
                    return list.into();
                }
                list.push(value(next, lines));
            }
        }
        scalar => {
            let (text, _) = scalar.rsplit_once(" <").unwrap();
            let text = text
                .strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'))
                .unwrap_or(text);
            text.into()
        }
    }
}

/// A record with its numbers as `mmdblookup` writes them.
fn texts(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), texts(value)))
            .collect(),
        Value::Array(list) => list.iter().map(texts).collect(),
        Value::Number(number) if number.is_f64() => {
            format!("{:.6}", number.as_f64().unwrap()).into()
        }
        Value::String(text) => text.clone().into(),
        other => other.to_string().into(),
    }
}

#[test]
fn every_test_database() {
    if !has_tools() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/geoip");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("SKIP: {} is not there", folder.display());
        return;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../t/data");
    paths.extend(["geo", "asn", "shapes"].map(|name| own.join(format!("{name}.mmdb"))));
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "mmdb")
    });
    paths.sort();
    assert!(paths.len() > 6, "{paths:?}");
    for path in paths {
        compare(&path, &mut Random(0x9e37_79b9_7f4a_7c15), None);
    }
}

#[test]
fn one_of_many_networks_and_records() {
    if !has_tools() {
        return;
    }
    let (networks, distinct) = if is_full() {
        (500_000, 100_000)
    } else {
        (20_000, 4_000)
    };
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut builder = Builder::new("Made-City", 1_700_000_000);
    let mut made = Vec::new();
    while made.len() < networks {
        let n = random.next() % distinct;
        let length = 12 + (random.next() % 21) as u8;
        let network = match random.address() {
            IpAddr::V4(v4) => IpNet::new(v4.into(), length),
            IpAddr::V6(v6) => IpNet::new(v6.into(), 16 + length),
        }
        .unwrap()
        .trunc();
        let letter = |n: u64| char::from(b'A' + (n % 26) as u8);
        let record = json!({
            "city": {"geoname_id": n, "names": {"en": format!("City {n}"), "ru": format!("Город {n}")}},
            "country": {"iso_code": format!("{}{}", letter(n), letter(n / 26)), "is_in_european_union": n % 3 == 0},
            "location": {"latitude": (n as f64) / 1000.0, "longitude": -(n as f64) / 700.0, "accuracy_radius": n % 500},
            "subdivisions": [{"iso_code": format!("{}", n % 99)}],
            "traits": {"autonomous_system_number": 64_496 + n},
        });
        if builder.insert(network, &record).unwrap() {
            made.push(network);
        }
    }
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("many-{}.mmdb", std::process::id()));
    fs::write(&path, builder.build().unwrap()).unwrap();
    compare(&path, &mut random, Some(&made));
    fs::remove_file(path).unwrap();
}
