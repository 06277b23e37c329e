//! Keys of routes that change while requests are judged by them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

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
