//! What an `upstream_api` says.

use super::names::Names;
use crate::upstream::conf::TableRef;
use gatehouse_base::secret::Secret;
use gatehouse_live::table::Hosts;
use gatehouse_nginx::event::resolver::Resolver;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// One `upstream_api`.
pub(crate) struct Api {
    pub(super) table: Rc<TableRef>,
    pub(super) write: bool,
    pub(super) key: Option<Secret>,
    pub(super) body_max: u64,
    pub(super) hosts: Rc<RefCell<Hosts>>,
    /// The location's, known when it is merged.
    pub(super) resolver: OnceCell<Resolver>,
}

/// The longest body unless the directive says otherwise.
pub(super) const BODY_MAX: u64 = 16 << 20;
/// The longest body about one route.
pub(super) const ROUTE_MAX: u64 = 256 << 10;

impl Api {
    /// What resolves the names of one request.
    pub(super) fn names(&self) -> Names {
        Names::new(Rc::clone(&self.hosts), self.resolver.get().cloned())
    }
}
