//! Where keys come from that are replaced while nginx runs.

/// Where keys are read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file; the path is as the line has it.
    File(String),
    /// A location of the server, which requests ask; the URI may have arguments.
    Location(String),
}

/// How the keys of a line are kept current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) place: Place,
    pub(crate) every_ms: u64,
}

/// A line of a profile whose keys are replaced while it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// What messages call it, such as `key file "PATH"`.
    pub shown: String,
    /// Where its keys are read again.
    pub place: Place,
    /// How often, in milliseconds; never 0.
    pub every_ms: u64,
    /// Its number among the lines with keys.
    pub(crate) line: usize,
}
