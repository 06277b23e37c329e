//! Registrations, as far as they need no nginx.

use super::*;
use crate::route::{Key, Match, Route};
use std::net::{IpAddr, SocketAddr};

fn key(text: &str) -> Key {
    Key::parse(text.as_bytes(), Match::Host).unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn arguments_say_what_is_wished() {
    let wish = Wish::parse(b"host=A.Test.%3A80&port=3000&ttl=10s&hold=1").unwrap();
    assert_eq!((wish.host.as_bytes(), wish.port), (&b"a.test"[..], 3000));
    assert_eq!((wish.ttl_ms, wish.hold), (Some(10_000), true));
    assert!(!Wish::parse(b"host=a&port=1&hold=0").unwrap().hold);
    let wish = Wish::parse(b"&port=1&&host=%2A.a.test").unwrap();
    assert_eq!(
        (wish.host.as_bytes(), wish.ttl_ms, wish.hold),
        (&b"*.a.test"[..], None, false)
    );
    for (ttl, ms) in [
        ("7", 7_000),
        ("1500ms", 1_500),
        ("5m", 300_000),
        ("1h", 3_600_000),
    ] {
        let text = format!("host=a&port=1&ttl={ttl}");
        assert_eq!(Wish::parse(text.as_bytes()).unwrap().ttl_ms, Some(ms));
    }
}

#[test]
fn arguments_that_are_wrong_are_named() {
    for (text, why) in [
        ("", "missing argument \"host\""),
        ("host=a", "missing argument \"port\""),
        ("port=1", "missing argument \"host\""),
        ("host=&port=1", "invalid argument \"host\": empty key"),
        (
            "host=a/b&port=1",
            "invalid argument \"host\": invalid host name",
        ),
        (
            "host=a%00b&port=1",
            "invalid argument \"host\": invalid host name",
        ),
        (
            "host=a%ffb&port=1",
            "invalid argument \"host\": invalid host name",
        ),
        ("host=a%2&port=1", "invalid argument \"host\""),
        ("host=a&port=0", "invalid argument \"port\""),
        ("host=a&port=70000", "invalid argument \"port\""),
        ("host=a&port=%2B80", "invalid argument \"port\""),
        ("host=a&port=", "invalid argument \"port\""),
        (
            "host=a&port=18446744073709551617",
            "invalid argument \"port\"",
        ),
        ("host=a&port=1&port=2", "duplicate argument \"port\""),
        ("host=a&host=b&port=2", "duplicate argument \"host\""),
        ("host=a&port=1&ttl=0", "invalid argument \"ttl\""),
        ("host=a&port=1&ttl=-1", "invalid argument \"ttl\""),
        ("host=a&port=1&ttl=s", "invalid argument \"ttl\""),
        (
            "host=a&port=1&ttl=9999999999999999999h",
            "invalid argument \"ttl\"",
        ),
        (
            "host=a&port=1&ttl=9999999999999999h",
            "invalid argument \"ttl\"",
        ),
        ("host=a&port=1&hold=yes", "invalid argument \"hold\""),
        (
            "host=a&port=1&address=10.0.0.1",
            "unknown argument, it must be",
        ),
    ] {
        let error = Wish::parse(text.as_bytes()).unwrap_err().0;
        assert!(error.starts_with(why), "{text}: {error}");
    }
    let long = format!("host={}&port=1", "a".repeat(4096));
    assert!(
        Wish::parse(long.as_bytes())
            .unwrap_err()
            .0
            .ends_with("key too long")
    );
}

/// Whatever bytes come, each wish that is understood has a port and a time that can be used.
#[test]
fn any_arguments_are_understood_or_refused() {
    let names: [&[u8]; 6] = [b"host=", b"port=", b"ttl=", b"hold=", b"other=", b"="];
    let values: [&[u8]; 12] = [
        b"a.test", b"*", b"%", b"%2A", b"65536", b"80", b"0", b"1", b"9s", b"5m", b"\xff", b"",
    ];
    let mut seed = 7_u64;
    let mut next = |most: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % most
    };
    let mut understood = 0;
    for _ in 0..50_000 {
        let mut text = Vec::new();
        for _ in 0..next(6) {
            text.extend_from_slice(names[next(names.len())]);
            text.extend_from_slice(values[next(values.len())]);
            text.push(b'&');
        }
        if let Ok(wish) = Wish::parse(&text) {
            understood += 1;
            assert!(wish.port > 0 && wish.ttl_ms != Some(0) && !wish.host.as_bytes().is_empty());
        }
    }
    assert!(understood > 0);
}

