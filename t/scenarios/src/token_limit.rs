//! `limit` over the life of workers: counts are those of all together, and stay when workers come and go.

use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};
use std::time::Duration;

const USES: u64 = 20_000;
const FEW: u64 = 50;
/// Links to `/v`, `/w` and `/x` until 2096, of the key `key-one` (t/token.t says how they are made).
const V: &str = "/v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000";
const W: &str = "/w?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000";
const X: &str = "/x?ss_token=3818733f5e3a486b2947eaddeddc757c&ss_expiration=4000000000";

fn conf(limit: &str) -> String {
    format!(
        "worker_processes 2;
        http {{
            access_log off;
            token_profile p {{ format scalesimple; key file=key; limit {limit}; }}
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location / {{ token_auth p; token_auth_log_level info; return 404; }}
                location = /v {{ token_auth p; token_auth_log_level info; try_files /ok =500; }}
                location = /w {{ token_auth p; token_auth_log_level info; try_files /ok =500; }}
                location = /x {{ token_auth p; token_auth_log_level info; try_files /ok =500; }}
            }}
        }}"
    )
}

fn usual() -> String {
    conf(&format!("uses={USES} zone=64k"))
}

pub(super) fn run(env: &Env) -> Result<(), String> {
    let mut server = Setup::new(env)?
        .file("conf/key", b"key-one\n")?
        .file("html/ok", b"ok\n")?
        .start(&usual())?;
    exactly(&server, V, 2)?;
    resized(&server)?;
    server.write_conf(&usual())?;
    server.reload()?;
    killed(&mut server)?;
    server.stop()
}

/// Until its uses are over, with reloads in between.
fn exactly(server: &Server, link: &str, reloads: usize) -> Result<(), String> {
    let load = Load::start(server.port(0), link, "", 4, 200);
    for _ in 0..reloads {
        load.wait_good(30)?;
        server.reload()?;
    }
    let over = poll::until(Duration::from_secs(20), || {
        (load.tally().bad >= 50).then_some(())
    });
    let tally = load.stop();
    over.ok_or_else(|| format!("never over: {tally:?}"))?;
    match tally.good {
        USES => Ok(()),
        other => Err(format!("{other} requests were let in, not {USES}")),
    }
}

/// Other sizes of the zone and of its entries take over what was counted.
fn resized(server: &Server) -> Result<(), String> {
    for _ in 0..FEW {
        expect(server, W, 200)?;
    }
    for limit in ["zone=1m", "addresses=20 zone=1m", "addresses=20 zone=48k"] {
        server.write_conf(&conf(&format!("uses={FEW} {limit}")))?;
        server.reload()?;
        expect(server, W, 429)?;
        expect(server, V, 429)?;
    }
    Ok(())
}

/// A worker that is killed leaves nobody waiting, and nothing that was counted is forgotten.
fn killed(server: &mut Server) -> Result<(), String> {
    let load = Load::start(server.port(0), X, "", 4, 200);
    for _ in 0..4 {
        load.wait_good(20)?;
        server.kill_worker()?;
    }
    let over = poll::until(Duration::from_secs(20), || {
        (load.tally().bad >= 1000).then_some(())
    });
    let tally = load.stop();
    over.ok_or_else(|| format!("never over: {tally:?}"))?;
    // Each kill may cost the requests in flight, which count.
    if !(USES.saturating_sub(40)..=USES).contains(&tally.good) {
        return Err(format!("{} requests were let in, of {USES}", tally.good));
    }
    expect(server, V, 429)
}

fn expect(server: &Server, link: &str, status: u16) -> Result<(), String> {
    let found = server.get(link, "")?.status;
    match found == status {
        true => Ok(()),
        false => Err(format!("{link}: {found}, not {status}")),
    }
}
