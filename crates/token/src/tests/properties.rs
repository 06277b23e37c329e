//! Whatever is sent: no panic, and no token but the signed one.

use proptest::prelude::*;

use super::fake::{EXP, Fake, NOW, query, scalesimple, secure_link, sign, sign_link, status};
use crate::{InPath, normal};

/// Another byte at some place of a text.
fn changed(text: &str, at: prop::sample::Index, by: u8) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    bytes[at] = bytes[at].wrapping_add(by);
    bytes
}

proptest! {
    #[test]
    fn any_changed_byte_is_noticed(at: prop::sample::Index, by in 1u8..=255, url in "/[a-z/]{0,9}(\\?[xy]=[a-z&]{0,5})?") {
        let profile = scalesimple(&["from query cookie header path"]);
        let token = sign("k1", EXP, &url);
        let good = query(&url, &token, EXP);
        prop_assert_eq!(status(&profile, &good), None);
        let target = String::from_utf8(good.target).unwrap();
        let broken = Fake { target: changed(&target, at, by), ..Fake::default() };
        prop_assert_ne!(status(&profile, &broken), None);

        let cookie = format!("ss_token={token}; ss_expiration={EXP}");
        let good = Fake::new(&url).cookie(&cookie);
        prop_assert_eq!(status(&profile, &good), None);
        let broken = Fake { target: changed(&url, at, by), ..good.clone() };
        prop_assert_ne!(status(&profile, &broken), None);
        let value = changed(&token, at, by);
        let broken = Fake { cookie: [b"ss_token=", value.as_slice(), b"; ss_expiration=", EXP.as_bytes()].concat(), ..good.clone() };
        prop_assert_ne!(status(&profile, &broken), None);
        let value = changed(EXP, at, by);
        let broken = Fake { cookie: [b"ss_token=", token.as_bytes(), b"; ss_expiration=", &value].concat(), ..good };
        prop_assert_ne!(status(&profile, &broken), None);
    }

    #[test]
    fn any_changed_byte_of_a_secure_link_is_noticed(at: prop::sample::Index, by in 1u8..=255) {
        let profile = secure_link(&["from query=st"]);
        let value = format!("{},{EXP}", sign_link(&format!("{EXP}/a k1")));
        let rx = |value: &[u8]| Fake { target: [b"/a?st=", value].concat(), ..Fake::default() }.message(&["/a "]);
        prop_assert_eq!(status(&profile, &rx(value.as_bytes())), None);
        prop_assert_ne!(status(&profile, &rx(&changed(&value, at, by))), None);
    }

    #[test]
    fn arbitrary_bytes_are_never_a_token(
        target in prop::collection::vec(any::<u8>(), 0..80),
        cookie in "(ss_token|ss_expiration|md5|expires|[a-f0-9]{32}|1|=|;| |,|\\PC){0,12}",
        header in "\\PC{0,40}",
        now: i64,
    ) {
        let rx = Fake { target, ..Fake::default() }.cookie(&cookie).message(&[&header]);
        let rx = rx.header("X-SS-Token", &header).header("X-SS-Expiration", &cookie).header("X-Secure-Link", &header);
        let places = "from query cookie header path query=a cookie=ss_token header=X-SS-Token";
        for profile in [scalesimple(&[places]), secure_link(&[places])] {
            prop_assert!(!profile.verify(&rx, now).is_ok());
            let mut out = vec![0; rx.target.len()];
            prop_assert!(profile.clean_path(&rx.target, &mut out).is_none_or(|len| len < out.len()));
        }
    }

    #[test]
    fn a_target_without_its_path_token_names_the_path_that_is_served(
        pieces in "(/|/|/|\\.|\\.\\.|/\\.\\./|T|T|T|a|%2e|%2F|%25|%3f|,|\\+|\\?|#){0,14}",
        merge: bool,
    ) {
        let token = format!("{},{EXP}", "0".repeat(32));
        let target = format!("/{pieces}").replace('T', &token).into_bytes();
        let parsed = |target: &[u8]| {
            let mut out = vec![0; target.len()];
            let len = normal::path_of([target], merge, &mut out)?;
            out.truncate(len);
            Some(out)
        };
        let Some(path) = parsed(&target) else { return Ok(()) };
        let profile = scalesimple(&["from path"]);
        let mut room = vec![0; target.len()];
        let found = profile.in_path(&target, &path, &mut room);
        let served = match found {
            InPath::Both { path, .. } => [path.before, path.after].concat(),
            InPath::Nowhere | InPath::Cancelled => path.clone(),
        };
        let mut out = vec![0; target.len() + 3 * path.len()];
        match found.write_target(&target, &path, &mut out) {
            None => prop_assert_eq!(found, InPath::Nowhere),
            Some(len) => {
                let seen = parsed(&out[..len]);
                prop_assert_eq!(seen, Some(served), "{}", String::from_utf8_lossy(&out[..len]));
            }
        }
    }

    #[test]
    fn structured_targets_are_never_a_token(
        target in "(/|\\?|&|ss_token=|ss_expiration=|[0-9a-f]{32}|,[0-9]{1,20}|[A-Za-z0-9_-]{21}[AQgw]=?){0,10}"
    ) {
        let places = "from query path query=ss_token";
        let rx = Fake::new(&target).message(&["x"]);
        for profile in [scalesimple(&[places]), secure_link(&[places])] {
            prop_assert!(!profile.verify(&rx, NOW).is_ok());
        }
    }
}
