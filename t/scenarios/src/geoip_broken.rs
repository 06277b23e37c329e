//! Files that are broken on purpose, put in the place of a database in use.

use std::fs;
use std::time::Duration;

use nginx_prove::env::Env;

use crate::geoip::{CONF, OLD, data, lines, setup, stop_load, wait_for};
use nginx_prove::load::Load;

/// Each is refused by one line, and the old one stays in use.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let folder = env.base.join("../shared/geoip/broken");
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let server = setup(env, &data(env, "geo.mmdb")?)?.start(CONF)?;
    wait_for(&server, 0, OLD)?;
    let load = Load::start(server.port(0), "/t", "", 2, 200);
    for (number, path) in paths.iter().enumerate() {
        let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        server.write_file("conf/geo.mmdb", &bytes)?;
        let refused = "the old one stays in use";
        let is_said = || (lines(&server, refused) > number).then_some(());
        nginx_prove::poll::until(Duration::from_secs(10), is_said)
            .ok_or_else(|| format!("{} is not refused:\n{}", path.display(), server.log()))?;
        wait_for(&server, 0, OLD)?;
    }
    if paths.is_empty() {
        return Err(format!("{} is empty", folder.display()));
    }
    stop_load(load)?;
    server.stop()
}