#[test]
fn only_listed_hosts_may_be_registered() {
    let list = HostList::parse("shop.test,*.Apps.test,*.x.test").unwrap();
    for host in [
        "shop.test",
        "a.apps.test",
        "b.a.apps.test",
        "*.apps.test",
        "SHOP.test.",
    ] {
        assert!(list.allows(&key(host)), "{host}");
    }
    for host in [
        "bank.test",
        "apps.test",
        "xapps.test",
        "a.shop.test",
        "*",
        "*.test",
        "*.a.apps.test",
        "*.shop.test",
    ] {
        assert!(!list.allows(&key(host)), "{host}");
    }
    let any = HostList::parse("*").unwrap();
    assert!(any.allows(&key("bank.test")) && any.allows(&key("*")));
    assert!(!any.allows(&key("*.bank.test")));
}

#[test]
fn a_pattern_that_is_none_is_named() {
    for text in ["", "a.test,", "a.test,*b.test", "a b", "*."] {
        let error = HostList::parse(text).unwrap_err().to_string();
        assert!(error.starts_with("invalid pattern \""), "{text}: {error}");
    }
}

#[test]
fn a_backend_is_at_one_machine() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    for good in ["10.0.0.1", "127.0.0.1", "::1", "2001:db8::1", "fd00::1"] {
        assert_eq!(check_place(ip(good)), Ok(ip(good)));
    }
    assert_eq!(check_place(ip("::ffff:10.0.0.1")), Ok(ip("10.0.0.1")));
    for bad in [
        "0.0.0.0",
        "::",
        "169.254.1.1",
        "fe80::1",
        "febf::1",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "::ffff:169.254.0.1",
    ] {
        let why = check_place(ip(bad)).unwrap_err().to_string();
        assert!(why.starts_with("a backend cannot be at a"), "{bad}: {why}");
    }
}

#[test]
fn a_backend_stays_as_long_as_it_is_renewed() {
    let mut route = Route::default();
    let (one, two) = (at("10.0.0.1:80"), at("[2001:db8::1]:81"));
    assert_eq!(join(&mut route, one, 100, 0, 8), Ok(true));
    assert_eq!(join(&mut route, two, 150, 0, 8), Ok(true));
    assert_eq!(join(&mut route, one, 200, 50, 8), Ok(false));
    assert_eq!(
        (until(&route, one), until(&route, two)),
        (Some(200), Some(150))
    );
    assert_eq!(route.meta.as_deref(), Some("{\"until\":[200,150]}"));
    assert_eq!(drop_expired(&mut route, 149), 0);
    assert_eq!(drop_expired(&mut route, 150), 1);
    assert_eq!((until(&route, one), until(&route, two)), (Some(200), None));
    assert_eq!(route.meta.as_deref(), Some("{\"until\":[200]}"));
    assert!(!leave(&mut route, two) && leave(&mut route, one));
    assert!(route.backends.is_empty());
}

#[test]
fn a_host_has_no_more_backends_than_it_may_have() {
    let mut route = Route::default();
    assert_eq!(join(&mut route, at("10.0.0.1:80"), 100, 0, 1), Ok(true));
    assert_eq!(join(&mut route, at("10.0.0.2:80"), 100, 0, 1), Err(TooMany));
    assert_eq!(join(&mut route, at("10.0.0.1:80"), 200, 0, 1), Ok(false));
    // The room of one whose time is over is free, whoever notices first.
    assert_eq!(join(&mut route, at("10.0.0.2:80"), 300, 200, 1), Ok(true));
    assert_eq!(until(&route, at("10.0.0.1:80")), None);
    let mut route = Route::default();
    for port in 1..=100_u16 {
        let joined = join(
            &mut route,
            SocketAddr::new([10, 0, 0, 1].into(), port),
            LONGEST_MS,
            0,
            1000,
        );
        assert_eq!(joined.is_ok(), usize::from(port) <= MOST);
    }
}

