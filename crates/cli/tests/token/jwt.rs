//! `--format jwt`: secrets, private keys, JWKS.

use super::{KeyFile, answer, verdict, warnings};

fn data(name: &str) -> String {
    format!("{}/../../t/data/keys/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Signs with one key and gives the header line.
fn sign(more: &[&str]) -> String {
    let base = ["sign", "--format", "jwt", "--expires", "4000000000"];
    let (code, line) = answer(&[&base, more].concat());
    assert_eq!(code, 0, "{line}");
    assert!(line.starts_with("Authorization: Bearer eyJ"), "{line}");
    line
}

fn verify(line: &str, more: &[&str]) -> (i32, String) {
    let base = ["verify", "--format", "jwt", "--url", "/", "--header", line];
    verdict(&[&base, more].concat())
}

#[test]
fn a_secret_signs_and_verifies() {
    let key = KeyFile::new("jwt", "0123456789abcdef0123456789abcdef\n");
    let other = KeyFile::new("jwt-other", "abcdef0123456789abcdef0123456789\n");
    let line = sign(&[
        "--key-file",
        key.path(),
        "--issuer",
        "me",
        "--audience",
        "edge",
    ]);
    let verified = verify(
        &line,
        &[
            "--key-file",
            key.path(),
            "--issuer",
            "me",
            "--audience",
            "edge x",
        ],
    );
    assert_eq!(verified.0, 0, "{verified:?}");
    for (more, status) in [
        (&["--key-file", other.path()][..], "invalid"),
        (&["--key-file", key.path(), "--issuer", "you"], "forbidden"),
        (
            &["--key-file", key.path(), "--require", "sub exists"],
            "forbidden",
        ),
        (
            &["--key-file", key.path(), "--now", "4000000000"],
            "expired",
        ),
    ] {
        let (code, said) = verify(&line, more);
        assert!(code == 1 && said.contains(status), "{more:?}: {said}");
    }
    // Where it goes is for the caller to say.
    let cookie = answer(&[
        "sign",
        "--format",
        "jwt",
        "--expires",
        "4000000000",
        "--key-file",
        key.path(),
        "--from",
        "cookie=session",
    ]);
    assert!(
        cookie.0 == 0 && cookie.1.starts_with("Cookie: session=eyJ"),
        "{cookie:?}"
    );
}

#[test]
fn a_private_key_signs_and_its_public_one_verifies() {
    for (name, algorithm) in [
        ("rsa", "PS384"),
        ("p256", "ES256"),
        ("p521", "ES512"),
        ("ed25519", "EdDSA"),
    ] {
        let (private, public) = (
            data(&format!("{name}.pem")),
            data(&format!("{name}.pub.pem")),
        );
        let key = [
            "--key-encoding",
            "pem",
            "--algorithm",
            algorithm,
            "--key-file",
        ];
        let line = sign(&[&key[..], &[&private]].concat());
        let verified = verify(&line, &[&key[..], &[&public]].concat());
        assert_eq!(verified.0, 0, "{name}: {verified:?}");
        let wrong = verify(
            &line,
            &["--key-encoding", "pem", "--key-file", &data("p384.pub.pem")],
        );
        assert_eq!(wrong.0, 1, "{name}: {wrong:?}");
    }
    let id = format!("2026b={}", data("p256.pem"));
    let line = sign(&["--key-encoding", "pem", "--key-file", &id]);
    let jwks = ["--key-encoding", "jwks", "--key-file", &data("jwks.json")];
    assert_eq!(verify(&line, &jwks).0, 0);
    let public = data("rsa.pub.pem");
    let refused = answer(&[
        "sign",
        "--format",
        "jwt",
        "--expires",
        "+60",
        "--key-encoding",
        "pem",
        "--key-file",
        &public,
    ]);
    assert!(
        refused.0 == 1 && refused.1.contains("signs nothing"),
        "{refused:?}"
    );
    let said = warnings(&[
        "sign",
        "--format",
        "jwt",
        "--expires",
        "+60",
        "--key-encoding",
        "pem",
        "--key-file",
        &data("p256.pem"),
    ]);
    assert!(
        said.iter().any(|line| line.contains("private key")),
        "{said:?}"
    );
}
