//! What the locations of a request hold, each for itself: to show to an operator.

use crate::location::Unreadable;
use crate::profile::Profile;
use crate::reason::Reason;
use crate::request::{Presented, RequestView};
use crate::verdict::Verdict;

/// What one location of a request holds.
pub struct Finding<'a> {
    profile: &'a Profile,
    request: &'a dyn RequestView,
    presented: Result<Presented<'a>, Unreadable<'a>>,
    /// The verdict on this location alone.
    pub verdict: Verdict,
}

impl<'a> Finding<'a> {
    /// The token as it stands there; `None` when nothing is read of it.
    pub fn token(&self) -> Option<&'a [u8]> {
        self.presented.as_ref().ok().map(Presented::token)
    }

    /// The text of the expiry beside it.
    pub fn expiry(&self) -> Option<&'a [u8]> {
        let presented = self.presented.as_ref().ok()?;
        presented.value(self.profile.expiry_carrier?)
    }

    /// Why nothing is read of it.
    pub fn unreadable(&self) -> Option<Unreadable<'a>> {
        self.presented.as_ref().err().copied()
    }

    /// The text that is signed, with `{key}` wherever the key is part of it; `None` when nothing is read
    /// of the token.
    pub fn signed_text(&self) -> Option<Vec<u8>> {
        let presented = self.presented.as_ref().ok()?;
        Some(
            self.profile
                .prepared
                .verifier
                .signed_text(presented, self.request),
        )
    }
}

impl Profile {
    /// What each location that has a token holds and what is to be said about it, in order, each as if
    /// it were the only one.
    pub fn findings<'a>(
        &'a self,
        request: &'a dyn RequestView,
        now: i64,
    ) -> impl Iterator<Item = Finding<'a>> {
        let locations = self.locations.iter().enumerate();
        locations.filter_map(move |(index, location)| {
            let mut token = Presented::new();
            let (presented, verdict) = match self.find(location, 0, request, &mut token) {
                Ok(false) => return None,
                Ok(true) => {
                    let verdict = self.judge(&token, request, now).verdict;
                    (Ok(token), verdict)
                }
                Err(why) => (Err(why), Verdict::refused(Reason::Malformed)),
            };
            let location = Some(index);
            Some(Finding {
                profile: self,
                request,
                presented,
                verdict: Verdict {
                    location,
                    ..verdict
                },
            })
        })
    }
}
