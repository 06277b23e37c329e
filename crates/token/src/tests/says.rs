//! What a profile says about itself, and what the lines of its block say about keys.

use std::cell::RefCell;

use super::fake::{EXP, Fake, NOW, profile, scalesimple, secure_link, sign, sign_link, status};
use crate::claims::Claims;
use crate::request::Presented;
use crate::{
    Error, Host, InPath, Key, KeyForm, LineError, Profile, ProfileBuilder, Reason, Secret,
    TokenLocation, Unreadable, Wanted,
};

fn hmac(message: &str, more: &[&str]) -> Profile {
    let message = format!("message {message}");
    profile(&[&["format hmac", "key k1", &message], more].concat()).unwrap()
}

fn link(message: &str) -> Profile {
    let message = format!("message {message}");
    profile(&["format secure_link", "key k1", &message]).unwrap()
}

#[test]
fn what_is_signed() {
    let open = profile(&["format open"]).unwrap();
    for (profile, target, expiry) in [
        (scalesimple(&[]), true, true),
        (secure_link(&[]), false, true),
        (link("$uri {key}"), false, false),
        (hmac("{expires}|$uri", &[]), false, true),
        (hmac("$uri|{key}", &[]), false, false),
        (open, false, false),
    ] {
        let said = (profile.signs_target(), profile.signs_expiry());
        assert_eq!(said, (target, expiry), "{profile:?}");
    }
}

#[test]
fn the_texts_that_a_host_compiles() {
    for (profile, texts) in [
        (scalesimple(&[]), [].as_slice()),
        (link("{expires}$uri {key}"), &["$uri "]),
        (hmac("$host|{expires}|$uri", &[]), &["$host|", "|$uri"]),
    ] {
        assert_eq!(profile.message_texts().collect::<Vec<_>>(), texts);
    }
}

#[test]
fn the_text_that_is_signed_hides_the_key() {
    let request = |token: &str| {
        let target = format!("/a?token={token}&expires={EXP}&md5={token}");
        Fake::new(&target).message(&["/a|", "|b"])
    };
    for (profile, signed) in [
        (hmac("$uri|{expires}|b", &[]), format!("/a|{EXP}|b")),
        (hmac("$uri|{key}|b", &[]), "/a|{key}|b".to_owned()),
        (link("$uri|{expires}|b"), format!("/a|{EXP}|b")),
    ] {
        let request = request("MTIzNDU2Nzg5MDEyMzQ1Ng");
        let found = profile.findings(&request, NOW).next().unwrap();
        assert_eq!(found.signed_text(), Some(signed.into_bytes()));
        assert_eq!(found.unreadable(), None);
    }
}

/// Should anybody ask, nothing is a token of it.
#[test]
fn a_scheme_without_tokens_refuses_them() {
    let open = profile(&["format open"]).unwrap();
    let (request, token) = (Fake::new("/a"), Presented::new());
    let judged = open
        .prepared
        .verifier
        .verify(&token, &request, &mut Claims::default());
    assert_eq!(judged, Err(Reason::Malformed));
    assert_eq!(open.prepared.verifier.signed_text(&token, &request), b"");
    assert!(!open.prepared.verifier.is_path_token(b"0123456789abcdef"));
}

#[test]
fn a_draft_is_signed_for_a_request_of_which_nothing_is_known() {
    let key = Key {
        id: None,
        secret: Secret::new(b"k1".to_vec()),
        form: KeyForm::Secret,
    };
    let wanted = Wanted {
        now: NOW,
        expires: NOW + 600,
        claims: &[],
    };
    for profile in [secure_link(&[]), hmac("{expires}|$uri", &[])] {
        let nobody = Fake::new("/").message(&[""]);
        let signed = profile.sign(&key, &nobody, &wanted).unwrap();
        assert_eq!(profile.draft(&key, &wanted).unwrap(), signed.values);
    }
}

