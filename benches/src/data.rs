//! Inputs, the same in every run: they are computed from their number.

use gatehouse_base::digest::{Algorithm, Digest, Encoding};
use gatehouse_geo::make::Builder;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;

/// Hosts of the table and the map.
pub const HOSTS: usize = 1_000;
const NETWORKS: u32 = 300_000;
const TOKENS: usize = 10_000;
const CLIENTS: usize = 10_000;
const EXPIRES: &str = "2147483647";
const KEY: &str = "bench-key-0123456789abcdef";

/// A number that looks random and is always the same (SplitMix64).
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Makes a path of about 40 bytes.
pub fn uri_tail(n: usize) -> String {
    format!("video/{:016x}/{:08}", mix((n % TOKENS) as u64), n % TOKENS)
}

/// A client's address.
pub fn client(n: usize) -> Ipv4Addr {
    let bits = mix((n % CLIENTS) as u64) as u32;
    Ipv4Addr::from(bits % 0xdfff_ffff + 0x0100_0000)
}

const COUNTRIES: [&str; 8] = ["DE", "US", "FR", "JP", "BR", "IN", "GB", "CA"];

fn network(n: u32) -> (Ipv4Addr, u8) {
    let step = (0xdfff_ffff_u32 - 0x0100_0000) / NETWORKS;
    let at = 0x0100_0000 + n * step;
    (Ipv4Addr::from(at & 0xffff_f800), 21)
}

/// A host's name, 36 bytes as in the peers' measurements.
pub fn host(n: usize) -> String {
    format!(
        "h{:015x}-{n:06}.apps.example",
        mix(n as u64) & 0x0fff_ffff_ffff_ffff
    )
}

fn digest(encoding: Encoding, text: &str) -> String {
    let mut out = [0; 64];
    let len = Digest::new(Algorithm::Md5, encoding, None)
        .ok()
        .and_then(|d| d.encode_into(&[text.as_bytes()], &mut out));
    String::from_utf8_lossy(out.get(..len.unwrap_or(0)).unwrap_or_default()).into_owned()
}

/// A signed target as nginx's secure_link documents it.
pub fn secure_link(path: &str, n: usize) -> String {
    let uri = format!("{path}{}", uri_tail(n));
    let md5 = digest(
        Encoding::Base64Url,
        &format!("{EXPIRES}{uri}127.0.0.1 {KEY}"),
    );
    format!("{uri}?md5={md5}&expires={EXPIRES}")
}

/// A target signed the ScaleSimple way.
pub fn scalesimple(path: &str, n: usize) -> String {
    let uri = format!("{path}{}", uri_tail(n));
    let inner = digest(Encoding::Hex, &format!("{EXPIRES}{uri}{KEY}"));
    let token = digest(Encoding::Hex, &format!("{KEY}{inner}"));
    format!("{uri}?ss_token={token}&ss_expiration={EXPIRES}")
}

/// Writes what benches/nginx.conf reads: the key, the database, the routes, the map.
pub fn write_all(work: &Path) -> Result<(), String> {
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(work.join(name), bytes).map_err(|e| format!("{name}: {e}"))
    };
    put("token.key", KEY.as_bytes())?;
    put("geo.mmdb", &database()?)?;
    let (mut routes, mut map) = (String::from("{"), String::new());
    for n in 0..HOSTS {
        let comma = if n == 0 { "" } else { "," };
        let name = host(n);
        // Writing to a String cannot fail.
        let _ = write!(
            routes,
            "{comma}\"{name}\": {{\"backends\": [\"http://127.0.0.1:{{backend}}\"]}}"
        );
        let _ = writeln!(map, "{name} group{};", n % 10);
    }
    routes.push('}');
    put("routes.template", routes.as_bytes())?;
    put("hosts.map", map.as_bytes())
}

fn database() -> Result<Vec<u8>, String> {
    let mut builder = Builder::new("Bench-Country", 1_700_000_000);
    for n in 0..NETWORKS {
        let (address, prefix) = network(n);
        let network = ipnet::Ipv4Net::new(address, prefix).map_err(|e| e.to_string())?;
        let country = COUNTRIES
            .get(mix(u64::from(n)) as usize % COUNTRIES.len())
            .copied()
            .unwrap_or("DE");
        let record = serde_json::json!({
            "continent": {"code": "EU", "names": {"en": "Europe"}},
            "country": {"iso_code": country, "is_in_european_union": false, "names": {"en": country}},
        });
        builder.insert(network.into(), &record)?;
    }
    builder.build()
}
