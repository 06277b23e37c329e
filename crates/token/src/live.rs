//! The keys of a profile, prepared; and how they are replaced while it serves.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::claims::AddressBinding;
use crate::error::Error;
use crate::keys::{Key, KeyEncoding, KeySource};
use crate::scheme::{Doubt, Options, Scheme, Verifier, VerifierConfig};
use crate::settings::KeyFile;

/// What makes a verifier of keys: all of a profile but these.
pub(crate) struct Maker {
    pub(crate) scheme: &'static Scheme,
    pub(crate) options: Options,
    /// How each key is spelled that routes have.
    pub(crate) route_keys: Vec<KeyEncoding>,
    /// What each of them is called.
    pub(crate) route_ids: Vec<Option<String>>,
    pub(crate) require_exp: bool,
    pub(crate) names: Vec<usize>,
    pub(crate) in_path: bool,
    pub(crate) binding: AddressBinding,
    pub(crate) claimed: AddressBinding,
    pub(crate) once: bool,
}

/// Keys that verify.
pub(crate) struct Prepared {
    pub(crate) verifier: Box<dyn Verifier>,
    /// Of the keys of lines, then of those that routes have.
    pub(crate) ids: Vec<Option<String>>,
}

impl Maker {
    /// Prepares the keys of each line.
    ///
    /// # Errors
    /// The scheme cannot use them; the text lacks a subject.
    pub(crate) fn prepare(&self, lines: &[Vec<Key>]) -> Result<Prepared, Error> {
        let of_lines: Vec<usize> = lines.iter().map(Vec::len).collect();
        let keys: Vec<Key> = lines.iter().flatten().cloned().collect();
        let verifier = (self.scheme.build)(&VerifierConfig {
            keys: &keys,
            of_lines: &of_lines,
            route_keys: &self.route_keys,
            options: &self.options,
            require_exp: self.require_exp,
            names: &self.names,
            in_path: self.in_path,
            binding: self.binding,
            claimed: self.claimed,
            once: self.once,
        })?;
        let of_files = keys.into_iter().map(|key| key.id);
        let ids = of_files.chain(self.route_ids.iter().cloned()).collect();
        Ok(Prepared { verifier, ids })
    }
}

/// How the keys of a line are read.
struct Line {
    id: Option<String>,
    encoding: KeyEncoding,
}

/// The keys of a profile that are replaced while it serves.
pub(crate) struct LiveKeys {
    pub(crate) sources: Vec<KeySource>,
    lines: Vec<Line>,
    keys: RefCell<Vec<Vec<Key>>>,
    /// None: those of the configuration.
    now: Cell<Option<Rc<Prepared>>>,
}

impl LiveKeys {
    /// Those of the lines that these were read from; none when none of them is read again.
    pub(crate) fn of(files: &[KeyFile], scheme: &Scheme, keys: Vec<Vec<Key>>) -> Option<Self> {
        let sources = files.iter().enumerate().filter_map(|(line, file)| {
            let again = file.again.clone()?;
            Some(KeySource {
                shown: file.source.clone(),
                place: again.place,
                every_ms: again.every_ms,
                line,
            })
        });
        let sources: Vec<_> = sources.collect();
        let line = |file: &KeyFile| Line {
            id: file.id.clone(),
            encoding: file.encoding.unwrap_or(scheme.key_encoding),
        };
        (!sources.is_empty()).then(|| Self {
            sources,
            lines: files.iter().map(line).collect(),
            keys: RefCell::new(keys),
            now: Cell::default(),
        })
    }

    /// The keys that have replaced those of the configuration.
    pub(crate) fn now(&self) -> Option<Rc<Prepared>> {
        let now = self.now.take();
        self.now.set(now.clone());
        now
    }

    /// Replaces the keys of a line; see [`Profile::replace`](crate::Profile::replace).
    pub(crate) fn replace(
        &self,
        maker: &Maker,
        source: &KeySource,
        bytes: &[u8],
    ) -> Result<bool, Error> {
        let line = self.lines.get(source.line);
        let line = line.ok_or_else(|| Error::new("is of another profile"))?;
        let new = Key::read(bytes, line.encoding, line.id.as_deref())?;
        let mut keys = self
            .keys
            .try_borrow_mut()
            .map_err(|_| Error::new("is in use"))?;
        let mut all = keys.clone();
        match all.get_mut(source.line) {
            Some(old) if *old != new => *old = new,
            _ => return Ok(false),
        }
        let prepared = maker.prepare(&all)?;
        *keys = all;
        self.now.set(Some(Rc::new(prepared)));
        Ok(true)
    }
}

/// What is to be said of keys that was not said of those before.
pub(crate) fn new_doubts(before: Vec<Doubt>, now: Vec<Doubt>) -> Vec<Doubt> {
    let is_new = |doubt: &Doubt| !before.contains(doubt);
    now.into_iter().filter(is_new).collect()
}
