//! `NAME | $variable | off`: which of a family's named blocks is in force at a level of locations.
//!
//! Data chooses among names of blocks, and among nothing else: `off` is a word of the configuration.

use crate::{Gatehouse, Main, refusal};
use gatehouse_nginx::{Conf, ConfLine, Error, Expression, Level, Request};
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Display;
use std::rc::Rc;

/// What a level says.
#[derive(Clone)]
pub(crate) enum Choice {
    Off,
    Named(Rc<NameUse>),
    Variable(Rc<Expression>),
}

/// A line that names a block, before or after the block is read.
pub(crate) struct NameUse {
    pub(crate) name: String,
    /// The directive.
    pub(crate) by: String,
    pub(crate) line: ConfLine,
    /// The number of the block, once all are read.
    pub(crate) index: Cell<usize>,
}

/// The names of a family's blocks, numbered in the order in which they are read, and the lines that name one.
#[derive(Default)]
pub(crate) struct Names {
    numbers: HashMap<String, usize>,
    uses: Vec<Rc<NameUse>>,
}

impl Names {
    /// Refuses a name for a block that is given already, or that a [`Choice`] would read otherwise. `block` is the
    /// directive.
    pub(crate) fn check(&self, name: &str, block: &str) -> Result<(), Error> {
        if self.numbers.contains_key(name) {
            return Err(Error::new(format!("duplicate {block} \"{name}\"")));
        }
        if name.is_empty() || name == "off" || name.contains('$') {
            return Err(Error::new(format!(
                "invalid {block} name \"{name}\", it must not be empty, \"off\" or contain \"$\""
            )));
        }
        Ok(())
    }

    /// Takes the name of the next block.
    pub(crate) fn add(&mut self, name: String) {
        let number = self.numbers.len();
        self.numbers.insert(name, number);
    }

    /// Takes a name that the directive being read gives.
    pub(crate) fn used(
        cf: &mut Conf<'_, Gatehouse>,
        names: fn(&mut Main) -> &mut Self,
        name: String,
    ) -> Rc<NameUse> {
        let used = Rc::new(NameUse {
            name,
            by: cf.name(),
            line: cf.here(),
            index: Cell::new(usize::MAX),
        });
        names(cf.main()).uses.push(Rc::clone(&used));
        used
    }

    /// Finds the blocks that lines name, now that all are read.
    pub(crate) fn find_all(&self, block: &str) -> Result<(), Error> {
        self.uses.iter().try_for_each(|used| {
            let (name, by) = (&used.name, &used.by);
            let unknown = || format!("unknown {block} \"{name}\" in \"{by}\" directive");
            let number = self.numbers.get(name);
            let number = number.ok_or_else(|| Error::at(&used.line, unknown()))?;
            used.index.set(*number);
            Ok(())
        })
    }

    /// The lines that name a block.
    pub(crate) fn uses(&self) -> &[Rc<NameUse>] {
        &self.uses
    }
}

impl Choice {
    /// Reads the only word of a directive.
    pub(crate) fn read(
        cf: &mut Conf<'_, Gatehouse>,
        names: fn(&mut Main) -> &mut Names,
    ) -> Result<Self, Error> {
        let word = cf.words()?.pop().unwrap_or_default();
        if word == "off" {
            return Ok(Self::Off);
        }
        if word.contains('$') {
            return Ok(Self::Variable(Rc::new(cf.compile_word(1)?)));
        }
        Ok(Self::Named(Names::used(cf, names, word)))
    }

    /// Whether a block is in force.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    /// The number of the block that is in force for a request, if one is. The error is the name that no block has,
    /// if there is a name.
    pub(crate) fn number<'r>(
        &self,
        r: Request<'r>,
        names: &Names,
    ) -> Result<Option<usize>, Option<&'r [u8]>> {
        match self {
            Self::Off => Ok(None),
            Self::Named(used) => Ok(Some(used.index.get())),
            Self::Variable(expression) => {
                let name = expression.eval_anew(r, &[]).ok_or(None)?;
                let known = std::str::from_utf8(name)
                    .ok()
                    .and_then(|name| names.numbers.get(name));
                known.copied().map(Some).ok_or(Some(name))
            }
        }
    }
}

/// Says once for a request that data named a block that does not exist.
pub(crate) fn say_unknown(r: Request<'_>, directive: &str, block: &str, name: &[u8]) {
    let shown = String::from_utf8_lossy(name);
    let say = |text: &dyn Display| match r.record::<Gatehouse>() {
        Some(record) => refusal::log_once(r, record, Level::Error, text),
        None => r.log(Level::Error, text),
    };
    say(&format_args!("{directive}: unknown {block} \"{shown}\""));
}
