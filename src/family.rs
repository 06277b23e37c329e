//! What a family of directives brings along.
//!
//! A family is a folder here, a row of [`crate::FAMILIES`], and its fields in [`crate::module`].

use crate::ending::Ending;
use crate::judge::FindJudge;
use crate::metric::{Many, Metric};
use crate::module::{Gatehouse, Loc, Main};
#[cfg(feature = "hooks")]
use gatehouse_base::metrics::About;
use gatehouse_nginx::conf::directive::Directive;
use gatehouse_nginx::http::phase::Installer;
use gatehouse_nginx::http::variable::Variable;
use gatehouse_nginx::{Conf, Counters, Error, Level, Merging};

/// A family: what nginx reads, what requests see, and what the reference says about it.
// Only the hooks build writes the reference.
#[cfg_attr(not(feature = "hooks"), allow(dead_code))]
#[derive(Clone, Copy)]
pub(crate) struct Family {
    /// The name of its page in the reference, without `.md`.
    pub page: &'static str,
    /// The title of that page; a family without one is not in the reference.
    pub title: &'static str,
    /// Its directives.
    pub directives: &'static [Directive<Gatehouse>],
    /// The variables that exist whenever the module is loaded.
    pub variables: &'static [Variable<Gatehouse>],
    /// Its counters, and what else it shows as metrics.
    pub metrics: &'static [Metric],
    /// What it shows of each of many.
    pub many: &'static [Many],
    /// The words of its block as a list of the reference, in place of `{words}` in a directive's text.
    #[cfg(feature = "hooks")]
    pub words: fn() -> String,
    /// Completes a level of locations from the enclosing one.
    pub merge: fn(&mut Merging<'_, Gatehouse>, &Loc, &mut Loc) -> Result<(), Error>,
    /// Checks what needs the whole `http` block.
    pub complete: fn(&mut Conf<'_, Gatehouse>) -> Result<(), Error>,
    /// Makes the location that is being read refuse requests without a token of the profile of this name.
    pub judge: Option<FindJudge>,
    /// Why it may have to end upgraded connections.
    pub ending: Option<&'static Ending>,
    /// Adds the handlers that the configuration needs. In each phase the one added last runs first.
    pub install: fn(&mut Installer<'_, Gatehouse>) -> Result<(), Error>,
    /// Whether it has all that it serves requests with; the error says what is missing.
    pub ready: fn(&Main) -> Result<(), String>,
    /// A worker (or the only process) starts; it must not fail.
    pub start_worker: fn(&Main),
}

impl Family {
    /// A family that brings nothing; the others are written as what they have more than this.
    pub(crate) const NONE: Self = Self {
        page: "",
        title: "",
        directives: &[],
        variables: &[],
        metrics: &[],
        many: &[],
        #[cfg(feature = "hooks")]
        words: String::new,
        merge: |_, _, _| Ok(()),
        complete: |_| Ok(()),
        judge: None,
        ending: None,
        install: |_| Ok(()),
        ready: |_| Ok(()),
        start_worker: |_| (),
    };
}

impl Family {
    /// What is the same for all samples of each of its metrics.
    #[cfg(feature = "hooks")]
    pub(crate) fn abouts(&self) -> impl Iterator<Item = &'static About> {
        let metrics = self.metrics.iter().map(|metric| &metric.about);
        metrics.chain(self.many.iter().flat_map(|many| [&many.about, &many.also]))
    }
}

/// The directives of `families`, as nginx's table is made from.
pub(crate) const fn directives<const N: usize>(
    families: &[Family],
) -> [&'static [Directive<Gatehouse>]; N] {
    let mut tables: [&'static [Directive<Gatehouse>]; N] = [&[]; N];
    let mut at = 0;
    #[allow(clippy::indexing_slicing)] // in a const: out of bounds is a compile error
    while at < N {
        tables[at] = families[at].directives;
        at = at.saturating_add(1);
    }
    tables
}

/// The variables of `families`.
pub(crate) const fn variables<const N: usize>(
    families: &[Family],
) -> [&'static [Variable<Gatehouse>]; N] {
    let mut tables: [&'static [Variable<Gatehouse>]; N] = [&[]; N];
    let mut at = 0;
    #[allow(clippy::indexing_slicing)] // in a const: out of bounds is a compile error
    while at < N {
        tables[at] = families[at].variables;
        at = at.saturating_add(1);
    }
    tables
}

/// Gives the metrics of `families` what they count in, now that all of the configuration has been read. It serves without
/// them, too.
pub(crate) fn register(cf: &mut Conf<'_, Gatehouse>, families: &'static [Family]) {
    let mut lacking = Vec::new();
    for metric in families.iter().flat_map(|family| family.metrics) {
        (metric.register)(cf.main(), &mut |of, count| {
            let name = format!("{} {of}", metric.about.name);
            let counters = Counters::named(&name, count);
            if counters.is_none() {
                lacking.push(name);
            }
            counters.unwrap_or_default()
        });
    }
    if let Some(first) = lacking.first() {
        let count = lacking.len();
        let text = format!(
            "no memory for the counters of {count} metrics, first of \"{first}\", which are missing until nginx is started anew"
        );
        cf.log(Level::Error, &text);
    }
}
