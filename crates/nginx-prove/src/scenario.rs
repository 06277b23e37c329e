//! Tests in Rust: what a block cannot say.

use crate::env::Env;

/// A function that drives a [`crate::server::Server`] of its own and says what was wrong.
pub type Run = fn(&Env) -> Result<(), String>;

/// One scenario: reloads and kills under load, files replaced while serving.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name, for `--live NAME` and the report.
    pub name: &'static str,
    /// What it requires, as in a file's `# requires:` lines; skipped when not met.
    pub needs: &'static [&'static str],
    /// Whether nothing else may run meanwhile, since it measures time or wants all processors.
    pub serial: bool,
    /// Runs it; the error says what was wrong.
    pub run: Run,
}

impl Scenario {
    /// A scenario that requires nothing and runs alone.
    #[must_use]
    pub const fn new(name: &'static str, run: Run) -> Scenario {
        Scenario {
            name,
            needs: &[],
            serial: true,
            run,
        }
    }

    /// The same, but others may run beside it.
    #[must_use]
    pub const fn beside_others(mut self) -> Scenario {
        self.serial = false;
        self
    }

    /// The same with requirements.
    #[must_use]
    pub const fn needs(mut self, needs: &'static [&'static str]) -> Scenario {
        self.needs = needs;
        self
    }
}
