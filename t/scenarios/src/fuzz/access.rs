//! The access phase of the model: country rules, tokens, `allow` and `deny`, `auth_basic`.

use super::site::{self, Auth, Loc, Policy, Rule};
use super::tokens::{self, Profile, Verdict};
use super::uri;
use super::walk::{Reading, Walk};

/// A request that may not pass.
#[derive(Debug)]
pub(super) struct Refused {
    /// The status, or one of several.
    pub statuses: Vec<u16>,
    /// A token or a country has a part in it.
    pub ours: bool,
}

/// What one check says.
enum Says {
    Nothing,
    Yes,
    No { status: u16, ours: bool },
}

/// The profile in force; an error: data names none that exists.
pub(super) fn profile_of(loc: &Loc, host: &str) -> Result<Option<&'static Profile>, ()> {
    let name = match loc.auth {
        Auth::Off => return Ok(None),
        Auth::Profile(name) => name,
        Auth::Tenant => site::look_up(site::APPS, host)
            .map(|route| route.profile)
            .filter(|name| !name.is_empty())
            .unwrap_or(site::TENANT_DEFAULT),
    };
    tokens::profile(name).map(Some).ok_or(())
}

/// The rules of the policy in force and the status of a refusal by them; an error: data names none that exists.
pub(super) fn policy_of(loc: &Loc, host: &str) -> Result<(&'static [Rule], Option<u16>), ()> {
    let name = match loc.policy {
        Policy::Off => return Ok((&[], None)),
        Policy::Named(name) => name,
        Policy::Tenant => site::look_up(site::APPS, host)
            .map(|route| route.policy)
            .filter(|name| !name.is_empty())
            .unwrap_or(site::POLICY_DEFAULT),
    };
    let mut all = site::POLICIES.iter();
    let found = all.find(|policy| policy.0 == name);
    found.map(|policy| (policy.1, policy.2)).ok_or(())
}

/// Whether the request may pass.
pub(super) fn check(
    walk: &mut Walk<'_>,
    loc: &'static Loc,
    profile: Option<&'static Profile>,
) -> Result<(), Refused> {
    let token = token(walk, loc, profile);
    let said = [
        country(walk, loc),
        token,
        address(walk, loc),
        basic(walk, loc),
    ];
    if loc.any { any(&said) } else { all(&said) }
}

fn all(said: &[Says]) -> Result<(), Refused> {
    for one in said {
        if let Says::No { status, ours } = *one {
            return Err(Refused {
                statuses: vec![status],
                ours,
            });
        }
    }
    Ok(())
}

fn any(said: &[Says]) -> Result<(), Refused> {
    let mut code = None;
    let mut others: Vec<u16> = Vec::new();
    let mut part = false;
    for one in said {
        match *one {
            Says::Yes => return Ok(()),
            Says::Nothing => {}
            Says::No { status, ours } => {
                part |= ours;
                if matches!(status, 401 | 403) {
                    if code != Some(401) {
                        code = Some(status);
                    }
                } else {
                    others.extend([status, 403]);
                }
            }
        }
    }
    let statuses: Vec<u16> = code.into_iter().chain(others).collect();
    if statuses.is_empty() {
        return Ok(());
    }
    Err(Refused {
        statuses,
        ours: part,
    })
}

fn country(walk: &Walk<'_>, loc: &Loc) -> Says {
    if walk.refused || loc.geo_dry {
        return Says::Nothing;
    }
    let known = site::country(walk.address);
    let code = known.and_then(|(code, _)| code);
    let (behind, status) = policy_of(loc, &walk.host).unwrap_or_default();
    let own = loc.geo.iter().map(|rule| (rule, None));
    for (rule, status) in own.chain(behind.iter().map(|rule| (rule, status))) {
        let listed = |list: &[&str]| code.is_some_and(|code| list.contains(&code));
        let (hits, allows) = match rule {
            Rule::AllowCountry(list) => (listed(list), true),
            Rule::DenyCountry(list) => (listed(list), false),
            Rule::DenyUnknown => (known.is_none(), false),
            Rule::AllowEu => (known.is_some_and(|(_, eu)| eu), true),
            Rule::DenyAll => (true, false),
        };
        match (hits, allows) {
            (false, _) => {}
            (true, true) => return Says::Yes,
            (true, false) => {
                return Says::No {
                    status: status.unwrap_or(403),
                    ours: true,
                };
            }
        }
    }
    Says::Nothing
}

