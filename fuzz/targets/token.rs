//! Verifying: whatever a request carries, no panic, and nothing is valid without the key.
#![no_main]
use gatehouse_token::{ProfileBuilder, Received};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

struct Request<'a>(&'a [u8], &'a [u8], &'a [u8]);

impl Received for Request<'_> {
    fn target(&self) -> &[u8] {
        self.0
    }
    fn header(&self, _: &str, _: usize) -> Option<&[u8]> {
        Some(self.1)
    }
    fn cookie(&self, _: &[u8], _: usize) -> Option<&[u8]> {
        Some(self.2)
    }
    fn message(&self, _: usize) -> Option<&[u8]> {
        Some(self.0)
    }
}

fn profile(format: &str, message: Option<&str>) -> gatehouse_token::Profile {
    let mut builder = ProfileBuilder::new();
    builder.format(format).unwrap();
    builder.key(None, b"a key nobody guesses, 32 bytes !".to_vec(), None).unwrap();
    builder.from(["query", "cookie", "header", "path"]).unwrap();
    if let Some(message) = message {
        builder.message(message).unwrap();
    }
    builder.finish().unwrap()
}

static PROFILES: LazyLock<[gatehouse_token::Profile; 2]> = LazyLock::new(|| {
    [profile("scalesimple", None), profile("secure_link", Some("{expires}$uri {key}"))]
});

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |b| *b == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let request = Request(next(), next(), next());
    for profile in PROFILES.iter() {
        assert!(!profile.verify(&request, 1_700_000_000).is_ok());
        let mut out = vec![0; request.0.len()];
        let _ = profile.clean_path(request.0, &mut out);
        let _ = profile.in_path(request.0, request.1, &mut out);
    }
});
