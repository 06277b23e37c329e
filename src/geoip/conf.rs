//! What the configuration says about countries.

use super::database::Db;
use crate::choice::{Choice, NameUse, Names};
use gatehouse_geo::{Field, Path, RuleList};
use gatehouse_live::geoip::Listed;
use gatehouse_nginx::{ConfLine, Counters, Expression, Level};
use std::collections::HashMap;
use std::rc::Rc;

/// `http`: databases, variables, and what the rules need of the databases.
#[derive(Default)]
pub(crate) struct Main {
    pub(super) databases: Vec<Db>,
    pub(super) variables: Vec<Definition>,
    pub(super) needs: Vec<Need>,
    pub(super) has_rules: bool,
    pub(super) policies: Policies,
    /// The files that rules name, for the workers to follow.
    pub(super) listed: Vec<Listed>,
    /// The lists of rules in force somewhere, by their address, and whether `satisfy any` or a policy is in force
    /// at one of the places: there a rule that allows has its use.
    pub(super) lists: HashMap<*const RuleList, (Rc<RuleList>, bool)>,
    /// Where verdicts are counted, once the configuration is complete.
    pub(super) checks: Counters,
}

/// What a rule needs of the databases: a field, or (`unknown=`) any database.
pub(super) struct Need {
    pub(super) field: Option<Field>,
    pub(super) directive: String,
    pub(super) place: ConfLine,
}

/// One `geoip_policy`.
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) rules: RuleList,
    /// What a refusal by it answers; none: what the level says.
    pub(super) status: Option<u16>,
}

/// The policies, and how they are used.
#[derive(Default)]
pub(super) struct Policies {
    pub(super) all: Vec<Policy>,
    pub(super) names: Names,
    /// Those that are named where `satisfy any` is in force: there a rule that allows has its use.
    pub(super) under_any: Vec<Rc<NameUse>>,
    /// Data chooses at such a place, perhaps any of them.
    pub(super) any_under_any: bool,
    /// The lines that come behind a rule for everybody.
    pub(super) unreached: Vec<Unreached>,
}

/// A `geoip_use` line.
pub(super) struct PolicyUse {
    pub(super) choice: Choice,
    pub(super) line: ConfLine,
}

/// A `geoip_use` that is never asked, and the rule in front of it.
pub(super) struct Unreached {
    pub(super) used: Rc<PolicyUse>,
    pub(super) rule: String,
}

/// One level of locations.
#[derive(Default)]
pub(crate) struct Loc {
    pub(super) rules: Option<Rc<RuleList>>,
    pub(super) policy: Option<Rc<PolicyUse>>,
    pub(super) bypass: Option<Rc<Vec<Expression>>>,
    pub(super) address: Option<Rc<Expression>>,
    pub(super) status: Option<u16>,
    pub(super) dry_run: Option<bool>,
    pub(super) log_level: Option<Level>,
}

/// What a variable tells.
pub(super) enum What {
    /// A value in the record of an address.
    Path(Path),
    /// Something about the database.
    Metadata(Metadata),
}

/// What is known about a database itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Metadata {
    /// When it was built.
    BuildEpoch,
    /// What it calls itself.
    DatabaseType,
    /// When its file was last looked at.
    LastCheck,
    /// When it was taken into use.
    LastChange,
}

impl Metadata {
    /// Each, and the word for it.
    pub(super) const WORDS: [(&'static str, Self); 4] = [
        ("build_epoch", Self::BuildEpoch),
        ("database_type", Self::DatabaseType),
        ("last_check", Self::LastCheck),
        ("last_change", Self::LastChange),
    ];
}

/// One `geoip_variable`.
pub(super) struct Definition {
    pub(super) db: Option<String>,
    /// Which database, once all are read.
    pub(super) number: usize,
    pub(super) source: Option<Expression>,
    pub(super) what: What,
    pub(super) default: Option<Vec<u8>>,
    pub(super) place: ConfLine,
}

impl Loc {
    /// Whether rules are in force at this level.
    pub(crate) fn is_checked(&self) -> bool {
        self.rules.is_some() || self.has_policy()
    }

    pub(super) fn has_policy(&self) -> bool {
        self.policy.as_ref().is_some_and(|used| used.choice.is_on())
    }
}

impl Main {
    /// Whether any request can be refused.
    pub(crate) fn in_use(&self) -> bool {
        self.has_rules
    }
}
