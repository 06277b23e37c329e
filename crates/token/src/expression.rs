//! Verifier of tokens that are the MAC of an expression: the profile's `message`.
//!
//! With `{key}` in the message the token is its hash, without it is its HMAC under the key. One value may
//! hold `mac,expiry` or, for a link that never expires, the MAC alone; where two names are configured both must
//! be present. An expiry is a positive number. What a message without `{expires}` (or a variable that
//! holds it) signs has no expiry: anybody can then change the one beside the MAC.

use gatehouse_base::digest::{Algorithm, MAX_RAW};
use gatehouse_base::encoding::Encoding;

use crate::claims::Claims;
use crate::error::Error;
use crate::mac;
use crate::macs::{self, Keyed, Macs, Sink};
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
    macs: Macs,
    require_exp: bool,
    signs_expiry: bool,
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
    let keyed = match message.has(&Segment::Key) {
        true => Keyed::InText,
        false => Keyed::Hmac,
    };
    let macs = Macs::prepare(config, form.algorithm, keyed)?;
    Ok(Expression {
        form,
        message,
        macs,
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
    let token = Presented::of(&values, signing.url);
    let mac = expression.macs.sign(form.encoding, |key, sink| {
        expression.each(key, &token, signing.request, sink)
    })?;
    if let Some(token) = values.first_mut() {
        *token = mac;
    }
    Ok(values)
}

impl Expression {
    /// Gives `sink` the pieces of the message in order; `None` when the host has no value for one.
    #[inline]
    fn each(
        &self,
        key: &[u8],
        token: &Presented<'_>,
        request: &dyn RequestView,
        sink: &mut Sink<'_>,
    ) -> Option<()> {
        let mut texts = 0..;
        for segment in self.message.segments() {
            match segment {
                Segment::Text(_) => request.feed_message(texts.next()?, sink)?,
                Segment::Key => sink(key),
                Segment::Value(carrier) => sink(token.value(*carrier).unwrap_or_default()),
            }
        }
        Some(())
    }

    /// Reads the MAC of a token.
    #[inline]
    fn decode<'o>(&self, text: &[u8], out: &'o mut [u8; MAX_RAW]) -> Option<&'o [u8]> {
        let out = out.get_mut(..self.macs.raw_len())?;
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
        claims.key = self.macs.find(request, presented, |key, sink| {
            self.each(key, token, request, sink)
        })?;
        claims.expires = expires;
        Ok(())
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        sink(self.decode(token.token(), &mut [0; MAX_RAW])?);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        macs::shown(|key, sink| self.each(key, token, request, sink))
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
