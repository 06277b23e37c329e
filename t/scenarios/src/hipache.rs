//! What the tests of hipache and planb promise, with a real Redis (functional/http.js, test_*.py, router_test.go).

use std::collections::BTreeSet;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::Server;

use crate::redis_server::Redis;
use crate::redis_site::{SOON, answer, expect_answer, start, url, wait_answer};

/// As the page about hipache shows it.
const CONF: &str = "
http {
    upstream_table apps { zone 16m; redis 127.0.0.1:REDIS; miss 400; passive fails=1 window=30s; }
    upstream backend { upstream_lookup apps $http_host; keepalive 64; }
    access_log off;
    client_max_body_size 0;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection \"\";
            proxy_next_upstream error timeout http_502 http_504;
            proxy_next_upstream_tries 3;
            proxy_request_buffering off;
        }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        server_name __ping__;
        location / { return 200 ok; }
    }
}";

struct Site {
    redis: Redis,
    server: Server,
    one: Backend,
}

impl Site {
    fn start(env: &Env) -> Result<Self, String> {
        let redis = Redis::start(&[])?;
        let one = Backend::http("one")?;
        redis.route("ready", &[&url(one.port())])?;
        let conf = CONF.replace("REDIS", &redis.port().to_string());
        let server = start(env, &conf)?;
        wait_answer(&server, "ready", "one")?;
        Ok(Self { redis, server, one })
    }

    /// Makes routes to the one backend and waits for the last of them.
    fn routes(&self, hosts: &[&str]) -> Result<(), String> {
        for host in hosts {
            self.redis.route(host, &[&url(self.one.port())])?;
        }
        self.redis.route("last", &[&url(self.one.port())])?;
        wait_answer(&self.server, "last", "one")?;
        self.redis.ask(&["DEL", "frontend:last"])?;
        wait_answer(&self.server, "last", "400")
    }

    fn forget(&self) -> Result<(), String> {
        self.redis.ask(&["FLUSHALL"])?;
        wait_answer(&self.server, "ready", "400")?;
        self.redis.route("ready", &[&url(self.one.port())])?;
        wait_answer(&self.server, "ready", "one")
    }

    fn answers(&self, expected: &[(&str, &str)]) -> Result<(), String> {
        expected
            .iter()
            .try_for_each(|(host, wanted)| expect_answer(&self.server, host, wanted))
    }
}

/// Hosts and wildcards.
pub(super) fn matching(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let long = "aaa.bbb.ccc.ddd.eee.fff.ggg.hhh.iii.jjj.kkk.lll.mmm";
    site.routes(&["foo.bar.com", long, "foo"])?;
    site.answers(&[
        ("foo.bar.com", "one"),
        (long, "one"),
        ("foo", "one"),
        ("unknown", "400"),
        // Here, unlike there, also without a port.
        ("FOO.bar.com", "one"),
        ("foo.bar.com:80", "one"),
        ("foo.bar.com.", "one"),
    ])?;
    for method in ["HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH"] {
        let response = site.server.request(
            &format!("{method} /"),
            "Host: foo.bar.com\r\nContent-Length: 0",
        )?;
        if response.header("X-Backend").as_deref() != Some("one") {
            return Err(format!("{method}: {response:?}"));
        }
    }
    // nginx never passes TRACE on.
    let trace = site.server.request("TRACE /", "Host: foo.bar.com")?;
    if trace.status != 405 {
        return Err(format!("TRACE: {}", trace.status));
    }
    // planb's key with a port is refused, and the one without it serves all ports.
    site.redis.route("foo.bar.com:8080", &[&url(1)])?;
    let text = r#"key "frontend:foo.bar.com:8080": "#;
    site.server.wait_log(text, SOON)?;
    site.answers(&[("foo.bar.com:8080", "one")])?;
    site.forget()?;
    site.routes(&["*.foo.bar"])?;
    site.answers(&[
        ("test.foo.bar", "one"),
        ("pipo.foo.bar", "one"),
        ("foo.bar", "400"),
    ])?;
    site.forget()?;
    site.routes(&["*.foo"])?;
    site.answers(&[("test.foo", "one"), ("a.b.foo", "one"), ("foo", "400")])?;
    site.forget()?;

    // Exact, then the longest wildcard, then shorter ones, then `*`.
    let backends: Result<Vec<Backend>, String> = ["exact", "long", "short", "any"]
        .iter()
        .map(|name| Backend::http(name))
        .collect();
    let backends = backends?;
    let keys = ["a.b.c.d", "*.b.c.d", "*.c.d", "*"];
    for (key, backend) in keys.iter().zip(&backends) {
        site.redis.route(key, &[&url(backend.port())])?;
    }
    wait_answer(&site.server, "other", "any")?;
    site.answers(&[
        ("a.b.c.d", "exact"),
        ("x.b.c.d", "long"),
        ("x.y.b.c.d", "long"),
        ("b.c.d", "short"),
        ("c.d", "any"),
    ])?;
    // The deepest wildcards match here, too.
    site.redis
        .route("*.b.c.d.e.f.g.h", &[&url(site.one.port())])?;
    wait_answer(&site.server, "a.b.c.d.e.f.g.h", "one")?;
    site.server.stop()
}

