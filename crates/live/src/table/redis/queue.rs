//! Keys that have changed and are to be read again: each once, and together with those that change a moment later.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

/// How long a change waits for others, in milliseconds.
const TOGETHER_MS: u64 = 5;

/// With more keys than these, all is read again.
const MOST: usize = 100_000;

/// The keys, in the order in which they have changed.
#[derive(Default)]
pub(super) struct Queue {
    keys: VecDeque<(Rc<[u8]>, u64)>,
    known: HashSet<Rc<[u8]>>,
}

impl Queue {
    /// A key has changed.
    pub(super) fn push(&mut self, key: &[u8], now_ms: u64) {
        if self.known.contains(key) {
            return;
        }
        let key: Rc<[u8]> = key.into();
        self.known.insert(Rc::clone(&key));
        let due_ms = now_ms.saturating_add(TOGETHER_MS);
        self.keys.push_back((key, due_ms));
    }

    /// When the first of them is to be read.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.keys.front().map(|(_, due_ms)| *due_ms)
    }

    /// The next one that is due.
    pub(super) fn pop(&mut self, now_ms: u64) -> Option<Vec<u8>> {
        self.due_ms().filter(|due_ms| *due_ms <= now_ms)?;
        let (key, _) = self.keys.pop_front()?;
        self.known.remove(&key);
        Some(key.to_vec())
    }

    /// Whether reading all is quicker.
    pub(super) fn is_too_long(&self) -> bool {
        self.keys.len() > MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_changes_often_is_read_once_a_moment() {
        let mut queue = Queue::default();
        for at in 0..4 {
            queue.push(b"a", at);
            queue.push(b"b", at + 1);
        }
        assert_eq!((queue.due_ms(), queue.pop(4)), (Some(5), None));
        assert_eq!(queue.pop(5).as_deref(), Some(&b"a"[..]));
        queue.push(b"a", 5);
        assert_eq!((queue.due_ms(), queue.pop(5)), (Some(6), None));
        assert_eq!(queue.pop(20).as_deref(), Some(&b"b"[..]));
        assert_eq!(queue.pop(20).as_deref(), Some(&b"a"[..]));
        assert_eq!((queue.pop(20), queue.due_ms()), (None, None));
    }
}
