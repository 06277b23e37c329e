//! Takes tokens out of a request, byte-exact, and keeps what was received for other profiles.

use super::check::{Record, Saved, profile_of};
use super::{Auth, Main, Named};
use crate::Gatehouse;
use gatehouse_core::token::strip as bytes;
use gatehouse_nginx::phase::Handler;
use gatehouse_nginx::{Outcome, Phase, Request};

/// Notes the profile of the location a request has come to.
pub struct Rewrite;

impl Handler for Rewrite {
    const PHASE: Phase = Phase::Rewrite;
    const NAME: &'static str = "entering a location";

    fn run(r: Request<'_>) -> Outcome<'_> {
        let written = r.loc::<Gatehouse>().token.strip;
        if !r.is_main() || written == Some(false) {
            return Outcome::Declined;
        }
        // A variable may not have its value yet; the later phases will say.
        if let Some(number) = named_profile(r) {
            let Some(record) = r.record::<Gatehouse>() else {
                return Outcome::Failed;
            };
            record
                .token
                .entered
                .set(Some((number, written == Some(true))));
        }
        Outcome::Declined
    }
}

/// The profile that `token_auth` names in the location, if it is written out.
fn named_profile(r: Request<'_>) -> Option<usize> {
    match &r.loc::<Gatehouse>().token.auth {
        Some(Auth::Profile(used)) => Some(used.number.get()),
        _ => None,
    }
}

/// Takes the tokens out of the request: those of its location's profile, and those of a location
/// that an error page took it away from before this phase.
pub struct PreAccess;

impl Handler for PreAccess {
    const PHASE: Phase = Phase::PreAccess;
    const NAME: &'static str = "stripping a token";

    fn run(r: Request<'_>) -> Outcome<'_> {
        let Ok(number) = profile_of(r) else {
            return Outcome::Failed;
        };
        if !r.is_main() {
            return Outcome::Declined;
        }
        let written = r.loc::<Gatehouse>().token.strip;
        let here = number.filter(|_| written != Some(false));
        let here = here.map(|number| (number, written == Some(true)));
        let Some(record) = r.record::<Gatehouse>() else {
            return Outcome::Failed;
        };
        let left = record
            .token
            .entered
            .take()
            .filter(|left| Some(*left) != here);
        let done = [left, here]
            .into_iter()
            .flatten()
            .try_for_each(|(number, authorization)| {
                record.token.receive(r);
                let named = r.main_conf::<Gatehouse>().token.profiles.get(number)?;
                strip(r, &record.token, named, authorization)
            });
        done.map_or(Outcome::Failed, |()| Outcome::Declined)
    }
}

/// Strips every carrier of a profile; `authorization`: also when that is the header's name.
/// None when memory is short.
pub fn strip<'r>(
    r: Request<'r>,
    record: &Record<'r>,
    named: &Named,
    authorization: bool,
) -> Option<()> {
    strip_query(r, named)?;
    strip_path(r, record, named)?;
    strip_cookies(r, record, named)?;
    strip_headers(r, record, named, authorization)?;
    forget(r, &r.main_conf::<Gatehouse>().token);
    Some(())
}

/// nginx remembers the values of some variables: it computes them again.
pub fn forget(r: Request<'_>, main: &Main) {
    for index in &main.remembered {
        r.forget_variable(*index);
    }
}

fn strip_query(r: Request<'_>, named: &Named) -> Option<()> {
    let names = &named.profile.carriers().args;
    if names.is_empty() {
        return Some(());
    }
    let (args, target) = (r.args(), r.target());
    // Without a rewrite the arguments are the target's own bytes: one pass serves both.
    let same = std::ptr::eq(args, bytes::args_of(target));
    let out = r.alloc(target.len())?;
    if let Some(len) = bytes::strip_target(target, names, out) {
        let clean = out.get(..len)?;
        r.set_target(clean);
        if same {
            r.set_args(bytes::args_of(clean));
        }
    }
    if !same && !args.is_empty() {
        let out = r.alloc(args.len())?;
        if let Some(len) = bytes::strip_args(args, names, out) {
            r.set_args(out.get(..len)?);
        }
    }
    Some(())
}

fn strip_path<'r>(r: Request<'r>, record: &Record<'r>, named: &Named) -> Option<()> {
    if !named.profile.carriers().path || record.path_out_of_target.replace(true) {
        return Some(());
    }
    let out = r.alloc(r.target().len())?;
    if let Some(len) = named.profile.clean_path(r.target(), out) {
        r.set_target(out.get(..len)?);
    }
    Some(())
}

fn strip_cookies<'r>(r: Request<'r>, record: &Record<'r>, named: &Named) -> Option<()> {
    let names = &named.profile.carriers().cookies;
    if names.is_empty() {
        return Some(());
    }
    for line in r.cookies() {
        let out = r.alloc(line.value.len())?;
        if let Some(len) = bytes::strip_cookie(line.value, names, out) {
            record.save(
                r,
                Saved {
                    name: line.name,
                    value: line.value,
                    before: None,
                },
            )?;
            r.set_header(line, out.get(..len)?);
        }
    }
    r.remove_headers(|h| h.value.is_empty() && h.name.eq_ignore_ascii_case(b"cookie"))
}

fn strip_headers<'r>(
    r: Request<'r>,
    record: &Record<'r>,
    named: &Named,
    authorization: bool,
) -> Option<()> {
    let names = &named.profile.carriers().headers;
    let doomed = |name: &[u8]| {
        names
            .iter()
            .any(|one| one.as_bytes().eq_ignore_ascii_case(name))
            && (authorization || !name.eq_ignore_ascii_case(b"authorization"))
    };
    for line in r.headers().filter(|h| doomed(h.name)) {
        record.save(
            r,
            Saved {
                name: line.name,
                value: line.value,
                before: None,
            },
        )?;
    }
    r.remove_headers(|h| doomed(h.name))
}
