//! `gatehouse geoip check nginx.conf ADDRESS`: which rule decides about an address, wherever there are rules.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use gatehouse_geo::{Action, Database, Facts, Lookup, Rule, RuleList};
use serde_json::{Value, json};

use super::conf::{self, Directive};
use super::database::{known, open};
use crate::Failure;
use crate::files::{read, refused};

/// What a configuration has for all of its places.
struct Site<'c> {
    address: IpAddr,
    /// Names in it are relative to that.
    base: PathBuf,
    databases: Vec<Database<Vec<u8>>>,
    policies: Vec<(&'c str, &'c [Directive])>,
    found: Vec<Place>,
}

/// A level of locations: what it says, or else what stands above it.
#[derive(Clone, Default)]
struct Level<'c> {
    rules: Vec<&'c Directive>,
    policy: Option<&'c Directive>,
    bypass: Option<&'c Directive>,
    address: Option<&'c Directive>,
    status: Option<&'c Directive>,
    dry_run: Option<&'c Directive>,
    satisfy: Option<&'c Directive>,
    /// What acts before the rules: of the server, and of all that this request passes.
    early_in_server: BTreeSet<&'c str>,
    early: BTreeSet<&'c str>,
}

/// Begins what is said of a policy that a variable may choose.
const WITH_POLICY: &str = "with policy ";

/// What is said of a level.
struct Place {
    name: String,
    verdict: Verdict,
    status: String,
    dry_run: bool,
    /// The words of a `geoip_bypass` and a `geoip_address` that are the same for every request.
    bypass: Option<String>,
    address: Option<String>,
    /// What the answer depends on besides.
    open: Vec<String>,
}

/// What is decided, and by whom.
struct Verdict {
    word: &'static str,
    /// The text and the place of the rule that matches.
    rule: Option<(String, String)>,
    policy: Option<String>,
    status: Option<String>,
}

/// Reads the configuration and says what comes of the address at each of its levels that has rules.
pub(super) fn run(path: &Path, address: IpAddr, as_json: bool) -> Result<String, Failure> {
    let all = conf::parse(path)?;
    let http = all.iter().find(|directive| directive.name() == "http");
    let http = http.ok_or_else(|| refused(path, &"there is no \"http\" in it"))?;
    let mut site = Site {
        address,
        base: path.parent().unwrap_or(Path::new("")).to_owned(),
        databases: Vec::new(),
        policies: Vec::new(),
        found: Vec::new(),
    };
    for directive in http.inside() {
        match (directive.name(), directive.words.get(1)) {
            ("geoip_db", Some(file)) => site.databases.push(open(&site.base.join(file))?),
            ("geoip_policy", Some(name)) => site.policies.push((name, directive.inside())),
            _ => {}
        }
    }
    let level = Level::default().below(http);
    for server in named(http, "server") {
        site.level(&server_name(server), &level, server)?;
    }
    let facts = site.facts(Some(address));
    Ok(if as_json {
        let places: Vec<Value> = site.found.iter().map(Place::json).collect();
        let answer = json!({"address": address, "known": known(&facts), "places": places});
        format!("{answer:#}\n")
    } else {
        let said: String = site.found.iter().map(Place::text).collect();
        let known = known(&facts);
        let known: Vec<String> = known
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let known = if known.is_empty() {
            "unknown".to_owned()
        } else {
            known.join(" ")
        };
        format!("{address}: {known}\n{said}")
    })
}

fn named<'c>(block: &'c Directive, name: &str) -> impl Iterator<Item = &'c Directive> {
    let inside = block.inside().iter();
    inside.filter(move |directive| directive.name() == name)
}

/// A server by its names, or by what it listens on.
fn server_name(server: &Directive) -> String {
    let first = |name| named(server, name).next().map(Directive::arguments);
    let words = first("server_name").or_else(|| first("listen"));
    format!("server {}", words.unwrap_or_default().join(" "))
}

impl<'c> Level<'c> {
    /// What is in force inside a block.
    fn below(&self, block: &'c Directive) -> Self {
        let mut level = self.clone();
        let own = |name| named(block, name).last();
        let is_rule = |one: &&Directive| matches!(one.name(), "geoip_allow" | "geoip_deny");
        let rules: Vec<&Directive> = block.inside().iter().filter(is_rule).collect();
        if !rules.is_empty() {
            level.rules = rules;
        }
        level.policy = own("geoip_use").or(level.policy);
        level.bypass = own("geoip_bypass").or(level.bypass);
        level.address = own("geoip_address").or(level.address);
        level.status = own("geoip_status").or(level.status);
        level.dry_run = own("geoip_dry_run").or(level.dry_run);
        level.satisfy = own("satisfy").or(level.satisfy);
        // A location has none of those of the location around it.
        level.early = early(block);
        match block.name() {
            "server" => level.early_in_server = level.early.clone(),
            _ => level.early.extend(&level.early_in_server),
        }
        level
    }

