//! Stripping arguments and cookies: never panics, leaves no carrier, and a second pass finds nothing.
#![no_main]
use gatehouse_token::{Target, strip};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 2] = ["ss_token", "ss_expiration"];

fuzz_target!(|data: &[u8]| {
    let mut out = vec![0; data.len()];
    let mut again = vec![0; data.len()];
    if let Some(len) = strip::strip_args(data, &NAMES, &mut out) {
        assert!(NAMES.iter().all(|n| strip::find_arg(&out[..len], n.as_bytes()).is_none()));
        assert_eq!(strip::strip_args(&out[..len], &NAMES, &mut again), None);
    }
    let target = Target::of(data);
    assert_eq!(Target::parsed(data, target.args()), target);
    if let Some(left) = target.strip(&NAMES, &mut out) {
        assert!(left.len <= data.len());
        let args = Target::of(&out[..left.len]).args();
        assert_eq!(args, &out[left.args.0..left.args.1]);
        assert!(NAMES.iter().all(|n| strip::find_arg(args, n.as_bytes()).is_none()));
    }
    if let Some(len) = strip::strip_cookie(data, &NAMES, &mut out) {
        assert!(NAMES.iter().all(|n| strip::cookies_called(&out[..len], n.as_bytes()).next().is_none()));
    }
});
