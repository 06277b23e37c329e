//! One rule: a line of a level of locations, or of a policy.

use super::conf::Need;
use crate::Gatehouse;
use gatehouse_geo::{Action, Field, RuleList};
use gatehouse_nginx::{Conf, Error, Level, ffi::files};
use std::rc::Rc;

/// `geoip_allow …`, `geoip_deny …`
pub(super) fn set(cf: &mut Conf<'_, Gatehouse>, action: Action) -> Result<(), Error> {
    let mut list = cf.loc().geoip.rules.take().unwrap_or_default();
    // Levels share lists only when they are merged, after all rules are read.
    read(cf, action, Rc::make_mut(&mut list))?;
    cf.loc().geoip.rules = Some(list);
    cf.main().geoip.has_rules = true;
    Ok(())
}

/// Reads the rule whose line this is, and notes what it needs of the databases.
pub(super) fn read(
    cf: &mut Conf<'_, Gatehouse>,
    action: Action,
    rules: &mut RuleList,
) -> Result<(), Error> {
    let words = cf.words()?;
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let place = cf.here();
    let base = cf.path("")?;
    let mut read = |name: &str| {
        let path = base.join(name);
        files::read(&path)
            .and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other))
            .map_err(|e| {
                let error = files::errno(&e);
                format!("cannot read \"{}\" ({error})", path.display())
            })
    };
    let known: Vec<Field> = Field::ALL.into_iter().filter(|f| rules.needs(*f)).collect();
    let warnings = rules
        .push(action, &words, &place.to_string(), &mut read)
        .map_err(Error::from)?;
    let new = Field::ALL
        .into_iter()
        .filter(|f| rules.needs(*f) && !known.contains(f));
    let mut fields: Vec<Option<Field>> = new.map(Some).collect();
    if rules.needs_database() {
        fields.push(None);
    }
    let directive = cf.name();
    cf.main()
        .geoip
        .needs
        .extend(fields.into_iter().map(|field| Need {
            field,
            directive: directive.clone(),
            place: place.clone(),
        }));
    for text in warnings {
        cf.log(Level::Warn, &text);
    }
    Ok(())
}
