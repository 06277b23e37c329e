use super::*;
use data_encoding::BASE64;

const TEXT: &[u8] = b"a text";

/// What `openssl dgst -sign` and `openssl pkeyutl -sign` make of the text.
const OF_OPENSSL: &[(Method, &str, &str)] = &[
    (
        Method::RsaPkcs1(Hash::Sha1),
        "rsa",
        "NPBhVugW/DMqyQ80mLKv1nqApPXV/41Hl5DG85tBr3myFAQhd0i27edg1AI5K/BfiyQLPiRCOZRNXnDerQrDKT0IXOvxTpE18JnniOY9iN9D52yzrYKFKsqfZ9oEqFIApGLlQJMnmePLbBccFGzx9EiiczYEYkksTOCknNlYhowwF6XOcHLIIoRoq310JelXfTi8KJI2Hhch+frAHxML2/7KnAaHZeLWl7YinWrWsYR8ZQQMbMKEJwfaYNfr+CZK/OWiMWG9uY65weshIqFQDafOntW7uiPXukwMM2CUOWQwcUvF3rcsOOGZlDQYChxk9tCOEvN1owWNuVYN3CkTVg==",
    ),
    (
        Method::RsaPkcs1(Hash::Sha256),
        "rsa",
        "K/tMnu01h2o+EYFtnpneLQIPm4pGj9IiWvfQ0vN++tGnMmVfk8GXa9ak+fpYYU07p5r5RZQoHE4zzeyd+s/1Ykodn2WexLkYoYwqIdzDEtL1Q0HMTw/g1cA+afaOqLgqhhQBe7Vo0ABFqkljDd9I8Wf3ctLEolWxZUgrddrjtAU4l+XmbU2r1uC4N80aCgD29tX9u+aEWs3Sd9fkdvm6Z8JPEn8wray1Aov1Y7ya9Ws1B3dVvfdSB7OntCvTxf+6rGELJl1aRbV0+RgB2bsuP7+/sGGvOzGPj2Pt+3xm/ugJ6MFh8RdKto5jyeSrqdfqqgylouDOSrCf5zqHc83Nzw==",
    ),
    (
        Method::RsaPkcs1(Hash::Sha384),
        "rsa",
        "BPKkj1ZRieSjQaRyXLRRj6lbL7nN90HM68RpYv+G8NixVktM9QqNv0ZNsMBglFRKRNglT0kXPTHbtAX8yFSsUd7YQ7fyFteQtjlJ8MZHCuDMpTlnFs/d9x4aB514vh/FiZfm2G00FBBGmjTc23DdKcCOvpPdeqRsZxVuk6qlLJ/syeFA70/55h+B22q4IFPGZ3E3ibVs4d8ydxUL0tZqhuHzeweBQjCl7YHbZtsSEigwUNWMI1cMdcgVeNRVJIArfXxrN/bI2uWCxEd9dNYQVsqQTyE7K87/08sk89t9I54tvJPfshJBbVxXbDH1OMrHrHyv2LN9GKW/MF9gfxvyGg==",
    ),
    (
        Method::RsaPkcs1(Hash::Sha512),
        "rsa",
        "Lh6ckeOg2t+DhOQNuWxYxBgc2iIp9cQ9+DU9Pt0oaGLRxMeT2pvSG6DkdIT45jOB3fH4bpWzc+5fB25PfKykb68/n+9WN6y8eN1DOop6CT1NXDIBOuLsdvx/DPS55M694OPdm7quRttIIdBbTOhxeC+A2FLfG01N+KR+w+yGiWgtaMkNTK6a7ayCV1yk83xE5O1OenzgkuAdzxQlyj3LasR+VU21FwgGGFnbUbNV6UaAIl6Nf3ZIxshVo324rtP/qHqeOmfQ3UwgOUgkJByOkTI8hc2Hqx0dmvdejlN95F3kBG7oKjH4vi3CLedLpDJiye3GpitXYwfSNpYL1+b1IQ==",
    ),
    (
        Method::RsaPss(Hash::Sha256),
        "rsa",
        "bHyRpgy1eq//JsZRgWbvJK3lbvkArcLInZIy4o5MOeiwP603PCPuki9i3Ma8NuhY3JOxI6SYdPu7yJxEAaRac2VnkjYM8wQeN5rgzegETq/lAdlwERv6kXj8zBDnC4Zi/2KeBE1zNtHrVErHQsS5G5RvHxcC7QkQ1c4e1gtmV6G/8vyMHxEecAgyotRvvFJQbAOUsxGt6fSDJcrLWUUgSHCzCos3UzofRt9SRdrTpBpPylF4Dfe/kGwxdGZ6WjUk9zUNBllpNuFopWycMgF88hJIOPOooefDrQoSWE73T17br+rqxysP6Z7IhLl5Fxfe+TjzspnpVyXvRh2xfMM+mw==",
    ),
    (
        Method::RsaPss(Hash::Sha384),
        "rsa",
        "TmjwKn6hcoPgj6cbziUnDgo14WfvnJAhRgzdOtX6CG27P/b26ClmSHrQbItgYAz76XNztMxDfbjldRE8pPRoiJjnm4T6NoDCiYp0yYbPOcz6zi2WeTwyxcDDlCCkYATNye6oXvwMIFh4t2aUrihYqSFnNRm6PXcwKrjK0w1ALRSbif4PV8e+QhhXBlZBdM8HPd9uTzvcBS05i/1evkDXa6ny9JfVr0Qc6h39vL6gjV+O8Fa7YXIYcpa41QG/6jQwJA23ZkZU66nb6T7DK3/JiVNFzq60Cz0ga6zwpIM5AVHBDxJnTW5HnvtVGCIkdzXP1sG3dTCAEb03fK6tLOIpMA==",
    ),
    (
        Method::RsaPss(Hash::Sha512),
        "rsa",
        "GGJnXnIWsCVpIIvLNdRI8E3ZiD7/1izrBaHd/WTWvTZlJELX0eJxEYxV16UseRHbsoK0cnfnfnGpas28wvTSFolyJGa5es7+j4U6Q688Q5tvG4q0MNf+Gz5CgBU3AuMxCQnkW37jOMs+vn1Ah0eQlycN6YCewWvxvRlqH5/O8xp0UyD5eu2GUITH8LUQiIXBuUTWMyTrMRonAuHnQeS69OpQNgNKorqZmIG79EwPGQ3XBfGA+BNdVX8a9Kq10x1D+p1zrG3i/p/JGCxeA9fgdGra6KDBADV3sSmrLIfbBstkLsDLrhdVn+FZUh/PW9NB04uGCtcO/rDmplI/Ft1uEQ==",
    ),
    (
        Method::EcdsaDer(Hash::Sha1),
        "p256",
        "MEYCIQCTQDOjAzE2QZPE0r4UpWiR+zNG9rCVlH+1xbHrUEBx2wIhAJpRDlHHlab9rJHlUmG2pjQRk6q4ZPjC8mGYIPFg4eTt",
    ),
    (
        Method::EcdsaDer(Hash::Sha256),
        "p256",
        "MEUCIQCY52qLYZhOoSB/7ozZ6tpLTgJeIGLS9/DGaLwVNrKadQIgRc7VxzbvavcB5bT0zf1YdG2KWwR4CJQbyQsiFyCOMO0=",
    ),
    (
        Method::Ed25519,
        "ed25519",
        "e3Rdd7DksWjVZqW4/FSUWAsn8Mnd9SKNFr0r4z3Dk3RCOvhSx+EivCYcvl9Jf/W5+AfQ7VbOpt3G/1MPcuStAw==",
    ),
];

