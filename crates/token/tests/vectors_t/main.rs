//! Writes `t/vectors.t` and `t/vectors_digest.t` from `t/data/token.json`, one block per vector, and fails
//! when they are not current. `scripts/generate` writes them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)] // a test, all of it

mod cdn;

use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const HEAD: &str =
    "use Test::Nginx::Socket 'no_plan';\n\nno_long_string();\nrun_tests();\n\n__DATA__\n";

/// What the backend of a block sees and shows, after the request line.
const SEEN: &str = " HTTP/1.0\\r\\nHost: up\\r\\nConnection: close\\r\\n";

fn vectors() -> Value {
    serde_json::from_slice(&fs::read(tests().join("data/token.json")).unwrap()).unwrap()
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../t")
}

fn text<'a>(vector: &'a Value, field: &str) -> Option<&'a str> {
    vector.get(field)?.as_str()
}

/// A text between Perl's double quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'$' | b'@' => write!(out, "\\{}", char::from(byte)).unwrap(),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => write!(out, "\\x{byte:02x}").unwrap(),
        }
    }
    out + "\""
}

/// A decoded path as a client sends it.
fn encoded(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap();
        }
    }
    out
}

/// A vector as a request.
struct Case<'v> {
    vector: &'v Value,
    profile: String,
    key: &'v str,
    /// More of the `http` block.
    http: &'v str,
    server: &'v str,
    target: String,
    headers: Vec<String>,
    stripped: String,
    /// Where a refusal is not answered with 403.
    status: u16,
}

impl<'v> Case<'v> {
    /// A request that carries nothing but what is in its target.
    fn new(vector: &'v Value, profile: String, key: &'v str, target: String) -> Self {
        Self {
            vector,
            profile,
            key,
            http: "",
            server: "",
            stripped: target.clone(),
            target,
            headers: Vec::new(),
            status: 403,
        }
    }
}

fn scalesimple(vector: &Value) -> Case<'_> {
    let target = text(vector, "request_uri").unwrap();
    let place = match text(vector, "location").unwrap() {
        "url" => "query",
        other => other,
    };
    let named = |index: usize, field: &str| {
        let name = vector.get("names")?.get(index)?.as_str()?;
        Some((name, text(vector, field)?))
    };
    let pairs = [named(0, "token"), named(1, "expiration")];
    let pairs = pairs.into_iter().flatten();
    let headers = if place == "cookie" {
        let cookies: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        vec![format!("Cookie: {}", cookies.join("; "))]
    } else {
        pairs
            .map(|(name, value)| format!("{name}: {value}"))
            .collect()
    };
    Case {
        vector,
        profile: format!("format scalesimple; key file=key; from {place};"),
        key: text(vector, "key").unwrap(),
        http: "",
        server: "",
        target: target.to_owned(),
        headers,
        stripped: text(vector, "stripped_uri").unwrap_or(target).to_owned(),
        status: 403,
    }
}

/// A vector of `secure_link_md5`; the older `secure_link_secret` is no scheme of ours.
fn secure_link(vector: &Value) -> Option<Case<'_>> {
    let (_, message) = text(vector, "conf")?.split_once("secure_link_md5 \"")?;
    let message = message.strip_suffix("\";").unwrap();
    let message = message.replace("$secure_link_expires", "{expires}");
    let message = message.replace("secret", "{key}");
    let uri = encoded(text(vector, "uri")?);
    let (hash, expires) = (text(vector, "arg_md5")?, text(vector, "arg_expires")?);
    Some(Case {
        vector,
        profile: format!("format secure_link; key file=key; from query; message \"{message}\";"),
        key: "secret",
        http: "",
        server: "set_real_ip_from 127.0.0.1;\nreal_ip_header X-Real-IP;\n",
        target: format!("{uri}?md5={hash}&expires={expires}"),
        headers: vec![format!("X-Real-IP: {}", text(vector, "remote_addr")?)],
        stripped: uri,
        status: 403,
    })
}

