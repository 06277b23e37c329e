//! Words that arguments choose from.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Owner {
    File,
    Api,
    Registration,
    Redis,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Mode {
    Host,
    Exact,
}

impl Owner {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
            Self::Registration => "registration",
            Self::Redis => "redis",
        }
    }
}
