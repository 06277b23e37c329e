//! What the client asks for: the n-th request of each kind, the same in every run.

use crate::data::{geo, hosts, jwt, token};

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// A path of 40 bytes, another one each time.
    Plain,
    /// The same, signed for secure_link.
    Link,
    /// Signed with another key.
    LinkForged,
    /// Signed, and long expired.
    LinkExpired,
    /// Signed the ScaleSimple way.
    Scale,
    /// Signed with another key.
    ScaleForged,
    /// With a token of Akamai's for a folder.
    Edge,
    /// With a JSON Web Token by HS256 in its header, one of 10,000.
    Hs256,
    /// With one by RS256, always the same.
    Rs256,
    /// With one by ES256, always the same.
    Es256,
    /// From an address of a country that may pass, hardly ever seen before.
    Allowed,
    /// From one of 500 such addresses.
    Returning,
    /// From a country that is refused.
    Refused,
    /// From an address that is in no database.
    Unknown,
    /// For one of that many hosts.
    Host(usize),
    /// For one of that many hosts, with the cookie that its first answer came with.
    Session(usize),
    /// For a name below one of the 1,000 hosts.
    Below,
    /// For a host that is in no table.
    NoHost,
}

impl Load {
    /// Whether clients go on with their sessions.
    pub(crate) fn has_sessions(self) -> bool {
        matches!(self, Self::Session(_))
    }

    /// The n-th request's target.
    pub(crate) fn target(self, n: usize) -> String {
        match self {
            Self::Link => token::link(n, token::Signed::Well),
            Self::LinkForged => token::link(n, token::Signed::Forged),
            Self::LinkExpired => token::link(n, token::Signed::Expired),
            Self::Scale => token::scale(n, token::Signed::Well),
            Self::ScaleForged => token::scale(n, token::Signed::Forged),
            Self::Edge => token::edge(n),
            _ => token::path(n),
        }
    }

    /// The n-th request's lines: its host, where it comes from, its token.
    pub(crate) fn lines(self, n: usize) -> String {
        let host = match self {
            Self::Host(count) | Self::Session(count) => hosts::scattered(n, count),
            Self::Below => format!("www.{}", hosts::scattered(n, hosts::FEW)),
            Self::NoHost => hosts::unknown(n),
            _ => hosts::scattered(n, hosts::FEW),
        };
        let from = match self {
            Self::Allowed => Some(geo::allowed(n)),
            Self::Returning => Some(geo::allowed(n % 500)),
            Self::Refused => Some(geo::refused(n)),
            Self::Unknown => Some(geo::unknown(n)),
            _ => None,
        };
        let token = match self {
            Self::Hs256 => Some(jwt::hs256(n)),
            Self::Rs256 => Some(jwt::RS256.to_owned()),
            Self::Es256 => Some(jwt::ES256.to_owned()),
            _ => None,
        };
        let from = from.map(|address| format!("X-Real-IP: {address}\r\n"));
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        format!(
            "Host: {host}\r\n{}{}",
            from.unwrap_or_default(),
            token.unwrap_or_default()
        )
    }
}
