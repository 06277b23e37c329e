//! Bunny's token authentication, in the form of today and in its two older ones.
//!
//! - `HS256-` and base64url of `HMAC-SHA256(key, path + expires + address + data)`. With `HS256-1-` the address is the
//!   client's: four bytes, or the first eight of sixteen and eight zeros (an IPv6 network `/64`).
//! - 43 characters: base64url of `SHA256(key + path + expires + data + address)`.
//! - 22 characters: base64url of `MD5(key + path + expires + address)`.
//!
//! Where `bind_ip exact` is written, the address of the older forms is the client's as text, else it is nothing.
//!
//! `data` is every other argument (for a token in the path: also what stands beside it in its segment), sorted by name, as
//! `name=value&…` with the values decoded. The path is the one that nginx serves, or `token_path`, which is then the folder the
//! token is good for. With `token_ignore_params=true` only that and `token_path` are in `data`. Arguments
//! that one could read as two (`%26` in a value) are refused. Countries are looked at where
//! there is a database of them.
//!
//! Nothing stands between path, expiry, address and data, and whether there is an address is not signed. So an expiry
//! has ten digits, and a name that could begin with some of them or with the bytes of an address is refused. What remains:
//! the older forms have an address as text behind the digits of the expiry, or of a value.

use std::net::IpAddr;

use memchr::memmem;

use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::Encoding;

use crate::claims::{AddressBinding, Claims, Paths};
use crate::error::Error;
use crate::mac;
use crate::macs::{self, Keyed, Macs, Sink};
use crate::places;
use crate::reason::Reason;
use crate::request::{MAX_TOKEN, Presented, RequestView, SignedUrl};
use crate::scheme::{Carrier, Doubt, PathForm, Scheme, Signing, Verifier, VerifierConfig};
use crate::strip;
use crate::text::{Text, percent_decoded};

pub(super) const SCHEME: Scheme = Scheme {
    name: "bunny",
    carriers: &[
        Carrier::TOKEN,
        Carrier {
            role: Carrier::EXPIRY,
            query: Some("expires"),
            cookie: Some("expires"),
            header: None,
            required: true,
        },
        beside("path", TOKEN_PATH),
        beside("countries", COUNTRIES),
        beside("blocked countries", BLOCKED),
        beside("word about arguments", IGNORE_PARAMS),
    ],
    joined: 2,
    claims: &["ip"],
    claims_address: true,
    path: Some(PathForm {
        join: |values| {
            let [token, expires, ..] = values else {
                return String::new();
            };
            format!("{IN_PATH}{token}&{EXPIRES}{expires}")
        },
        split,
    }),
    form: "HS256- and 43 characters of base64url, or these or 22 alone, and 10 digits for the expiry",
    build: |config| Ok(Box::new(Bunny::new(config)?)),
    sign,
    ..Scheme::USUAL
};

/// An argument that is stripped with the token.
const fn beside(role: &'static str, name: &'static str) -> Carrier {
    Carrier {
        role,
        query: Some(name),
        cookie: None,
        header: None,
        required: false,
    }
}

const TOKEN_PATH: &str = "token_path";
const COUNTRIES: &str = "token_countries";
const BLOCKED: &str = "token_countries_blocked";
const IGNORE_PARAMS: &str = "token_ignore_params";
const IN_PATH: &str = "bcdn_token=";
const EXPIRES: &str = "expires=";
const LAST: &[u8] = b"&expires=";

/// More arguments than these are not signed.
const MOST: usize = 64;

/// Reads the segment of a token in the path.
fn split<'a>(token: &mut Presented<'a>, text: &'a [u8], _: usize) {
    let find = |name: &str| {
        let mut pieces = strip::pieces_of_args(text);
        pieces.find_map(|piece| piece.strip_prefix(name.as_bytes()))
    };
    let found = [find(IN_PATH), find(EXPIRES)];
    for (slot, value) in token.values.iter_mut().zip(found) {
        *slot = value;
    }
}

struct Bunny {
    hs256: Macs,
    sha256: Macs,
    md5: Macs,
    /// Whether tokens of the older forms are bound to an address.
    binds: bool,
}

/// What a token looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Hs256 { bound: bool },
    Sha256,
    Md5,
}

/// A MAC, of which so many bytes count.
struct Mac {
    form: Form,
    raw: [u8; 32],
    len: usize,
}

