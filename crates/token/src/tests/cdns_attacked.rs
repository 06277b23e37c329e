//! The schemes of CDNs: links that an attacker makes out of good ones.

use super::cdns::{GOOD, INVALID, of, signed};
use super::fake::{Fake, NOW, profile, status};
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
