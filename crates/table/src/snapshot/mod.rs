//! A table as a file: every route with its owner, its keys and the addresses that were found, in a form of its own that
//! does not change with the table's layout or with the machine.
//!
//! ```text
//! file    MAGIC 8 bytes | VERSION 4 | block … | end
//! block   length 4 | check 8 | content: the first one the head, each other one whole routes
//! end     length 0, 4 bytes | check 8, over the number of routes (8 bytes)
//! head    mode 1 byte | source 4 | name
//! route   length | owner 1 byte | key | id | backends | vars | keys | meta | check
//! ```
//! Numbers of a fixed width have their lowest byte first; lengths and counts without one have seven bits a byte, the
//! lowest first, and a bit that says that more come. A text is its length and its bytes. The check of a block is the
//! rapidhash (v3) of the check before and of the rapidhash of its content, and that of the first 12 bytes comes before all
//! of them: no block can be lost, moved or shortened, nor the file be cut, without its being seen.
//!
//! A route may be in the file twice when it changed while the file was written: the last one counts.

mod check;
mod decode;
mod encode;
mod read;
mod write;

#[cfg(test)]
mod exact_tests;
#[cfg(test)]
mod tests;

pub use read::{Fault, Found, read};
pub use write::Snapshot;

use crate::route::Match;
use rapidhash::v3::rapidhash_v3;

/// How every such file begins.
const MAGIC: &[u8; 8] = b"ghstate\n";
/// Raised with every change of the format.
const VERSION: u32 = 2;
/// The first version whose routes say how they are checked; those before it are read, too.
const WITH_CHECKS: u32 = 2;
/// A block is closed when it has this many bytes.
const BLOCK: usize = 32 * 1024;
/// No block has more: a route's record and what is attached to it are far shorter.
const MAX_BLOCK: usize = 1024 * 1024;

/// What a file of routes says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The table's name.
    pub name: String,
    /// How its keys are compared.
    pub mode: Match,
    /// What the table was last fed from, as [`Table::source`](crate::table::Table::source) has it; 0 for nothing.
    pub source: u32,
}

/// The check of a block behind those with the check `before`.
fn next_check(before: u64, content: &[u8]) -> u64 {
    let mut both = [0; 16];
    let (first, second) = both.split_at_mut(8);
    first.copy_from_slice(&before.to_le_bytes());
    second.copy_from_slice(&rapidhash_v3(content).to_le_bytes());
    rapidhash_v3(&both)
}
