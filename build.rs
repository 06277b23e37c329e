//! Says which nginx the module is built for, and how it is linked.
//!
//! nginx opens modules so that their symbols are seen by those opened later: nothing but the module
//! table may be exported. rustc sees to that with a version script of its own, which lists what is
//! `#[no_mangle]`. A second script cannot tighten it: lld adds what both list, and GNU ld refuses two.
//! So `scripts/check-symbols` looks at the result, and the linker is told to hide what archives of C
//! bring along.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // crates/nginx/build.rs hands on what nginx-sys has learned of the nginx tree.
    let version = var("DEP_GATEHOUSE_NGINX_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=GATEHOUSE_NGINX_VERSION={version}");
    if var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        for argument in [
            // All symbols are found when nginx opens the module, and their table is read-only from then on.
            "-Wl,-z,relro,-z,now",
            "-Wl,--exclude-libs,ALL",
        ] {
            println!("cargo::rustc-link-arg-cdylib={argument}");
        }
    }
}
