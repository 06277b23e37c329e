//! A row of the table.

use crate::load::Load;

/// One nginx of a row: the words that choose its lines, and what it answers.
pub(crate) struct Side {
    pub words: &'static [&'static str],
    pub status: u16,
}

/// What our part of a request is measured beside where nginx runs as in life.
pub(crate) struct Beside {
    pub name: &'static str,
    pub work: Work,
    /// The most that ours may take of its time, if the project has said so.
    pub goal: Option<f64>,
}

pub(crate) enum Work {
    /// What this nginx adds to a request.
    Nginx(Side),
    /// Checking the signature of the token and nothing else, without any nginx.
    Signature,
}

/// One row of the table.
pub(crate) struct Row {
    pub name: &'static str,
    pub title: &'static str,
    /// The text of its file in benches/conf.
    pub conf: &'static str,
    pub load: Load,
    /// The same location in an nginx that has not loaded the module.
    pub base: Side,
    pub ours: Side,
    /// Another module that does the same work, in the same place.
    pub peer: Option<(&'static str, Side)>,
    /// The same work in other places, by the time of the processor, which callgrind does not say.
    pub beside: &'static [Beside],
    /// How many times each side is measured. Where much is allocated the heap's gaps matter.
    pub times: usize,
    /// What the project wants to reach, if it has said so.
    pub goal: &'static str,
    /// Whether the short table has it.
    pub main: bool,
}

impl Row {
    /// What is the same in most rows.
    pub(super) const USUAL: Self = Self {
        name: "",
        title: "",
        conf: "",
        load: Load::Plain,
        base: answers(200, &["base"]),
        ours: answers(200, &["ours"]),
        peer: None,
        beside: &[],
        times: 1,
        goal: "",
        main: false,
    };

    pub(crate) fn sides(&self) -> Vec<&Side> {
        let peer = self.peer.as_ref().map(|(_, side)| side);
        [&self.base, &self.ours].into_iter().chain(peer).collect()
    }
}

pub(super) const fn answers(status: u16, words: &'static [&'static str]) -> Side {
    Side { words, status }
}
