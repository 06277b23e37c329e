//! One `token_profile`, asked about requests.

use std::cell::Cell;
use std::net::IpAddr;

use gatehouse_base::words;

use crate::bearer;
use crate::claims::{Claims, Terms};
use crate::cookie::Issue;
use crate::error::Error;
use crate::in_path::InPath;
use crate::keys::{BadKey, Key, KeySource, RouteKey};
use crate::limit::Limit;
use crate::live::{LiveKeys, Maker, Prepared, new_doubts};
use crate::location::{Carriers, TokenLocation, Unreadable, Which};
use crate::names::Names;
use crate::reason::Reason;
use crate::request::{Area, MAX_TARGET, Presented, RequestView, SignedUrl};
use crate::scheme::{Doubt, Scheme, Signing, Verifier};
use crate::strip;
use crate::text::Text;
use crate::verdict::{Checked, Verdict};

/// What a token is to be; times are seconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Now.
    pub now: i64,
    /// The last second at which the token is good.
    pub expires: i64,
    /// What else it is to say: names of [`Scheme::claims`] and values.
    pub claims: &'a [(String, String)],
}

/// A token as [`Profile::sign`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// A value for each of the scheme's carriers, in order.
    pub values: Vec<String>,
    /// The text that is signed, with `{key}` wherever the key is part of it.
    pub text: Vec<u8>,
}

/// A complete profile. Immutable; a reload makes a new one.
pub struct Profile {
    pub(crate) scheme: &'static Scheme,
    /// The keys of the configuration. Whatever else a verifier says is the same for all keys.
    pub(crate) prepared: Prepared,
    pub(crate) maker: Maker,
    pub(crate) live: Option<LiveKeys>,
    pub(crate) route_keys: Vec<RouteKey>,
    pub(crate) locations: Vec<TokenLocation>,
    pub(crate) carriers: Carriers,
    /// Which of the scheme's carriers holds the expiry.
    pub(crate) expiry_carrier: Option<usize>,
    pub(crate) terms: Terms,
    pub(crate) limit: Option<Limit>,
    pub(crate) close_websocket: bool,
    pub(crate) issue: Option<Issue>,
    /// Whether the host reads what tokens claim.
    pub(crate) is_read: Cell<bool>,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Profile");
        shown
            .field("scheme", &self.scheme)
            .field("locations", &self.locations)
            .finish_non_exhaustive()
    }
}

impl Profile {
    /// Checks a request at the time `now` (seconds since the epoch): the first valid token wins, else the
    /// reason of the first location that has one. A profile without tokens lets every request in.
    pub fn verify(&self, request: &dyn RequestView, now: i64) -> Verdict {
        self.check(request, now).verdict
    }

    /// The same, with what the token claims.
    pub fn check<'r>(&'r self, request: &'r dyn RequestView, now: i64) -> Checked<'r> {
        self.check_after(None, request, now)
    }

