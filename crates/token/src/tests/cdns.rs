//! The schemes of CDNs: what no vector says.

use super::fake::{EXP, Fake, NOW, profile, status};
use crate::{Key, Profile, Reason, Secret, Wanted};

pub(super) const GOOD: Option<Reason> = None;
pub(super) const INVALID: Option<Reason> = Some(Reason::Invalid);
pub(super) const MALFORMED: Option<Reason> = Some(Reason::Malformed);

pub(super) fn of(format: &str, more: &[&str]) -> Profile {
    let format = format!("format {format}");
    profile(&[&[format.as_str(), "key encoding=text k1"], more].concat()).unwrap()
}

/// The values of a token for a URL with a claim or two.
pub(super) fn signed(profile: &Profile, url: &str, claims: &[(&str, &str)]) -> Vec<String> {
    let key = Key {
        id: None,
        secret: Secret::new(b"k1".to_vec()),
        form: crate::KeyForm::Secret,
    };
    let claims: Vec<_> = claims
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let wanted = Wanted {
        now: NOW,
        expires: NOW + 600,
        claims: &claims,
    };
    let request = Fake::new(url).message(&["https://a.test"]);
    profile.sign(&key, &request, &wanted).unwrap().values
}

/// A link with its token behind everything else.
pub(super) fn bunny(url: &str, claims: &[(&str, &str)]) -> String {
    let values = signed(&of("bunny", &["from query"]), url, claims);
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}token={}&expires={}", values[0], values[1])
}

pub(super) fn asked(link: &str) -> Option<Reason> {
    let client = Fake::new(link).of_client("192.0.2.1");
    status(&of("bunny", &["from query"]), &client)
}

/// Path and time are signed with nothing between: a digit must not go from one to the other.
#[test]
fn digits_stay_where_they_are() {
    let link = bunny("/video1", &[]);
    assert_eq!(asked(&link), GOOD);
    let moved = link
        .replace("/video1", "/video")
        .replace(EXP, &format!("1{EXP}"));
    assert_eq!(asked(&moved), MALFORMED);
    let moved = bunny("/video", &[])
        .replace("/video", "/video1")
        .replace(EXP, &EXP[1..]);
    assert_eq!(asked(&moved), MALFORMED);

    let fastly = of("fastly", &["from query"]);
    let token = &signed(&fastly, "/video1", &[])[0];
    assert_eq!(
        status(&fastly, &Fake::new(&format!("/video1?token={token}"))),
        GOOD
    );
    let moved = Fake::new(&format!("/video?token=1{token}"));
    assert_eq!(status(&fastly, &moved), MALFORMED);

    let secdownload = of(
        "secdownload",
        &["algorithm md5", "lifetime 3600", "from query"],
    );
    let token = &signed(&secdownload, "/a6", &[])[0];
    let (mac, time) = token.split_once('/').unwrap();
    let good = Fake::new(&format!("/a6?token={mac}/{time}"));
    assert_eq!(status(&secdownload, &good), GOOD);
    let moved = Fake::new(&format!("/a?token={mac}/6{time}"));
    assert_eq!(status(&secdownload, &moved), MALFORMED);
}

#[test]
fn bunny_signs_all_arguments() {
    let link = bunny("/a?x=1&b=2", &[]);
    assert_eq!(asked(&link), GOOD);
    assert_eq!(asked(&link.replace("x=1&b=2", "b=2&x=1")), GOOD, "sorted");
    for other in ["x=1", "x=1&b=3", "x=1&b=2&c=3", "b=2%26x=1", "x=1&b=2&x=1"] {
        assert_ne!(asked(&link.replace("x=1&b=2", other)), GOOD, "{other}");
    }
    let many: String = (0..70).map(|n| format!("&a{n}=1")).collect();
    assert_eq!(asked(&format!("{link}{many}")), MALFORMED);
    for bad in ["x=%00", "x=%zz", "x=%4"] {
        assert_eq!(asked(&link.replace("x=1", bad)), INVALID, "{bad}");
    }
    let ignoring = bunny("/a?token_ignore_params=true", &[]);
    assert_eq!(asked(&format!("{ignoring}&utm=x")), GOOD);
    let twice = format!("{ignoring}&token_ignore_params=true");
    assert_eq!(asked(&twice), MALFORMED);
}

