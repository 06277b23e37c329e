//! A token in the path: where it stands, and how it comes out of the path and of the target.

use super::conf::{Main, Named};
use super::profile::profile_of;
use super::record::{AsReceived, Entry, PathToken, Record};
use crate::{Gatehouse, refusal};
use gatehouse_nginx::http::phase::Handler;
use gatehouse_nginx::{Outcome, Phase, Request};
use gatehouse_token::InPath;

/// Where the path token of a request stands, by the path that nginx parsed from `target`. None when
/// memory is short.
pub(super) fn find<'r>(
    r: Request<'r>,
    named: &Named,
    target: &'r [u8],
    path: &'r [u8],
) -> Option<InPath<'r>> {
    if !named.profile.carriers().path {
        return Some(InPath::Nowhere);
    }
    let room = r.alloc(target.len())?;
    Some(named.profile.in_path(target, path, room))
}

/// The decoded path as received, without its token. None when memory is short.
pub(super) fn signed<'r>(
    r: Request<'r>,
    in_path: InPath<'_>,
    received: AsReceived<'r>,
) -> Option<&'r [u8]> {
    match in_path {
        InPath::Nowhere | InPath::Cancelled => Some(received.uri),
        InPath::Both { path, .. } => {
            let out = r.alloc(received.uri.len())?;
            let len = path.write_rest(out)?;
            out.get(..len)
        }
    }
}

/// Takes the token out of the target, which then still names the path that was received, or that
/// path without the same token. None when memory is short.
pub(super) fn strip_target<'r>(
    r: Request<'r>,
    record: &Record<'r>,
    index: usize,
    named: &Named,
) -> Option<()> {
    let before = record.path.get();
    if !matches!(before, PathToken::Untouched | PathToken::OutOfPath) {
        return Some(());
    }
    let (target, path) = (r.target(), record.receive(r).uri);
    let found = find(r, named, target, path)?;
    let room = path.len().checked_mul(3)?.checked_add(target.len())?;
    if matches!(found, InPath::Nowhere) {
        return Some(());
    }
    let out = r.alloc(room)?;
    let len = found.write_target(target, path, out)?;
    r.set_target(out.get(..len)?);
    // Upstreams get the path that is checked, not the client's spelling of it.
    r.send_uri();
    record.path.set(match (found, before) {
        (InPath::Both { .. }, PathToken::Untouched) => PathToken::OutOfTarget(index),
        _ => PathToken::Gone,
    });
    Some(())
}

/// Takes the token out of the path without an internal redirect, where nginx has no other location to find.
/// None when memory is short.
pub(super) fn strip_uri<'r>(r: Request<'r>, record: &Record<'r>, main: &Main) -> Option<()> {
    let PathToken::OutOfTarget(index) = record.path.get() else {
        return Some(());
    };
    let out = r.alloc(r.uri().len())?;
    let named = main.profiles.get(index)?;
    if let Some(len) = named.profile.clean_decoded(r.uri(), out) {
        r.set_uri(out.get(..len)?);
    }
    record.path.set(PathToken::Gone);
    Some(())
}

/// The path and the arguments to start again with, when the path still has a token in it. They are those with
/// which the request entered its location, so that nginx finds and rewrites what it would have found and
/// rewritten without the token.
pub(super) fn without_token<'r>(
    r: Request<'r>,
    record: &Record<'r>,
    index: usize,
) -> Option<(&'r [u8], &'r [u8])> {
    let profiles = &r.main_conf::<Gatehouse>().token.profiles;
    let (index, then) = match record.path.get() {
        PathToken::Gone | PathToken::OutOfPath => return None,
        PathToken::OutOfTarget(index) => (index, PathToken::Gone),
        PathToken::Untouched => {
            let received = record.receive(r);
            let named = profiles.get(index)?;
            match find(r, named, received.target, received.uri)? {
                InPath::Both { .. } => (index, PathToken::OutOfPath),
                InPath::Nowhere | InPath::Cancelled => return None,
            }
        }
    };
    let named = profiles.get(index)?;
    let now = cleaned(r, named, Entry::of(r))?;
    let entry = record.entry.get();
    let start = entry
        .and_then(|entry| cleaned(r, named, entry))
        .unwrap_or(now);
    record.path.set(then);
    record.starts_again.set(!start.internal);
    Some((start.uri, start.args))
}

/// The same request without the token in its path. None when it has none there, or when memory is short.
fn cleaned<'r>(r: Request<'r>, named: &Named, with_token: Entry<'r>) -> Option<Entry<'r>> {
    let out = r.alloc(with_token.uri.len())?;
    let len = named.profile.clean_decoded(with_token.uri, out)?;
    Some(Entry {
        uri: out.get(..len)?,
        ..with_token
    })
}

/// Takes a path token out of a request that another check has let in, without asking us or although we refused.
pub(super) struct PreContent;

impl Handler for PreContent {
    const PHASE: Phase = Phase::PreContent;
    const NAME: &'static str = "taking a token out of a path";

    fn run(r: Request<'_>) -> Outcome<'_> {
        let index = match profile_of(r) {
            Ok(Some(index)) if r.is_main() => index,
            _ => return Outcome::Declined,
        };
        // A refusal's page is shown where it is. After a redirect the request would count as refused already,
        // and would not be checked again.
        if refusal::is_page(r) {
            return Outcome::Declined;
        }
        let clean = r
            .existing_record::<Gatehouse>()
            .and_then(|all| without_token(r, &all.token, index));
        clean.map_or(Outcome::Declined, |(uri, args)| Outcome::Redirect {
            uri,
            args,
        })
    }
}
