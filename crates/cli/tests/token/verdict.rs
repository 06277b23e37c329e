//! What `verify` says.

use serde_json::Value;

use super::{KeyFile, answer, json, signing};

#[test]
fn several_keys_verify_and_the_first_signs() {
    let (old, new) = (KeyFile::new("old", "old"), KeyFile::new("new", "new"));
    let (old_id, new_id) = (
        format!("2025={}", old.path()),
        format!("2026={}", new.path()),
    );
    let sign = |key: &str| {
        let more = ["--key-file", old.path(), "--expires", "+60", "--url", "/a"];
        answer(&signing("scalesimple", key, &more)).1
    };
    let by_new = sign(&new_id);
    assert_eq!(by_new, sign(new.path()));
    assert_ne!(by_new, sign(old.path()));
    let verify = |keys: &[&str]| {
        let keys: Vec<&str> = keys.iter().flat_map(|key| ["--key-file", key]).collect();
        let rest = [
            "verify",
            "--format",
            "scalesimple",
            "--now",
            "1700000000",
            "--url",
            &by_new,
        ];
        json(
            &[&rest[..], &keys].concat(),
            if keys.contains(&new_id.as_str()) || keys.contains(&new.path()) {
                0
            } else {
                1
            },
        )
    };
    assert_eq!(verify(&[&old_id, &new_id])["places"][0]["key"], "2026");
    assert_eq!(
        verify(&[&old_id, new.path()])["places"][0]["key"],
        new.path()
    );
    assert_eq!(verify(&[&old_id])["places"][0]["key"], Value::Null);
    let twice = ["--key-file", &old_id, "--expires", "+60", "--url", "/a"];
    let (code, text) = answer(&signing("scalesimple", &old_id, &twice));
    assert!(
        code == 2 && text.contains("duplicate key id \"2025\""),
        "{text}"
    );
    let (code, text) = answer(&signing("scalesimple", "none.key", &twice));
    assert_eq!(
        (code, text.as_str()),
        (2, "gatehouse: none.key: No such file or directory")
    );
}

#[test]
fn a_verdict_says_what_it_rests_on() {
    let (old, new) = (
        KeyFile::new("why-old", "sesame"),
        KeyFile::new("why-new", "new"),
    );
    let (old_id, new_id) = (
        format!("2025={}", old.path()),
        format!("2026={}", new.path()),
    );
    let link = answer(&signing(
        "scalesimple",
        &old_id,
        &["--expires", "+60", "--url", "/a?b#c"],
    ))
    .1;
    let token = &link["/a?b&ss_token=".len()..][..32];
    let verify = |url: &str, now: &str, more: &[&str]| {
        let common = [
            "verify",
            "--format",
            "scalesimple",
            "--key-file",
            &new_id,
            "--key-file",
            &old_id,
        ];
        answer(&[&common[..], &["--url", url, "--now", now], more].concat())
    };
    assert_eq!(
        verify(&link, "1700000000", &[]),
        (
            0,
            format!(
                "status     ok\nplace      query=ss_token,ss_expiration\ntoken      {token}\n\
             expires    1700000060 (2023-11-14T22:14:20Z, in 1m)\nkey        2025\n\
             signed     1700000060/a?b{{key}}"
            )
        )
    );
    assert_eq!(
        verify(&link, "1700003660", &[]),
        (
            1,
            format!(
                "status     expired\nplace      query=ss_token,ss_expiration\ntoken      {token}\n\
             expires    1700000060 (2023-11-14T22:14:20Z, 1h ago)\nkey        2025\n\
             signed     1700000060/a?b{{key}}"
            )
        )
    );
    assert_eq!(verify(&link, "1700003660", &["--leeway", "1h"]).0, 0);
    assert_eq!(verify(&link, "1700003661", &["--leeway", "1h"]).0, 1);
    // Another URL, a token that is too old besides: only what is authentic is believed.
    assert_eq!(
        verify(&link.replace("/a", "/b"), "1700003660", &[]),
        (
            1,
            format!(
                "status     invalid\nplace      query=ss_token,ss_expiration\ntoken      {token}\n\
             expires    1700000060\nkey        none of 2026 2025\nsigned     1700000060/b?b{{key}}"
            )
        )
    );
    assert_eq!(
        verify("/a?ss_token=x%1B&ss_expiration=1", "1700000000", &[]),
        (1, "status     malformed\nplace      query=ss_token,ss_expiration\ntoken      x%1B\nexpires    1\n\
             key        not asked: a token is 32 lower-case hexadecimal digits, and digits for the expiry".to_owned())
    );
    assert_eq!(
        verify("/a?ss_token=x", "1700000000", &[]),
        (
            1,
            "status     malformed\nplace      query=ss_token,ss_expiration\n\
             key        not asked: the expiry beside the token is missing"
                .to_owned()
        )
    );
    assert_eq!(
        verify("/a", "1700000000", &[]),
        (1, "status     missing\nplace      none of query=ss_token,ss_expiration cookie=ss_token,ss_expiration header=X-SS-Token,X-SS-Expiration".to_owned())
    );
    let two = verify(
        &link,
        "1700000000",
        &["--from", "cookie=c query", "--header", "Cookie: c=x,1"],
    );
    assert!(
        two.0 == 0
            && two
                .1
                .starts_with("status     ok\nplace      cookie=c (malformed)\n")
            && two
                .1
                .contains("\nplace      query=ss_token,ss_expiration (ok)\n"),
        "{two:?}"
    );
}

