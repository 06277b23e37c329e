//! Routes with their addresses, as many as a record holds.

use super::prepared::Prepared;
use super::record::Owner;
use crate::route::{Key, MAX_BACKENDS, Missing, Resolved, Resolver, Route, Unresolved};

/// Resolves a route as [`Route::resolve`] does. Where its names have more addresses than a record has room for, each
/// name keeps the first ones: how many a name server gives is no reason to refuse a route.
pub fn resolve<'r>(
    key: &Key,
    route: &'r Route,
    ask: &mut Resolver<'_>,
    missing: &mut Missing<'_>,
) -> Resolved<'r> {
    let mut most = MAX_BACKENDS;
    loop {
        let mut out: Vec<Unresolved<'r>> = Vec::new();
        let resolved = route.resolve(most, ask, &mut |backend| out.push(backend));
        let grown = resolved.endpoints.len() > route.backends.len();
        if most > 1 && grown && !has_room(key, &resolved) {
            most /= 2;
            continue;
        }
        out.into_iter().for_each(missing);
        return resolved;
    }
}

fn has_room(key: &Key, route: &Resolved<'_>) -> bool {
    Prepared::new(key, Owner::File, route).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Located, Match, Sought, parse_route};
    use std::net::IpAddr;

    fn address(n: u8) -> Located {
        IpAddr::from([10, 0, 0, n]).into()
    }

    #[test]
    fn a_name_with_more_addresses_than_a_record_holds_keeps_some() {
        let key = Key::parse(b"a.test", Match::Host).unwrap();
        let name = format!("{0}.{0}.{0}.test", "n".repeat(60));
        let text = format!(r#"{{"backends": ["http://127.0.0.1:1", "https://{name}:2"]}}"#);
        let route = parse_route(text.as_bytes()).unwrap();
        let mut found = |_: Sought<'_>| Ok((0..200).map(address).collect());
        let mut said = Vec::new();
        let resolved = resolve(&key, &route, &mut found, &mut |m| said.push(m.why.clone()));
        assert!(has_room(&key, &resolved));
        assert_eq!(resolved.endpoints.len(), 1 + 16);
        let why = format!(
            "only 16 of the 200 addresses of \"{name}\" are used, a route has no room for more"
        );
        assert_eq!(said, [why]);
    }

    #[test]
    fn a_name_keeps_all_addresses_where_there_is_room() {
        let key = Key::parse(b"a.test", Match::Host).unwrap();
        let route = parse_route(br#"{"backends": ["http://n.test:1"]}"#).unwrap();
        let mut found = |_: Sought<'_>| Ok((0..7).map(address).collect());
        let resolved = resolve(&key, &route, &mut found, &mut |_| {
            panic!("none is left out")
        });
        assert_eq!(resolved.endpoints.len(), 7);
    }

    #[test]
    fn a_route_that_is_too_long_by_itself_stays_so() {
        let key = Key::parse(b"a.test", Match::Host).unwrap();
        let name = format!("{0}.{0}.{0}.test", "n".repeat(60));
        let backends = vec![format!("\"https://{name}\""); 100].join(",");
        let route = parse_route(format!(r#"{{"backends": [{backends}]}}"#).as_bytes()).unwrap();
        let mut found = |_: Sought<'_>| Ok((1..3).map(address).collect());
        let resolved = resolve(&key, &route, &mut found, &mut |_| {});
        assert!(!has_room(&key, &resolved));
        assert_eq!(resolved.endpoints.len(), 100);
    }
}
