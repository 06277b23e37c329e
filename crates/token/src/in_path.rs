//! A path token in a request target and in the path that nginx has parsed from it.

use crate::normal;
use crate::strip::PathToken;

/// Where a path token stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InPath<'a> {
    /// Nowhere.
    Nowhere,
    /// In the target and in the path parsed from it; without it, the one still names the other.
    Both {
        /// The target's.
        target: PathToken<'a>,
        /// The path's.
        path: PathToken<'a>,
    },
    /// In the target, but not in the same place of the path: `..` or `#` has taken it out.
    Cancelled,
}

impl<'a> InPath<'a> {
    /// Of the same segment in both. `room` is for work and as long as the target.
    pub(crate) fn of(target: PathToken<'a>, path: PathToken<'a>, room: &mut [u8]) -> Self {
        if names(&target, &path, room) {
            Self::Both { target, path }
        } else {
            Self::Cancelled
        }
    }

    /// Writes a target that has no path token and names the path that is served, `path` being the one
    /// parsed from `target`. `None` when there is no token to take out, or `out` (as long as the target and
    /// three times the path) too short.
    pub fn write_target(&self, target: &[u8], path: &[u8], out: &mut [u8]) -> Option<usize> {
        match self {
            Self::Nowhere => None,
            Self::Both { target, .. } => target.write_rest(out),
            Self::Cancelled => {
                let len = normal::target_of(path, out);
                let end = target.iter().position(|byte| matches!(byte, b'?' | b'#'));
                let rest = end.and_then(|end| target.get(end..)).unwrap_or_default();
                // What follows a `#` is nothing to a server.
                let args = if rest.first() == Some(&b'?') {
                    rest
                } else {
                    b""
                };
                let room = out.get_mut(len..)?.get_mut(..args.len())?;
                room.copy_from_slice(args);
                len.checked_add(args.len())
            }
        }
    }
}

/// Whether the rest of a target is parsed to the rest of a path, whatever `merge_slashes` says.
fn names(target: &PathToken<'_>, path: &PathToken<'_>, room: &mut [u8]) -> bool {
    [true, false].into_iter().any(|merge_slashes| {
        let len = normal::path_of([target.before, target.after], merge_slashes, room);
        let parsed = len.and_then(|len| room.get(..len));
        parsed.and_then(|parsed| parsed.strip_prefix(path.before)) == Some(path.after)
    })
}
