//! Hosts, and the files that say where each one's backend is.

use super::seed::mix;
use std::fmt::Write;

/// Hosts of the small table.
pub(crate) const FEW: usize = 1_000;
/// Hosts of the large one.
pub(crate) const MANY: usize = 100_000;

/// A host's name, 36 bytes as in the peers' measurements.
fn host(n: usize) -> String {
    format!(
        "h{:015x}-{n:06}.apps.example",
        mix(n) & 0x0fff_ffff_ffff_ffff
    )
}

/// The n-th request's host, out of the first `count`.
pub(crate) fn scattered(n: usize, count: usize) -> String {
    host(mix(n) % count)
}

/// A host of the same form that no table has.
pub(crate) fn unknown(n: usize) -> String {
    host(mix(n) % 100_000 + MANY)
}

/// The routes of a table: so many backends `each`, out of all.
pub(crate) fn routes(
    count: usize,
    prefix: &str,
    each: usize,
    backends: usize,
    port: u16,
) -> String {
    let mut text = String::from("{");
    for n in 0..count {
        let comma = if n == 0 { "" } else { "," };
        let urls = (n..n + each).map(|group| {
            let group = group % backends + 1;
            format!("\"http://127.0.0.{group}:{port}\"")
        });
        let (name, urls) = (host(n), urls.collect::<Vec<_>>().join(","));
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{comma}\"{prefix}{name}\": {{\"backends\": [{urls}]}}"
        );
    }
    text.push('}');
    text
}

/// The same as lines of a `map`.
pub(crate) fn map(count: usize, prefix: &str, backends: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        let _ = writeln!(text, "{prefix}{} group{};", host(n), n % backends);
    }
    text
}

/// The upstreams that the map names.
pub(crate) fn groups(backends: usize, port: u16) -> String {
    let mut text = String::new();
    for group in 0..backends {
        let address = group + 1;
        let _ = writeln!(
            text,
            "upstream group{group} {{ server 127.0.0.{address}:{port}; keepalive 32; \
             keepalive_requests 1000000; }}"
        );
    }
    text
}