fn read(token: &[u8]) -> Option<Mac> {
    let (form, text) = match token.strip_prefix(b"HS256-") {
        Some(rest) => match rest.strip_prefix(b"1-") {
            // A MAC may begin with `1-`: its length tells.
            Some(text) if text.len() == 43 => (Form::Hs256 { bound: true }, text),
            _ => (Form::Hs256 { bound: false }, rest),
        },
        None if token.len() == 22 => (Form::Md5, token),
        None => (Form::Sha256, token),
    };
    let len = if form == Form::Md5 { 16 } else { 32 };
    let mut raw = [0; 32];
    let room = raw.get_mut(..len)?;
    let is_bare = text.last() != Some(&b'=');
    (is_bare && Encoding::Base64Url.decode(text, room)).then_some(Mac { form, raw, len })
}

/// What a token signs of a request.
struct Signed<'r> {
    /// The folder it is good for.
    folder: Option<&'r [u8]>,
    /// Names and values, sorted.
    data: Data<'r>,
    /// Whether only arguments about the token are signed.
    ignore: bool,
    address: Address,
}

/// Arguments by name.
struct Data<'r> {
    rows: [(&'r [u8], &'r [u8]); MOST],
    len: usize,
}

impl<'r> Data<'r> {
    fn rows(&self) -> &[(&'r [u8], &'r [u8])] {
        self.rows.get(..self.len).unwrap_or_default()
    }

    fn add(&mut self, piece: &'r [u8]) -> Option<()> {
        let equals = piece.iter().position(|byte| *byte == b'=');
        let (name, value) = piece.split_at_checked(equals.unwrap_or(piece.len()))?;
        *self.rows.get_mut(self.len)? = (name, value.get(1..).unwrap_or_default());
        self.len = self.len.saturating_add(1);
        Some(())
    }

    /// The value of the only argument of a name; `Err` when there are several.
    fn only(&self, name: &str) -> Result<Option<&'r [u8]>, ()> {
        let mut found = self.rows().iter().filter(|row| row.0 == name.as_bytes());
        let first = found.next().map(|row| row.1);
        found.next().map_or(Ok(first), |_| Err(()))
    }

    /// Those of other names than a token's.
    fn of(token: &Presented<'r>, request: &'r dyn RequestView) -> Option<Self> {
        let mut data = Self {
            rows: [(b"", b""); MOST],
            len: 0,
        };
        if let SignedUrl::WithoutSegment(found) = token.url {
            let pieces = strip::pieces_of_args(found.token).filter(|piece| {
                !piece.starts_with(IN_PATH.as_bytes()) && !piece.starts_with(EXPIRES.as_bytes())
            });
            pieces
                .map(|piece| data.add(piece))
                .collect::<Option<()>>()?;
        }
        let of_token = |piece: &[u8]| match token.url {
            SignedUrl::WithoutArgs { names, .. } => names
                .iter()
                .take(2)
                .any(|name| strip::arg_value(piece, name.as_bytes()).is_some()),
            _ => false,
        };
        for piece in strip::pieces_of_args(request.pieces().args()) {
            if !piece.is_empty() && !of_token(piece) {
                data.add(piece)?;
            }
        }
        let rows = data.rows.get_mut(..data.len)?;
        // Of one name in their order in the request, without room to sort in.
        rows.sort_unstable_by_key(|row| (row.0, row.0.as_ptr()));
        Some(data)
    }

    /// Those that are signed.
    fn signed(&self, ignore: bool) -> impl Iterator<Item = &(&'r [u8], &'r [u8])> {
        let about_token = [TOKEN_PATH.as_bytes(), IGNORE_PARAMS.as_bytes()];
        let mut rows = self.rows().iter();
        std::iter::from_fn(move || rows.find(|row| !ignore || about_token.contains(&row.0)))
    }

    /// Whether no name that is signed could have bytes of an address in it, nor begin with digits of the expiry. A
    /// folder is in the arguments, too, so none of its digits can have become one of the expiry.
    fn is_clear(&self, ignore: bool, has_folder: bool) -> bool {
        self.signed(ignore).all(|(name, _)| {
            let is_name = name.first().is_some_and(|byte| !byte.is_ascii_digit());
            (is_name || has_folder) && name.iter().all(u8::is_ascii_graphic)
        })
    }

    /// Whether the client's country is one that is admitted; `None` when that is said twice.
    fn admits(&self, request: &dyn RequestView) -> Option<bool> {
        let is_in = |name| {
            let list = self.only(name).ok()?;
            Some(list.and_then(|list| places::is_in_one(Text::Percent(list), request)))
        };
        Some(is_in(COUNTRIES)? != Some(false) && is_in(BLOCKED)? != Some(true))
    }

    /// Gives `sink` the text of it.
    fn each(&self, ignore: bool, sink: &mut Sink<'_>) -> Option<()> {
        let mut between: &[u8] = b"";
        for (name, value) in self.signed(ignore) {
            sink(between);
            sink(name);
            sink(b"=");
            let mut is_one = true;
            percent_decoded(value, &mut |piece| {
                is_one &= !piece.contains(&b'&');
                sink(piece);
            })?;
            is_one.then_some(())?;
            between = b"&";
        }
        Some(())
    }
}

