//! A stored route as it was written: the addresses of a name are that name again.

use super::view::RouteView;
use crate::route::{Address, Backend, Endpoint, Host, Route};
use std::net::SocketAddr;

impl RouteView<'_> {
    /// The route as it was written, but for its `keys`.
    #[must_use]
    pub fn written(&self) -> Route {
        let route = self.resolved();
        let mut backends: Vec<Backend> = Vec::with_capacity(route.endpoints.len());
        let mut before: Option<&Endpoint<'_>> = None;
        for endpoint in &route.endpoints {
            if !before.is_some_and(|before| is_next_address(before, endpoint)) {
                backends.push(backend(endpoint));
            }
            before = Some(endpoint);
        }
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Route {
            id: Some(route.id)
                .filter(|id| !id.is_empty())
                .map(str::to_owned),
            backends,
            vars: route.vars.iter().map(text).collect(),
            keys: Vec::new(),
            meta: route.meta.map(str::to_owned),
            check: route.check.map(str::to_owned),
        }
    }
}

/// Whether both are addresses of one backend. A name's addresses are stored in their order, so one that is not behind
/// the one before belongs to the same name written once more.
fn is_next_address(before: &Endpoint<'_>, endpoint: &Endpoint<'_>) -> bool {
    let (Address::Ip(left), Address::Ip(right)) = (before.address, endpoint.address) else {
        return false;
    };
    // The records of a service say what its addresses have of their own.
    let said = |e: &Endpoint<'_>, port| {
        let own = e.service.is_none().then_some((port, e.weight, e.backup));
        (e.tls, e.drain, own)
    };
    endpoint.name.is_some()
        && before.sought() == endpoint.sought()
        && left < right
        && said(before, left.port()) == said(endpoint, right.port())
        && before.sni == endpoint.sni
        && before.options == endpoint.options
}

fn backend(endpoint: &Endpoint<'_>) -> Backend {
    let is_service = endpoint.service.is_some();
    let (host, port) = match (endpoint.name, endpoint.address) {
        (Some(name), Address::Ip(_)) if is_service => (Host::Name(name.to_owned()), 0),
        (Some(name), Address::Ip(at)) => (Host::Name(name.to_owned()), at.port()),
        (None, Address::Ip(at)) => (Host::Ip(SocketAddr::ip(&at)), at.port()),
        (_, Address::Unix(path)) => (Host::Unix(path.to_owned()), 0),
    };
    // A name is its own SNI unless another one was written.
    let sni = endpoint.sni.filter(|sni| endpoint.name != Some(*sni));
    Backend {
        tls: endpoint.tls,
        host,
        port,
        weight: if is_service { 1 } else { endpoint.weight },
        backup: endpoint.backup && !is_service,
        drain: endpoint.drain,
        sni: sni.map(str::to_owned),
        service: endpoint.service.map(str::to_owned),
        options: endpoint.options,
    }
}
