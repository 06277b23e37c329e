//! Reads a table's file: any bytes whatever give its routes or a reason why not.

use super::decode::Bytes;
use super::write::mode_code;
use super::{Head, MAGIC, MAX_BLOCK, VERSION, check, next_check};
use crate::route::{Match, Resolved};
use crate::table::Owner;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use zeroize::Zeroizing;

/// A route in a file.
pub struct Found<'f> {
    /// Its owner.
    pub owner: Owner,
    /// Its key.
    pub key: &'f [u8],
    /// The route itself.
    pub route: &'f Resolved<'f>,
}

/// Why a file is not read to its end.
#[derive(Debug)]
pub enum Fault<E> {
    /// Reading failed.
    Io(io::Error),
    /// These are not the bytes of a file that was written whole.
    Damaged(&'static str),
    /// A later version has written it.
    Newer(u32),
    /// The caller refused the head or a route.
    Refused(E),
}

impl<E: fmt::Display> fmt::Display for Fault<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Damaged(why) => f.write_str(why),
            Self::Newer(version) => write!(
                f,
                "is of version {version}, and this module knows versions up to {VERSION}"
            ),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

/// Reads a file from its first byte to its last. Routes go to `take` before the end has been seen: they count for nothing
/// if there is a fault in the end. Gives how many were left out because no table would be given such a route.
///
/// # Errors
/// [`Fault`].
pub fn read<E>(
    input: &mut dyn Read,
    begin: &mut dyn FnMut(&Head) -> Result<(), E>,
    take: &mut dyn FnMut(&Found<'_>) -> Result<(), E>,
) -> Result<u64, Fault<E>> {
    let mut blocks = Blocks::begin(input)?;
    let mut block = Zeroizing::new(Vec::new());
    if !blocks.next(&mut block)? {
        return Err(Fault::Damaged("has no head"));
    }
    let head = head(&block).ok_or(Fault::Damaged("has a head that makes no sense"))?;
    begin(&head).map_err(Fault::Refused)?;
    let mut left_out = 0_u64;
    while blocks.next(&mut block)? {
        let mut rest = Bytes(&block);
        while !rest.0.is_empty() {
            let written = rest
                .bytes()
                .and_then(|bytes| Bytes(bytes).route(blocks.version));
            let mut written = written.ok_or(Fault::Damaged("has a route that makes no sense"))?;
            let keys = &written.keys;
            written.route.keys = keys.iter().map(|(name, value)| (*name, value)).collect();
            blocks.routes = blocks.routes.saturating_add(1);
            if !check::is_good(&written.route) {
                left_out = left_out.saturating_add(1);
                continue;
            }
            take(&Found {
                owner: written.owner,
                key: written.key,
                route: &written.route,
            })
            .map_err(Fault::Refused)?;
        }
    }
    Ok(left_out)
}

fn head(block: &[u8]) -> Option<Head> {
    let (&mode, rest) = block.split_first()?;
    let (source, rest) = rest.split_first_chunk()?;
    let mut rest = Bytes(rest);
    let name = std::str::from_utf8(rest.bytes()?).ok()?;
    let mut modes = [Match::Host, Match::Exact].into_iter();
    let head = Head {
        name: name.to_owned(),
        mode: modes.find(|known| mode_code(*known) == mode)?,
        source: u32::from_le_bytes(*source),
    };
    rest.0.is_empty().then_some(head)
}

/// The blocks of a file, each checked.
struct Blocks<'i> {
    input: &'i mut dyn Read,
    version: u32,
    check: u64,
    routes: u64,
}

impl<'i> Blocks<'i> {
    fn begin<E>(input: &'i mut dyn Read) -> Result<Self, Fault<E>> {
        let mut first = [0; 12];
        fill(input, &mut first)?;
        let (magic, version) = first.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(Fault::Damaged("is no file of this kind"));
        }
        let version = version.try_into().map_or(0, u32::from_le_bytes);
        if version > VERSION {
            return Err(Fault::Newer(version));
        }
        if version == 0 {
            return Err(Fault::Damaged("has a version that makes no sense"));
        }
        Ok(Self {
            input,
            version,
            check: next_check(0, &first),
            routes: 0,
        })
    }

    /// The next block; false when that was the last one.
    fn next<E>(&mut self, block: &mut Vec<u8>) -> Result<bool, Fault<E>> {
        let (mut len, mut expected) = ([0; 4], [0; 8]);
        fill(self.input, &mut len)?;
        fill(self.input, &mut expected)?;
        let len = u32::from_le_bytes(len) as usize;
        if len > MAX_BLOCK {
            return Err(Fault::Damaged("has a block that is too long"));
        }
        block.clear();
        if len > 0 {
            block.resize(len, 0);
            fill(self.input, block)?;
            self.check = next_check(self.check, block);
        } else {
            self.check = next_check(self.check, &self.routes.to_le_bytes());
        }
        if self.check != u64::from_le_bytes(expected) {
            return Err(Fault::Damaged("has a wrong checksum"));
        }
        if len == 0 && self.input.read(&mut [0]).map_err(Fault::Io)? > 0 {
            return Err(Fault::Damaged("goes on behind its end"));
        }
        Ok(len > 0)
    }
}

fn fill<E>(input: &mut dyn Read, to: &mut [u8]) -> Result<(), Fault<E>> {
    input.read_exact(to).map_err(|error| {
        if error.kind() == ErrorKind::UnexpectedEof {
            Fault::Damaged("is cut short")
        } else {
            Fault::Io(error)
        }
    })
}
