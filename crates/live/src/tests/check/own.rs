//! Routes that say themselves how their backends are checked.

use super::*;

/// A route with backends at these ports, and this `check`.
fn put(site: &Site, host: &str, ports: &[u16], check: &str) {
    let urls: Vec<String> = ports.iter().map(|port| url(*port)).collect();
    let urls = urls.join("\", \"");
    let text = format!("{{\"backends\": [\"{urls}\"], \"check\": {check}}}");
    site.put_text(host, &text);
}

#[test]
fn a_route_that_says_no_is_left_alone() {
    let mut site = Site::new(check());
    site.put("a.test", &[1]);
    put(&site, "b.test", &[1, 2], "false");
    for host in ["a.test", "b.test"] {
        site.want(host);
    }
    site.fail(1);
    site.fail(2);
    site.run(4_000);
    assert_eq!(site.is_up("a.test", 0), Some(false));
    assert_eq!([0, 1].map(|index| site.is_up("b.test", index)), [None; 2]);
    assert_eq!(site.asked(2), [0; 0]);
    // And back: the table's line holds again.
    site.put("b.test", &[1, 2]);
    site.want("b.test");
    site.run(4_000);
    assert_eq!(site.is_up("b.test", 1), Some(false));
}

#[test]
fn one_address_with_two_checks_has_two_results() {
    let mut site = Site::new(check());
    site.put("a.test", &[1]);
    put(
        &site,
        "b.test",
        &[1],
        r#"{"uri": "/deep", "interval": "500ms", "fall": 1}"#,
    );
    put(
        &site,
        "c.test",
        &[1],
        r#"{"uri": "/deep", "interval": "500ms", "fall": 1}"#,
    );
    for host in ["a.test", "b.test", "c.test"] {
        site.want(host);
    }
    site.run(4_000);
    let uris = site.backends.uris.borrow().clone();
    let count = |uri| uris.iter().filter(|one| *one == uri).count();
    assert!((3..=5).contains(&count("/")), "{uris:?}");
    assert!(
        (7..=9).contains(&count("/deep")),
        "b and c are one backend: {uris:?}"
    );
    site.fail(1);
    // One answer turns the one, two a second apart the other.
    site.run(700);
    let up = |site: &Site| ["a.test", "b.test", "c.test"].map(|host| site.is_up(host, 0));
    assert_eq!(up(&site), [Some(true), Some(false), Some(false)]);
    let line = r#"[Error] upstream table "apps": backend http://10.0.0.1:1 (check "uri=/deep interval=500ms fall=1") is down: refused"#;
    assert_eq!(site.world.take_lines(), [line]);
    site.run(2_500);
    assert_eq!(up(&site), [Some(false); 3]);
}

#[test]
fn what_a_route_says_can_change() {
    let mut site = Site::new(check());
    put(&site, "a.test", &[1], r#"{"uri": "/one"}"#);
    site.want("a.test");
    site.run(2_000);
    put(&site, "a.test", &[1], r#"{"uri": "/two"}"#);
    site.want("a.test");
    site.run(600);
    site.backends.uris.borrow_mut().clear();
    site.run(3_000);
    let uris = site.backends.uris.borrow().clone();
    assert!(
        uris.len() >= 2 && uris.iter().all(|uri| uri == "/two"),
        "{uris:?}"
    );
    assert_eq!(site.feeder.checked(), 1);
}
