//! Which routes of a list are wanted.

use super::gate::Call;
use crate::upstream::state::States;
use crate::upstream::url::url_in;
use gatehouse_table::api::{Query, has_text};
use gatehouse_table::table::{Owner, RouteView, Table};

/// What the arguments of a list say of its routes.
pub(super) struct Filter {
    owner: Option<Owner>,
    search: Option<Vec<u8>>,
    state: Option<&'static str>,
    states: States,
}

impl Filter {
    pub(super) fn new(call: &Call<'_>, query: &mut Query) -> Self {
        Self {
            owner: query.owner,
            search: query.search.take(),
            state: query.state,
            states: States::of(call.table),
        }
    }

    /// Whether every route is wanted.
    pub(super) fn takes_all(&self) -> bool {
        self.owner.is_none() && self.search.is_none() && self.state.is_none()
    }

    /// Whether this one is.
    pub(super) fn takes(&self, routes: &Table<'_>, view: &RouteView<'_>) -> bool {
        self.owner.is_none_or(|owner| view.owner() == Some(owner))
            && self.search.as_ref().is_none_or(|text| has(view, text))
            && self
                .state
                .is_none_or(|state| self.is_in(state, routes, view))
    }

    /// Whether one of its backends is in this state.
    fn is_in(&self, state: &str, routes: &Table<'_>, view: &RouteView<'_>) -> bool {
        view.backends().any(|backend| {
            let peer = routes.peer(backend.peer());
            self.states.word(routes, view, &backend, peer.as_ref()) == state
        })
    }
}

/// Whether a text is in its key, its id, or the name or URL of a backend.
fn has(view: &RouteView<'_>, text: &[u8]) -> bool {
    has_text(view.key(), text)
        || has_text(view.id().as_bytes(), text)
        || view.backends().any(|backend| {
            let name = backend.name.unwrap_or_default();
            let mut room = [0; 64];
            has_text(name.as_bytes(), text) || has_text(&url_in(&backend, &mut room), text)
        })
}
