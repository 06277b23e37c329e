//! Tests of routes.

use super::{
    Backend, Host, Key, KeyError, Match, Options, is_normal, normalize, parse_backend_url,
    parse_route,
};

fn backend(host: Host, port: u16) -> Backend {
    Backend {
        tls: false,
        host,
        port,
        weight: 1,
        backup: false,
        drain: false,
        sni: None,
        service: None,
        options: Options::default(),
    }
}

fn ip(text: &str) -> Host {
    Host::Ip(text.parse().unwrap())
}

#[test]
fn a_url_is_scheme_host_and_port() {
    let read = |url| parse_backend_url(url, true).unwrap();
    assert_eq!(read("http://10.0.0.5:3000"), backend(ip("10.0.0.5"), 3000));
    assert_eq!(read("HTTP://10.0.0.5"), backend(ip("10.0.0.5"), 80));
    assert_eq!(
        read("http://[2001:db8::1]:81/"),
        backend(ip("2001:db8::1"), 81)
    );
    assert_eq!(read("http://[::1]"), backend(ip("::1"), 80));
    assert_eq!(
        read("http://unix:/run/app.sock"),
        backend(Host::Unix("/run/app.sock".into()), 0)
    );
    assert_eq!(
        read("http://unix:/run/app.sock:"),
        backend(Host::Unix("/run/app.sock".into()), 0)
    );
    let named = Backend {
        tls: true,
        ..backend(Host::Name("app_1.internal".into()), 443)
    };
    assert_eq!(read("https://App_1.Internal"), named);
    let options = Backend {
        weight: 5,
        drain: true,
        backup: true,
        sni: Some("x.y".into()),
        ..named
    };
    assert_eq!(
        read("https://app_1.internal#weight=5&drain=1&backup=1&sni=X.y."),
        options
    );
    assert_eq!(
        read("http://10.0.0.5:3000#weight=1&drain=0&backup=0"),
        backend(ip("10.0.0.5"), 3000)
    );
}

#[test]
fn a_url_with_anything_else_is_refused() {
    for (url, why) in [
        ("10.0.0.5:3000", "scheme is neither http:// nor https://"),
        ("ftp://10.0.0.5", "scheme is neither http:// nor https://"),
        ("", "scheme is neither http:// nor https://"),
        ("http://", "invalid host"),
        ("http:///", "invalid host"),
        ("http://:80", "invalid host"),
        ("http://a/b", "path not allowed"),
        ("http://a?b", "query not allowed"),
        ("http://a:", "invalid port"),
        ("http://a:0", "invalid port"),
        ("http://a:+1", "invalid port"),
        ("http://a:65536", "invalid port"),
        ("http://::1", "invalid host"),
        ("http://[::1", "invalid IPv6 address"),
        ("http://[10.0.0.1]", "invalid IPv6 address"),
        ("http://[fe80::1%eth0]", "invalid IPv6 address"),
        ("http://[::1]80", "invalid port"),
        ("http://10.0.0.256", "invalid host"),
        ("http://1", "invalid host"),
        ("http://a..b", "invalid host"),
        ("http://a b", "invalid host"),
        ("http://ä", "invalid host"),
        ("http://unix:run/app.sock", "invalid unix socket path"),
        ("http://unix:/a:b", "invalid unix socket path"),
        ("http://a#", "invalid option \"\""),
        ("http://a#weight=0", "weight is not 1 to 65535"),
        ("http://a#weight=65536", "weight is not 1 to 65535"),
        ("http://a#weight=+1", "weight is not 1 to 65535"),
        (
            "http://a#drain=yes",
            "invalid option \"drain=yes\", it must be \"0\" or \"1\"",
        ),
        ("http://a#sni=a b", "invalid sni \"a b\""),
        (
            "http://a#weight=1&drain=1&weight=2",
            "duplicate option \"weight\"",
        ),
        ("http://a#drain=1&drain=1", "duplicate option \"drain\""),
        (
            "http://a#x=1",
            "unknown option \"x\", it must be \"weight\", \"backup\", \"drain\", \"sni\", \"service\", \"max_conns\" or \"slow_start\"",
        ),
    ] {
        assert_eq!(
            parse_backend_url(url, true),
            Err(format!("{why} in backend \"{url}\""))
        );
    }
    let why = parse_backend_url("http://a#weight=1", false).unwrap_err();
    assert_eq!(why, "fragment not allowed in backend \"http://a#weight=1\"");
}

