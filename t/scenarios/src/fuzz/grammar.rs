//! Random requests: number N of a seed is always the same.

use fastrand::Rng;

use super::access;
use super::request::{Request, Wire};
use super::site::{ADDRESSES, At, Content, Early, Key, Loc, OPEN, Server};
use super::tokens::{self, PROFILES, Profile};
use super::uri;

/// So many requests share pages, hosts and locations, so that they meet in the cache.
pub(super) const EPOCH: u64 = 120;

const HOSTS: &[&str] = &[
    "shop.test",
    "myshop.test",
    "shop.test",
    "myshop.test",
    "get",
    "http",
    "paid.test",
    "x.wild.test",
    "y.x.wild.test",
    "a.wild.test",
    "wild.test",
    "dead.test",
    "paid.test",
    "unknown.test",
    "*.wild.test",
];

const METHODS: &[&str] = &[
    "PUT", "DELETE", "OPTIONS", "PROPFIND", "PURGE", "TRACE", "get", "FOO",
];

/// Request number `number` of a seed.
pub(super) fn generate(seed: u64, number: u64) -> Request {
    let epoch = number / EPOCH;
    let mix =
        |n: u64| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n.wrapping_mul(0xd1b5_4a32_d192_ed03);
    let mut maker = Maker {
        rng: Rng::with_seed(mix(number.wrapping_add(1))),
        focus: Rng::with_seed(mix(!epoch)),
        epoch,
        number,
        made: 0,
        host: String::new(),
    };
    maker.request()
}

/// Makes one request.
pub(super) struct Maker {
    pub rng: Rng,
    /// What the requests of an epoch have in common.
    focus: Rng,
    epoch: u64,
    pub number: u64,
    /// How many tokens it has made.
    pub made: u64,
    /// The host that it is for.
    pub host: String,
}

impl Maker {
    /// True so many times in a hundred.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    /// One of the list.
    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> Option<T> {
        list.get(self.rng.usize(0..list.len().max(1))).copied()
    }

    fn request(&mut self) -> Request {
        let server = match self.chance(7) {
            true => Server::Paid,
            false => Server::Main,
        };
        let (host, loc) = self.place(server);
        self.host.clone_from(&host);
        let mut path = self.path(loc);
        let args = self.args(loc);
        let mut request = Request {
            number: self.number,
            server,
            wire: Wire::Http11,
            method: self.method(loc, server),
            target: Vec::new(),
            absolute: None,
            headers: vec![("X-Fuzz".into(), self.number.to_string().into_bytes())],
            body: Vec::new(),
            tokens: Vec::new(),
        };
        if self.chance(75) {
            let address = self.pick(ADDRESSES).unwrap_or_default();
            request
                .headers
                .push(("X-Test-IP".into(), address.as_bytes().to_vec()));
        }
        let profiles = self.profiles(loc, &host);
        let plain = !path.starts_with("/accel/") && !path.is_empty();
        if plain && self.chance(12) {
            let odd = self.odd(&path);
            // After a bad request line there is no target to show the protected server's page for.
            if server == Server::Main || uri::normal(odd.as_bytes()).is_some() {
                path = odd;
            }
        }
        let mut target = path.into_bytes();
        for profile in profiles.iter().filter(|profile| profile.has_path()) {
            target = self.path_token(profile, target, &mut request);
        }
        if let Some(args) = args {
            target = [target, vec![b'?'], args.into_bytes()].concat();
        }
        request.target = target;
        self.carried(&profiles, &mut request);
        if matches!(request.method.as_str(), "POST" | "PUT") {
            request.body = vec![b'x'; self.rng.usize(1..20)];
        }
        self.basic(loc, &mut request);
        self.envelope(host, &mut request);
        request
    }

