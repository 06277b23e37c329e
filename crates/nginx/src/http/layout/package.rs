//! Debian's name for the structures of its nginx.
//!
//! Debian's package of nginx provides `nginx-abi-VERSION-NUMBER`, whose number changes with the
//! structures; packages of modules depend on it. A module that was copied there has no such dependency:
//! the name is compared here.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The name when this module was compiled, for a module built for Debian's own nginx.
const BUILT: Option<&str> = option_env!("GATEHOUSE_NGINX_ABI");

/// Compares the name of the installed package with [`BUILT`].
pub(super) fn check() -> Result<(), String> {
    let runs = fs::read_link("/proc/self/exe").ok();
    compare(BUILT, runs.as_deref(), Path::new("/var/lib/dpkg/status"))
}

/// Compares the name that the installed package has in dpkg's list with the one of `built`. Where the running nginx is not
/// the package's, or there is no list of packages, there is nothing to compare.
pub(crate) fn compare(built: Option<&str>, runs: Option<&Path>, list: &Path) -> Result<(), String> {
    let Some(built) = built.filter(|name| !name.is_empty()) else {
        return Ok(());
    };
    if runs.is_none_or(|path| path != Path::new("/usr/sbin/nginx")) {
        return Ok(());
    }
    let list = File::open(list).ok();
    let Some(here) = list.and_then(|file| provided(BufReader::new(file))) else {
        return Ok(());
    };
    if here == built {
        return Ok(());
    }
    Err(format!(
        "this nginx is not the one the module was built for: its package provides \"{here}\", the module wants \"{built}\"; build the module for this nginx, or install the one that belongs to it"
    ))
}

/// The `nginx-abi-…` that the installed package `nginx` provides, in dpkg's list of packages.
fn provided(list: impl BufRead) -> Option<String> {
    let mut is_nginx = false;
    for line in list.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(package) = line.strip_prefix("Package: ") {
            is_nginx = package.trim() == "nginx";
        } else if let Some(names) = line.strip_prefix("Provides: ").filter(|_| is_nginx) {
            let mut names = names.split(',').map(str::trim);
            return names
                .find(|name| name.starts_with("nginx-abi-"))
                .map(str::to_owned);
        }
    }
    None
}
