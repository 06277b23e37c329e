//! Refuses an nginx whose structures are not those the module was compiled against.
//!
//! nginx compares the version and the signature of a module with its own. Both stay the same when a
//! distribution moves members of a structure, as Ubuntu did in June 2026 with a security fix, and
//! modules built before then read and write the wrong memory. So before anything is configured, what
//! can be seen of the running nginx is compared with the offsets in this build:
//!
//! - [`memory`]: pools, arrays, lists, buffers, and the configuration that is being read,
//! - [`tables`]: where nginx's own tables of directives, headers and variables point,
//! - [`request`]: what nginx's own functions write into a request and an upstream made for the purpose.
//!
//! On Debian the package's `nginx-abi-…` is compared too ([`package`]). Not everything can be seen: a
//! member that changes places with its neighbour in a structure that no table describes is not noticed.

mod memory;
mod moved;
mod package;
mod request;
mod tables;

use crate::ffi::library;
use crate::sys;
use moved::Moved;

/// Compares the running nginx with the one this module was built for.
///
/// # Errors
/// What differs, and what to do about it.
///
/// # Safety
/// `cf` is the configuration being read, in the preconfiguration of an http module.
pub(crate) unsafe fn check(cf: *mut sys::ngx_conf_t) -> Result<(), String> {
    // SAFETY: promised by the caller.
    let compared = unsafe { compare(cf) };
    compared.map_err(|Moved(member)| {
        let version = library::nginx_version();
        format!(
            "this nginx is not the one the module was built for: \"{member}\" is elsewhere, although both are nginx {version}; build the module for this nginx, or install the one that belongs to it"
        )
    })?;
    package::check()
}

/// What the comparison with Debian's package says of such a module, nginx and list of packages.
#[cfg(feature = "hooks")]
pub fn compare_package(
    built: &str,
    runs: &std::path::Path,
    list: &std::path::Path,
) -> Result<(), String> {
    package::compare(Some(built), Some(runs), list)
}

/// # Safety
/// As for [`check`].
unsafe fn compare(cf: *mut sys::ngx_conf_t) -> Result<(), Moved> {
    // Later comparisons rely on what earlier ones have shown: the order matters.
    // SAFETY: promised by the caller.
    unsafe { memory::compare(cf) }?;
    // SAFETY: as above.
    let variables = unsafe { tables::compare(cf) }?;
    // SAFETY: as above.
    unsafe { request::compare(cf, &variables) }
}
