//! Turns what nginx-sys has learned of the nginx tree into `cfg` switches, compiles against that very
//! tree what bindgen gets wrong, and binds it.

#![allow(clippy::panic)] // how a build script says no

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    switches();
    let includes: Vec<PathBuf> =
        env::split_paths(&env::var_os("DEP_NGINX_INCLUDE").unwrap_or_default()).collect();
    // Each folder has its own, so that a module without http needs no symbol of nginx's http.
    let mut folders = vec!["ffi", "event"];
    if env::var_os("CARGO_FEATURE_HTTP").is_some() {
        folders.push("http");
    }
    let mut bits = cc::Build::new();
    bits.includes(&includes);
    for folder in folders {
        bind(folder, &includes);
        bits.file(format!("src/{folder}/bits.c"));
        println!("cargo::rerun-if-changed=src/{folder}/bits.c");
    }
    bits.compile("gatehouse_bits");
}

/// What the code asks of nginx's version and of what nginx was configured with; the version goes to
/// the build scripts of those who use this crate, too.
fn switches() {
    println!("cargo::rustc-check-cfg=cfg(cookie_array)");
    println!("cargo::rustc-check-cfg=cfg(ngx_feature, values(any()))");
    let of_nginx = |name: &str| env::var(format!("DEP_NGINX_{name}")).unwrap_or_default();
    for feature in of_nginx("FEATURES").split(',') {
        println!("cargo::rustc-cfg=ngx_feature=\"{feature}\"");
    }
    // Of "nginx/1.28.3" the number.
    let version = of_nginx("VERSION");
    let version = version.rsplit('/').next().unwrap_or_default();
    println!("cargo::metadata=version={version}");
    // nginx 1.23.0 replaced the array of Cookie headers with a linked list
    // (ngx_http_headers_in_t.cookies became .cookie).
    let version: u32 = of_nginx("VERSION_NUMBER").parse().unwrap_or(0);
    if version < 1_023_000 {
        println!("cargo::rustc-cfg=cookie_array");
    }
}

/// Declares the functions of a folder's bits.c, from their header.
fn bind(folder: &str, includes: &[PathBuf]) {
    let header = format!("src/{folder}/bits.h");
    println!("cargo::rerun-if-changed={header}");
    let includes = includes.iter().map(|path| format!("-I{}", path.display()));
    let bindings = bindgen::Builder::default()
        .header(header)
        .clang_args(includes)
        .allowlist_function("gatehouse_.*")
        // nginx's own types are those of nginx-sys.
        .blocklist_type(".*")
        .raw_line("use crate::sys::*;")
        .layout_tests(false)
        .generate()
        .unwrap_or_else(|error| panic!("cannot bind src/{folder}/bits.h: {error}"));
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let file = out.join(format!("{folder}_bits.rs"));
    bindings
        .write_to_file(&file)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
}
