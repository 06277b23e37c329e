//! Keys that are replaced while a profile serves.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::fake::{Fake, NOW};
use super::jwt_keys::{file, signed};
use crate::{Error, Host, LineError, Place, Profile, ProfileBuilder, Reason, Secret};

/// A host with files, whose times are seconds.
#[derive(Default)]
struct Files(BTreeMap<&'static str, Vec<u8>>, RefCell<Vec<String>>);

impl Host for Files {
    fn seconds(&self, word: &str) -> Option<u64> {
        word.parse().ok()
    }

    fn key_file(&self, path: &str) -> Result<(String, Secret), Error> {
        let bytes = self.0.get(path).ok_or_else(|| Error::new("no such file"))?;
        Ok((format!("key file \"{path}\""), Secret::new(bytes.clone())))
    }

    fn warn(&self, text: &str) {
        self.1.borrow_mut().push(text.to_owned());
    }
}

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const OTHER: &[u8] = b"fedcba9876543210fedcba9876543210";

fn profile(lines: &[&str]) -> Result<Profile, String> {
    let mut host = Files::default();
    host.0.insert("a", SECRET.to_vec());
    host.0.insert("b", OTHER.to_vec());
    host.0.insert("set", b"{\"keys\":[]}".to_vec());
    let mut builder = ProfileBuilder::new();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let done = builder.line(words[0], &words[1..], &host);
        done.map_err(|error| match error {
            LineError::Refused(error) => error.to_string(),
            LineError::UnknownWord => "no such word".to_owned(),
        })?;
    }
    builder.finish().map_err(|error| error.to_string())
}

fn request(token: &str) -> Fake {
    Fake::new("/").header("Authorization", &format!("Bearer {token}"))
}

fn refused(profile: &Profile, token: &str) -> Option<Reason> {
    profile.verify(&request(token), NOW).refused
}

fn by(id: Option<&str>, secret: &[u8]) -> String {
    signed(id, secret, "text", None)
}

#[test]
fn which_lines_are_read_again() {
    let profile = profile(&[
        "format jwt",
        "key file=a reload=2",
        "key id=b file=b reload=0",
        "jwks uri=/keys?a=b",
        "jwks uri=/more refresh=10",
    ]);
    let profile = profile.unwrap();
    let sources = profile.sources().iter();
    let sources: Vec<_> = sources
        .map(|one| (one.shown.as_str(), one.place.clone(), one.every_ms))
        .collect();
    let location = |uri: &str| Place::Location(uri.to_owned());
    assert_eq!(
        sources,
        [
            ("key file \"a\"", Place::File("a".to_owned()), 2_000),
            ("jwks uri \"/keys?a=b\"", location("/keys?a=b"), 300_000),
            ("jwks uri \"/more\"", location("/more"), 10_000),
        ]
    );
}

#[test]
fn lines_that_are_refused() {
    let (must, takes) = (
        "\"jwks\" must have \"file\" or \"uri\" parameter",
        "\"jwks\" takes one of \"file\" and \"uri\"",
    );
    for (line, want) in [
        (
            "key file=a reload=x",
            "invalid parameter \"reload=x\" in \"key\" directive, it must be a time, as \"10s\"",
        ),
        (
            "key text=a reload=1",
            "\"key\" with \"reload\" must have \"file\" parameter",
        ),
        (
            "key table=t name=n reload=1",
            "\"key\" with \"reload\" must have \"file\" parameter",
        ),
        (
            "key file=a reload=1 reload=1",
            "duplicate parameter \"reload\" in \"key\" directive",
        ),
        (
            "jwks uri=keys",
            "invalid parameter \"uri=keys\" in \"jwks\" directive, it must be the path of a location, as \"/keys\"",
        ),
        (
            "jwks uri=/keys refresh=0",
            "invalid parameter \"refresh=0\" in \"jwks\" directive, it must be a time above 0, as \"10s\"",
        ),
        (
            "jwks uri=/keys refresh=",
            "invalid parameter \"refresh=\" in \"jwks\" directive, it must be a time, as \"10s\"",
        ),
        (
            "jwks uri=/keys uri=/k",
            "duplicate parameter \"uri\" in \"jwks\" directive",
        ),
        ("jwks uri=/keys file=set", takes),
        ("jwks refresh=1", must),
        (
            "jwks x",
            "invalid parameter \"x\" in \"jwks\" directive, it takes (file=PATH | uri=URI) [refresh=time]",
        ),
    ] {
        let refused = profile(&["format jwt", line]).map(|_| ());
        assert_eq!(refused, Err(want.to_owned()), "{line}");
    }
    let none = profile(&["format scalesimple", "key file=a", "jwks uri=/k"]).map(|_| ());
    assert!(none.unwrap_err().contains("has a \"jwks\""));
}

