//! `check http|tcp|websocket …` of an `upstream_table` block.

use crate::Gatehouse;
use crate::words::{duplicate, illegal};
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
    let but = |legal: &'static str| move || illegal(cf, word, legal);
    let count = but("between 1 and 100");
    let time = but("a time such as \"3s\", 10ms or more");
    match word.split_once('=') {
        Some(("uri", text)) => {
            check.uri = target(text).ok_or_else(but("a path such as \"/health\""))?;
        }
        Some(("host", text)) => {
            let host = header(text).ok_or_else(but("a name that can stand in a request"))?;
            check.host = Some(host);
        }
        Some(("interval", text)) => check.interval_ms = time_of(cf, text).ok_or_else(time)?,
        Some(("timeout", text)) => check.timeout_ms = time_of(cf, text).ok_or_else(time)?,
        Some(("rise", text)) => check.rise = count_of(text).ok_or_else(count)?,
        Some(("fall", text)) => check.fall = count_of(text).ok_or_else(count)?,
        Some(("expect", text)) => {
            let statuses = Statuses::parse(text);
            check.expect = statuses.ok_or_else(but("statuses such as \"200-399\""))?;
        }
        Some(("max_rate", text)) => {
            check.max_rate = rate_of(text).ok_or_else(but("between 1/s and 100000/s"))?;
        }
        Some(("idle", text)) => {
            let idle = cf.milliseconds(text).ok();
            check.idle_ms = idle.ok_or_else(but("a time such as \"10m\""))?;
        }
        Some(("panic", text)) => {
            check.panic = share_of(text).ok_or_else(but("between 0% and 100%"))?;
        }
        None if word == "check_first" => check.first = true,
        _ => return Err(cf.invalid_parameter(word)),
    }
    Ok(())
}

fn time_of(cf: &Conf<'_, Gatehouse>, text: &str) -> Option<u64> {
    cf.milliseconds(text).ok().filter(|ms| is_time(*ms))
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
