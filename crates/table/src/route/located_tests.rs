//! Tests of names and services.

use super::{
    Address, Endpoint, Located, MAX_BACKENDS, Options, Resolver, Route, Sought,
    parse_backend_place, parse_backend_url, parse_route,
};
use std::net::IpAddr;

fn located(ip: &str) -> Located {
    ip.parse::<IpAddr>().unwrap().into()
}

#[test]
fn names_become_all_their_addresses() {
    let text = br#"{"id": "x", "backends": ["https://app:1", {"url": "http://app:2", "backup": true}, "http://unix:/s"]}"#;
    let route = parse_route(text).unwrap();
    let mut ask = |sought: Sought<'_>| {
        assert_eq!((sought.name, sought.service), ("app", None));
        Ok(["10.0.0.2", "10.0.0.1", "10.0.0.2"].map(located).to_vec())
    };
    let resolved = route.resolve(MAX_BACKENDS, &mut ask, &mut |missing| panic!("{missing:?}"));
    let shown: Vec<_> = resolved
        .endpoints
        .iter()
        .map(|e| (e.address.to_string(), e.sni, e.backup))
        .collect();
    let expected = [
        ("10.0.0.1:1", Some("app"), false),
        ("10.0.0.2:1", Some("app"), false),
        ("10.0.0.1:2", None, true),
        ("10.0.0.2:2", None, true),
        ("unix:/s", None, false),
    ];
    assert_eq!(shown, expected.map(|(a, s, b)| (a.to_string(), s, b)));
    let unix = Endpoint {
        address: Address::Unix("/s"),
        tls: false,
        weight: 1,
        backup: false,
        drain: false,
        name: None,
        sni: None,
        service: None,
        options: Options::default(),
    };
    assert_eq!(resolved.endpoints[4], unix);
}

/// The addresses a route has left, and what is said about its names.
fn resolved(route: &Route, ask: &mut Resolver<'_>) -> (Vec<String>, Vec<(usize, String)>) {
    let mut said = Vec::new();
    let resolved = route.resolve(MAX_BACKENDS, ask, &mut |m| said.push((m.index, m.why)));
    let left = resolved.endpoints.iter().map(|e| e.address.to_string());
    (left.collect(), said)
}

#[test]
fn a_backend_whose_name_has_no_address_waits_for_one() {
    let text = br#"{"backends": ["http://10.0.0.1:1", "http://dead:2", "http://app:3"]}"#;
    let route = parse_route(text).unwrap();
    let (left, said) = resolved(&route, &mut |sought| match sought.name {
        "app" => Ok(vec![located("10.0.0.3")]),
        name => Err(format!("no such name \"{name}\"")),
    });
    assert_eq!(left, ["10.0.0.1:1", "0.0.0.0:2", "10.0.0.3:3"]);
    assert_eq!(said, [(1, "no such name \"dead\"".to_owned())]);
    let waits = |ask: &mut Resolver<'_>| {
        let resolved = route.resolve(MAX_BACKENDS, ask, &mut |_| {});
        let waiting = resolved.endpoints.iter().map(Endpoint::is_waiting);
        waiting.collect::<Vec<_>>()
    };
    assert_eq!(waits(&mut |_| Ok(Vec::new())), [false, true, true]);
    // Whoever answers with no address at all would have this machine asked.
    let none = || vec![located("0.0.0.0"), located("::"), located("::ffff:0.0.0.0")];
    assert_eq!(waits(&mut |_| Ok(none())), [false, true, true]);
    let (_, said) = resolved(&route, &mut |_| Ok(Vec::new()));
    let why = |index, name: &str| (index, format!("host not found \"{name}\""));
    assert_eq!(said, [why(1, "dead"), why(2, "app")]);
}

/// An address of somebody's own choice is no name's.
#[test]
fn an_address_does_not_wait() {
    let route = parse_route(br#"{"backends": ["http://0.0.0.0:1"]}"#).unwrap();
    let resolved = route.resolve(1, &mut |_| Ok(Vec::new()), &mut |_| {});
    assert!(!resolved.endpoints[0].is_waiting());
}

#[test]
fn the_records_of_a_service_say_port_weight_and_order() {
    let text = br#"{"backends": [{"url": "http://shop.test", "service": "HTTP", "drain": true}]}"#;
    let route = parse_route(text).unwrap();
    let mut ask = |sought: Sought<'_>| {
        assert_eq!((sought.name, sought.service), ("shop.test", Some("http")));
        let one = |text: &str, weight, backup| Located {
            at: text.parse().unwrap(),
            weight,
            backup,
        };
        Ok(vec![
            one("10.0.0.2:8081", 0, true),
            one("10.0.0.1:8080", 30, false),
            // Nobody answers there.
            one("10.0.0.1:0", 1, false),
        ])
    };
    let resolved = route.resolve(MAX_BACKENDS, &mut ask, &mut |missing| panic!("{missing:?}"));
    let shown = resolved.endpoints.iter().map(|one| {
        let address = one.address.to_string();
        (address, one.weight, one.backup, one.drain, one.service)
    });
    let wanted =
        |address: &str, weight, backup| (address.to_owned(), weight, backup, true, Some("http"));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            wanted("10.0.0.1:8080", 30, false),
            wanted("10.0.0.2:8081", 1, true)
        ]
    );
}

