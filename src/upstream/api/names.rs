//! Addresses of backends' names: asked for before a route is stored, and nobody waits but the one who stores it.

use gatehouse_live::nginx::{Process, in_slices};
use gatehouse_live::table::{Hosts, ask};
use gatehouse_nginx::event::resolver::Resolver;
use gatehouse_nginx::event::sleep::within;
use gatehouse_nginx::ffi::process;
use gatehouse_table::route::{Endpoint, Key, Located, Resolved, Route, Sought};
use gatehouse_table::table::{RouteView, resolve};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// How long all names of one request may take. Whoever changes routes waits, so it is not long: what has no address by
/// then is stored without one.
const PATIENCE_MS: u64 = 5_000;

/// The names of one request.
pub(super) struct Names {
    hosts: Rc<RefCell<Hosts>>,
    resolver: Option<Resolver>,
    /// None: nobody knows it.
    known: HashMap<String, Option<Vec<Located>>>,
    until: Option<u64>,
}

impl Names {
    pub(super) fn new(hosts: Rc<RefCell<Hosts>>, resolver: Option<Resolver>) -> Self {
        Self {
            hosts,
            resolver,
            known: HashMap::new(),
            until: None,
        }
    }

    /// Resolves a route. With `keep`, a name that the stored route has keeps the addresses it has there: a change of
    /// something else does not depend on name servers. A name that is not found is stored without an address, or with
    /// those that it had: the leader asks for it again.
    pub(super) async fn resolve<'w>(
        &mut self,
        key: &Key,
        route: &'w Route,
        stored: Option<RouteView<'_>>,
        keep: bool,
    ) -> Resolved<'w> {
        let kept = |sought: Sought<'_>| {
            let mut backends = stored.iter().flat_map(RouteView::backends);
            let is_there = |one: Endpoint<'_>| one.sought() == Some(sought) && !one.is_waiting();
            keep && backends.any(|one| is_there(one.endpoint()))
        };
        for sought in route.names().filter(|sought| !kept(*sought)) {
            self.find(sought).await;
        }
        let known = &self.known;
        let mut ask = |sought: Sought<'_>| {
            let found = known.get(sought.text().as_ref()).cloned().flatten();
            // The table keeps those that it has.
            found.filter(|_| !kept(sought)).ok_or_else(String::new)
        };
        // A name with more addresses than there is room for keeps the first ones.
        resolve(key, route, &mut ask, &mut |_| {})
    }

    async fn find(&mut self, sought: Sought<'_>) {
        if self.until.is_none() {
            self.until = Some(process::now_ms().saturating_add(PATIENCE_MS));
            self.read_hosts().await;
        }
        let text = sought.text();
        if self.known.contains_key(text.as_ref()) {
            return;
        }
        let mut found = self.hosts.borrow().located(sought);
        if found.is_empty() {
            found = self.ask(sought).await;
        }
        let found = Some(found).filter(|found| !found.is_empty());
        self.known.insert(text.into_owned(), found);
    }

    async fn ask(&self, sought: Sought<'_>) -> Vec<Located> {
        let Some(resolver) = &self.resolver else {
            return Vec::new();
        };
        let left = self.until.unwrap_or(0).saturating_sub(process::now_ms());
        let heard = within(Duration::from_millis(left), ask(resolver, sought)).await;
        heard.map_or(Vec::new(), |heard| {
            heard.map_or(Vec::new(), |heard| heard.found)
        })
    }

    /// Looks again at /etc/hosts, which may be long.
    async fn read_hosts(&self) {
        self.hosts.borrow_mut().refresh(&Process);
        in_slices(|| self.hosts.borrow_mut().step()).await;
    }
}