#[test]
fn a_password_in_a_refused_url_is_not_shown() {
    for (url, text) in [
        (
            "http://user:pass@a",
            "user name not allowed in backend \"http://***@a\"",
        ),
        (
            "http://pass@a:80/",
            "user name not allowed in backend \"http://***@a:80/\"",
        ),
        // A password with a sign that ends an authority.
        (
            "http://user:pass/@a",
            "user name not allowed in backend \"http://***@a\"",
        ),
        (
            "http://user:pass?@a",
            "user name not allowed in backend \"http://***@a\"",
        ),
        (
            "http://user:#pass@a",
            "invalid port in backend \"http://***@a\"",
        ),
        (
            "http://user:80#weight=pass@a",
            "invalid fragment in backend \"http://***@a\"",
        ),
        (
            "http://user:80#pass@a",
            "invalid fragment in backend \"http://***@a\"",
        ),
        (
            "http://user:p@ss@a",
            "user name not allowed in backend \"http://***@a\"",
        ),
        (
            "redis://user:pass@a",
            "scheme is neither http:// nor https:// in backend \"redis://***@a\"",
        ),
        (
            "user:pass@a",
            "scheme is neither http:// nor https:// in backend \"***@a\"",
        ),
        (
            "user:http://pass@a",
            "scheme is neither http:// nor https:// in backend \"***@a\"",
        ),
    ] {
        assert_eq!(parse_backend_url(url, true), Err(text.into()), "{url}");
    }
    // A path may have the sign.
    assert_eq!(
        parse_backend_url("http://unix:/run/app@1.sock#weight=2", true).map(|one| one.host),
        Ok(Host::Unix("/run/app@1.sock".into()))
    );
}

