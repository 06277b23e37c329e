//! Checking requests: verdicts, and what comes of them in the access phase.

use super::conf::Named;
use super::issue;
use super::limit;
use super::path;
use super::profile::profile_of;
use super::record::{Action, CachedVerdict, Lacking, Record};
use super::strip;
use super::view::View;
use crate::choice::{Choice, NameUse, Names};
use crate::judge::Judge;
use crate::words::set_once;
use crate::{Gatehouse, refusal};
use gatehouse_nginx::http::phase::Handler;
use gatehouse_nginx::{Conf, Error, Level, Outcome, Phase, Request, ffi::process};
use gatehouse_token::{Checked, HttpStatuses, Reason};
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

/// The verdict of a profile on the request as received, made at most once after realip.
pub(super) fn judge<'r>(
    record: &'r Record<'r>,
    r: Request<'r>,
    index: usize,
    early: bool,
) -> Option<&'r CachedVerdict<'r>> {
    if let Some(known) = record
        .judged(index)
        .filter(|known| early || !known.early.get())
    {
        return Some(known);
    }
    let judged = look_at(record, r, index, None)?;
    judged.early.set(early);
    record.verdicts.set(Some(judged));
    Some(judged)
}

/// The verdict on the tokens of a request, or on those behind that of a location and turn.
fn look_at<'r>(
    record: &'r Record<'r>,
    r: Request<'r>,
    index: usize,
    last: Option<(usize, usize)>,
) -> Option<&'r CachedVerdict<'r>> {
    let named = r.main_conf::<Gatehouse>().token.profiles.get(index)?;
    let view = View::of(r, record, named)?;
    // What a document claims is read later: it lives as long as what it was read from.
    let (checked, lacks) = if named.profile.has_claims() {
        look(named, r.place(view)?, last)?
    } else {
        let (checked, lacks) = look(named, &view, last)?;
        (checked.without_claims(), lacks)
    };
    // One that may be replaced lives as long as the request.
    let keep = |id: &str| std::str::from_utf8(r.concat(&[id.as_bytes()])?).ok();
    let key = checked.verdict.key;
    let judged = r.place(CachedVerdict {
        profile: index,
        verdict: checked.verdict,
        turn: checked.turn,
        until: checked.until,
        claims: checked.claims,
        key_id: key.and_then(|key| named.profile.key_id(key, keep)),
        lacks: lacks.route_key,
        lacks_key: lacks.key,
        early: Cell::new(false),
        counted: Cell::default(),
        charged: Cell::default(),
        previous: record.verdicts.get(),
    })?;
    Some(judged)
}

/// What a request's token would need.
struct Lacks {
    /// The first key of the request's route that could not be used.
    route_key: Option<Lacking>,
    /// Its key is none of the profile's.
    key: bool,
}

/// Verifies; None when a key could not be looked for, or memory is short.
fn look<'v>(
    named: &'v Named,
    view: &'v View<'_, '_>,
    last: Option<(usize, usize)>,
) -> Option<(Checked<'v>, Lacks)> {
    let checked = named.profile.check_after(last, view, process::now());
    let lacks = Lacks {
        route_key: view.lacks.get(),
        key: view.lacks_key.get(),
    };
    (!view.failed.get()).then_some((checked, lacks))
}

/// Puts the location that is being read under a profile for a directive of another family, which asks for the verdict
/// again: a dry run or `satisfy any` lets nobody in there.
pub(super) fn required(cf: &mut Conf<'_, Gatehouse>, name: &str) -> Result<Rc<dyn Judge>, Error> {
    let used = Names::used(cf, |main| &mut main.token.names, name.to_owned());
    let auth = Choice::Named(Rc::clone(&used));
    set_once(cf, |loc| &mut loc.token.auth, auth)
        .map_err(|_| cf.error("has \"profile=\" where \"token_auth\" stands"))?;
    Ok(Rc::new(Required(used)))
}

/// The profile that a directive of another family requires.
struct Required(Rc<NameUse>);

impl Judge for Required {
    fn accepts(&self, r: Request<'_>) -> Option<bool> {
        let r = r.main();
        let record = r.record::<Gatehouse>()?;
        let judged = judge(&record.token, r, self.0.index.get(), false)?;
        Some(judged.verdict.is_ok())
    }
}

/// Keeps path and arguments as received, before any rewrite.
pub(super) struct PostRead;

impl Handler for PostRead {
    const PHASE: Phase = Phase::PostRead;
    const NAME: &'static str = "recording a request";

