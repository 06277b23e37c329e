//! Claims of Common Access Tokens: whatever a key signs, no panic, and what is accepted has not expired; and their renewal.
#![no_main]
use data_encoding::BASE64URL_NOPAD;
use gatehouse_base::digest::{Algorithm, MAX_RAW};
use gatehouse_token::{Area, BadKey, Error, Host, Profile, ProfileBuilder, RequestView, Secret};
use libfuzzer_sys::fuzz_target;
use std::cell::Cell;
use std::net::IpAddr;

const KEY: &[u8] = b"a key nobody guesses, 32 bytes !";
const NOW: i64 = 1_700_000_000;

struct Request<'a> {
    target: &'a [u8],
    token: &'a [u8],
    /// What is left of the memory of the request.
    room: Cell<&'a mut [u8]>,
}

impl RequestView for Request<'_> {
    fn target(&self) -> &[u8] {
        self.target
    }
    fn header(&self, name: &str, n: usize) -> Option<&[u8]> {
        let value = if name == "Common-Access-Token" { self.token } else { b"tv" };
        (n == 0).then_some(value)
    }
    fn cookie(&self, _: &[u8], _: usize) -> Option<&[u8]> {
        None
    }
    fn message(&self, _: usize) -> Option<&[u8]> {
        Some(b"https://cdn.test:443")
    }
    fn room(&self, len: usize) -> Option<&mut [u8]> {
        let (part, rest) = self.room.take().split_at_mut_checked(len)?;
        self.room.set(rest);
        Some(part)
    }
    fn path(&self) -> Option<&[u8]> {
        Some(self.target)
    }
    fn address(&self) -> Option<IpAddr> {
        Some([127, 0, 0, 1].into())
    }
    fn route_key(&self, _: usize, _: &mut dyn FnMut(&[u8]) -> Result<(), BadKey>) {}
    fn method(&self) -> &[u8] {
        b"GET"
    }
    fn is_in(&self, area: Area<'_>) -> Option<bool> {
        Some(matches!(area, Area::Place("DE") | Area::Network(64496)))
    }
}

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

thread_local!(static PROFILE: Profile = {
    let mut builder = ProfileBuilder::new();
    for (word, words) in [
        ("format", &["cat"][..]),
        ("from", &["header", "cookie=c"]),
        ("issue_cookie", &["c", "path=/"]),
    ] {
        builder.line(word, words, &NoFiles).unwrap();
    }
    builder.key("key", None, Secret::new(KEY.to_vec()), Some("text")).unwrap();
    builder.finish().unwrap()
});

/// A byte string of CBOR.
fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    match u8::try_from(bytes.len()) {
        Ok(len @ 0..24) => out.push(0x40 | len),
        Ok(len) => out.extend([0x58, len]),
        Err(_) => {
            out.push(0x59);
            out.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
        }
    }
    out.extend(bytes);
}

fuzz_target!(|data: &[u8]| {
    let (target, payload) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    let payload = payload.get(1..).unwrap_or_default();
    if payload.len() > 4000 {
        return;
    }
    let mut signed = b"\x84\x64MAC0\x43\xa1\x01\x05\x40".to_vec();
    string(&mut signed, payload);
    let mut mac = [0; MAX_RAW];
    let feed = |sink: &mut dyn FnMut(&[u8])| {
        sink(&signed);
        Some(())
    };
    let mac = Algorithm::Sha256.hmac_into(KEY, &mut mac, feed).unwrap();
    let mut token = b"\x84\x43\xa1\x01\x05\xa0".to_vec();
    string(&mut token, payload);
    string(&mut token, mac);
    let token = BASE64URL_NOPAD.encode(&token);
    let mut memory = vec![0; 1 << 16];
    let room = Cell::new(memory.as_mut_slice());
    let request = Request { target, token: token.as_bytes(), room };
    let verdict = PROFILE.with(|profile| {
        let verdict = profile.verify(&request, NOW);
        if let (true, Some(location)) = (verdict.is_ok(), verdict.location) {
            // What is renewed is verified before it is handed back.
            let give = &mut |line: &[u8]| assert!(line.starts_with(b"c=2D3R") || line.starts_with(b"c=hE"));
            let _ = profile.issue(&request, (location, 0), NOW, give);
        }
        verdict
    });
    assert_ne!(verdict.as_str(), "invalid");
    if verdict.is_ok() {
        assert!(verdict.expires.is_some_and(|expires| expires > NOW));
    }
});