#[test]
fn bunny_folders() {
    let link = bunny("/abc/1.ts?token_path=%2Fabc", &[]);
    for (path, wanted) in [
        ("/abc/1.ts", GOOD),
        ("/abc/d/2.ts", GOOD),
        ("/abc", GOOD),
        ("/abcd/1.ts", Some(Reason::WrongPath)),
        ("/abc/%2e%2e/paid", Some(Reason::WrongPath)),
        ("/abc/..;/paid", Some(Reason::WrongPath)),
        ("/paid", Some(Reason::WrongPath)),
    ] {
        assert_eq!(asked(&link.replace("/abc/1.ts", path)), wanted, "{path}");
    }
    assert_eq!(asked(&link.replace("%2Fabc", "%2F")), INVALID);
    assert_eq!(asked(&format!("{link}&token_path=%2F")), MALFORMED);
}

#[test]
fn bunny_addresses() {
    let four = bunny("/a", &[("ip", "192.0.2.1")]);
    assert!(four.contains("HS256-1-"), "{four}");
    assert_eq!(asked(&four), GOOD);
    assert_eq!(asked(&four.replace("HS256-1-", "HS256-")), INVALID);
    let profile = of("bunny", &["from query"]);
    let from = |link: &str, address: &str| {
        let client = Fake::new(link).of_client(address);
        status(&profile, &client)
    };
    assert_eq!(from(&four, "::ffff:192.0.2.1"), GOOD);
    assert_eq!(from(&four, "192.0.2.2"), INVALID);
    let six = bunny("/a", &[("ip", "2001:db8:1:2::1")]);
    assert_eq!(from(&six, "2001:db8:1:2:ffff::9"), GOOD, "the same /64");
    assert_eq!(from(&six, "2001:db8:1:3::1"), INVALID);
    assert_eq!(status(&profile, &Fake::new(&six)), MALFORMED, "no address");
}

#[test]
fn countries_of_bunny_are_looked_at_where_somebody_knows_them() {
    let link = |args: &str| {
        let link = format!("/a?{args}");
        let (url, _) = link.split_once('?').unwrap();
        assert_eq!(url, "/a");
        bunny(&link, &[])
    };
    let from = |link: &str, areas: Option<Vec<&'static str>>| {
        let mut client = Fake::new(link);
        client.areas = areas;
        status(&of("bunny", &["from query"]), &client)
    };
    let forbidden = Some(Reason::Forbidden);
    for (args, here, wanted) in [
        ("token_countries=CA,US", "US", GOOD),
        ("token_countries=CA%2CUS", "US", GOOD),
        ("token_countries=CA,US", "DE", forbidden),
        ("token_countries=", "DE", forbidden),
        ("token_countries=CANADIANUS", "US", forbidden),
        ("token_countries_blocked=CA,US", "DE", GOOD),
        ("token_countries_blocked=CA,US", "CA", forbidden),
        (
            "token_countries=CA&token_countries_blocked=CA",
            "CA",
            forbidden,
        ),
        ("token_countries=DE&token_ignore_params=true", "CA", GOOD),
    ] {
        let link = link(args);
        assert_eq!(from(&link, Some(vec![here])), wanted, "{args} {here}");
        assert_eq!(from(&link, None), GOOD, "nobody knows: {args}");
    }
    let nowhere = link("token_countries=CA");
    assert_eq!(from(&nowhere, Some(Vec::new())), forbidden);
    let twice = link("token_countries=CA&token_countries=DE");
    assert_eq!(from(&twice, Some(vec!["CA"])), MALFORMED);
}