    /// A host and a location: mostly of the few this epoch is about.
    fn place(&mut self, server: Server) -> (String, &'static Loc) {
        let places: Vec<&'static Loc> = server
            .locations()
            .iter()
            .filter(|loc| !matches!(loc.at, At::Named(_)))
            .collect();

        let focused = self.chance(75);
        let few = self.rng.usize(0..3);
        let mut chosen = (None, None);
        for _ in 0..=few {
            let rng = if focused {
                &mut self.focus
            } else {
                &mut self.rng
            };
            chosen.0 = places.get(rng.usize(0..places.len())).copied();
            chosen.1 = HOSTS.get(rng.usize(0..HOSTS.len())).copied();
        }
        // Keys that lack the host in one way or another.
        let shared = places.iter().find(|loc| {
            matches!(loc.key, Key::HttpHost | Key::Method)
                && (self.number % 2 == 0) == (loc.key == Key::Method)
        });
        if let Some(loc) = shared.filter(|_| self.rng.u32(0..100) < 4) {
            let hosts = ["get", "shop.test", "myshop.test", "http"];
            let host = hosts.get(self.rng.usize(0..hosts.len())).copied();
            return (host.unwrap_or_default().to_owned(), loc);
        }
        let loc = chosen.0.unwrap_or(&OPEN);
        let host = match chosen.1 {
            _ if server == Server::Paid && self.chance(60) => "paid.test",
            Some(host) => host,
            None => "shop.test",
        };
        (host.to_owned(), loc)
    }

    fn path(&mut self, loc: &Loc) -> String {
        let page = format!("p{}-{}", self.epoch, self.rng.u32(0..2));
        let base = match loc.at {
            // Only behind a host: `GET http://shop.test HTTP/1.1`.
            At::Prefix("/") if self.chance(4) => return String::new(),
            At::Prefix(prefix) => prefix,
            At::Exact(exact) => return exact.to_owned(),
            At::Named(_) => "/",
        };
        if matches!(loc.content, Content::Files) && self.chance(70) {
            return base.to_owned();
        }
        if base == "/accel/" {
            let places = ["video/", "inner/", "files/bob/", "geo/", "video/live/"];
            let place = self.pick(&places).unwrap_or_default();
            return format!("/accel/x/to/{place}{page}");
        }
        let more = match self.rng.u32(0..20) {
            0 => return base.to_owned(),
            1 => return base.trim_end_matches('/').to_owned() + if base == "/" { "/" } else { "" },
            2 => "bob/",
            3 => "u/bob/",
            4 => "secret/",
            5 => "u/secret/",
            6 => "u/",
            _ => "",
        };
        format!("{base}{more}{page}")
    }

    /// The same path, or another one, spelled as an attacker would.
    fn odd(&mut self, path: &str) -> String {
        let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        let at = self.rng.usize(1..segments.len().max(2));
        let more: &[&str] = match self.rng.u32(0..11) {
            0 => &["."],
            1 => &["x", ".."],
            2 => &["%2e%2e"],
            3 => &[""],
            4 => &["x", "%2E."],
            5 => &["x%2f.."],
            6 => &["..", "files"],
            7 => &["%252e%252e"],
            8 => &["..;"],
            9 => &["x%5c..", ".."],
            _ => &[],
        };
        if more.is_empty() {
            if let Some(segment) = segments.get_mut(at) {
                *segment = segment.bytes().map(|b| format!("%{b:02x}")).collect();
            }
        }
        let tail = segments.split_off(at.min(segments.len()));
        segments.extend(more.iter().map(|one| (*one).to_owned()));
        segments.extend(tail);
        segments.join("/")
    }

    fn args(&mut self, loc: &Loc) -> Option<String> {
        let asked = matches!(loc.early, Early::ReturnIfAsked(_)) && self.chance(40);
        if asked {
            return Some("r=1".to_owned());
        }
        let all = [
            "a=1",
            "a=1&b=2",
            "b=%20x",
            "",
            "x",
            "a==&&b",
            "a=1&ss_tokens=1",
        ];
        match self.chance(30) {
            true => self.pick(&all).map(str::to_owned),
            false => None,
        }
    }

