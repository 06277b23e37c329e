//! One route by its very key: what those who change routes read first.

use super::attached::Keys;
use super::imprint;
use super::parts::Parts;
use super::record::{AttachedRef, Owner, PeerSlot, options_word};
use super::view::RouteView;
use super::{LookupError, MAX_RECORD_WORDS, Table, Word};
use crate::route::{Key, Route};
use rapidhash::v3::rapidhash_v3_nano_inline;
use zeroize::Zeroizing;

/// Readings before a route counts as one that keeps changing.
const ATTEMPTS: usize = 100;

/// A route taken out of the table whole: the words of its record, and behind them those of its keys.
/// [`Writer::put_prepared`](super::Writer::put_prepared) puts it back.
#[derive(Clone, Debug)]
pub struct Taken {
    words: Zeroizing<Vec<u64>>,
    record: usize,
}

impl Taken {
    /// The route without its keys.
    #[must_use]
    pub fn view(&self) -> RouteView<'_> {
        RouteView::from_words(self.words.get(..self.record).unwrap_or_default())
    }

    /// The route as it was written, with its keys.
    #[must_use]
    pub fn written(&self) -> Route {
        let mut route = self.view().written();
        let keys = Keys::from_words(self.words.get(self.record..).unwrap_or_default());
        let keys = keys.secrets().into_iter();
        route.keys = keys
            .map(|(name, secret)| (name.to_owned(), secret))
            .collect();
        route
    }
}

impl Taken {
    /// All of it but the addresses of its names, as bytes that may hold secrets.
    fn without_addresses(&self) -> Zeroizing<Vec<u8>> {
        let keys = self.words.get(self.record..).unwrap_or_default();
        let keys: &[u8] = bytemuck::cast_slice(keys);
        let route = self.view().written();
        let mut text = Vec::new();
        route.write_json(&mut text);
        for backend in &route.backends {
            let options = options_word(&backend.options).unwrap_or(0);
            text.extend(options.to_le_bytes());
        }
        text.extend(self.view().owner().map_or(0, Owner::code).to_le_bytes());
        // With room for all of it from the start, no copy is left behind by growing.
        let len = text.len().saturating_add(keys.len());
        let mut all = Zeroizing::new(Vec::with_capacity(len));
        all.extend_from_slice(&text);
        all.extend_from_slice(keys);
        all
    }
}

impl<W: Word> Table<'_, W> {
    /// The route of this very key: wildcards are keys like others here.
    ///
    /// # Errors
    /// [`LookupError::Busy`].
    pub fn take_out(&self, key: &Key) -> Result<Option<Taken>, LookupError> {
        let mut words = Zeroizing::new(vec![0; MAX_RECORD_WORDS]);
        for _ in 0..ATTEMPTS {
            let Some(record) = self.probe(key.as_bytes(), &mut words)? else {
                return Ok(None);
            };
            let view = RouteView::from_words(words.get(..record).unwrap_or_default());
            let mut secrets = Zeroizing::new(vec![0; view.key_words()]);
            if self.keys(&view, &mut secrets)?.is_none() {
                continue;
            }
            let len = record.saturating_add(secrets.len());
            // With room for all of it from the start, no copy is left behind by growing.
            let mut all = Zeroizing::new(Vec::with_capacity(len));
            all.extend_from_slice(view.words());
            all.extend_from_slice(&secrets);
            return Ok(Some(Taken { words: all, record }));
        }
        Err(LookupError::Busy)
    }

    /// A number for what a route is: another one when anything of it changes, its keys among it, and the same one
    /// wherever it moves, whatever addresses its names have and however it was written. Nobody can compute it who cannot read the table.
    #[must_use]
    pub fn version_of(&self, route: &Taken) -> u64 {
        if route.view().has_names() {
            let text = route.without_addresses();
            return rapidhash_v3_nano_inline::<true, false>(&text, &self.secrets);
        }
        let mut words = route.words.clone();
        imprint::take_away(&mut words);
        let view = route.view();
        let nowhere = Parts {
            peers: vec![PeerSlot::NOWHERE; view.backend_count()],
            // The keys themselves are among the words.
            attached: view.attached().map(|_| AttachedRef::NOWHERE).collect(),
        };
        nowhere.put_into(&mut words);
        let bytes = bytemuck::cast_slice(&words);
        rapidhash_v3_nano_inline::<true, false>(bytes, &self.secrets)
    }

    /// A number for this table: another one for any other table.
    #[must_use]
    pub fn own_number(&self) -> u64 {
        self.hash(b"\0own number")
    }
}