#[test]
fn a_verdict_in_json() {
    let key = KeyFile::new("json", "sesame");
    let message = [
        "--message",
        "{expires}$uri$remote_addr",
        "--address",
        "192.0.2.1",
    ];
    let sign = [&message[..], &["--expires", "+60", "--url", "/a"]].concat();
    let signed = json(&signing("secure_link", key.path(), &sign), 0);
    let (token, link) = (
        signed["token"].as_str().unwrap(),
        signed["url"].as_str().unwrap(),
    );
    assert_eq!(link, format!("/a?md5={token}&expires=1700000060"));
    assert_eq!(signed["expires_at"], "2023-11-14T22:14:20Z");
    assert_eq!(signed["signed"], "1700000060/a192.0.2.1");
    let verify = |url: &str, code: i32| {
        let common = [
            "verify",
            "--format",
            "secure_link",
            "--key-file",
            key.path(),
        ];
        let output = json(
            &[
                &common[..],
                &message,
                &["--url", url, "--now", "1700000070"],
            ]
            .concat(),
            code,
        );
        assert!(!output.to_string().contains("sesame"));
        output
    };
    let query = serde_json::json!({
        "place": "query", "names": ["md5", "expires"], "status": "expired", "token": token,
        "expiry": "1700000060", "key": key.path(), "expires": 1_700_000_060, "seconds_left": -10,
        "signed": "1700000060/a192.0.2.1",
    });
    let answer = verify(link, 1);
    assert_eq!(
        (&answer["status"], &answer["now"]),
        (&"expired".into(), &1_700_000_070.into())
    );
    assert_eq!(answer["places"][0], query);
    assert_eq!(answer["places"][1]["status"], "missing");
    // What a forged token would have to be is not told.
    let forged = verify("/b?md5=AAAAAAAAAAAAAAAAAAAAAA&expires=1700000060", 1);
    let right = signing(
        "secure_link",
        key.path(),
        &[&message[..], &["--expires", "+60", "--url", "/b"]].concat(),
    );
    let right = json(&right, 0)["token"].as_str().unwrap().to_owned();
    assert_eq!(forged["places"][0]["status"], "invalid");
    assert_eq!(forged["places"][0]["expires"], Value::Null);
    assert!(!forged.to_string().contains(&right));
}
