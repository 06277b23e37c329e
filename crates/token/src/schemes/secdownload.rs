//! lighttpd's mod_secdownload: `/PREFIX/MAC/TIME/path`, where the time is when the link was made, in hex.
//!
//! With `algorithm md5` the MAC is `hex(MD5(key + path + time))`, with `sha1` and `sha256` it is
//! `base64url(HMAC(key, "/" + time + path))`. The path is what follows, decoded. A link is good for `lifetime` seconds
//! before and after the time in it. The time has eight digits, so that none can be taken from the end of a path.
//! Nothing in front of a token is signed: `uri_prefix` says what must stand there, as lighttpd's `secdownload.uri-prefix`.

use gatehouse_base::digest::{Algorithm, MAX_RAW};
use gatehouse_base::encoding::Encoding;

use crate::claims::{Claims, Paths};
use crate::error::Error;
use crate::macs::{self, Keyed, Macs, Sink};
use crate::reason::Reason;
use crate::request::{Presented, RequestView, SignedUrl};
use crate::scheme::{
    Carrier, Doubt, PathForm, Scheme, SchemeOption, Signing, Verifier, VerifierConfig,
};
use crate::text::{Text, percent_decoded};

pub(super) const SCHEME: Scheme = Scheme {
    name: "secdownload",
    carriers: &[Carrier::TOKEN],
    options: &[
        SchemeOption {
            word: "algorithm",
            default: None,
        },
        SchemeOption {
            word: "lifetime",
            default: Some("60"),
        },
        SchemeOption {
            word: "uri_prefix",
            default: Some(""),
        },
    ],
    statuses: &[(Reason::Expired, 410), (Reason::NotYetValid, 410)],
    places: &["path"],
    path: Some(PathForm {
        join: |values| values.concat(),
        ..PathForm::COMMAS
    }),
    form: "a MAC, \"/\" and 8 lower-case hexadecimal digits for the time of signing",
    example: &[("algorithm", "sha256"), ("lifetime", "3600")],
    build: |config| Ok(Box::new(SecDownload::new(config)?)),
    sign,
    ..Scheme::USUAL
};

struct SecDownload {
    macs: Macs,
    /// How a token spells the MAC.
    encoding: Encoding,
    lifetime_s: i64,
    /// What must stand in front of a token in the path, decoded.
    prefix: Option<String>,
    /// Whether a token may stand in the path.
    in_path: bool,
}

/// The MAC of a token, and the text of its time.
struct Parts<'t> {
    mac: [u8; MAX_RAW],
    time: &'t [u8],
    made: i64,
}

impl SecDownload {
    fn new(config: &VerifierConfig<'_>) -> Result<Self, Error> {
        let prefix = config.options.uri_prefix.clone();
        // In an argument it would open another file: there the whole path is signed, and not what follows the prefix.
        if prefix.is_some() && !config.names.is_empty() {
            return Err(Error::new(
                "has an \"uri_prefix\", which a token in a path alone stands behind: write \"from path\" alone",
            ));
        }
        let legal = [Algorithm::Sha256, Algorithm::Sha1, Algorithm::Md5];
        let algorithm = config.options.hash(SCHEME.name, &legal)?;
        let (keyed, encoding) = match algorithm {
            Algorithm::Md5 => (Keyed::InText, Encoding::Hex),
            _ => (Keyed::Hmac, Encoding::Base64Url),
        };
        Ok(Self {
            macs: Macs::prepare(config, algorithm, keyed)?,
            encoding,
            lifetime_s: config.options.lifetime_s,
            prefix,
            in_path: config.in_path,
        })
    }

