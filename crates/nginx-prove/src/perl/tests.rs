//! The evaluator, end to end.

use super::{Scope, Value, eval};
use proptest::prelude::*;

fn scope() -> Scope {
    let mut scope = Scope::new([("TEST_NGINX_X".to_owned(), "env".to_owned())]);
    scope.set("Conf", Value::Str(b"cfg".to_vec()));
    scope
}

fn bytes(source: &str) -> Vec<u8> {
    eval(source.as_bytes(), &scope()).unwrap().bytes().unwrap()
}

fn error(source: &str) -> String {
    eval(source.as_bytes(), &scope()).unwrap_err()
}

#[test]
fn strings_and_escapes() {
    assert_eq!(
        bytes(r#""\x81\x05hello\r\n\0\t\\\"""#),
        b"\x81\x05hello\r\n\0\t\\\""
    );
    assert_eq!(
        bytes(r#""\x{e9}\x{263a}\101\cA\e""#),
        b"\xe9\xe2\x98\xbaA\x01\x1b"
    );
    assert_eq!(bytes(r"'a\n\'b\\c'"), br"a\n'b\c");
    assert_eq!(bytes("q{a{b}c}"), b"a{b}c");
    assert_eq!(bytes("qq [x\\ty]"), b"x\ty");
    assert_eq!(bytes("q|a\\|b|"), b"a|b");
    assert_eq!(bytes("\"costs $5, a\\$b @ c\""), b"costs $5, a$b @ c");
}

#[test]
fn operators() {
    assert_eq!(bytes(r#""a" . "b" x 3 . 'c'"#), b"abbbc");
    assert_eq!(bytes("\"ab\" x2 . \"-\" x (2 * 2 + 1 - 2)"), b"abab---");
    assert_eq!(bytes("join(', ', 'a', 1.5, 0x10)"), b"a, 1.5, 16");
    assert_eq!(bytes("\"a\" # note\n . \"b\";\n"), b"ab");
    assert_eq!(bytes("-1"), b"-1");
    assert!(error("'a' x 100000000000").contains("64 MiB"));
}

#[test]
fn variables() {
    assert_eq!(
        bytes(r#""<$::Conf ${main::Conf} $Conf $ENV{TEST_NGINX_X} $ENV{'TEST_NGINX_X'}>""#),
        b"<cfg cfg cfg env env>"
    );
    assert_eq!(bytes("$::Conf . $ENV{TEST_NGINX_X}"), b"cfgenv");
    assert!(error("\"$nope\"").contains("unknown variable $nope"));
    assert!(error("\"a@b\"").contains("\\@"));
    assert!(error("$ENV{NOPE}").contains("NOPE"));
}

#[test]
fn structures() {
    let value = eval(
        b"[\"a\", ['b', {value => 'c', delay_before => 0.3}], undef,]",
        &scope(),
    )
    .unwrap();
    let Value::List(items) = value else {
        panic!("not a list")
    };
    assert_eq!(items.len(), 3);
    let Value::List(inner) = &items[1] else {
        panic!("not nested")
    };
    let Value::Map(pairs) = &inner[1] else {
        panic!("not a map")
    };
    assert_eq!(pairs[0].0, "value");
    assert_eq!(pairs[1].1.bytes().unwrap(), b"0.3");
    assert!(matches!(items[2], Value::Undef));
}

#[test]
fn heredocs_and_patterns() {
    assert_eq!(bytes("<<_E_ . 'z'\na $Conf\n_E_\n"), b"a cfg\nz");
    assert_eq!(bytes("<<'E';\n$x\nE\n"), b"$x\n");
    let Value::Regex(pattern) = eval(b"qr{^a$::Conf\\d+$}i", &scope()).unwrap() else {
        panic!("no regex")
    };
    assert!(pattern.is_match(b"ACFG12\n"));
    assert!(!pattern.is_match(b"ACFG"));
}

#[test]
fn refusals_name_the_text() {
    assert!(error("map { $_ } 1..3").contains("map"));
    assert!(error("\"a\" 5").contains('5'));
    assert!(error("\"a").contains("no closing"));
    assert!(error("").contains("missing"));
    assert!(error(&"[".repeat(500)).contains("deeply"));
}

proptest! {
    #[test]
    fn never_panics(source in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = eval(&source, &scope());
    }

    #[test]
    fn never_panics_on_perl_like_text(source in "[\"'qrx .$@{}()\\[\\]\\\\<>=,;#a0-9\n]{0,80}") {
        let _ = eval(source.as_bytes(), &scope());
    }

    #[test]
    fn hex_escapes_give_any_bytes(data in proptest::collection::vec(any::<u8>(), 0..64)) {
        let escaped: String = data.iter().map(|b| format!("\\x{b:02x}")).collect();
        prop_assert_eq!(bytes(&format!("\"{escaped}\"")), data);
    }
}
