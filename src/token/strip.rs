//! Takes tokens out of a request, byte-exact, and keeps what was received for other profiles.

use super::conf::{Loc, Named, Srv, Stripping};
use super::path;
use super::profile::{forget, profile_named, profile_of};
use super::record::{AsReceived, At, Entry, Left, Record};
use crate::Gatehouse;
use crate::choice::Choice;
use crate::noted::{self, lose_place};
use gatehouse_nginx::http::phase::Handler;
use gatehouse_nginx::{Outcome, Phase, Request};
use gatehouse_token::{Target, strip as bytes};

/// Strips a request that an internal redirect has taken to a server: out of a location, or to the error page of what nginx
/// has refused. One that starts again without its path token opens no `internal` location, since its client chose the
/// path. None when memory is short.
pub(crate) fn come_again<'r>(r: Request<'r>, record: &Record<'r>) -> Option<()> {
    if record.starts_again.take() {
        r.set_external();
    }
    leave(r, record)
}

/// Notes the location that a request has entered. `is_named` says that it is a named location, which is
/// entered without passing the server's phases. None when memory is short.
pub(crate) fn enter_location<'r>(
    r: Request<'r>,
    record: &Record<'r>,
    is_named: bool,
) -> Option<()> {
    let here = &r.loc::<Gatehouse>().token;
    if is_named {
        leave(r, record)?;
    } else if let At::Location(before) = record.at.get() {
        // After `rewrite … last` the tokens of the location left are stripped together with those of the next.
        if before.strips() && !std::ptr::eq(before, here) {
            let left = r.place(Left {
                location: before,
                before: record.left.get(),
            })?;
            record.left.set(Some(left));
        }
    }
    record.at.set(At::Location(here));
    record.entry.set(Some(Entry::of(r)));
    Some(())
}

/// Takes the tokens out of the request: those of its location's profile, and those of the locations that it
/// left before this phase.
pub(super) struct PreAccess;

impl Handler for PreAccess {
    const PHASE: Phase = Phase::PreAccess;
    const NAME: &'static str = "stripping a token";

    fn run(r: Request<'_>) -> Outcome<'_> {
        let Ok(index) = profile_of(r) else {
            return Outcome::Failed;
        };
        if !r.is_main() {
            return Outcome::Declined;
        }
        if index.is_none() && r.existing_record::<Gatehouse>().is_none() {
            return Outcome::Declined;
        }
        let Some(record) = r.record::<Gatehouse>() else {
            return Outcome::Failed;
        };
        let here = &r.loc::<Gatehouse>().token;
        let done = strip_left(r, &record.token).and_then(|()| match index {
            Some(index) if here.strip != Some(false) => {
                strip(r, &record.token, index, here.strip == Some(true))
            }
            _ => Some(()),
        });
        record.token.at.set(At::Stripped);
        done.map_or(Outcome::Failed, |()| Outcome::Declined)
    }
}

/// Strips a request before it is logged, when it has ended before the preaccess phase.
pub(super) struct Log;

impl Handler for Log {
    const PHASE: Phase = Phase::Log;
    const NAME: &'static str = "stripping a token before it is logged";