const METHODS: &[(Method, &str)] = &[
    (Method::RsaPkcs1(Hash::Sha256), "rsa"),
    (Method::RsaPkcs1(Hash::Sha384), "rsa"),
    (Method::RsaPkcs1(Hash::Sha512), "rsa"),
    (Method::RsaPss(Hash::Sha256), "rsa"),
    (Method::RsaPss(Hash::Sha384), "rsa"),
    (Method::RsaPss(Hash::Sha512), "rsa"),
    (Method::Ecdsa(Curve::P256), "p256"),
    (Method::Ecdsa(Curve::P384), "p384"),
    (Method::Ecdsa(Curve::P521), "p521"),
    (Method::EcdsaDer(Hash::Sha256), "p256"),
    (Method::Ed25519, "ed25519"),
];

fn file(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../t/data/keys");
    std::fs::read(format!("{path}/{name}.pem")).unwrap()
}

fn public(name: &str) -> PublicKey {
    PublicKey::from_pem(&file(&format!("{name}.pub"))).unwrap()
}

fn verifier(key: &PublicKey, method: Method) -> Box<dyn Verify> {
    key.verifier(method).unwrap().unwrap()
}

#[test]
fn signatures_of_openssl_verify() {
    for (method, key, signature) in OF_OPENSSL {
        let verifier = verifier(&public(key), *method);
        let mut signature = BASE64.decode(signature.as_bytes()).unwrap();
        assert!(verifier.verifies(TEXT, &signature), "{method:?}");
        assert!(!verifier.verifies(b"a texT", &signature), "{method:?}");
        for at in 0..signature.len() {
            signature[at] ^= 1;
            assert!(!verifier.verifies(TEXT, &signature), "{method:?} {at}");
            signature[at] ^= 1;
        }
        assert!(!verifier.verifies(TEXT, &signature[1..]) && !verifier.verifies(TEXT, b""));
    }
}

