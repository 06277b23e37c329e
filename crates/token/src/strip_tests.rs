//! Stripping, byte by byte.

use proptest::prelude::*;

use super::*;
use crate::target::Target;

type Strip = fn(&[u8], &[&'static str], &mut [u8]) -> Option<usize>;

/// What a strip leaves as text; `None` when there is nothing to strip.
fn strip(with: Strip, text: &str, names: &[&'static str]) -> Option<String> {
    let mut out = vec![0xff; text.len()];
    let len = with(text.as_bytes(), names, &mut out)?;
    assert!(
        out[len..].iter().all(|byte| *byte == 0xff),
        "written past the end of {text}"
    );
    Some(String::from_utf8(out[..len].to_vec()).unwrap())
}

fn strip_target(target: &[u8], names: &[&'static str], out: &mut [u8]) -> Option<usize> {
    Some(Target::of(target).strip(names, out)?.len)
}

fn check(with: Strip, names: &[&'static str], table: &[(&str, Option<&str>)]) {
    for (text, want) in table {
        assert_eq!(strip(with, text, names).as_deref(), *want, "{text}");
    }
}

#[test]
fn args() {
    check(
        strip_args,
        &["a", "e"],
        &[
            ("a=1&x=1&y=3", Some("x=1&y=3")),
            ("x=1&a=2&y=3", Some("x=1&y=3")),
            ("x=1&y=3&a=2", Some("x=1&y=3")),
            ("a=2", Some("")),
            ("a=", Some("")),
            ("a=1&e=2", Some("")),
            ("a=1&x=1&a=2", Some("x=1")),
            ("e=1&a=1&x=1&a=2&e=3&y", Some("x=1&y")),
            ("x&&a=1", Some("x&")),
            ("&a=1&y", Some("&y")),
            ("a=1&", Some("")),
            ("&&a=1&&", Some("&&&")),
            ("x=a=1&a=b=c&&y", Some("x=a=1&&y")),
            ("", None),
            ("&&", None),
            ("x=1&y=2", None),
            ("a", None),
            ("A=1&aa=1&%61=1&xa=1&a%3d1", None),
            ("x;a=1", None),
        ],
    );
}

#[test]
fn targets() {
    check(
        strip_target,
        &["a", "e"],
        &[
            ("/p?a=1", Some("/p")),
            ("/p?a=1&e=2", Some("/p")),
            ("/p?a=1&x=?&e=2", Some("/p?x=?")),
            ("/p?x&a=1", Some("/p?x")),
            ("/p?&a=1", Some("/p")),
            ("/p?&a=1&x", Some("/p?&x")),
            ("/p?a=1&", Some("/p")),
            ("/p?&&a=1", Some("/p?&")),
            ("?a=1", Some("")),
            ("/p", None),
            ("/p?", None),
            ("/p?&", None),
            ("/p?x=1", None),
            ("/p&a=1", None),
            ("/a=1", None),
            ("/p?b?a=1", None),
            ("/p?a=1#", Some("/p#")),
            ("/p?a=1#&x", Some("/p#&x")),
            ("/p?x&a=1#&a=2", Some("/p?x")),
            ("/p?x#&a=1", Some("/p?x")),
            ("/p#x?a=1", Some("/p")),
            ("/p#a=1", Some("/p")),
            ("/p?x#y=a=1", None),
            ("", None),
        ],
    );
}

#[test]
fn a_fragment_is_no_argument_of_what_is_signed() {
    let signed = |target: &'static str| {
        let mut pieces = Vec::new();
        Target::of(target.as_bytes()).kept(is_arg_of(&["a"]), |piece| {
            pieces.extend_from_slice(piece);
        });
        String::from_utf8(pieces).unwrap()
    };
    assert_eq!(signed("/p?x&a=1#&y&a=2"), "/p?x#&y&a=2");
    assert_eq!(signed("/p?a=1#&y"), "/p#&y");
    assert_eq!(signed("/p#?a=1"), "");
}

#[test]
fn cookies() {
    check(
        strip_cookie,
        &["tok", "exp"],
        &[
            ("a=1; tok=x; b=2", Some("a=1; b=2")),
            ("tok=x; a=1; b=2", Some("a=1; b=2")),
            ("a=1; b=2; tok=x", Some("a=1; b=2")),
            ("a=1;tok=x;b=2", Some("a=1;b=2")),
            ("a=1 ;  tok = x ;\tb=2", Some("a=1 ;\tb=2")),
            ("tok=x", Some("")),
            ("tok=x;", Some("")),
            ("tok=x; ", Some("")),
            ("tok=x; exp=1", Some("")),
            ("tok=x; a=1; tok=y; exp=2", Some("a=1")),
            ("a=\"q v\"; tok=\"x\"; b=\"\"", Some("a=\"q v\"; b=\"\"")),
            // No quoting across `;`: this is how servers read it.
            ("a=\"1; tok=2\"; b=3", Some("a=\"1; b=3")),
            ("tok; tok=x", Some("tok")),
            ("tok", None),
            ("a=1; b=tok=x", None),
            ("xtok=1; tokx=1; TOK=1", None),
            ("", None),
            (" ; ", None),
        ],
    );
}

#[test]
fn a_short_buffer_never_panics_nor_says_nothing_to_strip() {
    for len in 0..12 {
        assert_eq!(
            strip_args(b"x=1&a=2&y=3", &["a"], &mut vec![0; len]),
            Some(len.min(7))
        );
    }
}

#[test]
fn find() {
    let args = b"x=1&a&A=0&a=&a=2&aa=3";
    assert_eq!(find_arg(args, b"a"), Some(b"".as_slice()));
    assert_eq!(find_arg(args, b"y"), None);
    let cookies = b"xt=0; t ; t= 1 ;t=2; u=\"a=b\"";
    assert_eq!(cookies_called(cookies, b"t").next(), Some(b"1".as_slice()));
    assert_eq!(
        cookies_called(cookies, b"u").next(),
        Some(b"\"a=b\"".as_slice())
    );
    assert_eq!(cookies_called(cookies, b"T").next(), None);
    assert_eq!(cookies_called(b"", b"t").next(), None);
}

#[test]
fn path_tokens() {
    let clean = |target: &str| {
        let found = find_path_token(target.as_bytes(), |_, segment| {
            segment.starts_with(b"T").then_some(segment.len())
        })?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some((text(found.token), text(found.before) + &text(found.after)))
    };
    for (target, token, rest) in [
        ("/T1/a/b?x=1", "T1", "/a/b?x=1"),
        ("/a/T1/b?x=/T2", "T1", "/a/b?x=/T2"),
        ("/a/T1", "T1", "/a/"),
        ("/a/T1/", "T1", "/a/"),
        ("/a/T1?x", "T1", "/a/?x"),
        ("/T1", "T1", "/"),
        ("/T1/T2/a", "T1", "/T2/a"),
        ("//T1//a", "T1", "///a"),
    ] {
        assert_eq!(
            clean(target),
            Some((token.to_owned(), rest.to_owned())),
            "{target}"
        );
    }
    for target in ["", "/", "T1/a", "/a?/T1", "/aT1/b", "*"] {
        assert_eq!(clean(target), None, "{target}");
    }
}

/// The obvious way: split, filter, join.
fn model(list: &str, separator: char, names: &[&str], trim: bool) -> Option<String> {
    let is_token = |piece: &&str| {
        let name = piece.split_once('=').map(|pair| pair.0);
        name.is_some_and(|name| names.contains(&if trim { name.trim_ascii() } else { name }))
    };
    let kept: Vec<&str> = list
        .split(separator)
        .filter(|piece| !is_token(piece))
        .collect();
    let first_was_token = list
        .split(separator)
        .next()
        .is_some_and(|piece| is_token(&piece));
    let joined = kept.join(&separator.to_string());
    let trimmed = if trim && first_was_token {
        joined.trim_ascii_start()
    } else {
        &joined
    };
    (kept.len() < list.split(separator).count()).then(|| trimmed.to_owned())
}

proptest! {
    #[test]
    fn args_are_stripped_as_the_model_does(text in "([abAx]{0,2}=?[ab=]{0,2}&?){0,8}") {
        let got = strip(strip_args, &text, &["a", "ab"]);
        prop_assert_eq!(&got, &model(&text, '&', &["a", "ab"], false), "{}", text);
        if let Some(rest) = got {
            prop_assert_eq!(strip(strip_args, &rest, &["a", "ab"]), None);
        }
    }

    #[test]
    fn targets_are_stripped_as_their_args(path in "[/a=&]{0,6}", text in "([abx]{0,2}=?[ab=?]{0,2}&?){0,8}") {
        let want = model(&text, '&', &["a"], false);
        let want = want.map(|rest| if rest.is_empty() { path.clone() } else { format!("{path}?{rest}") });
        prop_assert_eq!(strip(strip_target, &format!("{path}?{text}"), &["a"]), want);
        prop_assert_eq!(strip(strip_target, &path, &["a"]), None);
    }

    #[test]
    fn cookies_are_stripped_as_the_model_does(text in "( ?[abAx]{0,2} ?=?[ab=\"]{0,2};? ?){0,8}") {
        let got = strip(strip_cookie, &text, &["a", "ab"]);
        prop_assert_eq!(&got, &model(&text, ';', &["a", "ab"], true), "{}", text);
        if let Some(rest) = got {
            prop_assert_eq!(strip(strip_cookie, &rest, &["a", "ab"]), None);
            prop_assert_eq!(cookies_called(rest.as_bytes(), b"a").next(), None);
        }
    }

    #[test]
    fn what_is_found_is_what_is_stripped(text in "([abAx]{0,2}=?[ab=]{0,2}&?){0,8}") {
        let found = find_arg(text.as_bytes(), b"a").is_some();
        prop_assert_eq!(strip(strip_args, &text, &["a"]).is_some(), found);
    }

    #[test]
    fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..64), len in 0usize..64) {
        let mut out = vec![0; len];
        for with in [strip_args, strip_target, strip_cookie] as [Strip; 3] {
            prop_assert!(with(&bytes, &["a", ""], &mut out).is_none_or(|written| written <= len));
        }
        let found = find_path_token(&bytes, |_, segment| {
            (segment.len() > 3).then_some(segment.len())
        });
        prop_assert!(found.is_none_or(|found| found.before.len() + found.after.len() < bytes.len()));
    }
}
