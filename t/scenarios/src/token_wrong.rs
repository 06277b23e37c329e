//! Wrong tokens, in every format: each gets the configured status, and none takes more than ten times its request in memory.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bstr::ByteSlice;
use data_encoding::BASE64URL_NOPAD;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

use crate::elsewhere::silent;
use crate::geoip::private_memory;

/// A format, what its profile needs beside a key, and the names its tokens come under.
struct Format {
    name: &'static str,
    lines: &'static str,
    query: &'static [&'static str],
    cookie: &'static [&'static str],
    header: &'static str,
}

const fn format(
    name: &'static str,
    lines: &'static str,
    names: &'static [&'static str],
    header: &'static str,
) -> Format {
    Format {
        name,
        lines,
        query: names,
        cookie: names,
        header,
    }
}

const FORMATS: &[Format] = &[
    format(
        "scalesimple",
        "key file=key;",
        &["ss_token", "ss_expiration"],
        "X-SS-Token",
    ),
    format(
        "secure_link",
        "key file=key; message \"{expires}$uri {key}\";",
        &["md5", "expires"],
        "X-Secure-Link",
    ),
    format(
        "hmac",
        "key file=key; message \"{expires}|$uri\";",
        &["token", "expires"],
        "X-Token",
    ),
    format("edgeauth", "key file=key;", &["__token__"], "X-Token"),
    format(
        "cloudflare",
        "key file=key; lifetime 3h;",
        &["verify"],
        "X-Token",
    ),
    format("fastly", "key file=key;", &["token"], "X-Token"),
    format("bunny", "key file=key;", &["token", "expires"], "X-Token"),
    format("keycdn", "key file=key;", &["token", "expire"], "X-Token"),
    format("cdn77", "key file=key;", &["secure"], "X-Token"),
    format(
        "secdownload",
        "key file=key; algorithm hmac-sha256; lifetime 60s; from query cookie header;",
        &["token"],
        "X-Token",
    ),
    Format {
        cookie: &["Cloud-CDN-Cookie"],
        ..format(
            "gcp_cdn",
            "key id=k file=key; origin https://cdn.test;",
            &["Signature", "Expires", "KeyName", "URLPrefix"],
            "X-Token",
        )
    },
    Format {
        cookie: &["Edge-Cache-Cookie"],
        ..format(
            "gcp_media",
            "key file=key; origin https://cdn.test;",
            &["edge-cache-token"],
            "X-Token",
        )
    },
    Format {
        cookie: &[
            "CloudFront-Signature",
            "CloudFront-Policy",
            "CloudFront-Key-Pair-Id",
        ],
        ..format(
            "cloudfront",
            "key id=k file=rsa.pem; origin https://cdn.test;",
            &["Signature", "Policy", "Key-Pair-Id"],
            "X-Token",
        )
    },
    format(
        "jwt",
        "key file=key; from query=jwt cookie=jwt header;",
        &["jwt"],
        "Authorization",
    ),
    Format {
        cookie: &["Common-Access-Token"],
        ..format("cat", "key file=key;", &["CAT"], "Common-Access-Token")
    },
];

/// What no format says of its own accord.
const STATUS: u16 = 469;
/// How many requests are there at a time.
const HELD: usize = 24;
/// What is bounded beside the request: a record, and the line that is logged.
const BESIDE: usize = 8 * 1024;

