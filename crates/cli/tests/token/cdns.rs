//! Links of CDNs: every scheme signs what it verifies, wherever its tokens may stand.

use super::{KeyFile, answer, verdict};

const URL: &str = "https://media.test/v/a.mp4";
const LATER: &str = "4000000000";

/// What a scheme wants to know, and the spelling of its key.
fn of(format: &str) -> (&'static str, &'static [&'static str]) {
    match format {
        "edgeauth" => ("6b6579", &[]),
        "fastly" => ("a2V5", &[]),
        "gcp_cdn" | "gcp_media" => ("a2V5", &[]),
        "cloudflare" => ("key", &["--lifetime", "1h"]),
        "secdownload" => ("key", &["--algorithm", "sha256", "--lifetime", "100d"]),
        "cloudfront" => (include_str!("../../../../t/data/keys/rsa.pem"), &[]),
        _ => ("key", &[]),
    }
}

const ALL: [&str; 10] = [
    "edgeauth",
    "bunny",
    "cloudflare",
    "fastly",
    "keycdn",
    "cdn77",
    "secdownload",
    "gcp_cdn",
    "gcp_media",
    "cloudfront",
];

#[test]
fn links_are_signed_as_they_are_verified() {
    for format in ALL {
        let (text, more) = of(format);
        let key = KeyFile::new(&format!("cdn-{format}"), text);
        let named = format!("one={}", key.path());
        let common = [
            "--format",
            format,
            "--key-file",
            &named,
            "--now",
            "3999999000",
        ];
        let common = [&common[..], more].concat();
        let sign = [&["sign"], &common[..], &["--url", URL, "--expires", LATER]].concat();
        let (code, link) = answer(&sign);
        assert_eq!(code, 0, "{format} {link}");
        assert!(link.starts_with("https://media.test/"), "{format} {link}");
        let verify = |link: &str| {
            let verify = [&["verify"], &common[..], &["--url", link]].concat();
            let from: &[&str] = if format == "secdownload" {
                &["--from", "path"]
            } else {
                &["--from", "query"]
            };
            verdict(&[&verify[..], from].concat()).0
        };
        assert_eq!(verify(&link), 0, "{format} {link}");
        assert_eq!(verify(&link.replace("a.mp4", "b.mp4")), 1, "{format}");
    }
}

#[test]
fn a_signer_is_told_what_else_a_token_says() {
    let key = KeyFile::new("claims", "6b6579");
    let sign = |claims: &[&str]| {
        let common = ["sign", "--format", "edgeauth", "--key-file", key.path()];
        answer(&[&common[..], claims, &["--url", "/v/a", "--expires", LATER]].concat())
    };
    let (code, link) = sign(&["--claim", "acl=/v/*", "--claim", "id=x"]);
    let wanted = "/v/a?__token__=exp=4000000000~acl=/v/*~id=x~hmac=";
    assert!(code == 0 && link.starts_with(wanted), "{link}");
    let (code, _) = sign(&["--claim", "url=/v/a"]);
    assert_ne!(code, 0);
    let (code, _) = sign(&["--claim", "acl"]);
    assert_eq!(code, 2);
    // Such a link would open nothing at this URL.
    let (code, _) = sign(&["--claim", "acl=/w/*"]);
    assert_eq!(code, 1);
}
