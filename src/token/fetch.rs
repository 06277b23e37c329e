//! Requests that fetch keys, and requests that wait for them.

use super::check::{is_preflight, judge};
use super::conf::Named;
use super::profile::profile_of;
use super::record::CachedVerdict;
use super::remote::Remote;
use crate::{Gatehouse, refusal};
use gatehouse_live::refresh::PATIENCE_MS;
use gatehouse_nginx::http::chain::NextFilter;
use gatehouse_nginx::http::fetch::{self, Fetcher};
use gatehouse_nginx::http::phase::HeaderFilter;
use gatehouse_nginx::http::waiting::{Begin, Waiting};
use gatehouse_nginx::{Outcome, Phase, Request, ffi::process};
use gatehouse_token::Reason;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Fetches keys before tokens are checked, and has requests wait whose keys are on their way.
pub(super) struct FetchKeys;

impl Waiting for FetchKeys {
    const PHASE: Phase = Phase::Access;
    const NAME: &'static str = "waiting for keys";
    const PATIENCE: Duration = Duration::from_millis(PATIENCE_MS);
    type Answer = ();

    fn begin<'r>(r: Request<'r>, fetcher: &Fetcher<'r>) -> Begin<'r, ()> {
        let pass = Begin::Decided(Outcome::Declined);
        let index = match profile_of(r) {
            Ok(Some(index)) if r.is_main() && !is_preflight(r) && !refusal::is_page(r) => index,
            // Whoever enforces the profile says what is wrong.
            _ => return pass,
        };
        match r.main_conf::<Gatehouse>().token.profiles.get(index) {
            Some(named) if !named.remotes.is_empty() => {
                begin(r, fetcher, named, index).unwrap_or(Begin::Decided(Outcome::Failed))
            }
            _ => pass,
        }
    }

    /// The keys are there, or they are not: the token is checked with those there are.
    fn end(_: Request<'_>, _: Option<()>) -> Outcome<'_> {
        Outcome::Declined
    }
}

/// None when the token cannot be looked at.
fn begin<'r>(
    r: Request<'r>,
    fetcher: &Fetcher<'r>,
    named: &'r Named,
    index: usize,
) -> Option<Begin<'r, ()>> {
    let now = process::now_ms();
    let mut fetches = false;
    for remote in named.remotes.iter().filter(|one| one.refresh.is_due(now)) {
        remote.refresh.begin(now);
        remote.fetch(fetcher);
        fetches = true;
    }
    let record = &r.record::<Gatehouse>()?.token;
    let judged = judge(record, r, index, false)?;
    let lacks = lacks_key(judged);
    if lacks {
        for remote in named.remotes.iter().filter(|one| one.refresh.may_ask(now)) {
            remote.refresh.ask(now);
            remote.fetch(fetcher);
            fetches = true;
        }
    }
    let wanted = |one: &&Rc<Remote>| {
        let has_token = judged.verdict.refused != Some(Reason::Missing);
        let is_stale = one.has_keys() && one.refresh.is_stale(now);
        let counts = lacks || (has_token && is_stale);
        counts && one.refresh.is_awaited(now)
    };
    let awaited = named.remotes.iter().filter(wanted);
    let awaited: Vec<_> = awaited.map(|one| Box::pin(one.refresh.ended())).collect();
    if awaited.is_empty() {
        return Some(Begin::Decided(Outcome::Declined));
    }
    // It is judged anew, by the keys that come.
    judged.early.set(true);
    let all = All(awaited);
    Some(if fetches {
        Begin::wait_out(all)
    } else {
        Begin::wait(all)
    })
}

/// Whether a token may be good by a key that is not there.
fn lacks_key(judged: &CachedVerdict<'_>) -> bool {
    judged.lacks_key && judged.verdict.refused == Some(Reason::Invalid)
}

/// The end of all of them.
struct All<F>(Vec<Pin<Box<F>>>);

impl<F: Future<Output = ()>> Future for All<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        if self.0.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Bounds what is kept of an answer while it comes.
pub(super) struct Unbuffered;

impl HeaderFilter for Unbuffered {
    fn next() -> &'static NextFilter {
        static NEXT: NextFilter = NextFilter::new();
        &NEXT
    }

    fn run(r: Request<'_>) {
        if fetch::is_alone(r) {
            fetch::unbuffer(r);
        }
    }
}
