//! Reading the configuration, for modules of any kind: a directive's words, blocks, the types a
//! module is made of and the table that nginx reads.

mod block;
pub mod directive;
mod error;
mod kind;
pub mod table;
mod typed;
mod words;

pub use error::{ConfLine, Error};
pub use kind::{Kind, Listed, Section, running};
pub use typed::Conf;
pub use words::Words;

pub(crate) use kind::{Context, main_of_cycle, result};
pub(crate) use words::{answer, read};
