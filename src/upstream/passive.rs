//! `passive …` of an `upstream_table` block.

use crate::Gatehouse;
use crate::words::{duplicate, illegal};
use gatehouse_nginx::{Conf, Error};
use gatehouse_table::check::Statuses;
use gatehouse_table::table::Passive;
use std::collections::BTreeSet;

/// With `ratio=` no more failures than this are waited for: more need not come within a window.
const MOST_FAILS: u32 = 10_000;

/// Reads what follows `passive`.
pub(super) fn passive(cf: &Conf<'_, Gatehouse>, given: &[&str]) -> Result<Passive, Error> {
    let (mut passive, mut seen) = (Passive::default(), BTreeSet::new());
    for word in given {
        let but = |legal: &'static str| move || illegal(cf, word, legal);
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| cf.invalid_parameter(word))?;
        match name {
            "fails" => passive.fails = value.parse().ok().ok_or_else(but("a number"))?,
            "window" => {
                let window = cf.milliseconds(value).ok();
                passive.window_ms = window.ok_or_else(but("a time such as \"10s\""))?;
            }
            "status" => {
                let statuses = Statuses::parse(value);
                let legal = but("statuses such as \"500,502-504\" or \"5xx\"");
                passive.statuses = Some(statuses.ok_or_else(legal)?);
            }
            "ratio" => passive.ratio = share_of(value).ok_or_else(but("between 1% and 100%"))?,
            _ => return Err(cf.invalid_parameter(word)),
        }
        if !seen.insert(name) {
            return Err(duplicate(cf, word));
        }
    }
    if passive.ratio > 0 && passive.window_ms == 0 {
        return Err(Error::new(
            "\"ratio=\" needs a \"window=\" in \"passive\" directive",
        ));
    }
    if passive.ratio > 0 && passive.fails > MOST_FAILS {
        return Err(Error::new(format!(
            "with \"ratio=\", \"fails=\" must be at most {MOST_FAILS} in \"passive\" directive"
        )));
    }
    Ok(passive)
}

/// `50%`, or the number alone.
fn share_of(text: &str) -> Option<u8> {
    let number = text.strip_suffix('%').unwrap_or(text);
    number
        .parse()
        .ok()
        .filter(|share| (1..=100).contains(share))
}
