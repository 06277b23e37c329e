//! The schemes of CDNs: links that an attacker makes out of good ones.

use data_encoding::BASE64URL_NOPAD;

use super::cdns::{GOOD, INVALID, MALFORMED, of, signed};
use super::fake::{EXP, Fake, NOW, profile, status};
use crate::{Profile, Reason};

const WRONG_PATH: Option<Reason> = Some(Reason::WrongPath);

fn secdownload(more: &[&str]) -> Profile {
    let words = ["algorithm sha256", "lifetime 3600"];
    of("secdownload", &[&words[..], more].concat())
}

/// Nothing in front of a token of lighttpd is signed: there its prefix says where it stands.
#[test]
fn a_link_of_secdownload_opens_nothing_in_other_folders() {
    let token = &signed(&secdownload(&["from query"]), "/x", &[])[0];
    let bound = secdownload(&["uri_prefix /dl/"]);
    let ask = |target: &str, path: &str| {
        let request = Fake::new(&target.replace("TOKEN", token)).serving(path);
        status(&bound, &request)
    };
    for (before, wanted) in [
        ("/dl/", GOOD),
        ("/%64l/", GOOD),
        ("/dl/sub/", WRONG_PATH),
        ("/sub/dl/", WRONG_PATH),
        ("/sub/", WRONG_PATH),
        ("/", WRONG_PATH),
        ("//dl/", WRONG_PATH),
        ("/dl//", WRONG_PATH),
        ("/DL/", WRONG_PATH),
        ("/dl%00/", WRONG_PATH),
        ("/dl/%zz/", WRONG_PATH),
    ] {
        let path = format!("{before}x");
        assert_eq!(ask(&format!("{before}TOKEN/x"), &path), wanted, "{before}");
        // A forged token learns nothing of the prefix.
        assert_eq!(ask(&format!("{before}TOKEN/y"), &path), INVALID, "{before}");
    }
    let late = bound.verify(&Fake::new(&format!("/sub/{token}/x")), NOW + 9999);
    assert_eq!(late.refused, Some(Reason::Expired));
    let anywhere = secdownload(&[]);
    let moved = Fake::new(&format!("/sub/{token}/x"));
    assert_eq!(status(&anywhere, &moved), GOOD);
    let root = secdownload(&["uri_prefix /"]);
    assert_eq!(status(&root, &moved), WRONG_PATH);
    assert_eq!(status(&root, &Fake::new(&format!("/{token}/x"))), GOOD);
}

#[test]
fn a_prefix_is_written_or_missed() {
    let doubts = |more: &[&str]| secdownload(more).doubts();
    assert!(doubts(&["uri_prefix /dl/"]).is_empty());
    assert!(doubts(&["from query"]).is_empty());
    for more in [&[][..], &["from query path"]] {
        let said = doubts(more);
        assert_eq!(said.len(), 1, "{more:?}");
        assert!(said[0].text.contains("\"uri_prefix\""), "{}", said[0].text);
    }
    let refused = |more: &[&str]| {
        let lines = ["format secdownload", "key k1", "algorithm sha1"];
        profile(&[&lines[..], more].concat()).unwrap_err()
    };
    for bad in ["dl", "/dl", "dl/"] {
        assert_eq!(
            refused(&[&format!("uri_prefix {bad}")]),
            format!(
                "invalid value \"{bad}\" in \"uri_prefix\" directive, it must begin and end with \"/\""
            )
        );
    }
    for from in ["from query", "from path query"] {
        let error = refused(&[from, "uri_prefix /dl/"]);
        assert!(error.contains("write \"from path\" alone"), "{error}");
    }
    let foreign = profile(&["format keycdn", "key k1", "uri_prefix /dl/"]).unwrap_err();
    assert_eq!(
        foreign,
        "has an \"uri_prefix\", format \"keycdn\" takes none"
    );
}

/// Asks for a link of Bunny with a token over this text, in the form of today or the one before.
fn bunny(is_today: bool, text: &str, link: &str) -> Option<Reason> {
    let key = b"k1";
    let token = if is_today {
        use hmac::{KeyInit as _, Mac as _};
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        format!(
            "HS256-{}",
            BASE64URL_NOPAD.encode(&mac.finalize().into_bytes())
        )
    } else {
        use sha2::Digest as _;
        BASE64URL_NOPAD.encode(&sha2::Sha256::digest(format!("k1{text}")))
    };
    let request = Fake::new(&format!("{link}&token={token}"));
    status(&of("bunny", &["from query"]), &request)
}