/// No host, the ping, odd URLs, broken answers.
pub(super) fn odd_requests(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let server = &site.server;
    let raw = |request: &str| -> Result<String, String> {
        let bytes = server.raw(request.as_bytes())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let without = raw("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")?;
    if !without.starts_with("HTTP/1.1 400 ") {
        return Err(format!("without a host: {without}"));
    }
    let ping = server.get("/", "Host: __ping__")?;
    if ping.text() != "ok" {
        return Err(format!("__ping__: {ping:?}"));
    }
    let odd = raw("GET /pipo&%$#(PIPO HTTP/1.1\r\nHost: ready\r\nConnection: close\r\n\r\n")?;
    // nginx refuses `%$`, as RFC 3986 has it; the same without it passes as it is.
    let passed = raw("GET /pipo&$(PIPO HTTP/1.1\r\nHost: ready\r\nConnection: close\r\n\r\n")?;
    if !odd.starts_with("HTTP/1.1 400 ") || !passed.contains("GET /pipo&$(PIPO HTTP/1.1") {
        return Err(format!("odd URLs: {odd} {passed}"));
    }
    // An answer that ends too early is an error for its client, and for nobody else.
    let short =
        server.raw(b"GET /truncated HTTP/1.1\r\nHost: ready\r\nConnection: close\r\n\r\n")?;
    if !String::from_utf8_lossy(&short).contains("HTTP/1.1 200") {
        return Err("a short answer does not begin".into());
    }
    expect_answer(server, "ready", "one")?;
    let body = "x".repeat(3_000_000);
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: ready\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let came = server.raw(chunked.as_bytes())?;
    if came.len() < body.len() {
        return Err(format!("a large body came back as {} bytes", came.len()));
    }
    site.server.stop()
}

/// Several backends, some of which fail, and marks of other proxies.
pub(super) fn backends(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let (server, redis) = (&site.server, &site.redis);
    let (two, three) = (Backend::http("two")?, Backend::http("three")?);
    let urls = [url(site.one.port()), url(two.port()), url(three.port())];
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    redis.route("three.test", &urls)?;
    wait_not(server, "three.test", "400")?;
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        seen.insert(answer(server, "three.test")?);
    }
    let all: BTreeSet<String> = ["one", "two", "three"].map(str::to_owned).into();
    if seen != all {
        return Err(format!("of three backends only {seen:?} answer"));
    }
    // hipache and hchecker mark backends by their place.
    for place in ["0", "2"] {
        redis.ask(&["SADD", "dead:three.test", place])?;
    }
    redis.ask(&["PEXPIRE", "dead:three.test", "2000"])?;
    let only_two = || {
        let all = (0..6).all(|_| answer(server, "three.test").is_ok_and(|came| came == "two"));
        all.then_some(())
    };
    poll::until(SOON, only_two).ok_or("marks in dead: are not honoured")?;
    wait_answer(server, "three.test", "one")?;

    // Nobody listens on one of two: no client sees that.
    redis.route("half.test", &["http://127.0.0.1:1", &url(two.port())])?;
    wait_answer(server, "half.test", "two")?;
    for _ in 0..10 {
        expect_answer(server, "half.test", "two")?;
    }
    // A list without URLs, and one with nothing but nonsense, is known and has no backend.
    redis.ask(&["RPUSH", "frontend:none.test", "none"])?;
    wait_answer(server, "none.test", "502")?;
    redis.route("bad.test", &["nonsense", "http://127.0.0.1:70000"])?;
    wait_answer(server, "bad.test", "502")?;
    // Each URL of the schema's odd spellings is a backend.
    let spelled = format!("http://127.0.0.1:{}/some/path?x#weight=2", site.one.port());
    redis.route("path.test", &[&spelled])?;
    wait_answer(server, "path.test", "one")?;
    site.server.stop()
}

