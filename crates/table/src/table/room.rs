//! Room for what does not fit at once: memory that is free, but scattered, comes together, while readers go on.
//!
//! Of each kind of page as many are emptied as the free blocks of the others can take in, the emptiest first. A walk
//! over the index moves the records in such pages, and gives other peers and cells to records whose own are there.

use super::layout::{BUCKET, EMPTY, PENDING, class_of, class_words, head, slot_record};
use super::pages::Kind;
use super::parts::Parts;
use super::record::First;
use super::{Table, Word, Writer};
use std::sync::atomic::Ordering;

/// How far [`Writer::make_room`] has come; begins with `Room::default()`.
#[derive(Debug, Default)]
pub struct Room {
    step: Step,
    /// How far the step has come.
    at: usize,
    /// Pages with room, by kind and the number of blocks in use; then those to be emptied.
    pages: Vec<(u64, u64, usize)>,
    /// A record was left in a page of its own.
    stranded: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// What is pending gives its memory back.
    #[default]
    Settle,
    /// Retired blocks become free.
    Retired,
    /// Pages with room are noted.
    Note,
    /// Those to be emptied are marked.
    Mark,
    /// What is in them moves.
    Walk,
    /// Those that could not be emptied stay in use.
    Keep,
    Done,
}

/// Retired blocks freed in one slice.
const RELEASES: usize = 1024;
/// Pages looked at in one slice.
const PAGES: usize = 1024;
/// Buckets in which pending slots are looked for in one slice, and how many of these are settled.
const BUCKETS: usize = 4096;
const SLOTS: usize = 128;
/// Records looked at in one slice; a backend counts as one. The last bucket may bring more.
const RECORDS: usize = 512;

impl<'a, W: Word> Writer<'a, W> {
    /// One slice of making room after [`ApplyError::Full`](super::ApplyError::Full), a millisecond or two; true while
    /// there is more to do. The lock may be given up between two slices. Requests find every route meanwhile. Somebody
    /// else's bulk loses what is pending: it took room that is wanted.
    pub fn make_room(&mut self, room: &mut Room) -> bool {
        let over = match room.step {
            Step::Settle => self.settle_all(room),
            Step::Retired => !self.release(RELEASES),
            Step::Note => self.note_pages(room),
            Step::Mark => self.mark_pages(room),
            Step::Walk => self.walk(room),
            Step::Keep => self.keep_pages(room),
            Step::Done => return false,
        };
        if over {
            room.at = 0;
            room.step = match room.step {
                Step::Settle => Step::Retired,
                Step::Retired => Step::Note,
                Step::Note if room.pages.is_empty() && !room.stranded => Step::Done,
                Step::Note => Step::Mark,
                Step::Mark => Step::Walk,
                Step::Walk => Step::Keep,
                Step::Keep | Step::Done => Step::Done,
            };
        }
        room.step != Step::Done
    }

    fn settle_all(&mut self, room: &mut Room) -> bool {
        let table = *self.table();
        if self.is_bulk() || table.mem.load(head::PENDING) == 0 {
            return true;
        }
        self.begin();
        let to = room.at.saturating_add(BUCKETS).min(table.geo.buckets);
        let mut settled = 0_usize;
        while room.at < to && settled < SLOTS {
            let first = table.geo.bucket_at(room.at);
            for slot_at in first..first.saturating_add(BUCKET) {
                if table.mem.load(slot_at) & PENDING != 0 {
                    self.settle_slot(slot_at);
                    settled = settled.saturating_add(1);
                }
            }
            room.at = room.at.saturating_add(1);
        }
        self.end_unseen();
        room.at == table.geo.buckets
    }

    /// Frees blocks that were retired a moment ago; true while there are more.
    fn release(&mut self, most: usize) -> bool {
        self.begin();
        let more = (0..most).all(|_| self.table().release_retired(None));
        self.end();
        more
    }

    fn note_pages(&mut self, room: &mut Room) -> bool {
        let table = *self.table();
        let to = room.at.saturating_add(PAGES).min(table.geo.pages);
        self.begin();
        for page in room.at..to {
            // A process that was killed while it made room left the page so.
            if table.is_leaving(page) {
                table.keep_page(page);
            }
            room.stranded |= table.is_stranded(page);
            if table.has_room(page) {
                let kind = table.page_kind(page);
                room.pages.push((kind.code(), table.page_live(page), page));
            }
        }
        self.end();
        room.at = to;
        let over = to == table.geo.pages;
        if over {
            room.pages = to_be_emptied(std::mem::take(&mut room.pages));
        }
        over
    }

    fn mark_pages(&mut self, room: &mut Room) -> bool {
        let table = *self.table();
        let to = room.at.saturating_add(PAGES).min(room.pages.len());
        self.begin();
        for (kind, _, page) in room.pages.get(room.at..to).unwrap_or(&[]) {
            if table.has_room(*page) && table.page_kind(*page).code() == *kind {
                table.leave_page(*page);
            }
        }
        self.end();
        room.at = to;
        to == room.pages.len()
    }

