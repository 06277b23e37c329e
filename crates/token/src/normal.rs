//! The path nginx serves for a request target, as `ngx_http_parse_complex_uri` makes it: decoded, without
//! `.` and `..`, and without empty segments unless `merge_slashes` is off.

use memchr::memchr;

use crate::text::{Text, hex_digit};

/// The path of a target; `None` when nginx answers it with 400.
///
/// The target may come in pieces. `out` must be as long as all of them; in a shorter one the rest is cut off.
pub fn path_of<'a>(
    target: impl IntoIterator<Item = &'a [u8]>,
    merge_slashes: bool,
    out: &mut [u8],
) -> Option<usize> {
    let mut path = Path {
        out,
        len: 0,
        state: State::Usual,
        merge_slashes,
    };
    let mut bytes = target.into_iter().flatten().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'?' | b'#' => break,
            b'%' => {
                let high = hex_digit(bytes.next()?)?;
                let low = hex_digit(bytes.next()?)?;
                match high << 4 | low {
                    0 => return None,
                    // Decoded these are never what they look like.
                    decoded @ (b'%' | b'#' | b'?') => path.push(decoded, State::Usual),
                    decoded => path.take(decoded)?,
                }
            }
            _ => path.take(byte)?,
        }
    }
    path.finish()
}

/// Whether a path is what its target spells, decoded and nothing more.
///
/// Where it is not, nginx has taken out `..`, `.` or a second `/`, or there is a `#`: an upstream gets the target as it
/// is, and may understand another path (`/a/..;/../b`, `/a//../b`, `/a#/../b`). So a token for a path is not for such a
/// target, whatever nginx makes of it.
pub fn is_as_spelled(target: &[u8], path: &[u8]) -> bool {
    if memchr(b'#', target).is_some() {
        return false;
    }
    let end = memchr(b'?', target).unwrap_or(target.len());
    let spelled = target.get(..end).unwrap_or(target);
    // Most have nothing to decode. No path has the zero byte that stands for a fault.
    if memchr(b'%', spelled).is_none() {
        spelled == path
    } else {
        Text::Percent(spelled).bytes().eq(path.iter().copied())
    }
}

/// Writes a path as a target that [`path_of`] reads back, without arguments. `out` must be three times as
/// long as the path; in a shorter one the rest is cut off.
pub fn target_of(path: &[u8], out: &mut [u8]) -> usize {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    let digit = |value: u8| HEX.get(usize::from(value & 15)).copied().unwrap_or(b'0');
    let mut len = 0usize;
    let mut push = |byte: u8| {
        if let Some(slot) = out.get_mut(len) {
            *slot = byte;
            len = len.saturating_add(1);
        }
    };
    for byte in path {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(byte) {
            push(*byte);
        } else {
            [b'%', digit(byte >> 4), digit(*byte)]
                .into_iter()
                .for_each(&mut push);
        }
    }
    len
}

/// What the bytes since the last `/` are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Usual,
    Slash,
    Dot,
    DotDot,
}

struct Path<'o> {
    out: &'o mut [u8],
    len: usize,
    state: State,
    merge_slashes: bool,
}