/// A vector of the http_hmac_secure_link module.
fn hmac_secure_link(vector: &Value) -> Case<'_> {
    let conf = text(vector, "conf").unwrap();
    let said = |word: &str| {
        let at = conf.split_once(word).unwrap().1;
        at.split(';').next().unwrap().trim_matches([' ', '"'])
    };
    let message = said("secure_link_hmac_message");
    let message = message.replace("$arg_ts", "{timestamp}");
    let message = message.replace("$arg_e", "{lifetime}");
    let algorithm = said("secure_link_hmac_algorithm");
    let uri = text(vector, "uri").unwrap();
    let number = |field: &str| vector.get(field).unwrap().as_i64().unwrap();
    Case {
        vector,
        profile: format!(
            "format hmac; key file=key; from query=st,ts,e; algorithm {algorithm}; message \"{message}\";"
        ),
        key: said("secure_link_hmac_secret"),
        http: "",
        server: "",
        target: format!(
            "{uri}?st={}&ts={}&e={}",
            text(vector, "token").unwrap(),
            number("ts"),
            number("e")
        ),
        headers: Vec::new(),
        stripped: uri.to_owned(),
        status: 403,
    }
}

/// A vector of kaltura's secure token module, whose links are good for the folder of a playlist.
fn kaltura<'v>(vector: &'v Value, names: &str, message: &str) -> Case<'v> {
    let signed = text(vector, "hash_input_at_edge").unwrap();
    let (begin, end) = (signed.find('/').unwrap(), signed.rfind('/').unwrap());
    let uri = format!("{}/1.ts", &signed[begin..end]);
    let (token, expiry) = names.split_once(',').unwrap();
    Case {
        vector,
        profile: format!(
            "format hmac; key file=key; from query={names}; algorithm md5; message \"{message}\";"
        ),
        key: text(vector, "key").unwrap(),
        http: "map $uri $folder { ~^(?<prefix>/[^/]+/) $prefix; }\n",
        server: "",
        target: format!(
            "{uri}?{token}={}&{expiry}={}",
            text(vector, "token").unwrap(),
            vector.get("expires").unwrap()
        ),
        headers: Vec::new(),
        stripped: uri,
        status: 403,
    }
}

fn block(out: &mut String, number: usize, case: &Case<'_>) {
    let valid = case.vector.get("strict_valid").or(case.vector.get("valid"));
    let valid = valid.unwrap().as_bool().unwrap();
    let now = case.vector.get("now").unwrap();
    let name = text(case.vector, "name").unwrap();
    let scheme = case.profile.split(['&', ';', ' ']).nth(1).unwrap();
    write!(
        out,
        "\n=== TEST {number}: {scheme}, {name}\n--- http_upstream: a\n--- http_config\ntest_clock {now};\n\
         {}token_profile p {{ {} }}\n--- config\n{}location / {{ token_auth p; proxy_set_header Host up; \
         proxy_set_header X-Real-IP \"\"; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }}\n\
         --- user_files\n>>> ../conf/key\n{}\n--- request eval\n{}\n",
        case.http,
        case.profile,
        case.server,
        case.key,
        quoted(&format!("GET {}", case.target)),
    )
    .unwrap();
    if !case.headers.is_empty() {
        writeln!(out, "--- more_headers\n{}", case.headers.join("\n")).unwrap();
    }
    if valid {
        let line = quoted(&format!("GET {}", case.stripped));
        let line = line.trim_matches('"');
        writeln!(out, "--- response_body eval\n\"name=a\\n{line}{SEEN}\\r\\n\"\n--- no_error_log\ntoken refused").unwrap();
    } else {
        let status = case.status;
        writeln!(
            out,
            "--- error_code: {status}\n--- error_log\ntoken refused: "
        )
        .unwrap();
    }
}

