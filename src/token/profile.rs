//! Which profile is asked about a request.

use super::conf::Main;
use crate::{Gatehouse, choice};
use gatehouse_nginx::Request;

/// The index of the profile that `token_auth` names for the request's location, if it names one. The error
/// ends the request, because data named a profile that does not exist; it has been logged.
pub(super) fn profile_of(r: Request<'_>) -> Result<Option<usize>, ()> {
    profile_named(r).map_err(|unknown| {
        if let Some(name) = unknown {
            choice::say_unknown(r, "token_auth", "token_profile", name);
        }
    })
}

/// The same without a line in the log. The error is the name that no profile has, if there is a name.
pub(super) fn profile_named(r: Request<'_>) -> Result<Option<usize>, Option<&[u8]>> {
    match &r.loc::<Gatehouse>().token.auth {
        None => Ok(None),
        Some(auth) => auth.number(r, &r.main_conf::<Gatehouse>().token.names),
    }
}

/// Makes nginx forget values of variables that it remembers, so that it computes them again.
pub(super) fn forget(r: Request<'_>, main: &Main) {
    for index in &main.remembered {
        r.forget_variable(*index);
    }
}
