//! Keys that requests fetch from a location of their server (`jwks uri=`). Each worker has its own.

use crate::Gatehouse;
use gatehouse_live::refresh::Refresh;
use gatehouse_nginx::http::fetch::{FetchError, Fetched, Fetcher};
use gatehouse_nginx::shm::slots::Slots;
use gatehouse_nginx::{Conf, Error, Level, Zone, ffi::log, ffi::process};
use gatehouse_token::{KeySource, Place, Profile, Secret};
use std::cell::{Cell, RefCell};
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
    /// The last good set, for workers that start later and for the next configuration.
    zone: Zone,
    /// Whether there is any set.
    has_keys: Cell<bool>,
    /// When they are fetched.
    pub(super) refresh: Rc<Refresh>,
    /// What was last said about a fetch that failed; None after a good one.
    trouble: RefCell<Option<String>>,
}

impl Remote {
    /// Those of a profile.
    pub(super) fn all(
        cf: &Conf<'_, Gatehouse>,
        name: &str,
        profile: &Rc<Profile>,
    ) -> Result<Vec<Rc<Self>>, Error> {
        let mut all = Vec::new();
        for source in profile.sources() {
            if let Place::Location(uri) = &source.place {
                let zone = format!("jwks {name} {uri}");
                let zone = cf.zone(&zone, Slots::zone_size(MOST), |_, _| Ok(()))?;
                all.push(Rc::new(Self::new(name, profile, source, uri, zone)));
            }
        }
        Ok(all)
    }

    fn new(name: &str, profile: &Rc<Profile>, source: &KeySource, uri: &str, zone: Zone) -> Self {
        let (uri, args) = uri.split_once('?').unwrap_or((uri, ""));
        Self {
            shown: format!("token_profile \"{name}\": {}", source.shown),
            uri: uri.to_owned(),
            args: args.to_owned(),
            profile: Rc::clone(profile),
            source: source.clone(),
            zone,
            has_keys: Cell::new(false),
            refresh: Rc::new(Refresh::every(source.every_ms)),
            trouble: RefCell::default(),
        }
    }

    /// Whether there are keys, however old they are.
    pub(super) fn has_keys(&self) -> bool {
        self.has_keys.get()
    }

    /// Begins with the set that a worker before this one has fetched. It is as old as can be: the first request has another
    /// one fetched, and does without only when that fails.
    pub(super) fn inherit(&self) {
        let taken = self
            .published()
            .map(|set| self.profile.replace(&self.source, set.as_bytes()));
        // What the profile cannot use any more is fetched anew.
        self.has_keys.set(matches!(taken, Some(Ok(_))));
    }

    fn published(&self) -> Option<Secret> {
        let slots = self.zone.slots()?;
        let published = slots.current()?;
        let set = Secret::new(published.as_ref().to_vec());
        // Nobody has written to it meanwhile.
        (slots.generation() == published.generation).then_some(set)
    }

    /// Leaves a set to others. One that follows the last too soon is not left: the next is.
    fn publish(&self, set: &[u8]) {
        let Some(slots) = self.zone.slots().filter(|_| !process::exiting()) else {
            return;
        };
        let is_same = slots.current().is_some_and(|old| old.as_ref() == set);
        if let Some(lock) = self.zone.try_lock().filter(|_| !is_same) {
            slots.publish(&lock, set, 0, process::now_ms());
        }
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
                if taken.is_ok() {
                    self.has_keys.set(true);
                    self.publish(body.as_bytes());
                }
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
            let then = if self.has_keys() {
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
