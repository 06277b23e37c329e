//! Turns what nginx-sys learned of the nginx tree into `cfg` switches, and compiles against that
//! very tree what bindgen gets wrong.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(cookie_array)");
    println!("cargo::rustc-check-cfg=cfg(ngx_feature, values(any()))");
    for feature in std::env::var("DEP_NGINX_FEATURES")
        .unwrap_or_default()
        .split(',')
    {
        println!("cargo::rustc-cfg=ngx_feature=\"{feature}\"");
    }
    // nginx 1.23.0 replaced the array of Cookie headers with a linked list
    // (ngx_http_headers_in_t.cookies became .cookie).
    let version: u32 = std::env::var("DEP_NGINX_VERSION_NUMBER")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    if version < 1_023_000 {
        println!("cargo::rustc-cfg=cookie_array");
    }
    let includes = std::env::var_os("DEP_NGINX_INCLUDE").unwrap_or_default();
    let mut bits = cc::Build::new();
    bits.includes(std::env::split_paths(&includes));
    // Each folder has its own, so that a module without http needs no symbol of nginx's http.
    let mut folders = vec!["ffi", "event"];
    if std::env::var_os("CARGO_FEATURE_HTTP").is_some() {
        folders.push("http");
    }
    for folder in folders {
        let file = format!("src/{folder}/bits.c");
        println!("cargo::rerun-if-changed={file}");
        bits.file(file);
    }
    bits.compile("gatehouse_bits");
}
