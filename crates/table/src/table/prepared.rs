//! A route on its way into the table, as words.

use super::attached::{Content, Keys};
use super::encode::encode;
use super::imprint;
use super::parts::Parts;
use super::record::{AttachedRef, Owner, PeerSlot};
use super::view::RouteView;
use super::writer::{Applied, ApplyError, Change, Writer};
use super::{LookupError, MAX_RECORD_WORDS, Table, Word};
use crate::route::{Key, Resolved, Secret};
use zeroize::Zeroizing;

/// A route that is ready to be put: a fraction of the memory that it takes as texts and lists. Its words are those of its
/// record, which is complete but for references to peers and cells, and behind them what will be attached to it.
///
/// [`RouteView::from_words`] of its words gives the route back, but for its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared(Zeroizing<Vec<u64>>);

impl Prepared {
    /// Prepares a route.
    ///
    /// # Errors
    /// [`ApplyError::TooBig`]: no table takes it.
    pub fn new(key: &Key, owner: Owner, route: &Resolved<'_>) -> Result<Self, ApplyError> {
        let content = Content::of(route).ok_or(ApplyError::TooBig)?;
        let peers = vec![PeerSlot::NOWHERE; route.endpoints.len()];
        let attached = content.nowhere();
        let record = encode(key.as_bytes(), owner, route, &peers, &attached);
        let record = record.ok_or(ApplyError::TooBig)?;
        let len = record.len().saturating_add(content.words().len());
        // With room for all of it from the start, no copy is left behind by growing.
        let mut words = Zeroizing::new(Vec::with_capacity(len));
        words.extend_from_slice(&record);
        words.extend_from_slice(content.words());
        Ok(Self(words))
    }

    /// Its words. They may hold secrets.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.0
    }
}

/// What a table has of the key of a route that is to be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum There {
    /// This very route: to put it would change nothing.
    Same {
        /// Whose it is.
        owner: Option<Owner>,
        /// It is known from the same text, or cannot be ([`Writer::note_imprint`]).
        is_noted: bool,
    },
    /// Another route, of this owner; or none.
    Other(Option<Owner>),
}

impl There {
    /// Whether there is a route of one of these.
    #[must_use]
    pub fn is_of(self, owners: &[Owner]) -> bool {
        let (Self::Same { owner, .. } | Self::Other(owner)) = self;
        owner.is_some_and(|owner| owners.contains(&owner))
    }
}

/// The words behind a prepared route's record.
fn content(words: &[u64]) -> &[u64] {
    let record = RouteView::from_words(words).words().len();
    words.get(record..).unwrap_or_default()
}

impl<W: Word> Table<'_, W> {
    /// What the table has of the key of a route that is to be put. For the only process that changes it; the lock is not
    /// needed.
    #[must_use]
    pub fn there(&self, prepared: &Prepared) -> There {
        let wanted = RouteView::from_words(prepared.words());
        // A record that is longer, but for an imprint, is another route's.
        let mut buf = vec![0; wanted.words().len().saturating_add(1)];
        match self.probe(wanted.key(), &mut buf) {
            Ok(Some(len)) => buf.truncate(len),
            // The first word of it says enough.
            Err(LookupError::BufferTooSmall(_)) => return self.of_another_length(wanted.key()),
            _ => return There::Other(None),
        }
        let there = RouteView::from_words(&buf);
        let (owner, imprint) = (there.owner(), there.imprint());
        if !self.has_route(prepared, &mut buf) {
            return There::Other(owner);
        }
        There::Same {
            owner,
            is_noted: imprint.is_none() || imprint == wanted.imprint(),
        }
    }

    fn of_another_length(&self, key: &[u8]) -> There {
        let mut buf = [0; MAX_RECORD_WORDS];
        let found = self.probe(key, &mut buf).ok().flatten();
        let words = found.and_then(|len| buf.get(..len));
        There::Other(words.and_then(|words| RouteView::from_words(words).owner()))
    }

    /// Whether the table's record of these words, which are used up, is this very route.
    pub(super) fn has_route(&self, prepared: &Prepared, found: &mut [u64]) -> bool {
        let wanted = RouteView::from_words(prepared.words());
        let there: Vec<AttachedRef> = RouteView::from_words(found).attached().collect();
        let nowhere = Parts {
            peers: vec![PeerSlot::NOWHERE; wanted.backend_count()],
            attached: wanted.attached().collect(),
        };
        nowhere.put_into(found);
        imprint::is_same(found, wanted.words())
            && self.same_attached(&there, &Content::from_words(content(prepared.words())))
    }
}

impl<W: Word> Writer<'_, W> {
    /// Puts a route by the words of its [`Prepared`].
    ///
    /// # Errors
    /// [`ApplyError`]: the table is as before.
    pub fn put_prepared(&mut self, words: &[u64], owner: Owner) -> Result<Applied, ApplyError> {
        let view = RouteView::from_words(words);
        let key = Key::parse(view.key(), self.table().mode()).map_err(|_| ApplyError::TooBig)?;
        let keys = Keys::from_words(content(words));
        let keys: Vec<(&str, Secret)> = keys
            .iter()
            .map(|(name, value)| (name, Secret::new(String::from_utf8_lossy(value).into())))
            .collect();
        let mut route = view.resolved();
        route.keys = keys.iter().map(|(name, secret)| (*name, secret)).collect();
        route.imprint = view.imprint();
        self.apply(&Change::Put {
            key: &key,
            route: &route,
            owner,
        })
    }
}
