//! Blocks attached to a route: what must not be copied with its record, or is larger than one.
//!
//! So far these are the route's `keys`: a lookup copies a record to the request, and secrets stay behind. A record has
//! two words for each of its blocks: where the block is, and the block's first word,
//! `length-1 10 | kind 4 | number 41 | 1`. The number is unique, so the first word tells a reader that the block is
//! still the one it looks for, before and after it copies the rest. A block belongs to one route; what does not fit one
//! block goes on in the next.
//!
//! The content is a list like a record's extras: kind 1 byte, name length 2, value length 3, name, value. A zero ends
//! it.

use super::layout::{MAX_RECORD_WORDS, class_of, head};
use super::live::is_live;
use super::pages::Kind;
use super::reader::LookupError;
use super::record::{AttachedRef, EXTRA_KEY, MAX_ATTACHED, from_sevens, push_bytes, sevens};
use super::view::RouteView;
use super::{Table, Word};
use crate::route::{Resolved, Secret};
use std::sync::atomic::Ordering;
use zeroize::{Zeroize, Zeroizing};

/// Words of content a block has room for.
const CONTENT: usize = MAX_RECORD_WORDS - 1;
/// The kind of block that has keys.
const KEYS: u64 = 1;
/// No other block's first word has this bit, and no link between blocks.
const ATTACHED: u64 = 1 << 55;
const NUMBER: u64 = (1 << 41) - 1;

/// The words that are attached to a route, wiped when dropped.
pub(super) struct Content(Zeroizing<Vec<u64>>);

impl Content {
    /// `None`: too much for a route, or not storable.
    pub(super) fn of(route: &Resolved<'_>) -> Option<Self> {
        let size = route
            .keys
            .iter()
            .map(|(name, value)| name.len().saturating_add(value.text().len()))
            .fold(8, |sum: usize, len| {
                sum.saturating_add(len).saturating_add(6)
            });
        // With room for all of it from the start, no copy is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        for (name, value) in &route.keys {
            let value = value.text();
            bytes.push(EXTRA_KEY);
            bytes.extend(sevens::<2>(name.len() as u64)?);
            bytes.extend(sevens::<3>(value.len() as u64)?);
            bytes.extend(name.as_bytes());
            bytes.extend(value.as_bytes());
        }
        let mut words = Zeroizing::new(Vec::with_capacity(size / 8));
        push_bytes(&mut words, &[&bytes]);
        let storable = words.len() <= CONTENT * MAX_ATTACHED && !words.iter().any(|w| is_live(*w));
        storable.then_some(Self(words))
    }

    /// The same words again.
    pub(super) fn from_words(words: &[u64]) -> Self {
        Self(Zeroizing::new(words.to_vec()))
    }

    /// Its words.
    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }

    /// What each of its blocks holds.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &[u64]> {
        self.0.chunks(CONTENT)
    }

    /// References for a record that is only measured.
    pub(super) fn nowhere(&self) -> Vec<AttachedRef> {
        let blocks = self.blocks();
        blocks
            .map(|block| AttachedRef::from_words(0, first(block, 0)))
            .collect()
    }
}

/// The first word of a block with this content.
fn first(content: &[u64], number: u64) -> u64 {
    content.len() as u64 | KEYS << 10 | (number & NUMBER) << 14 | ATTACHED
}

/// A buffer that is wiped when it is dropped.
struct Wiped<'b>(&'b mut [u64]);

impl Drop for Wiped<'_> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A route's `keys`, in the caller's buffer. The caller wipes the buffer after use.
#[derive(Clone, Copy)]
pub struct Keys<'b>(&'b [u8]);

impl<'b> Keys<'b> {
    /// The keys in these words, which were attached to a route.
    pub(super) fn from_words(words: &'b [u64]) -> Self {
        Self(bytemuck::cast_slice(words))
    }

    /// The key of this name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&'b [u8]> {
        let mut all = self.iter();
        all.find_map(|(found, value)| (found.as_bytes() == name).then_some(value))
    }

    /// All of them, as they were put.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'b> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (&kind, bytes) = rest.split_first()?;
            let (name_len, bytes) = bytes.split_first_chunk::<2>()?;
            let (value_len, bytes) = bytes.split_first_chunk::<3>()?;
            let (name, bytes) = bytes.split_at_checked(from_sevens(name_len) as usize)?;
            let (value, bytes) = bytes.split_at_checked(from_sevens(value_len) as usize)?;
            rest = bytes;
            let name = std::str::from_utf8(name).unwrap_or("");
            (kind == EXTRA_KEY).then_some((name, value))
        })
    }

    /// All of them, in memory that is wiped.
    #[must_use]
    pub fn secrets(&self) -> Vec<(&'b str, Secret)> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let secrets = self
            .iter()
            .map(|(name, value)| (name, Secret::new(text(value))));
        secrets.collect()
    }
}

