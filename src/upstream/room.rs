//! Whether routes fit a zone: the same answer at `nginx -t`, at a reload and while nginx runs.

use gatehouse_core::table::Demand;
use gatehouse_nginx::Zone;

/// Refuses routes that the zone has no room for, and says what they need.
pub fn check(zone: &Zone, demand: &Demand) -> Result<(), String> {
    let words = zone.words().map_or(0, <[_]>::len);
    if demand.fits(words) {
        return Ok(());
    }
    let needed = zone.size_for(demand.bytes());
    Err(format!(
        "zone is full: it has {} bytes, {} routes need {needed} (\"zone {}k;\")",
        zone.size(),
        demand.routes(),
        needed / 1024
    ))
}
