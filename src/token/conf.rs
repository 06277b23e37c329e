//! What the configuration says about tokens.

use super::limited::Limited;
use super::remote::Remote;
use crate::choice::{Choice, NameUse, Names};
use crate::lender::Lender;
use gatehouse_nginx::http::variable::Index;
use gatehouse_nginx::{ConfLine, Counters, Expression, Level};
use gatehouse_token::{ClaimPath, HttpStatuses, Profile};
use std::rc::Rc;

/// `http`: the profiles, and the lines that name them.
#[derive(Default)]
pub(crate) struct Main {
    pub(super) profiles: Vec<Named>,
    pub(super) names: Names,
    /// What all servers strip together, for requests that end before they have named their host.
    pub(super) every_server: Srv,
    /// The variables of claims, in the order of their numbers.
    pub(super) claims: Vec<Claim>,
    /// The variables of which nginx keeps copies that stripping makes wrong.
    pub(super) remembered: Vec<Index>,
    /// These, and the variables that the configuration computes from others: what a message is evaluated anew with.
    pub(super) anew: Vec<Index>,
}

/// A `token_claim` directive.
pub(super) struct Claim {
    pub(super) profile: Rc<NameUse>,
    pub(super) path: ClaimPath,
}

/// A profile as the requests use it.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) profile: Rc<Profile>,
    /// The texts of its message, compiled; in the order of `Profile::message_texts`.
    pub(super) message: Vec<Expression>,
    /// Where its keys are that routes have; in the order of `Profile::route_keys`.
    pub(super) route_keys: Vec<RouteKeys>,
    /// Where the uses of its tokens are counted, with `limit`.
    pub(super) limited: Option<Limited>,
    /// The keys that requests fetch.
    pub(super) remotes: Vec<Rc<Remote>>,
    /// Where its verdicts are counted, once the configuration is complete.
    pub(super) checks: Counters,
}

/// A `key table=…` line.
pub(super) struct RouteKeys {
    pub(super) line: ConfLine,
    /// The table, once all blocks are read.
    pub(super) lender: Option<Rc<dyn Lender>>,
    /// What finds the route: `$host`, as for `upstream_lookup`.
    pub(super) host: Expression,
}

/// One level of locations.
#[derive(Default)]
pub(crate) struct Loc {
    pub(super) auth: Option<Choice>,
    pub(super) dry_run: Option<bool>,
    pub(super) statuses: Option<Rc<HttpStatuses>>,
    pub(super) strip: Option<bool>,
    pub(super) log_level: Option<Level>,
    /// Whether a browser's preflight passes without a token.
    pub(super) pass_preflight: Option<bool>,
}

/// `server`.
#[derive(Default)]
pub(crate) struct Srv {
    /// What its locations strip.
    pub(super) strips: Vec<Stripping>,
}

/// What a location strips.
#[derive(Clone)]
pub(super) struct Stripping {
    pub(super) auth: Choice,
    /// Whether a header called `Authorization` is stripped, too.
    pub(super) authorization: bool,
}

impl Loc {
    /// Whether a profile is in force at this level.
    pub(crate) fn is_checked(&self) -> bool {
        self.auth.as_ref().is_some_and(Choice::is_on)
    }
}

impl Main {
    /// Whether any request can be checked.
    pub(crate) fn in_use(&self) -> bool {
        !self.profiles.is_empty()
    }

    /// Whether some keys are fetched by requests.
    pub(super) fn fetches_keys(&self) -> bool {
        self.profiles.iter().any(|one| !one.remotes.is_empty())
    }

    /// Whether a token may be part of a path.
    pub(super) fn in_paths(&self) -> bool {
        let in_path = |named: &Named| named.profile.carriers().path;
        self.profiles.iter().any(in_path)
    }
}

impl Stripping {
    fn includes(&self, other: &Self) -> bool {
        let auth = match (&self.auth, &other.auth) {
            (Choice::Variable(_), _) | (_, Choice::Off) => true,
            (Choice::Named(one), Choice::Named(two)) => one.name == two.name,
            _ => false,
        };
        auth && self.authorization >= other.authorization
    }
}

impl Loc {
    pub(super) fn strips(&self) -> bool {
        self.strip != Some(false) && self.is_checked()
    }

    pub(super) fn stripping(&self) -> Option<Stripping> {
        self.auth
            .clone()
            .filter(|_| self.strips())
            .map(|auth| Stripping {
                auth,
                authorization: self.strip == Some(true),
            })
    }
}

impl Srv {
    /// Takes note of what a location of the server strips.
    pub(super) fn note(&mut self, location: &Loc) {
        if let Some(new) = location.stripping() {
            if !self.strips.iter().any(|one| one.includes(&new)) {
                self.strips.push(new);
            }
        }
    }
}
