//! What the families' directives have in common.

use crate::{Gatehouse, Loc};
use gatehouse_base::http_status;
use gatehouse_base::words;
use gatehouse_nginx::{Conf, Error, Level};

/// Sets what a level of locations may say once.
pub(crate) fn set_once<T>(
    cf: &mut Conf<'_, Gatehouse>,
    field: fn(&mut Loc) -> &mut Option<T>,
    value: T,
) -> Result<(), Error> {
    let name = cf.name();
    words::set_once(field(cf.loc()), value, &name).map_err(Error::from)
}

/// Sets a flag of a level of locations.
pub(crate) fn set_flag(
    cf: &mut Conf<'_, Gatehouse>,
    field: fn(&mut Loc) -> &mut Option<bool>,
) -> Result<(), Error> {
    let value = cf.flag()?;
    set_once(cf, field, value)
}

/// Sets the level of the lines about refusals.
pub(crate) fn set_log_level(
    cf: &mut Conf<'_, Gatehouse>,
    field: fn(&mut Loc) -> &mut Option<Level>,
) -> Result<(), Error> {
    let word = cf.words()?.pop().unwrap_or_default();
    let level = Level::parse(&word).ok_or_else(|| {
        let legal = Level::NAMED.iter().map(|row| row.0);
        Error::new(words::invalid(&word, &cf.name(), legal))
    })?;
    set_once(cf, field, level)
}

/// `unknown directive "NAME" in BLOCK, it must be …`
pub(crate) fn unknown_line<'a>(
    cf: &Conf<'_, Gatehouse>,
    block: &str,
    legal: impl IntoIterator<Item = &'a str>,
) -> Error {
    let (name, legal) = (cf.name(), words::must_be(legal));
    Error::new(format!("unknown directive \"{name}\" in {block}, {legal}"))
}

/// Refuses a parameter whose value is not what is legal.
pub(crate) fn illegal(cf: &Conf<'_, Gatehouse>, word: &str, legal: &str) -> Error {
    let name = cf.name();
    Error::new(format!(
        "invalid value \"{word}\" in \"{name}\" directive, it must be {legal}"
    ))
}

/// Notes that the directive answers the requests of its location: one of them at most can.
pub(crate) fn answer_location(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let name = cf.name();
    match cf.loc().answered_by.replace(name.clone()) {
        None => Ok(()),
        Some(other) if other == name => Err(cf.error("is duplicate")),
        Some(other) => Err(cf.error(&format!("cannot share its location with \"{other}\""))),
    }
}

/// Refuses a directive that answers everything below its location anywhere else than in such a one as `example`.
pub(crate) fn below_location(cf: &Conf<'_, Gatehouse>, example: &str) -> Result<(), Error> {
    match cf.prefix_location() {
        Some(name) if name.ends_with(b"/") => Ok(()),
        _ => Err(cf.error(&format!(
            "must stand in a location that is a prefix and ends in \"/\", such as \"location {example}\""
        ))),
    }
}

/// The status of a refusal.
pub(crate) fn http_status(cf: &Conf<'_, Gatehouse>, word: &str) -> Result<u16, Error> {
    http_status::parse(word).ok_or_else(|| http_status::invalid(word, &cf.name()).into())
}

/// `duplicate parameter "NAME" in "DIRECTIVE" directive`
pub(crate) fn duplicate(cf: &Conf<'_, Gatehouse>, word: &str) -> Error {
    words::duplicate(word, &cf.name()).into()
}