/// Bunny's own signer made these (its e2e vectors), in a path and with a folder that is percent-encoded.
#[test]
fn bunny_in_a_path() {
    let lines = ["format bunny", "key SecurityKey", "from path"];
    let profile = profile(&lines).unwrap();
    let token = "HS256-1-4lIDGI2_t3wiTmopXzB7z71wtZKTe1Ic0lDlL72iAJw";
    let segment = format!("bcdn_token={token}&token_countries=CA%2CUS&expires=1598024587");
    let at = |target: &str| {
        let client = Fake::new(target).serving("/abc/").of_client("1.2.3.4");
        profile.verify(&client, 1_598_024_587).refused
    };
    assert_eq!(at(&format!("/{segment}/abc/")), GOOD);
    assert_eq!(at(&format!("/{segment}/abc/?x=1")), INVALID);
    assert_eq!(at(&format!("/{segment}x/abc/")), Some(Reason::Missing));

    let own = of("bunny", &["from path"]);
    let path = "/bcdn_token=x&token_path=/v/&expires=1700000600/v/1.ts";
    let target = path.replacen("/v/", "%2Fv%2F", 1);
    let decoded = path.replace("//", "/");
    let mut room = vec![0; target.len()];
    let found = own.in_path(target.as_bytes(), decoded.as_bytes(), &mut room);
    let crate::InPath::Both { path, .. } = found else {
        panic!("{found:?}")
    };
    assert_eq!([path.before, path.after].concat(), b"/v/1.ts");
}

#[test]
fn older_tokens_of_bunny_are_bound_where_the_profile_says_so() {
    let sha256 = |text: &str| {
        use sha2::Digest as _;
        data_encoding::BASE64URL_NOPAD.encode(&sha2::Sha256::digest(text))
    };
    let loose = of("bunny", &["from query"]);
    let bound = of("bunny", &["from query", "bind_ip exact"]);
    for (address, wanted) in [("", [GOOD, INVALID]), ("192.0.2.1", [INVALID, GOOD])] {
        let token = sha256(&format!("k1/a{EXP}{address}"));
        let rx = Fake::new(&format!("/a?token={token}&expires={EXP}")).of_client("192.0.2.1");
        assert_eq!(
            [status(&loose, &rx), status(&bound, &rx)],
            wanted,
            "{address}"
        );
    }
}

#[test]
fn nothing_follows_a_token_of_cloudflare() {
    let cloudflare = of("cloudflare", &["from query"]);
    let token = &signed(&cloudflare, "/a?w=1", &[])[0];
    let ask = |target: &str| status(&cloudflare, &Fake::new(target));
    assert_eq!(ask(&format!("/a?w=1&verify={token}")), GOOD);
    assert_eq!(ask(&format!("/a?w=1&verify={token}&x=1")), MALFORMED);
    assert_eq!(ask(&format!("/a?verify={token}&w=1")), MALFORMED);
    assert_eq!(ask(&format!("/a?w=2&verify={token}")), INVALID);
    // Decoded once, and not twice.
    assert_eq!(
        ask(&format!("/a?w=1&verify={}", token.replace("%3D", "="))),
        GOOD
    );
    assert_eq!(
        ask(&format!("/a?w=1&verify={}", token.replace('%', "%25"))),
        MALFORMED
    );
    let url = of("cloudflare", &["from query", "encoding base64url"]);
    let token = &signed(&url, "/a", &[])[0];
    assert_eq!(
        status(&url, &Fake::new(&format!("/a?verify={token}"))),
        GOOD
    );
    assert_eq!(
        status(&url, &Fake::new(&format!("/a?verify={token}="))),
        MALFORMED
    );
    assert!(profile(&["format cloudflare", "key k", "encoding hex"]).is_err());
    assert!(profile(&["format cloudflare", "key k", "from path"]).is_err());
}

#[test]
fn the_path_of_secdownload_is_what_follows() {
    let secdownload = of(
        "secdownload",
        &["algorithm sha1", "lifetime 3600", "from path"],
    );
    let values = signed(
        &of(
            "secdownload",
            &["algorithm sha1", "lifetime 3600", "from query"],
        ),
        "/a b",
        &[],
    );
    let ask = |path: &str| {
        status(
            &secdownload,
            &Fake::new(&format!("/dl/{}{path}", values[0])),
        )
    };
    assert_eq!(ask("/a%20b"), GOOD);
    assert_eq!(ask("/a%20b?x=1"), GOOD);
    for other in ["/a%2520b", "/x/../a%20b", "//a%20b", "/a%00b", "/"] {
        assert_eq!(ask(other), INVALID, "{other}");
    }
    let early = secdownload.verify(&Fake::new("/"), 0);
    assert_eq!(early.refused, Some(Reason::Missing));
    let far = Wanted {
        now: NOW,
        expires: NOW + 7201,
        claims: &[],
    };
    let key = Key {
        id: None,
        secret: Secret::new(b"k1".to_vec()),
        form: crate::KeyForm::Secret,
    };
    assert!(secdownload.sign(&key, &Fake::new("/"), &far).is_err());
    assert!(
        profile(&["format secdownload", "key k"])
            .unwrap_err()
            .contains("algorithm")
    );
}

