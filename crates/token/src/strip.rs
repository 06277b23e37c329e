//! Taking a token out of a URL or a Cookie header: what remains keeps its bytes and its order.
//!
//! A query argument is a piece between `&` that holds a `=`; its name is compared byte by byte, undecoded.
//! A cookie is a piece between `;` (RFC 6265 section 5.4 has no quoting across it) that holds a `=`, white
//! space around name and value aside.
//!
//! Every `strip_*` returns `None` when there is nothing to strip (nothing useful is in `out` then), else the
//! length written. `out` must be as long as the input; in a shorter one the rest is cut off.

use memchr::memchr;

/// Removes every argument called one of `names`, each with one of the `&` beside it.
pub fn strip_args<N: AsRef<[u8]>>(args: &[u8], names: &[N], out: &mut [u8]) -> Option<usize> {
    let mut out = Out::new(out);
    let mut separator: &[u8] = b"";
    let removed = kept_runs(args, b'&', is_arg_of(names), |_, run| {
        out.push(separator);
        out.push(run);
        separator = b"&";
    });
    removed.then_some(out.len)
}

/// Removes every cookie called one of `names` from the value of a Cookie header. `Some(0)`: the header
/// held nothing else.
pub fn strip_cookie<N: AsRef<[u8]>>(value: &[u8], names: &[N], out: &mut [u8]) -> Option<usize> {
    let mut out = Out::new(out);
    let mut first = true;
    let is_token = |piece: &[u8]| named(split_cookie(piece), names);
    let removed = kept_runs(value, b';', is_token, |start, run| {
        if !first {
            out.push(b";");
        }
        // The space behind a `;` goes with the cookie before it.
        out.push(if first && start > 0 {
            run.trim_ascii_start()
        } else {
            run
        });
        first = false;
    });
    removed.then_some(out.len)
}

/// The raw value of the first argument called `name`.
pub fn find_arg<'a>(args: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    pieces_of_args(args).find_map(|piece| arg_value(piece, name))
}

/// The values of the cookies called `name` in the value of a Cookie header.
pub fn cookies_called<'a>(value: &'a [u8], name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    Pieces::of(value, b';')
        .filter_map(split_cookie)
        .filter_map(move |(found, value)| (found == name).then_some(value))
}

/// A path segment that is a token, and what is left of the target without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathToken<'a> {
    /// Up to and with the `/` before the segment.
    pub before: &'a [u8],
    /// The segment, or several with the `/` between.
    pub token: &'a [u8],
    /// From behind the `/` after the segment; from behind the segment when it is the last.
    pub after: &'a [u8],
}

impl PathToken<'_> {
    /// Writes what is left without the segment; `None` when it does not fit into `out`.
    pub fn write_rest(&self, out: &mut [u8]) -> Option<usize> {
        let (head, tail) = out.split_at_mut_checked(self.before.len())?;
        head.copy_from_slice(self.before);
        tail.get_mut(..self.after.len())?
            .copy_from_slice(self.after);
        self.before.len().checked_add(self.after.len())
    }
}

/// Finds the first token in the path of a target. `token` gets the rest of the path from a segment on, and that
/// segment, and says how much of the rest is a token.
pub fn find_path_token(
    target: &[u8],
    token: impl Fn(&[u8], &[u8]) -> Option<usize>,
) -> Option<PathToken<'_>> {
    let (path, _) = split_target(target);
    find_in_path(target, path, token)
}

/// Finds the first token in a decoded path: a `?` in it is a letter.
pub fn find_decoded_token(
    path: &[u8],
    token: impl Fn(&[u8], &[u8]) -> Option<usize>,
) -> Option<PathToken<'_>> {
    find_in_path(path, path, token)
}

