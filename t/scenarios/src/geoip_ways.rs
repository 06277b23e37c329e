//! The ways in which operators and their tools put a new database in the place of one in use.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::server::{Server, Setup};

use crate::geoip::{CONF, NEW, OLD, data, lines, padded, setup, stop_load, wait_for};

const DEADLINE: Duration = Duration::from_secs(10);
const REFUSED: &str = "the old one stays in use";

fn text(error: std::io::Error) -> String {
    error.to_string()
}

/// The two databases, equally long: what tells one from the other is not the size.
fn equally_long(env: &Env) -> Result<[Vec<u8>; 2], String> {
    let (old, new) = (data(env, "geo.mmdb")?, data(env, "geo2.mmdb")?);
    let most = old.len().max(new.len());
    let fill = |one: &[u8]| padded(one, most.saturating_sub(one.len()));
    Ok([fill(&old)?, fill(&new)?])
}

fn under_load(
    server: &Server,
    steps: impl FnOnce(&Server) -> Result<(), String>,
) -> Result<(), String> {
    let load = Load::start(server.port(0), "/t", "", 2, 200);
    load.wait_good(50)?;
    steps(server)?;
    stop_load(load)
}

/// Writes over the bytes of a file, and gives it the time that it had.
fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let mut file = OpenOptions::new().write(true).open(path).map_err(text)?;
    let modified = file.metadata().and_then(|m| m.modified()).map_err(text)?;
    file.write_all(bytes).map_err(text)?;
    file.set_times(FileTimes::new().set_modified(modified))
        .map_err(text)
}

/// `cp`, `rsync --inplace --times`: the same file, as long as before and of the same time. And a file that is emptied
/// first and written when nginx has seen it empty.
pub(super) fn in_place(env: &Env) -> Result<(), String> {
    let [old, new] = equally_long(env)?;
    let server = setup(env, &old)?.start(CONF)?;
    wait_for(&server, 0, OLD)?;
    under_load(&server, |server| {
        let path = server.root().join("conf/geo.mmdb");
        let before = fs::metadata(&path).and_then(|m| Ok((m.len(), m.modified()?)));
        for (bytes, country) in [(&new, NEW), (&old, OLD), (&new, NEW)] {
            overwrite(&path, bytes)?;
            wait_for(server, 0, country)?;
        }
        let after = fs::metadata(&path).and_then(|m| Ok((m.len(), m.modified()?)));
        if before.map_err(text)? != after.map_err(text)? {
            return Err("size or time has changed".to_owned());
        }
        let mut file = File::create(&path).map_err(text)?;
        server.wait_log(r"\[error\] .*geo.mmdb. is .*, the old one stays", DEADLINE)?;
        wait_for(server, 0, NEW)?;
        file.write_all(&old).map_err(text)?;
        wait_for(server, 0, OLD)?;
        server.wait_log(r"geo.mmdb. is good again: replaced", DEADLINE)?;
        Ok(())
    })?;
    server.stop()
}

/// A link to the file, and one to its folder as Kubernetes and releases have them: both lead elsewhere from one moment to
/// the next, to a file that is as long and as old.
pub(super) fn links(env: &Env) -> Result<(), String> {
    let [old, new] = equally_long(env)?;
    let other = data(env, "geo.mmdb")?;
    let conf = CONF.replace("geo.mmdb", "now/geo.mmdb");
    let setup = Setup::new(env)?
        .file("conf/one/geo.mmdb", &old)?
        .file("conf/two/geo.mmdb", &new)?
        .file("conf/other.mmdb", &other)?;
    let root = setup.path().join("conf");
    let modified = fs::metadata(root.join("one/geo.mmdb")).and_then(|m| m.modified());
    let times = FileTimes::new().set_modified(modified.map_err(text)?);
    let second = OpenOptions::new()
        .write(true)
        .open(root.join("two/geo.mmdb"));
    second
        .and_then(|file| file.set_times(times))
        .map_err(text)?;
    let swap = |target: &str, name: &str| {
        let fresh = root.join("fresh");
        symlink(target, &fresh).and_then(|()| fs::rename(&fresh, root.join(name)))
    };
    swap("one", "now").map_err(text)?;
    let server = setup.start(&conf)?;
    wait_for(&server, 0, OLD)?;
    under_load(&server, |server| {
        for (folder, country) in [("two", NEW), ("one", OLD)] {
            swap(folder, "now").map_err(text)?;
            wait_for(server, 0, country)?;
        }
        // From now on the file itself is a link.
        fs::create_dir(root.join("three")).map_err(text)?;
        swap("../two/geo.mmdb", "three/geo.mmdb").map_err(text)?;
        swap("three", "now").map_err(text)?;
        wait_for(server, 0, NEW)?;
        swap("../one/geo.mmdb", "three/geo.mmdb").map_err(text)?;
        wait_for(server, 0, OLD)?;
        // One that leads nowhere is a file that is not there.
        swap("gone", "three/geo.mmdb").map_err(text)?;
        server.wait_log(
            r"\[error\] .*geo.mmdb. cannot be read \(2: No such file or directory\), the old one stays",
            DEADLINE,
        )?;
        wait_for(server, 0, OLD)?;
        swap("../two/geo.mmdb", "three/geo.mmdb").map_err(text)?;
        wait_for(server, 0, NEW)
    })?;
    server.stop()
}

/// Two databases at once, as tools that fetch several do: each by itself, also when one of them is bad.
pub(super) fn two_at_once(env: &Env) -> Result<(), String> {
    let [old, new] = equally_long(env)?;
    let server = setup(env, &old)?.start(CONF)?;
    wait_for(&server, 0, OLD)?;
    under_load(&server, |server| {
        for (bytes, country) in [(&new, NEW), (&old, OLD)] {
            server.write_file("conf/geo.mmdb", bytes)?;
            server.write_file("conf/other.mmdb", bytes)?;
            wait_for(server, 0, country)?;
            wait_for(server, 1, country)?;
        }
        server.write_file("conf/geo.mmdb", &new)?;
        server.write_file("conf/other.mmdb", b"no database")?;
        wait_for(server, 0, NEW)?;
        server.wait_log(
            r"\[error\] .*other.mmdb. is not a MaxMind DB file",
            DEADLINE,
        )?;
        wait_for(server, 1, OLD)?;
        match lines(server, REFUSED) {
            1 => Ok(()),
            count => Err(format!("{count} lines have {REFUSED:?}:\n{}", server.log())),
        }
    })?;
    server.stop()
}