    fn uses_policy(&self) -> Option<&'c str> {
        let name = self.policy?.words.get(1)?;
        (name != "off").then_some(name)
    }
}

/// What ends a request, or sends it elsewhere, before its rules are asked.
fn early(block: &Directive) -> BTreeSet<&str> {
    let conditions = named(block, "if").flat_map(Directive::inside);
    let all = block.inside().iter().chain(conditions);
    let names = all.map(Directive::name);
    names
        .filter(|name| matches!(*name, "return" | "rewrite"))
        .collect()
}

/// Whether a word is another one for each request.
fn is_open(word: &str) -> bool {
    word.contains('$')
}

impl<'c> Site<'c> {
    fn level(
        &mut self,
        name: &str,
        above: &Level<'c>,
        block: &'c Directive,
    ) -> Result<(), Failure> {
        let level = above.below(block);
        let locations: Vec<&Directive> = named(block, "location").collect();
        // A server answers by its locations, unless they leave something over.
        let is_asked = !level.rules.is_empty() || level.uses_policy().is_some();
        let rest = !locations.iter().any(|one| one.arguments() == ["/"]);
        if is_asked && (block.name() == "location" || rest) {
            let place = self.place(name, &level)?;
            self.found.push(place);
        }
        let server = name.split(", location ").next().unwrap_or(name);
        for location in locations {
            let words = location.arguments().join(" ");
            self.level(&format!("{server}, location {words}"), &level, location)?;
        }
        Ok(())
    }

    fn place(&self, name: &str, level: &Level<'c>) -> Result<Place, Failure> {
        let mut open = Vec::new();
        let words = |one: Option<&'c Directive>| one.map_or_else(Vec::new, Directive::arguments);
        let mut ask = |one: Option<&Directive>, why: &str| {
            let one = one.filter(|one| one.arguments().iter().any(|word| is_open(word)));
            let said =
                one.map(|one| format!("{} {} ({why})", one.name(), one.arguments().join(" ")));
            open.extend(said);
        };
        let address = level
            .address
            .filter(|one| one.arguments() != ["$remote_addr"]);
        ask(address, "the given address is taken");
        let fixed = words(address).join(" ");
        let fixed = Some(fixed).filter(|one| address.is_some() && !is_open(one));
        let bypass = words(level.bypass)
            .into_iter()
            .find(|word| !is_open(word) && !matches!(*word, "" | "0"));
        if bypass.is_none() {
            ask(
                level.bypass,
                "no rule is asked where one is neither empty nor 0",
            );
        }
        if level.satisfy.is_some_and(|one| one.arguments() == ["any"]) {
            open.push("satisfy any (another check may let the request in)".to_owned());
        }
        if !level.early.is_empty() {
            let names: Vec<&str> = level.early.iter().copied().collect();
            let act = if names.len() == 1 { "acts" } else { "act" };
            let names = names.join(", ");
            open.push(format!("{names} ({act} before the rules are asked)"));
        }
        let address = fixed
            .as_ref()
            .map_or(Some(self.address), |one| one.parse().ok());
        let verdict = match bypass {
            Some(_) => Verdict::NONE,
            None => self.verdict(level, address, &mut open)?,
        };
        let status = level.status.and_then(|one| one.words.get(1));
        Ok(Place {
            name: name.to_owned(),
            verdict,
            status: status.map_or("403", String::as_str).to_owned(),
            dry_run: level.dry_run.is_some_and(|one| one.arguments() == ["on"]),
            bypass: bypass.map(str::to_owned),
            address: fixed,
            open,
        })
    }

    /// What the rules of a level say, and behind them those of its policy.
    fn verdict(
        &self,
        level: &Level<'c>,
        address: Option<IpAddr>,
        open: &mut Vec<String>,
    ) -> Result<Verdict, Failure> {
        let own = self.judge(
            level.rules.iter().map(|one| (action(one), *one)),
            RuleList::new(),
            address,
        )?;
        Ok(match level.uses_policy().filter(|_| own.rule.is_none()) {
            None => own,
            Some(name) if is_open(name) => {
                open.push(format!(
                    "geoip_use {name} (the policies below are those it may choose)"
                ));
                for (policy, _) in &self.policies {
                    let verdict = self.policy(policy, address)?;
                    open.push(format!("{WITH_POLICY}{policy}: {verdict}"));
                }
                Verdict {
                    word: "depends",
                    ..own
                }
            }
            Some(name) => self.policy(name, address)?,
        })
    }

