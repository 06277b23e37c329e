//! The seam between a profile and a token format: what a scheme says of itself, and what its verifier does.

use std::fmt;

use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::Encoding;
use gatehouse_base::words;

use crate::cat::Renewing;
use crate::claims::{AddressBinding, Claims};
use crate::error::Error;
use crate::jose;
use crate::keys::{Key, KeyEncoding, RouteKeys, Secret};
use crate::names::Names;
use crate::reason::Reason;
use crate::request::{Presented, RequestView, SignedUrl};

/// One token format.
#[derive(Clone, Copy)]
pub struct Scheme {
    /// The name given to `format`.
    pub name: &'static str,
    /// The values a token consists of; the first is the one by which it is found. At most
    /// [`MAX_CARRIERS`](crate::MAX_CARRIERS). None: there are no tokens, and every request is let in.
    pub carriers: &'static [Carrier],
    /// How many of the carriers, counted from the first, a single value may hold with commas between.
    pub joined: usize,
    /// What the signer's own edge does about a name that comes several times.
    pub repeated: Repeated,
    /// The words of a profile it takes beyond the common ones.
    pub options: &'static [SchemeOption],
    /// How a key file is read when the `key` line does not say.
    pub key_encoding: KeyEncoding,
    /// Whether its tokens are documents of claims, which may stand in `Authorization` and are good before their expiry only.
    pub bearer: bool,
    /// Whether every token of this scheme carries an expiry.
    pub always_expires: bool,
    /// Whether a token needs an expiry unless the profile says `require_exp off`.
    pub requires_exp: bool,
    /// Whether a token may carry the client's address as a claim (one that is only hashed is none).
    pub claims_address: bool,
    /// The answers to refusals that are not 403 by default.
    pub statuses: &'static [(Reason, u16)],
    /// The words of the `from` line of a profile that has none.
    pub places: &'static [&'static str],
    /// How a token stands in a path; none: it cannot.
    pub path: Option<PathForm>,
    /// Whether the first of a token's arguments is written behind the others.
    pub first_is_last: bool,
    /// Whether a token may ask to be renewed.
    pub renews: bool,
    /// What a signer may be told of a token, by name, beside its expiry.
    pub claims: &'static [&'static str],
    /// What a token looks like, behind "a token is".
    pub form: &'static str,
    /// Words and values that make a profile complete, for tests.
    pub example: &'static [(&'static str, &'static str)],
    /// Makes the verifier of a profile.
    pub(crate) build: fn(&VerifierConfig<'_>) -> Result<Box<dyn Verifier>, Error>,
    /// Makes a value for each carrier, in their order.
    pub(crate) sign: fn(&Signing<'_>) -> Result<Vec<String>, Error>,
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scheme").field(&self.name).finish()
    }
}

impl Scheme {
    /// What most schemes say, to begin a row from.
    pub(crate) const USUAL: Self = Self {
        name: "",
        carriers: &[],
        joined: 1,
        repeated: Repeated::Malformed,
        options: &[],
        key_encoding: KeyEncoding::Text,
        bearer: false,
        always_expires: true,
        requires_exp: false,
        claims_address: false,
        statuses: &[],
        places: &["query", "cookie", "header"],
        path: Some(PathForm::COMMAS),
        first_is_last: false,
        renews: false,
        claims: &[],
        form: "",
        example: &[],
        build: |_| Err(Error::new("has a \"format\" without a verifier")),
        sign: |_| Err(Error::new("nobody signs such tokens")),
    };

    /// Whether there are tokens of it.
    pub fn has_tokens(&self) -> bool {
        !self.carriers.is_empty()
    }

    /// A token's names and values in the order in which they are written; a single name has all values.
    pub fn pairs<'n>(&self, names: &'n Names, values: &[String]) -> Vec<(&'n str, String)> {
        let mut names: Vec<&str> = names.iter().collect();
        if let [name] = names.as_slice() {
            return vec![(*name, values.join(","))];
        }
        let mut values = values.to_vec();
        if self.first_is_last {
            names.rotate_left(1);
            values.resize(names.len(), String::new());
            values.rotate_left(1);
        }
        let pairs = names.into_iter().zip(values);
        pairs.filter(|pair| !pair.1.is_empty()).collect()
    }

    /// Whether it takes a word of a profile beyond the common ones.
    pub fn takes(&self, word: &str) -> bool {
        self.options.iter().any(|option| option.word == word)
    }
}

