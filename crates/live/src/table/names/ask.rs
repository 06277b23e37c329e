//! Whom names are asked for.

use gatehouse_table::route::{Located, MAX_BACKENDS, Sought};
use std::rc::Rc;

/// What a name server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The addresses.
    pub found: Vec<Located>,
    /// For how long they hold, in milliseconds.
    pub holds_ms: u64,
}

impl Heard {
    /// Sorted, each address once, and only those that a request can be sent to, as many as are of use; None if there is
    /// none.
    #[must_use]
    pub fn usable(mut self, sought: Sought<'_>) -> Option<Self> {
        self.found.retain(|one| one.is_usable(sought));
        self.found.sort_unstable();
        self.found.dedup_by_key(|one| one.at);
        // No route has room for more.
        self.found.truncate(MAX_BACKENDS + 1);
        Some(self).filter(|heard| !heard.found.is_empty())
    }
}

/// An answer: which question it is for, and what was said or why nothing was.
pub type Reply = (Rc<str>, Result<Heard, String>);

/// Asks name servers, and waits for none of them.
pub trait Ask {
    /// Asks for a name, by the text of its [`Sought`]; the answer comes some time, whatever it is.
    fn ask(&self, text: Rc<str>);

    /// The next answer that has come.
    fn answer(&self) -> Option<Reply>;

    /// What is on its way is not wanted any more.
    fn forget(&self);
}
