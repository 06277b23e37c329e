//! `close_websocket`: the end of WebSockets, and of other upgraded connections, when their token expires.

use super::conf::Named;
use super::record::Action;
use crate::Gatehouse;
use crate::ending::{Ending, Goodbye, Noted};
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::{Level, Request};

/// Ends connections whose token is accepted no more.
pub(super) const ENDING: Ending = Ending {
    in_use: |main| {
        let mut profiles = main.token.profiles.iter();
        profiles.any(|named| named.profile.closes_websockets())
    },
    note: |r| until(r).map(|_| Noted { piece: None }),
    is_over: |r| {
        let (named, until) = until(r)?;
        if process::now() <= until {
            return None;
        }
        let name = &named.name;
        r.log(
            Level::Info,
            format_args!("token of profile \"{name}\" has expired, closing an upgraded connection"),
        );
        Some(Goodbye::Expired)
    },
};

/// The last second at which the token is accepted that has let the request in, where its profile ends connections then.
fn until(r: Request<'_>) -> Option<(&Named, i64)> {
    let (judged, action) = r.existing_record::<Gatehouse>()?.token.enforced.get()?;
    let profiles = &r.main_conf::<Gatehouse>().token.profiles;
    let named = profiles.get(judged.profile)?;
    // A dry run changes nothing, and who was let in by somebody else needs no token.
    let has_let_in = action == Action::Allowed && judged.verdict.is_ok();
    let until = judged.until.filter(|_| has_let_in && r.is_main())?;
    named.profile.closes_websockets().then_some((named, until))
}
