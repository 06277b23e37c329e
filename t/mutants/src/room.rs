//! The rooms whose code faults are put into, and what tests each.

use std::path::Path;

use clap::ValueEnum;

/// A room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Room {
    /// `src/` and `crates/nginx`, tested by `t/`.
    Module,
    /// `crates/base`, tested by its own tests, as are all below.
    Base,
    /// `crates/token`.
    Token,
    /// `crates/geo`.
    Geo,
    /// `crates/table`.
    Table,
    /// `crates/live`, without what needs nginx.
    Live,
}

impl Room {
    /// Its name on the command line and in file names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Base => "base",
            Self::Token => "token",
            Self::Geo => "geo",
            Self::Table => "table",
            Self::Live => "live",
        }
    }

    /// The crate whose own tests notice its faults; None for what `t/` tests.
    pub(crate) fn crate_name(self) -> Option<String> {
        (self != Self::Module).then(|| format!("gatehouse-{}", self.name()))
    }

    /// The sources, as cargo-mutants is told. Hooks and the writer of the reference are code of the tests.
    pub(crate) fn sources(self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Module => &[
                "--package=ngx-gatehouse",
                "--package=gatehouse-nginx",
                "--exclude=src/hooks.rs",
                "--exclude=src/hooks/**",
                "--exclude=src/reference.rs",
            ],
            Self::Live => &["--exclude=crates/live/src/nginx.rs"],
            _ => &[],
        };
        let own = self.crate_name().map(|name| format!("--package={name}"));
        let words = words.iter().map(|word| (*word).to_owned());
        own.into_iter().chain(words).collect()
    }

    /// Whether faults are put into this file.
    pub(crate) fn is_switched(self, file: &Path) -> bool {
        let is_rust = file.extension().is_some_and(|end| end == "rs");
        let folders: &[&str] = match self {
            Self::Module => &["src", "crates/nginx/src"],
            Self::Base => &["crates/base/src"],
            Self::Token => &["crates/token/src"],
            Self::Geo => &["crates/geo/src"],
            Self::Table => &["crates/table/src"],
            Self::Live => &["crates/live/src"],
        };
        is_rust && folders.iter().any(|folder| file.starts_with(folder))
    }

    /// The crates' first files, which get the switch.
    pub(crate) fn roots(self) -> Vec<String> {
        match self {
            Self::Module => vec!["src/lib.rs".into(), "crates/nginx/src/lib.rs".into()],
            other => vec![format!("crates/{}/src/lib.rs", other.name())],
        }
    }
}
