//! A request target in its pieces: path, arguments, fragment.

use crate::strip::{Out, is_arg_of, kept_runs, split_target};
use memchr::memchr;

/// `path?args#fragment`, as nginx reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    whole: &'a [u8],
    path: &'a [u8],
    /// None without a `?`.
    args: Option<&'a [u8]>,
    /// From the first `#` on.
    fragment: &'a [u8],
}

/// A target without certain arguments, in the buffer it was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stripped {
    /// Bytes written.
    pub len: usize,
    /// Where the arguments begin and end that are left.
    pub args: (usize, usize),
}

impl<'a> Target<'a> {
    /// Finds the pieces.
    pub fn of(whole: &'a [u8]) -> Self {
        let (url, fragment) = memchr(b'#', whole)
            .and_then(|mark| whole.split_at_checked(mark))
            .unwrap_or((whole, b""));
        let (path, args) = split_target(url);
        Self {
            whole,
            path,
            args,
            fragment,
        }
    }

    /// The same, by what nginx found to be the arguments when it read the target. Where they are no part of it, it is
    /// searched.
    #[inline]
    pub fn parsed(whole: &'a [u8], args: &'a [u8]) -> Self {
        let around = || {
            let start = args.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
            let fragment = whole.get(start.checked_add(args.len())?..)?;
            let path = whole.get(..start)?.strip_suffix(b"?")?;
            let is_parsed = !args.is_empty() && matches!(fragment.first(), None | Some(b'#'));
            is_parsed.then_some((path, fragment))
        };
        match around() {
            Some((path, fragment)) => Self {
                whole,
                path,
                args: Some(args),
                fragment,
            },
            None => Self::of(whole),
        }
    }

    /// All of it.
    #[inline]
    pub fn whole(&self) -> &'a [u8] {
        self.whole
    }

    /// The arguments; empty when there are none.
    #[inline]
    pub fn args(&self) -> &'a [u8] {
        self.args.unwrap_or_default()
    }

    /// Removes the arguments called one of `names`, and the `?` when that leaves no arguments. `None` when there are
    /// none. A `#fragment` holds none, but a server may send it on and log it: one with such a name goes as a whole.
    pub fn strip<N: AsRef<[u8]>>(&self, names: &[N], out: &mut [u8]) -> Option<Stripped> {
        let mut out = Out::new(out);
        let is_token = is_arg_of(names);
        let in_url = self.kept_url(&is_token, |piece| out.push(piece));
        if !in_url {
            out.push(self.path);
            if let Some(args) = self.args {
                out.push(b"?");
                out.push(args);
            }
        }
        let end = out.len;
        let mut pieces = self.fragment.split(|byte| b"#?&".contains(byte));
        let in_fragment = !self.fragment.is_empty() && pieces.any(is_token);
        if !in_fragment {
            out.push(self.fragment);
        }
        (in_url || in_fragment).then_some(Stripped {
            len: out.len,
            args: (self.path.len().saturating_add(1).min(end), end),
        })
    }

    /// Gives `emit` the pieces of a target without the arguments for which `is_token` holds. When there are
    /// none it emits nothing and returns false.
    pub(crate) fn kept(
        &self,
        is_token: impl Fn(&[u8]) -> bool,
        mut emit: impl FnMut(&'a [u8]),
    ) -> bool {
        let removed = self.kept_url(is_token, &mut emit);
        if removed {
            emit(self.fragment);
        }
        removed
    }

    /// The same without the fragment.
    fn kept_url(&self, is_token: impl Fn(&[u8]) -> bool, mut emit: impl FnMut(&'a [u8])) -> bool {
        let mut path = Some(self.path);
        let mut separator: &[u8] = b"?";
        let removed = kept_runs(self.args(), b'&', is_token, |_, run| {
            path.take().into_iter().for_each(&mut emit);
            // An empty argument alone is no argument: its `?` waits for another.
            if run.is_empty() && separator == b"?" {
                separator = b"?&";
                return;
            }
            emit(separator);
            emit(run);
            separator = b"&";
        });
        path.filter(|_| removed).into_iter().for_each(emit);
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What nginx finds to be the arguments.
    fn args_in(target: &[u8]) -> &[u8] {
        Target::of(target).args()
    }

    #[test]
    fn pieces() {
        let pieces = |text: &'static str| {
            let target = Target::of(text.as_bytes());
            let args = target.args.map(|args| String::from_utf8_lossy(args));
            let (path, fragment) = (target.path, target.fragment);
            let [path, fragment] = [path, fragment].map(|one| String::from_utf8_lossy(one));
            (path, args.clone(), fragment)
        };
        for (text, path, args, fragment) in [
            ("/p?x=1?2", "/p", Some("x=1?2"), ""),
            ("/p", "/p", None, ""),
            ("/p?", "/p", Some(""), ""),
            ("/p?x=1#&y=2#?z", "/p", Some("x=1"), "#&y=2#?z"),
            ("/p#?x=1", "/p", None, "#?x=1"),
            ("", "", None, ""),
        ] {
            let want = (path.into(), args.map(Into::into), fragment.into());
            assert_eq!(pieces(text), want, "{text}");
        }
    }

    #[test]
    fn what_was_parsed_is_taken_where_it_is_the_targets_own() {
        let text = b"/a?b=1?c=2&d#e".as_slice();
        assert_eq!(Target::parsed(text, &text[3..12]), Target::of(text));
        // A copy, a part that ends elsewhere, one that does not begin behind a mark, and nothing.
        let copy = text[3..12].to_vec();
        for args in [
            copy.as_slice(),
            &text[3..11],
            &text[4..12],
            &text[3..3],
            b"",
        ] {
            assert_eq!(Target::parsed(text, args), Target::of(text));
        }
    }

    #[test]
    fn it_is_said_where_the_arguments_are() {
        let mut out = [0; 64];
        for (text, want) in [
            ("/p?a=1", ""),
            ("/p?a=1&x=2", "x=2"),
            ("/p?x&a=1#f", "x"),
            ("/p?x=1#a=1", "x=1"),
            ("/p#a=1", ""),
            ("?a=1&y", "y"),
            ("/p?#a=1", ""),
        ] {
            let stripped = Target::of(text.as_bytes()).strip(&["a"], &mut out).unwrap();
            let (start, end) = stripped.args;
            assert_eq!(&out[start..end], want.as_bytes(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_parsed_makes_no_difference(text in "[/a]{0,3}[?#]?([ab]=?[ab?]?&?){0,6}(#[a=?&]{0,4})?") {
            let target = text.as_bytes();
            let (found, searched) = (Target::parsed(target, args_in(target)), Target::of(target));
            prop_assert_eq!(found, searched);
            let mut out = vec![0; target.len()];
            if let Some(stripped) = searched.strip(&["a"], &mut out) {
                let (start, end) = stripped.args;
                prop_assert_eq!(&out[start..end], args_in(&out[..stripped.len]));
            }
        }
    }
}
