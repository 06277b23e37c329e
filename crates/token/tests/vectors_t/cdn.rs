//! The vectors of CDNs, each in all places that its scheme has.

use super::{Case, encoded, text};
use serde_json::Value;

/// Lines that let a client say its address.
const SAYS_ADDRESS: &str = "set_real_ip_from 127.0.0.1;\nreal_ip_header X-Real-IP;\n";

/// Room for what is too long for any token.
const ROOM: &str = "large_client_header_buffers 4 32k;\n";

pub(super) fn cases(all: &Value) -> Vec<Case<'_>> {
    let list = |name: &str| all.get(name).unwrap().as_array().unwrap().iter();
    let mut cases = Vec::new();
    cases.extend(list("akamai_edgeauth").flat_map(edgeauth));
    cases.extend(list("cloudflare_hmac_v0").flat_map(cloudflare));
    cases.extend(list("fastly").flat_map(fastly));
    cases.extend(list("bunny_hs256").flat_map(bunny));
    cases.extend(list("bunny_sha256_v1").map(bunny_old));
    cases.extend(list("bunny_md5_basic").map(bunny_old));
    cases.extend(list("keycdn").flat_map(keycdn));
    cases.extend(list("cdn77").map(cdn77));
    cases.extend(list("lighttpd_secdownload").map(secdownload));
    cases.extend(list("gcp_cloud_cdn").map(gcp_cdn));
    cases.extend(list("gcp_media_cdn").flat_map(gcp_media));
    let keys = all.get("keys").unwrap();
    cases.extend(list("cloudfront").map(|one| cloudfront(one, keys)));
    for case in &mut cases {
        case.http = ROOM;
        case.server = SAYS_ADDRESS;
        if let Some(address) = text(case.vector, "client_ip") {
            case.headers.push(format!("X-Real-IP: {address}"));
        }
    }
    cases
}

/// A token of one value, in an argument, a cookie, a header and the path.
fn everywhere<'v>(
    vector: &'v Value,
    profile: &str,
    key: &'v str,
    name: &str,
    (target, token): (&str, &str),
) -> Vec<Case<'v>> {
    let mut cases = in_places(vector, profile, key, name, (target, token));
    let words = format!("{profile} from path;");
    cases.push(Case {
        stripped: target.to_owned(),
        ..Case::new(vector, words, key, format!("/{token}{target}"))
    });
    cases
}

/// The answer that a vector wants, where it says so.
fn status(vector: &Value) -> u16 {
    let said = vector.get("status").and_then(Value::as_u64);
    let gone = text(vector, "reason").unwrap().contains("410");
    match said {
        Some(status) if status >= 400 => status.try_into().unwrap(),
        _ => {
            if gone {
                410
            } else {
                403
            }
        }
    }
}

/// A token of one value, in an argument, a cookie and a header.
fn in_places<'v>(
    vector: &'v Value,
    profile: &str,
    key: &'v str,
    name: &str,
    (target, token): (&str, &str),
) -> Vec<Case<'v>> {
    ["query", "cookie", "header"]
        .map(|place| {
            let mut case = Case::new(
                vector,
                format!("{profile} from {place};"),
                key,
                target.to_owned(),
            );
            let mark = if target.contains('?') { '&' } else { '?' };
            match place {
                "query" => case.target = format!("{target}{mark}{name}={token}"),
                "cookie" => case.headers.push(format!("Cookie: {name}={token}")),
                _ => case.headers.push(format!("X-Token: {token}")),
            }
            case
        })
        .into()
}

fn edgeauth(vector: &Value) -> Vec<Case<'_>> {
    let options = vector.get("verify_opts").unwrap();
    let mut profile = "format edgeauth; key file=key;".to_owned();
    if let Some(algorithm) = text(options, "alg") {
        profile += &format!(" algorithm {algorithm};");
    }
    if let Some(salt) = text(options, "salt") {
        profile += &format!(" salt {salt};");
    }
    if options.get("esc").is_some() {
        profile += " escape_early on;";
    }
    if let Some(leeway) = options.get("skew") {
        profile += &format!(" leeway {leeway}s;");
    }
    let target = match text(vector, "name").unwrap() {
        "acl-dotdot" => "/free/%2e%2e/paid/x".to_owned(),
        _ => encoded(text(vector, "path").unwrap()),
    };
    let token = text(vector, "token").unwrap();
    let key = text(vector, "key_hex").unwrap();
    in_places(vector, &profile, key, "__token__", (&target, token))
}