/// The address that is signed.
enum Address {
    None,
    Packed([u8; 16], usize),
    Text(IpAddr),
}

impl Address {
    fn packed(address: IpAddr) -> Self {
        let mut bytes = [0; 16];
        let len = match address.to_canonical() {
            IpAddr::V4(address) => {
                for (slot, byte) in bytes.iter_mut().zip(address.octets()) {
                    *slot = byte;
                }
                4
            }
            IpAddr::V6(address) => {
                for (slot, byte) in bytes.iter_mut().zip(address.octets()).take(8) {
                    *slot = byte;
                }
                16
            }
        };
        Self::Packed(bytes, len)
    }

    fn each(&self, sink: &mut Sink<'_>) -> Option<()> {
        match self {
            Self::None => Some(()),
            Self::Packed(bytes, len) => {
                sink(bytes.get(..*len)?);
                Some(())
            }
            Self::Text(address) => {
                use std::fmt::Write;
                write!(Pieces(sink), "{address}").ok()
            }
        }
    }
}

/// Gives a sink what is formatted.
struct Pieces<'s, 'f>(&'s mut Sink<'f>);

impl std::fmt::Write for Pieces<'_, '_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        (self.0)(text.as_bytes());
        Ok(())
    }
}

impl Bunny {
    fn new(config: &VerifierConfig<'_>) -> Result<Self, Error> {
        Ok(Self {
            hs256: Macs::prepare(config, Algorithm::Sha256, Keyed::Hmac)?,
            sha256: Macs::prepare(config, Algorithm::Sha256, Keyed::InText)?,
            md5: Macs::prepare(config, Algorithm::Md5, Keyed::InText)?,
            binds: config.binding != AddressBinding::Off,
        })
    }

    fn macs(&self, form: Form) -> &Macs {
        match form {
            Form::Hs256 { .. } => &self.hs256,
            Form::Sha256 => &self.sha256,
            Form::Md5 => &self.md5,
        }
    }

    /// What a token of a form signs. `None`: there is too much of it, no address, or a name that may be no name.
    fn signed<'r>(
        &self,
        form: Form,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
    ) -> Option<Signed<'r>> {
        let data = Data::of(token, request)?;
        let folder = data.only(TOKEN_PATH).ok()?;
        let ignore = data.only(IGNORE_PARAMS).ok()? == Some(b"true");
        let signs_data = form != Form::Md5;
        if signs_data && !data.is_clear(ignore, folder.is_some()) {
            return None;
        }
        let address = match form {
            Form::Hs256 { bound: false } => Address::None,
            Form::Hs256 { bound: true } => Address::packed(request.address()?),
            Form::Sha256 | Form::Md5 if !self.binds => Address::None,
            Form::Sha256 | Form::Md5 => Address::Text(request.address()?.to_canonical()),
        };
        Some(Signed {
            folder,
            data,
            ignore,
            address,
        })
    }
}