    fn method(&mut self, loc: &Loc, server: Server) -> String {
        let readable = matches!(loc.content, Content::Files | Content::Try(_))
            || loc.more.contains("ssi on")
            || loc.auth_request
            || loc.internal
            || loc.key == Key::Slices;
        match self.rng.u32(0..100) {
            0..=6 if loc.key != Key::Slices => "HEAD",
            7..=12 if !readable => "POST",
            13..=17 if !readable => match self.pick(METHODS) {
                Some("get") if server == Server::Paid => "GET",
                other => other.unwrap_or("GET"),
            },
            _ => "GET",
        }
        .to_owned()
    }

    /// The profiles whose tokens the request will have.
    fn profiles(&mut self, loc: &Loc, host: &str) -> Vec<&'static Profile> {
        let mut out: Vec<&'static Profile> = Vec::new();
        out.extend(access::profile_of(loc, host).ok().flatten());
        let more: &[&str] = match (loc.early, loc.content) {
            (Early::Last(_, "/video/"), _) => &["video"],
            (Early::Last(..), _) => &["mixed"],
            (_, Content::Files) => &["live"],
            (_, Content::Try("@live")) => &["live"],
            (_, Content::Try(_)) => &["video"],
            _ => &[],
        };
        out.extend(more.iter().filter_map(|name| tokens::profile(name)));
        if self.chance(10) {
            out.extend(PROFILES.get(self.rng.usize(0..PROFILES.len())));
        }
        out.dedup_by_key(|profile| profile.name);
        out
    }

    fn basic(&mut self, loc: &Loc, request: &mut Request) {
        if request.header("Authorization").is_none() && (loc.basic && self.chance(60)) {
            request
                .headers
                .push(("Authorization".into(), access::BASIC.to_vec()));
        }
    }

    /// The host, how it is said, and the protocol.
    fn envelope(&mut self, host: String, request: &mut Request) {
        let spelled = match self.rng.u32(0..30) {
            0 => host.to_ascii_uppercase(),
            1 => format!("{host}:8080"),
            2 => format!("{host}."),
            _ => host.clone(),
        };
        let at = self.rng.usize(0..=request.headers.len());
        let mut line = ("Host".to_owned(), spelled.clone().into_bytes());
        let crossed = String::from_utf8_lossy(&request.target).contains("/khost/");
        match self.rng.u32(0..100) {
            0 if request.target.starts_with(b"/") => return self.without_host(request),
            _ if !request.target.starts_with(b"/") => {
                let host = if host.contains('*') {
                    "paid.test"
                } else {
                    &host
                };
                request.absolute = Some(host.to_owned());
            }
            // Where the key has the header and the lookup has the host in front of the target.
            50..=80 if crossed => {
                request.absolute = Some("shop.test".to_owned());
                line.1 = b"myshop.test".to_vec();
            }
            1..=9 if request.server == Server::Main || !spelled.contains('*') => {
                let other = self.pick(HOSTS).unwrap_or_default();
                request.absolute = Some(spelled);
                line.1 = other.as_bytes().to_vec();
            }
            10..=12 => request.wire = Wire::Http10,
            13 if request.server == Server::Main => {
                let second = ("Host".to_owned(), b"get".to_vec());
                request.headers.insert(at, second);
            }
            14..=32 if speaks_http2(request) => request.wire = Wire::Http2,
            _ => {}
        }
        request.headers.insert(at, line);
        if self.chance(10) {
            for (name, _) in &mut request.headers {
                *name = name.to_ascii_uppercase();
            }
        }
    }

    fn without_host(&mut self, request: &mut Request) {
        if self.chance(30) {
            request.wire = Wire::Http10;
        }
    }
}

/// Whether the library takes such a request.
fn speaks_http2(request: &Request) -> bool {
    request.server == Server::Main
        && request.method != "get"
        && http::uri::PathAndQuery::try_from(request.target.as_slice()).is_ok()
}