fn token(walk: &mut Walk<'_>, loc: &Loc, profile: Option<&'static Profile>) -> Says {
    let Some(profile) = profile.filter(|_| !walk.refused) else {
        return Says::Nothing;
    };
    let verdict = match walk.accepted.contains(&profile.name) {
        true => Verdict::Ok,
        false => verdict(walk, profile),
    };
    if verdict == Verdict::Ok {
        walk.accepted.push(profile.name);
    }
    match (loc.dry, verdict) {
        (true, _) => Says::Nothing,
        (false, Verdict::Ok) => Says::Yes,
        (false, reason) => Says::No {
            status: status_of(loc, reason),
            ours: true,
        },
    }
}

/// `$token_auth_status` of a profile.
pub(super) fn verdict(walk: &Walk<'_>, profile: &Profile) -> Verdict {
    let received = walk.received();
    let found = find_token(received, profile);
    let clean = cut(received, profile).filter(|_| walk.has_token);
    let (raw, _) = uri::split(&walk.request.target);
    let token = match walk.reading {
        Reading::Parsed => found,
        Reading::Raw => find_token(raw, profile),
        Reading::Nothing => None,
    };
    profile.verdict(&walk.view(clean.as_deref().unwrap_or(received), token))
}

/// The first segment of a path that has the form of a token.
pub(super) fn find_token<'p>(path: &'p [u8], profile: &Profile) -> Option<&'p [u8]> {
    path.split(|byte| *byte == b'/')
        .skip(1)
        .find(|segment| profile.is_path_token(segment))
}

/// The path without that segment and the slash behind it.
pub(super) fn cut(path: &[u8], profile: &Profile) -> Option<Vec<u8>> {
    let mut segments: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let at = segments
        .iter()
        .skip(1)
        .position(|segment| profile.is_path_token(segment))?
        .saturating_add(1);
    let last = segments.len() == at.saturating_add(1);
    segments.remove(at);
    if last {
        segments.push(b"");
    }
    Some(segments.join(&b'/'))
}

fn status_of(loc: &Loc, reason: Verdict) -> u16 {
    let name = match reason {
        Verdict::Ok => "ok",
        Verdict::Missing => "missing",
        Verdict::Malformed => "malformed",
        Verdict::Invalid => "invalid",
        Verdict::Expired => "expired",
    };
    let written = |wanted: &str| {
        let mut words = loc.statuses.split(' ').filter_map(|w| w.split_once('='));
        words
            .find(|(reason, _)| *reason == wanted)
            .and_then(|(_, status)| status.parse().ok())
    };
    written(name).or_else(|| written("default")).unwrap_or(403)
}

fn address(walk: &Walk<'_>, loc: &Loc) -> Says {
    for line in loc.access {
        let (verb, what) = line.split_once(' ').unwrap_or((line, "all"));
        let network = what.strip_suffix(".0/24");
        let hits = network.is_none_or(|network| {
            walk.address
                .strip_prefix(network)
                .is_some_and(|rest| rest.starts_with('.'))
        });
        match (hits, verb) {
            (false, _) => {}
            (true, "allow") => return Says::Yes,
            (true, _) => {
                return Says::No {
                    status: 403,
                    ours: false,
                };
            }
        }
    }
    Says::Nothing
}

/// The one user there is.
pub(super) const BASIC: &[u8] = b"Basic dTpw";

fn basic(walk: &Walk<'_>, loc: &Loc) -> Says {
    if !loc.basic {
        return Says::Nothing;
    }
    let good = walk.request.header("Authorization") == Some(BASIC);
    match good {
        true => Says::Yes,
        false => Says::No {
            status: 401,
            ours: false,
        },
    }
}
