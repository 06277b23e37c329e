//! Reads an `upstream_lookup` directive.

use super::balance::Routed;
use super::conf::{Balance, Lookup, Sticky, use_table};
use crate::Gatehouse;
use crate::words::duplicate;
use gatehouse_base::words;
use gatehouse_nginx::{Conf, Error, Expression, Level};
use gatehouse_table::balance::sticky::is_cookie_name;
use gatehouse_table::balance::{self as policies, POLICIES};
use std::rc::Rc;

/// The word of `balance=` that holds without one.
const DEFAULT_POLICY: &str = "round_robin";

/// The parameters behind table and key.
#[derive(Default)]
struct Parameters {
    balance: Option<String>,
    hash_key: Option<Expression>,
    sticky: Option<Sticky>,
}

pub(super) fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    if cf.srv().upstream.lookup.is_some() {
        return Err(cf.error("is duplicate"));
    }
    let words = cf.words()?;
    let mut given = Parameters::default();
    for word in words.iter().skip(3) {
        if read(cf, word, &mut given)? {
            return Err(duplicate(cf, word));
        }
    }
    let balance = balance(cf, given)?;
    let key = cf.compile_word(2)?;
    if key.constant().is_some() {
        let word = words.get(2).map(String::as_str).unwrap_or_default();
        let text = format!(
            "the key \"{word}\" of \"upstream_lookup\" has no variable: every request gets the same route"
        );
        cf.log(Level::Warn, &text);
    }
    let table = use_table(cf, words.get(1).cloned().unwrap_or_default());
    let lookup = Rc::new(Lookup::new(table, key, balance));
    cf.srv().upstream.lookup = Some(Rc::clone(&lookup));
    cf.main().upstream.lookups.push(lookup);
    cf.balancer::<Routed>()
}

/// Reads a parameter; true when it was given already.
fn read(cf: &mut Conf<'_, Gatehouse>, word: &str, given: &mut Parameters) -> Result<bool, Error> {
    match word.split_once('=') {
        Some(("balance", name)) => Ok(given.balance.replace(name.to_owned()).is_some()),
        Some(("hash_key", "")) => Err(cf.invalid(word)),
        Some(("hash_key", text)) => {
            let key = cf.compile(text.as_bytes())?;
            Ok(given.hash_key.replace(key).is_some())
        }
        Some(("sticky", name)) if is_cookie_name(name) => {
            Ok(given.sticky.replace(Sticky::new(name)).is_some())
        }
        Some(("sticky", _)) => Err(cf.invalid(word)),
        _ => Err(cf.invalid_parameter(word)),
    }
}

fn balance(cf: &mut Conf<'_, Gatehouse>, given: Parameters) -> Result<Balance, Error> {
    let name = given.balance.as_deref().unwrap_or(DEFAULT_POLICY);
    let policy = policies::policy(name).ok_or_else(|| {
        let legal = POLICIES.iter().map(|row| row.name);
        words::unknown("balancing method", name, &cf.name(), legal)
    })?;
    match (policy.takes_key(), &given.hash_key) {
        (true, None) => {
            return Err(cf.error(&format!("with \"balance={name}\" needs \"hash_key=\"")));
        }
        (false, Some(_)) => return Err(cf.error("has \"hash_key=\" without \"balance=hash\"")),
        _ => {}
    }
    Ok(Balance::new(policy, given.hash_key, given.sticky))
}
