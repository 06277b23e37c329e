//! A large database that is replaced again and again under load: no request fails, and memory stays as it is.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

use crate::geoip::{CONF, NEW, OLD, data, padded, private_memory, stop_load, wait_for};
use crate::interop_tokens::gatehouse;

/// Networks and swaps in CI; `GATEHOUSE_SWAPS=200` makes it 300,000 networks.
const NETWORKS: u32 = 20_000;
const MANY_NETWORKS: u32 = 300_000;
const SWAPS: usize = 4;

/// What a worker may have of its own above one that has no database, and what it may grow by.
const MOST_OWN: usize = 2 << 20;
const MOST_GROWTH: usize = 1 << 20;

/// What all processes may have together above those without a database, each shared page counted once: beside the file
/// what is worked out of its records, of which each network here has its own. Also after replacements: the slot of the
/// database before has no memory when it has not been in use for a while.
fn most_together(file: usize) -> usize {
    (file + file / 5).saturating_add(2_000_000)
}

const STOCK: &str = r#"worker_processes 2;
http { server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; location = /t { empty_gif; } } }"#;

/// Alternates between two databases that agree on everybody but the client.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let asked = std::env::var("GATEHOUSE_SWAPS").ok();
    let asked: Option<usize> = asked.and_then(|number| number.parse().ok());
    let networks = asked.map_or(NETWORKS, |_| MANY_NETWORKS);
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let files = [OLD, NEW].map(|country| make(folder.path(), country, networks));
    let [old, new] = files;
    let (old, new) = (old?, new?);
    let (stock, stock_together) = stock_memory(env)?;
    let server = Setup::new(env)?
        .file("conf/geo.mmdb", &old)?
        .file("conf/other.mmdb", &data(env, "geo.mmdb")?)?
        .start(CONF)?;
    wait_long(&server, OLD)?;
    let load = Load::start(server.port(0), "/t", "", 2, 200);
    load.wait_good(50)?;
    let most_together = most_together(old.len()).saturating_add(stock_together);
    let together = together_at_rest(&server, most_together)?;
    let begin = Instant::now();
    let mut settled = 0;
    let swaps = asked.unwrap_or(SWAPS).max(2);
    for swap in 0..swaps {
        let (bytes, country) = if swap % 2 == 0 {
            (&new, NEW)
        } else {
            (&old, OLD)
        };
        server.write_file("conf/geo.mmdb", bytes)?;
        wait_long(&server, country)?;
        if swap == 1 {
            settled = at_rest(&server, usize::MAX)?;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let tally = load.tally();
    stop_load(load)?;
    let most = settled
        .saturating_add(MOST_GROWTH)
        .min(stock.saturating_add(MOST_OWN));
    let last = at_rest(&server, most)?;
    let together_last = together_at_rest(&server, most_together)?;
    println!(
        "# {swaps} swaps of {networks} networks ({} KiB) in {seconds:.0} s, {} requests, none failed; a worker's own memory: \
         {} KiB, {} KiB after the second swap, {} KiB without a database; all processes together, above those without: {} KiB \
         before the first swap, {} KiB after the last",
        old.len() >> 10,
        tally.good,
        last >> 10,
        settled >> 10,
        stock >> 10,
        together.saturating_sub(stock_together) >> 10,
        together_last.saturating_sub(stock_together) >> 10
    );
    if last > most {
        return Err(format!(
            "a worker has {last} bytes of its own, {settled} after the second swap, {stock} without a database"
        ));
    }
    if together.max(together_last) > most_together {
        return Err(format!(
            "all processes have {together} bytes, {together_last} after the last swap, {stock_together} without a database, \
             whose file has {}",
            old.len()
        ));
    }
    server.stop()
}

/// Whatever comes between a replacement and the end of the database before, that one's memory is given back: the leader is
/// killed, nginx is reloaded, with the same file or another one, the next replacement begins at once.
pub(super) fn idle_slot(env: &Env) -> Result<(), String> {
    const SIZE: usize = 24 << 20;
    let old = padded(&data(env, "geo.mmdb")?, SIZE)?;
    let new = padded(&data(env, "geo2.mmdb")?, SIZE)?;
    let mut server = Setup::new(env)?
        .file("conf/geo.mmdb", &old)?
        .file("conf/other.mmdb", &data(env, "geo.mmdb")?)?
        .start(CONF)?;
    wait_for(&server, 0, OLD)?;
    // What the master has written into the zone is nobody's before it is read.
    let most = stock_memory(env)?
        .1
        .saturating_add(most_together(old.len()));
    type Between = fn(&mut Server) -> Result<(), String>;
    let kinds: [(&str, Between); 4] = [
        ("nothing", |_| Ok(())),
        ("a reload", |server| server.reload()),
        ("the end of each worker", |server| {
            server.kill_worker()?;
            server.kill_worker()
        }),
        ("two replacements", |server| {
            let file = |name: &str| fs::read(server.root().join(name)).map_err(|e| e.to_string());
            let newest = file("conf/geo.mmdb")?;
            server.write_file("conf/geo.mmdb", &file("conf/other.mmdb")?)?;
            wait_long(server, OLD)?;
            server.write_file("conf/geo.mmdb", &newest)
        }),
    ];
    let mut answers = [(&new, NEW), (&old, OLD)].into_iter().cycle();
    for (what, between) in kinds {
        for with_reload in [false, true] {
            let (bytes, country) = answers.next().ok_or("no database")?;
            let load = Load::start(server.port(0), "/t", "", 2, 200);
            load.wait_good(50)?;
            server.write_file("conf/geo.mmdb", bytes)?;
            if with_reload {
                server.reload()?;
            }
            wait_long(&server, country)?;
            between(&mut server)?;
            wait_long(&server, country)?;
            // Of a worker that is killed some are lost.
            let _ = load.stop();
            let together = together_at_rest(&server, most)?;
            if together > most {
                return Err(format!(
                    "after a replacement (with a reload: {with_reload}) and {what} all processes have {together} bytes, \
                     {most} at most are right: {:?}",
                    shares(&server)?
                ));
            }
        }
    }
    server.stop()
}

/// Bytes of memory of all processes, a page that several share counted once; without that of programs and libraries, of
/// which other programs on this machine have their share.
fn all_together(server: &Server) -> Result<usize, String> {
    Ok(shares(server)?.into_iter().map(|(_, share)| share).sum())
}

/// The same of each process.
fn shares(server: &Server) -> Result<Vec<(u32, usize)>, String> {
    let share = |pid: u32| {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
        let kib = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let number =
                line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
            number.ok_or(format!("{path}: no {name}"))
        };
        let all = kib("Pss_Anon:")? + kib("Pss_Shmem:")?;
        Ok((pid, all << 10))
    };
    let pids = std::iter::once(server.master_pid()).chain(server.worker_pids());
    pids.map(share).collect()
}

