//! What `verify` says.

use serde_json::Value;

use super::{KeyFile, answer, json, run, signing};

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
             key        not asked: a token is 32 lower-case hexadecimal digits, and 1 to 18 digits for the expiry".to_owned())
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
        "reason": null, "signed": "1700000060/a192.0.2.1",
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

#[test]
fn a_malformed_token_is_told_why() {
    let key = KeyFile::new("malformed", "sesame");
    let told = |format: &str, from: &str, more: &[&str]| {
        let common = ["verify", "--format", format, "--key-file", key.path()];
        let rest = ["--from", from, "--now", "1700000000"];
        let arguments = [&common[..], &rest, more].concat();
        let (code, text) = answer(&arguments);
        let line = text.lines().find(|line| line.starts_with("key "));
        let line = line.unwrap_or(&text).to_owned();
        assert_eq!(code, 1, "{text}");
        let found = json(&arguments, 1)["places"][0].clone();
        assert_eq!(found["status"], "malformed", "{text}");
        let reason = found["reason"].as_str().unwrap_or_default().to_owned();
        assert_eq!(line, format!("key        not asked: {reason}"));
        reason
    };
    let query = |url: &str| told("scalesimple", "query", &["--url", url]);
    let missing = "the expiry beside the token is missing";
    let form = "a token is 32 lower-case hexadecimal digits, and 1 to 18 digits for the expiry";
    let token = "704e896a59f2ed1b3980289881c7e9de";
    assert_eq!(query("/a?ss_token=x"), missing);
    assert_eq!(query("/a?ss_token=x&ss_expiration=1"), form);
    let long = format!("/a?ss_token={token}&ss_expiration=1234567890123456789");
    assert_eq!(query(&long), form);
    let one_name = ["--url", &format!("/a?st={token}")];
    assert_eq!(told("scalesimple", "query=st", &one_name), missing);
    assert_eq!(
        query("/a?ss_token=X&ss_expiration=1&ss_token=x"),
        "\"ss_token\" comes twice"
    );
    assert_eq!(
        query("/a?ss_token=X&ss_expiration=1&ss_expiration=1"),
        "\"ss_expiration\" comes twice"
    );
    let lines = |from: &str, lines: &[&str]| {
        let lines = lines.iter().flat_map(|line| ["--header", line]);
        let more: Vec<&str> = ["--url", "/a"].into_iter().chain(lines).collect();
        told("scalesimple", from, &more)
    };
    assert_eq!(
        lines(
            "cookie",
            &["Cookie: ss_token=X; ss_expiration=1; ss_token=x"]
        ),
        "\"ss_token\" comes twice"
    );
    assert_eq!(
        lines(
            "header",
            &["X-SS-Token: X", "X-SS-Expiration: 1", "x-ss-expiration: 1"]
        ),
        "\"X-SS-Expiration\" comes twice"
    );
    let path = |url: &str| told("scalesimple", "path", &["--url", url]);
    assert_eq!(
        path(&format!("/{token},4000000000/../a")),
        "\"..\" takes the token out of the path"
    );
    let leaves = format!("/{token},4000000000/../../a");
    assert_eq!(
        path(&leaves),
        format!("\"{leaves}\" leaves the root: nginx answers 400")
    );
    let long = format!("/{}?ss_token={token}&ss_expiration=1", "a".repeat(65_536));
    assert_eq!(query(&long), "the URL is longer than 65536 bytes");
    let secure_link = |url: &str| {
        let message = ["--message", "{expires} {key}", "--url", url];
        told("secure_link", "query", &message)
    };
    assert_eq!(
        secure_link("/a?md5=AAAAAAAAAAAAAAAAAAAAAA&expires=0"),
        "a token is 22 characters of base64url, and for the expiry a number above 0 of at most 18 digits"
    );
}

#[test]
fn an_expiry_that_is_not_signed_is_not_believed() {
    let key = KeyFile::new("unsigned", "sesame");
    let expiry_of = |message: &str, now: &str| {
        let sign = [
            "--message",
            message,
            "--url",
            "/a",
            "--expires",
            "99999999999",
        ];
        let link = run(&signing("secure_link", key.path(), &sign)).stdout;
        let link = String::from_utf8(link).unwrap();
        let verify = [
            "verify",
            "--format",
            "secure_link",
            "--key-file",
            key.path(),
            "--message",
            message,
            "--url",
            link.trim_end(),
            "--now",
            now,
        ];
        let (code, text) = answer(&verify);
        let line = text.lines().find(|line| line.starts_with("expires"));
        let found = json(&verify, code)["places"][0].clone();
        assert_eq!(found["expiry"], "99999999999");
        (
            line.unwrap().to_owned(),
            found["expires"].clone(),
            found["seconds_left"].clone(),
        )
    };
    let unsigned = "expires    99999999999 (not signed)".to_owned();
    for now in ["1700000000", "199999999999"] {
        let told = expiry_of("$uri {key}", now);
        assert_eq!(told, (unsigned.clone(), Value::Null, Value::Null), "{now}");
    }
    for message in [
        "{expires}$uri {key}",
        "$arg_expires$uri {key}",
        "${arg_EXPIRES}$uri {key}",
    ] {
        let (line, expires, left) = expiry_of(message, "99999999989");
        assert!(line.ends_with(", in 10s)"), "{line}");
        assert_eq!((expires, left), (99_999_999_999_i64.into(), 10.into()));
    }
}
