//! The full check of a file, in slices: a worker may not be kept for longer than a few
//! milliseconds, and `maxminddb`'s own check cannot be interrupted.

use super::database::{Database, Error, invalid};
use super::tree::Target;
use super::verify_data::{Bits, DataCheck};
use gatehouse_base::memory::free_part;

/// A check under way: call [`Verification::step`] until it says done.
#[derive(Debug)]
pub struct Verification {
    /// Per node the longest way down from it, 0 while unknown.
    heights: Vec<u8>,
    /// The way from the root to the node being looked at.
    way: Vec<Visit>,
    /// The offsets of the records that addresses have, each once.
    records: Vec<u32>,
    /// Those that are among `records`.
    listed: Bits,
    data: DataCheck,
}

/// A node on the way; `height` is that of its children seen so far.
#[derive(Clone, Copy, Debug)]
struct Visit {
    node: u32,
    next: Side,
    height: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Done,
}

/// Stands in `heights` for a node that is on the way: meeting it again is a loop.
const ON_THE_WAY: u8 = u8::MAX;

impl<S: AsRef<[u8]>> Database<S> {
    /// Checks the whole file: every way through the search tree ends, every record and all it
    /// points to can be decoded. Takes time in proportion to the file; a worker uses
    /// [`Verification`] to do the same in slices.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the first fault.
    pub fn verify(&self) -> Result<(), Error> {
        let mut verification = Verification::new(self)?;
        while !verification.step(self, u32::MAX)? {}
        Ok(())
    }
}

impl Verification {
    /// Prepares the check of a database; `step` must be given the same one.
    ///
    /// # Errors
    /// [`Error::Invalid`] when search tree and data are not apart as they should be.
    pub fn new<S: AsRef<[u8]>>(database: &Database<S>) -> Result<Self, Error> {
        if database.separator().iter().any(|byte| *byte != 0) {
            return Err(invalid("no separator between search tree and data"));
        }
        let nodes =
            usize::try_from(database.node_count()).map_err(|_| invalid("too many nodes"))?;
        Ok(Self {
            heights: vec![0; nodes],
            way: vec![Visit {
                node: 0,
                next: Side::Left,
                height: 0,
            }],
            records: Vec::new(),
            listed: Bits::new(database.section().0.len()),
            data: DataCheck::new(database.section().0.len()),
        })
    }

    /// Goes on for about `budget` nodes and values (a few nanoseconds each); whether it is done.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the first fault; the check is over then.
    pub fn step<S: AsRef<[u8]>>(
        &mut self,
        database: &Database<S>,
        budget: u32,
    ) -> Result<bool, Error> {
        for _ in 0..budget {
            if self.data.is_busy() {
                self.data.step(database.section())?;
            } else if self.step_tree(database)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The offsets of all records, each once, when the check is done.
    pub fn records(&self) -> &[u32] {
        &self.records
    }

    /// Frees a part of the memory, of a check that is not gone on with; false when there is none left.
    pub fn shrink(&mut self) -> bool {
        let (heights, data) = (free_part(&mut self.heights), self.data.shrink());
        let (records, listed) = (free_part(&mut self.records), self.listed.shrink());
        heights | data | records | listed
    }

    fn step_tree<S: AsRef<[u8]>>(&mut self, database: &Database<S>) -> Result<bool, Error> {
        let Some(visit) = self.way.last_mut() else {
            return self.judge_tree();
        };
        let right = match visit.next {
            Side::Left => false,
            Side::Right => true,
            Side::Done => {
                self.leave();
                return Ok(false);
            }
        };
        visit.next = if right { Side::Done } else { Side::Right };
        match database.child(visit.node, right) {
            Target::Nothing => {}
            Target::Data(offset) => {
                let at = usize::try_from(offset).map_err(|_| invalid("an offset is too large"))?;
                if !self.listed.get(at) {
                    self.listed.set(at, true);
                    self.records.push(offset);
                }
                self.data.start(at)?;
            }
            Target::Outside => return Err(invalid("the search tree leads outside the data")),
            Target::Node(child) => self.enter(child, database.address_bits())?,
        }
        Ok(false)
    }

    /// What is known only at the end of every way.
    fn judge_tree(&self) -> Result<bool, Error> {
        // Writers number only what they have reached; anything else is damage.
        if self.heights.contains(&0) {
            return Err(invalid("the search tree has nodes that no address reaches"));
        }
        // Under such a file every address is unknown: a rule that denies countries would refuse nobody.
        if self.records.is_empty() {
            return Err(invalid("it has no networks"));
        }
        Ok(true)
    }

    fn enter(&mut self, node: u32, bits: u8) -> Result<(), Error> {
        let depth = self.way.len();
        let known = self.height_of(node).copied().unwrap_or(ON_THE_WAY);
        let total = depth.saturating_add(usize::from(known.max(1)));
        if known == ON_THE_WAY || total > usize::from(bits) {
            return Err(invalid(
                "the search tree loops or is deeper than an address",
            ));
        }
        if known > 0 {
            self.raise(known);
            return Ok(());
        }
        if let Some(height) = self.height_of(node) {
            *height = ON_THE_WAY;
        }
        self.way.push(Visit {
            node,
            next: Side::Left,
            height: 0,
        });
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(visit) = self.way.pop() {
            let total = visit.height.saturating_add(1);
            if let Some(height) = self.height_of(visit.node) {
                *height = total;
            }
            self.raise(total);
        }
    }

    fn raise(&mut self, child: u8) {
        if let Some(visit) = self.way.last_mut() {
            visit.height = visit.height.max(child);
        }
    }

    fn height_of(&mut self, node: u32) -> Option<&mut u8> {
        self.heights.get_mut(usize::try_from(node).ok()?)
    }
}