#[test]
fn a_service_needs_a_name_and_nothing_that_its_records_say() {
    let why = |url: &str| parse_backend_url(url, true).unwrap_err();
    let beside = |what: &str, url: &str| {
        format!("{what} beside service: its records say that in backend \"{url}\"")
    };
    for (url, what) in [
        ("http://a.test:80#service=http", "a port"),
        ("http://a.test#service=http&weight=2", "weight"),
        ("http://a.test#backup=1&service=http", "backup"),
    ] {
        assert_eq!(why(url), beside(what, url));
    }
    for url in [
        "http://10.0.0.1#service=http",
        "http://unix:/s#service=http",
    ] {
        assert!(why(url).starts_with("service needs a host name"), "{url}");
    }
    for bad in [
        "",
        ".",
        "a..b",
        "a b",
        "ü",
        &"a".repeat(64),
        &"a.".repeat(64),
    ] {
        let url = format!("http://a.test#service={bad}");
        assert!(why(&url).starts_with("invalid service"), "{url}");
    }
    let good = parse_backend_url("https://A.test#service=_HTTP._tcp.eu&drain=1", true).unwrap();
    assert_eq!(good.service.as_deref(), Some("_http._tcp.eu"));
    assert_eq!(
        (good.port, good.drain, good.url().as_str()),
        (0, true, "https://a.test")
    );
    let object = |members: &str| {
        let text = format!(r#"{{"backends": [{{"url": "http://a.test", {members}}}]}}"#);
        parse_route(text.as_bytes()).map_err(|error| (error.message, error.pointer))
    };
    assert!(object(r#""service": "http""#).is_ok());
    let (message, pointer) = object(r#""service": "http", "weight": 2"#).unwrap_err();
    assert!(message.starts_with("weight beside service"), "{message}");
    assert_eq!(pointer, "/backends/0");
    let (_, pointer) = object(r#""service": "a b""#).unwrap_err();
    assert_eq!(pointer, "/backends/0/service");
}

#[test]
fn a_name_with_many_addresses_leaves_room_for_the_other_backends() {
    let text = br#"{"backends": ["http://big:1", "http://10.1.0.1:2", "http://big:3"]}"#;
    let route = parse_route(text).unwrap();
    let mut all = |_: Sought<'_>| {
        let address = |n: u16| Located::from(IpAddr::from([10, 0, (n / 256) as u8, n as u8]));
        Ok((0..300).map(address).collect())
    };
    let (left, said) = resolved(&route, &mut all);
    assert_eq!(left.len(), MAX_BACKENDS);
    assert_eq!(left[0], "10.0.0.0:1");
    assert_eq!(left[254..], ["10.1.0.1:2", "10.0.0.0:3"]);
    let why = |room| {
        format!(
            "only {room} of the 300 addresses of \"big\" are used, a route has no room for more"
        )
    };
    assert_eq!(said, [(0, why(254)), (2, why(1))]);
}

#[test]
fn a_backend_is_told_from_others_by_its_url_and_service() {
    for url in [
        "http://a.test:80",
        "https://10.0.0.1:443",
        "http://unix:/s",
        "http://a.test#service=http",
    ] {
        let backend = parse_backend_url(url, true).unwrap();
        assert_eq!(backend.place(), url);
        assert!(parse_backend_place(url).unwrap().is_at(&backend));
    }
    let [plain, service] = ["http://a.test:80", "http://a.test#service=http"]
        .map(|url| parse_backend_place(url).unwrap());
    assert!(!plain.is_at(&service) && !service.is_at(&plain));
    for url in [
        "http://a.test#weight=2",
        "http://a.test#service=http&drain=1",
        "http://a.test#service=",
        "http://a.test#",
    ] {
        assert!(parse_backend_place(url).is_err(), "{url}");
    }
}

#[test]
fn an_address_is_one_of_its_own_backend() {
    let urls = [
        "http://10.0.0.1:80",
        "http://10.0.0.1:81",
        "https://10.0.0.1:80",
        "http://a.test:80",
        "http://a.test:81",
        "http://b.test:80",
        "http://a.test#service=http",
        "http://a.test#service=other",
        "http://unix:/s",
        "http://unix:/t",
    ];
    let routes = urls.map(|url| {
        let text = format!(r#"{{"backends": ["{url}"]}}"#);
        parse_route(text.as_bytes()).unwrap()
    });
    let mut ask = |_: Sought<'_>| {
        let at = "10.0.0.1:80".parse().unwrap();
        Ok(vec![Located {
            at,
            weight: 1,
            backup: false,
        }])
    };
    let resolved: Vec<_> = routes
        .iter()
        .map(|r| r.resolve(9, &mut ask, &mut |_| {}))
        .collect();
    for (one, route) in resolved.iter().enumerate() {
        for (other, written) in routes.iter().enumerate() {
            let is_of = route.endpoints[0].is_of(&written.backends[0]);
            assert_eq!(is_of, one == other, "{} {}", urls[one], urls[other]);
        }
    }
}
