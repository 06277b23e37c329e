//! What is said about a request's token.

use gatehouse_base::json::Value;

use crate::reason::Reason;

/// What became of a request's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why it is refused; `None` for a valid token.
    pub refused: Option<Reason>,
    /// The index of the key that verified the MAC; `None` when none did.
    pub key: Option<usize>,
    /// The expiry in seconds since the epoch, from an authentic token only.
    pub expires: Option<i64>,
    /// The index in [`Profile::locations`] of the location that decided.
    pub location: Option<usize>,
}

impl Verdict {
    pub(crate) const MISSING: Self = Self::refused(Reason::Missing);
    pub(crate) const OPEN: Self = Self {
        refused: None,
        key: None,
        expires: None,
        location: None,
    };

    pub(crate) const fn refused(reason: Reason) -> Self {
        Self {
            refused: Some(reason),
            key: None,
            expires: None,
            location: None,
        }
    }

    /// Whether the request may go on.
    pub fn is_ok(&self) -> bool {
        self.refused.is_none()
    }

    /// `ok`, or the reason of the refusal.
    pub fn as_str(&self) -> &'static str {
        self.refused.map_or("ok", Reason::as_str)
    }
}

/// A verdict, and what the token behind it says.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'r> {
    /// The verdict.
    pub verdict: Verdict,
    /// Which token of its location it is about, from 0, where each of several is looked at.
    pub turn: usize,
    /// The last second at which an authentic token is accepted, leeway included; `None`: there is none.
    pub until: Option<i64>,
    /// All that a valid token claims, where that is a document.
    pub claims: Option<Value<'r>>,
}

impl Checked<'_> {
    /// The verdict alone.
    pub fn without_claims(self) -> Checked<'static> {
        Checked {
            verdict: self.verdict,
            turn: self.turn,
            until: self.until,
            claims: None,
        }
    }

    pub(crate) fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            turn: 0,
            until: None,
            claims: None,
        }
    }
}