#[test]
fn what_is_signed_verifies_by_that_key_in_that_way_only() {
    for (method, key) in METHODS {
        let private = PrivateKey::from_pem(&file(key)).unwrap();
        let signature = private.sign(*method, TEXT).unwrap().unwrap();
        assert!(signature.len() <= MAX_SIGNATURE);
        assert!(private.public().unwrap() == public(key), "{key}");
        for (other, of) in METHODS {
            for name in ["rsa", "p256", "p384", "p521", "ed25519"] {
                let Some(verifier) = public(name).verifier(*other) else {
                    assert_ne!(name, *of);
                    continue;
                };
                let wanted = other == method && name == *key;
                let found = verifier.unwrap().verifies(TEXT, &signature);
                assert_eq!(found, wanted, "{method:?} {key}, {other:?} {name}");
            }
        }
    }
}

#[test]
fn ecdsa_numbers_have_their_length() {
    for curve in Curve::ALL {
        let name = ["p256", "p384", "p521"][curve as usize];
        let private = PrivateKey::from_pem(&file(name)).unwrap();
        let method = Method::Ecdsa(curve);
        let verifier = verifier(&public(name), method);
        let signature = private.sign(method, TEXT).unwrap().unwrap();
        assert_eq!(signature.len(), 2 * curve.len());
        let zeros = vec![0; signature.len()];
        assert!(!verifier.verifies(TEXT, &zeros));
        assert!(!verifier.verifies(TEXT, &[signature.as_slice(), &[0]].concat()));
        assert!(!verifier.verifies(TEXT, &vec![255; 65_536]));
    }
}

#[test]
fn keys_have_many_spellings() {
    let rsa = public("rsa");
    for name in ["rsa.pkcs1.pub", "rsa.crt", "rsa", "rsa.pkcs1"] {
        assert!(PublicKey::from_pem(&file(name)).unwrap() == rsa, "{name}");
    }
    assert!(PublicKey::from_pem(&file("p256.pkcs8")).unwrap() == public("p256"));
    // With text around it, and lines as Windows ends them.
    let text = String::from_utf8(file("rsa.pub")).unwrap();
    let text = format!("Bag Attributes\r\n{}\r\nmore", text.replace('\n', "\r\n"));
    assert!(PublicKey::from_pem(text.as_bytes()).unwrap() == rsa);
}

#[test]
fn other_keys_are_refused() {
    let refused = |text: &[u8]| PublicKey::from_pem(text).err().unwrap().to_string();
    assert_eq!(
        refused(&file("weak.pub")),
        "is an RSA key of 1024 bits, it must have 2048 to 8192"
    );
    let none = "is no key of RSA, ECDSA (P-256, P-384, P-521) or Ed25519";
    assert_eq!(refused(&file("k1.pub")), none);
    assert_eq!(
        refused(&file("rsa.encrypted")),
        "holds an encrypted private key"
    );
    for text in ["", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n", "\u{ff}"] {
        assert_eq!(refused(text.as_bytes()), "holds no key in PEM", "{text}");
    }
    assert_eq!(refused(b"\xff"), "holds no key in PEM");
    let section =
        |body: &str| format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
    assert_eq!(refused(section("AAAA").as_bytes()), none);
    assert_eq!(refused(section("AAA").as_bytes()), "is no PEM file");
    let error = PrivateKey::from_pem(&file("rsa.pub")).err().unwrap();
    assert_eq!(error.to_string(), "holds a public key, which signs nothing");
    for (n, e) in [(2048, 1), (2048, 4), (1024, 3), (8193, 3)] {
        let mut number = vec![0xff_u8; usize::div_ceil(n, 8)];
        if n % 8 == 1 {
            number[0] = 1;
        }
        assert!(PublicKey::rsa(&number, &[e]).is_err(), "{n} {e}");
    }
    let mut even = vec![0xff_u8; 256];
    assert!(PublicKey::rsa(&even, &[3]).is_ok());
    even[255] = 0xfe;
    assert!(PublicKey::rsa(&even, &[3]).is_err());
}

/// Whatever bytes a key is cut down to, or changed into, it is read or refused.
#[test]
fn damaged_keys_are_refused_or_read() {
    for name in ["rsa.crt", "rsa.pub", "p256.pub", "ed25519.pub"] {
        let text = String::from_utf8(file(name)).unwrap();
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64.decode(body.as_bytes()).unwrap();
        for at in 0..der.len() {
            assert!(PublicKey::from_info(&der[..at]).is_err());
            assert!(PublicKey::from_certificate(&der[..at]).is_err());
            let mut other = der.clone();
            for byte in [0, 0x80, 0xff, der[at] ^ 1] {
                other[at] = byte;
                for key in [
                    PublicKey::from_info(&other),
                    PublicKey::from_certificate(&other),
                    PublicKey::from_rsa(&other),
                ] {
                    for (method, _) in METHODS {
                        if let Some(Some(Ok(key))) =
                            key.as_ref().ok().map(|key| key.verifier(*method))
                        {
                            assert!(!key.verifies(TEXT, &[1; 64]));
                        }
                    }
                }
            }
        }
    }
}
