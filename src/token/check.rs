//! Checking requests: the record of the request as received, verdicts, handlers, variables.

use super::path::{self, PathToken};
use super::saved::SavedLines;
use super::strip::{self, At, Left};
use super::{Auth, Named};
use crate::{Gatehouse, refusal};
use gatehouse_nginx::http::phase::Handler;
use gatehouse_nginx::http::variable::Variable;
use gatehouse_nginx::{Answer, Level, Outcome, Phase, Request, ffi::process};
use gatehouse_token::{HttpStatuses, InPath, RequestView, Verdict, strip as bytes};
use std::cell::Cell;
use std::net::IpAddr;

/// The request as received and what was decided about it; lives as long as the main request.
#[derive(Default)]
pub struct Record<'r> {
    received: Cell<Option<AsReceived<'r>>>,
    pub(super) saved: SavedLines<'r>,
    verdicts: Cell<Option<&'r CachedVerdict<'r>>>,
    /// What the access phase last enforced.
    enforced: Cell<Option<(&'r CachedVerdict<'r>, Action)>>,
    pub(super) path: Cell<PathToken>,
    /// The request as it came to the location it is in.
    pub(super) entry: Cell<Option<path::Entry<'r>>>,
    /// The request has begun with its phases.
    pub(super) begun: Cell<bool>,
    /// The place whose tokens are to be stripped.
    pub(super) at: Cell<At<'r>>,
    /// Places it has left before that was done.
    pub(super) left: Cell<Option<&'r Left<'r>>>,
    /// The request is about to start again at a path that its client chose.
    pub(super) starts_again: Cell<bool>,
}

#[derive(Clone, Copy)]
pub(super) struct AsReceived<'r> {
    pub target: &'r [u8],
    pub uri: &'r [u8],
    args: &'r [u8],
}