/// A JSON Web Token in each place that a profile names.
fn jwt(out: &mut String, number: usize, vector: &Value, keys: &Value) {
    let token = text(vector, "token").unwrap();
    let key = |name: &str| text(keys, name).unwrap();
    let valid = vector.get("valid").unwrap().as_bool().unwrap();
    let status = match text(vector, "name").unwrap() {
        _ if valid => 200,
        "wrong-iss" | "wrong-aud" => 403,
        _ => 401,
    };
    let in_query = token.replace(' ', "%20");
    write!(
        out,
        "\n=== TEST {number}: jwt, {}\n--- http_config\ntest_clock {};\nlarge_client_header_buffers 4 32k;\n\
         token_profile p {{\n    format jwt;\n    key id=hs1 file=hs1;\n    key id=rs1 file=rs1 encoding=pem;\n    \
         key id=es1 file=es1 encoding=pem;\n    jwks file=ed1;\n    issuer {};\n    audience {};\n    \
         from header query=t cookie=c path;\n}}\n--- config\nlocation / {{ token_auth p; root html; }}\n\
         --- user_files\n>>> ../conf/hs1\n{}\n>>> ../conf/rs1\n{}>>> ../conf/es1\n{}>>> ../conf/ed1\n\
         {{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"ed1\",\"x\":\"{}\"}}\n>>> v\nshown\n\
         --- request eval\n[\"GET /v\", {}, \"GET /v\"]\n--- more_headers eval\n[{}, \"\", {}]\n\
         --- error_code eval\n[{status}, {status}, {status}]\n",
        text(vector, "name").unwrap(),
        vector.get("now").unwrap(),
        text(vector, "iss").unwrap(),
        text(vector, "aud").unwrap(),
        key("hs256_key_utf8"),
        key("rsa_public_pem"),
        key("ec_public_pem"),
        key("ed25519_public_b64url"),
        quoted(&format!("GET /v?t={in_query}")),
        quoted(&format!("Authorization: Bearer {token}")),
        quoted(&format!("Cookie: c={token}")),
    )
    .unwrap();
    let log = if valid {
        "--- no_error_log\ntoken refused\n"
    } else {
        "--- error_log\ntoken refused: \n"
    };
    out.push_str(log);
}

/// A Common Access Token in each place that the standard names.
fn cat(out: &mut String, number: usize, vector: &Value, keys: &Value) {
    let token = text(vector, "token").unwrap();
    let valid = vector.get("strict_valid").or(vector.get("valid"));
    let status = match (
        valid.unwrap().as_bool().unwrap(),
        text(vector, "reason").unwrap(),
    ) {
        (true, _) => 200,
        // Authentic, but not for this request.
        (false, "method") => 403,
        (false, reason) if reason.starts_with("catif") => 403,
        (false, _) => 401,
    };
    let (method, url) = (
        text(vector, "method").unwrap(),
        text(vector, "url").unwrap(),
    );
    let path = url.strip_prefix("https://cdn.example.com").unwrap();
    let line = |target: &str| quoted(&format!("{method} {target}"));
    let head = format!("X-Real-IP: {}", text(vector, "client_ip").unwrap());
    let with = |name: &str| quoted(&format!("{head}\n{name}{token}"));
    write!(
        out,
        "\n=== TEST {number}: cat, {}\n--- http_config\ntest_clock {};\nlarge_client_header_buffers 4 32k;\n\
         token_profile p {{\n    format cat;\n    key id=Symmetric256 file=hs encoding=hex;\n    \
         key id=ec1 file=ec encoding=pem;\n    issuer {};\n    origin https://cdn.example.com;\n}}\n--- config\n\
         set_real_ip_from 127.0.0.1;\nreal_ip_header X-Real-IP;\n\
         location / {{ token_auth p; root html; }}\n\
         --- user_files\n>>> ../conf/hs\n{}\n>>> ../conf/ec\n{}>>> live/ch1/seg1.m4s\nshown\n\
         --- request eval\n[{}, {}, {}]\n--- more_headers eval\n[{}, {}, {}]\n\
         --- error_code eval\n[{status}, {status}, {status}]\n",
        text(vector, "name").unwrap(),
        vector.get("now").unwrap(),
        text(vector, "iss").unwrap(),
        text(keys, "hs256_hex").unwrap(),
        text(keys, "ec_public_pem").unwrap(),
        line(&format!("{path}?CAT={token}")),
        line(path),
        line(path),
        quoted(&head),
        with("Cookie: Common-Access-Token="),
        with("Common-Access-Token: "),
    )
    .unwrap();
    out.push_str(if status == 200 {
        "--- no_error_log\ntoken refused\n"
    } else {
        "--- error_log\ntoken refused: \n"
    });
}