/// How a token stands in a path.
#[derive(Clone, Copy)]
pub struct PathForm {
    /// Its text, from a value for each carrier.
    pub join: fn(&[String]) -> String,
    /// Fills in the values of a token from that text; `usize` is [`Scheme::joined`].
    pub(crate) split: for<'a> fn(&mut Presented<'a>, &'a [u8], usize),
}

impl PathForm {
    /// One segment with commas between the values.
    pub(crate) const COMMAS: Self = Self {
        join: |values| values.join(","),
        split: |token, text, joined| token.split(text, joined),
    };
}

/// One of the values a token consists of.
#[derive(Clone, Copy, Debug)]
pub struct Carrier {
    /// What it is, in a word; [`Carrier::EXPIRY`] is known to the profile.
    pub role: &'static str,
    /// The query argument that holds it when the configuration names none.
    pub query: Option<&'static str>,
    /// The cookie.
    pub cookie: Option<&'static str>,
    /// The header.
    pub header: Option<&'static str>,
    /// Whether a token whose names include one for this value is malformed without it.
    pub required: bool,
}

impl Carrier {
    /// The value of a scheme with one, in its usual places.
    pub(crate) const TOKEN: Self = Self {
        role: "token",
        query: Some("token"),
        cookie: Some("token"),
        header: Some("X-Token"),
        required: true,
    };

    /// The role of the value that says when a token expires: `require_exp` asks for it.
    pub const EXPIRY: &'static str = "expiry";
}

/// A word that a scheme takes beyond the common ones.
#[derive(Clone, Copy, Debug)]
pub struct SchemeOption {
    /// The word, a row of [`WORDS`](crate::WORDS).
    pub word: &'static str,
    /// Its value when it is not given, nothing when that is empty; none: it must be given.
    pub default: Option<&'static str>,
}

/// What becomes of a token or an expiry whose name comes several times in its location. All are stripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// The first is read, as nginx's `$arg_NAME`.
    First,
    /// None is read: the token is malformed.
    Malformed,
}

/// The words that only some schemes take, parsed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// The expression that is signed.
    pub(crate) message: String,
    /// The hash of a MAC.
    pub(crate) algorithm: Option<Algorithm>,
    /// How a token spells the MAC.
    pub(crate) encoding: Option<Encoding>,
    /// What is signed behind everything else, and is in no token.
    pub(crate) salt: Option<Secret>,
    /// Whether values are signed percent-encoded.
    pub(crate) escape_early: bool,
    /// Scheme and host of the URLs that are signed.
    pub(crate) origin: String,
    /// Whether `algorithm` is Ed25519.
    pub(crate) ed25519: bool,
    /// How long a token is good whose signer says when it was made, in seconds.
    pub(crate) lifetime_s: i64,
    /// What stands in front of a token in a path, decoded.
    pub(crate) uri_prefix: Option<String>,
    /// The algorithms that keys may be used with.
    pub(crate) algorithms: Vec<jose::Algorithm>,
    /// Who may have made a token.
    pub(crate) issuer: Vec<String>,
    /// Whom a token must be for.
    pub(crate) audience: Vec<String>,
}

impl Options {
    /// The hash, which is one of these; the first when nothing is said.
    ///
    /// # Errors
    /// It is another one, of a scheme of this name.
    pub(crate) fn hash(&self, scheme: &str, legal: &[Algorithm]) -> Result<Algorithm, Error> {
        let first = legal.first().copied().filter(|_| !self.ed25519);
        if let Some(found) = self.algorithm.or(first).filter(|one| legal.contains(one)) {
            return Ok(found);
        }
        let names = Algorithm::ALL.iter().filter(|row| legal.contains(&row.1));
        let must_be = words::must_be(names.map(|row| row.0));
        Err(Error::new(format!(
            "has an \"algorithm\" that \"{scheme}\" has not, {must_be}"
        )))
    }
}

/// What a scheme's verifier is built from.
pub(crate) struct VerifierConfig<'a> {
    /// The live keys. There is at least one, or one that routes have.
    pub(crate) keys: &'a [Key],
    /// How many of the keys each line has brought; what is left is of one more line.
    pub(crate) of_lines: &'a [usize],
    /// How each key is spelled that routes have.
    pub(crate) route_keys: &'a [KeyEncoding],
    /// The words beyond the common ones.
    pub(crate) options: &'a Options,
    /// Whether a token must carry an expiry.
    pub(crate) require_exp: bool,
    /// How many names each location gives that has names.
    pub(crate) names: &'a [usize],
    /// Whether a token may stand in the path.
    pub(crate) in_path: bool,
    /// How much of the client's address must be that of a token; nothing unless the profile says so.
    pub(crate) binding: AddressBinding,
    /// How much of it must be that of a claim; all of it unless the profile says otherwise.
    pub(crate) claimed: AddressBinding,
    /// Whether the profile lets a token in once.
    pub(crate) once: bool,
}

