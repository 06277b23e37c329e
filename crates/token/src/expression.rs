//! Verifier of tokens that are the MAC of an expression: the profile's `message`.
//!
//! With `{key}` in the message the token is its hash, without it is its HMAC under the key. One value may
//! hold `mac,expiry` or, for a link that never expires, the MAC alone; where two names are configured both must
//! be present. An expiry is a positive number. What a message without `{expires}` (or a variable that
//! holds it) signs has no expiry: anybody can then change the one beside the MAC.

use gatehouse_base::digest::{Algorithm, Digest, MAX_RAW};
use gatehouse_base::encoding::Encoding;

use crate::claims::Claims;
use crate::error::Error;
use crate::keys::{Key, KeyRing, RouteKeys, Secret};
use crate::mac;
use crate::message::{Hole, Message, Segment};
use crate::reason::Reason;
use crate::request::{Presented, RequestView};
use crate::scheme::{Doubt, Signing, Verifier, VerifierConfig};

/// `{expires}`: the second value of a token.
pub(crate) const EXPIRES: Segment = Segment::Value(1);

/// The holes of a message.
pub(crate) const HOLES: &[Hole] = &[("key", Segment::Key), ("expires", EXPIRES)];

/// What a scheme fixes of its expression.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// The hash.
    pub(crate) algorithm: Algorithm,
    /// How a token spells the MAC.
    pub(crate) encoding: Encoding,
    /// What may stand in braces.
    pub(crate) holes: &'static [Hole],
    /// Said about a message without `{key}`, where that is hardly meant.
    pub(crate) hmac_doubt: Option<&'static str>,
}

/// The verifier.
pub(crate) struct Expression {
    form: Form,
    message: Message,
    keys: KeyRing<Mac>,
    route_keys: RouteKeys,
    require_exp: bool,
    signs_expiry: bool,
}

/// How a key makes a token.
struct Mac {
    /// The hash, or the HMAC with the key already hashed in.
    digest: Digest,
    /// What `{key}` stands for; empty where the message has none.
    key: Secret,
}

impl Mac {
    fn prepare(form: &Form, key: &Key, is_in_message: bool) -> Result<Self, Error> {
        let secret = &key.secret;
        let (hashed_in, key) = if is_in_message {
            (None, secret.clone())
        } else {
            (Some(secret.as_bytes()), Secret::new(Vec::new()))
        };
        let digest = Digest::new(form.algorithm, form.encoding, hashed_in);
        let digest = digest.map_err(|fault| Error::new(format!("has a bad key: {fault}")))?;
        Ok(Self { digest, key })
    }
}

/// Builds the verifier of a scheme.
pub(crate) fn build(form: Form, config: &VerifierConfig<'_>) -> Result<Expression, Error> {
    let message = Message::parse(&config.options.message, form.holes)?;
    message.keeps_values_apart()?;
    let signs_expiry = message.has(&EXPIRES);
    if config.require_exp && !signs_expiry {
        return Err(Error::new(
            "has \"require_exp on\", but no \"{expires}\" in its \"message\"",
        ));
    }
    let has_key = message.has(&Segment::Key);
    let keys = KeyRing::prepare(config.keys, |key| Mac::prepare(&form, key, has_key))?;
    Ok(Expression {
        form,
        message,
        keys,
        route_keys: config.route_keys(),
        require_exp: config.require_exp,
        signs_expiry,
    })
}

/// Makes the values of a scheme's token: the MAC, and those behind it.
pub(crate) fn sign(
    form: Form,
    signing: &Signing<'_>,
    others: &[i64],
) -> Result<Vec<String>, Error> {
    let expression = build(form, &signing.config())?;
    let mut values = vec![String::new()];
    values.extend(others.iter().map(i64::to_string));
    let mac = expression.encoded(&Presented::of(&values, signing.url), signing.request);
    let mac = mac.ok_or_else(|| Error::new("the message has no value"))?;
    if let Some(token) = values.first_mut() {
        *token = mac;
    }
    Ok(values)
}

