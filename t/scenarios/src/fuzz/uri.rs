//! Request targets as nginx reads them: written from its documentation, apart from the module's code.

/// The path and the arguments of a target; no arguments where there is no `?`.
pub(super) fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match target.iter().position(|byte| *byte == b'?') {
        Some(at) => (
            target.get(..at).unwrap_or_default(),
            target.get(at.saturating_add(1)..),
        ),
        None => (target, None),
    }
}

/// The path as `$uri` has it: decoded, slashes merged, dots followed. None: nginx answers 400.
pub(super) fn normal(path: &[u8]) -> Option<Vec<u8>> {
    let decoded = decode(path)?;
    let mut segments: Vec<Vec<u8>> = Vec::new();
    let mut pieces = decoded.split(|(byte, _)| *byte == b'/').peekable();
    if pieces.next().is_none_or(|before| !before.is_empty()) {
        return None;
    }
    let mut directory = true;
    while let Some(piece) = pieces.next() {
        let bytes: Vec<u8> = piece.iter().map(|(byte, _)| *byte).collect();
        let last = pieces.peek().is_none();
        match bytes.as_slice() {
            b"" | b"." => directory = true,
            b".." => {
                segments.pop()?;
                directory = true;
            }
            _ => {
                segments.push(bytes);
                directory = !last;
            }
        }
    }
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    for segment in &segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if directory || out.is_empty() {
        out.push(b'/');
    }
    Some(out)
}

/// Percent-decoding, each byte with whether it was written as it is.
fn decode(path: &[u8]) -> Option<Vec<(u8, bool)>> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.iter();
    while let Some(byte) = rest.next() {
        if *byte <= 0x20 || *byte == 0x7f {
            return None;
        }
        if *byte != b'%' {
            out.push((*byte, true));
            continue;
        }
        let high = char::from(*rest.next()?).to_digit(16)?;
        let low = char::from(*rest.next()?).to_digit(16)?;
        let value = u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?;
        if value == 0 {
            return None;
        }
        out.push((value, false));
    }
    Some(out)
}

/// Whether the path is its own normal form: nothing in it is decoded, merged or followed.
pub(super) fn is_plain(path: &[u8]) -> bool {
    !path.contains(&b'%') && normal(path).as_deref() == Some(path)
}

/// Arguments without those of these names; None when nothing is left.
pub(super) fn without_args(args: &[u8], doomed: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let kept: Vec<&[u8]> = args
        .split(|byte| *byte == b'&')
        .filter(|piece| !name_of(piece).is_some_and(&doomed))
        .collect();
    let out = kept.join(&b'&');
    (!out.is_empty()).then_some(out)
}

/// The name of a `name=value` argument.
fn name_of(piece: &[u8]) -> Option<&[u8]> {
    let at = piece.iter().position(|byte| *byte == b'=')?;
    piece.get(..at)
}

/// The values of an argument, in order.
pub(super) fn arg_values<'a>(args: &'a [u8], name: &str) -> Vec<&'a [u8]> {
    args.split(|byte| *byte == b'&')
        .filter_map(|piece| piece.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .collect()
}

/// A target without these arguments; as it was when it has none of them.
pub(super) fn strip(target: &[u8], doomed: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let (path, args) = split(target);
    let Some(args) = args else {
        return target.to_vec();
    };
    let has = args
        .split(|byte| *byte == b'&')
        .any(|piece| name_of(piece).is_some_and(&doomed));
    if !has {
        return target.to_vec();
    }
    match without_args(args, doomed) {
        Some(args) => [path, b"?", &args].concat(),
        None => path.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_normal() {
        for (path, wanted) in [
            ("/", "/"),
            ("//a///b", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a/%2e%2e/b", "/b"),
            ("/a%2Fb/..", "/a/"),
            ("/a/%2e%2E%2fb", "/b"),
            ("/...", "/..."),
            ("/%25%3f", "/%?"),
        ] {
            assert_eq!(normal(path.as_bytes()).as_deref(), Some(wanted.as_bytes()));
        }
        for path in ["/..", "/a/../..", "/%", "/%0", "/%zz", "/%00", "a"] {
            assert_eq!(normal(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn arguments_go_and_the_rest_stays() {
        let doomed = |name: &[u8]| name == b"t";
        for (target, wanted) in [
            ("/a?t=1", "/a"),
            ("/a?b&t=1&c", "/a?b&c"),
            ("/a?t=1&&b", "/a?&b"),
            ("/a?&t=1", "/a"),
            ("/a?t", "/a?t"),
            ("/a?", "/a?"),
        ] {
            let out = strip(target.as_bytes(), doomed);
            assert_eq!(String::from_utf8_lossy(&out), wanted);
        }
    }
}