    /// What a policy says.
    fn policy(&self, name: &str, address: Option<IpAddr>) -> Result<Verdict, Failure> {
        let found = self.policies.iter().find(|(one, _)| *one == name);
        let (_, block) =
            found.ok_or_else(|| Failure::Refused(format!("unknown geoip_policy \"{name}\"")))?;
        let rules = block.iter().filter_map(|one| match one.name() {
            "allow" => Some((Action::Allow, one)),
            "deny" => Some((Action::Deny, one)),
            _ => None,
        });
        let status = block.iter().find(|one| one.name() == "status");
        let status = status.and_then(|one| one.words.get(1));
        Ok(Verdict {
            policy: Some(name.to_owned()),
            status: status.cloned(),
            ..self.judge(rules, RuleList::of_policy(), address)?
        })
    }

    /// What the first matching rule decides.
    fn judge<'d>(
        &self,
        rules: impl Iterator<Item = (Action, &'d Directive)>,
        mut list: RuleList,
        address: Option<IpAddr>,
    ) -> Result<Verdict, Failure> {
        let mut content = |name: &str| {
            let bytes = read(&self.base.join(name)).map_err(|failure| failure.parts().0.to_owned());
            bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|e| e.to_string()))
        };
        for (action, rule) in rules {
            let pushed = list.push(action, &rule.arguments(), &rule.place, &mut content);
            pushed.map_err(|why| Failure::Refused(format!("{why} in {}", rule.place)))?;
        }
        let decided = list.evaluate(address, || self.facts(address));
        let rule = decided.and_then(|(_, at)| list.rules().get(at));
        Ok(Verdict {
            word: match rule.map(Rule::action) {
                Some(Action::Allow) => "allowed",
                Some(Action::Deny) => "denied",
                None => "none",
            },
            rule: rule.map(|rule| (rule.text().to_owned(), rule.place().to_owned())),
            policy: None,
            status: None,
        })
    }

    fn facts(&self, address: Option<IpAddr>) -> Facts {
        let Some(address) = address else {
            return Facts::UNKNOWN;
        };
        let each = self
            .databases
            .iter()
            .map(|database| match database.lookup(address) {
                Lookup::Found(offset) => database.facts(offset),
                Lookup::NotFound | Lookup::Broken => Facts::UNKNOWN,
            });
        each.fold(Facts::UNKNOWN, Facts::or)
    }
}

fn action(rule: &Directive) -> Action {
    if rule.name() == "geoip_allow" {
        Action::Allow
    } else {
        Action::Deny
    }
}

impl Verdict {
    const NONE: Self = Self {
        word: "none",
        rule: None,
        policy: None,
        status: None,
    };
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word)?;
        match &self.rule {
            Some((text, place)) => write!(f, " by rule \"{text}\" in {place}")?,
            None if self.word == "none" => f.write_str(", no rule matches")?,
            None => {}
        }
        match &self.policy {
            Some(policy) => write!(f, ", policy {policy}"),
            None => Ok(()),
        }
    }
}

impl Place {
    /// The status of a refusal.
    fn status(&self) -> &str {
        self.verdict.status.as_ref().unwrap_or(&self.status)
    }

    fn text(&self) -> String {
        let mut text = match &self.bypass {
            Some(word) => format!("{}: none, no rule is asked: geoip_bypass {word}", self.name),
            None => format!("{}: {}", self.name, self.verdict),
        };
        if self.verdict.word == "denied" {
            text.push_str(&format!(", status {}", self.status()));
        }
        if let Some(address) = &self.address {
            text.push_str(&format!(", geoip_address {address}"));
        }
        text.push_str(if self.dry_run { ", dry run\n" } else { "\n" });
        for open in &self.open {
            // What the policies say stands below the line about the word that chooses.
            let lead = if open.starts_with(WITH_POLICY) {
                "  "
            } else {
                "not evaluated: "
            };
            text.push_str(&format!("    {lead}{open}\n"));
        }
        text
    }

    fn json(&self) -> Value {
        let rule = self.verdict.rule.as_ref();
        let is_denied = self.verdict.word == "denied";
        json!({
            "where": self.name,
            "verdict": self.verdict.word,
            "rule": rule.map(|(text, _)| text),
            "place": rule.map(|(_, place)| place),
            "policy": self.verdict.policy,
            "status": is_denied.then(|| self.status()),
            "dry_run": self.dry_run,
            "bypass": self.bypass,
            "geoip_address": self.address,
            "not_evaluated": self.open,
        })
    }
}
