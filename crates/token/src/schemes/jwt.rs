//! JSON Web Tokens (RFC 7519) that are signed (RFC 7515), checked as RFC 8725 advises.
//!
//! A key is for one algorithm, or for those that the profile names, and a token has no say in that: what an RSA key signs
//! can be no HMAC under its public text. Nothing is believed of a token before a live key has made it, except which
//! key and algorithm to try. What could be understood in two ways is refused: a second spelling of base64url, a member
//! that comes twice, a claim of another type.

use data_encoding::BASE64URL_NOPAD;
use gatehouse_base::json::{self, Text, Value};

use crate::bearer;
use crate::claims::Claims;
use crate::error::Error;
use crate::jose::{ALGORITHMS, Algorithm, Jws, Keys, RouteSecrets};
use crate::mac;
use crate::reason::Reason;
use crate::request::{Presented, RequestView};
use crate::scheme::{Carrier, Doubt, Scheme, SchemeOption, Signing, Verifier, VerifierConfig};

pub(super) const SCHEME: Scheme = Scheme {
    name: "jwt",
    carriers: &[Carrier {
        role: "token",
        query: None,
        cookie: None,
        header: Some(bearer::HEADER),
        required: true,
    }],
    options: &[
        option("algorithm"),
        option("jwks"),
        option("issuer"),
        option("audience"),
        option("require"),
    ],
    places: &["header"],
    claims: &["iss", "sub", "aud", "nbf", "jti", "scope"],
    form: "a JSON Web Token: three parts in base64url with points between",
    build,
    sign,
    ..Scheme::BEARER
};

const fn option(word: &'static str) -> SchemeOption {
    SchemeOption {
        word,
        default: Some(""),
    }
}

struct Jwt {
    keys: Keys,
    /// Those that routes have.
    of_routes: Option<RouteSecrets>,
}

fn build(config: &VerifierConfig<'_>) -> Result<Box<dyn Verifier>, Error> {
    let keys = Keys::prepare(
        config.lines(),
        &config.options.algorithms,
        &ALGORITHMS.map(|row| row.1),
    )?;
    let of_routes = RouteSecrets::prepare(config)?;
    Ok(Box::new(Jwt { keys, of_routes }))
}

/// A token with `exp` and `iat`, with the issuer and the audience that the profile names first, and with what else it is
/// to say.
fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let key = signing.key.usable()?;
    let algorithm = Algorithm::of_signer(
        &key,
        &signing.options.algorithms,
        &ALGORITHMS.map(|row| row.1),
    )?;
    let mut header = format!("{{\"alg\":\"{}\",\"typ\":\"JWT\"", algorithm.name());
    if let Some(kid) = &signing.key.id {
        header += &format!(",\"kid\":{}", quoted(kid));
    }
    header.push('}');
    let mut claims = format!("{{\"iat\":{},\"exp\":{}", signing.now, signing.expires);
    let named = [
        ("iss", &signing.options.issuer),
        ("aud", &signing.options.audience),
    ];
    for (claim, names) in named {
        if let Some(name) = names.first().filter(|_| signing.claim(claim).is_none()) {
            claims += &format!(",\"{claim}\":{}", quoted(name));
        }
    }
    for (claim, value) in signing.claims {
        // A time is a number.
        let is_time = claim == "nbf" && mac::parse_epoch(value.as_bytes()).is_some();
        let value = if is_time {
            value.clone()
        } else {
            quoted(value)
        };
        claims += &format!(",\"{claim}\":{value}");
    }
    claims.push('}');
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let text = format!("{}.{}", encode(&header), encode(&claims));
    let signature = algorithm.sign(&key.material, text.as_bytes())?;
    Ok(vec![format!(
        "{text}.{}",
        BASE64URL_NOPAD.encode(&signature)
    )])
}

/// A text as JSON has it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\0'..='\u{1f}' => out += &format!("\\u{:04x}", u32::from(char)),
            _ => out.push(char),
        }
    }
    out + "\""
}

impl Verifier for Jwt {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let jws = Jws::split(token.token()).ok_or(Reason::Malformed)?;
        claims.key = jws.open(|jws| {
            jws.find_key(&self.keys, || request.lacks_key())
                .or_else(|reason| match (&self.of_routes, reason) {
                    (Some(secrets), Reason::Invalid) => jws.find_of_route(secrets, request),
                    _ => Err(reason),
                })
        })?;
        let len = jws.payload_len().ok_or(Reason::Malformed)?;
        let room = request.room(len).ok_or(Reason::Malformed)?;
        let payload = jws.decode_payload(room).ok_or(Reason::Malformed)?;
        read(payload, claims).ok_or(Reason::Malformed)
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        Jws::split(token.token())?.identify(sink)
    }

    fn signed_text(&self, token: &Presented<'_>, _: &dyn RequestView) -> Vec<u8> {
        let jws = Jws::split(token.token());
        jws.map_or(Vec::new(), |jws| jws.signed.to_vec())
    }

    fn signs_target(&self) -> bool {
        false
    }

    fn is_path_token(&self, segment: &[u8]) -> bool {
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        // `{"` in base64url, with which a header begins.
        segment.starts_with(b"eyJ") && segment.iter().all(is_digit) && Jws::split(segment).is_some()
    }

    fn doubts(&self) -> Vec<Doubt> {
        self.keys.doubts()
    }
}

/// Writes down what a payload claims; None when it is no object, or a claim that matters is of another type.
fn read<'r>(payload: &'r [u8], claims: &mut Claims<'r>) -> Option<()> {
    let mut all_fit = true;
    let document = json::parse_object(payload, |name, value| {
        let fits = note(name, value, claims);
        all_fit &= fits.is_some();
    })?;
    claims.document = Some(document);
    all_fit.then_some(())
}

/// Writes down one claim; None when it is of another type.
fn note(name: Text<'_>, value: Value<'_>, claims: &mut Claims<'_>) -> Option<()> {
    if is_name(name, b"exp") {
        claims.expires = Some(seconds(value)?);
        // "On or after" it a token is refused (RFC 7519 section 4.1.4).
        claims.ends = true;
    } else if is_name(name, b"nbf") {
        claims.not_before = Some(seconds(value)?);
    } else if is_name(name, b"iat") {
        seconds(value)?;
    }
    Some(())
}

fn is_name(name: Text<'_>, known: &[u8]) -> bool {
    name.max_len() >= known.len() && name.is(known)
}

/// The first whole second that is not before a time (RFC 7519 section 2, NumericDate); None when it is no number, or none
/// that fits.
fn seconds(value: Value<'_>) -> Option<i64> {
    let number = value.number()?;
    // What nearly all signers write.
    if let Some(whole) = mac::parse_epoch(number) {
        return Some(whole);
    }
    let text = std::str::from_utf8(number).ok()?;
    if text.contains(['e', 'E']) {
        return round_up(text.parse().ok()?);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() > 18 {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let has_more = fraction.bytes().any(|digit| digit != b'0') && !whole.starts_with('-');
    Some(number.saturating_add(i64::from(has_more)))
}

/// Rounds up what floating point holds exactly.
fn round_up(number: f64) -> Option<i64> {
    const MOST: f64 = 9_007_199_254_740_992.0; // 2^53
    #[allow(clippy::cast_possible_truncation)] // it is whole and small
    (number.abs() < MOST).then(|| number.ceil() as i64)
}