/// Gives `sink` what is signed.
fn each(
    form: Form,
    signed: &Signed<'_>,
    expires: &[u8],
    request: &dyn RequestView,
    key: &[u8],
    sink: &mut Sink<'_>,
) -> Option<()> {
    sink(key);
    match signed.folder {
        Some(folder) => percent_decoded(folder, sink)?,
        None => sink(request.path()?),
    }
    sink(expires);
    match form {
        Form::Hs256 { .. } => {
            signed.address.each(sink)?;
            signed.data.each(signed.ignore, sink)
        }
        Form::Sha256 => {
            signed.data.each(signed.ignore, sink)?;
            signed.address.each(sink)
        }
        // It knows no arguments: with a folder it would open more than it signs.
        Form::Md5 if signed.folder.is_some() => None,
        Form::Md5 => signed.address.each(sink),
    }
}

impl Verifier for Bunny {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let text = token.value(1).ok_or(Reason::Malformed)?;
        let expires = mac::parse_epoch_of_ten(text).ok_or(Reason::Malformed)?;
        let Mac { form, raw, len } = read(token.token()).ok_or(Reason::Malformed)?;
        let presented = raw.get(..len).ok_or(Reason::Malformed)?;
        let signed = self.signed(form, token, request);
        let signed = signed.ok_or(Reason::Malformed)?;
        claims.key = self.macs(form).find(request, presented, |key, sink| {
            each(form, &signed, text, request, key, sink)
        })?;
        claims.expires = Some(expires);
        claims.paths = signed
            .folder
            .map(|folder| Paths::Folder(Text::Percent(folder)));
        if form != Form::Md5 && !signed.ignore {
            claims.unmet.other = !signed.data.admits(request).ok_or(Reason::Malformed)?;
        }
        Ok(())
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        let Mac { raw, len, .. } = read(token.token())?;
        sink(raw.get(..len)?);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        let expires = token.value(1).unwrap_or_default();
        let form = read(token.token()).map(|mac| mac.form);
        let signed = form.and_then(|form| Some((form, self.signed(form, token, request)?)));
        let Some((form, signed)) = signed else {
            return Vec::new();
        };
        macs::shown(|key, sink| {
            let key = if let Form::Hs256 { .. } = form {
                b""
            } else {
                key
            };
            each(form, &signed, expires, request, key, sink)
        })
    }

    fn doubts(&self) -> Vec<Doubt> {
        let doubt = self.binds.then_some(Doubt {
            word: "bind_ip",
            text: "Bunny's older tokens sign expiry and address with nothing between: one for a path that ends in a digit may be good for another address, and longer",
        });
        doubt.into_iter().collect()
    }

    /// Up to its expiry, which stands last: decoded, a `token_path` has slashes.
    fn path_token(&self, path: &[u8], segment: &[u8]) -> Option<usize> {
        if !segment.starts_with(IN_PATH.as_bytes()) {
            return None;
        }
        let path = path.get(..MAX_TOKEN).unwrap_or(path);
        let ends = memmem::find_iter(path, LAST)
            .map(|at| at.saturating_add(LAST.len()).saturating_add(10));
        let mut ends = ends.filter(|end| {
            let digits = end.checked_sub(10).and_then(|from| path.get(from..*end));
            let is_whole = matches!(path.get(*end), None | Some(b'/'));
            is_whole && digits.is_some_and(mac::is_digits)
        });
        ends.next()
    }
}

/// Signs in the form of today. What it is bound to beside the path is in the URL already: `token_path` and the other
/// arguments.
fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let verifier = Bunny::new(&signing.config())?;
    let expires = signing.expires.to_string();
    if mac::parse_epoch_of_ten(expires.as_bytes()).is_none() {
        return Err(Error::new("the expiry has not ten digits"));
    }
    let address = signing.claim("ip").map(|text| {
        let address: Result<IpAddr, _> = text.parse();
        address.map_err(|_| Error::new(format!("\"{text}\" is no address")))
    });
    let address = address.transpose()?;
    let form = Form::Hs256 { bound: false };
    let token = Presented {
        url: signing.url,
        ..Presented::new()
    };
    let signed = verifier.signed(form, &token, signing.request);
    let mut signed = signed.ok_or_else(|| Error::new("such a URL cannot be signed"))?;
    signed.address = address.map_or(Address::None, Address::packed);
    let mac = verifier.hs256.sign(Encoding::Base64Url, |_, sink| {
        let expires = expires.as_bytes();
        each(form, &signed, expires, signing.request, b"", sink)
    })?;
    let flag = address.map_or("", |_| "1-");
    Ok(vec![format!("HS256-{flag}{mac}"), expires])
}