#[test]
fn a_whole_route() {
    let text = br#"{"id": "shop", "backends": ["http://10.0.0.5:3000", {"url": "https://10.0.0.6:3443", "weight": 2,
        "backup": false, "drain": true, "sni": "shop.internal", "max_conns": 0, "slow_start": "0s"}],
        "vars": {"token": "gold"}, "keys": {"token": "secret"}, "meta": {"b": [1, null], "a": {"any": true}}}"#;
    let route = parse_route(text).unwrap();
    assert_eq!(route.id.as_deref(), Some("shop"));
    let second = Backend {
        tls: true,
        weight: 2,
        drain: true,
        sni: Some("shop.internal".into()),
        ..backend(ip("10.0.0.6"), 3443)
    };
    assert_eq!(route.backends, [backend(ip("10.0.0.5"), 3000), second]);
    assert_eq!(route.vars, [("token".to_string(), "gold".to_string())]);
    assert_eq!(route.keys.len(), 1);
    assert_eq!(route.keys[0].1.text(), "secret");
    assert!(!format!("{route:?}").contains("secret"));
    assert_ne!(
        route.keys,
        parse_route(br#"{"backends": [], "keys": {"token": "other"}}"#)
            .unwrap()
            .keys
    );
    assert_eq!(
        route.meta.as_deref(),
        Some(r#"{"a":{"any":true},"b":[1,null]}"#)
    );
}

#[test]
fn what_is_wrong_with_a_route_is_said_with_its_place() {
    let long = format!(
        r#"{{"backends": [], "vars": {{"a": "{}"}}}}"#,
        "x".repeat(1024)
    );
    let many = format!(
        r#"{{"backends": [{}]}}"#,
        vec!["\"http://a\""; 257].join(",")
    );
    for (text, why) in [
        (r#"{}"#, "missing member \"backends\""),
        (r#"[]"#, "not an object"),
        (r#"{"backends": {}}"#, "not an array at /backends"),
        (
            r#"{"backends": [7]}"#,
            "neither a string nor an object at /backends/0",
        ),
        (
            r#"{"backends": ["http://a", "x"]}"#,
            "scheme is neither http:// nor https:// in backend \"x\" at /backends/1",
        ),
        (
            r#"{"backends": [{"weight": 1}]}"#,
            "missing member \"url\" at /backends/0",
        ),
        (
            r#"{"backends": [{"url": 1}]}"#,
            "not a string at /backends/0/url",
        ),
        (
            r#"{"backends": [{"url": "http://a/b"}]}"#,
            "path not allowed in backend \"http://a/b\" at /backends/0/url",
        ),
        (
            r#"{"backends": [{"url": "http://a", "wieght": 1}]}"#,
            "unknown member \"wieght\", it must be \"url\", \"weight\", \"backup\", \"drain\", \"sni\", \"service\", \"max_conns\" or \"slow_start\" at /backends/0/wieght",
        ),
        (
            r#"{"backends": [{"url": "http://a", "weight": 0}]}"#,
            "weight is not 1 to 65535 at /backends/0/weight",
        ),
        (
            r#"{"backends": [{"url": "http://a", "weight": 1.5}]}"#,
            "weight is not 1 to 65535 at /backends/0/weight",
        ),
        (
            r#"{"backends": [{"url": "http://a", "weight": "1"}]}"#,
            "weight is not 1 to 65535 at /backends/0/weight",
        ),
        (
            r#"{"backends": [{"url": "http://a", "drain": 1}]}"#,
            "neither true nor false at /backends/0/drain",
        ),
        (
            r#"{"backends": [{"url": "http://a", "max_conns": 1048576}]}"#,
            "max_conns is not 0 to 1048575 at /backends/0/max_conns",
        ),
        (
            r#"{"backends": [{"url": "http://a", "max_conns": "5"}]}"#,
            "max_conns is not 0 to 1048575 at /backends/0/max_conns",
        ),
        (
            r#"{"backends": [{"url": "http://a", "slow_start": "5 s"}]}"#,
            "slow_start is not a time up to 3 days such as \"30s\" at /backends/0/slow_start",
        ),
        (
            r#"{"backends": [{"url": "http://a", "slow_start": 5}]}"#,
            "not a string at /backends/0/slow_start",
        ),
        (
            r#"{"backends": [{"url": "http://a", "url": "http://b"}]}"#,
            "duplicate member \"url\" at /backends/0/url",
        ),
        (
            r#"{"backends": [], "a~/b": 1}"#,
            "unknown member \"a~/b\", it must be \"id\", \"backends\", \"vars\", \"keys\", \"meta\" or \"check\" at /a~0~1b",
        ),
        (
            r#"{"backends": [], "vars": {"a": 1}}"#,
            "not a string at /vars/a",
        ),
        (r#"{"backends": [], "meta": []}"#, "not an object at /meta"),
        (long.as_str(), "longer than 1024 bytes at /vars"),
        (many.as_str(), "more than 256 backends at /backends"),
        ("{\"backends\":\n [}", "expected value at line 2 column 3"),
        (
            "{\"backends\": []} x",
            "trailing characters at line 1 column 18",
        ),
    ] {
        assert_eq!(
            parse_route(text.as_bytes()).unwrap_err().to_string(),
            why,
            "{text}"
        );
    }
    let deep = [b"{\"meta\": ".as_slice(), &b"[".repeat(1000)].concat();
    assert!(
        parse_route(&deep)
            .unwrap_err()
            .to_string()
            .starts_with("recursion limit exceeded")
    );
}

#[test]
fn a_unix_path_is_as_long_as_its_address_allows() {
    for (scheme, most) in [("http", 107), ("https", 99)] {
        let url = |len: usize| format!("{scheme}://unix:/{}", "p".repeat(len - 1));
        assert!(parse_backend_url(&url(most), false).is_ok(), "{scheme}");
        assert_eq!(
            parse_backend_url(&url(most + 1), false).unwrap_err(),
            format!(
                "unix socket path longer than {most} bytes in backend \"{}\"",
                url(most + 1)
            )
        );
    }
}

#[test]
fn request_keys_have_one_form() {
    for (asked, normal) in [
        ("Shop.Example", Some("shop.example")),
        ("shop.example:8080", Some("shop.example")),
        ("shop.example.:8080", Some("shop.example")),
        ("shop.example..", Some("shop.example.")),
        ("[2001:DB8::1]:80", Some("[2001:db8::1]")),
        ("[::1]", Some("[::1]")),
        ("2001:db8::1", Some("2001:db8::1")),
        ("a:b", Some("a:b")),
        ("a:", Some("a")),
        ("", None),
        (":80", None),
        (":", None),
        ("::", Some("::")),
        ("[::1:80", Some("[::1:80")),
        ("::1]:80", Some("::1]:80")),
        (".", None),
    ] {
        let mut buf = [0; 253];
        let got = normalize(asked.as_bytes(), Match::Host, &mut buf);
        assert_eq!(
            got.map(|k| std::str::from_utf8(k).unwrap()),
            normal,
            "{asked}"
        );
    }
    let mut buf = [0; 253];
    assert!(normalize(&[b'a'; 253], Match::Host, &mut buf).is_some());
    assert!(normalize(&[b'a'; 254], Match::Host, &mut buf).is_none());
    assert_eq!(
        normalize(b"/A:80.", Match::Exact, &mut buf),
        Some(b"/A:80.".as_slice())
    );
    assert_eq!(normalize(b"", Match::Exact, &mut buf), None);
}

#[test]
fn a_key_that_counts_as_normal_stays_as_it_is() {
    let mut buf = [0; 253];
    let mut check = |key: &[u8]| {
        let stays = normalize(key, Match::Host, &mut buf) == Some(key);
        // One with a colon is looked at closely, whatever comes of it.
        let is_normal = is_normal(key, Match::Host);
        assert_eq!(is_normal, stays && !key.contains(&b':'), "{key:?}");
    };
    for len in 1..40 {
        for at in 0..len {
            for byte in 0..=255 {
                let mut key = vec![b'a'; len];
                key[at] = byte;
                check(&key);
            }
        }
    }
    // An even number of bytes that are not as they should be.
    for key in [&b"AB.test"[..], b"aXbXc.example.com.test", b"::"] {
        check(key);
    }
    for len in [0, 252, 253, 254, 1024] {
        check(&vec![b'a'; len]);
    }
}

/// In a file, over the API and in a fragment, and written again.
#[test]
fn limits_of_a_backend_are_read_and_written() {
    let short = r#"{"backends": ["http://10.0.0.5:1#max_conns=7&slow_start=1500ms"]}"#;
    let long = r#"{"backends":[{"url":"http://10.0.0.5:1","max_conns":7,"slow_start":"1500ms"}]}"#;
    let route = parse_route(short.as_bytes()).unwrap();
    let options = route.backends[0].options;
    assert_eq!((options.max_conns, options.slow_start_ms), (7, 1500));
    assert_eq!(parse_route(long.as_bytes()).unwrap(), route);
    let mut text = Vec::new();
    route.write_json(&mut text);
    assert_eq!(String::from_utf8(text).unwrap(), long);
    for (text, ms) in [
        ("30", 30_000),
        ("30s", 30_000),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("3d", 259_200_000),
    ] {
        let url = format!("http://a#slow_start={text}");
        let read = parse_backend_url(&url, true).unwrap();
        assert_eq!(read.options.slow_start_ms, ms, "{text}");
    }
    for option in [
        "max_conns=",
        "max_conns=-1",
        "max_conns=+1",
        "max_conns=1048576",
        "slow_start=",
        "slow_start=s",
        "slow_start=1w",
        "slow_start=4d",
        "slow_start=1m30s",
    ] {
        let why = parse_backend_url(&format!("http://a#{option}"), true).unwrap_err();
        let name = option.split_once('=').unwrap().0;
        assert!(why.starts_with(&format!("{name} is not ")), "{why}");
    }
}

#[test]
fn table_keys_are_hosts_or_wildcards() {
    let read = |text: &str| {
        Key::parse(text.as_bytes(), Match::Host)
            .map(|k| String::from_utf8(k.as_bytes().to_vec()).unwrap())
    };
    for (text, key) in [
        ("A.b", "a.b"),
        ("*", "*"),
        ("*.B.", "*.b"),
        ("[::1]:80", "[::1]"),
        ("x_1-2:80", "x_1-2"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(key));
    }
    for text in [
        "*.", "*:80", "a.*", "**", "*a.b", "a..b", ".a", "a b", "a/b", "ä", "[x]", "[::1", "::1",
        "a\0",
    ] {
        assert_eq!(read(text), Err(KeyError::Invalid), "{text}");
    }
    assert_eq!(read(""), Err(KeyError::Empty));
    assert_eq!(read("."), Err(KeyError::Empty));
    assert_eq!(read(&"a".repeat(254)), Err(KeyError::TooLong));
    assert_eq!(Key::parse(&[7; 1025], Match::Exact), Err(KeyError::TooLong));
    assert_eq!(
        Key::parse(b"any \xff", Match::Exact).unwrap().as_bytes(),
        b"any \xff"
    );
}
