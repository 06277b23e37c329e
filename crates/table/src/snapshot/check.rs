//! Whether a route that was read could have been stored: the same bounds as for a route in JSON.

use crate::route::check::Own;
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
        && route.check.is_none_or(|text| Own::parse(text).is_some())
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

#[cfg(test)]
mod tests {
    use super::{is_good, is_good_endpoint};
    use crate::route::{Address, Endpoint, MAX_BACKENDS, MAX_ID, MAX_VARS, Options};
    use crate::route::{Resolved, Secret};
    use crate::table::tests::endpoint;

    fn at(address: &str) -> Address<'static> {
        Address::Ip(address.parse().unwrap())
    }

    #[test]
    fn one_flaw_of_an_endpoint_is_enough() {
        let good = |change: &dyn Fn(&mut Endpoint<'static>)| {
            let mut one = endpoint(1, 1);
            change(&mut one);
            is_good_endpoint(&one)
        };
        assert!(good(&|_| ()));
        assert!(!good(&|e| e.address = at("10.0.0.1:0")));
        assert!(!good(&|e| e.address = at("0.0.0.0:0")));
        assert!(!good(&|e| e.address = Address::Unix("")));
        assert!(good(&|e| e.address = Address::Unix("/s")));
        assert!(!good(&|e| e.weight = 0));
        assert!(!good(&|e| e.name = Some("a b")));
        assert!(!good(&|e| (e.tls, e.sni) = (true, Some("a b"))));
        assert!(good(&|e| (e.tls, e.sni) = (true, Some("a.test"))));
        assert!(!good(&|e| e.sni = Some("a.test")), "no TLS");
        assert!(!good(&|e| e.service = Some("http")), "no name");
        let of_service = |service, address: &'static str| {
            good(&|e| {
                (e.name, e.service) = (Some("a.test"), Some(service));
                e.address = at(address);
            })
        };
        assert!(of_service("http", "10.0.0.1:80"));
        assert!(of_service("http", "0.0.0.0:0"), "it waits for addresses");
        assert!(!of_service("http", "10.0.0.1:0"));
        assert!(!of_service("a b", "10.0.0.1:80"));
        for (max_conns, slow_start_ms, may) in [
            (Options::MOST_CONNS, Options::MOST_SLOW_START_MS, true),
            (Options::MOST_CONNS + 1, 0, false),
            (0, Options::MOST_SLOW_START_MS + 1, false),
        ] {
            let options = Options {
                max_conns,
                slow_start_ms,
                ..Options::default()
            };
            assert_eq!(good(&|e| e.options = options), may, "{options:?}");
        }
    }

    #[test]
    fn one_flaw_of_a_route_is_enough() {
        let (id, secret) = ("x".repeat(MAX_ID + 1), Secret::new("s".into()));
        let (long, meta) = ("v".repeat(MAX_VARS), "{}");
        let usual = || Resolved {
            id: id.get(1..).unwrap(),
            endpoints: vec![endpoint(1, 1)],
            vars: vec![("a", "b"), ("c", long.get(3..).unwrap())],
            keys: vec![("a", &secret), ("b", &secret)],
            meta: Some(meta),
            check: Some("uri=/"),
            imprint: None,
        };
        assert!(is_good(&usual()));
        let flaws: [&dyn Fn(&mut Resolved<'_>); 8] = [
            &|r| r.endpoints = vec![endpoint(1, 1); MAX_BACKENDS + 1],
            &|r| r.endpoints.push(endpoint(1, 0)),
            &|r| r.vars.push(("a", "")),
            &|r| r.vars.push(("d", "")),
            &|r| r.keys.push(("b", r.keys[0].1)),
            &|r| r.meta = Some("[]"),
            &|r| r.check = Some("uri="),
            &|r| r.id = "",
        ];
        for (number, flaw) in flaws.iter().enumerate() {
            let mut route = usual();
            flaw(&mut route);
            assert_eq!(is_good(&route), number == 7, "{number}");
        }
        let mut route = usual();
        route.id = &id;
        assert!(!is_good(&route));
    }
}