#[test]
fn what_may_not_have_been_meant() {
    let about_expiry = |profile: &Profile| {
        let doubts = profile.doubts();
        let expiry = doubts
            .iter()
            .filter(|one| one.text.contains("never expires"));
        expiry.count()
    };
    assert_eq!(about_expiry(&link("{expires}$uri {key}")), 0);
    assert_eq!(about_expiry(&link("$uri {key}")), 1);
    assert_eq!(about_expiry(&hmac("{expires}$uri", &[])), 0);
    assert_eq!(about_expiry(&hmac("$uri", &[])), 1);
    let about_hmac = |message: &str| {
        let doubts = link(message).doubts();
        doubts.iter().any(|one| one.text.contains("HMAC"))
    };
    assert!(about_hmac("{expires}$uri") && !about_hmac("{expires}$uri {key}"));
    assert_eq!(scalesimple(&[]).doubts(), []);
}

#[test]
fn a_place_says_its_word() {
    let profile = scalesimple(&["from query cookie header path"]);
    let kinds: Vec<_> = profile
        .locations()
        .iter()
        .map(TokenLocation::kind)
        .collect();
    assert_eq!(kinds, ["query", "cookie", "header", "path"]);
}

#[test]
fn why_nothing_is_read() {
    let profile = scalesimple(&["from query"]);
    let twice = Fake::new("/a?ss_token=x&ss_token=y&ss_expiration=1");
    let found = profile.findings(&twice, NOW).next().unwrap();
    assert_eq!(found.unreadable(), Some(Unreadable::Twice("ss_token")));
}

/// nginx takes the first, and so does `secure_link` in nginx.
#[test]
fn the_first_of_two_cookies_counts_where_the_scheme_says_so() {
    let profile = secure_link(&["from cookie=m,e"]);
    let good = sign_link(&format!("{EXP}/a k1"));
    let cookies = format!("m={good}; e={EXP}; m=x; e=1");
    let request = Fake::new("/a").cookie(&cookies).message(&["/a "]);
    assert_eq!(status(&profile, &request), None);
    let request = Fake::new("/a").cookie(&format!("m=x; m={good}; e={EXP}"));
    let refused = status(&profile, &request.message(&["/a "]));
    assert_eq!(refused, Some(Reason::Malformed));
}

#[test]
fn a_name_as_long_as_a_mac_is_no_token_where_tokens_expire() {
    let segment = "MTIzNDU2Nzg5MDEyMzQ1Ng";
    for (lines, is_token) in [
        (&["message $uri"][..], true),
        (&["message {expires}$uri"], false),
        (&["message {expires}$uri", "require_exp off"], false),
    ] {
        let all = [&["format secure_link", "key k", "from path"], lines].concat();
        let profile = profile(&all).unwrap();
        let request = Fake::new(&format!("/{segment}/a")).message(&["/a"]);
        let is_missing = status(&profile, &request) == Some(Reason::Missing);
        assert_eq!(!is_missing, is_token, "{lines:?}");
    }
}

#[test]
fn a_path_without_its_token() {
    let profile = scalesimple(&["from path"]);
    let token = format!("{},{EXP}", sign("k1", EXP, "/a/b"));
    let (target, mut out) = (format!("/a/{token}/b"), [0; 128]);
    let len = profile.clean_decoded(target.as_bytes(), &mut out).unwrap();
    assert_eq!(out.get(..len), Some(b"/a/b".as_slice()));
    assert_eq!(profile.clean_decoded(b"/a/b", &mut out), None);
    // `..` takes the token out of the path: the path is what a target without it has to name.
    let path = b"/a b";
    for (behind, wanted) in [
        ("", b"/a%20b".as_slice()),
        ("?c=d#e?f", b"/a%20b?c=d#e?f"),
        ("#e?f", b"/a%20b"),
    ] {
        let target = format!("/{token}/../a%20b{behind}");
        let mut room = [0; 256];
        let found = profile.in_path(target.as_bytes(), path, &mut room);
        assert_eq!(found, InPath::Cancelled);
        let len = found.write_target(target.as_bytes(), path, &mut out);
        assert_eq!(len.and_then(|len| out.get(..len)), Some(wanted));
    }
}

/// A host with one key file, which hears warnings.
#[derive(Default)]
struct Files(RefCell<Vec<String>>);

impl Host for Files {
    fn seconds(&self, _: &str) -> Option<u64> {
        None
    }

    fn key_file(&self, path: &str) -> Result<(String, Secret), Error> {
        let source = format!("key file \"{path}\"");
        Ok((source, Secret::new(b"k1".to_vec())))
    }

