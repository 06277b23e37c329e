//! Big values in chunks: neither their growth nor their end ever moves or frees much memory at once.

use bytemuck::Pod;
use memmap2::MmapMut;
use std::marker::PhantomData;

/// A stack of slices. Only the last one can be taken off, so that memory comes back chunk by chunk.
///
/// Chunks are mapped, not allocated: an allocator keeps what is freed, or gives much of it back at once.
#[derive(Debug)]
pub struct Stack<T> {
    chunks: Vec<Chunk<T>>,
    len: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    map: MmapMut,
    /// Where each slice ends.
    ends: Vec<u32>,
    items: PhantomData<T>,
}

/// Bytes of a chunk.
const CHUNK: usize = 512 * 1024;

/// Where a walk over a [`Stack`] from its bottom has come to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    chunk: usize,
    slice: usize,
}

impl<T> Default for Stack<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }
}

impl<T: Pod> Stack<T> {
    /// How many slices there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a slice on top; false when there is no memory for it, or it is longer than a chunk.
    #[must_use]
    pub fn push(&mut self, slice: &[T]) -> bool {
        let is_put = self.chunks.last_mut().is_some_and(|c| c.push(slice));
        if !is_put {
            let Some(mut chunk) = Chunk::new() else {
                return false;
            };
            if !chunk.push(slice) {
                return false;
            }
            self.chunks.push(chunk);
        }
        self.len = self.len.saturating_add(1);
        true
    }

    /// The slice on top.
    #[must_use]
    pub fn last(&self) -> Option<&[T]> {
        let chunk = self.chunks.last()?;
        chunk.slice(chunk.ends.len().checked_sub(1)?)
    }

    /// Takes the slice on top away.
    pub fn pop(&mut self) {
        let Some(chunk) = self.chunks.last_mut() else {
            return;
        };
        if chunk.ends.pop().is_some() {
            self.len = self.len.saturating_sub(1);
        }
        if chunk.ends.is_empty() {
            self.chunks.pop();
        }
    }

    /// The slice at a position, counted from the bottom; moves the position on.
    pub fn walk(&self, position: &mut Position) -> Option<&[T]> {
        let mut chunk = self.chunks.get(position.chunk)?;
        if position.slice >= chunk.ends.len() {
            let next = position.chunk.saturating_add(1);
            chunk = self.chunks.get(next)?;
            *position = Position {
                chunk: next,
                slice: 0,
            };
        }
        let slice = chunk.slice(position.slice)?;
        position.slice = position.slice.saturating_add(1);
        Some(slice)
    }

    /// Frees a chunk; false when there is none left.
    pub fn shrink(&mut self) -> bool {
        if let Some(chunk) = self.chunks.pop() {
            self.len = self.len.saturating_sub(chunk.ends.len());
        }
        !self.chunks.is_empty()
    }
}

impl<T: Pod> Chunk<T> {
    fn new() -> Option<Self> {
        Some(Self {
            map: MmapMut::map_anon(CHUNK).ok()?,
            ends: Vec::new(),
            items: PhantomData,
        })
    }

    fn push(&mut self, slice: &[T]) -> bool {
        let start = self.ends.last().map_or(0, |end| *end as usize);
        let end = start.saturating_add(slice.len());
        let items = bytemuck::cast_slice_mut::<u8, T>(&mut self.map);
        let (Some(room), Ok(end)) = (items.get_mut(start..end), u32::try_from(end)) else {
            return false;
        };
        room.copy_from_slice(slice);
        self.ends.push(end);
        true
    }

    fn slice(&self, index: usize) -> Option<&[T]> {
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        bytemuck::cast_slice::<u8, T>(&self.map).get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: u64) -> Vec<u64> {
        (0..n % 1000).map(|at| n + at).collect()
    }

    fn filled(count: u64) -> Stack<u64> {
        let mut stack = Stack::default();
        (0..count).for_each(|n| assert!(stack.push(&numbers(n))));
        stack
    }

    #[test]
    fn what_was_pushed_last_comes_first() {
        let mut stack = filled(3000);
        assert!(stack.chunks.len() > 5, "{}", stack.chunks.len());
        for n in (0..3000).rev() {
            assert_eq!(stack.len(), n as usize + 1);
            assert_eq!(stack.last(), Some(&numbers(n)[..]));
            stack.pop();
        }
        assert!(stack.is_empty() && stack.last().is_none() && stack.chunks.is_empty());
    }

    #[test]
    fn a_walk_sees_every_slice_from_the_bottom() {
        let mut stack = filled(3000);
        let mut position = Position::default();
        for n in 0..2000 {
            assert_eq!(stack.walk(&mut position), Some(&numbers(n)[..]));
        }
        (0..1500).for_each(|_| stack.pop());
        assert_eq!(stack.walk(&mut position), None);
        assert!(stack.push(&[1]) && stack.push(&[2]));
        let mut position = Position::default();
        let count = std::iter::from_fn(|| stack.walk(&mut position).map(<[u64]>::len)).count();
        assert_eq!(count, stack.len());
    }

    #[test]
    fn it_is_freed_in_chunks() {
        let mut stack = filled(3000);
        let (chunks, mut freed) = (stack.chunks.len(), 1);
        while stack.shrink() {
            freed += 1;
        }
        assert_eq!((freed, stack.len()), (chunks, 0));
    }

    #[test]
    fn a_slice_longer_than_a_chunk_is_refused() {
        let mut stack = Stack::default();
        assert!(stack.push(&[1_u8]) && stack.push(&vec![7; CHUNK]));
        assert!(!stack.push(&vec![8; CHUNK + 1]));
        assert_eq!((stack.len(), stack.last()), (2, Some(&vec![7; CHUNK][..])));
    }
}
