//! Configurations that are no profile, and what their errors say.

use super::fake::profile;

#[test]
fn refused_configurations() {
    let ss = ["format scalesimple", "key k"];
    let sl = ["format secure_link", "key k"];
    for (lines, want) in [
        (vec!["key k"], "has no \"format\""),
        (vec!["format scalesimple"], "has no \"key\""),
        (
            [ss.as_slice(), &["format scalesimple"]].concat(),
            "\"format\" directive is duplicate",
        ),
        (
            [ss.as_slice(), &["key "]].concat(),
            "key is empty in \"key\" directive",
        ),
        (
            [ss.as_slice(), &["key \n"]].concat(),
            "key is empty in \"key\" directive",
        ),
        (
            [ss.as_slice(), &["key id=a x", "key id=a y"]].concat(),
            "duplicate key id \"a\" in \"key\" directive",
        ),
        (
            [ss.as_slice(), &["key id= x"]].concat(),
            "invalid parameter \"id=\" in \"key\" directive",
        ),
        (
            [ss.as_slice(), &["from "]].concat(),
            "invalid number of arguments in \"from\" directive",
        ),
        (
            [ss.as_slice(), &["from query query"]].concat(),
            "duplicate parameter \"query\" in \"from\" directive",
        ),
        (
            [ss.as_slice(), &["from query", "from query"]].concat(),
            "\"from\" directive is duplicate",
        ),
        (
            [ss.as_slice(), &["from body"]].concat(),
            "unknown place \"body\" in \"from\" directive, it must be \"query\", \"cookie\", \"header\" or \"path\"",
        ),
        (
            [ss.as_slice(), &["leeway 1", "leeway 1"]].concat(),
            "\"leeway\" directive is duplicate",
        ),
        (
            [ss.as_slice(), &["leeway 18446744073709551615"]].concat(),
            "\"leeway\" is too long",
        ),
        (
            [ss.as_slice(), &["message $uri"]].concat(),
            "has a \"message\", format \"scalesimple\" takes none",
        ),
        (
            [ss.as_slice(), &["bind_ip exact"]].concat(),
            "has \"bind_ip\", format \"scalesimple\" carries no address",
        ),
        (
            [ss.as_slice(), &["bind_ip yes"]].concat(),
            "invalid value \"yes\" in \"bind_ip\" directive, it must be \"off\", \"exact\" or \"/v4,/v6\"",
        ),
        (
            [ss.as_slice(), &["require_exp off"]].concat(),
            "has \"require_exp off\", format \"scalesimple\" always expires",
        ),
        (
            [ss.as_slice(), &["require_exp no"]].concat(),
            "invalid value \"no\" in \"require_exp\" directive, it must be \"on\" or \"off\"",
        ),
        (
            sl.to_vec(),
            "has no \"message\", format \"secure_link\" needs one",
        ),
        (
            [sl.as_slice(), &["message $uri{key}", "require_exp on"]].concat(),
            "has \"require_exp on\", but no \"{expires}\" in its \"message\"",
        ),
        (
            vec!["format open", "key k"],
            "has a \"key\", format \"open\" takes none",
        ),
        (
            vec!["format open", "from query"],
            "has a \"from\", format \"open\" takes none",
        ),
        (
            vec!["format open", "message $uri"],
            "has a \"message\", format \"open\" takes none",
        ),
        (
            vec!["format open", "leeway 1"],
            "has a \"leeway\", format \"open\" takes none",
        ),
    ] {
        assert_eq!(
            profile(&lines).map(|_| ()),
            Err(want.to_owned()),
            "{lines:?}"
        );
    }
    let unknown = profile(&["format none"]).unwrap_err();
    let begin = "unknown format \"none\" in \"format\" directive, it must be \"scalesimple\", ";
    assert!(unknown.starts_with(begin), "{unknown}");
    for line in [
        "bind_ip off",
        "require_exp on",
        "from query cookie header path",
    ] {
        assert!(
            profile(&[ss.as_slice(), &[line]].concat()).is_ok(),
            "{line}"
        );
    }
}

#[test]
fn no_key_in_debug_or_errors() {
    let shown = format!(
        "{:?}",
        profile(&["format scalesimple", "key id=i hunter2"]).unwrap()
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    let mut builder = crate::ProfileBuilder::new();
    let mut error = |source: &str, key: &str, encoding: Option<&str>| {
        let bytes = crate::Secret::new(key.into());
        let result = builder.key(source, None, bytes, encoding);
        result.unwrap_err().to_string()
    };
    assert_eq!(
        error("key", "hunter2", Some("hex")),
        "key is not hex in \"key\" directive"
    );
    assert_eq!(
        error("key file \"k\"", "", None),
        "key file \"k\" is empty in \"key\" directive"
    );
    assert_eq!(
        error("key", "k", Some("der")),
        "unknown encoding \"der\" in \"key\" directive, it must be \"text\", \"hex\", \"base64\", \"base64url\", \"pem\" or \"jwks\""
    );
}
