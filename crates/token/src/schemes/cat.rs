//! Common Access Tokens (CTA-5007): CBOR Web Tokens (RFC 8392) with claims about who may fetch what.
//!
//! As with `jwt` a key is for one algorithm, or for those that the profile names, and nothing is believed of a token before
//! a live key has made it, except which key and algorithm to try. What stands around the signed bytes is described in
//! `cose`, what the claims ask of a request in `cat`. All claims are also a document, so that `require`, `issuer`,
//! `audience` and `token_claim` are for both formats: its members have the registered names of the claims.

use data_encoding::BASE64URL_NOPAD;
use gatehouse_base::digest::MAX_RAW;
use gatehouse_base::{cbor, json, words};

use crate::cat::{self, Asked, Renewing};
use crate::claims::{AddressBinding, Claims};
use crate::cose::{self, Message};
use crate::error::Error;
use crate::jose::{Algorithm, Keys, RouteSecrets};
use crate::reason::Reason;
use crate::request::{Presented, RequestView, gathered};
use crate::scheme::{Carrier, Doubt, Scheme, SchemeOption, Signing, Verifier, VerifierConfig};

pub(super) const SCHEME: Scheme = Scheme {
    name: "cat",
    carriers: &[Carrier {
        role: "token",
        query: Some("CAT"),
        cookie: Some(NAME),
        header: Some(NAME),
        required: true,
    }],
    options: &[
        option("algorithm", ""),
        option("jwks", ""),
        option("issuer", ""),
        option("audience", ""),
        option("require", ""),
        option("origin", "$scheme://$host:$server_port"),
    ],
    claims_address: true,
    claims: &[
        "iss",
        "sub",
        "aud",
        "nbf",
        "cti",
        "catnip",
        "catu",
        "catm",
        "catgeoiso3166",
        "catr",
    ],
    renews: true,
    form: "a CBOR Web Token in base64url: a COSE_Mac0 or a COSE_Sign1",
    build,
    sign,
    ..Scheme::BEARER
};

const fn option(word: &'static str, default: &'static str) -> SchemeOption {
    SchemeOption {
        word,
        default: Some(default),
    }
}

const NAME: &str = "Common-Access-Token";

struct Cat {
    keys: Keys,
    /// Those that routes have.
    of_routes: Option<RouteSecrets>,
    origin: String,
    binding: AddressBinding,
    once: bool,
}

fn build(config: &VerifierConfig<'_>) -> Result<Box<dyn Verifier>, Error> {
    let options = config.options;
    let legal = cose::algorithms();
    if let Some(other) = options.algorithms.iter().find(|one| !legal.contains(one)) {
        let must_be = words::must_be(cose::names());
        let text = format!(
            "format \"cat\" has no \"{}\" as in \"algorithm\" directive, {must_be}",
            other.name()
        );
        return Err(Error::about("algorithm", text));
    }
    Ok(Box::new(Cat {
        keys: Keys::prepare(config.lines(), &options.algorithms, &legal)?,
        of_routes: RouteSecrets::prepare(config)?,
        origin: options.origin.clone(),
        binding: config.claimed,
        once: config.once,
    }))
}

/// A token with both tags, the algorithm in the protected header and the name of the key, where it has one, beside it.
fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let key = signing.key.usable()?;
    let legal = cose::algorithms();
    let algorithm = Algorithm::of_signer(&key, &signing.options.algorithms, &legal)?;
    let payload = cat::write(signing)?;
    let kid = signing.key.id.as_deref();
    let token = cose::build(algorithm, kid, &payload, |text| {
        algorithm.sign(&key.material, text)
    })?;
    Ok(vec![BASE64URL_NOPAD.encode(&token)])
}

/// The bytes that a token spells, in the one way there is.
fn decode<'r>(text: &[u8], request: &'r dyn RequestView) -> Option<&'r [u8]> {
    let len = BASE64URL_NOPAD.decode_len(text.len()).ok()?;
    let room = request.room(len)?;
    BASE64URL_NOPAD.decode_mut(text, room).ok()?;
    Some(room)
}

/// What is signed, in one piece.
fn signed<'r>(message: &Message<'_>, request: &'r dyn RequestView) -> Option<&'r [u8]> {
    gathered(request, message.most_signed(), |sink| message.signed(sink))
}

