//! What callgrind cannot say: nginx as it runs in life. The three sides of a row take turns: with lookups the same backends
//! behind a static `upstream`, behind `upstream_lookup` and behind a `map`.

use crate::callgrind::{self, Running};
use crate::client::Client;
use crate::conf::Rig;
use crate::load::Load;
use crate::rows::{Row, Side};
use crate::{data, sockets};
use std::time::{Duration, Instant};

/// WebSockets that are open before the first look at nginx's memory, and then until the second one.
const SOCKETS_BEFORE: usize = 500;
const SOCKETS: usize = 2_000;

/// Rounds of the throughput, in each of which every side has its turn.
const ROUNDS: usize = 9;
const TURN: Duration = Duration::from_secs(1);
/// Threads of clients, and the connections of each.
const THREADS: usize = 2;
const CONNECTIONS: usize = 16;

/// Sides by their names, the one that the others are compared with first.
type Sides<'a> = Vec<(&'static str, &'a Side)>;

/// The tables in Markdown: that of memory where the row's file has WebSockets.
pub(crate) fn tables(rig: &Rig, row: &Row) -> Result<String, String> {
    let peer = row.peer.as_ref();
    let has_sockets = row.conf.contains("@socket");
    let base = if has_sockets {
        "static `upstream`"
    } else {
        "without"
    };
    let mut sides: Sides<'_> = vec![(base, &row.base), ("Gatehouse", &row.ours)];
    sides.extend(peer.map(|(name, side)| (*name, side)));
    let mut text = format!("`{}`: {}\n\n", row.name, row.title);
    if has_sockets {
        text.push_str(&memory(rig, row, &sides)?);
        text.push('\n');
    }
    text.push_str(&throughput(rig, row, &sides)?);
    Ok(text)
}

/// What an idle WebSocket takes of nginx's private memory.
fn memory(rig: &Rig, row: &Row, sides: &Sides<'_>) -> Result<String, String> {
    let rig = rig.towards("sockets", sockets::listen()?)?;
    data::write_hosts(&rig)?;
    let mut text = String::from(
        "| idle WebSocket | KiB of private memory each | more than static |\n|---|---:|---:|\n",
    );
    let mut base = None;
    for (name, side) in sides {
        let mut words = side.words.to_vec();
        words.push("socket");
        let conf = rig.conf(row.conf, &words);
        let (server, address) = callgrind::natively(&rig, "native", &conf)?;
        let mut open = Vec::new();
        let mut memory_with = |count: usize| {
            while open.len() < count {
                let lines = row.load.lines(open.len());
                open.push(Client::upgraded(&address, &lines)?);
            }
            private_memory(server.id())
        };
        let before = memory_with(SOCKETS_BEFORE)?;
        let after = memory_with(SOCKETS_BEFORE + SOCKETS)?;
        let each = after.saturating_sub(before) as f64 / SOCKETS as f64 / 1024.0;
        let more = each - *base.get_or_insert(each);
        text.push_str(&format!("| {name} | {each:.2} | {more:+.2} |\n"));
    }
    Ok(text)
}

/// Requests per second, and the processor's time for each.
fn throughput(rig: &Rig, row: &Row, sides: &Sides<'_>) -> Result<String, String> {
    let mut servers = Vec::new();
    for (n, (_, side)) in sides.iter().enumerate() {
        let conf = rig.conf(row.conf, side.words);
        servers.push(callgrind::natively(rig, &format!("native{n}"), &conf)?);
    }
    let mut turns: Vec<Vec<Turn>> = servers.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        let each = servers.iter().zip(sides).zip(&mut turns);
        for (((server, address), (_, side)), turns) in each {
            turns.push(turn(server, address, row.load, side.status)?);
        }
    }
    let base_name = sides.first().map_or("", |(name, _)| name);
    let mut text = format!(
        "| throughput | requests/s | of {base_name}, median of the rounds | µs of the processor | of {base_name} |\n\
         |---|---:|---:|---:|---:|\n",
    );
    let base = turns.first().map_or(&[][..], Vec::as_slice);
    for ((name, _), turns) in sides.iter().zip(&turns) {
        let each = |figure: fn(&Turn) -> f64| median(turns.iter().map(figure));
        let of_base = |figure: fn(&Turn) -> f64| {
            let rounds = turns.iter().zip(base);
            median(rounds.map(|(turn, base)| figure(turn) / figure(base)))
        };
        let (rate, cost) = (each(|turn| turn.rate), each(|turn| turn.cost));
        let (rates, costs) = (of_base(|turn| turn.rate), of_base(|turn| turn.cost));
        text.push_str(&format!(
            "| {name} | {rate:.0} | {rates:.3} | {cost:.1} | {costs:.3} |\n"
        ));
    }
    Ok(text)
}

/// What came of one side's turn.
struct Turn {
    /// Requests per second.
    rate: f64,
    /// Microseconds of the processor per request.
    cost: f64,
}

fn turn(server: &Running, address: &str, load: Load, status: u16) -> Result<Turn, String> {
    let (began, used) = (Instant::now(), processor_time(server.id())?);
    let until = began + TURN;
    let clients: Result<Vec<usize>, String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(move || keep_busy(address, load, status, until)))
            .collect();
        let joined = threads.into_iter().map(|one| one.join());
        joined
            .map(|one| one.map_err(|_| "a client panicked")?)
            .collect()
    });
    let requests = clients?.into_iter().sum::<usize>() as f64;
    let used = processor_time(server.id())?.saturating_sub(used);
    Ok(Turn {
        rate: requests / began.elapsed().as_secs_f64(),
        cost: used as f64 / 1000.0 / requests,
    })
}

/// Sends requests over all connections, and takes the answers of all.
fn keep_busy(address: &str, load: Load, status: u16, until: Instant) -> Result<usize, String> {
    let connect = |_| Client::connect(address);
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(connect).collect::<Result<_, _>>()?;
    let mut sent = 0;
    while Instant::now() < until {
        for (n, client) in (sent..).zip(&mut clients) {
            client.send(&load.target(n), &load.lines(n))?;
        }
        for client in &mut clients {
            client.take(status)?;
        }
        sent += CONNECTIONS;
    }
    Ok(sent)
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Bytes that are a process's own (`RssAnon`).
fn private_memory(pid: u32) -> Result<u64, String> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|e| e.to_string())?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kib.ok_or("no RssAnon")? * 1024)
}

/// Nanoseconds that a process has had of the processor.
pub(crate) fn processor_time(pid: u32) -> Result<u64, String> {
    time_in(&format!("/proc/{pid}/schedstat"))
}

/// The same of this thread. It sleeps before: only then the kernel has counted all.
pub(crate) fn own_time() -> Result<u64, String> {
    std::thread::sleep(Duration::from_millis(1));
    time_in("/proc/thread-self/schedstat")
}

fn time_in(path: &str) -> Result<u64, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let first = text.split_whitespace().next();
    first
        .and_then(|n| n.parse().ok())
        .ok_or("no schedstat".to_owned())
}
