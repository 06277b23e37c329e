//! The module itself: its version, and what it says of this nginx (`gatehouse_status`).

mod answers;

use crate::family::Family;
use crate::metric::Metric;
use crate::version::{NGINX, VERSION};
use crate::words::{answer_location, below_location};
use crate::{Gatehouse, Loc};
use answers::Answers;
use gatehouse_base::metrics::{About, Kind};
use gatehouse_nginx::http::variable::Variable;
use gatehouse_nginx::{Answer, Args, Conf, Contexts, Directive, Error, Merging};

/// What belongs to no feature.
pub(crate) const FAMILY: Family = Family {
    page: "module",
    title: "The module itself",
    directives: DIRECTIVES,
    variables: VARIABLES,
    metrics: METRICS,
    merge,
    ..Family::NONE
};

/// The name of the directive.
const DIRECTIVE: &str = "gatehouse_status";

const DIRECTIVES: &[Directive<Gatehouse>] = &[Directive {
    name: c"gatehouse_status",
    syntax: "",
    default: None,
    contexts: Contexts::LOCATION,
    args: Args::Exactly(0),
    text: include_str!("docs/gatehouse_status.md"),
    set,
}];

const VARIABLES: &[Variable<Gatehouse>] = &[Variable::new(
    "gatehouse_version",
    "The version of the module that runs, such as `0.2.0`.",
    |_| Answer::Value(VERSION.as_bytes()),
)];

const METRICS: &[Metric] = &[Metric {
    about: About {
        name: "gatehouse_build_info",
        kind: Kind::Gauge,
        unit: "always 1",
        labels: &["version", "nginx"],
        text: "Which version of the module runs, and the nginx it was built for.",
    },
    register: Metric::LOOKED_UP,
    write: |_, part, samples| {
        if part == 0 {
            samples.put(&[VERSION, NGINX], 1);
        }
        part == 0
    },
}];

fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    answer_location(cf)?;
    below_location(cf, "/_gatehouse/")?;
    cf.content::<Answers>();
    Ok(())
}

/// Completes a location: its `if` and `limit_except` answer as it does.
fn merge(cf: &mut Merging<'_, Gatehouse>, parent: &Loc, child: &mut Loc) -> Result<(), Error> {
    let is_ours = parent.answered_by.as_deref() == Some(DIRECTIVE);
    if is_ours && child.answered_by.is_none() && cf.is_part_of_location() {
        child.answered_by.clone_from(&parent.answered_by);
        cf.content::<Answers>();
    }
    Ok(())
}