/// The verdict of one profile, and the one made before it.
struct CachedVerdict<'r> {
    profile: usize,
    verdict: Verdict,
    /// Made before the access phase, when the client's address may still change (realip).
    early: bool,
    previous: Option<&'r CachedVerdict<'r>>,
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
        let first = self.received.get().unwrap_or_else(|| AsReceived {
            target: r.target(),
            uri: strip::parsed(r),
            args: bytes::args_of(r.target()),
        });
        self.received.set(Some(first));
        first
    }

    /// Whether it has been remembered.
    pub(super) fn is_received(&self) -> bool {
        self.received.get().is_some()
    }

    /// The first header line as received for which `pick` finds something, by name and value: the
    /// lines that stripping has changed, then the others.
    fn each_line<T>(
        &self,
        r: Request<'r>,
        mut pick: impl FnMut(&'r [u8], &'r [u8]) -> Option<T>,
    ) -> Option<T> {
        let mut saved = self.saved.iter();
        if let Some(found) = saved.find_map(|one| pick(one.name, one.value)) {
            return Some(found);
        }
        let mut walk = self.saved.walk();
        let mut others = r.headers().filter(|line| walk.pass(*line).is_none());
        others.find_map(|line| pick(line.name, line.value))
    }

    /// `satisfy any` has let the request pass in spite of us.
    pub fn overrule(&self) {
        if let Some((judged, Action::Refused)) = self.enforced.get() {
            self.enforced.set(Some((judged, Action::Allowed)));
        }
    }

    fn judged(&self, profile: usize) -> Option<&'r CachedVerdict<'r>> {
        let mut judged = self.verdicts.get();
        while let Some(one) = judged {
            if one.profile == profile {
                return Some(one);
            }
            judged = one.previous;
        }
        None
    }

    /// The verdict of a profile on the request as received, made at most once after realip.
    fn judge(&self, r: Request<'r>, number: usize, early: bool) -> Option<&'r CachedVerdict<'r>> {
        if let Some(known) = self.judged(number).filter(|known| early || !known.early) {
            return Some(known);
        }
        let named = r.main_conf::<Gatehouse>().token.profiles.get(number)?;
        let as_received = self.receive(r);
        let in_path = path::find(r, named, as_received.target, as_received.uri)?;
        let view = View {
            r,
            record: self,
            named,
            as_received,
            serves_target: in_path != InPath::Cancelled,
        };
        let verdict = named.profile.verify(&view, process::now());
        let judged = r.place(CachedVerdict {
            profile: number,
            verdict,
            early,
            previous: self.verdicts.get(),
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
    serves_target: bool,
}

impl RequestView for View<'_, '_> {
    fn target(&self) -> &[u8] {
        self.as_received.target
    }

    fn header(&self, name: &str, n: usize) -> Option<&[u8]> {
        let name = name.as_bytes();
        let mut rest = n;
        self.record.each_line(self.r, |line, value| {
            let hit = line.eq_ignore_ascii_case(name).then_some(value);
            hit.filter(|_| countdown(&mut rest))
        })
    }

    fn cookie(&self, name: &[u8], n: usize) -> Option<&[u8]> {
        let mut rest = n;
        self.record.each_line(self.r, |line, value| {
            let mut values = line
                .eq_ignore_ascii_case(b"cookie")
                .then(|| bytes::cookies_called(value, name))
                .into_iter()
                .flatten();
            values.find(|_| countdown(&mut rest))
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
        r.set_uri(path::signed(r, self.named, self.as_received)?);
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

    fn path(&self) -> Option<&[u8]> {
        path::signed(self.r, self.named, self.as_received)
    }

    fn address(&self) -> Option<IpAddr> {
        self.r.client()
    }

    fn serves_target(&self) -> bool {
        self.serves_target
    }
}

/// Whether this was the last one to wait for.
fn countdown(rest: &mut usize) -> bool {
    match rest.checked_sub(1) {
        Some(less) => {
            *rest = less;
            false
        }
        None => true,
    }
}

/// What `token_auth` says for the request's location: a profile's number, none, or an answer that
/// ends the request because data named a profile that does not exist.
pub(super) fn profile_of(r: Request<'_>) -> Result<Option<usize>, ()> {
    profile_named(r).map_err(|unknown| {
        let Some(name) = unknown else { return };
        let shown = String::from_utf8_lossy(name);
        let text = format!("token_auth: unknown token_profile \"{shown}\"");
        match r.record::<Gatehouse>() {
            Some(record) => refusal::log_once(r, record, Level::Error, &text),
            None => r.log(Level::Error, &text),
        }
    })
}

/// The same, said to nobody; the error is the name that no profile has, if there is one.
pub(super) fn profile_named(r: Request<'_>) -> Result<Option<usize>, Option<&[u8]>> {
    match &r.loc::<Gatehouse>().token.auth {
        None | Some(Auth::Off) => Ok(None),
        Some(Auth::Profile(used)) => Ok(Some(used.index.get())),
        Some(Auth::Variable(expression)) => {
            let name = expression.eval(r).ok_or(None)?;
            let known = std::str::from_utf8(name)
                .ok()
                .and_then(|name| r.main_conf::<Gatehouse>().token.by_name.get(name));
            known.copied().map(Some).ok_or(Some(name))
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
    let dry_run = loc.dry_run == Some(true);
    let action = match (judged.verdict.refused, dry_run) {
        (_, true) => Action::DryRun,
        (None, false) => Action::Allowed,
        (Some(_), false) => Action::Refused,
    };
    record.enforced.set(Some((judged, action)));
    let named = r.main_conf::<Gatehouse>().token.profiles.get(number)?;
    if let Some(reason) = judged.verdict.refused {
        refusal::doubt(all);
        let level = loc.log_level.unwrap_or(Level::Error);
        let text = refusal_text(named, &judged.verdict, dry_run);
        refusal::log(r, all, level, &text);
        if !dry_run {
            let own = named.profile.scheme().statuses;
            let status = match &loc.statuses {
                Some(statuses) => statuses.http_status(reason, own),
                None => HttpStatuses::default().http_status(reason, own),
            };
            return Some(refusal::refuse(r, all, status));
        }
    }
    if let Some((uri, args)) = path::without_token(r, record, number) {
        refusal::start_again(all);
        return Some(Outcome::Redirect { uri, args });
    }
    Some(if action == Action::Allowed {
        Outcome::Allowed
    } else {
        Outcome::Declined
    })
}

fn refusal_text(named: &Named, verdict: &Verdict, dry_run: bool) -> String {
    let prefix = if dry_run { "dry run, " } else { "" };
    let key = verdict.key.and_then(|key| named.profile.key_id(key));
    let key = key.map(|id| format!(", key \"{id}\"")).unwrap_or_default();
    let reason = verdict.as_str();
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
        |r| with_verdict(r, |_, _, verdict| Some(verdict.as_str().as_bytes())),
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
                refusal::doubt(all);
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