    /// The same, of the tokens behind that of a location and turn: for when it is valid but of no use.
    pub fn check_after<'r>(
        &'r self,
        last: Option<(usize, usize)>,
        request: &'r dyn RequestView,
        now: i64,
    ) -> Checked<'r> {
        // As `findings`, but nothing is kept of a location except the verdict.
        let mut first = None;
        for (index, location) in self.locations.iter().enumerate() {
            for turn in 0..self.turns(index) {
                if last.is_some_and(|last| (index, turn) <= last) {
                    continue;
                }
                let mut token = Presented::new();
                let mut checked = match self.find(location, turn, request, &mut token) {
                    Ok(false) => break,
                    Ok(true) => self.judge(&token, request, now),
                    Err(_) => Checked::of(Verdict::refused(Reason::Malformed)),
                };
                checked.verdict.location = Some(index);
                checked.turn = turn;
                if checked.verdict.is_ok() {
                    return checked;
                }
                first.get_or_insert(checked.verdict);
            }
        }
        Checked::of(first.unwrap_or(if self.scheme.has_tokens() {
            Verdict::MISSING
        } else {
            Verdict::OPEN
        }))
    }

    #[inline]
    pub(crate) fn find<'a>(
        &'a self,
        location: &'a TokenLocation,
        turn: usize,
        request: &'a dyn RequestView,
        token: &mut Presented<'a>,
    ) -> Result<bool, Unreadable<'a>> {
        let mut which = Which::only(self.scheme);
        if self.takes_turns(location) {
            which = Which::nth(turn);
        }
        location.find(request, self.scheme, &*self.prepared.verifier, which, token)
    }

    pub(crate) fn judge<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        now: i64,
    ) -> Checked<'r> {
        let lacks_expiry = self.terms.require_exp
            && self
                .expiry_carrier
                .is_some_and(|carrier| token.value(carrier).is_none());
        if lacks_expiry
            || token.is_longer(self.scheme.longest())
            || request.target().len() > MAX_TARGET
        {
            return Checked::of(Verdict::refused(Reason::Malformed));
        }
        let claims = match self.read(token, request) {
            Ok(claims) => claims,
            Err(reason) => return Checked::of(Verdict::refused(reason)),
        };
        let refused = claims.judge(&self.terms, request, now).err();
        Checked {
            turn: 0,
            until: claims.until(&self.terms),
            verdict: Verdict {
                refused,
                key: Some(claims.key),
                expires: claims.expires,
                location: None,
            },
            // A refused token claims nothing. `check` keeps only its verdict, too: either alone is enough.
            claims: claims.document.filter(|_| refused.is_none()),
        }
    }

    /// What a token claims that some key has made.
    #[inline]
    pub(crate) fn read<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
    ) -> Result<Claims<'r>, Reason> {
        let mut claims = Claims {
            is_read: self.is_read.get() || !self.terms.rules.is_empty(),
            ..Claims::default()
        };
        self.ask(|verifier| verifier.verify(token, request, &mut claims))?;
        Ok(claims)
    }

    /// Asks the verifier with the keys that are live now.
    #[inline]
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&dyn Verifier) -> T) -> T {
        let live = self.live.as_ref().and_then(LiveKeys::now);
        let prepared = live.as_deref().unwrap_or(&self.prepared);
        question(&*prepared.verifier)
    }

    /// Makes a token for a request that carries a draft of it ([`Profile::draft`]) in the profile's first
    /// location.
    ///
    /// # Errors
    /// A key the scheme cannot use; a message without a value.
    pub fn sign(
        &self,
        key: &Key,
        request: &dyn RequestView,
        wanted: &Wanted<'_>,
    ) -> Result<Signed, Error> {
        let mut draft = Presented::new();
        let first = self.locations.first();
        let found = first.map(|one| self.find(one, 0, request, &mut draft));
        let url = match found {
            Some(Ok(true)) => draft.url,
            // A request without URL carries its token nowhere.
            _ => SignedUrl::Whole(request.target()),
        };
        self.sign_url(key, url, request, wanted)
    }

    /// Makes a token that looks like one and is good for nothing: it shows what a token will be part of.
    ///
    /// # Errors
    /// A key the scheme cannot use.
    pub fn draft(&self, key: &Key, wanted: &Wanted<'_>) -> Result<Vec<String>, Error> {
        let signed = self.sign_url(key, SignedUrl::Whole(b"/"), &Blank, wanted)?;
        Ok(signed.values)
    }

    fn sign_url(
        &self,
        key: &Key,
        url: SignedUrl<'_>,
        request: &dyn RequestView,
        wanted: &Wanted<'_>,
    ) -> Result<Signed, Error> {
        self.refuse_claims(wanted.claims)?;
        let values = (self.scheme.sign)(&Signing {
            key,
            options: &self.maker.options,
            url,
            request,
            now: wanted.now,
            expires: wanted.expires,
            names: self.first_names(),
            claims: wanted.claims,
        })?;
        let text = self
            .prepared
            .verifier
            .signed_text(&Presented::of(&values, url), request);
        Ok(Signed { values, text })
    }

    /// How many names the place gives that gets a token.
    fn first_names(&self) -> usize {
        let first = self.locations.first().and_then(TokenLocation::names);
        first.map_or(0, Names::count)
    }

    /// Refuses what a signer of this scheme cannot be told.
    fn refuse_claims(&self, claims: &[(String, String)]) -> Result<(), Error> {
        let legal = self.scheme.claims;
        for (index, (name, _)) in claims.iter().enumerate() {
            if !legal.contains(&name.as_str()) {
                let text = format!("format \"{}\" has no claim \"{name}\"", self.scheme.name);
                return Err(Error::new(match legal {
                    [] => text,
                    _ => format!("{text}, {}", words::must_be(legal.iter().copied())),
                }));
            }
            if claims.iter().take(index).any(|one| one.0 == *name) {
                return Err(Error::new(format!("duplicate claim \"{name}\"")));
            }
        }
        Ok(())
    }

    /// Where a request's path token stands, by its target and the path that nginx parsed from it.
    /// `room` is for work and as long as the target.
    pub fn in_path<'a>(&self, target: &'a [u8], path: &'a [u8], room: &mut [u8]) -> InPath<'a> {
        let token_at = |path: &[u8], segment: &[u8]| self.path_token(path, segment);
        let Some(target) = strip::find_path_token(target, token_at) else {
            return InPath::Nowhere;
        };
        let found = strip::find_decoded_token(path, token_at);
        match found.filter(|path| is_decoded(target.token, path.token)) {
            Some(path) => InPath::of(target, path, room),
            None => InPath::Cancelled,
        }
    }

    /// Writes a decoded path without its path token to `out` (as long as `path`) and returns the length;
    /// `None` when the profile has no `from path` or the path no such token.
    pub fn clean_decoded(&self, path: &[u8], out: &mut [u8]) -> Option<usize> {
        let token_at = |path: &[u8], segment: &[u8]| self.path_token(path, segment);
        strip::find_decoded_token(path, token_at)?.write_rest(out)
    }

    /// Writes the target without its path token to `out` (as long as `target`) and returns the length;
    /// `None` when the profile has no `from path` or the target no such token. Whether the token is
    /// valid does not matter.
    pub fn clean_path(&self, target: &[u8], out: &mut [u8]) -> Option<usize> {
        let token_at = |path: &[u8], segment: &[u8]| self.path_token(path, segment);
        strip::find_path_token(target, token_at)?.write_rest(out)
    }

    fn path_token(&self, path: &[u8], segment: &[u8]) -> Option<usize> {
        let looks = self.carriers.path;
        looks
            .then(|| self.prepared.verifier.path_token(path, segment))
            .flatten()
    }

    /// The scheme, for its name and [`HttpStatuses::http_status`](crate::HttpStatuses::http_status).
    pub fn scheme(&self) -> &'static Scheme {
        self.scheme
    }

    /// The locations, in the order in which they are tried.
    pub fn locations(&self) -> &[TokenLocation] {
        &self.locations
    }

    /// What to strip from a request, whatever the verdict.
    pub fn carriers(&self) -> &Carriers {
        &self.carriers
    }

    /// Whether a header line holds what may be a token of this profile: `Authorization: Bearer …` does, `Basic …` not.
    pub fn is_token_header(&self, name: &[u8], value: &[u8]) -> bool {
        let mut names = self.carriers.headers.iter();
        let known = names.find(|one| one.as_bytes().eq_ignore_ascii_case(name));
        known.is_some_and(|name| self.scheme.of_header(name, value).is_some())
    }

    /// The id of a key by its index in [`Verdict::key`]; right after the verdict: the next keys have other numbers. One
    /// that may be replaced is given to `keep`.
    pub fn key_id<'p>(
        &'p self,
        index: usize,
        keep: impl FnOnce(&str) -> Option<&'p str>,
    ) -> Option<&'p str> {
        match self.live.as_ref().and_then(LiveKeys::now) {
            Some(live) => live.ids.get(index)?.as_deref().and_then(keep),
            None => self.prepared.ids.get(index)?.as_deref(),
        }
    }

    /// The lines whose keys are replaced while the profile serves.
    pub fn sources(&self) -> &[KeySource] {
        self.live.as_ref().map_or(&[], |live| &live.sources)
    }

    /// Replaces the keys of one of [`Profile::sources`] by those in these bytes. What is to be said about the new ones is
    /// the answer; None, when they are those that are in use.
    ///
    /// # Errors
    /// They cannot be used, and the old ones stay. The text lacks a subject and does not quote the bytes.
    pub fn replace(&self, source: &KeySource, bytes: &[u8]) -> Result<Option<Vec<Doubt>>, Error> {
        let Some(live) = &self.live else {
            return Ok(None);
        };
        let before = self.doubts();
        let is_new = live.replace(&self.maker, source, bytes)?;
        Ok(is_new.then(|| new_doubts(before, self.doubts())))
    }

    /// The keys that routes have, in the order of their lines; [`RequestView::route_key`] counts them from 0.
    pub fn route_keys(&self) -> &[RouteKey] {
        &self.route_keys
    }

    /// The texts of the message, for the host to compile; [`RequestView::message`] counts them from 0.
    pub fn message_texts(&self) -> impl Iterator<Item = &str> {
        self.prepared.verifier.message_texts().into_iter()
    }

    /// Whether every token needs the texts of the message.
    pub fn needs_message(&self) -> bool {
        self.prepared.verifier.needs_message()
    }

    /// Whether the request target is signed, so that a signer needs a URL.
    pub fn signs_target(&self) -> bool {
        self.prepared.verifier.signs_target()
    }

    /// Whether the expiry beside a token is part of what is signed; a variable of the message may hold it
    /// all the same.
    pub fn signs_expiry(&self) -> bool {
        self.prepared.verifier.signs_expiry()
    }

    /// The last second at which a token is good that is signed with this expiry.
    pub fn last_second(&self, expires: i64) -> i64 {
        self.scheme.last_second(expires)
    }

    /// The scheme of `WWW-Authenticate` that a refusal with 401 asks for.
    pub fn challenge(&self) -> Option<&'static str> {
        self.scheme.challenge()
    }

    /// A header's value that carries a token's value.
    pub fn in_header(&self, name: &str, value: &str) -> String {
        match self.challenge() {
            Some(scheme) if name.eq_ignore_ascii_case(bearer::HEADER) => {
                format!("{scheme} {value}")
            }
            _ => value.to_owned(),
        }
    }

    /// Whether its tokens carry a document of claims, [`Checked::claims`].
    pub fn has_claims(&self) -> bool {
        self.scheme.bearer
    }

    /// Nobody reads [`Checked::claims`], so that a document which must be written first is not, unless `require` reads it.
    pub fn spare_claims(&self) {
        self.is_read.set(false);
    }

    /// What the author of the block may not have meant.
    pub fn doubts(&self) -> Vec<Doubt> {
        self.ask(|verifier| verifier.doubts())
    }
}

