//! Uses of tokens, counted in memory that several processes share.
//!
//! The memory is buckets of entries, one for each token. A token's digest names its bucket; where that is full, what is expired
//! goes first, and then what was not used for the longest time. So nothing grows, and no entry points to another.
//!
//! A bucket is changed by one process at a time, for a fraction of a microsecond. A process may be killed in it: whoever waits for
//! longer than [`PATIENCE`] takes the bucket over. All words are atomic and any of their states is one of an entry, so that costs one
//! use that is not counted. One that was only stopped there may go on later: then an address, or the count of one token, is lost.

use std::net::IpAddr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

use crate::limit::{Limit, MOST_ADDRESSES};

/// How long somebody may have a bucket.
const PATIENCE: Duration = Duration::from_millis(50);

/// Words in front of the buckets: the mark, and the words of an entry.
const HEAD: usize = 2;
/// Says that the memory is a ledger of this layout.
const MARK: u64 = u64::from_be_bytes(*b"gatelim1");
/// Entries of a bucket.
const WAYS: usize = 8;
/// Words of an entry before the addresses: the token; uses and the time of the last one; until when, and how many addresses.
const FIELDS: usize = 3;
const TOKEN: usize = 0;
const USED: usize = 1;
const UNTIL: usize = 2;

/// A token, by a digest of what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Never 0.
    tag: u64,
    /// What its addresses are hashed with.
    seed: u64,
}

impl Identity {
    /// From the first bytes of a digest; `None` when it has too few.
    pub fn of(digest: &[u8]) -> Option<Self> {
        let (tag, rest) = digest.split_first_chunk()?;
        let (seed, _) = rest.split_first_chunk()?;
        Some(Self {
            tag: u64::from_le_bytes(*tag).max(1),
            seed: u64::from_le_bytes(*seed),
        })
    }

    /// An address, as it is remembered: of an IPv6 address the network. Never 0.
    fn address(self, address: Option<IpAddr>) -> u32 {
        let (kind, bits) = match address.map(|address| address.to_canonical()) {
            None => (0, 0),
            Some(IpAddr::V4(v4)) => (1, u64::from(v4.to_bits())),
            Some(IpAddr::V6(v6)) => (2, (v6.to_bits() >> 64) as u64),
        };
        let mixed = mix(mix(bits ^ self.seed) ^ kind);
        ((mixed >> 32) as u32).max(1)
    }
}

/// Spreads every bit over all others (the last step of SplitMix64).
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// What came of a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Whether it is within the limit, and counted.
    pub is_admitted: bool,
    /// Whether a token had to be forgotten for this one that was still good.
    pub has_displaced: bool,
}

/// The ledger in some memory.
#[derive(Clone, Copy)]
pub struct Ledger<'z> {
    buckets: &'z [AtomicU64],
    /// Words of an entry.
    width: usize,
}

/// How a use is to be counted.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// With which token.
    pub token: Identity,
    /// By whom; `None` for a client without an address.
    pub address: Option<IpAddr>,
    /// The last second at which the token is good, if there is one.
    pub until: Option<i64>,
    /// Now, seconds since the epoch.
    pub now: i64,
}

/// Words of an entry that remembers so many addresses: few sizes, so that a changed limit seldom needs another.
pub fn width(addresses: usize) -> usize {
    let needed = addresses.div_ceil(2).saturating_add(FIELDS);
    needed.next_power_of_two().max(8)
}

/// Whether there is room for a ledger in so many words.
pub fn fits(words: usize, width: usize) -> bool {
    words >= bucket(width).saturating_add(HEAD)
}

/// Words of a bucket: who has it, and its entries.
fn bucket(width: usize) -> usize {
    width.saturating_mul(WAYS).saturating_add(1)
}

impl<'z> Ledger<'z> {
    /// Makes an empty ledger of words that are 0; `None` when they are too few.
    pub fn make(words: &'z [AtomicU64], width: usize) -> Option<Self> {
        let ledger = Self::new(words, width)?;
        words.get(1)?.store(width as u64, Relaxed);
        words.first()?.store(MARK, Release);
        Some(ledger)
    }

    /// The ledger in words; `None` when there is none.
    pub fn attach(words: &'z [AtomicU64]) -> Option<Self> {
        if words.first()?.load(Acquire) != MARK {
            return None;
        }
        let width = usize::try_from(words.get(1)?.load(Relaxed)).ok()?;
        let is_width = (0..=MOST_ADDRESSES).any(|addresses| self::width(addresses) == width);
        Self::new(words, width).filter(|_| is_width)
    }

