//! Checking requests: the record of the request as received, verdicts, handlers, variables.

use super::{Auth, Named, strip};
use crate::{Gatehouse, refusal};
use gatehouse_core::token::{Received, Statuses, Verdict, strip as bytes};
use gatehouse_nginx::phase::Handler;
use gatehouse_nginx::variable::Variable;
use gatehouse_nginx::{Answer, Level, Outcome, Phase, Request, process};
use std::cell::Cell;

/// The request as received and what was decided about it; lives as long as the main request.
#[derive(Default)]
pub struct Record<'r> {
    received: Cell<Option<AsReceived<'r>>>,
    saved: Cell<Option<&'r Saved<'r>>>,
    verdicts: Cell<Option<&'r Judged<'r>>>,
    /// What the access phase last enforced.
    enforced: Cell<Option<(&'r Judged<'r>, Action)>>,
    /// A request has one path token at most: what follows in its place is part of the URL.
    pub path_out_of_target: Cell<bool>,
    path_out_of_uri: Cell<bool>,
    /// The profile of the location the request has come to, and whether `Authorization` goes with
    /// it, until its carriers are stripped: also when an error page takes the request away before.
    pub(super) entered: Cell<Option<(usize, bool)>>,
    /// The request is about to start again at a path that its client chose.
    starts_again: Cell<bool>,
}

#[derive(Clone, Copy)]
pub(super) struct AsReceived<'r> {
    target: &'r [u8],
    uri: &'r [u8],
    args: &'r [u8],
}

/// A header line as it was before stripping, and the one saved before it.
pub struct Saved<'r> {
    pub name: &'r [u8],
    pub value: &'r [u8],
    pub before: Option<&'r Saved<'r>>,
}

/// The verdict of one profile, and the one made before it.
struct Judged<'r> {
    profile: usize,
    verdict: Verdict,
    /// Made before the access phase, when the client's address may still change (realip).
    early: bool,
    before: Option<&'r Judged<'r>>,
}

/// What came of a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Allowed,
    Refused,
    DryRun,
}