impl<'a> VerifierConfig<'a> {
    /// The keys of each line.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a [Key]> + use<'a> {
        let mut rest = self.keys;
        let lens = self.of_lines.iter().copied().chain([usize::MAX]);
        lens.map(move |len| {
            let (line, more) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            rest = more;
            line
        })
    }

    /// The keys that routes have.
    pub(crate) fn route_keys(&self) -> RouteKeys {
        RouteKeys::new(self.route_keys, self.keys.len())
    }
}

/// What a token is signed from.
pub(crate) struct Signing<'a> {
    /// The key that signs.
    pub(crate) key: &'a Key,
    /// The words beyond the common ones.
    pub(crate) options: &'a Options,
    /// The request target as the signer sees it.
    pub(crate) url: SignedUrl<'a>,
    /// The request that will carry the token.
    pub(crate) request: &'a dyn RequestView,
    /// Now, since the epoch.
    pub(crate) now: i64,
    /// The last second at which the token is good.
    pub(crate) expires: i64,
    /// How many names the place gives that will carry it; 0 for one without names.
    pub(crate) names: usize,
    /// What else the token is to say: names of [`Scheme::claims`], each once, and values.
    pub(crate) claims: &'a [(String, String)],
}

impl<'a> Signing<'a> {
    /// What the token is to say of that name.
    pub(crate) fn claim(&self, name: &str) -> Option<&'a str> {
        let mut claims = self.claims.iter();
        claims
            .find(|claim| claim.0 == name)
            .map(|claim| claim.1.as_str())
    }

    /// The configuration of a verifier that has this key alone.
    pub(crate) fn config(&self) -> VerifierConfig<'a> {
        VerifierConfig {
            keys: std::slice::from_ref(self.key),
            of_lines: &[],
            route_keys: &[],
            options: self.options,
            require_exp: false,
            names: &[],
            in_path: false,
            binding: AddressBinding::Off,
            claimed: AddressBinding::Exact,
            once: false,
        }
    }
}

/// A scheme's verifier: it proves that a token is authentic and says what it claims.
pub(crate) trait Verifier: Send + Sync {
    /// Reads the values strictly, proves that a live key made them for this request, and writes down what
    /// they claim. `Err` is the reason of the refusal.
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason>;

    /// Gives `sink` what tells an authentic token from all others, and is the same however the token is spelled: its MAC,
    /// which depends on the key; of a signature, which who has no key may spell anew (ECDSA), the text that is signed. `None`
    /// for what is no token.
    fn identify(
        &self,
        token: &Presented<'_>,
        request: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()>;

    /// What is to be handed back in the place of a token that is good, made by the same key, where the token asks for that
    /// ([`Scheme::renews`]).
    fn renew<'r>(
        &self,
        _: &Presented<'r>,
        _: &'r dyn RequestView,
        _: Renewing<'_>,
    ) -> Option<&'r [u8]> {
        None
    }

    /// The text that is signed, with `{key}` wherever the key is part of it; to show to an operator.
    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8>;

    /// Whether the text that is signed is the request target or its path, so that a signer needs a URL.
    fn signs_target(&self) -> bool {
        true
    }

    /// Whether an expiry beside the token is part of what is signed.
    fn signs_expiry(&self) -> bool {
        true
    }

    /// Whether a path segment has the form of this scheme's token.
    fn is_path_token(&self, _segment: &[u8]) -> bool {
        false
    }

    /// How much of a path is a token, which begins with this segment; nothing when it is none. The path may be decoded.
    fn path_token(&self, path: &[u8], segment: &[u8]) -> Option<usize> {
        let _ = path;
        self.is_path_token(segment).then_some(segment.len())
    }

    /// The texts of the message with nginx variables in them; [`RequestView::message`] counts them from 0.
    fn message_texts(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Whether every token needs the texts of the message; if not, some tokens are refused without.
    fn needs_message(&self) -> bool {
        true
    }

    /// What the author of the profile may not have meant.
    fn doubts(&self) -> Vec<Doubt> {
        Vec::new()
    }
}

/// What the author of a profile may not have meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The word of the profile it is about.
    pub word: &'static str,
    /// A sentence.
    pub text: &'static str,
}
