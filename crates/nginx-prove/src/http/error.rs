//! Why a message cannot be read, or not yet.

/// Why bytes are no complete response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// More bytes are needed.
    Partial,
    /// No more bytes could help.
    Bad(String),
}