    fn warn(&self, text: &str) {
        self.0.borrow_mut().push(text.to_owned());
    }
}

/// A profile with this `key` line, and what was warned of.
fn keyed(words: &[&str]) -> Result<(Profile, Vec<String>), String> {
    let (mut builder, host) = (ProfileBuilder::new(), Files::default());
    let said = |error| match error {
        LineError::Refused(error) => error.to_string(),
        LineError::UnknownWord => "no such word".to_owned(),
    };
    builder
        .line("format", &["scalesimple"], &host)
        .map_err(said)?;
    builder.line("key", words, &host).map_err(said)?;
    let of_routes = builder.route_keys();
    assert_eq!(of_routes, usize::from(words.contains(&"table=t")));
    let profile = builder.finish().map_err(|error| error.to_string())?;
    Ok((profile, host.0.take()))
}

#[test]
fn where_a_key_comes_from() {
    let request = super::fake::query("/a", &sign("k1", EXP, "/a"), EXP);
    let (of_file, warned) = keyed(&["file=a"]).unwrap();
    assert_eq!((status(&of_file, &request), warned), (None, vec![]));
    let (of_text, warned) = keyed(&["text=k1"]).unwrap();
    assert_eq!(status(&of_text, &request), None);
    assert_eq!(
        warned,
        ["a key is written in the configuration, use \"file=\""]
    );
    let (of_route, warned) = keyed(&["table=t", "name=n"]).unwrap();
    assert_eq!((of_route.route_keys().len(), warned), (1, vec![]));
}

#[test]
fn key_lines_that_are_refused() {
    let one_of = "\"key\" takes one of \"file\" and \"table\"";
    for (words, wanted) in [
        (
            &["file="][..],
            "invalid parameter \"file=\" in \"key\" directive, it takes [id=ID] (file=PATH [reload=time] | table=TABLE name=NAME) [encoding=text|hex|base64|base64url|pem|jwks]",
        ),
        (
            &["table=", "name=n"],
            "invalid parameter \"table=\" in \"key\" directive, it takes [id=ID] (file=PATH [reload=time] | table=TABLE name=NAME) [encoding=text|hex|base64|base64url|pem|jwks]",
        ),
        (
            &["table=t", "name="],
            "invalid parameter \"name=\" in \"key\" directive, it takes [id=ID] (file=PATH [reload=time] | table=TABLE name=NAME) [encoding=text|hex|base64|base64url|pem|jwks]",
        ),
        (
            &["k1"],
            "invalid parameter \"k1\" in \"key\" directive, it takes [id=ID] (file=PATH [reload=time] | table=TABLE name=NAME) [encoding=text|hex|base64|base64url|pem|jwks]",
        ),
        (
            &["file=a", "text=b"],
            "duplicate parameter \"text\" in \"key\" directive",
        ),
        (
            &["file=a", "file=b"],
            "duplicate parameter \"file\" in \"key\" directive",
        ),
        (
            &["table=t"],
            "\"key\" with \"table\" must have \"name\" parameter",
        ),
        (
            &["name=n"],
            "\"key\" with \"name\" must have \"table\" parameter",
        ),
        (
            &["id=i"],
            "\"key\" must have \"file\" or \"table\" parameter",
        ),
        (&["file=a", "table=t", "name=n"], one_of),
        (&["text=a", "table=t", "name=n"], one_of),
        (&["file=a", "name=n"], one_of),
    ] {
        assert_eq!(
            keyed(words).map(|_| ()),
            Err(wanted.to_owned()),
            "{words:?}"
        );
    }
}

#[test]
fn an_error_about_another_line_names_its_word() {
    let refused = |lines: &[(&str, &[&str])]| {
        let (mut builder, host) = (ProfileBuilder::new(), Files::default());
        for (word, words) in lines {
            builder.line(word, words, &host).unwrap();
        }
        builder.finish().map(|_| ()).map_err(|error| error.word())
    };
    let key: (&str, &[&str]) = ("key", &["file=a"]);
    let without_format = refused(&[key]);
    assert_eq!(without_format, Err(None));
    let from: (&str, &[&str]) = ("from", &["query=a,b,c,d"]);
    assert_eq!(
        refused(&[("format", &["scalesimple"]), key, from]),
        Err(Some("from"))
    );
}