/// Path, expiry and arguments are signed with nothing between.
#[test]
fn digits_do_not_slide_through_a_link_of_bunny() {
    for is_today in [true, false] {
        let ask = |text: &str, link: &str| bunny(is_today, text, link);
        let text = format!("/ep2{EXP}a=1");
        assert_eq!(ask(&text, &format!("/ep2?a=1&expires={EXP}")), GOOD);
        let later = "2170000060";
        for link in ["/ep?0a=1", "/ep?%30a=1"] {
            let refused = ask(&text, &format!("{link}&expires={later}"));
            assert_ne!(refused, GOOD, "{link}");
        }
        assert_eq!(ask(&text, &format!("/ep?0a=1&expires={later}")), MALFORMED);
        // Whoever signs them.
        for data in ["=1", "9=1", "a=1&0b=2", "a\u{e9}=1", "a\u{7f}=1"] {
            let link = format!("/ep?{data}&expires={EXP}");
            assert_eq!(ask(&format!("/ep{EXP}{data}"), &link), MALFORMED, "{data}");
        }
        // A folder is in the arguments again: there the digits are in nobody's way, until it is none.
        let folder = format!("/v2{EXP}1=x&token_path=/v2");
        let link = format!("/v2/a?1=x&token_path=%2Fv2&expires={EXP}");
        assert_eq!(ask(&folder, &link), GOOD);
        assert_eq!(ask(&folder, &link.replace("v2", "v")), INVALID);
        let folder = format!("/v2{EXP}token_path=/v2");
        let link = format!("/v?0token_path=/v2&expires={later}");
        assert_eq!(ask(&folder, &link), MALFORMED);
        // What is not signed may be called as it likes.
        let ignoring = format!("/a{EXP}token_ignore_params=true");
        let link = format!("/a?token_ignore_params=true&0=1&expires={EXP}");
        assert_eq!(ask(&ignoring, &link), GOOD);
    }
}

/// Whether a token of Bunny is bound to an address is not signed: the address must not become a name.
#[test]
fn an_address_of_bunny_is_no_part_of_a_name() {
    let bound =
        |url: &str, address: &str| signed(&of("bunny", &["from query"]), url, &[("ip", address)]);
    for (url, address, link) in [
        ("/a?x=1", "93.195.169.93", "/a?]\u{e9}]x=1"),
        (
            "/v/a?a=1&token_path=/v/",
            "93.195.169.93",
            "/v/b?]\u{e9}]a=1&token_path=/v/",
        ),
        (
            "/v/a?token_path=/v/",
            "93.195.169.93",
            "/v/?]\u{e9}]token_path=/v/",
        ),
    ] {
        let values = bound(url, address);
        let token = values[0].replace("HS256-1-", "HS256-");
        let anybody = Fake::new(&format!("{link}&token={token}&expires={}", values[1]));
        let profile = of("bunny", &["from query"]);
        assert_eq!(status(&profile, &anybody), MALFORMED, "{url}");
    }
}

#[test]
fn an_address_beside_an_expiry_is_doubted() {
    let doubts = |more: &[&str]| of("bunny", more).doubts();
    assert!(doubts(&[]).is_empty() && doubts(&["bind_ip off"]).is_empty());
    let said = doubts(&["bind_ip exact"]);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].word, "bind_ip");
}

/// The values of headers are the client's, and stand in what is signed: they are no fields of the token, nor other headers.
#[test]
fn a_header_of_media_cdn_is_not_taken_for_more() {
    let media = of("gcp_media", &["from cookie"]);
    let key = crate::Key {
        id: None,
        secret: crate::Secret::new(b"k1".to_vec()),
        form: crate::KeyForm::Secret,
    };
    let sign = |claims: &[(&str, &str)], headers: &[(&str, &str)]| {
        let claims = claims.iter();
        let claims: Vec<_> = claims
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let wanted = crate::Wanted {
            now: NOW,
            expires: NOW + 600,
            claims: &claims,
        };
        let signed = media.sign(&key, &with(headers), &wanted).unwrap();
        signed.values[0].clone()
    };
    let ask = |token: &str, headers: &[(&str, &str)]| {
        let cookie = format!("Edge-Cache-Cookie={token}");
        status(&media, &with(headers).of_client("10.0.0.1").cookie(&cookie))
    };
    let bound = sign(
        &[("Headers", "X-A"), ("IPRanges", "192.0.2.0/24")],
        &[("X-A", "1")],
    );
    assert_eq!(ask(&bound, &[("X-A", "1")]), Some(Reason::WrongIp));
    let (before, rest) = bound.split_once("~IPRanges=").unwrap();
    let (ranges, mac) = rest.split_once('~').unwrap();
    let free = format!("{before}~{mac}");
    let value = format!("1~IPRanges={ranges}");
    assert_eq!(ask(&free, &[("X-A", &value)]), INVALID);
    let two = sign(&[("Headers", "X-A,X-B")], &[("X-A", "1"), ("X-B", "2")]);
    assert_eq!(ask(&two, &[("X-A", "1"), ("X-B", "2")]), GOOD);
    let one = two.replace("X-A,X-B", "X-A");
    assert_eq!(ask(&one, &[("X-A", "1,X-B=2"), ("X-B", "3")]), INVALID);
    // What browsers and players send has commas, too.
    for agent in [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130",
        "https://a.test/~user?x=1,2",
        "a, b, c=1",
        "~",
    ] {
        let headers = [("User-Agent", agent)];
        let token = sign(&[("Headers", "user-agent")], &headers);
        assert_eq!(ask(&token, &headers), GOOD, "{agent}");
    }
}

fn with(headers: &[(&str, &str)]) -> Fake {
    let request = Fake::new("/a").message(&["x"]);
    let mut headers = headers.iter();
    headers
        .try_fold(request, |request, (name, value)| {
            Some(request.header(name, value))
        })
        .unwrap()
}
