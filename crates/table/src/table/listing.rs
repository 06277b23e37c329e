//! A walk over the routes in an order that no change of the table alters: by the hash of their keys.
//!
//! The order begins with the hash's low 16 bits, which the index keeps beside each entry. So a part of the order is
//! found by looking at the index alone, and only the records of that part are read. A walk goes on behind any key,
//! whether that key is still there or not.

use super::layout::{BUCKET, EMPTY};
use super::record::First;
use super::view::RouteView;
use super::{MAX_RECORD_WORDS, Table, Word};
use std::sync::atomic::Ordering;

/// Routes of a part, about.
const PART: u64 = 16 * 1024;
/// Buckets and routes of one step: some hundred microseconds.
const BUCKETS: usize = 4096;
const ROUTES: usize = 64;
/// How often a part is read again because entries moved meanwhile.
const READINGS: u32 = 8;
/// Every number of 16 bits.
const TAGS: u64 = 1 << 16;

/// A walk over a table, and how far it has come.
#[derive(Debug)]
pub struct Listing {
    /// Routes up to this place are not shown.
    after: Option<u64>,
    /// The 16 bits that the present part begins and ends with.
    from: u64,
    to: u64,
    /// Routes wanted in all, about: a part is not larger.
    wanted: u64,
    stage: Stage,
    /// Places of the part's routes.
    places: Vec<u64>,
}

#[derive(Debug)]
enum Stage {
    /// The next part begins.
    Begin,
    /// The index is looked through, from this bucket on.
    Reading {
        bucket: usize,
        moves: u64,
        readings: u32,
    },
    /// The part's routes are shown, from this one on.
    Showing(usize),
    Done,
}

/// Whoever is shown a route may say that it is enough.
pub type Show<'f> = dyn FnMut(RouteView<'_>) -> bool + 'f;

/// Where a hash stands in the order.
fn place_of(hash: u64) -> u64 {
    hash.rotate_right(16)
}

fn hash_at(place: u64) -> u64 {
    place.rotate_left(16)
}

impl Listing {
    /// A walk that begins behind `key`, or at the first route; `wanted` of its routes will be of use.
    #[must_use]
    pub fn new<W: Word>(table: &Table<'_, W>, key: Option<&[u8]>, wanted: Option<u64>) -> Self {
        let after = key.map(|key| place_of(table.hash(key)));
        Self {
            after,
            from: after.map_or(0, |place| place >> 48),
            to: 0,
            wanted: wanted.unwrap_or(PART).clamp(1, PART),
            stage: Stage::Begin,
            places: Vec::new(),
        }
    }

    /// Goes on for some hundred microseconds; false at the end, or when `show` has had enough: then the routes not shown
    /// come again.
    pub fn step<W: Word>(&mut self, table: &Table<'_, W>, show: &mut Show<'_>) -> bool {
        match self.stage {
            Stage::Done => false,
            Stage::Begin => {
                self.begin(table);
                true
            }
            Stage::Reading {
                bucket,
                moves,
                readings,
            } => {
                self.read(table, bucket, moves, readings);
                true
            }
            Stage::Showing(at) => self.show(table, at, show),
        }
    }

    fn begin<W: Word>(&mut self, table: &Table<'_, W>) {
        if self.from >= TAGS {
            self.stage = Stage::Done;
            return;
        }
        let routes = table.stats().routes.max(1);
        let width = TAGS.saturating_mul(self.wanted).checked_div(routes);
        // One more: the first part begins somewhere in the middle of its 16 bits.
        let width = width.unwrap_or(0).saturating_add(1);
        self.to = self.from.saturating_add(width).min(TAGS);
        self.read_again(table, 0);
    }

    fn read_again<W: Word>(&mut self, table: &Table<'_, W>, readings: u32) {
        self.places.clear();
        self.stage = Stage::Reading {
            bucket: 0,
            moves: table.moves(),
            readings,
        };
    }

