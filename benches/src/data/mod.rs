//! Inputs, the same in every run: they are computed from their number.

pub(crate) mod geo;
pub(crate) mod hosts;
mod seed;
pub(crate) mod token;

pub(crate) use seed::KEY;

use crate::conf::Rig;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

/// Writes what the configurations read: the key, the databases, the routes, the maps.
pub(crate) fn write_all(rig: &Rig) -> Result<(), String> {
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(rig.work.join(name), bytes).map_err(|e| format!("{name}: {e}"))
    };
    put("token.key", KEY.as_bytes())?;
    // nginx -t warns about a key that everybody can read.
    std::fs::set_permissions(rig.work.join("token.key"), Permissions::from_mode(0o600))
        .map_err(|e| e.to_string())?;
    put("city.mmdb", &geo::database("Bench-City", geo::city)?)?;
    put(
        "country.mmdb",
        &geo::database("Bench-Country", geo::country)?,
    )?;
    put("groups.conf", hosts::groups(rig.backend).as_bytes())?;
    for (name, count, prefix) in [
        ("1k", hosts::FEW, ""),
        ("100k", hosts::MANY, ""),
        ("wild", hosts::FEW, "*."),
    ] {
        let routes = hosts::routes(count, prefix, rig.backend);
        put(&format!("{name}.json"), routes.as_bytes())?;
        put(&format!("{name}.map"), hosts::map(count, prefix).as_bytes())?;
    }
    Ok(())
}