    fn run(r: Request<'_>) -> Outcome<'_> {
        if r.keep_received::<Gatehouse>() {
            return Outcome::Declined;
        }
        match r.record::<Gatehouse>() {
            Some(record) => {
                record.token.receive(r);
                Outcome::Declined
            }
            None => Outcome::Failed,
        }
    }
}

/// Enforces the verdict.
pub(super) struct Access;

impl Handler for Access {
    const PHASE: Phase = Phase::Access;
    const NAME: &'static str = "checking a token";

    fn run(r: Request<'_>) -> Outcome<'_> {
        match profile_of(r) {
            Ok(Some(_)) if is_preflight(r) => Outcome::Declined,
            Ok(Some(index)) if r.is_main() => enforce(r, index).unwrap_or(Outcome::Failed),
            Ok(_) => Outcome::Declined,
            Err(()) => Outcome::Failed,
        }
    }
}

/// Whether a request is a browser's question whether it may ask (CORS, in the Fetch standard), which never carries a token,
/// and its location lets those pass.
pub(super) fn is_preflight(r: Request<'_>) -> bool {
    r.loc::<Gatehouse>().token.pass_preflight == Some(true)
        && r.method() == b"OPTIONS"
        && r.header(b"Origin").is_some()
        && r.header(b"Access-Control-Request-Method").is_some()
        && !r.announces_body()
}

fn enforce(r: Request<'_>, index: usize) -> Option<Outcome<'_>> {
    let all = r.record::<Gatehouse>()?;
    let record = &all.token;
    if refusal::is_page(r) {
        return Some(Outcome::Declined);
    }
    let judged = judge(record, r, index, false)?;
    let named = r.main_conf::<Gatehouse>().token.profiles.get(index)?;
    let next = |at| look_at(record, r, index, Some(at));
    let judged = limit::charge(record, r, named, judged, next)?;
    issue::prepare(record, r, named, judged);
    let loc = &r.loc::<Gatehouse>().token;
    let dry_run = loc.dry_run == Some(true);
    let action = match (judged.verdict.refused, dry_run) {
        (_, true) => Action::DryRun,
        (None, false) => Action::Allowed,
        (Some(_), false) => Action::Refused,
    };
    record.enforced.set(Some((judged, action)));
    let count = named.count(judged);
    if let Some(reason) = judged.verdict.refused {
        refusal::doubt(all);
        let level = loc.log_level.unwrap_or(Level::Error);
        let text = RefusedToken {
            named,
            judged,
            dry_run,
        };
        refusal::log(r, all, level, &text);
        refusal::count(r, all, count);
        if !dry_run {
            let own = named.profile.scheme().statuses;
            let status = match &loc.statuses {
                Some(statuses) => statuses.http_status(reason, own),
                None => HttpStatuses::default().http_status(reason, own),
            };
            refusal::challenge(all, named.profile.challenge(), reason != Reason::Missing);
            return Some(refusal::refuse(r, all, status));
        }
    } else {
        count.make();
        if !dry_run {
            strip::drop_unproven(r, record, named, judged.verdict.location)?;
        }
    }
    if let Some((uri, args)) = path::without_token(r, record, index) {
        refusal::start_again(all);
        return Some(Outcome::Redirect { uri, args });
    }
    Some(if action == Action::Allowed {
        Outcome::Allowed
    } else {
        Outcome::Declined
    })
}

/// What the error log says of a refused token.
struct RefusedToken<'v> {
    named: &'v Named,
    judged: &'v CachedVerdict<'v>,
    dry_run: bool,
}

impl fmt::Display for RefusedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = &self.judged.verdict;
        if self.dry_run {
            f.write_str("dry run, ")?;
        }
        let (reason, name) = (verdict.as_str(), &self.named.name);
        write!(f, "token refused: {reason}, profile \"{name}\"")?;
        if let Some(id) = self.judged.key_id {
            write!(f, ", key \"{id}\"")?;
        }
        match self.judged.lacks {
            Some(lacks) if verdict.refused == Some(Reason::Invalid) => self.write_lack(f, lacks),
            _ => Ok(()),
        }
    }
}

impl RefusedToken<'_> {
    /// Why the key of the request's route verifies nothing.
    fn write_lack(&self, f: &mut fmt::Formatter<'_>, lacks: Lacking) -> fmt::Result {
        let Some(key) = self.named.profile.route_keys().get(lacks.line) else {
            return Ok(());
        };
        let (name, table) = (&key.name, &key.table);
        match lacks.why {
            Some(why) => write!(
                f,
                ", key \"{name}\" of its route in upstream_table \"{table}\" {why}"
            ),
            None => write!(
                f,
                ", no key \"{name}\" for its host in upstream_table \"{table}\""
            ),
        }
    }
}