impl RouteView<'_> {
    /// Words of buffer that [`Table::keys`] needs for this route; 0 when it has no keys.
    #[must_use]
    pub fn key_words(&self) -> usize {
        let lengths = self.attached().map(AttachedRef::content_len);
        lengths.fold(0, usize::saturating_add)
    }
}

impl<W: Word> Table<'_, W> {
    /// The `keys` of a route that a lookup gave; `Ok(None)` when the route has been replaced since: look it up again.
    ///
    /// # Errors
    /// [`LookupError::BufferTooSmall`]: [`RouteView::key_words`] are enough.
    pub fn keys<'b>(
        &self,
        route: &RouteView<'_>,
        buf: &'b mut [u64],
    ) -> Result<Option<Keys<'b>>, LookupError> {
        let needed = route.key_words();
        let Some(mut to) = buf.get_mut(..needed) else {
            return Err(LookupError::BufferTooSmall(needed));
        };
        for block in route.attached() {
            let Some((content, more)) = to.split_at_mut_checked(block.content_len()) else {
                return Ok(None);
            };
            if !self.copy_attached(block, content) {
                return Ok(None);
            }
            to = more;
        }
        let buf: &'b [u64] = buf;
        let copied = buf.get(..needed).unwrap_or(&[]);
        Ok(Some(Keys(bytemuck::cast_slice(copied))))
    }

    /// Shows the `keys` of a route to `see`, and wipes the buffer whatever comes of it; `Ok(None)` as [`Table::keys`].
    ///
    /// # Errors
    /// As [`Table::keys`].
    pub fn with_keys<T>(
        &self,
        route: &RouteView<'_>,
        buf: &mut [u64],
        see: impl FnOnce(Keys<'_>) -> T,
    ) -> Result<Option<T>, LookupError> {
        let buf = Wiped(buf);
        Ok(self.keys(route, buf.0)?.map(see))
    }

    /// Copies a block's content; false if the block is another one by now.
    fn copy_attached(&self, block: AttachedRef, to: &mut [u64]) -> bool {
        let Some((first, content)) = self
            .mem
            .slice(block.at, block.len())
            .and_then(<[W]>::split_first)
        else {
            return false;
        };
        if first.load(Ordering::Acquire) != block.first {
            return false;
        }
        for (to, from) in to.iter_mut().zip(content) {
            *to = from.load(Ordering::Relaxed);
        }
        // Pairs with the fence of `wipe_attached`: if a word of a later owner was copied, the first word has changed.
        W::fence(Ordering::Acquire);
        first.load(Ordering::Relaxed) == block.first
    }

    /// Whether these blocks have this content (writers: nothing changes meanwhile).
    pub(super) fn same_attached(&self, blocks: &[AttachedRef], content: &Content) -> bool {
        let there = blocks.iter().flat_map(|block| {
            let from = block.at.saturating_add(1);
            let words = from..from.saturating_add(block.content_len());
            words.map(|at| self.mem.load(at))
        });
        there.eq(content.0.iter().copied())
    }

    /// Writes a block with this content. No record refers to it yet.
    pub(super) fn write_attached(&self, at: usize, content: &[u64]) -> AttachedRef {
        // The generation rises with the end of every change, whatever becomes of it.
        let first = first(content, self.mem.load(head::GENERATION).wrapping_add(1));
        for (at, word) in (at..).zip([first].iter().chain(content)) {
            self.mem.store(at, *word);
        }
        let block = AttachedRef { at, first };
        self.mem.add_words(head::RECORD_WORDS, block.len());
        block
    }

    /// A block of its size, not yet written.
    pub(super) fn take_attached(&self, content: &[u64]) -> Option<usize> {
        let class = class_of(content.len().saturating_add(1))?;
        self.take_block(Kind::Records(class))
    }

    /// Makes a block unreadable that no record refers to any more, and wipes its content.
    pub(super) fn wipe_attached(&self, block: AttachedRef) {
        self.mem.store(block.at, 0);
        // Readers see that before they can see anything else in the block.
        W::fence(Ordering::Release);
        let from = block.at.saturating_add(1);
        for at in from..from.saturating_add(block.content_len()) {
            self.mem.store(at, 0);
        }
        self.mem.sub_words(head::RECORD_WORDS, block.len());
    }

    /// The same content in another block, out of a page that is being emptied.
    pub(super) fn copy_attached_elsewhere(&self, block: AttachedRef) -> Option<AttachedRef> {
        let from = block.at.saturating_add(1);
        let words = from..from.saturating_add(block.content_len());
        let content: Zeroizing<Vec<u64>> =
            Zeroizing::new(words.map(|at| self.mem.load(at)).collect());
        let at = self.take_attached(&content)?;
        Some(self.write_attached(at, &content))
    }

    /// Counts a block found in a record (repair).
    pub(super) fn recount_attached(&self, block: AttachedRef) {
        let Some((page, kind @ Kind::Records(_), unit)) = self.block_of(block.at) else {
            return;
        };
        if self.mem.load(block.at) == block.first && self.mark_unit(page, kind, unit) {
            self.mem.add_words(head::RECORD_WORDS, block.len());
        }
    }
}
