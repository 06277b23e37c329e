//! One piece of memory for all that a request keeps for something.
//!
//! Usually it is of the request's pool. nginx takes that from the system in blocks of 4 KiB (`request_pool_size`), and what
//! a request keeps may be little and yet be what does not fit into its last block any more. For a request that lasts, such
//! as a WebSocket, memory of its own size is worth the time that it takes. nginx frees it with the pool.

use crate::http::request::Request;
use crate::sys;
use std::cell::Cell;
use std::mem::MaybeUninit;

/// What is left of a piece of memory, for one value after the other.
pub struct Piece<'r> {
    room: Cell<&'r mut [MaybeUninit<u64>]>,
}

/// Words of a value of this type.
pub const fn words_of<T>() -> usize {
    size_of::<T>().div_ceil(size_of::<u64>())
}

impl<'r> Request<'r> {
    /// Memory for values of so many words together; None when memory is short.
    pub fn piece(self, words: usize) -> Option<&'r Piece<'r>> {
        let all = words.checked_add(words_of::<Piece<'_>>())?;
        let size = all.checked_mul(size_of::<u64>())?;
        let pool = self.fields().pool;
        let place = if self.asks_for_upgrade() {
            // SAFETY: the request's pool is live.
            unsafe { sys::ngx_pmemalign(pool, size, ALIGNMENT) }
        } else {
            // SAFETY: as above.
            unsafe { sys::ngx_palloc(pool, size) }
        };
        if place.is_null() {
            return None;
        }
        // SAFETY: so many fresh words, aligned, which live as long as the pool.
        let all: &'r mut [MaybeUninit<u64>] =
            unsafe { std::slice::from_raw_parts_mut(place.cast(), all) };
        let (own, room) = all.split_at_mut_checked(words_of::<Piece<'_>>())?;
        let room = Cell::new(room);
        // SAFETY: words enough for it, aligned, which nobody else has.
        Some(unsafe { put(own, Piece { room }) })
    }

    /// Whether the client asks for another protocol, such as WebSocket: the request may last for days.
    pub fn asks_for_upgrade(self) -> bool {
        !self.fields().headers_in.upgrade.is_null()
    }

    /// A value in that memory, or elsewhere in the pool where there is none left; it must not need dropping. None when
    /// memory is short.
    #[inline]
    pub fn place_in<T: 'r>(self, piece: Option<&Piece<'r>>, value: T) -> Option<&'r mut T> {
        const { assert!(!std::mem::needs_drop::<T>()) };
        const { assert!(align_of::<T>() <= align_of::<u64>()) };
        match piece.and_then(|piece| piece.take(words_of::<T>())) {
            // SAFETY: words enough for it, aligned, which nobody else has.
            Some(room) => Some(unsafe { put(room, value) }),
            None => self.place(value),
        }
    }

    /// A copy of words in that memory, or elsewhere in the pool. None when memory is short.
    #[inline]
    pub fn copy_in(self, piece: &Piece<'r>, words: &[u64]) -> Option<&'r [u64]> {
        let Some(room) = piece.take(words.len()) else {
            return self.copy(words);
        };
        for (to, from) in room.iter_mut().zip(words) {
            to.write(*from);
        }
        // SAFETY: all of them have been written just now.
        Some(unsafe { std::slice::from_raw_parts(room.as_ptr().cast(), room.len()) })
    }
}

impl<'r> Piece<'r> {
    #[inline]
    fn take(&self, words: usize) -> Option<&'r mut [MaybeUninit<u64>]> {
        let room = self.room.take();
        if words > room.len() {
            self.room.set(room);
            return None;
        }
        let (taken, left) = room.split_at_mut_checked(words)?;
        self.room.set(left);
        Some(taken)
    }
}

/// # Safety
/// The room has words enough for the value and is aligned for it.
#[inline]
unsafe fn put<T>(room: &mut [MaybeUninit<u64>], value: T) -> &mut T {
    let place = room.as_mut_ptr().cast::<T>();
    // SAFETY: promised by the caller.
    unsafe { place.write(value) };
    // SAFETY: initialised just now.
    unsafe { &mut *place }
}

/// What `malloc` gives without looking for a place that is aligned better.
const ALIGNMENT: usize = 16;