#[test]
fn cloud_cdn() {
    let google = of("gcp_cdn", &["from query"]);
    let link = |url: &str, claims: &[(&str, &str)]| {
        let values = signed(&google, url, claims);
        let names = google.locations()[0].names().unwrap();
        let pairs = google.scheme().pairs(names, &values);
        let args: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mark = if url.contains('?') { '&' } else { '?' };
        format!("{url}{mark}{}", args.join("&"))
    };
    let ask = |target: &str| status(&google, &Fake::new(target).message(&["https://a.test"]));
    // What is signed holds the arguments, so that a second pass signs what the first has written.
    let draft = link("/v/1?u=2", &[]);
    let whole = signed(&google, &draft, &[])[0].clone();
    let whole = format!(
        "{}Signature={whole}",
        draft.split_once("Signature=").unwrap().0
    );
    assert_eq!(ask(&whole), GOOD);
    assert_eq!(ask(&format!("{whole}&x=1")), MALFORMED);
    assert_eq!(ask(&whole.replace("u=2", "u=3")), INVALID);
    assert_eq!(
        status(&google, &Fake::new(&whole).message(&["http://a.test"])),
        INVALID
    );

    let prefix = link("/v/1", &[("URLPrefix", "https://a.test/v/")]);
    assert_eq!(ask(&prefix), GOOD);
    assert_eq!(
        ask(&format!("{}&x=1", prefix.replace("/v/1?", "/v/2?"))),
        GOOD
    );
    for path in ["/w/1", "/v/%2e%2e/w", "/v", "/v/..;/w"] {
        assert_eq!(
            ask(&prefix.replace("/v/1?", &format!("{path}?"))),
            Some(Reason::WrongPath),
            "{path}"
        );
    }
    let host = link("/v/1", &[("URLPrefix", "https://a.te")]);
    assert_eq!(ask(&host), Some(Reason::WrongPath));

    let other = profile(&[
        "format gcp_cdn",
        "key id=other encoding=text k1",
        "from query",
    ])
    .unwrap();
    let rx = Fake::new(&prefix).message(&["https://a.test"]);
    assert_eq!(status(&other, &rx), INVALID, "the token names another key");

    let cookie = of("gcp_cdn", &["from cookie"]);
    let text = &signed(&cookie, "/v/1", &[("URLPrefix", "https://a.test/v/")])[0];
    let with = |text: &str| {
        let rx = Fake::new("/v/9").cookie(&format!("Cloud-CDN-Cookie={text}"));
        status(&cookie, &rx.message(&["https://a.test"]))
    };
    assert_eq!(with(text), GOOD);
    assert_eq!(with(&text.replace("Expires=1", "Expires=2")), INVALID);
    assert_eq!(with(&format!("{text}:KeyName=x")), MALFORMED);
    assert_eq!(
        with(&text.replace(":Signature", ":Expires=1:Signature")),
        MALFORMED
    );
}

