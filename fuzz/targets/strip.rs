//! Stripping arguments and cookies: never panics, leaves no carrier, and a second pass finds nothing.
#![no_main]
use gatehouse_token::strip;
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 2] = ["ss_token", "ss_expiration"];

fuzz_target!(|data: &[u8]| {
    let mut out = vec![0; data.len()];
    let mut again = vec![0; data.len()];
    if let Some(len) = strip::strip_args(data, &NAMES, &mut out) {
        assert!(NAMES.iter().all(|n| strip::find_arg(&out[..len], n.as_bytes()).is_none()));
        assert_eq!(strip::strip_args(&out[..len], &NAMES, &mut again), None);
    }
    if let Some(len) = strip::strip_target(data, &NAMES, &mut out) {
        assert!(len <= data.len());
        let args = strip::args_of(&out[..len]);
        assert!(NAMES.iter().all(|n| strip::find_arg(args, n.as_bytes()).is_none()));
    }
    if let Some(len) = strip::strip_cookie(data, &NAMES, &mut out) {
        assert!(NAMES.iter().all(|n| strip::cookies_called(&out[..len], n.as_bytes()).next().is_none()));
    }
});
