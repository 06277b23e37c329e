//! What `sign` makes of its arguments.

use super::{KeyFile, answer, json, signing, verdict, warnings};

#[test]
fn times_are_absolute_or_from_now() {
    let key = KeyFile::new("times", "k");
    let expiry = |time: &str| {
        let more = ["--message", "{expires} {key}", "--expires", time];
        let (code, text) = answer(&signing("secure_link", key.path(), &more));
        match text.split_once(',') {
            Some((_, expiry)) if code == 0 => Ok(expiry.to_owned()),
            _ => Err((code, text)),
        }
    };
    for (time, epoch) in [
        ("1700003600", "1700003600"),
        ("1700000000", "1700000000"),
        ("+3600", "1700003600"),
        ("+1h", "1700003600"),
        ("+1h30m", "1700005400"),
        ("+2d", "1700172800"),
        ("+1w", "1700604800"),
        ("253402300799", "253402300799"),
    ] {
        assert_eq!(expiry(time).as_deref(), Ok(epoch), "{time}");
    }
    let refused = |time: &str| {
        let (code, text) = expiry(time).unwrap_err();
        assert_eq!(code, 2, "{time}: {text}");
        text
    };
    assert_eq!(
        refused("3600"),
        "gatehouse: --expires 3600 means 1970-01-01T01:00:00Z: for 3600 seconds from now write +3600"
    );
    assert_eq!(
        refused("1699999999"),
        "gatehouse: --expires 2023-11-14T22:13:19Z is over, 1s ago"
    );
    assert!(refused("1700000000000").contains("after the year 9999"));
    for nonsense in [
        "",
        "+",
        "soon",
        "+1x",
        "+h",
        "1h",
        "+99999999999999999999",
        "1e9",
        "+-5",
        "+1 h",
    ] {
        assert!(
            refused(nonsense).contains("neither seconds since 1970 nor a time from now"),
            "{nonsense}"
        );
    }
}

#[test]
fn the_token_stands_before_the_fragment() {
    let key = KeyFile::new("fragment", "k");
    let sign = |url: &str| {
        let more = ["--expires", "+1h", "--url", url];
        answer(&signing("scalesimple", key.path(), &more))
    };
    let (code, link) = sign("https://h.test/a?x=1#part?2");
    let token = link
        .strip_prefix("https://h.test/a?x=1&ss_token=")
        .and_then(|rest| rest.strip_suffix("&ss_expiration=1700003600#part?2"));
    assert!(
        code == 0 && token.is_some_and(|token| token.len() == 32),
        "{link}"
    );
    let (_, alone) = sign("/a?x=1");
    assert!(alone.contains(token.unwrap()), "the fragment is not signed");
    // Clients always send a path.
    assert!(
        sign("https://h.test#x")
            .1
            .starts_with("https://h.test/?ss_token=")
    );
    for odd in ["a/b", "/a b", "/\u{e9}", ""] {
        assert_eq!(sign(odd).0, 2, "{odd}");
    }
}

