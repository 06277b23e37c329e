//! What an `upstream_register` says.

use crate::judge::Judge;
use crate::upstream::conf::{TableRef, use_table};
use crate::words::duplicate;
use crate::{Gatehouse, keys};
use gatehouse_base::secret::Secret;
use gatehouse_nginx::{Conf, Error};
use gatehouse_table::registration::{HostList, LONGEST_MS, MOST};
use std::rc::Rc;

/// One `upstream_register`.
pub(crate) struct Register {
    pub(super) table: Rc<TableRef>,
    pub(super) hosts: HostList,
    pub(super) who: Who,
    pub(super) ttl_ms: u64,
    pub(super) max_ttl_ms: u64,
    pub(super) most: usize,
}

/// Who may register.
pub(super) enum Who {
    /// Who has this key.
    Key(Secret),
    /// Who has a token that is accepted.
    Token(Rc<dyn Judge>),
    /// Anybody who comes here.
    Anybody,
}

/// How long a registration lasts unless something else is said, and at least.
const TTL_MS: u64 = 30_000;
pub(super) const SHORTEST_MS: u64 = 1_000;
/// The longest that a caller may ask for, unless the directive says otherwise.
const MAX_TTL_MS: u64 = 300_000;

/// Reads the directive's words.
pub(super) fn read(cf: &mut Conf<'_, Gatehouse>) -> Result<Register, Error> {
    let words = cf.words()?;
    let mut given = Given::default();
    for word in words.iter().skip(2) {
        if given.take(cf, word)? {
            return Err(duplicate(cf, word));
        }
    }
    let hosts = given.hosts.ok_or_else(|| {
        cf.error("has no \"hosts=\": it says which hosts may be registered, such as \"hosts=*.apps.example.com\"")
    })?;
    let who = match (given.key, given.profile, given.insecure) {
        (Some(key), None, false) => Who::Key(key),
        (None, Some(name), false) => Who::Token(judge(cf, &name)?),
        (None, None, true) => Who::Anybody,
        (None, None, false) => {
            return Err(cf.error(
                "needs \"key_file=\" or \"profile=\", or \"insecure\" where only those can come who may register",
            ));
        }
        _ => {
            return Err(
                cf.error("has more than one of \"key_file=\", \"profile=\" and \"insecure\"")
            );
        }
    };
    let max_ttl_ms = given
        .max_ttl_ms
        .unwrap_or(MAX_TTL_MS.max(given.ttl_ms.unwrap_or(0)));
    let ttl_ms = given.ttl_ms.unwrap_or(TTL_MS.min(max_ttl_ms));
    if ttl_ms > max_ttl_ms {
        return Err(cf.error("has a \"ttl=\" above its \"max_ttl=\""));
    }
    Ok(Register {
        table: use_table(cf, words.get(1).cloned().unwrap_or_default()),
        hosts,
        who,
        ttl_ms,
        max_ttl_ms,
        most: given.most.unwrap_or(MOST),
    })
}

/// The words as they stand.
#[derive(Default)]
struct Given {
    hosts: Option<HostList>,
    key: Option<Secret>,
    profile: Option<String>,
    insecure: bool,
    ttl_ms: Option<u64>,
    max_ttl_ms: Option<u64>,
    most: Option<usize>,
}

impl Given {
    /// Takes a word; whether it was there before.
    fn take(&mut self, cf: &Conf<'_, Gatehouse>, word: &str) -> Result<bool, Error> {
        Ok(match word.split_once('=') {
            None if word == "insecure" => std::mem::replace(&mut self.insecure, true),
            Some(("hosts", list)) => {
                let list = HostList::parse(list);
                let list = list.map_err(|why| cf.error(&format!("has an {why}")))?;
                self.hosts.replace(list).is_some()
            }
            Some(("key_file", path)) if !path.is_empty() => {
                self.key.replace(keys::read_bearer(cf, path)?).is_some()
            }
            Some(("profile", name)) if !name.is_empty() => {
                self.profile.replace(name.to_owned()).is_some()
            }
            Some(("ttl", time)) => self.ttl_ms.replace(ttl(cf, word, time)?).is_some(),
            Some(("max_ttl", time)) => self.max_ttl_ms.replace(ttl(cf, word, time)?).is_some(),
            Some(("max", count)) => {
                let count = count
                    .parse()
                    .ok()
                    .filter(|count| (1..=MOST).contains(count));
                let count = count.ok_or_else(|| {
                    cf.error(&format!(
                        "has an invalid \"{word}\", it must be 1 to {MOST}"
                    ))
                })?;
                self.most.replace(count).is_some()
            }
            _ => return Err(cf.invalid_parameter(word)),
        })
    }
}

/// The profile of this name.
fn judge(cf: &mut Conf<'_, Gatehouse>, name: &str) -> Result<Rc<dyn Judge>, Error> {
    let families = cf.main().families;
    let judge = families.iter().find_map(|family| family.judge);
    let judge = judge.ok_or_else(|| cf.invalid_parameter("profile="))?;
    judge(cf, name)
}

fn ttl(cf: &Conf<'_, Gatehouse>, word: &str, time: &str) -> Result<u64, Error> {
    let time = cf.milliseconds(time).map_err(|_| cf.invalid(word))?;
    if !(SHORTEST_MS..=LONGEST_MS).contains(&time) {
        return Err(cf.error(&format!("has an invalid \"{word}\", it must be 1s to 1d")));
    }
    Ok(time)
}
