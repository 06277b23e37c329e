//! Whether routes fit a zone: the same answer at `nginx -t`, at a reload and while nginx runs.

use crate::memory::Memory;
use gatehouse_table::table::Demand;

/// Refuses routes that the zone has no room for, and says what they need.
pub(super) fn check(zone: &impl Memory, demand: &Demand) -> Result<(), String> {
    let words = zone.words().map_or(0, <[_]>::len);
    if demand.fits(words) {
        return Ok(());
    }
    Err(refusal(zone, demand))
}

/// `"zone" is too small: it has 102400 bytes, 900 routes need 258048 ("zone 252k;")`
pub(super) fn refusal(zone: &impl Memory, demand: &Demand) -> String {
    let routes = match demand.routes() {
        0 => "a table needs".to_owned(),
        1 => "1 route needs".to_owned(),
        n => format!("{n} routes need"),
    };
    let needed = zone.size_for(&|words| demand.fits(words));
    format!(
        "\"zone\" is too small: it has {} bytes, {routes} {needed} (\"zone {}k;\")",
        zone.size(),
        needed / 1024
    )
}
