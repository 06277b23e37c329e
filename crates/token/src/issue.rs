//! `issue_cookie`: a valid token from another place is handed back as a cookie.
//!
//! What is in the cookie is the token that was presented, and nothing else: the profile accepts it again because it is signed,
//! and it gives no right that the token does not give. One that asks for it is renewed (`catr`): nothing of it is another but
//! its end.

use std::net::IpAddr;

use crate::cat::Renewing;
use crate::claims::{Paths, folder_of};
use crate::cookie::{MOST_TURNS, MaxAge};
use crate::keys::BadKey;
use crate::location::TokenLocation;
use crate::normal;
use crate::profile::Profile;
use crate::request::{Area, MAX_TARGET, Presented, RequestView, SignedUrl, gathered};
use crate::scheme::Scheme;
use crate::target::Target;

/// What a browser keeps of a cookie, with its attributes.
const LONGEST: usize = 4096;

impl Profile {
    /// Whether tokens are handed back as cookies.
    pub fn issues_cookies(&self) -> bool {
        self.issue.is_some()
    }

    /// How many tokens of a location are looked at.
    #[inline]
    pub(crate) fn turns(&self, location: usize) -> usize {
        match &self.issue {
            Some(issue) if issue.location == location => MOST_TURNS,
            _ => 1,
        }
    }

    /// Whether each of several cookies of one name in this location is looked at: a client sends all whose `Path` fits.
    #[inline]
    pub(crate) fn takes_turns(&self, location: &TokenLocation) -> bool {
        self.issue.as_ref().is_some_and(|issue| {
            let own = self.locations.get(issue.location);
            own.is_some_and(|own| std::ptr::eq(own, location))
        })
    }

    /// Gives `give` the values of the `Set-Cookie` lines for the valid token in this location and turn; none where the client
    /// has the cookie already, where the token cannot stand in one, and when memory is short.
    pub fn issue<'r>(
        &'r self,
        request: &'r dyn RequestView,
        (location, turn): (usize, usize),
        now: i64,
        give: &mut dyn FnMut(&'r [u8]),
    ) -> Option<()> {
        let issue = self.issue.as_ref()?;
        let came_in_it = location == issue.location;
        if came_in_it && !self.renews() {
            return None;
        }
        let mut token = Presented::new();
        let found = self.find(self.locations.get(location)?, turn, request, &mut token);
        found.ok().filter(|found| *found)?;
        let renewing = Renewing {
            now,
            cookie: &issue.line.name,
            came_in_it,
        };
        match self.renewed(&token, request, renewing) {
            Some(renewed) => *token.values.first_mut()? = Some(renewed),
            None if came_in_it => return None,
            None => {}
        }
        let names = self.locations.get(issue.location)?.names()?;
        let count = names.count();
        if !can_be_cookies(&token, count, self.scheme) {
            return None;
        }
        let mut values = [&b""[..]; crate::MAX_CARRIERS];
        let mut is_known = true;
        for ((number, name), value) in names.iter().enumerate().zip(&mut values) {
            let own = match count {
                1 => token.values.get(..)?,
                _ => token.values.get(number..=number)?,
            };
            *value = joined(own, request)?;
            let mut sent = (0..MOST_TURNS).map(|n| request.cookie(name.as_bytes(), n));
            is_known &= value.is_empty() || sent.any(|one| one == Some(*value));
        }
        // Before the token is verified a second time: a client may send it in both places with each request.
        if is_known {
            return None;
        }
        // As it will come back, for the same URL without it: some tokens are good in their own place only.
        let url = written(request, MAX_TARGET, |sink| token.url.each(sink))?;
        let as_cookie = Presented {
            values: token.values,
            url: SignedUrl::Whole(url),
        };
        let view = Without {
            request,
            target: url,
        };
        let claims = self.read(&as_cookie, &view).ok()?;
        claims.judge(&self.terms, &view, now).ok()?;
        let left = claims
            .until(&self.terms)
            .map(|until| until.saturating_sub(now));
        let path = match &issue.line.path {
            Some(path) => path.as_bytes(),
            None => path_of(claims.paths.as_ref(), &view)?,
        };
        let mut lines = [&b""[..]; crate::MAX_CARRIERS];
        for ((name, value), line) in names.iter().zip(values).zip(&mut lines) {
            if value.is_empty() {
                continue;
            }
            *line = written(request, LONGEST, |sink| {
                sink(name.as_bytes());
                sink(b"=");
                sink(value);
                sink(b"; Path=");
                sink(path);
                if let Some(age) = issue.line.max_age {
                    max_age(age, left, sink);
                }
                sink(issue.line.flags.as_bytes());
            })?;
        }
        let lines = lines.into_iter().filter(|line| !line.is_empty());
        lines.for_each(give);
        Some(())
    }

    /// Whether a token may be renewed. Not under `limit`: it would begin to count anew.
    fn renews(&self) -> bool {
        self.scheme.renews && self.limit.is_none()
    }

    /// A new token for a good one that asks for it.
    fn renewed<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        renewing: Renewing<'_>,
    ) -> Option<&'r [u8]> {
        if !self.renews() {
            return None;
        }
        self.ask(|verifier| verifier.renew(token, request, renewing))
    }
}

/// A request whose URL has no token.
struct Without<'v> {
    request: &'v dyn RequestView,
    target: &'v [u8],
}

