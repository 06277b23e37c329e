//! `issue_cookie`: what is handed back is accepted again, and is no more than what was presented.

use ciborium::Value as Cbor;

use super::cat::{asking, cat, saying, texts};
use super::every_scheme::{carrying, key, key_of, places, with_tokens};
use super::fake::{Fake, NOW, profile};
use crate::{Profile, Scheme, Wanted};

const WANTED: Wanted<'_> = Wanted {
    now: NOW,
    expires: NOW + 600,
    claims: &[],
};

/// The `Set-Cookie` lines for a request.
pub(super) fn issued(profile: &Profile, request: &Fake) -> Vec<String> {
    let checked = profile.check(request, NOW);
    let mut lines = Vec::new();
    if let Some(location) = checked.verdict.location.filter(|_| checked.verdict.is_ok()) {
        let mut give = |line: &[u8]| lines.push(String::from_utf8(line.to_vec()).unwrap());
        let _ = profile.issue(request, (location, checked.turn), NOW, &mut give);
    }
    lines
}

/// What a client sends back.
fn cookies(lines: &[String]) -> String {
    let pairs = lines.iter().map(|line| line.split("; ").next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

/// A profile of a scheme that hands back what it finds in a place.
fn handing_back(scheme: &Scheme, from: &str) -> Profile {
    let mut lines = vec![
        format!("format {}", scheme.name),
        format!("key id=one encoding=text {}", key_of(scheme, "k1")),
    ];
    let count = scheme.carriers.len();
    let names = match scheme.joined == count {
        true => vec!["c0".to_owned()],
        false => (0..count).map(|n| format!("c{n}")).collect(),
    };
    let place = match from {
        "query" if scheme.carriers[0].query.is_none() => "query=t",
        other => other,
    };
    lines.push(format!("from {place} cookie={}", names.join(",")));
    lines.push("issue_cookie c0 max_age=exp secure httponly samesite=lax".to_owned());
    let words = scheme.example.iter();
    lines.extend(words.map(|(word, value)| format!("{word} {value}")));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    profile(&lines).unwrap_or_else(|error| panic!("{} {from}: {error}", scheme.name))
}

#[test]
fn what_is_handed_back_is_accepted_and_no_more() {
    for scheme in with_tokens() {
        for from in places(scheme).filter(|from| *from != "cookie") {
            let profile = handing_back(scheme, from);
            let location = profile.locations().first().unwrap();
            let key = key(key_of(scheme, "k1"));
            let url = "/video/42/index.m3u8";
            let draft = profile.draft(&key, &WANTED).unwrap();
            let request = carrying(&profile, location, url, &draft);
            let values = profile.sign(&key, &request, &WANTED).unwrap().values;
            let request = carrying(&profile, location, url, &values);
            assert!(
                profile.verify(&request, NOW).is_ok(),
                "{} {from}",
                scheme.name
            );
            let lines = issued(&profile, &request);
            // Google's tokens are others in a URL than in a cookie, and CDN77's in a path is for a folder.
            if scheme.name == "gcp_cdn" || (scheme.name, from) == ("cdn77", "path") {
                assert_eq!(lines, [""; 0], "{} {from}", scheme.name);
                continue;
            }
            assert!(!lines.is_empty(), "{} {from}", scheme.name);
            let sent = cookies(&lines);
            // Nothing but what was presented.
            let mut said: Vec<&str> = sent
                .split("; ")
                .map(|pair| pair.split_once('=').unwrap().1)
                .collect();
            if profile.locations()[1].names().unwrap().get(1).is_none() && values.len() > 1 {
                said = said[0]
                    .split(',')
                    .filter(|value| !value.is_empty())
                    .collect();
            }
            let wanted: Vec<&str> = values
                .iter()
                .map(String::as_str)
                .filter(|value| !value.is_empty())
                .collect();
            assert_eq!(said, wanted, "{} {from}", scheme.name);
            for line in &lines {
                let attributes = line.split_once("; Path=").unwrap().1;
                let (path, rest) = attributes.split_once(';').unwrap();
                assert!(
                    path.starts_with('/') && url.starts_with(path),
                    "{} {from} {line}",
                    scheme.name
                );
                // A JWT or a CWT is good before its end only.
                let before = matches!(scheme.name, "jwt" | "cat");
                let age = if before { 599 } else { 600 };
                let wanted = format!(" Max-Age={age}; Secure; HttpOnly; SameSite=Lax");
                assert_eq!(rest, wanted, "{} {from}", scheme.name);
            }
            let texts = vec!["text"; profile.message_texts().count()];
            let back = Fake::new(url).cookie(&sent).message(&texts);
            let checked = profile.check(&back, NOW);
            assert_eq!(checked.verdict.as_str(), "ok", "{} {from}", scheme.name);
            assert_eq!(checked.verdict.location, Some(1), "{} {from}", scheme.name);
            assert_eq!(issued(&profile, &back), [""; 0], "{} {from}", scheme.name);
            // Whoever has it already is not told again, nor is who is refused.
            assert_eq!(
                issued(&profile, &request.clone().cookie(&sent)),
                [""; 0],
                "{} {from}",
                scheme.name
            );
            let other = carrying(
                &profile,
                location,
                url,
                &profile.draft(&key, &WANTED).unwrap(),
            );
            if !profile.verify(&other, NOW).is_ok() {
                assert_eq!(issued(&profile, &other), [""; 0], "{} {from}", scheme.name);
            }
        }
    }
}

fn edge(acl: &str, cookie: &str) -> Vec<String> {
    let lines = [
        "format edgeauth",
        "key 6b31",
        "from query=t cookie=t",
        cookie,
    ];
    let profile = profile(&lines).unwrap();
    let key = key("k1");
    let wanted = Wanted {
        claims: &[("acl".to_owned(), acl.to_owned())],
        ..WANTED
    };
    let values = profile.sign(&key, &Fake::new("/"), &wanted).unwrap().values;
    issued(
        &profile,
        &Fake::new(&format!("/video/a/b/x?t={}", values[0])),
    )
}

#[test]
fn the_path_is_that_of_the_token() {
    for (acl, path) in [
        ("/video/a/*", "/video/a/"),
        ("/video/*", "/video/"),
        ("/video/a*", "/video/"),
        ("/video/?/b/*", "/video/"),
        ("/*", "/"),
        ("*", "/"),
        ("/video/a/b/x", "/video/a/b/"),
        ("/video/*!/video/b/*", "/video/"),
        ("/video/*!/other/*", "/"),
        ("/video/*!/v/*", "/"),
    ] {
        let lines = edge(acl, "issue_cookie t");
        let found = lines[0].split_once("; Path=").unwrap().1;
        assert_eq!(found, path, "{acl}");
    }
    let lines = edge("/*", "issue_cookie t path=/v max_age=60 httponly");
    assert!(
        lines[0].ends_with("; Path=/v; Max-Age=60; HttpOnly"),
        "{lines:?}"
    );
    // Not longer than the token is good.
    let lines = edge("/*", "issue_cookie t max_age=601 samesite=strict");
    assert!(
        lines[0].ends_with("; Path=/; Max-Age=600; SameSite=Strict"),
        "{lines:?}"
    );
}

#[test]
fn without_a_scope_the_path_is_that_of_the_request() {
    let lines = [
        "format scalesimple",
        "key k1",
        "from query cookie=t",
        "issue_cookie t",
    ];
    let profile = profile(&lines).unwrap();
    for (url, path) in [
        ("/a/b/c", Some("/a/b/")),
        ("/v%20ideo/%C3%A9/x", Some("/v%20ideo/%C3%A9/")),
        ("/v/a;b/x", Some("/v/")),
        ("/x", Some("/")),
        // What others may understand as another path.
        ("/a/..;/../b", None),
        ("/a//b", None),
    ] {
        let values = profile
            .sign(&key("k1"), &Fake::new(url), &WANTED)
            .unwrap()
            .values;
        let target = format!("{url}?ss_token={}&ss_expiration={}", values[0], values[1]);
        let mut request = Fake::new(&target);
        let is_clear = crate::normal::is_as_spelled(url.as_bytes(), request.path.as_ref().unwrap());
        request.path = request.path.filter(|_| is_clear);
        let lines = issued(&profile, &request);
        let found = lines
            .first()
            .map(|line| line.split_once("; Path=").unwrap().1);
        assert_eq!(found, path, "{url}");
    }
}

#[test]
fn the_first_valid_cookie_wins_whatever_others_are_beside() {
    let lines = [
        "format scalesimple",
        "key k1",
        "from query cookie=t",
        "issue_cookie t",
    ];
    let with = profile(&lines).unwrap();
    let without = profile(&lines[..3]).unwrap();
    let key = key("k1");
    let sign = |expires| {
        let wanted = Wanted { expires, ..WANTED };
        with.sign(&key, &Fake::new("/v"), &wanted)
            .unwrap()
            .values
            .join(",")
    };
    let (good, late) = (sign(NOW + 9), sign(NOW - 9));
    for (cookie, wanted) in [
        (format!("t={good}; t={late}"), "ok"),
        (format!("t={late}; t={good}"), "ok"),
        (format!("t=x; t={late}; t=; t={good}"), "ok"),
        (format!("t=x; t={late}; t=; t=y; t={good}"), "malformed"),
        (format!("t={late}; t=x"), "expired"),
    ] {
        let request = Fake::new("/v").cookie(&cookie);
        assert_eq!(with.verify(&request, NOW).as_str(), wanted, "{cookie}");
        assert_eq!(
            without.verify(&request, NOW).as_str(),
            "malformed",
            "{cookie}"
        );
    }
}

#[test]
fn what_cannot_stand_in_a_cookie_is_not_put_there() {
    let lines = [
        "format hmac",
        "key k1",
        "message {expires} $arg_user",
        "from query=t,e cookie=t",
        "issue_cookie t",
    ];
    let profile = profile(&lines).unwrap();
    let key = key("k1");
    let request = Fake::new("/v").message(&[" text"]);
    let values = profile.sign(&key, &request, &WANTED).unwrap().values;
    let by = |token: &str| {
        let target = format!("/v?t={token}&e={}", values[1]);
        issued(&profile, &Fake::new(&target).message(&[" text"]))
    };
    assert_eq!(
        by(&values[0]),
        [format!("t={},{}; Path=/", values[0], values[1])]
    );
    assert_eq!(by(&format!("{};x", values[0])), [""; 0]);
}

#[test]
fn lines_that_make_no_sense_are_refused() {
    let error = |from: &str, line: &str| {
        let from = format!("from {from}");
        let lines = ["format scalesimple", "key k1", &from, line];
        profile(&lines).unwrap_err()
    };
    for (from, line, wanted) in [
        (
            "query",
            "issue_cookie t",
            "\"issue_cookie t\" needs \"cookie=t\" in \"from\" directive",
        ),
        (
            "query cookie=a,t",
            "issue_cookie t",
            "\"issue_cookie t\" needs \"cookie=t\" in \"from\" directive",
        ),
        (
            "cookie=t",
            "issue_cookie t",
            "\"issue_cookie t\" needs another place than that cookie in \"from\" directive",
        ),
        (
            "query cookie=t",
            "issue_cookie t,u",
            "invalid parameter \"t,u\" in \"issue_cookie\" directive, it takes name [path=PREFIX|auto] [max_age=exp|time] [secure] [httponly] [samesite=strict|lax|none]",
        ),
        (
            "query cookie=t",
            "issue_cookie t path=video",
            "invalid parameter \"path=video\" in \"issue_cookie\" directive, it takes name [path=PREFIX|auto] [max_age=exp|time] [secure] [httponly] [samesite=strict|lax|none]",
        ),
        (
            "query cookie=t",
            "issue_cookie t path=/a;b",
            "invalid parameter \"path=/a;b\" in \"issue_cookie\" directive, it takes name [path=PREFIX|auto] [max_age=exp|time] [secure] [httponly] [samesite=strict|lax|none]",
        ),
        (
            "query cookie=t",
            "issue_cookie t max_age=soon",
            "invalid parameter \"max_age=soon\" in \"issue_cookie\" directive, it takes name [path=PREFIX|auto] [max_age=exp|time] [secure] [httponly] [samesite=strict|lax|none]",
        ),
        (
            "query cookie=t",
            "issue_cookie t samesite=no",
            "unknown samesite \"no\" in \"issue_cookie\" directive, it must be \"strict\", \"lax\" or \"none\"",
        ),
        (
            "query cookie=t",
            "issue_cookie t samesite=none",
            "\"samesite=none\" in \"issue_cookie\" directive needs \"secure\", or browsers drop the cookie",
        ),
        (
            "query cookie=__Secure-t",
            "issue_cookie __Secure-t",
            "\"__Secure-t\" in \"issue_cookie\" directive needs \"secure\", or browsers drop the cookie",
        ),
        (
            "query cookie=__host-t",
            "issue_cookie __host-t secure",
            "\"__host-t\" in \"issue_cookie\" directive needs \"path=/\", or browsers drop the cookie",
        ),
        (
            "query cookie=t",
            "issue_cookie t secure secure",
            "duplicate parameter \"secure\" in \"issue_cookie\" directive",
        ),
        (
            "query cookie=t",
            "issue_cookie t path=/ path=auto",
            "duplicate parameter \"path\" in \"issue_cookie\" directive",
        ),
        (
            "query cookie=t",
            "issue_cookie t domain=a.test",
            "invalid parameter \"domain=a.test\" in \"issue_cookie\" directive, it takes name [path=PREFIX|auto] [max_age=exp|time] [secure] [httponly] [samesite=strict|lax|none]",
        ),
    ] {
        assert_eq!(error(from, line), wanted);
    }
    let lines = [
        "format bunny",
        "key k1",
        "from query cookie=t",
        "issue_cookie t",
    ];
    let error = profile(&lines).unwrap_err();
    assert!(
        error.contains("needs") && error.contains("names in \"from\" directive"),
        "{error}"
    );
}

#[test]
fn whatever_else_a_token_asks_of_the_request_holds_again() {
    let profile = cat(&["from header cookie=t", "issue_cookie t", "bind_ip exact"]);
    let asks = [
        ("method", 313, texts(&["GET"])),
        ("country", 316, texts(&["DE"])),
        ("network", 311, Cbor::Array(vec![64_496.into()])),
    ];
    for (what, label, value) in asks {
        let token = saying(vec![(label, value)]);
        let request = Fake {
            areas: Some(vec!["DE", "AS64496"]),
            ..asking("/live/a.m3u8", &token)
        };
        let wanted = format!("t={token}; Path=/live/");
        assert_eq!(issued(&profile, &request), [wanted], "{what}");
    }
}