impl<'r> Record<'r> {
    /// Remembers the request as received, once.
    pub(super) fn receive(&self, r: Request<'r>) -> AsReceived<'r> {
        let now = AsReceived {
            target: r.target(),
            uri: r.uri(),
            args: bytes::args_of(r.target()),
        };
        let first = self.received.get().unwrap_or(now);
        self.received.set(Some(first));
        first
    }

    /// Keeps a header line; lines are saved in their order. None when memory is short.
    pub fn save(&self, r: Request<'r>, line: Saved<'r>) -> Option<()> {
        let line = r.place(Saved {
            before: self.saved.get(),
            ..line
        })?;
        self.saved.set(Some(line));
        Some(())
    }

    /// The first saved line for which `pick` finds something.
    fn saved<T>(&self, pick: impl Fn(&Saved<'r>) -> Option<T>) -> Option<T> {
        let (mut line, mut found) = (self.saved.get(), None);
        while let Some(one) = line {
            found = pick(one).or(found);
            line = one.before;
        }
        found
    }

    /// `satisfy any` has let the request pass in spite of us.
    pub fn overrule(&self) {
        if let Some((judged, Action::Refused)) = self.enforced.get() {
            self.enforced.set(Some((judged, Action::Allowed)));
        }
    }

    fn judged(&self, profile: usize) -> Option<&'r Judged<'r>> {
        let mut judged = self.verdicts.get();
        while let Some(one) = judged {
            if one.profile == profile {
                return Some(one);
            }
            judged = one.before;
        }
        None
    }

    /// The verdict of a profile on the request as received, made at most once after realip.
    fn judge(&self, r: Request<'r>, number: usize, early: bool) -> Option<&'r Judged<'r>> {
        if let Some(known) = self.judged(number).filter(|known| early || !known.early) {
            return Some(known);
        }
        let named = r.main_conf::<Gatehouse>().token.profiles.get(number)?;
        let view = View {
            r,
            record: self,
            named,
            as_received: self.receive(r),
        };
        let verdict = named.profile.verify(&view, process::now());
        let judged = r.place(Judged {
            profile: number,
            verdict,
            early,
            before: self.verdicts.get(),
        })?;
        self.verdicts.set(Some(judged));
        Some(judged)
    }
}

/// The request as received, for the verifier.
struct View<'v, 'r> {
    r: Request<'r>,
    record: &'v Record<'r>,
    named: &'r Named,
    as_received: AsReceived<'r>,
}

impl Received for View<'_, '_> {
    fn target(&self) -> &[u8] {
        self.as_received.target
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        let name = name.as_bytes();
        let saved = self
            .record
            .saved(|line| line.name.eq_ignore_ascii_case(name).then_some(line.value));
        saved.or_else(|| self.r.header(name))
    }

    fn cookie(&self, name: &[u8]) -> Option<&[u8]> {
        let in_line = |field: &[u8]| field.eq_ignore_ascii_case(b"cookie");
        let saved = self.record.saved(|line| {
            in_line(line.name)
                .then(|| bytes::find_cookie(line.value, name))
                .flatten()
        });
        saved.or_else(|| {
            self.r
                .cookies()
                .find_map(|line| bytes::find_cookie(line.value, name))
        })
    }

    /// Evaluated against the request as received: path, arguments and target are put back for
    /// the time of the evaluation.
    fn message(&self, text: usize) -> Option<&[u8]> {
        let expression = self.named.message.get(text)?;
        if let Some(constant) = expression.constant() {
            return Some(constant);
        }
        let r = self.r;
        let main = &r.main_conf::<Gatehouse>().token;
        let now = (r.uri(), r.args(), r.target());
        r.set_uri(clean_uri(r, self.named, self.as_received.uri)?);
        r.set_args(self.as_received.args);
        r.set_target(self.as_received.target);
        strip::forget(r, main);
        let value = expression.eval(r);
        r.set_uri(now.0);
        r.set_args(now.1);
        r.set_target(now.2);
        strip::forget(r, main);
        value
    }
}

/// The decoded path without a path token.
fn clean_uri<'r>(r: Request<'r>, named: &Named, uri: &'r [u8]) -> Option<&'r [u8]> {
    if !named.profile.carriers().path {
        return Some(uri);
    }
    let out = r.alloc(uri.len())?;
    match named.profile.clean_path(uri, out) {
        Some(len) => out.get(..len),
        None => Some(uri),
    }
}

/// What `token_auth` says for the request's location: a profile's number, none, or an answer that
/// ends the request because data named a profile that does not exist.
pub(super) fn profile_of(r: Request<'_>) -> Result<Option<usize>, ()> {
    match &r.loc::<Gatehouse>().token.auth {
        None | Some(Auth::Off) => Ok(None),
        Some(Auth::Profile(used)) => Ok(Some(used.number.get())),
        Some(Auth::Variable(expression)) => {
            let name = expression.eval(r).ok_or(())?;
            let known = std::str::from_utf8(name)
                .ok()
                .and_then(|name| r.main_conf::<Gatehouse>().token.numbers.get(name));
            known.copied().map(Some).ok_or_else(|| {
                let shown = String::from_utf8_lossy(name);
                let text = format!("token_auth: unknown token_profile \"{shown}\"");
                match r.record::<Gatehouse>() {
                    Some(record) => refusal::log_once(r, record, Level::Error, &text),
                    None => r.log(Level::Error, &text),
                }
            })
        }
    }
}

/// Keeps the path as received, before any rewrite.
pub struct PostRead;

impl Handler for PostRead {
    const PHASE: Phase = Phase::PostRead;
    const NAME: &'static str = "recording a request";

    fn run(r: Request<'_>) -> Outcome<'_> {
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
pub struct Access;

impl Handler for Access {
    const PHASE: Phase = Phase::Access;
    const NAME: &'static str = "checking a token";

    fn run(r: Request<'_>) -> Outcome<'_> {
        match profile_of(r) {
            Ok(Some(number)) if r.is_main() => enforce(r, number).unwrap_or(Outcome::Failed),
            Ok(_) => Outcome::Declined,
            Err(()) => Outcome::Failed,
        }
    }
}

fn enforce(r: Request<'_>, number: usize) -> Option<Outcome<'_>> {
    let all = r.record::<Gatehouse>()?;
    let record = &all.token;
    if refusal::is_page(r) {
        return Some(Outcome::Declined);
    }
    let judged = record.judge(r, number, false)?;
    let loc = &r.loc::<Gatehouse>().token;
    let ok = judged.verdict.is_ok();
    let dry_run = loc.dry_run == Some(true);
    let action = match (ok, dry_run) {
        (_, true) => Action::DryRun,
        (true, false) => Action::Allowed,
        (false, false) => Action::Refused,
    };
    record.enforced.set(Some((judged, action)));
    let named = r.main_conf::<Gatehouse>().token.profiles.get(number)?;
    if !ok {
        let level = loc.log_level.unwrap_or(Level::Error);
        refusal::log(
            r,
            all,
            level,
            &refusal_text(named, &judged.verdict, dry_run),
        );
    }
    if action == Action::Refused {
        let status = match &loc.statuses {
            Some(statuses) => statuses.http_status(judged.verdict.status, named.profile.scheme()),
            None => Statuses::default().http_status(judged.verdict.status, named.profile.scheme()),
        };
        return Some(refusal::refuse(r, all, status));
    }
    refusal::let_pass(all);
    if let Some(clean) = path_without_token(r, record, named) {
        refusal::start_again(all);
        return Some(Outcome::Redirect {
            uri: clean,
            args: r.args(),
        });
    }
    Some(if action == Action::Allowed {
        Outcome::Allowed
    } else {
        Outcome::Declined
    })
}

/// Takes a path token out of a request that others have let in without asking us, or in spite of us.
pub struct PreContent;

impl Handler for PreContent {
    const PHASE: Phase = Phase::PreContent;
    const NAME: &'static str = "taking a token out of a path";

    fn run(r: Request<'_>) -> Outcome<'_> {
        let number = match profile_of(r) {
            Ok(Some(number)) if r.is_main() => number,
            _ => return Outcome::Declined,
        };
        let clean = r.existing_record::<Gatehouse>().and_then(|all| {
            let named = r.main_conf::<Gatehouse>().token.profiles.get(number)?;
            path_without_token(r, &all.token, named)
        });
        clean.map_or(Outcome::Declined, |uri| Outcome::Redirect {
            uri,
            args: r.args(),
        })
    }
}

/// The clean path was chosen by the client as much as the one with the token: no `internal` location
/// is there for it.
pub struct ServerRewrite;

impl Handler for ServerRewrite {
    const PHASE: Phase = Phase::ServerRewrite;
    const NAME: &'static str = "starting again without a token";

    fn run(r: Request<'_>) -> Outcome<'_> {
        let record = r.existing_record::<Gatehouse>().filter(|_| r.is_main());
        if record.is_some_and(|all| all.token.starts_again.take()) {
            r.set_external();
        }
        Outcome::Declined
    }
}

/// The path to start again at, when this one still has a path token in it.
fn path_without_token<'r>(r: Request<'r>, record: &Record<'r>, named: &Named) -> Option<&'r [u8]> {
    if !named.profile.carriers().path || record.path_out_of_uri.get() {
        return None;
    }
    let out = r.alloc(r.uri().len())?;
    let len = named.profile.clean_path(r.uri(), out)?;
    record.path_out_of_uri.set(true);
    record.starts_again.set(!r.is_internal());
    out.get(..len)
}

fn refusal_text(named: &Named, verdict: &Verdict, dry_run: bool) -> String {
    let prefix = if dry_run { "dry run, " } else { "" };
    let key = verdict.key.and_then(|key| named.profile.key_id(key));
    let key = key.map(|id| format!(", key \"{id}\"")).unwrap_or_default();
    let reason = verdict.status.as_str();
    format!(
        "{prefix}token refused: {reason}, profile \"{}\"{key}",
        named.name
    )
}

/// Bytes of the longest number.
const LONGEST_NUMBER: usize = 20;

pub const VARIABLES: &[Variable<Gatehouse>] = &[
    Variable::new(
        "token_auth_status",
        "`ok`, or why the token is refused: `missing`, `malformed`, `invalid`, `expired`, `not_yet_valid`, `wrong_ip`, `wrong_path`, `revoked`, `forbidden`, `limited`. \
         Reading it runs the check of the location without enforcing it.",
        |r| with_verdict(r, |_, _, verdict| Some(verdict.status.as_str().as_bytes())),
    ),
    Variable::new(
        "token_auth_action",
        "What came of it: `allowed` (also in spite of the token, by `satisfy any`), `refused` or `dry_run`; not found before the access phase.",
        |r| {
            let enforced = r
                .existing_record::<Gatehouse>()
                .and_then(|all| all.token.enforced.get());
            Answer::from(enforced.map(|(_, action)| match action {
                Action::Allowed => b"allowed".as_slice(),
                Action::Refused => b"refused",
                Action::DryRun => b"dry_run",
            }))
        },
    ),
    Variable::new(
        "token_auth_key_id",
        "The `id=` of the key that verified the token.",
        |r| {
            with_verdict(r, |_, named, verdict| {
                named.profile.key_id(verdict.key?).map(str::as_bytes)
            })
        },
    ),
    Variable::new(
        "token_auth_expires",
        "When the token expires, seconds since 1970; only when its MAC is right.",
        |r| with_verdict(r, |r, _, verdict| r.text(&verdict.expires?, LONGEST_NUMBER)),
    ),
    Variable::new(
        "token_auth_profile",
        "The profile that judged the request.",
        |r| with_verdict(r, |_, named, _| Some(named.name.as_bytes())),
    ),
];

/// The verdict of the location's profile, else the one last enforced.
fn with_verdict<'r>(
    r: Request<'r>,
    show: impl Fn(Request<'r>, &'r Named, &Verdict) -> Option<&'r [u8]>,
) -> Answer<'r> {
    let Ok(number) = profile_of(r.main()) else {
        return Answer::Failed;
    };
    let enforced = r
        .existing_record::<Gatehouse>()
        .and_then(|all| all.token.enforced.get());
    let judged = match (number, enforced) {
        (None, None) => return Answer::NotFound,
        (None, Some((judged, _))) => judged,
        (Some(number), Some((judged, _))) if judged.profile == number => judged,
        (Some(number), _) => {
            let Some(all) = r.record::<Gatehouse>() else {
                return Answer::Failed;
            };
            let Some(judged) = all.token.judge(r.main(), number, true) else {
                return Answer::Failed;
            };
            if !judged.verdict.is_ok() {
                refusal::turned_down(all);
            }
            judged
        }
    };
    let profiles = &r.main_conf::<Gatehouse>().token.profiles;
    Answer::from(
        profiles
            .get(judged.profile)
            .and_then(|named| show(r, named, &judged.verdict)),
    )
}