#[test]
fn a_key_is_replaced_and_others_stay() {
    let profile = profile(&["format jwt", "key file=a reload=1", "key id=b file=b"]).unwrap();
    let source = &profile.sources()[0];
    let new = b"another secret of thirty-two byte";
    assert_eq!(refused(&profile, &by(None, SECRET)), None);
    assert_eq!(refused(&profile, &by(None, new)), Some(Reason::Invalid));
    assert_eq!(profile.replace(source, SECRET), Ok(None));
    assert_eq!(profile.replace(source, new), Ok(Some(Vec::new())));
    assert_eq!(refused(&profile, &by(None, new)), None);
    assert_eq!(refused(&profile, &by(None, SECRET)), Some(Reason::Invalid));
    let token = by(Some("b"), OTHER);
    let key = profile.verify(&request(&token), NOW).key.unwrap();
    let mut id = String::new();
    profile.key_id(key, |found| {
        id = found.to_owned();
        None
    });
    assert_eq!(id, "b");
    // What cannot be used changes nothing.
    for (bad, why) in [
        (&b""[..], "is empty"),
        (b"\n", "is empty"),
        (
            b"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n",
            "has a \"key\" that is no secret but the text of a key: give its line \"encoding=pem\"",
        ),
    ] {
        let refused = profile.replace(source, bad).unwrap_err();
        assert_eq!(refused.to_string(), why);
    }
    assert_eq!(refused(&profile, &by(None, new)), None);
    // A weak one is said once.
    let doubts = profile.replace(source, b"weak").unwrap().unwrap();
    assert!(doubts[0].text.contains("32 bytes for HS256"), "{doubts:?}");
    assert_eq!(profile.replace(source, b"weak too"), Ok(Some(Vec::new())));
}

#[test]
fn fetched_keys_come_later() {
    let profile = profile(&["format jwt", "algorithm ES256", "jwks uri=/keys"]).unwrap();
    let source = &profile.sources()[0];
    let (pem, token) = (
        file("p256.pub"),
        signed(Some("k"), &file("p256"), "pem", None),
    );
    assert_eq!(refused(&profile, &token), Some(Reason::Invalid));
    let point = &pem_bytes(&pem)[27..];
    let digits = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    let (x, y) = (digits(&point[..32]), digits(&point[32..]));
    let set = |kid: &str| {
        format!(
            "{{\"keys\":[{{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"{kid}\",\"x\":\"{x}\",\"y\":\"{y}\"}}]}}"
        )
    };
    assert_eq!(
        profile.replace(source, set("k").as_bytes()),
        Ok(Some(Vec::new()))
    );
    assert_eq!(refused(&profile, &token), None);
    for (bad, why) in [
        ("<html>", "is not jwks"),
        ("{\"keys\":[]}", "holds no key for signatures"),
    ] {
        let error = profile.replace(source, bad.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), why);
    }
    assert_eq!(refused(&profile, &token), None);
    assert_eq!(
        profile.replace(source, set("l").as_bytes()),
        Ok(Some(Vec::new()))
    );
    assert_eq!(refused(&profile, &token), Some(Reason::Invalid));
}

fn pem_bytes(pem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(pem).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('-'));
    let text: String = lines.collect();
    data_encoding::BASE64.decode(text.as_bytes()).unwrap()
}

#[test]
fn a_key_that_is_not_there_is_told_from_a_wrong_signature() {
    let profile = profile(&["format jwt", "key id=b file=b", "jwks uri=/keys"]).unwrap();
    let lacks = |token: &str| {
        let request = request(token);
        profile.verify(&request, NOW);
        request.lacks_key.get()
    };
    assert!(!lacks(&by(Some("b"), OTHER)), "valid");
    assert!(!lacks(&by(Some("b"), SECRET)), "forged");
    assert!(!lacks("x.y.z"), "malformed");
    assert!(lacks(&by(Some("c"), OTHER)), "another kid");
    assert!(!lacks(&by(None, OTHER)), "no kid, valid");
    assert!(lacks(&by(None, SECRET)), "no kid, not valid");
}
