//! `geoip_policy` and `geoip_use`: rules by name, which data may choose.

use super::conf::{Loc, Main, Policy, PolicyUse, Unreached};
use super::rule;
use crate::choice::{self, Choice, NameUse};
use crate::words::http_status;
use crate::{Gatehouse, words};
use gatehouse_geo::{Action, RuleList};
use gatehouse_nginx::{Conf, Error, Level, Merging, Request};
use std::rc::Rc;

/// What a block says.
struct Block {
    rules: RuleList,
    status: Option<u16>,
}

/// `geoip_policy name { … }`
pub(super) fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let name = cf.words()?.pop().unwrap_or_default();
    cf.main()
        .geoip
        .policies
        .names
        .check(&name, "geoip_policy")?;
    let mut block = Block {
        rules: RuleList::of_policy(),
        status: None,
    };
    cf.block(&mut block, line)?;
    let policies = &mut cf.main().geoip.policies;
    policies.names.add(name.clone());
    policies.all.push(Policy {
        name,
        rules: block.rules,
        status: block.status,
    });
    Ok(())
}

/// One line of a block.
fn line(cf: &mut Conf<'_, Gatehouse>, block: &mut Block) -> Result<(), Error> {
    match cf.name().as_str() {
        "allow" => rule::read(cf, Action::Allow, &mut block.rules),
        "deny" => rule::read(cf, Action::Deny, &mut block.rules),
        "status" => {
            let words = cf.words()?;
            let [_, word] = words.as_slice() else {
                return Err(cf.wrong_arguments());
            };
            let status = http_status(cf, word)?;
            if block.status.replace(status).is_some() {
                return Err(cf.error("is duplicate"));
            }
            Ok(())
        }
        _ => {
            let legal = ["allow", "deny", "status"];
            Err(words::unknown_line(cf, "geoip_policy", legal))
        }
    }
}

/// `geoip_use name | $variable | off`
pub(super) fn set_use(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let choice = Choice::read(cf, |main| &mut main.geoip.policies.names)?;
    cf.main().geoip.has_rules |= choice.is_on();
    let line = cf.here();
    let used = Rc::new(PolicyUse { choice, line });
    words::set_once(cf, |loc| &mut loc.geoip.policy, used)
}

/// Takes note of how a level uses its policy.
pub(super) fn note(cf: &mut Merging<'_, Gatehouse>, level: &Loc) {
    let Some(used) = level.policy.as_ref().filter(|used| used.choice.is_on()) else {
        return;
    };
    let any = cf.satisfy_any();
    let policies = &mut cf.main().geoip.policies;
    match &used.choice {
        Choice::Named(named) if any => policies.under_any.push(Rc::clone(named)),
        Choice::Variable(_) => policies.any_under_any |= any,
        Choice::Named(_) | Choice::Off => {}
    }
    let rules = level.rules.as_ref();
    if let Some((rules, last)) = rules.and_then(|rules| Some((rules, rules.last()?))) {
        let is_known = |one: &Unreached| Rc::ptr_eq(&one.used, used);
        if !policies.unreached.iter().any(is_known) {
            let rule = format!("{} all", rules.directive(last.action()));
            let used = Rc::clone(used);
            policies.unreached.push(Unreached { used, rule });
        }
    }
}

/// Finds the policies that lines name, and warns about what cannot do what it says.
pub(super) fn complete(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let policies = &cf.main().geoip.policies;
    policies.names.find_all("geoip_policy")?;
    let mut doubts: Vec<(String, String)> = Vec::new();
    let futile = policies.all.iter().enumerate();
    doubts.extend(futile.filter_map(|(number, policy)| {
        let (rule, text) = policy.rules.refuses_nobody()?;
        let is_used = |used: &Rc<NameUse>| used.index.get() == number;
        let has_use = policies.any_under_any || policies.under_any.iter().any(is_used);
        (!has_use).then(|| (rule.place().to_owned(), text))
    }));
    doubts.extend(policies.unreached.iter().map(|one| {
        let text = format!("\"geoip_use\" is never reached behind \"{}\"", one.rule);
        (one.used.line.to_string(), text)
    }));
    for (place, text) in doubts {
        cf.log_at(place, Level::Warn, &text);
    }
    Ok(())
}

/// The policy in force for a request, if one is. The error ends the request, because data named a policy that does
/// not exist; it has been logged.
pub(super) fn policy_of<'r>(
    r: Request<'r>,
    loc: &Loc,
    main: &'r Main,
) -> Result<Option<&'r Policy>, ()> {
    let Some(used) = &loc.policy else {
        return Ok(None);
    };
    match used.choice.number(r, &main.policies.names) {
        Ok(number) => Ok(number.and_then(|number| main.policies.all.get(number))),
        Err(unknown) => {
            if let Some(name) = unknown {
                choice::say_unknown(r, "geoip_use", "geoip_policy", name);
            }
            Err(())
        }
    }
}
