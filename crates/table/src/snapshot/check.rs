//! Whether a route that was read could have been stored: the same bounds as for a route in JSON.

use crate::route::{
    Address, Endpoint, MAX_BACKENDS, MAX_ID, MAX_VARS, Options, Resolved, is_host_name, is_meta,
    is_service, is_unix_path,
};

pub(super) fn is_good(route: &Resolved<'_>) -> bool {
    let keys = route.keys.iter().map(|(name, value)| (*name, value.text()));
    route.id.len() <= MAX_ID
        && route.endpoints.len() <= MAX_BACKENDS
        && route.endpoints.iter().all(is_good_endpoint)
        && are_good_members(route.vars.iter().copied())
        && are_good_members(keys)
        && route.meta.is_none_or(is_meta)
}

fn is_good_endpoint(endpoint: &Endpoint<'_>) -> bool {
    let is_place = match endpoint.address {
        Address::Ip(_) if endpoint.service.is_some() && endpoint.is_waiting() => true,
        Address::Ip(address) => address.port() > 0,
        Address::Unix(path) => is_unix_path(path, endpoint.tls),
    };
    let options = &endpoint.options;
    is_place
        && endpoint.weight > 0
        && endpoint.name.is_none_or(is_host_name)
        && endpoint.sni.is_none_or(is_host_name)
        && endpoint.service.is_none_or(is_service)
        && (endpoint.service.is_none() || endpoint.name.is_some())
        && (endpoint.sni.is_none() || endpoint.tls)
        && options.max_conns <= Options::MOST_CONNS
        && options.slow_start_ms <= Options::MOST_SLOW_START_MS
}

/// Names, each once, and values, not too much of them.
fn are_good_members<'m>(members: impl Iterator<Item = (&'m str, &'m str)> + Clone) -> bool {
    let mut size = 0_usize;
    members.clone().enumerate().all(|(at, (name, value))| {
        size = size.saturating_add(name.len()).saturating_add(value.len());
        size <= MAX_VARS && !members.clone().take(at).any(|(other, _)| other == name)
    })
}
