//! Which Gatehouse runs: one line in the log, one variable.

use crate::Gatehouse;
use crate::family::Family;
use gatehouse_nginx::http::variable::Variable;
use gatehouse_nginx::{Answer, Level, ffi::library};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The nginx it was built for.
const NGINX: &str = env!("GATEHOUSE_NGINX_VERSION");

/// What belongs to no feature.
pub(crate) const FAMILY: Family = Family {
    page: "module",
    title: "The module itself",
    variables: VARIABLES,
    ..Family::NONE
};

const VARIABLES: &[Variable<Gatehouse>] = &[Variable::new(
    "gatehouse_version",
    "The version of the module that runs, such as `0.2.0`.",
    |_| Answer::Value(VERSION.as_bytes()),
)];

/// Says which version a new configuration runs with, and when that is not the one on disk.
pub(crate) fn say(log: &dyn Fn(Level, &str)) {
    log(
        Level::Notice,
        &format!("gatehouse {VERSION} for nginx {NGINX}"),
    );
    if let Some(text) = library::replaced() {
        log(
            Level::Warn,
            &format!(
                "gatehouse {VERSION} stays in use: {text}, a reload does not load it; restart nginx, or upgrade it with USR2"
            ),
        );
    }
}