    fn read<'t>(&self, token: &'t [u8]) -> Option<Parts<'t>> {
        let (text, time) = token.split_at_checked(token.len().checked_sub(9)?)?;
        let time = time.strip_prefix(b"/")?;
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if !time.iter().all(is_digit) {
            return None;
        }
        let made = i64::from_str_radix(std::str::from_utf8(time).ok()?, 16).ok()?;
        let mut mac = [0; MAX_RAW];
        let raw = mac.get_mut(..self.macs.raw_len())?;
        // Without padding, which lighttpd never writes.
        let is_mac = text.last() != Some(&b'=') && self.encoding.decode(text, raw);
        is_mac.then_some(Parts { mac, time, made })
    }

    /// Where a token may stand that was found in a URL; `None`: anywhere.
    fn place<'r>(&self, url: &SignedUrl<'_>) -> Option<Paths<'r>> {
        let prefix = self.prefix.as_ref()?;
        let in_place = match url {
            SignedUrl::WithoutSegment(found) => {
                let before = Text::Percent(found.before).bytes();
                before.eq(prefix.bytes())
            }
            _ => false,
        };
        Some(Paths::Behind { in_place })
    }

    /// Gives `sink` what is signed. `None` where no path is served.
    fn each(
        &self,
        time: &[u8],
        url: &SignedUrl<'_>,
        request: &dyn RequestView,
        key: &[u8],
        sink: &mut Sink<'_>,
    ) -> Option<()> {
        if self.encoding == Encoding::Hex {
            sink(key);
            path(url, request, sink)?;
            sink(time);
        } else {
            sink(b"/");
            sink(time);
            path(url, request, sink)?;
        }
        Some(())
    }
}

/// Gives `sink` the path that is signed: what follows a token in the path, or all of it.
fn path(url: &SignedUrl<'_>, request: &dyn RequestView, sink: &mut Sink<'_>) -> Option<()> {
    let SignedUrl::WithoutSegment(found) = url else {
        sink(request.path()?);
        return Some(());
    };
    let mut pieces = found.after.split(|byte| matches!(byte, b'?' | b'#'));
    sink(b"/");
    percent_decoded(pieces.next()?, sink)
}

impl Verifier for SecDownload {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let parts = self.read(token.token()).ok_or(Reason::Malformed)?;
        let presented = parts.mac.get(..self.macs.raw_len());
        let presented = presented.ok_or(Reason::Malformed)?;
        claims.key = self.macs.find(request, presented, |key, sink| {
            self.each(parts.time, &token.url, request, key, sink)
        })?;
        claims.expires = Some(parts.made.saturating_add(self.lifetime_s));
        claims.not_before = Some(parts.made.saturating_sub(self.lifetime_s));
        claims.paths = self.place(&token.url);
        Ok(())
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        sink(self.read(token.token())?.mac.get(..self.macs.raw_len())?);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        let parts = self.read(token.token());
        let time = parts.map_or(&b""[..], |parts| parts.time);
        macs::shown(|key, sink| self.each(time, &token.url, request, key, sink))
    }

    fn doubts(&self) -> Vec<Doubt> {
        let is_free = self.in_path && self.prefix.is_none();
        let doubt = is_free.then_some(Doubt {
            word: "format",
            text: "\"secdownload\" without \"uri_prefix\": a link opens the file of its name in every other folder as well",
        });
        doubt.into_iter().collect()
    }

    /// Two segments.
    fn path_token(&self, path: &[u8], segment: &[u8]) -> Option<usize> {
        let len = segment.len().checked_add(9)?;
        let is_token = self.read(path.get(..len)?).is_some();
        let is_whole = matches!(path.get(len), None | Some(b'/'));
        (is_token && is_whole).then_some(len)
    }
}

fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let verifier = SecDownload::new(&signing.config())?;
    let made = signing.expires.saturating_sub(verifier.lifetime_s);
    if signing.now < made.saturating_sub(verifier.lifetime_s) {
        return Err(Error::new(
            "such a link is good for twice the \"lifetime\" at most, and would not be good yet",
        ));
    }
    let time = format!("{made:08x}");
    if time.len() != 8 {
        return Err(Error::new("the time of signing has not eight digits"));
    }
    let mac = verifier.macs.sign(verifier.encoding, |key, sink| {
        verifier.each(time.as_bytes(), &signing.url, signing.request, key, sink)
    })?;
    Ok(vec![format!("{mac}/{time}")])
}
