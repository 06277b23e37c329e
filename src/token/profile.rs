//! Which profile is asked about a request.

use super::conf::{Auth, Main};
use crate::{Gatehouse, refusal};
use gatehouse_nginx::{Level, Request};

/// The index of the profile that `token_auth` names for the request's location, if it names one. The error
/// ends the request, because data named a profile that does not exist; it has been logged.
pub(super) fn profile_of(r: Request<'_>) -> Result<Option<usize>, ()> {
    profile_named(r).map_err(|unknown| {
        let Some(name) = unknown else { return };
        let shown = String::from_utf8_lossy(name);
        let text = format!("token_auth: unknown token_profile \"{shown}\"");
        match r.record::<Gatehouse>() {
            Some(record) => refusal::log_once(r, record, Level::Error, &text),
            None => r.log(Level::Error, &text),
        }
    })
}

/// The same without a line in the log. The error is the name that no profile has, if there is a name.
pub(super) fn profile_named(r: Request<'_>) -> Result<Option<usize>, Option<&[u8]>> {
    match &r.loc::<Gatehouse>().token.auth {
        None | Some(Auth::Off) => Ok(None),
        Some(Auth::Profile(used)) => Ok(Some(used.index.get())),
        Some(Auth::Variable(expression)) => {
            let name = expression.eval_anew(r, &[]).ok_or(None)?;
            let known = std::str::from_utf8(name)
                .ok()
                .and_then(|name| r.main_conf::<Gatehouse>().token.by_name.get(name));
            known.copied().map(Some).ok_or(Some(name))
        }
    }
}

/// Makes nginx forget values of variables that it remembers, so that it computes them again.
pub(super) fn forget(r: Request<'_>, main: &Main) {
    for index in &main.remembered {
        r.forget_variable(*index);
    }
}
