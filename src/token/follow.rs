//! Key files of a profile that workers read again.

use crate::{Gatehouse, followed, keys};
use gatehouse_live::Feeder;
use gatehouse_live::keys::{KeyFile, KeyFileFeeder};
use gatehouse_live::nginx::Process;
use gatehouse_nginx::{Conf, Error};
use gatehouse_token::{KeySource, Place, Profile, Secret};
use std::path::PathBuf;
use std::rc::Rc;

/// Has the workers follow the key files of a profile.
pub(super) fn follow(
    cf: &mut Conf<'_, Gatehouse>,
    name: &str,
    profile: &Rc<Profile>,
) -> Result<(), Error> {
    let mut feeders: Vec<Box<dyn Feeder>> = Vec::new();
    for source in profile.sources() {
        if let Place::File(path) = &source.place {
            let path = cf.path(path)?;
            let file = key_file(cf, name, profile, source, path);
            feeders.push(Box::new(KeyFileFeeder::new(file, Rc::new(Process))));
        }
    }
    followed::by_each_worker(cf, feeders);
    Ok(())
}

fn key_file(
    cf: &Conf<'_, Gatehouse>,
    name: &str,
    profile: &Rc<Profile>,
    source: &KeySource,
    path: PathBuf,
) -> KeyFile {
    let warned = followed::warn_unreadable(cf, &path, &source.shown);
    let (profile, of) = (Rc::clone(profile), source.clone());
    KeyFile {
        path,
        shown: format!("token_profile \"{name}\": {}", source.shown),
        every_ms: source.every_ms,
        warned,
        take: Box::new(move |bytes, for_all| take(&profile, &of, bytes, for_all)),
    }
}

/// Takes over the keys in a file; what is to be said about them.
fn take(
    profile: &Profile,
    source: &KeySource,
    bytes: &Secret,
    for_all: bool,
) -> Result<Option<Vec<String>>, String> {
    let doubts = profile.replace(source, bytes.as_bytes());
    let doubts = doubts.map_err(|error| error.to_string())?;
    Ok(doubts.map(|doubts| {
        let of_file = keys::doubts(bytes, for_all).map(str::to_owned);
        let of_keys = doubts
            .into_iter()
            .map(|doubt| format!("is used, but {}", doubt.text));
        of_file.chain(of_keys).collect()
    }))
}
