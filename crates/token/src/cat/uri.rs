//! `catu`: the parts of the URI that a token is good for.

use gatehouse_base::cbor::Value;

use super::matches;
use crate::claims::may_climb;
use crate::normal;
use crate::request::{Presented, RequestView, gathered};

/// Whether a request's URI is one that the claim means: every part that it names must match. Parts of the path must do so
/// as received and as nginx serves it, decoded or encoded again; where these may be two paths, none does. With a fragment
/// nothing does: nginx ends the path and the query there, and others may not.
pub(super) fn holds(claim: Value<'_>, token: &Presented<'_>, request: &dyn RequestView) -> bool {
    let mut parts = claim.pairs().peekable();
    if parts.peek().is_none() {
        return false;
    }
    let Some(uri) = Uri::of(token, request) else {
        return false;
    };
    parts.all(|(part, object)| part.int().is_some_and(|part| uri.has(part, object)))
}

/// The URI of a request.
struct Uri<'r> {
    scheme: &'r [u8],
    host: &'r [u8],
    /// As it is written, and the one that the scheme has.
    ports: [&'r [u8]; 2],
    query: &'r [u8],
    /// As received, decoded, and encoded again. None: it may be understood in two ways.
    paths: Option<[&'r [u8]; 3]>,
}

impl<'r> Uri<'r> {
    fn of(token: &Presented<'r>, request: &'r dyn RequestView) -> Option<Self> {
        let (scheme, host, ports) = split_origin(request.message(0)?)?;
        let most = request.target().len();
        let raw = gathered(request, most, |sink| token.url.each(sink))?;
        if raw.contains(&b'#') {
            return None;
        }
        let mark = raw.iter().position(|byte| *byte == b'?');
        let (path, query) = match mark {
            Some(mark) => raw.split_at_checked(mark)?,
            None => (raw, b"".as_slice()),
        };
        Some(Self {
            scheme,
            host,
            ports,
            query: query.strip_prefix(b"?").unwrap_or(query),
            paths: spellings(path, request),
        })
    }

    /// Whether a part of it matches. What we do not know is no part of it.
    fn has(&self, part: i64, object: Value<'_>) -> bool {
        match part {
            0 => matches::holds(object, self.scheme),
            1 => matches::holds(object, self.host),
            2 => self.ports.iter().any(|port| matches::holds(object, port)),
            4 => matches::holds(object, self.query),
            3 | 5..=8 => self.paths.is_some_and(|[raw, decoded, encoded]| {
                let fits = |path: &[u8]| {
                    part_of_path(part, path).is_some_and(|text| matches::holds(object, text))
                };
                fits(raw) && (fits(decoded) || fits(encoded))
            }),
            _ => false,
        }
    }
}

/// Scheme, host and ports.
type Origin<'o> = (&'o [u8], &'o [u8], [&'o [u8]; 2]);

/// Reads `https://host:port`. Where no port is written, or the usual one, both spellings mean it.
fn split_origin(origin: &[u8]) -> Option<Origin<'_>> {
    let colon = origin.iter().position(|byte| *byte == b':')?;
    let (scheme, rest) = origin.split_at_checked(colon)?;
    let rest = rest.strip_prefix(b"://")?;
    let usual: &[u8] = match scheme {
        b"https" => b"443",
        b"http" => b"80",
        _ => b"",
    };
    // The colons of an IPv6 address are in brackets.
    let colon = rest.iter().rposition(|byte| *byte == b':');
    let digits = colon.and_then(|at| rest.get(at.checked_add(1)?..));
    let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_digit));
    let (host, port) = match (colon, digits) {
        (Some(at), Some(port)) => (rest.get(..at)?, port),
        _ => (rest, usual),
    };
    let other = if port == usual { b"".as_slice() } else { port };
    Some((scheme, host, [port, other]))
}

fn spellings<'r>(raw: &'r [u8], request: &'r dyn RequestView) -> Option<[&'r [u8]; 3]> {
    let decoded = request.path().filter(|path| !may_climb(path))?;
    let room = request.room(decoded.len().checked_mul(3)?)?;
    let len = normal::target_of(decoded, room);
    Some([raw, decoded, room.get(..len)?])
}

/// A part of a path: all, the folder without its last `/`, the name of the file, that without its extension, or the extension
/// with its point.
fn part_of_path(part: i64, path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    let file = path.get(slash.checked_add(1)?..)?;
    let point = file.iter().rposition(|byte| *byte == b'.');
    let (stem, extension) = file.split_at_checked(point.unwrap_or(file.len()))?;
    match part {
        3 => Some(path),
        5 => path.get(..slash),
        6 => Some(file),
        7 => Some(stem),
        8 => Some(extension),
        _ => None,
    }
}