    fn run(r: Request<'_>) -> Outcome<'_> {
        if !r.is_main() {
            return Outcome::Declined;
        }
        strip_rest(r);
        let main = &r.main_conf::<Gatehouse>().token;
        let in_path = r
            .existing_record::<Gatehouse>()
            .map_or(Some(()), |all| path::strip_uri(r, &all.token, main));
        if in_path.is_none() {
            r.set_uri(b"");
        }
        Outcome::Declined
    }
}

/// Strips a request that ends before the preaccess phase: it will be logged, and parts of its answer may be
/// asked of an upstream. Where memory is short its target and arguments become empty.
pub(crate) fn strip_rest(r: Request<'_>) {
    let has_record = r.existing_record::<Gatehouse>().is_some();
    if !has_record && (noted::is_unchecked(r, 0) || server_of(r).strips.is_empty()) {
        return;
    }
    let done = r.record::<Gatehouse>().and_then(|all| {
        lose_place(r, all, 0);
        let record = &all.token;
        if record.is_stripped() {
            return Some(());
        }
        record.receive(r);
        strip_left(r, record)?;
        match record.at.replace(At::Stripped) {
            At::Stripped => Some(()),
            At::Nowhere => strip_server(r, record),
            At::Location(here) => match profile_named(r) {
                Ok(Some(index))
                    if here.strips() && std::ptr::eq(here, &r.loc::<Gatehouse>().token) =>
                {
                    strip(r, record, index, here.strip == Some(true))
                }
                _ => strip_location(r, record, here),
            },
        }
    });
    if done.is_none() {
        r.set_target(b"");
        r.set_args(b"");
        forget(r, &r.main_conf::<Gatehouse>().token);
    }
}

/// Strips a request that has left the location it was in. None when memory is short.
fn leave<'r>(r: Request<'r>, record: &Record<'r>) -> Option<()> {
    record.receive(r);
    strip_left(r, record)?;
    match record.at.replace(At::Nowhere) {
        At::Stripped => Some(()),
        At::Nowhere => strip_server(r, record),
        At::Location(location) => strip_location(r, record, location),
    }?;
    path::strip_uri(r, record, &r.main_conf::<Gatehouse>().token)
}

fn strip_left<'r>(r: Request<'r>, record: &Record<'r>) -> Option<()> {
    let mut left = record.left.take();
    while let Some(one) = left {
        strip_location(r, record, one.location)?;
        left = one.before;
    }
    Some(())
}

/// Strips the tokens of a location that the request has left.
fn strip_location<'r>(r: Request<'r>, record: &Record<'r>, location: &Loc) -> Option<()> {
    match location.stripping() {
        None => Some(()),
        Some(stripping) => stripping.run(r, record),
    }
}

/// The server whose tokens a request may hold. A request that names no host may be meant for any server: nginx
/// may refuse it before it has read that line.
fn server_of(r: Request<'_>) -> &Srv {
    if r.has_host() {
        &r.srv::<Gatehouse>().token
    } else {
        &r.main_conf::<Gatehouse>().token.every_server
    }
}

/// Strips the tokens of every profile that some location of the server has, because nginx found no location or
/// we no longer know which one it was.
fn strip_server<'r>(r: Request<'r>, record: &Record<'r>) -> Option<()> {
    let strips = &server_of(r).strips;
    strips.iter().try_for_each(|one| one.run(r, record))
}

impl Stripping {
    fn run<'r>(&self, r: Request<'r>, record: &Record<'r>) -> Option<()> {
        match &self.auth {
            Choice::Off => Some(()),
            Choice::Named(used) => strip(r, record, used.index.get(), self.authorization),
            // The variable may have another value here than it had in that location, so it may be any profile.
            Choice::Variable(_) => (0..r.main_conf::<Gatehouse>().token.profiles.len())
                .try_for_each(|index| strip(r, record, index, self.authorization)),
        }
    }
}

/// Strips every carrier of a profile. `authorization` says whether a header called `Authorization` goes, too.
/// None when memory is short.
fn strip<'r>(r: Request<'r>, record: &Record<'r>, index: usize, authorization: bool) -> Option<()> {
    let received = record.receive(r);
    let main = &r.main_conf::<Gatehouse>().token;
    let named = main.profiles.get(index)?;
    strip_query(r, record, received, named)?;
    path::strip_target(r, record, index, named)?;
    strip_cookies(r, record, named)?;
    strip_headers(r, record, named, authorization)?;
    forget(r, main);
    Some(())
}