fn wait_not(server: &Server, host: &str, unwanted: &str) -> Result<(), String> {
    let shows = || {
        answer(server, host)
            .is_ok_and(|came| came != unwanted)
            .then_some(())
    };
    poll::until(SOON, shows).ok_or_else(|| format!("{host} stays {unwanted}"))
}

/// Keys and lists that no proxy can use: a line each, and nothing else is hurt.
pub(super) fn wrong_input(env: &Env) -> Result<(), String> {
    let site = Site::start(env)?;
    let (server, redis) = (&site.server, &site.redis);
    let long_key = format!("frontend:{}", "k".repeat(4096));
    let many: Vec<String> = (1..=300).map(|n| format!("http://10.0.0.1:{n}")).collect();
    let huge = "x".repeat(10_000_000);
    let mut words = vec!["RPUSH", "frontend:many.test", "many"];
    words.extend(many.iter().map(String::as_str));
    redis.ask(&words)?;
    for words in [
        &["RPUSH", &long_key, "x", "http://127.0.0.1:1"][..],
        &["RPUSH", "frontend:nul.test\0", "x", "http://127.0.0.1:1"],
        &["RPUSH", "frontend:Big.test", "x", "http://127.0.0.1:1"],
        &["RPUSH", "frontend:", "x"],
        &["RPUSH", "frontend:huge.test", "x", &huge],
        &[
            "RPUSH",
            "frontend:line.test",
            "x",
            "http://a\n[emerg] forged",
        ],
        &["SET", "frontend:string.test", "x"],
        &["SET", "dead:ready", "x"],
        &["SADD", "dead:huge.test", "999999999999999999999", "-1", "x"],
    ] {
        redis.ask(words)?;
    }
    redis.route("after.test", &[&url(site.one.port())])?;
    wait_answer(server, "after.test", "one")?;
    for text in [
        r#"key "frontend:k{100,200}": key too long"#,
        r"key .frontend:nul\.test.x00.: invalid host name",
        r#"key "frontend:Big.test": host is to be written "big.test""#,
        r#"key "frontend:": empty key"#,
        r#"key "frontend:huge.test": list is too long, the route is left out"#,
        r"invalid host in backend .http://a.x0A\[emerg\] forged. at element 1, left out",
        r#"key "frontend:string.test": WRONGTYPE .*, the route is left out"#,
        r#"key "frontend:many.test": more than 256 backends at element 257, left out"#,
    ] {
        server.wait_log(text, SOON)?;
    }
    expect_answer(server, "ready", "one")?;
    for host in ["huge.test", "string.test"] {
        expect_answer(server, host, "400")?;
    }
    site.server.stop()
}
