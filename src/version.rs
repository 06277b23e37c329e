//! Which Gatehouse runs, and one line about it in the log.

use gatehouse_nginx::{Level, ffi::library};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The nginx it was built for.
pub(crate) const NGINX: &str = env!("GATEHOUSE_NGINX_VERSION");

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
