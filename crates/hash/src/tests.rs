//! Each hash against another one's, over texts of every length around its blocks, however they are cut.
//! The published vectors are tests of gatehouse-base.

use super::*;
use hmac::KeyInit as _;
use hmac::Mac as _;
use proptest::prelude::*;

fn same<H: Hash, O: md5::Digest>(text: &[u8], cut: usize) {
    let (begin, end) = text.split_at(cut.min(text.len()));
    let mut hash = H::new();
    hash.update(begin);
    // What was there before is not touched by a copy.
    let mut copy = hash.clone();
    copy.update(b"other");
    hash.update(end);
    assert_eq!(hash.finish().as_ref(), O::digest(text).as_slice());
    let mut other = O::new_with_prefix(begin);
    other.update(b"other");
    assert_eq!(copy.finish().as_ref(), other.finalize().as_slice());
}

fn all(text: &[u8], cut: usize) {
    same::<Md5, md5::Md5>(text, cut);
    same::<Sha1, sha1::Sha1>(text, cut);
    same::<Sha256, sha2::Sha256>(text, cut);
    same::<Sha384, sha2::Sha384>(text, cut);
    same::<Sha512, sha2::Sha512>(text, cut);
    same::<Sha512_256, sha2::Sha512_256>(text, cut);
}

/// The same MAC by another library, which has a type of its own for each hash.
macro_rules! same_mac {
    ($hash:ty, $other:ty, $key:expr, $text:expr) => {
        let mut mac = Hmac::<$hash>::new($key);
        let again = mac.clone();
        mac.update($text);
        let mut other = hmac::Hmac::<$other>::new_from_slice($key).unwrap();
        other.update($text);
        assert_eq!(
            mac.finish().as_ref(),
            other.finalize().into_bytes().as_slice()
        );
        let none = hmac::Hmac::<$other>::new_from_slice($key).unwrap();
        assert_eq!(
            again.finish().as_ref(),
            none.finalize().into_bytes().as_slice()
        );
    };
}

fn all_macs(key: &[u8], text: &[u8]) {
    same_mac!(Md5, md5::Md5, key, text);
    same_mac!(Sha1, sha1::Sha1, key, text);
    same_mac!(Sha256, sha2::Sha256, key, text);
    same_mac!(Sha384, sha2::Sha384, key, text);
    same_mac!(Sha512, sha2::Sha512, key, text);
}

#[test]
fn every_length_around_the_blocks() {
    let text: Vec<u8> = (0..600u32).map(|n| n.wrapping_mul(37) as u8).collect();
    for len in 0..=text.len() {
        all(&text[..len], len / 3);
        all_macs(&text[..len], &text[..64]);
    }
}

proptest! {
    #[test]
    fn any_text(key in prop::collection::vec(any::<u8>(), 0..300), text in prop::collection::vec(any::<u8>(), 0..2000), cut in 0..2000usize) {
        all(&text, cut);
        all_macs(&key, &text);
    }
}

/// What a MAC of a token takes here and by another library. Without the processor's instructions for SHA: here with
/// `OPENSSL_ia32cap='~0x0:~0x20000000'`, there with `RUSTFLAGS='--cfg sha2_backend="soft"'`.
#[test]
#[ignore = "figures: run it in a release build, with --nocapture"]
fn figures_of_a_mac() {
    const TIMES: u32 = 3_000_000;
    let text = [b'a'; 190];
    let time = |what: &str, once: &mut dyn FnMut() -> u8| {
        let begun = std::time::Instant::now();
        let sum = (0..TIMES).fold(0, |sum, _| sum ^ once());
        println!("{what}: {:?} each ({sum})", begun.elapsed() / TIMES);
    };
    let here = Hmac::<Sha256>::new(&[7; 32]);
    time("aws-lc", &mut || {
        let mut mac = here.clone();
        mac.update(std::hint::black_box(&text));
        mac.finish()[0]
    });
    let there = hmac::Hmac::<sha2::Sha256>::new_from_slice(&[7; 32]).unwrap();
    time("RustCrypto", &mut || {
        let mut mac = there.clone();
        mac.update(std::hint::black_box(&text));
        mac.finalize().into_bytes()[0]
    });
}
