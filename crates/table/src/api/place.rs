//! Which resource a request is for.

/// A resource below the location of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// All routes.
    All,
    /// The route of a key, as its bytes.
    Route(Vec<u8>),
    /// The backends of a route.
    Backends(Vec<u8>),
    /// The dead mark of a route's backend.
    Reset(Vec<u8>),
    /// Changes, as they come.
    Events,
    /// How each backend is.
    Health,
    /// What this nginx says of itself.
    Report(Report),
    /// There is no such thing.
    Unknown,
}

/// What an nginx says of itself, besides its routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Its metrics, as Prometheus reads them.
    Metrics,
    /// Whether it is ready to serve.
    Ready,
    /// Which version it is.
    Version,
}

/// Finds the resource of a request in the location named `location`, a path that ends in `/`. `uri` is the path as nginx
/// has decoded it, by which it has found the location; `target` is what the client sent.
///
/// A key is one segment of the target, so that it may have an encoded slash. Where the target is not the way to `uri` (it
/// was rewritten), segments of `uri` are taken: no spelling leads past the location that nginx has chosen.
#[must_use]
pub fn place(location: &[u8], uri: &[u8], target: &[u8]) -> Place {
    let segments = match raw_segments(location, uri, target) {
        Some(segments) => segments,
        // What `..` made of a key with an encoded slash is not that key.
        None if has_encoded_slash(target) => return Place::Unknown,
        None => match uri.strip_prefix(location) {
            Some(rest) => rest.split(|b| *b == b'/').map(<[u8]>::to_vec).collect(),
            None => return Place::Unknown,
        },
    };
    let texts: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
    match texts.as_slice() {
        [b""] => Place::All,
        [b"-", b"events"] => Place::Events,
        [b"-", b"health"] => Place::Health,
        [b"-", b"metrics"] => Place::Report(Report::Metrics),
        [b"-", b"ready"] => Place::Report(Report::Ready),
        [b"-", b"version"] => Place::Report(Report::Version),
        [b"-", ..] | [b"", ..] => Place::Unknown,
        [key] => Place::Route(key.to_vec()),
        [key, b"backends"] => Place::Backends(key.to_vec()),
        [key, b"backends", b"reset"] => Place::Reset(key.to_vec()),
        _ => Place::Unknown,
    }
}

/// Whether a segment of a target has an encoded slash.
fn has_encoded_slash(target: &[u8]) -> bool {
    let path = target.split(|b| *b == b'?' || *b == b'#').next();
    let mut segments = path.unwrap_or_default().split(|b| *b == b'/');
    segments.any(|raw| decode(raw).is_none_or(|segment| segment.contains(&b'/')))
}

/// The decoded segments behind the location, if the target leads to `uri` by decoding alone.
fn raw_segments(location: &[u8], uri: &[u8], target: &[u8]) -> Option<Vec<Vec<u8>>> {
    let path = target.split(|b| *b == b'?' || *b == b'#').next()?;
    let decoded = decode(path)?;
    if decoded != uri && merged(&decoded) != uri {
        return None;
    }
    // The location's own segments may be spelled in any way.
    let skipped = location.iter().filter(|b| **b == b'/').count();
    let mut segments = Vec::new();
    let mut before = Vec::new();
    for raw in path.split(|b| *b == b'/') {
        let segment = decode(raw)?;
        if before.iter().filter(|b| **b == b'/').count() < skipped {
            before.extend_from_slice(&segment);
            before.push(b'/');
        } else {
            segments.push(segment);
        }
    }
    (before == location).then_some(segments)
}

/// Slashes in a row as one, as nginx has them.
fn merged(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    for byte in path {
        if !(*byte == b'/' && out.last() == Some(&b'/')) {
            out.push(*byte);
        }
    }
    out
}

/// Percent-decodes once; None when a `%` is followed by no two digits.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        if *byte == b'%' {
            let digit = |b: Option<&u8>| char::from(*b?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            out.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            out.push(*byte);
        }
    }
    Some(out)
}
