//! `check http|tcp|websocket …` of an `upstream_table` block.

use crate::Gatehouse;
use crate::words::duplicate;
use gatehouse_base::words;
use gatehouse_live::nginx::Process;
use gatehouse_live::table::{CheckFeeder, Prober, SharedTable};
use gatehouse_nginx::event::tls::Tls;
use gatehouse_nginx::{Conf, Error, Zone};
use gatehouse_table::balance::Checks;
use gatehouse_table::check::own::{count_of, header, is_time, kind_of, target};
use gatehouse_table::check::{Check, Kind, Statuses};
use std::collections::BTreeSet;
use std::rc::Rc;

/// The line, read.
pub(super) struct CheckLine {
    check: Rc<Check>,
    /// For `https` backends; None in an nginx without TLS.
    tls: Option<Tls>,
}

/// Reads what follows `check`.
pub(super) fn read(cf: &Conf<'_, Gatehouse>, given: &[&str]) -> Result<CheckLine, Error> {
    let (kind, rest) = given.split_first().ok_or_else(|| cf.wrong_arguments())?;
    let kind = kind_of(kind).ok_or_else(|| {
        let legal = Kind::ALL.iter().map(|(word, _)| *word);
        Error::new(words::invalid(kind, "check", legal))
    })?;
    let mut check = Check {
        kind,
        ..Check::default()
    };
    let mut seen = BTreeSet::new();
    for word in rest {
        let name = word.split_once('=').map_or(*word, |(name, _)| name);
        parameter(cf, word, &mut check)?;
        if !seen.insert(name) {
            return Err(duplicate(cf, word));
        }
    }
    if let Some(name) = seen.iter().find(|name| !check.kind.knows(name)) {
        return Err(Error::new(format!(
            "\"{name}=\" means nothing in \"check {}\"",
            given.first().unwrap_or(&"")
        )));
    }
    if !seen.contains("timeout") {
        check.timeout_ms = check.timeout_ms.min(check.interval_ms);
    }
    if check.first {
        // Who waits for an answer is asked, whether requests have wanted it or not: else the first ones would find nobody.
        if seen.contains("idle") && check.idle_ms != 0 {
            return Err(Error::new(
                "\"idle=\" means nothing with \"check_first\" in \"check\" directive",
            ));
        }
        check.idle_ms = 0;
    }
    if check.timeout_ms > check.interval_ms {
        return Err(Error::new(
            "\"timeout=\" must not be longer than \"interval=\" in \"check\" directive",
        ));
    }
    Ok(CheckLine {
        check: Rc::new(check),
        // An nginx without OpenSSL has no `https` backends either.
        tls: Tls::client(cf, None, None).ok(),
    })
}

fn parameter(cf: &Conf<'_, Gatehouse>, word: &str, check: &mut Check) -> Result<(), Error> {
    let invalid = || cf.invalid(word);
    match word.split_once('=') {
        Some(("uri", uri)) => check.uri = target(uri).ok_or_else(invalid)?,
        Some(("host", host)) => check.host = Some(header(host).ok_or_else(invalid)?),
        Some(("interval", time)) => check.interval_ms = time_of(cf, word, time)?,
        Some(("timeout", time)) => check.timeout_ms = time_of(cf, word, time)?,
        Some(("rise", count)) => check.rise = count_of(count).ok_or_else(invalid)?,
        Some(("fall", count)) => check.fall = count_of(count).ok_or_else(invalid)?,
        Some(("expect", text)) => check.expect = Statuses::parse(text).ok_or_else(invalid)?,
        Some(("max_rate", rate)) => check.max_rate = rate_of(rate).ok_or_else(invalid)?,
        Some(("idle", time)) => check.idle_ms = cf.milliseconds(time).map_err(|_| invalid())?,
        Some(("panic", share)) => check.panic = share_of(share).ok_or_else(invalid)?,
        None if word == "check_first" => check.first = true,
        _ => return Err(cf.invalid_parameter(word)),
    }
    Ok(())
}

fn time_of(cf: &Conf<'_, Gatehouse>, word: &str, time: &str) -> Result<u64, Error> {
    let time = cf.milliseconds(time).map_err(|_| cf.invalid(word))?;
    is_time(time)
        .then_some(time)
        .ok_or_else(|| cf.invalid(word))
}

/// `1000/s`, or the number alone.
fn rate_of(text: &str) -> Option<u32> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number
        .parse()
        .ok()
        .filter(|rate| (1..=100_000).contains(rate))
}

/// `50%`, or the number alone.
fn share_of(text: &str) -> Option<u8> {
    let number = text.strip_suffix('%').unwrap_or(text);
    number.parse().ok().filter(|share| *share <= 100)
}

impl CheckLine {
    /// What balancing is to heed.
    pub(super) fn heeded(&self) -> Checks {
        Checks {
            on: true,
            first: self.check.first,
        }
    }

    /// Who checks the backends of a table.
    pub(super) fn feeder(self, table: Rc<SharedTable<Zone>>) -> CheckFeeder<Zone> {
        let prober = Prober::new(self.tls);
        CheckFeeder::new(table, self.check, Rc::new(Process), Box::new(prober))
    }
}
