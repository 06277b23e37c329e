//! Registrations in a route: each of its backends has a time until which it is registered.
//!
//! The times stand in the route's `meta`, in the order of its backends, as `{"until":[…]}`: milliseconds of the clock that all
//! processes of the machine share.

use crate::route::{Backend, Host, Options, Route};
use std::net::SocketAddr;

/// Most registrations of one host: their times find room in a `meta`.
pub const MOST: usize = 64;
/// The longest registration: a day. A time later than that is of a clock that has begun anew.
pub const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;

const BEGIN: &str = "{\"until\":[";
const END: &str = "]}";

/// The host has as many backends as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// Registers a backend until then, or renews it; whether it is new.
///
/// # Errors
/// [`TooMany`] for more than `most` backends; those whose time is over do not count.
pub fn join(
    route: &mut Route,
    at: SocketAddr,
    until_ms: u64,
    now_ms: u64,
    most: usize,
) -> Result<bool, TooMany> {
    drop_expired(route, now_ms);
    let mut times = times(route);
    let found = place(route, at);
    match found.and_then(|index| times.get_mut(index)) {
        Some(time) => *time = until_ms,
        None if route.backends.len() >= most.min(MOST) => return Err(TooMany),
        None => {
            route.backends.push(backend(at));
            times.push(until_ms);
        }
    }
    note(route, &times);
    Ok(found.is_none())
}

/// Ends a registration; false: there is none.
pub fn leave(route: &mut Route, at: SocketAddr) -> bool {
    let Some(index) = place(route, at) else {
        return false;
    };
    let mut times = times(route);
    route.backends.remove(index);
    times.remove(index);
    note(route, &times);
    true
}

/// Until when a backend is registered.
#[must_use]
pub fn until(route: &Route, at: SocketAddr) -> Option<u64> {
    times(route).get(place(route, at)?).copied()
}

/// Ends the registrations whose time is over; how many they are.
pub fn drop_expired(route: &mut Route, now_ms: u64) -> usize {
    let before = route.backends.len();
    let latest = now_ms.saturating_add(LONGEST_MS);
    let is_live = |time: &u64| *time > now_ms && *time <= latest;
    let times = times(route);
    let mut live = times.iter().map(is_live);
    route.backends.retain(|_| live.next().unwrap_or(false));
    let left = before.saturating_sub(route.backends.len());
    if left > 0 {
        let times: Vec<u64> = times.into_iter().filter(is_live).collect();
        note(route, &times);
    }
    left
}

/// A route with these registrations.
pub(super) fn of_times(known: &[(SocketAddr, u64)]) -> Route {
    let mut route = Route {
        backends: known.iter().map(|(at, _)| backend(*at)).collect(),
        ..Route::default()
    };
    let times: Vec<u64> = known.iter().map(|(_, time)| *time).collect();
    note(&mut route, &times);
    route
}

/// The registrations of a route.
pub(super) fn each(route: &Route) -> impl Iterator<Item = (SocketAddr, u64)> {
    let known = route.backends.iter().zip(times(route));
    known.filter_map(|(one, time)| match one.host {
        Host::Ip(ip) => Some((SocketAddr::new(ip, one.port), time)),
        _ => None,
    })
}

fn place(route: &Route, at: SocketAddr) -> Option<usize> {
    let is_at = |one: &Backend| one.port == at.port() && one.host == Host::Ip(at.ip());
    route.backends.iter().position(is_at)
}

fn backend(at: SocketAddr) -> Backend {
    Backend {
        tls: false,
        host: Host::Ip(at.ip()),
        port: at.port(),
        weight: 1,
        backup: false,
        drain: false,
        sni: None,
        service: None,
        options: Options::default(),
    }
}

/// The time of each backend; one that has none is over.
fn times(route: &Route) -> Vec<u64> {
    let meta = route.meta.as_deref().unwrap_or_default();
    let list = meta
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END));
    let list = list.unwrap_or_default().split(',');
    let mut times: Vec<u64> = list.map(|time| time.parse().unwrap_or(0)).collect();
    times.resize(route.backends.len(), 0);
    times
}

fn note(route: &mut Route, times: &[u64]) {
    let times: Vec<String> = times.iter().map(u64::to_string).collect();
    route.meta = Some(format!("{BEGIN}{}{END}", times.join(",")));
}
