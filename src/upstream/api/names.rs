//! Addresses of backends' names: asked for before a route is stored, without anybody waiting but the one who stores it.

use super::problem::Problem;
use gatehouse_live::nginx::{Process, in_slices};
use gatehouse_live::table::Hosts;
use gatehouse_nginx::event::resolver::{LookupError, Resolver};
use gatehouse_nginx::event::sleep::within;
use gatehouse_nginx::ffi::process;
use gatehouse_table::route::{Host, Key, Resolved, Route};
use gatehouse_table::table::{RouteView, resolve};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// How long all names of one request may take.
const PATIENCE_MS: u64 = 30_000;

/// The names of one request.
pub(super) struct Names {
    hosts: Rc<RefCell<Hosts>>,
    resolver: Option<Resolver>,
    known: HashMap<String, Result<Vec<IpAddr>, LookupError>>,
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

    /// Resolves a route; `at` is its JSON pointer. With `keep`, a name that the stored route has keeps the addresses it
    /// has there: a change of something else does not depend on name servers. Without, they count where no name server
    /// answers.
    pub(super) async fn resolve<'w>(
        &mut self,
        key: &Key,
        route: &'w Route,
        stored: Option<RouteView<'_>>,
        keep: bool,
        at: &str,
    ) -> Result<Resolved<'w>, Problem> {
        let mut found: HashMap<&str, Vec<IpAddr>> = HashMap::new();
        for (index, backend) in route.backends.iter().enumerate() {
            let Host::Name(name) = &backend.host else {
                continue;
            };
            if found.contains_key(name.as_str()) {
                continue;
            }
            let before = stored
                .map(|view| addresses_in(&view, name))
                .unwrap_or_default();
            let addresses = if keep && !before.is_empty() {
                before
            } else {
                match self.addresses(name).await {
                    Ok(addresses) => addresses,
                    Err(error) if error != LookupError::NotFound && !before.is_empty() => before,
                    Err(error) => {
                        return Err(unresolved(name, error, &format!("{at}/backends/{index}")));
                    }
                }
            };
            found.insert(name, addresses);
        }
        let mut ask = |name: &str, port: u16| {
            let addresses = found.get(name).into_iter().flatten();
            Ok(addresses.map(|ip| SocketAddr::new(*ip, port)).collect())
        };
        // A name with more addresses than there is room for keeps the first ones.
        Ok(resolve(key, route, &mut ask, &mut |_| {}))
    }

    async fn addresses(&mut self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        if self.until.is_none() {
            self.until = Some(process::now_ms().saturating_add(PATIENCE_MS));
            self.read_hosts().await;
        }
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let local = self.hosts.borrow().local(name);
        let answer = if local.is_empty() {
            self.ask(name).await
        } else {
            Ok(local)
        };
        self.known.insert(name.to_owned(), answer.clone());
        answer
    }

    async fn ask(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let Some(resolver) = &self.resolver else {
            return Err(LookupError::NotAsked);
        };
        let left = self.until.unwrap_or(0).saturating_sub(process::now_ms());
        let answer = within(Duration::from_millis(left), resolver.lookup(name)).await;
        let found = answer.map_err(|_| LookupError::TimedOut)??;
        Ok(found.addresses.iter().map(|one| one.address.ip()).collect())
    }

    /// Looks again at /etc/hosts, which may be long.
    async fn read_hosts(&self) {
        self.hosts.borrow_mut().refresh(&Process);
        in_slices(|| self.hosts.borrow_mut().step()).await;
    }
}

/// The addresses that a stored route has of a name.
fn addresses_in(view: &RouteView<'_>, name: &str) -> Vec<IpAddr> {
    let of_name = view.backends().filter(|one| one.name == Some(name));
    let ip = |address: String| address.parse::<SocketAddr>().ok().map(|at| at.ip());
    let mut found: Vec<IpAddr> = of_name
        .filter_map(|one| ip(one.address.to_string()))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn unresolved(name: &str, error: LookupError, at: &str) -> Problem {
    let text = format!("host not found \"{name}\" ({error})");
    let problem = match error {
        LookupError::NotFound => Problem::new(400, "host_not_found", text),
        _ => Problem::new(503, "no_name_server", text).with("Retry-After", "1"),
    };
    problem.at(at)
}