    fn read<W: Word>(&mut self, table: &Table<'_, W>, bucket: usize, moves: u64, readings: u32) {
        let to = bucket.saturating_add(BUCKETS).min(table.geo.buckets);
        let tags = self.from..self.to;
        for word in table.slots_of(bucket, to) {
            let slot = word.load(Ordering::Acquire);
            if slot == EMPTY || !tags.contains(&(slot >> 48)) {
                continue;
            }
            if let Some(hash) = table.hash_of_slot(word) {
                let place = place_of(hash);
                if self.after.is_none_or(|after| place > after) {
                    self.places.push(place);
                }
            }
        }
        if to < table.geo.buckets {
            self.stage = Stage::Reading {
                bucket: to,
                moves,
                readings,
            };
        } else if table.moves() != moves && readings < READINGS {
            self.read_again(table, readings.saturating_add(1));
        } else {
            self.places.sort_unstable();
            self.places.dedup();
            self.stage = Stage::Showing(0);
        }
    }

    fn show<W: Word>(&mut self, table: &Table<'_, W>, at: usize, show: &mut Show<'_>) -> bool {
        let mut buffer = vec![0; MAX_RECORD_WORDS];
        for at in at..at.saturating_add(ROUTES) {
            let Some(place) = self.places.get(at) else {
                self.from = self.to;
                self.stage = Stage::Begin;
                return true;
            };
            let found = table.probe_hash(hash_at(*place), &mut buffer);
            if let Some(len) = found {
                let view = RouteView::from_words(buffer.get(..len).unwrap_or_default());
                if !show(view) {
                    self.stage = Stage::Showing(at);
                    return false;
                }
            }
            self.stage = Stage::Showing(at.saturating_add(1));
        }
        true
    }
}

impl<W: Word> Table<'_, W> {
    /// The hash of the key of whatever record a slot has.
    fn hash_of_slot(&self, word: &W) -> Option<u64> {
        let mut key = [0; KEY_WORDS];
        let copied = self.copy_start(word, &mut key)?;
        let view = RouteView::from_words(key.get(..copied).unwrap_or_default());
        Some(self.hash(view.key()))
    }

    /// Copies the record whose key has this hash; None when there is none.
    fn probe_hash(&self, hash: u64, buffer: &mut [u64]) -> Option<usize> {
        let of_hash = |words: &[u64]| self.hash(RouteView::from_words(words).key()) == hash;
        for _ in 0..PROBES {
            let moves = self.moves();
            for bucket in self.buckets_of(hash) {
                let at = self.geo.bucket_at(bucket);
                for word in self.mem.slice(at, BUCKET).unwrap_or(&[]) {
                    if word.load(Ordering::Acquire) >> 48 != hash & 0xffff {
                        continue;
                    }
                    let found = self.copy_slot(word, buffer);
                    let found = found.filter(|len| buffer.get(..*len).is_some_and(of_hash));
                    if found.is_some() {
                        return found;
                    }
                }
            }
            if moves == self.moves() {
                return None;
            }
        }
        None
    }

    /// Copies the beginning of a slot's record, with all of its key.
    fn copy_start(&self, word: &W, to: &mut [u64]) -> Option<usize> {
        for _ in 0..PROBES {
            let slot = word.load(Ordering::Acquire);
            if slot == EMPTY {
                return None;
            }
            let at = self.named_at(slot);
            let len = First(self.mem.load(at)).key_end().min(to.len());
            for (to, from) in to.iter_mut().zip(self.mem.slice(at, len).unwrap_or(&[])) {
                *to = from.load(Ordering::Relaxed);
            }
            W::fence(Ordering::Acquire);
            if word.load(Ordering::Relaxed) == slot {
                return Some(len);
            }
        }
        None
    }
}

/// Attempts at one record: each failed one means that it was replaced at that very moment.
const PROBES: usize = 1000;
/// Words of a record's beginning with the longest key.
const KEY_WORDS: usize = crate::route::EXACT_MAX / 8 + 1;
