//! Lists and keys as hipache, planb and their users write them.

use super::{KeySpace, MAX_ELEMENTS, Named, read_list, write_list};
use crate::route::{
    Backend, Host, Key, MAX_BACKENDS, Match, Options, ProxyHeader, Route, parse_route,
};
use proptest::prelude::*;

fn read(elements: &[&str]) -> super::List {
    read_list(elements.iter().map(|e| e.as_bytes())).unwrap()
}

fn urls(list: &super::List) -> Vec<String> {
    write_list(&list.route).unwrap().split_off(1)
}

fn faults(list: &super::List) -> Vec<String> {
    list.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_list_is_an_identifier_and_urls() {
    let list = read(&["mywebsite", "http://192.168.0.42:80", "http://192.168.0.43"]);
    assert_eq!(list.route.id.as_deref(), Some("mywebsite"));
    assert_eq!(
        urls(&list),
        ["http://192.168.0.42:80", "http://192.168.0.43:80"]
    );
    assert_eq!(list.positions, [Some(0), Some(1)]);
    assert!(list.faults.is_empty());
}

#[test]
fn a_path_means_nothing_and_an_option_much() {
    let list = read(&[
        "x",
        "http://10.0.0.1:81/some/path?q=1",
        "http://10.0.0.2/",
        "https://app.test/x#weight=5&drain=1&sni=in.test",
        "http://[::1]:8080#backup=1",
        "http://unix:/run/app.sock",
        "http://10.0.0.3#",
    ]);
    assert!(list.faults.is_empty(), "{:?}", list.faults);
    assert_eq!(
        urls(&list),
        [
            "http://10.0.0.1:81",
            "http://10.0.0.2:80",
            "https://app.test:443#weight=5&drain=1&sni=in.test",
            "http://[::1]:8080#backup=1",
            "http://unix:/run/app.sock",
            "http://10.0.0.3:80",
        ]
    );
}

#[test]
fn what_comes_twice_weighs_twice() {
    let list = read(&[
        "",
        "http://a.test",
        "http://b.test",
        "http://a.test:80/",
        "http://a.test#weight=3",
        "http://a.test#backup=1",
    ]);
    assert_eq!(list.route.id, None);
    assert_eq!(
        urls(&list),
        [
            "http://a.test:80#weight=5",
            "http://b.test:80",
            "http://a.test:80#backup=1"
        ]
    );
    assert_eq!(
        list.positions,
        [Some(0), Some(1), Some(0), Some(0), Some(2)]
    );
    let heavy = read(&["", "http://a.test#weight=65535", "http://a.test"]);
    assert_eq!(urls(&heavy), ["http://a.test:80#weight=65535"]);
}

#[test]
fn a_bad_element_takes_out_itself() {
    let list = read_list([
        &b"\xff"[..],
        b"http://10.0.0.1",
        b"10.0.0.2:80",
        b"http://\xff",
        b"http://10.0.0.3:70000",
        b"http://10.0.0.4#weight=0",
        b"http://10.0.0.5",
        b"",
    ])
    .unwrap();
    assert_eq!(urls(&list), ["http://10.0.0.1:80", "http://10.0.0.5:80"]);
    assert_eq!(
        list.positions,
        [Some(0), None, None, None, None, Some(1), None]
    );
    assert_eq!(
        faults(&list),
        [
            "identifier is not UTF-8 at element 0, left out",
            "scheme is neither http:// nor https:// in backend \"10.0.0.2:80\" at element 2, left out",
            "URL is not UTF-8 at element 3, left out",
            "invalid port in backend \"http://10.0.0.3:70000\" at element 4, left out",
            "weight is not 1 to 65535 in backend \"http://10.0.0.4#weight=0\" at element 5, left out",
            "scheme is neither http:// nor https:// in backend \"\" at element 7, left out",
        ]
    );
}

#[test]
fn nothing_grows_without_bound() {
    let long = "x".repeat(1000);
    let list = read(&[&long, &format!("http://{long}/")]);
    assert_eq!(list.faults.len(), 2);
    assert!(list.faults.iter().all(|f| f.why.chars().count() <= 201));
    let many: Vec<String> = (0..300)
        .map(|n| format!("http://10.0.1.1:{}", n + 1))
        .collect();
    let all = std::iter::once("x").chain(many.iter().map(String::as_str));
    let list = read(&all.collect::<Vec<_>>());
    assert_eq!(list.route.backends.len(), MAX_BACKENDS);
    assert_eq!(list.faults.len(), 300 - MAX_BACKENDS);
    let endless = std::iter::repeat_n(&b"http://a.test"[..], MAX_ELEMENTS + 1);
    assert_eq!(
        read_list(endless).unwrap_err(),
        "list is longer than 4096 elements"
    );
}

#[test]
fn a_host_has_one_key() {
    let keys = KeySpace::new("app:", Match::Host);
    let key = |text: &str| Key::parse(text.as_bytes(), Match::Host).unwrap();
    for host in ["a.test", "*.a.test", "*", "[::1]"] {
        let stored = keys.route_key(&key(host));
        assert_eq!(keys.read(&stored), Named::Route(key(host)));
        assert_eq!(
            keys.read(&keys.marks_key(&key(host))),
            Named::Marks(key(host))
        );
    }
    assert_eq!(keys.routes(), b"app:frontend:");
    assert_eq!(keys.marks(), b"app:dead:");
    let refused = |text: &str| match keys.read(text.as_bytes()) {
        Named::Refused(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused("app:frontend:Foo.test:80"),
        "host is to be written \"foo.test\""
    );
    assert_eq!(
        refused("app:frontend:foo.test."),
        "host is to be written \"foo.test\""
    );
    assert_eq!(refused("app:frontend:a b"), "invalid host name");
    assert_eq!(refused("app:frontend:"), "empty key");
    for other in ["frontend:a.test", "app:x", "app:dead:a b", "", "app:"] {
        assert_eq!(keys.read(other.as_bytes()), Named::Other, "{other}");
    }
    let bytes = KeySpace::new("", Match::Exact);
    assert!(matches!(bytes.read(b"frontend:A:80"), Named::Route(_)));
}

#[test]
fn registrations_have_keys_beside_the_lists() {
    let keys = KeySpace::new("app:", Match::Host);
    let host = Key::parse(b"a.test", Match::Host).unwrap();
    assert_eq!(keys.registrations_key(&host), b"app:join:a.test");
    assert_eq!(keys.registered_key(), b"app:joins");
    for stored in [keys.registrations_key(&host), keys.registered_key()] {
        assert_eq!(keys.read(&stored), Named::Other);
    }
}

#[test]
fn what_the_schema_has_no_place_for_is_named() {
    for (text, pointer) in [
        (r#"{"backends": [], "vars": {"a": "b"}}"#, "/vars"),
        (r#"{"backends": [], "keys": {"a": "b"}}"#, "/keys"),
        (r#"{"backends": [], "meta": {}}"#, "/meta"),
    ] {
        let route = parse_route(text.as_bytes()).unwrap();
        let why = write_list(&route).unwrap_err();
        assert_eq!(why.pointer, pointer);
        assert_eq!(
            why.to_string(),
            format!("\"{pointer}\" cannot be kept in redis")
        );
    }
    let mut route = read(&["", "http://10.0.0.1:1", "http://10.0.0.2:1"]).route;
    route.backends[1].options.proxy = ProxyHeader::V1;
    assert_eq!(write_list(&route).unwrap_err().pointer, "/backends/1");
}

#[test]
fn a_prefix_is_no_pattern() {
    assert_eq!(KeySpace::pattern(b"a*[b]?\\:"), br"a\*\[b\]\?\\:*");
}

prop_compose! {
    fn host()(kind in 0..4, n in 1..255_u8, name in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}") -> Host {
        match kind {
            0 => Host::Ip([10, 0, 0, n].into()),
            1 => Host::Ip(std::net::Ipv6Addr::from(u128::from(n)).into()),
            2 => Host::Unix(format!("/run/{name}")),
            _ => Host::Name(name),
        }
    }
}

prop_compose! {
    fn backend()(
        host in host(), tls: bool, port in 1..=u16::MAX, weight in 1..=u16::MAX, backup: bool, drain: bool,
        sni in prop::option::of("[a-z]{1,8}"),
        max_conns in prop_oneof![Just(0), 0..=Options::MOST_CONNS],
        slow_start_ms in prop_oneof![Just(0), 0..=Options::MOST_SLOW_START_MS],
    ) -> Backend {
        let port = if matches!(host, Host::Unix(_)) { 0 } else { port };
        Backend { tls, host, port, weight, backup, drain, sni, service: None, options: Options { max_conns, slow_start_ms, ..Options::default() } }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        id in prop::option::of("[^\\x00]{1,30}"),
        backends in prop::collection::vec(backend(), 0..8),
    ) {
        // Two of the same would be one of both weights.
        let mut route = Route { id, ..Route::default() };
        for backend in backends {
            let is_new = |b: &Backend| (&b.host, b.port) != (&backend.host, backend.port);
            if route.backends.iter().all(is_new) {
                route.backends.push(backend);
            }
        }
        let list = write_list(&route).unwrap();
        let back = read_list(list.iter().map(String::as_bytes)).unwrap();
        prop_assert_eq!(&back.route, &route);
        prop_assert_eq!(back.faults, []);
    }

    #[test]
    fn any_bytes_are_read(elements in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
        let list = read_list(elements.iter().map(Vec::as_slice)).unwrap();
        prop_assert_eq!(list.positions.len(), elements.len().saturating_sub(1));
        let used = list.positions.iter().flatten().max().map_or(0, |n| n + 1);
        prop_assert_eq!(used, list.route.backends.len());
        let back = write_list(&list.route).unwrap();
        let again = read_list(back.iter().map(String::as_bytes)).unwrap();
        prop_assert_eq!(again.route, list.route);
    }

    #[test]
    fn any_key_is_read(prefix in "[a-z:*]{0,4}", tail in prop::collection::vec(any::<u8>(), 0..20)) {
        let keys = KeySpace::new(&prefix, Match::Host);
        let stored = [keys.routes(), tail].concat();
        if let Named::Route(key) = keys.read(&stored) {
            prop_assert_eq!(keys.route_key(&key), stored);
        }
    }
}