impl Expression {
    /// Computes the MAC of a key; `None` when the host has no value for a piece of the message.
    #[inline]
    fn mac<'o>(
        &self,
        mac: &Mac,
        token: &Presented<'_>,
        request: &dyn RequestView,
        out: &'o mut [u8; MAX_RAW],
    ) -> Option<&'o [u8]> {
        let key = mac.key.as_bytes();
        mac.digest
            .raw_into(out, |sink| self.each(key, token, request, sink))
    }

    /// The same with a key that is used this once.
    fn mac_under<'o>(
        &self,
        key: &[u8],
        token: &Presented<'_>,
        request: &dyn RequestView,
        out: &'o mut [u8; MAX_RAW],
    ) -> Option<&'o [u8]> {
        let algorithm = self.form.algorithm;
        if self.message.has(&Segment::Key) {
            algorithm.hash_into(out, |sink| self.each(key, token, request, sink))
        } else {
            algorithm.hmac_into(key, out, |sink| self.each(b"", token, request, sink))
        }
    }

    /// Gives `sink` the pieces of the message in order; `None` when the host has no value for one.
    #[inline]
    fn each(
        &self,
        key: &[u8],
        token: &Presented<'_>,
        request: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        let mut texts = 0..;
        for segment in self.message.segments() {
            sink(match segment {
                Segment::Text(_) => request.message(texts.next()?)?,
                Segment::Key => key,
                Segment::Value(carrier) => token.value(*carrier).unwrap_or_default(),
            });
        }
        Some(())
    }

    /// The MAC of the first key, as a token spells it.
    fn encoded(&self, token: &Presented<'_>, request: &dyn RequestView) -> Option<String> {
        let mut raw = [0; MAX_RAW];
        let raw = self.mac(self.keys.first()?, token, request, &mut raw)?;
        let mut text = vec![0; self.form.encoding.encoded_len(raw.len())];
        self.form.encoding.encode(raw, &mut text)?;
        String::from_utf8(text).ok()
    }

    /// Reads the MAC of a token.
    #[inline]
    fn decode<'o>(&self, text: &[u8], out: &'o mut [u8; MAX_RAW]) -> Option<&'o [u8]> {
        let out = out.get_mut(..self.form.algorithm.raw_len())?;
        self.form.encoding.decode(text, out).then_some(out)
    }

    fn is_mac(&self, text: &[u8]) -> bool {
        self.decode(text, &mut [0; MAX_RAW]).is_some()
    }
}

impl Verifier for Expression {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let mut presented = [0; MAX_RAW];
        let presented = self.decode(token.token(), &mut presented);
        let presented = presented.ok_or(Reason::Malformed)?;
        let expires = token.value(1).map(|text| {
            let number = mac::parse_epoch(text).filter(|number| *number > 0);
            number.ok_or(Reason::Malformed)
        });
        let expires = expires.transpose()?;
        let is_same = |expected: &[u8]| mac::same(expected, presented);
        let of_file = self.keys.find(|key| {
            self.mac(key, token, request, &mut [0; MAX_RAW])
                .is_some_and(is_same)
        });
        claims.key = of_file.or_else(|_| {
            self.route_keys.find(request, |key| {
                self.mac_under(key, token, request, &mut [0; MAX_RAW])
                    .is_some_and(is_same)
            })
        })?;
        claims.expires = expires;
        Ok(())
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        let mut text = Vec::new();
        // What the host has no value for is left out.
        let _ = self.each(b"{key}", token, request, &mut |piece| {
            text.extend_from_slice(piece);
        });
        text
    }

    /// What is signed is an expression of the path that is served.
    fn signs_target(&self) -> bool {
        false
    }

    fn signs_expiry(&self) -> bool {
        self.signs_expiry
    }

    fn is_path_token(&self, segment: &[u8]) -> bool {
        let comma = segment.iter().position(|byte| *byte == b',');
        match comma.and_then(|comma| segment.split_at_checked(comma)) {
            Some((mac, rest)) => {
                rest.strip_prefix(b",").is_some_and(mac::is_digits) && self.is_mac(mac)
            }
            // A name as long as a MAC is no token where tokens carry a signed expiry.
            None => !self.require_exp && !self.signs_expiry && self.is_mac(segment),
        }
    }

    fn message_texts(&self) -> Vec<&str> {
        self.message.texts().collect()
    }

    fn doubts(&self) -> Vec<Doubt> {
        let message = &self.message;
        let hmac = self.form.hmac_doubt.filter(|_| !message.has(&Segment::Key));
        let doubts = [
            (!self.signs_expiry)
                .then_some("\"message\" has no \"{expires}\": a link never expires"),
            hmac,
            (!message.has_variable())
                .then_some("\"message\" has no variable: a token opens every URL"),
            message.touches_client().then_some(
                "\"message\" joins a value of the token to one that the client chooses: put a character between them, or digits can be moved from one to the other",
            ),
        ];
        let about_message = |text| Doubt {
            word: "message",
            text,
        };
        doubts.into_iter().flatten().map(about_message).collect()
    }
}
