//! The scheme `hmac`: words of a profile are options of the program.

use super::{KeyFile, answer, json, signing, vectors, verdict};

const MESSAGE: [&str; 2] = ["--message", "$uri|{timestamp}|{lifetime}"];

#[test]
fn links_of_http_hmac_secure_link_are_signed_alike() {
    let key = KeyFile::new("hmac", "my_secret_key");
    let mut signed = 0;
    for case in vectors("nginx_hmac_secure_link") {
        let number = |name: &str| case[name].as_i64().unwrap();
        let uri = case["uri"].as_str().unwrap();
        let (made, lifetime) = (number("ts"), number("e"));
        let token = case["token"].as_str().unwrap();
        let link = format!("{uri}?st={token}&ts={made}&e={lifetime}");
        let common = [
            &["--format", "hmac", "--key-file", key.path()],
            &MESSAGE[..],
        ]
        .concat();
        let common = [&common[..], &["--from", "query=st,ts,e"]].concat();
        let (now, at) = (made.to_string(), (made + lifetime).to_string());
        if case["reason"] != "uri" {
            let arguments = ["--url", uri, "--now", &now, "--expires", &at];
            let arguments = [&["sign"], &common[..], &arguments].concat();
            assert_eq!(answer(&arguments), (0, link.clone()), "{}", case["name"]);
            signed += 1;
        }
        let now = number("now").to_string();
        let arguments = ["--url", &link, "--now", &now];
        let (code, _) = verdict(&[&["verify"], &common[..], &arguments].concat());
        assert_eq!(code == 0, case["valid"] == true, "{}", case["name"]);
    }
    assert!(signed >= 2);
}

#[test]
fn algorithm_and_encoding_are_those_of_the_profile() {
    let key = KeyFile::new("algorithm", "example");
    let sign = |more: &[&str]| {
        let rest = [
            "--message",
            "{expires}|$uri",
            "--url",
            "/v",
            "--expires",
            "4000000000",
        ];
        answer(&signing("hmac", key.path(), &[&rest[..], more].concat()))
    };
    for (more, token) in [
        // Made by openssl dgst.
        (&[][..], "ezZ_xkV6Q94RMmcZCT-egFLvvvtC0FSQPVTFC_wpS7Q"),
        (
            &["--algorithm", "sha1", "--encoding", "hex"],
            "242c36d1e0eca958537dd7f30885db6f0b93fdc2",
        ),
        (
            &["--algorithm", "md5", "--encoding", "base64"],
            "zI7cpZOXmPghxzVAI+SOfA==",
        ),
    ] {
        let (code, link) = sign(more);
        assert_eq!(
            (code, link),
            (0, format!("/v?token={token}&expires=4000000000")),
            "{more:?}"
        );
    }
    let (code, text) = sign(&["--algorithm", "crc32"]);
    assert!(
        code == 2 && text.contains("unknown algorithm \"crc32\""),
        "{text}"
    );
    let (code, text) = sign(&["--encoding", "text"]);
    assert!(
        code == 2 && text.contains("unknown encoding \"text\""),
        "{text}"
    );
    let more = ["--url", "/", "--expires", "+1", "--algorithm", "md5"];
    let (code, text) = answer(&signing("scalesimple", key.path(), &more));
    assert_eq!(
        (code, text.as_str()),
        (2, "gatehouse: scalesimple takes no --algorithm")
    );
}

#[test]
fn keys_and_tokens_may_be_spelled_in_two_ways() {
    let text = KeyFile::new("spelled", "k\u{1}");
    let hex = KeyFile::new("spelled-hex", "6b01");
    let rest = [
        "--message",
        "{expires}|$uri",
        "--url",
        "/v",
        "--expires",
        "+60",
    ];
    let hex_token = [&rest[..], &["--encoding", "hex"]].concat();
    let (_, wanted) = answer(&signing("hmac", text.path(), &hex_token));
    let hex_key = [&hex_token[..], &["--key-encoding", "hex"]].concat();
    assert_eq!(answer(&signing("hmac", hex.path(), &hex_key)), (0, wanted));
    // Without a word of that name in the scheme, --encoding is what it was.
    let url = ["--url", "/v", "--expires", "+60", "--encoding", "hex"];
    let old = answer(&signing("scalesimple", hex.path(), &url));
    assert_eq!(old, answer(&signing("scalesimple", text.path(), &url[..4])));
}

#[test]
fn a_verdict_shows_what_was_signed_but_no_key() {
    let key = KeyFile::new("shown", "sesame");
    let common = [
        "--format",
        "hmac",
        "--key-file",
        key.path(),
        "--from",
        "query=st,ts,e",
    ];
    let common = [&common[..], &MESSAGE].concat();
    let url = "/v?st=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&ts=1700000000&e=60";
    let answer = json(&[&["verify"], &common[..], &["--url", url]].concat(), 1);
    assert_eq!(answer["status"], "invalid");
    assert_eq!(answer["places"][0]["signed"], "/v|1700000000|60");
    assert!(!answer.to_string().contains("sesame"));
    let (code, text) =
        verdict(&[&["verify"], &common[..], &["--url", "/v?st=x&ts=1&e=60"]].concat());
    assert_eq!((code, text.as_str()), (1, "status     malformed"));
}