pub(super) fn run(env: &Env) -> Result<(), String> {
    let (backend, came) = silent()?;
    let mut conf = format!(
        "worker_processes 1;
        events {{ worker_connections 512; }}
        http {{
            access_log off;
            large_client_header_buffers 4 128k;
            token_auth_status default={STATUS};
            token_auth_log_level info;
            "
    );
    let mut places = format!(
        "location /held/base/ {{ proxy_pass http://127.0.0.1:{}; }}",
        backend
    );
    for Format { name, lines, .. } in FORMATS {
        conf += &format!("token_profile {name} {{ format {name}; {lines} }}\n");
        places += &format!(
            "location /{name}/ {{ token_auth {name}; root html; }}
            location /held/{name}/ {{ token_auth {name}; token_auth_dry_run on; proxy_pass http://127.0.0.1:{}; }}\n",
            backend
        );
    }
    conf += &format!("server {{ listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; {places} }} }}");
    let rsa = env.base.join("t/data/keys/rsa.pub.pem");
    let rsa = std::fs::read(&rsa).map_err(|e| format!("{}: {e}", rsa.display()))?;
    let server = Setup::new(env)?
        .file(
            "conf/key",
            b"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        )?
        .file("conf/rsa.pem", &rsa)?
        .start(&conf)?;
    let mut most = (0.0, String::new());
    for (what, wrong) in wrong_values() {
        // The names of another format make the request hardly longer.
        let base = FORMATS
            .first()
            .map(|format| wrong.request(format, "held/base"));
        let base = held(&server, &came, &base.unwrap_or_default());
        let base = base.map_err(|error| format!("{what}: {error}"))?;
        for format in FORMATS {
            let label = format!("{}: {what}", format.name);
            let labelled = |error| format!("{label}: {error}");
            refused(&server, &wrong.request(format, format.name)).map_err(labelled)?;
            let request = wrong.request(format, &format!("held/{}", format.name));
            let taken = held(&server, &came, &request).map_err(labelled)?;
            let more = taken.saturating_sub(base) / HELD;
            let len = request.len();
            if more > len * 10 + BESIDE {
                return Err(format!("{label}: {more} bytes for a request of {len}"));
            }
            let times = more as f64 / len as f64;
            if times > most.0 && more > BESIDE {
                most = (times, format!("{label}, {len} bytes, {more} more"));
            }
        }
    }
    println!(
        "# most memory, of its request's bytes: {:.1} ({})",
        most.0, most.1
    );
    server.stop()
}

/// The parts of a request that is wrong in one way.
#[derive(Default)]
struct Wrong {
    /// The value of the first argument, cookie and header.
    token: Vec<u8>,
    /// The value of the others.
    other: Vec<u8>,
    /// Comes before the token's cookies.
    cookies: Vec<u8>,
    /// How often all of it comes.
    times: usize,
    /// Whether it is so long that only a cookie takes it.
    only_cookie: bool,
}

impl Wrong {
    fn of(token: impl Into<Vec<u8>>) -> Wrong {
        Wrong {
            token: token.into(),
            other: b"4000000000".to_vec(),
            times: 1,
            ..Wrong::default()
        }
    }

    fn request(&self, format: &Format, folder: &str) -> Vec<u8> {
        let pairs = |names: &[&str], between: &[u8]| {
            let pair = |at: usize, name: &str| {
                let value = if at == 0 { &self.token } else { &self.other };
                [name.as_bytes(), b"=", value].concat()
            };
            let once = names.iter().enumerate().map(|(at, name)| pair(at, name));
            let once: Vec<_> = once.collect();
            let all = std::iter::repeat_n(once, self.times).flatten();
            all.collect::<Vec<_>>().join(between)
        };
        let mut request = format!("GET /{folder}/v").into_bytes();
        if !self.only_cookie {
            request.push(b'?');
            request.extend(pairs(format.query, b"&"));
        }
        request.extend(b" HTTP/1.1\r\nHost: cdn.test\r\nCookie: ");
        request.extend(&self.cookies);
        request.extend(pairs(format.cookie, b"; "));
        if !self.only_cookie {
            request.extend(format!("\r\n{}: ", format.header).bytes());
            if format.header == "Authorization" {
                request.extend(b"Bearer ");
            }
            request.extend(&self.token);
        }
        request.extend(b"\r\n\r\n");
        request
    }
}

fn wrong_values() -> BTreeMap<&'static str, Wrong> {
    let deep = |byte: u8| BASE64URL_NOPAD.encode(&vec![byte; 6000]);
    let deep_json = deep(b'[');
    let nines = "9".repeat(400);
    BTreeMap::from([
        ("8 KiB", Wrong::of("a".repeat(8192))),
        ("8 KiB, escaped", Wrong::of("%41".repeat(2730))),
        (
            "a cookie of 64 KiB",
            Wrong {
                only_cookie: true,
                ..Wrong::of("a".repeat(64_000))
            },
        ),
        (
            "64 KiB of cookies",
            Wrong {
                only_cookie: true,
                cookies: b"k=v; ".repeat(12_000),
                ..Wrong::of("a")
            },
        ),
        (
            "one that comes 1,000 times",
            Wrong {
                times: 1000,
                ..Wrong::of("abc")
            },
        ),
        ("NUL", Wrong::of("%00".repeat(32))),
        ("bad UTF-8", Wrong::of(&b"\xff\xfe\xc0\x80\xed\xa0\x80"[..])),
        (
            "huge numbers",
            Wrong {
                other: nines.clone().into_bytes(),
                ..Wrong::of(format!("{nines}_{nines},{nines}-{nines}~exp={nines}"))
            },
        ),
        (
            "deep JSON",
            Wrong::of(format!("{deep_json}.{deep_json}.{deep_json}")),
        ),
        ("deep JSON alone", Wrong::of(deep_json.clone())),
        ("deep CBOR", Wrong::of(deep(0x81))),
        (
            "long CBOR",
            Wrong::of(BASE64URL_NOPAD.encode(&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255])),
        ),
        ("tilde, many fields", Wrong::of("a=1~".repeat(2000))),
    ])
}

/// The answer is the configured one.
fn refused(server: &Server, request: &[u8]) -> Result<(), String> {
    let closing = request.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    let answer = server.raw(&closing)?;
    let line = answer.lines().next().unwrap_or_default();
    let wanted = format!("HTTP/1.1 {STATUS} ");
    match line.starts_with(wanted.as_bytes()) {
        true => Ok(()),
        false => Err(format!("{}", line.as_bstr())),
    }
}

/// What a fresh worker takes, in bytes, while so many requests of one kind wait for their backend.
fn held(server: &Server, came: &AtomicUsize, request: &[u8]) -> Result<usize, String> {
    server.reload()?;
    let worker = *server.worker_pids().first().ok_or("no worker")?;
    let before = private_memory(worker)?;
    let already = came.load(Ordering::SeqCst);
    let mut clients = Vec::new();
    for _ in 0..HELD {
        let client = TcpStream::connect(("127.0.0.1", server.port(0)));
        let mut client = client.map_err(|e| format!("cannot connect: {e}"))?;
        client.write_all(request).map_err(|e| e.to_string())?;
        clients.push(client);
    }
    let all = || (came.load(Ordering::SeqCst) >= already + HELD).then_some(());
    poll::until(Duration::from_secs(10), all).ok_or("not all reached the backend")?;
    Ok(private_memory(worker)?.saturating_sub(before))
}
