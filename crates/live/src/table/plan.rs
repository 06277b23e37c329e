//! What a table's block says to the master.

use super::brake::Brake;
use super::earlier::Wanted;
use super::shared::RouteFiles;
use super::state::StateFile;
use crate::world::{Level, World};
use gatehouse_table::route::Match;
use gatehouse_table::table::Owner;
use std::rc::Rc;

/// What a table's block says about its filling.
pub struct Plan {
    /// The table's name.
    pub name: String,
    /// How its keys are compared.
    pub mode: Match,
    /// Whether most of its routes may go at once.
    pub brake: Brake,
    /// The files it follows.
    pub files: Option<RouteFiles>,
    /// It follows a store: the files only fill a new table, until the store has been read.
    pub has_store: bool,
    /// The file that keeps its routes when nginx ends.
    pub state: Option<Rc<StateFile>>,
}

impl Plan {
    /// Whether the files are what it follows.
    #[must_use]
    pub fn is_fed_by_files(&self) -> bool {
        self.files.is_some() && !self.has_store
    }

    /// Whom the routes of the files belong to.
    pub(super) fn owner(&self) -> Owner {
        if self.has_store {
            Owner::Redis
        } else {
            Owner::File
        }
    }

    /// Whether this owner's routes came from what the block no longer has.
    pub(super) fn has_dropped(&self, owner: Owner) -> bool {
        match owner {
            Owner::File => self.files.is_none(),
            Owner::Redis => !self.has_store,
            Owner::Api | Owner::Registration => false,
        }
    }

    /// Which routes a new table takes over while all is well.
    pub(super) fn wanted(&self) -> Wanted {
        if self.has_store {
            // What is not the store's, the store takes over.
            Wanted::All
        } else {
            Wanted::NotOfFiles
        }
    }

    /// What does not refuse the configuration.
    pub(super) fn log(&self, world: &dyn World, level: Level, text: &str) {
        let line = format!("upstream table \"{}\": {text}", self.name);
        world.log(level, &line);
    }
}