fn strip_query<'r>(
    r: Request<'r>,
    record: &Record<'r>,
    received: AsReceived<'r>,
    named: &Named,
) -> Option<()> {
    let names = &named.profile.carriers().args;
    if names.is_empty() {
        return Some(());
    }
    let (args, target) = (r.args(), r.target());
    let pieces = if std::ptr::eq(target, received.target) {
        received.pieces()
    } else {
        Target::of(target)
    };
    // Unless a rewrite has changed them, the arguments are part of the target's bytes: one pass serves both.
    let same = std::ptr::eq(args, pieces.args());
    let out = r.alloc(target.len())?;
    if let Some(left) = pieces.strip(names, out) {
        r.set_target(out.get(..left.len)?);
        if same {
            r.set_args(out.get(left.args.0..left.args.1)?);
        }
    }
    if !same {
        if let Some(clean) = without_args(r, args, names)? {
            r.set_args(clean);
        }
    }
    // A request that starts again without its path token starts with these arguments.
    if let Some(entry) = record.entry.get() {
        let clean = if std::ptr::eq(entry.args, args) {
            Some(r.args())
        } else {
            without_args(r, entry.args, names)?
        };
        let args = clean.unwrap_or(entry.args);
        record.entry.set(Some(Entry { args, ..entry }));
    }
    Some(())
}

/// Arguments without those called one of `names`; `Some(None)` when there is none of that name, None when memory
/// is short.
fn without_args<'r>(r: Request<'r>, args: &[u8], names: &[String]) -> Option<Option<&'r [u8]>> {
    if args.is_empty() {
        return Some(None);
    }
    let out = r.alloc(args.len())?;
    match bytes::strip_args(args, names, out) {
        Some(len) => out.get(..len).map(Some),
        None => Some(None),
    }
}

fn strip_cookies<'r>(r: Request<'r>, record: &Record<'r>, named: &Named) -> Option<()> {
    let names = &named.profile.carriers().cookies;
    if names.is_empty() {
        return Some(());
    }
    let mut saved = record.saved.walk();
    for line in r.cookies() {
        let out = r.alloc(line.value.len())?;
        if let Some(len) = bytes::strip_cookie(line.value, names, out) {
            let now = out.get(..len)?;
            saved.save(r, line, now)?;
            r.set_header(line, now);
        } else {
            saved.pass(line);
        }
    }
    r.remove_headers(|h| h.value.is_empty() && h.name.eq_ignore_ascii_case(b"cookie"))
}

/// Takes out an `Authorization` that carries another token than the one that was accepted: nobody has proved it, and an
/// application behind us, which gets this header, might believe what it claims. None when memory is short.
pub(super) fn drop_unproven<'r>(
    r: Request<'r>,
    record: &Record<'r>,
    named: &Named,
    accepted: Option<usize>,
) -> Option<()> {
    if !named.profile.has_claims() {
        return Some(());
    }
    let is_authorization = |name: &[u8]| name.eq_ignore_ascii_case(b"authorization");
    let accepted = accepted.and_then(|at| named.profile.locations().get(at));
    let is_accepted = accepted.is_some_and(|one| {
        let mut names = one.names().into_iter().flat_map(|names| names.iter());
        one.kind() == "header" && names.any(|name| is_authorization(name.as_bytes()))
    });
    if is_accepted {
        return Some(());
    }
    let is_unproven = |name: &[u8], value: &[u8]| {
        is_authorization(name) && named.profile.is_token_header(name, value)
    };
    remove_lines(r, record, is_unproven)?;
    forget(r, &r.main_conf::<Gatehouse>().token);
    Some(())
}

fn strip_headers<'r>(
    r: Request<'r>,
    record: &Record<'r>,
    named: &Named,
    authorization: bool,
) -> Option<()> {
    let names = &named.profile.carriers().headers;
    if names.is_empty() {
        return Some(());
    }
    let is_carrier = |name: &[u8]| {
        names
            .iter()
            .any(|one| one.as_bytes().eq_ignore_ascii_case(name))
            && (authorization || !name.eq_ignore_ascii_case(b"authorization"))
    };
    remove_lines(r, record, |name, _| is_carrier(name))
}

/// Takes lines out by name and value, and keeps what was received. None when memory is short.
fn remove_lines<'r>(
    r: Request<'r>,
    record: &Record<'r>,
    is_out: impl Fn(&[u8], &[u8]) -> bool,
) -> Option<()> {
    let mut saved = record.saved.walk();
    let mut some = false;
    for line in r.headers() {
        if is_out(line.name, line.value) {
            some = true;
            saved.save(r, line, b"")?;
        } else {
            saved.pass(line);
        }
    }
    if !some {
        return Some(());
    }
    r.remove_headers(|line| is_out(line.name, line.value))
}
