//! Keys that requests fetch from a location of their server (`jwks uri=`). Each worker has its own.

use gatehouse_live::refresh::Refresh;
use gatehouse_nginx::http::fetch::{FetchError, Fetched, Fetcher};
use gatehouse_nginx::{Level, ffi::log, ffi::process};
use gatehouse_token::{KeySource, Place, Profile, Secret};
use std::cell::RefCell;
use std::rc::Rc;

/// The longest set of keys, in bytes.
const MOST: usize = 256 * 1024;

/// A `jwks uri=…` line.
pub(super) struct Remote {
    /// What messages call it: `token_profile "p": jwks uri "/keys"`.
    shown: String,
    uri: String,
    args: String,
    profile: Rc<Profile>,
    source: KeySource,
    /// When they are fetched.
    pub(super) refresh: Rc<Refresh>,
    /// What was last said about a fetch that failed; None after a good one.
    trouble: RefCell<Option<String>>,
}

impl Remote {
    /// Those of a profile.
    pub(super) fn all(name: &str, profile: &Rc<Profile>) -> Vec<Rc<Self>> {
        let remote = |source: &KeySource| {
            let Place::Location(uri) = &source.place else {
                return None;
            };
            let (uri, args) = uri.split_once('?').unwrap_or((uri, ""));
            Some(Rc::new(Self {
                shown: format!("token_profile \"{name}\": {}", source.shown),
                uri: uri.to_owned(),
                args: args.to_owned(),
                profile: Rc::clone(profile),
                source: source.clone(),
                refresh: Rc::new(Refresh::every(source.every_ms)),
                trouble: RefCell::default(),
            }))
        };
        profile.sources().iter().filter_map(remote).collect()
    }

    /// Begins to fetch the keys.
    pub(super) fn fetch(self: &Rc<Self>, fetcher: &Fetcher<'_>) {
        let remote = Rc::clone(self);
        let then = move |answer| remote.take(answer);
        fetcher.fetch_alone(self.uri.as_bytes(), self.args.as_bytes(), MOST, then);
    }

    /// Takes over the keys that a location has answered.
    fn take(&self, answer: Result<Fetched, FetchError>) {
        let now = process::now_ms();
        let taken = match answer {
            // It says nothing of the keys: another request asks.
            Err(FetchError::Ended) => return self.refresh.end(now, None),
            Err(error) => Err(format!("cannot be fetched: {error}")),
            Ok(answer) if answer.status != 200 => Err(format!("has answered {}", answer.status)),
            Ok(answer) => {
                // Whatever a provider publishes, a set may have secrets.
                let body = Secret::new(answer.body);
                let taken = self.profile.replace(&self.source, body.as_bytes());
                taken.map_err(|error| error.to_string())
            }
        };
        let well = taken.is_ok();
        match taken {
            Ok(news) => {
                if self.trouble.take().is_some() {
                    self.log(Level::Notice, "is good again");
                }
                if news.is_some() {
                    self.log(Level::Notice, "has new keys");
                }
                for doubt in news.into_iter().flatten() {
                    self.log(Level::Warn, &format!("is used, but {}", doubt.text));
                }
            }
            Err(why) => self.complain(why),
        }
        self.refresh.end(now, Some(well));
    }

    /// Says once why keys are not used.
    fn complain(&self, why: String) {
        let before = self.trouble.take();
        if before.as_ref() != Some(&why) {
            let then = if self.refresh.has_ended_well() {
                "the old keys stay in use"
            } else {
                "there are no keys of it yet"
            };
            self.log(Level::Error, &format!("{why}, {then}"));
        }
        self.trouble.replace(Some(why));
    }

    fn log(&self, level: Level, text: &str) {
        log::cycle(level, &format!("{} {text}", self.shown));
    }
}
