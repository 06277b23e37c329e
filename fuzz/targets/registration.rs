//! Arguments of registrations: no panic, and what is understood can be used.
#![no_main]
use gatehouse_table::registration::Wish;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(wish) = Wish::parse(data) {
        assert!(wish.port > 0);
        assert!(wish.ttl_ms != Some(0));
        assert!(!wish.host.as_bytes().is_empty());
    }
});
