//! The body of a request, when all of it is there: in memory, or in a file of nginx's where it is large.

use crate::http::attached::{self, Attach};
use crate::http::request::Request;
use crate::sys;
use std::cell::Cell;
use std::fmt;
use std::ptr;
use std::rc::Rc;

/// The body of a request.
#[derive(Clone, Copy)]
pub struct Body<'r> {
    r: Request<'r>,
}

/// Why a body cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Longer than allowed.
    TooLarge,
    /// nginx's file of it cannot be read.
    Unreadable,
    /// No memory.
    NoMemory,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the body is too large",
            Self::Unreadable => "the body cannot be read",
            Self::NoMemory => "no memory for the body",
        })
    }
}

/// Where a part of a body lies.
enum Part {
    Memory(*const u8, usize),
    File(*mut sys::ngx_file_t, sys::off_t, usize),
}

impl<'r> Body<'r> {
    /// The body of `r`, which nginx has read.
    pub(crate) const fn new(r: Request<'r>) -> Self {
        Self { r }
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        self.parts().fold(0, |sum, part| {
            let (Part::Memory(_, len) | Part::File(_, _, len)) = part;
            sum.saturating_add(len as u64)
        })
    }

    /// All of it, in the request's pool where it has to be put together, if it has at most `most` bytes.
    pub fn bytes(&self, most: u64) -> Result<&'r [u8], BodyError> {
        let len = self.len();
        if len > most {
            return Err(BodyError::TooLarge);
        }
        let len = usize::try_from(len).map_err(|_| BodyError::TooLarge)?;
        let out = self.r.alloc(len).ok_or(BodyError::NoMemory)?;
        let mut room = &mut *out;
        for part in self.parts() {
            let (Part::Memory(_, size) | Part::File(_, _, size)) = part;
            let (to, rest) = room
                .split_at_mut_checked(size)
                .ok_or(BodyError::Unreadable)?;
            part.copy(to)?;
            room = rest;
        }
        Ok(out)
    }

    /// What reads it piece by piece, in a task that does not hold the request.
    pub fn reader(&self) -> Result<BodyReader, BodyError> {
        let r = Rc::new(Cell::new(self.r.raw()));
        attached::attach(self.r, Life(Rc::clone(&r))).ok_or(BodyError::NoMemory)?;
        Ok(BodyReader { r, at: 0 })
    }

    fn parts(&self) -> impl Iterator<Item = Part> + use<'r> {
        // SAFETY: null, or the body that nginx has read, alive as long as the request.
        let body = unsafe { self.r.fields().request_body.as_ref() };
        let mut link = body.map_or(std::ptr::null_mut(), |body| body.bufs);
        std::iter::from_fn(move || {
            loop {
                // SAFETY: null or a link of the body's chain, as long-lived as the request.
                let one = unsafe { link.as_ref() }?;
                link = one.next;
                // SAFETY: a link has its buffer.
                let buffer = unsafe { &*one.buf };
                if buffer.in_file() != 0 {
                    let size = buffer.file_last.saturating_sub(buffer.file_pos);
                    let size = usize::try_from(size).unwrap_or(0);
                    return Some(Part::File(buffer.file, buffer.file_pos, size));
                }
                let len = (buffer.last as usize).saturating_sub(buffer.pos as usize);
                if len > 0 {
                    return Some(Part::Memory(buffer.pos, len));
                }
            }
        })
    }
}

/// Reads a body piece by piece.
pub struct BodyReader {
    /// Null once the request is over, and its body with it.
    r: Rc<Cell<*mut sys::ngx_http_request_t>>,
    /// Bytes read so far.
    at: u64,
}

/// Tells a reader that its request is over.
struct Life(Rc<Cell<*mut sys::ngx_http_request_t>>);

impl Attach for Life {
    fn ended(&self) {
        self.0.set(ptr::null_mut());
    }
}

impl BodyReader {
    /// The next bytes, at most so many; empty at the end.
    pub fn read(&mut self, most: usize) -> Result<Vec<u8>, BodyError> {
        let r = self.r.get();
        if r.is_null() {
            return Err(BodyError::Unreadable);
        }
        // SAFETY: live: `Life` says when it ends.
        let body = Body::new(unsafe { Request::new(r) });
        let mut begin = 0_u64;
        for part in body.parts() {
            let (Part::Memory(_, len) | Part::File(_, _, len)) = part;
            let end = begin.saturating_add(len as u64);
            if self.at < end {
                let skip = usize::try_from(self.at.saturating_sub(begin)).unwrap_or(0);
                let size = len.saturating_sub(skip).min(most);
                let mut piece = vec![0; size];
                part.behind(skip, size).copy(&mut piece)?;
                self.at = self.at.saturating_add(size as u64);
                return Ok(piece);
            }
            begin = end;
        }
        Ok(Vec::new())
    }
}

impl Part {
    /// So many bytes of it, behind its first ones; it has as many.
    fn behind(&self, skip: usize, size: usize) -> Self {
        match *self {
            // SAFETY: within the buffer.
            Self::Memory(from, _) => Self::Memory(unsafe { from.add(skip) }, size),
            Self::File(file, at, _) => {
                let skip = sys::off_t::try_from(skip).unwrap_or(0);
                Self::File(file, at.saturating_add(skip), size)
            }
        }
    }

    /// Puts the part into `to`, which has its length.
    fn copy(&self, to: &mut [u8]) -> Result<(), BodyError> {
        match *self {
            Self::Memory(from, len) => {
                // SAFETY: bytes of a buffer of the body, which nobody writes any more.
                to.copy_from_slice(unsafe { std::slice::from_raw_parts(from, len) });
                Ok(())
            }
            Self::File(file, at, _) => read(file, at, to),
        }
    }
}

fn read(
    file: *mut sys::ngx_file_t,
    mut at: sys::off_t,
    mut to: &mut [u8],
) -> Result<(), BodyError> {
    while !to.is_empty() {
        // SAFETY: nginx's open file of the body; room of our own of that length.
        let count = unsafe { sys::ngx_read_file(file, to.as_mut_ptr(), to.len(), at) };
        let count = usize::try_from(count).map_err(|_| BodyError::Unreadable)?;
        if count == 0 {
            return Err(BodyError::Unreadable);
        }
        at = at.saturating_add(sys::off_t::try_from(count).unwrap_or(0));
        to = to.get_mut(count..).ok_or(BodyError::Unreadable)?;
    }
    Ok(())
}
