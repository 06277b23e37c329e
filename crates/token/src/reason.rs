//! The reasons of a refusal, and the HTTP statuses that answer them.

use crate::error::Error;
use gatehouse_base::{http_status, words};

/// Why a token is refused; a value of `$token_auth_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No place of the profile had a token.
    Missing,
    /// Something is there that cannot be a token of this scheme.
    Malformed,
    /// No live key made this token for this request.
    Invalid,
    /// Authentic, but its time is over.
    Expired,
    /// Authentic, but its time has not begun.
    NotYetValid,
    /// Authentic, but made for another address.
    WrongIp,
    /// Authentic, but made for another path.
    WrongPath,
    /// Authentic, but withdrawn.
    Revoked,
    /// Authentic, but a `require` of the profile is not met.
    Forbidden,
    /// Authentic, but used too often or from too many addresses.
    Limited,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 10] = [
        Self::Missing,
        Self::Malformed,
        Self::Invalid,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongIp,
        Self::WrongPath,
        Self::Revoked,
        Self::Forbidden,
        Self::Limited,
    ];

    /// The name, as in `$token_auth_status` and `token_auth_status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIp => "wrong_ip",
            Self::WrongPath => "wrong_path",
            Self::Revoked => "revoked",
            Self::Forbidden => "forbidden",
            Self::Limited => "limited",
        }
    }

    /// The answer where nobody says another one.
    const fn usual(self) -> u16 {
        match self {
            Self::Limited => 429,
            _ => 403,
        }
    }

    /// Finds the reason of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

const DIRECTIVE: &str = "token_auth_status";

/// The words of one `token_auth_status` line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpStatuses {
    default: Option<u16>,
    by_reason: [Option<u16>; Reason::ALL.len()],
}

impl HttpStatuses {
    /// Reads `default=N expired=N …`.
    ///
    /// # Errors
    /// A word that is not `reason=N`, an unknown reason, a reason given twice, an N that is no status.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut statuses = Self::default();
        for word in words {
            let invalid = || Error::new(words::invalid_parameter(word, DIRECTIVE));
            let (name, number) = word.split_once('=').ok_or_else(invalid)?;
            let slot = statuses.slot(name).ok_or_else(|| {
                let reasons = Reason::ALL.iter().map(|one| one.as_str());
                let legal = std::iter::once("default").chain(reasons);
                Error::new(words::unknown("reason", name, DIRECTIVE, legal))
            })?;
            if slot.is_some() {
                return Err(Error::new(words::duplicate(name, DIRECTIVE)));
            }
            let code = http_status::parse(number).ok_or_else(|| {
                let text = http_status::invalid(number, DIRECTIVE);
                Error::new(text)
            })?;
            *slot = Some(code);
        }
        Ok(statuses)
    }

    /// The answer to a refusal: the reason's own, else `default`, else the scheme's own, else 403, and 429 where a limit is
    /// reached.
    pub fn http_status(&self, reason: Reason, own: &[(Reason, u16)]) -> u16 {
        let own = || own.iter().find(|row| row.0 == reason).map(|row| row.1);
        let given = self.by_reason.get(reason as usize).copied().flatten();
        given
            .or(self.default)
            .or_else(own)
            .unwrap_or(reason.usual())
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<u16>> {
        match (name, Reason::parse(name)) {
            ("default", _) => Some(&mut self.default),
            (_, None) => None,
            (_, Some(reason)) => self.by_reason.get_mut(reason as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<HttpStatuses, String> {
        HttpStatuses::parse(line.split_ascii_whitespace()).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_those_of_the_interface() {
        let names = "missing malformed invalid expired not_yet_valid wrong_ip wrong_path revoked forbidden limited";
        assert_eq!(Reason::ALL.map(Reason::as_str).join(" "), names);
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
            assert_eq!(reason as usize, index);
        }
        assert_eq!(Reason::parse("Missing"), None);
        assert_eq!(Reason::parse("ok"), None);
    }

    #[test]
    fn lookup_goes_from_the_reason_to_default_to_scheme_to_403() {
        let (plain, gone): (&[_], &[_]) = (&[], &[(Reason::Expired, 410)]);
        let code = |line: &str, reason, own| parse(line).unwrap().http_status(reason, own);
        assert_eq!(code("", Reason::Expired, plain), 403);
        assert_eq!(code("", Reason::Expired, gone), 410);
        assert_eq!(code("", Reason::Invalid, gone), 403);
        assert_eq!(code("default=451", Reason::Expired, gone), 451);
        assert_eq!(code("default=451 expired=444", Reason::Expired, gone), 444);
        assert_eq!(code("default=451 expired=444", Reason::Missing, gone), 451);
        assert_eq!(code("", Reason::Limited, plain), 429);
        assert_eq!(code("limited=503", Reason::Limited, plain), 503);
        assert_eq!(code("default=451", Reason::Limited, plain), 451);
    }

    #[test]
    fn bad_words_are_named() {
        let error = |line: &str| parse(line).unwrap_err();
        let range = "it must be between 400 and 599, and neither 408 nor 499";
        for (line, begin, end) in [
            ("expired=200", "invalid value \"200\"", range),
            ("expired=", "invalid value \"\"", range),
            ("expired", "invalid parameter \"expired\"", ""),
            (
                "ok=403",
                "unknown reason \"ok\"",
                "\"forbidden\" or \"limited\"",
            ),
            ("late=403", "unknown reason \"late\"", "or \"limited\""),
            (
                "expired=410 expired=403",
                "duplicate parameter \"expired\"",
                "",
            ),
            (
                "default=410 default=410",
                "duplicate parameter \"default\"",
                "",
            ),
        ] {
            let begin = format!("{begin} in \"token_auth_status\" directive");
            let error = error(line);
            assert!(error.starts_with(&begin) && error.ends_with(end), "{error}");
        }
    }
}