#[test]
fn media_cdn() {
    let media = of("gcp_media", &["from query"]);
    let token = |url: &str, claims: &[(&str, &str)]| signed(&media, url, claims)[0].clone();
    let ask = |url: &str, token: &str| {
        let rx = Fake::new(&format!("{url}?edge-cache-token={token}")).of_client("192.0.2.1");
        status(&media, &rx.message(&["https://a.test"]))
    };
    let full = token("/a b", &[]);
    assert!(
        full.starts_with(&format!("FullPath~Expires={EXP}~hmac=")),
        "{full}"
    );
    assert_eq!(ask("/a%20b", &full), GOOD);
    assert_eq!(ask("/a%20c", &full), INVALID);
    let globs = token("/", &[("PathGlobs", "/tv/*,/film/?")]);
    for (path, wanted) in [
        ("/tv/1", GOOD),
        ("/film/1", GOOD),
        ("/film/12", Some(Reason::WrongPath)),
        ("/tv/%2e%2e/paid", Some(Reason::WrongPath)),
    ] {
        assert_eq!(ask(path, &globs), wanted, "{path}");
    }
    let prefix = token("/", &[("URLPrefix", "https://a.test/v/")]);
    assert_eq!(ask("/v/1", &prefix), GOOD);
    assert_eq!(ask("/w", &prefix), Some(Reason::WrongPath));
    let ranges = token("/", &[("IPRanges", "198.51.100.1,192.0.2.0/24")]);
    assert_eq!(ask("/", &ranges), GOOD);
    let elsewhere = token("/", &[("IPRanges", "198.51.100.0/24")]);
    assert_eq!(ask("/", &elsewhere), Some(Reason::WrongIp));
    let later = token("/", &[("Starts", EXP)]);
    assert_eq!(ask("/", &later), Some(Reason::NotYetValid));
    for bad in [
        globs.replace("PathGlobs", "FullPath~PathGlobs"),
        globs.replace("PathGlobs=/tv/*,/film/?~", ""),
        full.replace("FullPath", "FullPath=/a"),
        format!("{full}~Data=x"),
        full.replace("hmac=", "Signature="),
        full.to_uppercase(),
    ] {
        assert_eq!(ask("/a%20b", &bad), MALFORMED, "{bad}");
    }
}

#[test]
fn headers_of_media_cdn_are_signed_with_their_values() {
    let media = of("gcp_media", &["from cookie"]);
    let key = Key {
        id: None,
        secret: Secret::new(b"k1".to_vec()),
        form: crate::KeyForm::Secret,
    };
    let claims = [("Headers".to_owned(), "user-agent,X-B".to_owned())];
    let wanted = Wanted {
        now: NOW,
        expires: NOW + 600,
        claims: &claims,
    };
    let request = |agent: &str| {
        Fake::new("/a")
            .header("User-Agent", agent)
            .header("x-b", "2")
            .message(&["x"])
    };
    let signed = media.sign(&key, &request("one"), &wanted).unwrap();
    let text = String::from_utf8(signed.text).unwrap();
    assert!(text.ends_with("~Headers=user-agent=one,X-B=2"), "{text}");
    let cookie = format!("Edge-Cache-Cookie={}", signed.values[0]);
    let ask = |request: Fake| status(&media, &request.cookie(&cookie));
    assert_eq!(ask(request("one")), GOOD);
    assert_eq!(ask(request("two")), INVALID);
    assert_eq!(ask(request("one").header("X-B", "2")), INVALID, "twice");
    assert_eq!(
        ask(Fake::new("/a").header("User-Agent", "one").message(&["x"])),
        INVALID,
        "missing"
    );
}

#[test]
fn ed25519_is_for_media_cdn_alone() {
    for format in ["hmac", "edgeauth", "secdownload"] {
        let format = format!("format {format}");
        let mut lines = vec![format.as_str(), "key encoding=text k1", "algorithm ed25519"];
        if format.ends_with("hmac") {
            lines.push("message $uri{expires}");
        }
        let error = profile(&lines).unwrap_err();
        assert!(error.contains("has an \"algorithm\""), "{error}");
    }
    let public = "im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo";
    let lines = [
        "format gcp_media".to_owned(),
        format!("key {public}"),
        "algorithm ed25519".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let media = profile(&lines).unwrap();
    // A MAC under the public key is no signature.
    let hmac = of("gcp_media", &[]);
    let token = &signed(&hmac, "/", &[])[0];
    let rx = Fake::new(&format!("/?edge-cache-token={token}")).message(&["x"]);
    assert_eq!(status(&media, &rx), MALFORMED);
    let short = [
        "format gcp_media",
        "key encoding=text k1",
        "algorithm ed25519",
    ];
    assert!(profile(&short).unwrap_err().contains("has a bad key"));
}
