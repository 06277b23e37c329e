//! What a request goes by while the routes of its tenant change: the key, and the values of its variables.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup, request_to};

const CONF: &str = "
worker_processes 2;
http {
    access_log off;
    error_log logs/error.log crit;
    upstream_table sites { zone 1m; file sites.json reload=20ms; }
    token_profile t { format scalesimple; key table=sites name=token; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / { token_auth t; root html; }
    }
}";

/// ScaleSimple tokens for `/v` until 4000000000, by their key.
const TOKENS: [(&str, &str); 3] = [
    ("alpha", "8e12e9e979d66eb13e90de8f56b859f4"),
    ("omega", "b207e4b02f755e70b91226256503d038"),
    ("other", "e4d477aea7b20e89a50b76ec439dbccf"),
];

const ROUNDS: usize = 20;
const SOON: Duration = Duration::from_secs(5);

/// The routes while `a.test` has this key. Around it the table moves: routes come and go, and keys change their size.
fn sites(key: &str, round: usize) -> Vec<u8> {
    let filler = "x".repeat(round.wrapping_mul(37) % 800);
    let others = (0..round % 5).map(|n| {
        format!(
            r#""h{n}.test": {{"backends": [], "keys": {{"token": "other", "more": "{filler}"}}}}, "#
        )
    });
    let others: String = others.collect();
    format!(
        r#"{{{others}"a.test": {{"backends": [], "vars": {{"round": "{round}"}}, "keys": {{"more": "{filler}", "token": "{key}"}}}},
            "b.test": {{"backends": [], "keys": {{"token": "other"}}}}}}"#
    )
    .into_bytes()
}

/// The status for a token of this key.
fn ask(port: u16, host: &str, key: &str) -> Result<u16, String> {
    let token = TOKENS.iter().find(|row| row.0 == key).map(|row| row.1);
    let token = token.ok_or("no such key")?;
    let request = format!("GET /v?ss_token={token}&ss_expiration=4000000000");
    let response = request_to(port, &request, &format!("Host: {host}"))?;
    Ok(response.status)
}

/// The neighbour's key never opens, its own always does, and of the two keys that come in turn one does.
pub(super) fn keys_change(env: &Env) -> Result<(), String> {
    let mut server = Setup::new(env)?
        .file("html/v", b"shown\n")?
        .file("conf/sites.json", &sites("alpha", 0))?
        .start(CONF)?;
    let (port, done) = (server.port(0), AtomicBool::new(false));
    let judged = thread::scope(|scope| {
        let client = || {
            let mut asked = 0_usize;
            while !done.load(Ordering::Relaxed) {
                for (host, key, wanted) in [
                    ("a.test", "other", [403, 403]),
                    ("a.test", "alpha", [200, 403]),
                    ("b.test", "other", [200, 200]),
                    ("b.test", "alpha", [403, 403]),
                ] {
                    let status = ask(port, host, key)?;
                    if !wanted.contains(&status) {
                        return Err(format!("{host} answers {status} to the key {key}"));
                    }
                    asked = asked.saturating_add(1);
                }
            }
            Ok(asked)
        };
        let clients = [(); 2].map(|()| scope.spawn(client));
        let changed = (1..=ROUNDS).try_for_each(|round| change(&mut server, round));
        done.store(true, Ordering::Relaxed);
        let judged =
            clients.map(|client| client.join().map_err(|_| "a client panicked".to_owned()));
        changed?;
        judged.into_iter().try_fold(0_usize, |sum, one| {
            Ok::<_, String>(sum.saturating_add(one??))
        })
    })?;
    if judged < ROUNDS {
        return Err(format!("only {judged} requests were judged"));
    }
    server.stop()
}

/// Gives `a.test` its other key, and waits until it opens and the one before does not.
fn change(server: &mut Server, round: usize) -> Result<(), String> {
    let (now, before) = if round % 2 == 0 {
        ("alpha", "omega")
    } else {
        ("omega", "alpha")
    };
    server.write_file("conf/sites.json", &sites(now, round))?;
    // In the middle also a reload: new workers read the same table.
    if round == ROUNDS / 2 {
        server.reload()?;
    }
    let port = server.port(0);
    let changed = || {
        let opens = ask(port, "a.test", now) == Ok(200) && ask(port, "a.test", before) == Ok(403);
        opens.then_some(())
    };
    poll::until(SOON, changed).ok_or_else(|| format!("round {round}: the key did not change"))
}