fn cloudflare(vector: &Value) -> Vec<Case<'_>> {
    let (key, target) = (
        text(vector, "key").unwrap(),
        text(vector, "message_mac").unwrap(),
    );
    let ttl = vector.get("ttl").unwrap();
    let mut profile = format!("format cloudflare; key file=key; lifetime {ttl}s;");
    if text(vector, "flags") == Some("s") {
        profile += " encoding base64url;";
    }
    let (url, token) = target.split_once("verify=").unwrap();
    let url = url.trim_end_matches(['?', '&']);
    in_places(vector, &profile, key, "verify", (url, token))
}

fn fastly(vector: &Value) -> Vec<Case<'_>> {
    let (url, token) = (
        text(vector, "url_without_token").unwrap(),
        text(vector, "token").unwrap(),
    );
    let key = text(vector, "key_base64").unwrap();
    let cases = match text(vector, "name").unwrap() {
        // What does not look like a token is part of the path.
        "uppercase" | "overlong" => in_places,
        _ => everywhere,
    }(
        vector,
        "format fastly; key file=key;",
        key,
        "token",
        (url, token),
    );
    let answered = |case| Case {
        status: status(vector),
        ..case
    };
    cases.into_iter().map(answered).collect()
}

fn expiry(vector: &Value) -> String {
    vector.get("expires").unwrap().to_string()
}

fn bunny(vector: &Value) -> Vec<Case<'_>> {
    let (key, path) = (text(vector, "key").unwrap(), text(vector, "path").unwrap());
    let token = text(vector, "token").unwrap();
    let mut beside = String::new();
    let mut kept = path.to_owned();
    for (name, value) in vector.get("params").unwrap().as_object().unwrap() {
        let value = encoded(value.as_str().unwrap()).replace('/', "%2F");
        beside += &format!("&{name}={value}");
        if !name.starts_with("token_") {
            let mark = if kept.contains('?') { '&' } else { '?' };
            kept += &format!("{mark}{name}={value}");
        }
    }
    let end = format!("{beside}&expires={}", expiry(vector));
    let words = |place: &str| format!("format bunny; key file=key; from {place};");
    let query = Case {
        stripped: kept,
        ..Case::new(
            vector,
            words("query"),
            key,
            format!("{path}?token={token}{end}"),
        )
    };
    let segment = Case {
        stripped: path.to_owned(),
        ..Case::new(
            vector,
            words("path"),
            key,
            format!("/bcdn_token={token}{end}{path}"),
        )
    };
    vec![query, segment]
}

/// What is hashed, without the key and the expiry.
fn hashed(vector: &Value) -> String {
    let (key, text) = (
        text(vector, "key").unwrap(),
        text(vector, "hash_input_at_edge").unwrap(),
    );
    text.replace(key, "").replace(&expiry(vector), "")
}

fn bunny_old(vector: &Value) -> Case<'_> {
    let (path, token) = (hashed(vector), text(vector, "token").unwrap());
    let target = format!("{path}?token={token}&expires={}", expiry(vector));
    let words = "format bunny; key file=key; from query;".to_owned();
    Case {
        stripped: path,
        ..Case::new(vector, words, text(vector, "key").unwrap(), target)
    }
}

fn keycdn(vector: &Value) -> Vec<Case<'_>> {
    let (path, token) = (hashed(vector), text(vector, "token").unwrap());
    let (key, expires) = (text(vector, "key").unwrap(), expiry(vector));
    let words = |place: &str| format!("format keycdn; key file=key; from {place};");
    let with = |place: &str, target: String, headers: &[String]| Case {
        stripped: path.clone(),
        status: status(vector),
        headers: headers.to_vec(),
        ..Case::new(vector, words(place), key, target)
    };
    vec![
        with(
            "query",
            format!("{path}?token={token}&expire={expires}"),
            &[],
        ),
        with("path", format!("/{token},{expires}{path}"), &[]),
        with(
            "cookie",
            path.clone(),
            &[format!("Cookie: token={token}; expire={expires}")],
        ),
        with(
            "header",
            path.clone(),
            &[format!("X-Token: {token},{expires}")],
        ),
    ]
}

/// What has a file's name is a link with an argument, else the folder of one with its token in the path.
fn cdn77(vector: &Value) -> Case<'_> {
    let (hashed, mut token) = (hashed(vector), text(vector, "token").unwrap().to_owned());
    if !vector.get("expires").unwrap().is_null() {
        token = format!("{token},{}", expiry(vector));
    }
    let in_path = !hashed.contains('.');
    let (place, path) = if in_path {
        ("path", format!("{hashed}/photo.png"))
    } else {
        ("query", hashed)
    };
    let target = if in_path {
        format!("/{token}{path}")
    } else {
        format!("{path}?secure={token}")
    };
    let words = format!("format cdn77; key file=key; from {place};");
    Case {
        stripped: path,
        ..Case::new(vector, words, text(vector, "key").unwrap(), target)
    }
}

