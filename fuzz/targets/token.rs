//! Verifying: whatever a request carries, no panic, and nothing is valid without the key.
#![no_main]
use gatehouse_token::{Area, BadKey, Error, Host, Profile, ProfileBuilder, RequestView, SCHEMES, Scheme, Secret};
use libfuzzer_sys::fuzz_target;
use std::cell::Cell;
use std::net::IpAddr;

/// A target, a header, a cookie, and what is left of the memory of the request.
struct Request<'a>(&'a [u8], &'a [u8], &'a [u8], Cell<&'a mut [u8]>);

impl RequestView for Request<'_> {
    fn target(&self) -> &[u8] {
        self.0
    }
    fn header(&self, _: &str, n: usize) -> Option<&[u8]> {
        (n == 0).then_some(self.1)
    }
    fn cookie(&self, _: &[u8], n: usize) -> Option<&[u8]> {
        (n == 0).then_some(self.2)
    }
    fn message(&self, _: usize) -> Option<&[u8]> {
        Some(self.0)
    }
    fn room(&self, len: usize) -> Option<&mut [u8]> {
        let (part, rest) = self.3.take().split_at_mut_checked(len)?;
        self.3.set(rest);
        Some(part)
    }
    fn path(&self) -> Option<&[u8]> {
        Some(self.0)
    }
    fn address(&self) -> Option<IpAddr> {
        None
    }
    fn route_key(&self, _: usize, _: &mut dyn FnMut(&[u8]) -> Result<(), BadKey>) {}
    fn method(&self) -> &[u8] {
        b"GET"
    }
    fn is_in(&self, _: Area<'_>) -> Option<bool> {
        None
    }
}

/// A host without files, whose times are numbers of seconds.
struct NoFiles;

impl Host for NoFiles {
    fn seconds(&self, word: &str) -> Option<u64> {
        word.parse().ok()
    }
    fn key_file(&self, path: &str) -> Result<(String, Secret), Error> {
        Err(Error::new(path))
    }
    fn warn(&self, _: &str) {}
}

fn profile(scheme: &Scheme) -> Profile {
    let mut builder = ProfileBuilder::new();
    let mut line = |word: &str, words: &[&str]| builder.line(word, words, &NoFiles).unwrap();
    line("format", &[scheme.name]);
    let path = scheme.path.map(|_| "path");
    // Where the scheme has no name of its own it is given one.
    let has_names = scheme.carriers[0].query.is_some();
    let places = if has_names { ["query", "cookie", "header"] } else { ["query=t", "cookie=t", "header"] };
    let places: Vec<&str> = places.into_iter().chain(path).collect();
    line("from", &places);
    for (word, value) in scheme.example {
        line(word, &[value]);
    }
    let key: &[u8] = match scheme.name {
        "cloudfront" => include_bytes!("../../t/data/keys/rsa.pub.pem"),
        _ => b"a key nobody guesses, 32 bytes !",
    };
    let key = Secret::new(key.to_vec());
    builder.key("key", Some("one"), key, Some("text")).unwrap();
    builder.finish().unwrap()
}

thread_local!(static PROFILES: Vec<Profile> = {
    let with_tokens = SCHEMES.iter().filter(|scheme| scheme.has_tokens());
    with_tokens.map(profile).collect()
});

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |b| *b == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (target, header, cookie) = (next(), next(), next());
    let mut memory = vec![0; 1 << 16];
    PROFILES.with(|profiles| {
        for profile in profiles {
            let request = Request(target, header, cookie, Cell::new(memory.as_mut_slice()));
            assert!(!profile.verify(&request, 1_700_000_000).is_ok());
            let mut out = vec![0; target.len()];
            let _ = profile.clean_path(target, &mut out);
            let _ = profile.in_path(target, header, &mut out);
        }
    });
});