/// All claims as a document.
fn document<'r>(set: cbor::Value<'_>, request: &'r dyn RequestView) -> Option<json::Value<'r>> {
    let mut len = 0_usize;
    cbor::write_json(set, cat::name, &mut |piece| {
        len = len.saturating_add(piece.len());
    })?;
    let text = gathered(request, len, |sink| {
        // As it has been written just now.
        let _ = cbor::write_json(set, cat::name, sink);
    });
    json::parse(text?)
}

impl Verifier for Cat {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let bytes = decode(token.token(), request).ok_or(Reason::Malformed)?;
        let message = Message::read(bytes).ok_or(Reason::Malformed)?;
        let text = signed(&message, request).ok_or(Reason::Malformed)?;
        let named = |id: &str| message.kid.map(|kid| kid == id.as_bytes());
        let algorithm = message.algorithm.name().as_bytes();
        let unknown = || request.lacks_key();
        let signature = message.signature;
        let found = self.keys.find(algorithm, named, text, signature, unknown);
        let found = found.or_else(|reason| match &self.of_routes {
            Some(secrets) => secrets.find(request, algorithm, text, signature),
            None => Err(reason),
        });
        claims.key = found?;
        let set = cbor::parse(message.payload).filter(|set| set.is_map());
        let set = set.ok_or(Reason::Malformed)?;
        if claims.is_read {
            claims.document = Some(document(set, request).ok_or(Reason::Malformed)?);
        }
        let asked = Asked {
            token,
            request,
            binding: self.binding,
            once: self.once,
        };
        cat::read(set, &asked, claims).ok_or(Reason::Malformed)
    }

    /// A token that a secret of the profile has made, where it asks for a new one in that cookie.
    fn renew<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        with: Renewing<'_>,
    ) -> Option<&'r [u8]> {
        let bytes = decode(token.token(), request)?;
        let message = Message::read(bytes)?;
        let set = cbor::parse(message.payload)?;
        let end = cat::new_end(set, with)?;
        // Two times may be longer than they were.
        let most = message.payload.len().checked_add(16)?;
        let mut is_written = None;
        let payload = gathered(request, most, |sink| {
            is_written = cat::write_renewed(set, end, with.now, sink);
        })?;
        is_written?;
        let mut renewed = message;
        renewed.payload = payload;
        let named = |id: &str| message.kid.map(|kid| kid == id.as_bytes());
        let algorithm = message.algorithm.name().as_bytes();
        let made = (signed(&message, request)?, message.signature);
        let mut mac = [0; MAX_RAW];
        let text = signed(&renewed, request)?;
        renewed.signature = self
            .keys
            .mac_again(algorithm, named, made, text, &mut mac)?;
        let most = bytes.len().checked_add(32)?;
        let token = gathered(request, most, |sink| renewed.write(sink))?;
        let room = request.room(BASE64URL_NOPAD.encode_len(token.len()))?;
        BASE64URL_NOPAD.encode_mut(token, room);
        Some(room)
    }

    /// The signed bytes: what is around them may be spelled anew. A MAC has one value for a key, so that two tenants' tokens
    /// that say the same are two.
    fn identify(
        &self,
        token: &Presented<'_>,
        request: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        let bytes = decode(token.token(), request)?;
        let message = Message::read(bytes)?;
        message.signed(sink);
        if let Algorithm::Mac(_) = message.algorithm {
            sink(message.signature);
        }
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        let mut text = Vec::new();
        let bytes = decode(token.token(), request);
        if let Some(message) = bytes.and_then(Message::read) {
            message.signed(&mut |piece| text.extend_from_slice(piece));
        }
        text
    }

    fn signs_target(&self) -> bool {
        false
    }

    /// Only one with tags looks like one.
    fn is_path_token(&self, segment: &[u8]) -> bool {
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        let is_tagged = segment.starts_with(b"2D3R") || segment.starts_with(b"2D3S");
        is_tagged && segment.len() >= 64 && segment.iter().all(is_digit)
    }

    fn message_texts(&self) -> Vec<&str> {
        vec![&self.origin]
    }

    fn needs_message(&self) -> bool {
        false
    }

    fn doubts(&self) -> Vec<Doubt> {
        self.keys.doubts()
    }
}