#[test]
fn all_times_of_a_host_find_room() {
    let mut route = Route::default();
    // Thirty years after the machine's start.
    let late = 30 * 365 * LONGEST_MS;
    for port in 1..=u16::try_from(MOST).unwrap() {
        join(
            &mut route,
            SocketAddr::new([10, 0, 0, 1].into(), port),
            late,
            late - 1,
            MOST,
        )
        .unwrap();
    }
    assert!(route.meta.unwrap().len() <= crate::route::MAX_VARS);
}

#[test]
fn a_time_that_cannot_be_is_over() {
    for meta in [
        None,
        Some("{}"),
        Some("{\"until\":[]}"),
        Some("{\"until\":[x]}"),
        Some("{\"until\":[99999999999999]}"),
    ] {
        let mut route = Route::default();
        join(&mut route, at("10.0.0.1:80"), 100, 0, 8).unwrap();
        route.meta = meta.map(str::to_owned);
        assert_eq!(drop_expired(&mut route, 1), 1, "{meta:?}");
        assert!(route.backends.is_empty());
    }
}

fn set(members: &[(&str, u64)]) -> Vec<(Vec<u8>, u64)> {
    let owned = |(backend, ends): &(&str, u64)| (backend.as_bytes().to_vec(), *ends);
    members.iter().map(owned).collect()
}

fn elements(list: &[&str]) -> Vec<Vec<u8>> {
    list.iter().map(|one| one.as_bytes().to_vec()).collect()
}

#[test]
fn a_registration_is_written_beside_the_list_of_a_store() {
    let mut registry = Registry::new(Vec::new(), &[]);
    assert!(!registry.is_foreign());
    assert_eq!(registry.wanted().list, elements(&[]));
    join(&mut registry.route, at("10.0.0.1:80"), 5_000, 1_000, 2).unwrap();
    join(&mut registry.route, at("[fd00::1]:81"), 9_000, 1_000, 2).unwrap();
    let wanted = registry.wanted();
    let list = ["", "http://10.0.0.1:80", "http://[fd00::1]:81"];
    assert_eq!(wanted.list, elements(&list));
    assert_eq!(
        (wanted.first_ms(), wanted.ends_ms),
        (Some(5_000), Some(9_000))
    );
    assert_eq!(wanted.set_ends_ms(), Some(69_000));

    // As somebody else reads it, with an identifier of their own.
    let members = set(&[
        ("http://10.0.0.1:80", 5_000),
        ("http://[fd00::1]:81", 9_000),
    ]);
    let list = elements(&["shop", "http://10.0.0.1:80", "http://[fd00::1]:81"]);
    let mut registry = Registry::new(list.clone(), &members);
    assert_eq!(registry.wanted().list, list);
    assert_eq!(drop_expired(&mut registry.route, 5_000), 1);
    let left = elements(&["shop", "http://[fd00::1]:81"]);
    assert_eq!(registry.wanted().list, left);
    assert!(leave(&mut registry.route, at("[fd00::1]:81")));
    let wanted = registry.wanted();
    assert_eq!((wanted.list, wanted.ends_ms), (elements(&[]), None));
    assert_eq!(wanted.set, []);
}

#[test]
fn what_others_have_in_the_list_of_a_store_stays_and_has_no_end() {
    let list = elements(&["x", "http://10.0.0.9:80#weight=5", "http://10.0.0.1:80"]);
    let mut registry = Registry::new(list.clone(), &set(&[("http://10.0.0.1:80", 5_000)]));
    assert!(!registry.is_foreign());
    assert_eq!(
        (registry.wanted().list, registry.wanted().ends_ms),
        (list, None)
    );
    // Whatever happens, it stays known whose backend that is.
    assert_eq!(registry.wanted().set_ends_ms(), None);
    assert!(leave(&mut registry.route, at("10.0.0.1:80")));
    let left = elements(&["x", "http://10.0.0.9:80#weight=5"]);
    assert_eq!(registry.wanted().list, left);
    assert!(Registry::new(left.clone(), &[]).is_foreign());
    // What is no registration in the set does not make it one.
    for odd in ["nonsense", "http://a.test:80", "http://10.0.0.9", "\u{ff}"] {
        let registry = Registry::new(left.clone(), &set(&[(odd, 5_000)]));
        assert!(registry.is_foreign(), "{odd}");
    }
}