const VARIABLES: &str = "
http {
    upstream_table sites { zone 1m; file sites.json reload=20ms; }
    upstream_variable $token sites $host token default=none;
    upstream_variable $plan sites $host plan default=none;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / {
            set $first $token;
            proxy_set_header X-First $first;
            proxy_set_header X-Second $token-$plan;
            proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
        }
        location = /now { return 200 $token-$plan; }
    }
}";

const SLOW: &[u8] = b"POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// All variables of a request come from the route as it was when the first one was read, however long the request
/// takes; the next request reads the new one.
pub(super) fn one_version(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let vars = |value: &str| {
        format!(
            r#"{{"a.test": {{"backends": [], "vars": {{"token": "{value}", "plan": "{value}"}}}}}}"#
        )
    };
    let server = Setup::new(env)?
        .name("PORT_A", &a.port().to_string())
        .file("conf/sites.json", vars("old").as_bytes())?
        .start(VARIABLES)?;
    let text = |e: std::io::Error| e.to_string();
    let mut slow = TcpStream::connect(("127.0.0.1", server.port(0))).map_err(text)?;
    slow.set_read_timeout(Some(SOON)).map_err(text)?;
    slow.write_all(SLOW).map_err(text)?;
    // nginx asks for the body when it has come to the proxy.
    let mut asked = [0; CONTINUE.len()];
    slow.read_exact(&mut asked).map_err(text)?;
    if asked != CONTINUE {
        return Err(String::from_utf8_lossy(&asked).into_owned());
    }
    let shows = |value: &str| {
        let wanted = format!("{value}-{value}");
        let answer = server.get("/now", "Host: a.test");
        answer.is_ok_and(|r| r.text() == wanted).then_some(())
    };
    server.write_file("conf/sites.json", vars("new").as_bytes())?;
    poll::until(SOON, || shows("new")).ok_or("the new routes are not there")?;
    slow.write_all(b"xx").map_err(text)?;
    let mut answer = String::new();
    slow.read_to_string(&mut answer).map_err(text)?;
    // nginx waits for the client's end, too.
    drop(slow);
    for line in ["X-First: old", "X-Second: old-old"] {
        if !answer.contains(line) {
            return Err(format!("no `{line}` in:\n{answer}"));
        }
    }
    server.stop()
}

const COUNTRIES: &str = "
worker_processes 2;
http {
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    geoip_policy anywhere { }
    geoip_policy eu { allow eu=yes; deny all; status 451; }
    upstream_table sites { zone 1m; file sites.json reload=20ms; }
    upstream_variable $geo sites $host geo default=eu;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / { geoip_use $geo; root html; }
    }
}";

/// Each host has the country rules that its route says, from one moment to the next; what names no policy opens nothing.
/// The client, 127.0.0.1, is in Japan.
pub(super) fn countries_change(env: &Env) -> Result<(), String> {
    let routes = |geo: &str| {
        let a = format!(r#""a.test": {{"backends": [], "vars": {{"geo": "{geo}"}}}}"#);
        format!(r#"{{{a}, "b.test": {{"backends": [], "vars": {{"geo": "anywhere"}}}}, "c.test": {{"backends": []}}}}"#).into_bytes()
    };
    let mut server = Setup::new(env)?
        .file("html/v", b"shown\n")?
        .file("conf/sites.json", &routes("anywhere"))?
        .start(COUNTRIES)?;
    server.allow("unknown geoip_policy");
    let neighbours = [("b.test", 200), ("c.test", 451), ("none.test", 451)];
    for (geo, wanted) in [
        ("anywhere", 200),
        ("eu", 451),
        ("off", 500),
        ("anywhere", 200),
        ("", 500),
        ("gone", 500),
        ("eu", 451),
    ] {
        server.write_file("conf/sites.json", &routes(geo))?;
        let status = |host: &str| {
            let answer = server.get("/v", &format!("Host: {host}"));
            answer.map_or(0, |answer| answer.status)
        };
        let is_so = || (status("a.test") == wanted).then_some(());
        poll::until(SOON, is_so)
            .ok_or_else(|| format!("{geo:?}: {}, not {wanted}", status("a.test")))?;
        for (host, wanted) in neighbours {
            if status(host) != wanted {
                return Err(format!("{host} beside {geo:?}: {}", status(host)));
            }
        }
    }
    server.stop()
}