fn tokens() -> String {
    let all = vectors();
    let list = |name: &str| all.get(name).unwrap().as_array().unwrap();
    let mut out = format!(
        "# requires: hooks\n#\n# The token vectors of t/data/token.json, each at its own time.\n\
         # Written by crates/token/tests/vectors_t.rs; do not edit.\n{HEAD}"
    );
    let cases = list("scalesimple").iter().map(scalesimple);
    let cases = cases.chain(list("nginx_secure_link").iter().filter_map(secure_link));
    let cases = cases.chain(list("nginx_hmac_secure_link").iter().map(hmac_secure_link));
    let cdnvideo = list("kaltura_cdnvideo").iter();
    let cases = cases.chain(cdnvideo.map(|one| kaltura(one, "md5,e", "{key}:{expires}:$folder")));
    let cht = list("kaltura_cht").iter();
    let cases = cases.chain(cht.map(|one| kaltura(one, "token,expires", "$folder{key}{expires}")));
    let cases = cases.chain(cdn::cases(&all));
    let mut number = 0;
    for case in cases {
        number += 1;
        block(&mut out, number, &case);
    }
    for vector in list("jwt") {
        number += 1;
        jwt(&mut out, number, vector, all.get("jwt_keys").unwrap());
    }
    for vector in list("cat") {
        number += 1;
        cat(&mut out, number, vector, all.get("cat_keys").unwrap());
    }
    out
}

/// The words of a `digest` line for a vector; `None` for functions that `digest` does not have.
fn digest_words(vector: &Value) -> Option<String> {
    let name = text(vector, "fn")?;
    let (algorithm, key) = match name.strip_prefix("hmac_") {
        Some(algorithm) => (algorithm, " key_file=key"),
        None => (name, ""),
    };
    let known = ["md5", "sha1", "sha256", "sha384", "sha512", "crc32"].contains(&algorithm);
    let input = text(vector, "input_utf8")?;
    assert!(!input.contains(['"', '\\', '$', '\n']), "{input}");
    known.then(|| format!("{algorithm} \"{input}\"{key}"))
}

fn digests() -> String {
    let mut out = format!(
        "# The digest vectors of t/data/token.json.\n\
         # Written by crates/token/tests/vectors_t.rs; do not edit.\n{HEAD}"
    );
    let all = vectors();
    let mut number = 0;
    for vector in all.get("digest").unwrap().as_array().unwrap() {
        let Some(words) = digest_words(vector) else {
            continue;
        };
        number += 1;
        let key = match (text(vector, "key"), text(vector, "key_hex")) {
            (Some(key), _) => quoted(key),
            (None, Some(hex)) => {
                let pairs = hex.as_bytes().chunks(2);
                let escapes = pairs.map(|pair| format!("\\x{}", String::from_utf8_lossy(pair)));
                format!("\"{}\"", escapes.collect::<String>())
            }
            (None, None) => "\"unused\"".to_owned(),
        };
        let input: String = text(vector, "input_utf8")
            .unwrap()
            .chars()
            .take(20)
            .collect();
        write!(
            out,
            "\n=== TEST {number}: {} of \"{input}\"\n--- http_config\ndigest $value {words};\n\
             --- config\nlocation = /t {{ return 200 $value; }}\n--- user_files eval\n[[\"../conf/key\", {key}]]\n\
             --- request\nGET /t\n--- response_body: {}\n",
            text(vector, "fn").unwrap(),
            text(vector, "output").unwrap(),
        )
        .unwrap();
    }
    out
}

#[test]
fn the_blocks_are_current() {
    for (file, fresh) in [("vectors.t", tokens()), ("vectors_digest.t", digests())] {
        let path = tests().join(file);
        if std::env::var_os("GENERATE").is_some() {
            fs::write(&path, &fresh).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == fresh,
            "t/{file} is not current: run scripts/generate"
        );
    }
}