    fn new(words: &'z [AtomicU64], width: usize) -> Option<Self> {
        let fits = fits(words.len(), width);
        let buckets = words.get(HEAD..).filter(|_| fits)?;
        Some(Self { buckets, width })
    }

    /// Words of an entry.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Tokens it has room for.
    pub fn capacity(&self) -> usize {
        let buckets = self.buckets.len().checked_div(bucket(self.width));
        buckets.unwrap_or(0).saturating_mul(WAYS)
    }

    /// Counts a use. A token beyond its limit stays remembered as one that is used.
    pub fn charge(&self, one: &Use, limit: &Limit) -> Option<Charge> {
        let bucket = self.bucket_of(one.token.tag)?;
        let _held = Held::hold(bucket.owner);
        let now = seconds(one.now);
        let (entry, has_displaced) = match bucket.find(one.token.tag) {
            Some(entry) => (entry, false),
            None => {
                let (entry, has_displaced) = bucket.oldest(now)?;
                entry.begin(one.token.tag, one.until);
                (entry, has_displaced)
            }
        };
        Some(Charge {
            is_admitted: entry.count(one, limit, now),
            has_displaced,
        })
    }

    /// Takes over what another ledger counts, as far as it has room.
    pub fn take_over(&self, old: &Ledger<'_>, now: i64) {
        let now = seconds(now);
        for words in old.buckets.chunks_exact(bucket(old.width)) {
            for entry in Bucket::of(words, old.width)
                .iter()
                .flat_map(Bucket::entries)
            {
                let tag = entry.get(TOKEN);
                if tag == 0 || entry.is_expired(now) {
                    continue;
                }
                let into = self.bucket_of(tag);
                let into = into.and_then(|bucket| bucket.oldest(now));
                // What is used more lately stays.
                let into =
                    into.filter(|(into, displaces)| !displaces || into.last() < entry.last());
                if let Some((into, _)) = into {
                    into.copy(&entry);
                }
            }
        }
    }

    fn bucket_of(&self, tag: u64) -> Option<Bucket<'z>> {
        let size = bucket(self.width);
        let count = self.buckets.len().checked_div(size)?;
        let number = (u128::from(tag).wrapping_mul(count as u128) >> 64) as usize;
        let start = number.checked_mul(size)?;
        let words = self.buckets.get(start..start.checked_add(size)?)?;
        Bucket::of(words, self.width)
    }
}

/// A time as it is kept.
fn seconds(time: i64) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}

struct Bucket<'z> {
    owner: &'z AtomicU64,
    entries: &'z [AtomicU64],
    width: usize,
}

impl<'z> Bucket<'z> {
    fn of(words: &'z [AtomicU64], width: usize) -> Option<Self> {
        let (owner, entries) = words.split_first()?;
        Some(Self {
            owner,
            entries,
            width,
        })
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'z>> + use<'z> {
        self.entries.chunks_exact(self.width).map(Entry)
    }

    fn find(&self, tag: u64) -> Option<Entry<'z>> {
        self.entries().find(|entry| entry.get(TOKEN) == tag)
    }

    /// The entry that is free, or to be given up, and whether it holds a token that is still good.
    fn oldest(&self, now: u32) -> Option<(Entry<'z>, bool)> {
        let age = |entry: &Entry<'_>| match entry {
            free if free.get(TOKEN) == 0 => (0, 0),
            expired if expired.is_expired(now) => (1, 0),
            used => (2, used.last()),
        };
        let entry = self.entries().min_by_key(age)?;
        let displaces = age(&entry).0 == 2;
        Some((entry, displaces))
    }
}

/// The words of one token.
struct Entry<'z>(&'z [AtomicU64]);