fn secdownload(vector: &Value) -> Case<'_> {
    let (algorithm, timeout) = (
        text(vector, "algorithm").unwrap(),
        vector.get("timeout").unwrap(),
    );
    let target = text(vector, "url").unwrap();
    let prefix = text(vector, "uri_prefix").unwrap();
    let mut segments = target.strip_prefix(prefix).unwrap().splitn(3, '/').skip(2);
    Case {
        stripped: format!("{prefix}{}", segments.next().unwrap()),
        status: status(vector),
        ..Case::new(
            vector,
            format!(
                "format secdownload; key file=key; algorithm {algorithm}; lifetime {timeout}s; uri_prefix {prefix};"
            ),
            text(vector, "secret").unwrap(),
            target.to_owned(),
        )
    }
}

const ORIGIN: &str = "https://media.example.com";

fn gcp_cdn(vector: &Value) -> Case<'_> {
    let (key, name) = (
        text(vector, "key_base64url").unwrap(),
        text(vector, "key_name").unwrap(),
    );
    let target = text(vector, "url").unwrap().strip_prefix(ORIGIN).unwrap();
    let (place, headers) = match text(vector, "cookie") {
        Some(cookie) => ("cookie", vec![format!("Cookie: {cookie}")]),
        None => ("query", Vec::new()),
    };
    let words = format!("format gcp_cdn; key id={name} file=key; origin {ORIGIN}; from {place};");
    let (path, args) = target.split_once('?').unwrap_or((target, ""));
    let of_token = ["URLPrefix=", "Expires=", "KeyName=", "Signature="];
    let kept: Vec<_> = args
        .split('&')
        .filter(|piece| !piece.is_empty() && !of_token.iter().any(|name| piece.starts_with(name)))
        .collect();
    let mark = if kept.is_empty() { "" } else { "?" };
    Case {
        stripped: format!("{path}{mark}{}", kept.join("&")),
        headers,
        ..Case::new(vector, words, key, target.to_owned())
    }
}

fn gcp_media(vector: &Value) -> Vec<Case<'_>> {
    let algorithm = text(vector, "alg").unwrap();
    let key = match algorithm {
        "ed25519" => "ed25519_public_b64url",
        _ => "key_base64url",
    };
    let profile =
        format!("format gcp_media; key file=key; algorithm {algorithm}; origin {ORIGIN};");
    let target = text(vector, "url").unwrap().strip_prefix(ORIGIN).unwrap();
    let token = text(vector, "token").unwrap();
    let key = text(vector, key).unwrap();
    let mut cases = in_places(vector, &profile, key, "edge-cache-token", (target, token));
    for case in &mut cases {
        for (name, value) in vector.get("headers").unwrap().as_object().unwrap() {
            case.headers
                .push(format!("{name}: {}", value.as_str().unwrap()));
        }
        for line in &mut case.headers {
            *line = line.replace("edge-cache-token=", "Edge-Cache-Cookie=");
        }
    }
    cases
}

const NET: &str = "https://d111111abcdef8.cloudfront.net";

fn cloudfront<'v>(vector: &'v Value, keys: &'v Value) -> Case<'v> {
    let (file, id) = match text(vector, "key_ref") {
        Some("ec") => ("ec_public_pem", "KEC1"),
        _ => ("rsa_public_pem", "KRSA1"),
    };
    let url = text(vector, "resource_url").unwrap();
    let target = url.strip_prefix(NET).unwrap().to_owned();
    let params = vector.get("params").unwrap().as_object().unwrap();
    let place = text(vector, "location").unwrap();
    let pairs = |prefix: &str, between: &str| {
        let pairs = params.iter();
        let pairs =
            pairs.map(|(name, value)| format!("{prefix}{name}={}", value.as_str().unwrap()));
        pairs.collect::<Vec<_>>().join(between)
    };
    let mut case = Case::new(
        vector,
        format!("format cloudfront; key id={id} file=key; origin {NET}; from {place};"),
        text(keys, file).unwrap().trim_end(),
        target.clone(),
    );
    if place == "cookie" {
        case.headers
            .push(format!("Cookie: {}", pairs("CloudFront-", "; ")));
    } else {
        let mark = if target.contains('?') { '&' } else { '?' };
        case.target = format!("{target}{mark}{}", pairs("", "&"));
    }
    case
}
