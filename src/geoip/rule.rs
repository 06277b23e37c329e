//! One rule: a line of a level of locations, or of a policy.

use super::conf::Need;
use crate::{Gatehouse, followed};
use gatehouse_geo::{Action, Field, ListFile, RuleList};
use gatehouse_live::Feeder;
use gatehouse_live::geoip::{ListFeeder, Listed};
use gatehouse_live::nginx::Process;
use gatehouse_nginx::{Conf, Error, Level, ffi::files};
use std::path::Path;
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
    let mut files = Vec::new();
    let mut read = |name: &str| {
        let mut file = Listed::new(&Process, base.join(name));
        let content = content(&file.path)?;
        file.has_been_read(&content);
        files.push(file);
        Ok(content)
    };
    let before = rules.lists().len();
    let known: Vec<Field> = Field::ALL.into_iter().filter(|f| rules.needs(*f)).collect();
    let warnings = rules
        .push(action, &words, &place.to_string(), &mut read)
        .map_err(Error::from)?;
    let new = rules.lists().iter().skip(before).cloned();
    for (file, list) in files.into_iter().zip(new) {
        follow(cf, file, list);
    }
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

/// What a file of values has.
fn content(path: &Path) -> Result<String, String> {
    let text =
        files::read(path).and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other));
    text.map_err(|e| {
        let error = files::errno(&e);
        format!("cannot read \"{}\" ({error})", path.display())
    })
}

/// Has the workers follow a file of values; one that several rules name is followed once.
fn follow(cf: &mut Conf<'_, Gatehouse>, mut file: Listed, list: ListFile) {
    let listed = &mut cf.main().geoip.listed;
    if let Some(known) = listed.iter_mut().find(|known| known.path == file.path) {
        known.lists.push(list);
        return;
    }
    let shown = format!("\"{}\"", file.path.display());
    file.warned = followed::warn_unreadable(cf, &file.path, &shown);
    file.lists.push(list);
    cf.main().geoip.listed.push(file);
}

/// The feeders of all files of values.
pub(super) fn complete(cf: &mut Conf<'_, Gatehouse>) {
    let listed = std::mem::take(&mut cf.main().geoip.listed);
    let feeders: Vec<Box<dyn Feeder>> = listed
        .into_iter()
        .map(|file| -> Box<dyn Feeder> { Box::new(ListFeeder::new(file, Rc::new(Process))) })
        .collect();
    followed::by_each_worker(cf, feeders);
}
