//! Paths, and links to them.

use super::seed::{KEY, mix};
use gatehouse_base::digest::{Algorithm, Digest, Encoding};

/// How a link is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    Well,
    /// With another key.
    Forged,
    /// Well, but it was over long ago.
    Expired,
}

impl Signed {
    fn key(self) -> &'static str {
        if self == Self::Forged { "guessed" } else { KEY }
    }

    fn expires(self) -> u32 {
        if self == Self::Expired {
            1_000_000_000
        } else {
            4_000_000_000
        }
    }
}

/// A path of 40 bytes, out of 10,000.
pub(crate) fn path(n: usize) -> String {
    let n = n % 10_000;
    format!("/video/{:016x}/{n:012}.m4s", mix(n))
}

/// A signed target as nginx's secure_link documents it.
pub(crate) fn link(n: usize, signed: Signed) -> String {
    let (path, expires) = (path(n), signed.expires());
    let md5 = digest(
        Encoding::Base64Url,
        &format!("{expires}{path}127.0.0.1 {}", signed.key()),
    );
    format!("{path}?md5={md5}&expires={expires}")
}

/// A target signed the ScaleSimple way.
pub(crate) fn scale(n: usize, signed: Signed) -> String {
    let (path, expires, key) = (path(n), signed.expires(), signed.key());
    let inner = digest(Encoding::Hex, &format!("{expires}{path}{key}"));
    let token = digest(Encoding::Hex, &format!("{key}{inner}"));
    format!("{path}?ss_token={token}&ss_expiration={expires}")
}

/// A target with an EdgeAuth token for all of `/video/`.
pub(crate) fn edge(n: usize) -> String {
    let fields = format!("exp={}~acl=/video/*", Signed::Well.expires());
    let hmac = Digest::new(Algorithm::Sha256, Encoding::Hex, Some(KEY.as_bytes()));
    let hmac = hmac.map_or(String::new(), |digest| text(&digest, &fields));
    format!("{}?__token__={fields}~hmac={hmac}", path(n))
}

fn digest(encoding: Encoding, of: &str) -> String {
    let digest = Digest::new(Algorithm::Md5, encoding, None);
    digest.map_or(String::new(), |digest| text(&digest, of))
}

fn text(digest: &Digest, of: &str) -> String {
    let mut out = [0; 64];
    let len = digest.encode_into(&[of.as_bytes()], &mut out);
    String::from_utf8_lossy(out.get(..len.unwrap_or(0)).unwrap_or_default()).into_owned()
}