/// Whether a part of a target is decoded to a part of a path, but for slashes that are merged.
fn is_decoded(target: &[u8], path: &[u8]) -> bool {
    if target == path {
        return true;
    }
    let mut slashes = [false; 2];
    let mut is_kept = |side: usize, byte: u8| {
        let Some(before) = slashes.get_mut(side) else {
            return true;
        };
        let merged = *before && byte == b'/';
        *before = byte == b'/';
        !merged
    };
    let mut decoded = Text::Percent(target).bytes();
    let mut parsed = path.iter().copied();
    loop {
        let one = decoded.find(|byte| is_kept(0, *byte));
        let other = parsed.find(|byte| is_kept(1, *byte));
        match (one, other) {
            (None, None) => return true,
            (one, other) if one != other => return false,
            _ => {}
        }
    }
}

/// A request of which nothing is known.
struct Blank;

impl RequestView for Blank {
    fn target(&self) -> &[u8] {
        b"/"
    }

    fn header(&self, _: &str, _: usize) -> Option<&[u8]> {
        None
    }

    fn cookie(&self, _: &[u8], _: usize) -> Option<&[u8]> {
        None
    }

    fn message(&self, _: usize) -> Option<&[u8]> {
        Some(b"")
    }

    fn path(&self) -> Option<&[u8]> {
        Some(b"/")
    }

    fn address(&self) -> Option<IpAddr> {
        None
    }

    fn route_key(&self, _: usize, _: &mut dyn FnMut(&[u8]) -> Result<(), BadKey>) {}

    fn room(&self, _: usize) -> Option<&mut [u8]> {
        None
    }

    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn is_in(&self, _: Area<'_>) -> Option<bool> {
        None
    }
}
