//! Takes tokens out of a request, byte-exact, and keeps what was received for other profiles.

use super::check::{Record, Saved};
use super::{Main, Named};
use crate::Gatehouse;
use gatehouse_core::token::strip as bytes;
use gatehouse_nginx::Request;

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