#[test]
fn variables_take_their_values_from_the_arguments() {
    let key = KeyFile::new("variables", "k");
    fn sign<'a>(key: &'a KeyFile, message: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let all = [&["--message", message, "--expires", "+1h"], more].concat();
        signing("secure_link", key.path(), &all)
    }
    let url = "HTTPS://One.test:8443/a%20b//./c/../d?x=1&Y=2#f";
    let signed = |message: &str, more: &[&str]| {
        json(
            &[&sign(&key, message, more)[..], &["--url", url]].concat(),
            0,
        )["signed"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for (message, want) in [
        ("{expires}$uri {key}", "1700003600/a b/d {key}"),
        ("${uri}x$DOCUMENT_URI", "/a b/dx/a b/d"),
        ("$arg_x,$arg_y,$arg_z", "1,2,"),
        ("$arg_expires {key}", "1700003600 {key}"),
        (
            "$scheme $host $http_host $https$is_args",
            "https one.test One.test:8443 on?",
        ),
    ] {
        assert_eq!(signed(message, &[]), want, "{message}");
    }
    assert_eq!(
        signed("$request_uri $args", &["--from", "cookie"]),
        "/a%20b//./c/../d?x=1&Y=2 x=1&Y=2"
    );
    assert_eq!(
        signed(
            "$remote_addr $cookie_sid $http_x_user $tier",
            &[
                "--address",
                "2001:DB8::1",
                "--header",
                "Cookie: a=b; SID=7",
                "--header",
                "X-User: u",
                "--var",
                "tier=gold"
            ]
        ),
        "2001:db8::1 7 u gold"
    );
    // A value wins over what the URL says, and does not need one.
    assert_eq!(
        signed("$uri $tier", &["--set", "uri=/b", "--var", "tier=1"]),
        "/b 1"
    );

    let refused = |message: &str| {
        let (code, text) = answer(&sign(&key, message, &[]));
        assert_eq!(code, 2, "{message}: {text}");
        text
    };
    assert_eq!(
        refused("{expires}$uri$remote_addr $host $http_x_id $cookie_c $Secret"),
        "gatehouse: the message has what the arguments do not say: \"$uri\" (give --url), \"$remote_addr\" (give --address), \"$host\" (give a --url with scheme and host), \"$http_x_id\" (give --header \"x-id: …\"), \"$cookie_c\" (give --header \"Cookie: c=…\"), \"$secret\" (give --var secret=…)"
    );
    assert!(refused("a$ b").contains("invalid variable name"));
    let (code, text) = answer(
        &[
            &sign(&key, "$request_uri $arg_md5", &[])[..],
            &["--url", "/a"],
        ]
        .concat(),
    );
    assert_eq!(
        (code, text.as_str()),
        (
            2,
            "gatehouse: the token itself is in \"$request_uri\", \"$arg_md5\": it cannot be part of what is signed"
        )
    );
    let (code, text) = answer(&[&sign(&key, "$uri", &[])[..], &["--url", "/../a"]].concat());
    assert!(code == 2 && text.contains("leaves the root"), "{text}");
}

#[test]
fn a_token_goes_where_from_says() {
    let key = KeyFile::new("places", "k");
    let arguments = |format: &'static str, from: &'static str| {
        let message = ["--message", "{expires}$uri {key}"];
        let message = if format == "secure_link" {
            &message[..]
        } else {
            &[]
        };
        let common = [
            "--format",
            format,
            "--key-file",
            key.path(),
            "--now",
            "1700000000",
        ];
        [&common[..], &["--from", from], message].concat()
    };
    let sign = |format, from, url: &str| {
        let (code, text) = answer(
            &[
                &["sign"],
                &arguments(format, from)[..],
                &["--expires", "+60", "--url", url],
            ]
            .concat(),
        );
        assert_eq!(code, 0, "{text}");
        text
    };
    let verify = |format, from, more: &[&str]| {
        verdict(&[&["verify"], &arguments(format, from)[..], more].concat())
    };
    let ok = (0, "status     ok".to_owned());

    let link = sign("scalesimple", "query=tok,exp cookie", "/a?b");
    assert!(
        link.starts_with("/a?b&tok=") && link.ends_with("&exp=1700000060"),
        "{link}"
    );
    assert_eq!(
        verify("scalesimple", "cookie query=tok,exp", &["--url", &link]),
        ok
    );
    assert_eq!(verify("scalesimple", "query", &["--url", &link]).0, 1);
    let link = sign("secure_link", "query=st", "/a");
    assert!(
        link.starts_with("/a?st=") && link.ends_with(",1700000060"),
        "{link}"
    );
    assert_eq!(verify("secure_link", "query=st", &["--url", &link]), ok);

    let line = sign("scalesimple", "cookie", "/a?b");
    assert!(
        line.starts_with("Cookie: ss_token=") && line.ends_with("; ss_expiration=1700000060"),
        "{line}"
    );
    assert_eq!(
        verify(
            "scalesimple",
            "cookie",
            &["--url", "/a?b", "--header", &line]
        ),
        ok
    );
    let lines = sign("scalesimple", "header", "/a?b");
    let (token, expiry) = lines.split_once('\n').unwrap();
    assert!(
        token.starts_with("X-SS-Token: ") && expiry == "X-SS-Expiration: 1700000060",
        "{lines}"
    );
    let more = ["--url", "/a?b", "--header", token, "--header", expiry];
    assert_eq!(verify("scalesimple", "header", &more), ok);
    assert_eq!(verify("scalesimple", "query header", &more), ok);

    for format in ["scalesimple", "secure_link"] {
        let link = sign(format, "path", "https://h.test/v/a.mp4?x#y");
        assert!(link.ends_with(",1700000060/v/a.mp4?x#y"), "{link}");
        assert_eq!(verify(format, "path", &["--url", &link]), ok);
        let link = sign(format, "path", "/v/{token}/a.mp4");
        assert!(
            link.starts_with("/v/") && link.ends_with(",1700000060/a.mp4"),
            "{link}"
        );
        assert_eq!(verify(format, "path", &["--url", &link]), ok);
    }

    for (from, error) in [
        ("body", "unknown place"),
        ("query query", "duplicate"),
        ("query cookie=a;b", "invalid names"),
    ] {
        let (code, text) = answer(
            &[
                &["sign"],
                &arguments("scalesimple", from)[..],
                &["--expires", "+60", "--url", "/"],
            ]
            .concat(),
        );
        assert!(code == 2 && text.contains(error), "{text}");
    }
}

#[test]
fn a_message_that_protects_nothing_is_warned_about() {
    let key = KeyFile::new("doubts", "k");
    let doubts = |message: &str| {
        let more = ["--message", message, "--expires", "+1h", "--url", "/a"];
        let plain = signing("secure_link", key.path(), &more);
        let said = warnings(&plain);
        assert_eq!(warnings(&[&plain[..], &["--json"]].concat()), said);
        said
    };
    let no_expiry = "\"message\" has no \"{expires}\": a link never expires";
    let no_key = "\"message\" has no \"{key}\": it is the text of an HMAC-MD5";
    let no_variable = "\"message\" has no variable: a token opens every URL";
    assert!(doubts("{expires}$uri {key}").is_empty());
    assert_eq!(doubts("$uri {key}"), [no_expiry]);
    assert_eq!(doubts("{expires}$uri"), [no_key]);
    // What a shell leaves of "{expires}$uri {key}" in double quotes.
    assert_eq!(doubts("{expires} {key}"), [no_variable]);
    assert_eq!(doubts("x"), [no_expiry, no_key, no_variable]);
    let more = ["--expires", "+1h", "--url", "/a"];
    assert!(warnings(&signing("scalesimple", key.path(), &more)).is_empty());
}

#[test]
fn help_and_wrong_use() {
    for command in ["sign", "verify"] {
        let (code, help) = answer(&[command, "--help"]);
        for option in [
            "--format",
            "--key-file",
            "--from",
            "--message",
            "--url",
            "--address",
            "--header",
            "--var",
            "--now",
            "--json",
        ] {
            assert!(code == 0 && help.contains(option), "{command} {option}");
        }
    }
    assert_eq!(answer(&["sign"]).0, 2);
    let key = KeyFile::new("wrong", "k");
    let more = ["--expires", "+1", "--url", "/", "--message", "x"];
    let (code, text) = answer(&signing("scalesimple", key.path(), &more));
    assert_eq!(
        (code, text.as_str()),
        (2, "gatehouse: scalesimple takes no --message")
    );
    let more = ["--expires", "+1", "--url", "/", "--encoding", "der"];
    let (code, text) = answer(&signing("scalesimple", key.path(), &more));
    assert!(
        code == 2
            && text.contains("'der'")
            && text.contains("text, hex, base64, base64url, pem, jwks"),
        "{text}"
    );
}