// A method that is left out has the answer of a request of which nobody knows anything, which refuses the token.
#[deny(clippy::missing_trait_methods)]
impl RequestView for Without<'_> {
    fn target(&self) -> &[u8] {
        self.target
    }

    fn pieces(&self) -> Target<'_> {
        Target::of(self.target)
    }

    fn header(&self, name: &str, n: usize) -> Option<&[u8]> {
        self.request.header(name, n)
    }

    fn cookie(&self, name: &[u8], n: usize) -> Option<&[u8]> {
        self.request.cookie(name, n)
    }

    fn message(&self, text: usize) -> Option<&[u8]> {
        self.request.message(text)
    }

    fn feed_message(&self, text: usize, sink: &mut dyn FnMut(&[u8])) -> Option<()> {
        self.request.feed_message(text, sink)
    }

    fn path(&self) -> Option<&[u8]> {
        self.request.path()
    }

    fn address(&self) -> Option<IpAddr> {
        self.request.address()
    }

    fn route_key(&self, line: usize, see: &mut dyn FnMut(&[u8]) -> Result<(), BadKey>) {
        self.request.route_key(line, see);
    }

    fn lacks_key(&self) {
        self.request.lacks_key();
    }

    fn room(&self, len: usize) -> Option<&mut [u8]> {
        self.request.room(len)
    }

    fn method(&self) -> &[u8] {
        self.request.method()
    }

    fn is_in(&self, area: Area<'_>) -> Option<bool> {
        self.request.is_in(area)
    }

    fn serves_target(&self) -> bool {
        self.request.serves_target()
    }
}

/// Whether the values of a token can stand in so many cookies.
fn can_be_cookies(token: &Presented<'_>, count: usize, scheme: &Scheme) -> bool {
    let present = token.values.iter().flatten();
    if !present
        .clone()
        .all(|value| value.iter().all(is_cookie_byte))
    {
        return false;
    }
    let has_more = |than: usize| token.values.iter().skip(than).any(Option::is_some);
    if count > 1 {
        let mut carriers = scheme.carriers.iter().zip(&token.values);
        let lacks_one = carriers.any(|(carrier, value)| carrier.required && value.is_none());
        return !has_more(count) && !lacks_one;
    }
    // With commas between no value has one.
    let has_comma = present.clone().any(|value| value.contains(&b','));
    let is_split_elsewhere = scheme.joined > 1 && has_comma;
    !is_split_elsewhere && !has_more(scheme.joined)
}

/// Whether a byte may stand in a cookie's value (RFC 6265 section 4.1.1), or is a comma, which all clients take.
fn is_cookie_byte(byte: &u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b';' | b'\\')
}

/// The values with commas between.
fn joined<'r>(values: &[Option<&'r [u8]>], request: &'r dyn RequestView) -> Option<&'r [u8]> {
    if let [only] = values {
        return Some(only.unwrap_or_default());
    }
    // One that is missing in front of another is empty, which is the same to a scheme that has such.
    let last = values.iter().rposition(Option::is_some)?;
    let values = values.get(..=last)?;
    written(request, LONGEST, |sink| {
        for (number, value) in values.iter().enumerate() {
            if number > 0 {
                sink(b",");
            }
            sink(value.unwrap_or_default());
        }
    })
}

fn max_age(age: MaxAge, left: Option<i64>, sink: &mut dyn FnMut(&[u8])) {
    let left = left.map(|left| u64::try_from(left).unwrap_or(0));
    let seconds = match (age, left) {
        (MaxAge::Token, None) => return,
        (MaxAge::Token, Some(left)) => left,
        (MaxAge::Seconds(most), left) => left.unwrap_or(most).min(most),
    };
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = seconds;
    while let Some(slot) = at.checked_sub(1).and_then(|at| digits.get_mut(at)) {
        *slot = b'0'.wrapping_add((rest % 10) as u8);
        at = at.saturating_sub(1);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    sink(b"; Max-Age=");
    sink(digits.get(at..).unwrap_or_default());
}

/// The `Path` for a token: the folder that it opens; where it says none, that of the request.
fn path_of<'r>(paths: Option<&Paths<'r>>, request: &'r dyn RequestView) -> Option<&'r [u8]> {
    let folder = match paths.map(|paths| paths.folder(request)) {
        Some(Some(folder)) => folder,
        // A path that others may understand otherwise has no cookie.
        _ => folder_of(request.path()?),
    };
    let room = request.room(folder.len().checked_mul(3)?)?;
    let len = normal::target_of(folder, room);
    let path = room.get(..len)?;
    // A semicolon would end the attribute.
    match path.iter().position(|byte| *byte == b';') {
        Some(end) => Some(folder_of(path.get(..end)?)),
        None if path.starts_with(b"/") => Some(path),
        None => Some(b"/"),
    }
}

/// What `feed` gives, if it is no longer than that. `None` also when memory is short.
fn written(
    request: &dyn RequestView,
    most: usize,
    feed: impl Fn(&mut dyn FnMut(&[u8])),
) -> Option<&[u8]> {
    let mut len = 0usize;
    feed(&mut |piece| len = len.saturating_add(piece.len()));
    if len == 0 || len > most {
        return (len == 0).then_some(b"");
    }
    gathered(request, len, feed)
}