impl Path<'_> {
    fn push(&mut self, byte: u8, state: State) {
        if let Some(slot) = self.out.get_mut(self.len) {
            *slot = byte;
            self.len = self.len.saturating_add(1);
        }
        self.state = state;
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        match (self.state, byte) {
            (State::Slash, b'/') if self.merge_slashes => {}
            (State::Usual | State::Slash, b'/') => self.push(byte, State::Slash),
            (State::Slash, b'.') => self.push(byte, State::Dot),
            (State::Dot, b'.') => self.push(byte, State::DotDot),
            (State::Dot, b'/') => {
                self.len = self.len.saturating_sub(1);
                self.state = State::Slash;
            }
            (State::DotDot, b'/') => {
                self.go_up()?;
                self.state = State::Slash;
            }
            _ => self.push(byte, State::Usual),
        }
        Some(())
    }

    /// Drops the `..` at the end and the segment before it, up to that one's `/`.
    fn go_up(&mut self) -> Option<()> {
        let before = self.out.get(..self.len.checked_sub(3)?)?;
        self.len = before
            .iter()
            .rposition(|byte| *byte == b'/')?
            .checked_add(1)?;
        Some(())
    }

    fn finish(mut self) -> Option<usize> {
        match self.state {
            State::Usual | State::Slash => {}
            State::Dot => self.len = self.len.saturating_sub(1),
            State::DotDot => self.go_up()?,
        }
        Some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_target_spells_its_path_or_another_one() {
        for (target, path, wanted) in [
            ("/a/b", "/a/b", true),
            ("/a/b?x=/../", "/a/b", true),
            ("/%61/b%3f%23%2F", "/a/b?#/", true),
            ("/a;x/b%5c", "/a;x/b\\", true),
            ("/a//b", "/a/b", false),
            ("/a//b", "/a//b", true),
            ("/a/./b", "/a/b", false),
            ("/a/c/../b", "/a/b", false),
            ("/a/c/%2e%2e/b", "/a/b", false),
            ("/a/..;/../b", "/a/b", false),
            ("/a/b#", "/a/b", false),
            ("/a/b?x#/../c", "/a/b", false),
            ("/a/b%", "/a/b", false),
            ("/a/b%2", "/a/b", false),
            ("/a", "/a/b", false),
            ("/a/b", "/a", false),
            ("?x", "/", false),
        ] {
            let found = is_as_spelled(target.as_bytes(), path.as_bytes());
            assert_eq!(found, wanted, "{target} {path}");
        }
    }

    fn path(target: &[u8], merge_slashes: bool) -> Option<Vec<u8>> {
        let mut out = vec![0; target.len()];
        let len = path_of([target], merge_slashes, &mut out)?;
        out.truncate(len);
        Some(out)
    }

    fn spelled(path: &[u8]) -> Vec<u8> {
        let mut out = vec![0; path.len() * 3];
        let len = target_of(path, &mut out);
        out.truncate(len);
        out
    }

    #[test]
    fn what_needs_no_escape_is_not_escaped() {
        let plain = b"/aZ09-._~!$&'()*+,;=:@";
        assert_eq!(spelled(plain), plain);
        assert_eq!(spelled(b"/a b?%\xff"), b"/a%20b%3F%25%FF");
    }

    #[test]
    fn as_nginx_reads_them() {
        for (target, wanted) in [
            ("/", Some("/")),
            ("/a/b", Some("/a/b")),
            ("/a//b", Some("/a/b")),
            ("/a/./b/.", Some("/a/b/")),
            ("/a/../b", Some("/b")),
            ("/a/b/..", Some("/a/")),
            ("/a/b/../", Some("/a/")),
            ("/..", None),
            ("/../a", None),
            ("/a/../../b", None),
            ("/a/...", Some("/a/...")),
            ("/a/..b/.c", Some("/a/..b/.c")),
            ("/a/%2e%2E/b", Some("/b")),
            ("/a%2Fb/%2e./c", Some("/a/c")),
            ("/%2F%2Fa", Some("/a")),
            ("/%25%32%65", Some("/%2e")),
            ("/a%3Fb%23c", Some("/a?b#c")),
            ("/a/.%3F/../b", Some("/a/b")),
            ("/a?b/../c", Some("/a")),
            ("/a/..?b", Some("/")),
            ("/a#/../b", Some("/a")),
            ("/%00", None),
            ("/%", None),
            ("/%4", None),
            ("/%4g", None),
            ("*", Some("*")),
        ] {
            let wanted = wanted.map(|text: &str| text.as_bytes().to_vec());
            assert_eq!(path(target.as_bytes(), true), wanted, "{target}");
        }
        assert_eq!(path(b"//a///b/../c", false).unwrap(), b"//a///c");
    }

    const ODD: &str = "(/|\\.|\\.\\.|//|a|bb|%2e|%2E|%2f|%25|%3f|%23|%c3|\\+|\\?|#|%|%0|,){0,12}";

    proptest! {
        #[test]
        fn a_path_is_read_back_from_its_target(target in ODD, merge in any::<bool>()) {
            let target = format!("/{target}");
            if let Some(once) = path(target.as_bytes(), merge) {
                let again = spelled(&once);
                prop_assert_eq!(path(&again, merge).unwrap(), once);
            }
        }

        #[test]
        fn any_bytes_are_survived(target in prop::collection::vec(any::<u8>(), 0..40), merge in any::<bool>()) {
            if let Some(path) = path(&target, merge) {
                prop_assert!(path.len() <= target.len());
            }
        }

        #[test]
        fn pieces_are_one_target(target in ODD, cut in any::<prop::sample::Index>()) {
            let target = format!("/{target}").into_bytes();
            let (left, right) = target.split_at(cut.index(target.len() + 1));
            let mut out = vec![0; target.len()];
            let len = path_of([left, right], true, &mut out);
            let whole = path(&target, true);
            prop_assert_eq!(len.map(|len| out[..len].to_vec()), whole);
        }
    }
}
