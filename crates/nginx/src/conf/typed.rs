//! The configuration being read, as one module sees it.

use super::error::Error;
use super::kind::{Context, Kind, main_in};
use super::words::Words;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

/// The configuration being read, at one directive of the module `M`: its words, and the module's
/// own values. What only a section knows (a `location`'s values, say) is added there.
pub struct Conf<'c, M: Kind> {
    words: Words<'c>,
    main: NonNull<M::Main>,
    module: PhantomData<fn(M)>,
}

impl<'c, M: Kind> Deref for Conf<'c, M> {
    type Target = Words<'c>;

    fn deref(&self) -> &Words<'c> {
        &self.words
    }
}

impl<'c, M: Kind> Conf<'c, M> {
    /// # Safety
    /// nginx reads a part of the section of `M`, for a callback of `M`; at most one `Conf` is in use
    /// at a time.
    pub(crate) unsafe fn new(words: Words<'c>) -> Result<Self, Error> {
        // SAFETY: inside the section, `ctx` is its context; it begins like every other (`Section`).
        let context = unsafe { (*words.cf).ctx }.cast::<Context>();
        // SAFETY: null or that context.
        let table = unsafe { context.as_ref() }.map(|context| context.main_conf);
        // SAFETY: the context's own table.
        let main = table.and_then(|table| NonNull::new(unsafe { main_in::<M>(table) }));
        Ok(Self {
            main: main.ok_or("no configuration of the module here")?,
            words,
            module: PhantomData,
        })
    }

    /// The level of the section: `http`, `stream`.
    pub fn main(&mut self) -> &mut M::Main {
        // SAFETY: made by `create::<M::Main>`; `&mut self` keeps it unique while it is held.
        unsafe { self.main.as_mut() }
    }
}