impl Entry<'_> {
    fn get(&self, word: usize) -> u64 {
        self.0.get(word).map_or(0, |word| word.load(Relaxed))
    }

    fn set(&self, word: usize, value: u64) {
        if let Some(word) = self.0.get(word) {
            word.store(value, Relaxed);
        }
    }

    /// The two numbers in a word.
    fn pair(&self, word: usize) -> (u32, u32) {
        let value = self.get(word);
        ((value >> 32) as u32, value as u32)
    }

    fn set_pair(&self, word: usize, (high, low): (u32, u32)) {
        self.set(word, u64::from(high) << 32 | u64::from(low));
    }

    /// When it was used last.
    fn last(&self) -> u32 {
        self.pair(USED).1
    }

    /// Whether its token is good no more.
    fn is_expired(&self, now: u32) -> bool {
        let until = self.pair(UNTIL).0;
        until != 0 && until < now
    }

    /// Becomes that of another token.
    fn begin(&self, tag: u64, until: Option<i64>) {
        // Of no token while it is neither.
        self.set(TOKEN, 0);
        self.set(USED, 0);
        self.set_pair(UNTIL, (until.map_or(0, seconds), 0));
        self.set(TOKEN, tag);
    }

    fn count(&self, one: &Use, limit: &Limit, now: u32) -> bool {
        let is_in = |uses: u32| limit.uses.is_none_or(|most| uses < most);
        let is_admitted = is_in(self.pair(USED).0) && self.admits(one, limit);
        let used = self.0.get(USED);
        // Whoever had the bucket for too long, and goes on after all, sets no count back.
        let counted = used.and_then(|word| {
            let more = |before: u64| {
                let uses = (before >> 32) as u32;
                let uses = uses.checked_add(u32::from(is_admitted && is_in(uses)))?;
                Some(u64::from(uses) << 32 | u64::from(now))
            };
            word.fetch_update(Relaxed, Relaxed, more).ok()
        });
        is_admitted && counted.is_some_and(|before| is_in((before >> 32) as u32))
    }

    /// Whether its address is one of the first, of which it may become one.
    fn admits(&self, one: &Use, limit: &Limit) -> bool {
        if limit.addresses.is_none() {
            return true;
        }
        let address = one.token.address(one.address);
        let (until, count) = self.pair(UNTIL);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if (0..count).any(|number| self.address(number) == address) {
            return true;
        }
        if count >= limit.kept_addresses() || count >= self.room() {
            return false;
        }
        self.set_address(count, address);
        self.set_pair(UNTIL, (until, count.saturating_add(1) as u32));
        true
    }

    /// Addresses that it can keep.
    fn room(&self) -> usize {
        self.0.len().saturating_sub(FIELDS).saturating_mul(2)
    }

    fn address(&self, number: usize) -> u32 {
        let (first, second) = self.pair(FIELDS.saturating_add(number / 2));
        if number % 2 == 0 { first } else { second }
    }

    fn set_address(&self, number: usize, address: u32) {
        let word = FIELDS.saturating_add(number / 2);
        let (first, second) = self.pair(word);
        self.set_pair(
            word,
            match number % 2 {
                0 => (address, second),
                _ => (first, address),
            },
        );
    }

    /// Becomes what another one is; somebody may be counting there.
    fn copy(&self, old: &Entry<'_>) {
        let tag = old.get(TOKEN);
        let (until, count) = old.pair(UNTIL);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let count = count.min(old.room()).min(self.room());
        self.set(TOKEN, 0);
        self.set(USED, old.get(USED));
        self.set_pair(UNTIL, (until, count as u32));
        for number in 0..count {
            self.set_address(number, old.address(number));
        }
        if old.get(TOKEN) == tag {
            self.set(TOKEN, tag);
        }
    }
}

/// A bucket that is held; given back at the end.
struct Held<'z> {
    owner: &'z AtomicU64,
    me: u64,
}

impl<'z> Held<'z> {
    /// Waits for a bucket, or takes it from who has had it for too long.
    fn hold(owner: &'z AtomicU64) -> Self {
        static TURN: AtomicU32 = AtomicU32::new(0);
        let turn = TURN.fetch_add(1, Relaxed);
        // Never 0, and another one each time.
        let me = u64::from(std::process::id()) << 32 | u64::from(turn);
        let mut seen = (0, None);
        let mut expected = 0;
        while let Err(other) = owner.compare_exchange(expected, me, Acquire, Relaxed) {
            expected = 0;
            if other != 0 && seen.0 != other {
                seen = (other, Some(Instant::now()));
            } else if other != 0 && seen.1.is_some_and(|since| since.elapsed() > PATIENCE) {
                expected = other;
            }
            std::thread::yield_now();
        }
        Self { owner, me }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Unless somebody has taken it.
        let _ = self.owner.compare_exchange(self.me, 0, Release, Relaxed);
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
