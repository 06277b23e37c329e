//! `$token_auth_…`.

use super::check::judge;
use super::conf::Named;
use super::profile::profile_of;
use super::record::{Action, CachedVerdict};
use crate::{Gatehouse, refusal};
use gatehouse_nginx::http::variable::Variable;
use gatehouse_nginx::{Answer, Request};

/// Bytes of the longest number.
const LONGEST_NUMBER: usize = 20;

pub(super) const VARIABLES: &[Variable<Gatehouse>] = &[
    Variable::new(
        "token_auth_status",
        "`ok`, or why the token is refused: `missing`, `malformed`, `invalid`, `expired`, `not_yet_valid`, `wrong_ip`, `wrong_path`, `revoked`, `forbidden`, `limited`. \
         Reading it runs the check of the location without enforcing it.",
        |r| with_verdict(r, |_, _, judged| Some(judged.verdict.as_str().as_bytes())),
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
        |r| with_verdict(r, |_, _, judged| judged.key_id.map(str::as_bytes)),
    ),
    Variable::new(
        "token_auth_expires",
        "When the token expires, seconds since 1970; only when its MAC is right.",
        |r| {
            with_verdict(r, |r, _, judged| {
                r.text(&judged.verdict.expires?, LONGEST_NUMBER)
            })
        },
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
    show: impl Fn(Request<'r>, &'r Named, &CachedVerdict<'r>) -> Option<&'r [u8]>,
) -> Answer<'r> {
    let Ok(index) = profile_of(r.main()) else {
        return Answer::Failed;
    };
    let enforced = r
        .existing_record::<Gatehouse>()
        .and_then(|all| all.token.enforced.get());
    let judged = match (index, enforced) {
        (None, None) => return Answer::NotFound,
        (None, Some((judged, _))) => judged,
        (Some(index), Some((judged, _))) if judged.profile == index => judged,
        (Some(index), _) => {
            let Some(all) = r.record::<Gatehouse>() else {
                return Answer::Failed;
            };
            let Some(judged) = judge(&all.token, r.main(), index, true) else {
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
            .and_then(|named| show(r, named, judged)),
    )
}