/// The same once it is no more than `most` or some time has passed.
fn together_at_rest(server: &Server, most: usize) -> Result<usize, String> {
    let now = || all_together(server).ok();
    let reached = poll::until(Duration::from_secs(10), || now().filter(|now| *now <= most));
    reached.map_or_else(|| all_together(server), Ok)
}

/// Waits for all workers: a large file is read and verified in slices, and a busy machine has few of them.
fn wait_long(server: &Server, country: &str) -> Result<(), String> {
    const TRIES: usize = 12;
    let wait = || wait_for(server, 0, country);
    (1..TRIES).fold(wait(), |reached, _| reached.or_else(|_| wait()))
}

/// A database of so many networks, each with a city of its own.
fn make(folder: &Path, client: &str, networks: u32) -> Result<Vec<u8>, String> {
    let mut csv =
        format!("network,country,continent,eu,city,city_id\n127.0.0.0/8,{client},EU,no,Client,1\n");
    for n in 0..networks {
        let [a, b, c] = [16 + n / 65_536, n / 256 % 256, n % 256];
        writeln!(
            csv,
            "{a}.{b}.{c}.0/24,FR,EU,yes,City of the number {n},{}",
            n + 2
        )
        .map_err(|e| e.to_string())?;
    }
    let (source, made) = (folder.join("a.csv"), folder.join("a.mmdb"));
    fs::write(&source, csv).map_err(|e| e.to_string())?;
    let output = Command::new(gatehouse()?)
        .args(["geoip", "make"])
        .args([&source, &made])
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    fs::read(made).map_err(|e| e.to_string())
}

/// What the largest worker has of its own, once that is no more than `most` or some time has passed.
fn at_rest(server: &Server, most: usize) -> Result<usize, String> {
    let largest = || {
        let each = server.worker_pids().into_iter().map(private_memory);
        each.collect::<Result<Vec<_>, _>>().ok()?.into_iter().max()
    };
    let reached = poll::until(Duration::from_secs(5), || {
        largest().filter(|now| *now <= most)
    });
    reached
        .or_else(largest)
        .ok_or_else(|| "there is no worker".to_owned())
}

/// The same of a worker without a database, and what all processes have.
fn stock_memory(env: &Env) -> Result<(usize, usize), String> {
    let server = Setup::new(env)?.start(STOCK)?;
    let load = Load::start(server.port(0), "/t", "", 2, 200);
    load.wait_good(500)?;
    stop_load(load)?;
    let (own, together) = (at_rest(&server, usize::MAX)?, all_together(&server)?);
    server.stop()?;
    Ok((own, together))
}