    fn keep_pages(&mut self, room: &mut Room) -> bool {
        let table = *self.table();
        let to = room.at.saturating_add(PAGES).min(room.pages.len());
        self.begin();
        for (_, _, page) in room.pages.get(room.at..to).unwrap_or(&[]) {
            if table.is_leaving(*page) {
                table.keep_page(*page);
            }
        }
        self.end();
        room.at = to;
        to == room.pages.len()
    }

    fn walk(&mut self, room: &mut Room) -> bool {
        let table = *self.table();
        let mut seen = 0_usize;
        while room.at < table.geo.buckets && seen < RECORDS {
            let first = table.geo.bucket_at(room.at);
            for slot_at in first..first.saturating_add(BUCKET) {
                if table.mem.load(slot_at) != EMPTY {
                    let backends = self.move_on(slot_at).unwrap_or(0);
                    seen = seen.saturating_add(backends).saturating_add(1);
                }
            }
            seen = seen.saturating_add(1);
            room.at = room.at.saturating_add(1);
        }
        room.at == table.geo.buckets
    }

    /// Moves a record and all that belongs to it out of pages that are being emptied, as far as there is room; gives how
    /// many backends it has.
    pub(super) fn move_on(&mut self, slot_at: usize) -> Option<usize> {
        let table = *self.table();
        let slot = table.mem.load(slot_at);
        if slot & PENDING != 0 {
            // What is pending stays where it is while its bulk makes room, and goes for anybody else.
            if self.is_own(slot) {
                return None;
            }
            self.begin();
            self.settle_slot(slot_at);
            self.end_unseen();
        }
        let at = slot_record(table.mem.load(slot_at));
        let backends = First(table.mem.load(at)).backends();
        let (_, kind, _) = table.block_of(at)?;
        let mut words = Vec::new();
        table.copy_record(at, &mut words);
        let proper = Kind::Records(class_of(words.len())?);
        let old = Parts::of(&words);
        let parts_leave = table.parts_leave(&old);
        // A stranded record is in the wrong kind of page.
        let record_leaves = table.leaves(at) || kind != proper;
        if !record_leaves && !parts_leave {
            return Some(backends);
        }
        self.begin();
        let new = table.parts_elsewhere(&old);
        if let Some(new) = &new {
            new.put_into(&mut words);
        }
        let block = record_leaves.then(|| table.take_block(proper)).flatten();
        let moved = match block {
            Some(block) => {
                self.rewrite(slot_at, block, &words);
                table.free_block(at);
                true
            }
            None => parts_leave && new.is_some() && self.rewrite_in_place(slot_at, at, &words),
        };
        match new {
            Some(new) if moved => table.give_back(&old, &new),
            Some(new) => table.give_back(&new, &old),
            None => {}
        }
        self.end();
        Some(backends)
    }

    /// Writes the words to a block and publishes it in the slot.
    fn rewrite(&self, slot_at: usize, block: usize, words: &[u64]) {
        let table = self.table();
        for (at, word) in (block..).zip(words) {
            table.mem.store(at, *word);
        }
        table.publish(slot_at, block);
        // Readers see that the old block is unpublished before they can see it overwritten.
        W::fence(Ordering::Release);
    }

    /// Puts other words in the place of a record, by way of a page of its own; false without one.
    fn rewrite_in_place(&self, slot_at: usize, at: usize, words: &[u64]) -> bool {
        let Some(scratch) = self.table().take_scratch() else {
            return false;
        };
        self.rewrite(slot_at, scratch, words);
        self.rewrite(slot_at, at, words);
        self.table().free_block(scratch);
        true
    }
}

impl<W: Word> Table<'_, W> {
    /// Whether a page is that of [`Table::take_scratch`], whose record a killed process left there.
    fn is_stranded(&self, page: usize) -> bool {
        let length = First(self.mem.load(self.geo.page_at(page))).words();
        match self.page_kind(page) {
            Kind::Records(class) if class_words(class) == super::MAX_RECORD_WORDS => {
                class_of(length) != Some(class)
            }
            _ => false,
        }
    }
}

/// Of pages with room (kind, blocks in use, number) those that the free blocks of the others of their kind can replace.
fn to_be_emptied(mut pages: Vec<(u64, u64, usize)>) -> Vec<(u64, u64, usize)> {
    pages.sort_unstable();
    let groups = pages.chunk_by(|a, b| a.0 == b.0);
    groups
        .flat_map(|group| {
            let capacity = group.first().map_or(1, |p| Kind::from_code(p.0).capacity());
            let free = group
                .iter()
                .map(|p| capacity.saturating_sub(p.1))
                .sum::<u64>();
            let count = free.checked_div(capacity).unwrap_or(0) as usize;
            group.iter().take(count).copied().collect::<Vec<_>>()
        })
        .collect()
}