/// `target` begins with `path`.
fn find_in_path<'a>(
    target: &'a [u8],
    path: &'a [u8],
    token: impl Fn(&[u8], &[u8]) -> Option<usize>,
) -> Option<PathToken<'a>> {
    let mut start = 0usize;
    for segment in Pieces::of(path, b'/') {
        // What is before the first slash is no segment.
        if start > 0 {
            if let Some(len) = token(path.get(start..)?, segment) {
                let (token, after) = target.get(start..)?.split_at_checked(len)?;
                return Some(PathToken {
                    before: target.get(..start)?,
                    token,
                    after: after.strip_prefix(b"/").unwrap_or(after),
                });
            }
        }
        start = start.saturating_add(segment.len()).saturating_add(1);
    }
    None
}

/// Gives `emit` the longest runs of `separator`-separated pieces between those for which `drop` holds, with
/// the offset of each. When nothing is dropped it emits nothing and returns false.
pub(crate) fn kept_runs<'a>(
    list: &'a [u8],
    separator: u8,
    drop: impl Fn(&[u8]) -> bool,
    mut emit: impl FnMut(usize, &'a [u8]),
) -> bool {
    let mut dropped = false;
    let mut run_start = 0usize;
    let mut start = 0usize;
    for piece in Pieces::of(list, separator) {
        let next = start.saturating_add(piece.len()).saturating_add(1);
        if drop(piece) {
            // The run ends before the separator in front of this piece; there is none when they touch.
            if let Some(run) = start
                .checked_sub(1)
                .and_then(|end| list.get(run_start..end))
            {
                emit(run_start, run);
            }
            dropped = true;
            run_start = next;
        }
        start = next;
    }
    if let Some(run) = list.get(run_start..).filter(|_| dropped) {
        emit(run_start, run);
    }
    dropped
}

/// The path of a target, and its arguments if it has a `?`.
pub(crate) fn split_target(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr(b'?', target).and_then(|mark| target.split_at_checked(mark)) {
        Some((path, args)) => (path, args.get(1..)),
        None => (target, None),
    }
}

pub(crate) fn is_arg_of<N: AsRef<[u8]>>(names: &[N]) -> impl Fn(&[u8]) -> bool + '_ {
    |piece| {
        names
            .iter()
            .any(|name| arg_value(piece, name.as_ref()).is_some())
    }
}

/// The pieces between `&`.
pub(crate) fn pieces_of_args(args: &[u8]) -> impl Iterator<Item = &[u8]> {
    Pieces::of(args, b'&')
}

/// The raw value of a piece between `&`, when it is an argument called `name`.
pub(crate) fn arg_value<'a>(piece: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    // The mark first: most pieces have it elsewhere, and their names need not be compared.
    if piece.get(name.len()) != Some(&b'=') {
        return None;
    }
    piece.strip_prefix(name)?.get(1..)
}

fn named<N: AsRef<[u8]>>(pair: Option<(&[u8], &[u8])>, names: &[N]) -> bool {
    pair.is_some_and(|(found, _)| names.iter().any(|name| name.as_ref() == found))
}

fn split_cookie(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = piece.split_at_checked(memchr(b'=', piece)?)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// The pieces between separators, as `split` gives them, found many bytes at a time.
struct Pieces<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Pieces<'a> {
    fn of(list: &'a [u8], separator: u8) -> Self {
        Self {
            rest: Some(list),
            separator,
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let Some((piece, tail)) =
            memchr(self.separator, rest).and_then(|at| rest.split_at_checked(at))
        else {
            return Some(rest);
        };
        self.rest = tail.get(1..);
        Some(piece)
    }
}

/// A buffer being filled; what does not fit is left out.
pub(crate) struct Out<'a> {
    buffer: &'a mut [u8],
    pub(crate) len: usize,
}

impl<'a> Out<'a> {
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let Some(free) = self.buffer.get_mut(self.len..) else {
            return;
        };
        let fitting = free.len().min(bytes.len());
        if let (Some(to), Some(from)) = (free.get_mut(..fitting), bytes.get(..fitting)) {
            to.copy_from_slice(from);
            self.len = self.len.saturating_add(fitting);
        }
    }
}

#[cfg(test)]
#[path = "strip_tests.rs"]
mod tests;
