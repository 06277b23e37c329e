//! How the backends of each route are checked: as the table's line says, or as the route does.

use gatehouse_table::check::{Check, Own};
use gatehouse_table::table::RouteView;
use std::collections::HashMap;
use std::rc::Rc;

/// So many different ones are remembered. They are what people write, so there are few.
const MOST: usize = 1_024;

/// The table's line, and what routes say instead.
pub(super) struct Ways {
    line: Rc<Check>,
    /// By what a route says; None: its backends are not checked.
    own: HashMap<Box<str>, Option<Rc<Check>>>,
}

impl Ways {
    pub(super) fn new(line: Rc<Check>) -> Self {
        Self {
            line,
            own: HashMap::new(),
        }
    }

    /// How the backends of a route are checked, if they are.
    pub(super) fn of(&mut self, route: &RouteView<'_>) -> Option<Rc<Check>> {
        let Some(text) = route.check() else {
            return Some(Rc::clone(&self.line));
        };
        if let Some(known) = self.own.get(text) {
            return known.clone();
        }
        if self.own.len() >= MOST {
            self.own.clear();
        }
        // What is no check was written by nobody.
        let check = Own::parse(text).and_then(|own| own.over(&self.line));
        let check = check.map(Rc::new);
        self.own.insert(text.into(), check.clone());
        check
    }

    /// What a line in the log says of a way, behind the backend: nothing of the table's own.
    pub(super) fn text(&self, check: &Rc<Check>) -> String {
        let is_it = |known: &Option<Rc<Check>>| known.as_ref().is_some_and(|one| one == check);
        match self.own.iter().find(|(_, known)| is_it(known)) {
            Some((text, _)) if check != &self.line => format!(" (check \"{text}\")"),
            _ => String::new(),
        }
    }
}
