//! Inputs, the same in every run: they are computed from their number.

pub(crate) mod geo;
pub(crate) mod hosts;
pub(crate) mod jwt;
mod seed;
pub(crate) mod token;

pub(crate) use seed::KEY;

use crate::conf::{BACKENDS, Rig};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

/// Writes what the configurations read: the key, the databases, the routes, the maps.
pub(crate) fn write_all(rig: &Rig) -> Result<(), String> {
    let put = |name: &str, bytes: &[u8]| put(rig, name, bytes);
    for (name, secret) in [("token.key", KEY), ("jwt.key", jwt::SECRET)] {
        put(name, secret.as_bytes())?;
        // nginx -t warns about a key that everybody can read.
        std::fs::set_permissions(rig.work.join(name), Permissions::from_mode(0o600))
            .map_err(|e| e.to_string())?;
    }
    put("rsa.pem", jwt::RSA)?;
    put("p256.pem", jwt::P256)?;
    put("tokens.lua", include_bytes!("../../conf/tokens.lua"))?;
    put("city.mmdb", &geo::database("Bench-City", geo::city)?)?;
    put(
        "country.mmdb",
        &geo::database("Bench-Country", geo::country)?,
    )?;
    write_hosts(rig)
}

fn put(rig: &Rig, name: &str, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(rig.work.join(name), bytes).map_err(|e| format!("{name}: {e}"))
}

/// Writes what those configurations read that proxy.
pub(crate) fn write_hosts(rig: &Rig) -> Result<(), String> {
    let put = |name: &str, bytes: &[u8]| put(rig, name, bytes);
    for (name, count, prefix, each, backends) in [
        ("1k", hosts::FEW, "", 1, BACKENDS),
        ("100k", hosts::MANY, "", 1, BACKENDS),
        ("wild", hosts::FEW, "*.", 1, BACKENDS),
        ("one", hosts::FEW, "", 1, 1),
        ("100k_one", hosts::MANY, "", 1, 1),
        ("four", hosts::FEW, "", 4, BACKENDS),
    ] {
        let routes = hosts::routes(count, prefix, each, backends, rig.backend);
        put(&format!("{name}.json"), routes.as_bytes())?;
        let map = hosts::map(count, prefix, backends);
        put(&format!("{name}.map"), map.as_bytes())?;
    }
    let groups = |backends| hosts::groups(backends, rig.backend);
    put("groups.conf", groups(BACKENDS).as_bytes())?;
    put("group.conf", groups(1).as_bytes())?;
    Ok(())
}
