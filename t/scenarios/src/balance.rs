//! Balancing over several workers: whose turn it is, and requests in flight when workers come and go.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, Setup};
use nix::sys::signal::Signal;

/// Three backends, which say their names; `/hang` is answered by none.
const BACKENDS: &str = "
    server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; keepalive_requests 1000000; location / { return 200 a; } }
    server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2; keepalive_requests 1000000; location / { return 200 b; } }
    server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_3; keepalive_requests 1000000; location / { return 200 c; } }
";

/// A server in front of them, with this way of balancing.
fn conf(workers: usize, zone: &str, balance: &str) -> String {
    format!(
        "worker_processes {workers};
        http {{
            upstream_table apps {{ zone {zone}; file apps.json; passive fails=0; }}
            upstream backend {{ upstream_lookup apps $host {balance}; keepalive 16; }}
            access_log off;
            {BACKENDS}
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT reuseport;
                keepalive_requests 1000000;
                proxy_http_version 1.1;
                proxy_set_header Host $host;
                proxy_set_header Connection '';
                location / {{ proxy_pass http://backend; }}
            }}
        }}"
    )
}

/// A route to the first of the backends for each of these weights.
fn route(setup: &Setup<'_>, weights: &[u32]) -> String {
    let urls = weights.iter().zip(1..).map(|(weight, number)| {
        format!(
            "\"http://127.0.0.1:{}#weight={weight}\"",
            setup.port(number)
        )
    });
    format!(
        "{{\"backends\": [{}]}}",
        urls.collect::<Vec<_>>().join(", ")
    )
}

/// Requests that came to each backend.
type Tally = BTreeMap<char, u64>;

/// So many requests in one go; the last one closes the connection.
fn requests(path: &dyn Fn(usize) -> String, count: usize) -> String {
    let one = |number: usize| {
        let is_last = number.saturating_add(1) == count;
        let last = if is_last { "Connection: close\r\n" } else { "" };
        let path = path(number);
        format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{last}\r\n")
    };
    (0..count).map(one).collect()
}

/// The first letters of good answers.
fn bodies(bytes: &[u8]) -> Vec<char> {
    let text = String::from_utf8_lossy(bytes);
    let answers = text.split("HTTP/1.1 200").skip(1);
    let first = |answer: &str| answer.split("\r\n\r\n").nth(1)?.chars().next();
    answers.map(|answer| first(answer).unwrap_or('?')).collect()
}

/// Sends so many requests over one connection: which backends answered.
fn burst(server: &Server, path: &dyn Fn(usize) -> String, count: usize) -> Result<Tally, String> {
    let bytes = server.raw(requests(path, count).as_bytes())?;
    let mut tally = Tally::new();
    for name in bodies(&bytes) {
        let counted = tally.entry(name).or_default();
        *counted = counted.saturating_add(1);
    }
    Ok(tally)
}

/// The same many times over several connections at once.
fn many(server: &Server, path: &(dyn Fn(usize) -> String + Sync)) -> Result<Tally, String> {
    const CLIENTS: usize = 4;
    const BURSTS: usize = 25;
    const BURST: usize = 1_000;
    let client = |client: usize| -> Result<Vec<Tally>, String> {
        let number = |burst: usize, n: usize| (client * BURSTS + burst) * BURST + n;
        let bursts = 0..BURSTS;
        bursts
            .map(|at| burst(server, &|n| path(number(at, n)), BURST))
            .collect()
    };
    let client = &client;
    let tallies = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| scope.spawn(move || client(n)))
            .collect();
        let joined = clients
            .into_iter()
            .map(|one| one.join().unwrap_or_else(|_| Err("a client ended".into())));
        joined.collect::<Result<Vec<_>, String>>()
    })?;
    Ok(sum(tallies.into_iter().flatten()))
}

fn sum(tallies: impl Iterator<Item = Tally>) -> Tally {
    let mut all = Tally::new();
    for (name, count) in tallies.flatten() {
        let counted = all.entry(name).or_default();
        *counted = counted.saturating_add(count);
    }
    all
}

/// Each backend must have had its share, within so much of it.
fn expect_shares(
    what: &str,
    tally: &Tally,
    within: f64,
    shares: &[(char, f64)],
) -> Result<(), String> {
    let total: u64 = tally.values().sum();
    println!("# {what}: {tally:?}");
    if total != 100_000 {
        return Err(format!(
            "{what}: {total} of 100000 requests were answered: {tally:?}"
        ));
    }
    for (name, share) in shares {
        let (came, wanted) = (*tally.get(name).unwrap_or(&0) as f64, share * 100_000.0);
        if (came - wanted).abs() > wanted * within {
            return Err(format!("{what}: {name} had {came} requests, not {wanted}"));
        }
    }
    Ok(())
}

/// A hundred thousand requests over several workers: each backend has its share. That of `least_conn` depends on how fast
/// the machine lets each backend be, where requests meet; with times that are known it is exact (`cargo test -p
/// gatehouse-table balance`), and where each waits for the one before all backends are equal.
pub(super) fn shares(env: &Env) -> Result<(), String> {
    const ROUND_ROBIN: &str = "balance=round_robin";
    const LEAST_CONN: &str = "balance=least_conn";
    const THIRDS: [f64; 3] = [1.0 / 3.0; 3];
    type Requests = fn(&Server) -> Result<Tally, String>;
    let at_once: Requests = |server| many(server, &|_| "/".to_owned());
    let rows = [
        (ROUND_ROBIN, at_once, 0.02, [5, 3, 2], [0.5, 0.3, 0.2]),
        (LEAST_CONN, at_once, 0.15, [1, 1, 1], THIRDS),
        (LEAST_CONN, one_by_one as Requests, 0.02, [1, 1, 1], THIRDS),
    ];
    for (balance, requests, within, weights, shares) in rows {
        let setup = Setup::new(env)?;
        let file = format!("{{\"a.test\": {}}}", route(&setup, &weights));
        let server = setup
            .file("conf/apps.json", file.as_bytes())?
            .start(&conf(3, "1m", balance))?;
        let shares: Vec<(char, f64)> = ['a', 'b', 'c'].into_iter().zip(shares).collect();
        expect_shares(balance, &requests(&server)?, within, &shares)?;
        server.stop()?;
    }
    Ok(())
}

/// A hundred thousand requests, each behind the answer to the one before, over connections that all workers accept.
fn one_by_one(server: &Server) -> Result<Tally, String> {
    let tallies = (0..100).map(|_| burst(server, &|_| "/".to_owned(), 1_000));
    Ok(sum(tallies
        .collect::<Result<Vec<_>, String>>()?
        .into_iter()))
}

/// The answers to requests one after another, a letter each.
fn letters(
    server: &Server,
    path: &dyn Fn(usize) -> String,
    count: usize,
) -> Result<String, String> {
    let bytes = server.raw(requests(path, count).as_bytes())?;
    Ok(bodies(&bytes).into_iter().collect())
}

/// nginx's own `hash … consistent` beside ours, with the same servers: so many of them, and the last one of four does not
/// answer.
fn start_beside(env: &Env, weights: &[u32]) -> Result<Server, String> {
    let setup = Setup::new(env)?;
    let servers = weights.iter().zip(1..).map(|(weight, number)| {
        let port = setup.port(number);
        format!("server 127.0.0.1:{port} weight={weight} max_fails=0;")
    });
    let servers: String = servers.collect();
    let conf = format!(
        "worker_processes 3;
        http {{
            upstream_table apps {{ zone 1m; file apps.json; passive fails=0; }}
            upstream ours {{ upstream_lookup apps a.test balance=hash hash_key=$arg_k; keepalive 16; }}
            upstream theirs {{ {servers} hash $arg_k consistent; keepalive 16; }}
            access_log off;
            {BACKENDS}
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT reuseport;
                keepalive_requests 1000000;
                proxy_http_version 1.1;
                proxy_set_header Connection '';
                location /ours {{ proxy_pass http://ours; }}
                location /theirs {{ proxy_pass http://theirs; }}
            }}
        }}"
    );
    let file = format!("{{\"a.test\": {}}}", route(&setup, weights));
    setup.file("conf/apps.json", file.as_bytes())?.start(&conf)
}

/// Each of a thousand keys goes to the same backend as in nginx, also where one of them does not answer.
pub(super) fn hash(env: &Env) -> Result<(), String> {
    let server = start_beside(env, &[1, 3, 2, 1])?;
    let side = |name: &str| letters(&server, &|n| format!("/{name}?k=key-{}", n * 7919), 1_000);
    let (ours, theirs) = (side("ours")?, side("theirs")?);
    if ours.len() != 1_000 || ours.contains('?') {
        return Err(format!("of 1000 keys: {ours}"));
    }
    let differ = ours.chars().zip(theirs.chars()).filter(|(a, b)| a != b);
    match differ.count() {
        0 if ours.len() == theirs.len() => server.stop(),
        others => Err(format!("{others} of 1000 keys go elsewhere")),
    }
}

/// A hundred thousand keys over several workers: each backend has as many as in nginx.
pub(super) fn hash_shares(env: &Env) -> Result<(), String> {
    let server = start_beside(env, &[1, 3, 2])?;
    let theirs = many(&server, &|n| format!("/theirs?k={n}"))?;
    let shares: Vec<(char, f64)> = theirs
        .iter()
        .map(|(name, count)| (*name, *count as f64 / 100_000.0))
        .collect();
    let ours = many(&server, &|n| format!("/ours?k={n}"))?;
    expect_shares("balance=hash", &ours, 1e-6, &shares)?;
    server.stop()
}

/// Two backends; `one.test` has the first of them only. Where that is, nothing answers.
fn start_two(env: &Env, workers: usize, hanging: u16) -> Result<(Server, String), String> {
    let setup = Setup::new(env)?;
    let file = format!(
        r#"{{"a.test": {{"backends": ["http://127.0.0.1:{hanging}", "http://127.0.0.1:{}"]}},
            "one.test": {{"backends": ["http://127.0.0.1:{hanging}"]}}}}"#,
        setup.port(2)
    );
    let server = setup.file("conf/apps.json", file.as_bytes())?.start(&conf(
        workers,
        "1m",
        "balance=least_conn",
    ))?;
    Ok((server, file))
}

/// Opens requests that stay in flight at these backends.
fn hold(server: &Server, backends: &[&Backend], count: u64) -> Result<Vec<TcpStream>, String> {
    let requests = || {
        backends
            .iter()
            .map(|backend| backend.requests())
            .sum::<u64>()
    };
    let before = requests();
    let open = |_| -> Result<TcpStream, String> {
        let mut stream =
            TcpStream::connect(("127.0.0.1", server.port(0))).map_err(|e| e.to_string())?;
        let request = b"GET /hang HTTP/1.1\r\nHost: one.test\r\n\r\n";
        stream.write_all(request).map_err(|e| e.to_string())?;
        Ok(stream)
    };
    let held = (0..count).map(open).collect::<Result<Vec<_>, _>>()?;
    let came = || (requests() >= before + count).then_some(());
    poll::until(SOON, came).ok_or("the requests did not come to the backend")?;
    Ok(held)
}

/// A busy machine's patience; what is waited for takes a second.
const SOON: Duration = Duration::from_secs(8);

/// How many of ten requests one after another the first backend answers.
fn of_ten(server: &Server) -> Result<u64, String> {
    let tally = burst(server, &|_| "/".to_owned(), 10)?;
    let other = *tally.get(&'b').unwrap_or(&0);
    let first = tally.values().sum::<u64>().saturating_sub(other);
    if first.saturating_add(other) == 10 {
        Ok(first)
    } else {
        Err(format!("of ten: {tally:?}"))
    }
}

fn expect_busy(server: &Server, when: &str) -> Result<(), String> {
    match of_ten(server)? {
        0 => Ok(()),
        first => Err(format!(
            "{when}: {first} of ten requests went to the busy backend"
        )),
    }
}

/// Both take turns again: no request is counted at either.
fn wait_balanced(server: &Server, when: &str) -> Result<(), String> {
    let balanced = || of_ten(server).is_ok_and(|first| first == 5).then_some(());
    poll::until(SOON, balanced).ok_or_else(|| {
        format!(
            "{when}: of ten requests the first backend has {:?}",
            of_ten(server)
        )
    })
}

/// Workers that hold requests are killed: what they counted is given back.
pub(super) fn killed(env: &Env) -> Result<(), String> {
    let backend = Backend::http("a")?;
    let (mut server, _) = start_two(env, 2, backend.port())?;
    server.allow("exited on signal 9");
    for _ in 0..2 {
        wait_balanced(&server, "before")?;
        let held = hold(&server, &[&backend], 6)?;
        expect_busy(&server, "with six requests in flight")?;
        for worker in server.worker_pids() {
            process::send(worker, Signal::SIGKILL)?;
        }
        wait_balanced(&server, "after the kill")?;
        drop(held);
    }
    server.wait_log(
        "requests in flight of processes that have ended are counted no more",
        SOON,
    )?;
    server.stop()
}

/// An old worker is killed after a reload: nobody takes its place, and what it counted is given back.
pub(super) fn old_killed(env: &Env) -> Result<(), String> {
    let backend = Backend::http("a")?;
    let (mut server, _) = start_two(env, 1, backend.port())?;
    server.allow("exited on signal 9");
    let held = hold(&server, &[&backend], 3)?;
    let old = server.worker_pids();
    server.reload()?;
    expect_busy(&server, "after the reload")?;
    for worker in old {
        process::send(worker, Signal::SIGKILL)?;
    }
    wait_balanced(&server, "after the old worker's end")?;
    drop(held);
    server.stop()
}

/// The zone is replaced: the old worker's requests are none of the new one's, also when they end.
pub(super) fn resized(env: &Env) -> Result<(), String> {
    let backend = Backend::http("a")?;
    let (mut server, _) = start_two(env, 1, backend.port())?;
    server.allow("exited on signal 9");
    let held = hold(&server, &[&backend], 3)?;
    let old = server.worker_pids();
    server.write_conf(&conf(1, "2m", "balance=least_conn"))?;
    server.reload()?;
    wait_balanced(&server, "after the reload")?;
    let again = hold(&server, &[&backend], 3)?;
    for worker in old {
        process::send(worker, Signal::SIGKILL)?;
    }
    drop(held);
    // Long enough for what is dead to be looked for twice.
    server.wait_log("exited on signal 9", SOON)?;
    let until = std::time::Instant::now() + Duration::from_millis(2500);
    while std::time::Instant::now() < until {
        expect_busy(&server, "after the old worker's end")?;
    }
    drop(again);
    wait_balanced(&server, "in the end")?;
    server.stop()
}

/// Whatever the policy and however many workers: `max_conns` is the most, and who finds all full gets 502.
pub(super) fn max_conns(env: &Env) -> Result<(), String> {
    let (a, b) = (Backend::http("a")?, Backend::http("b")?);
    for balance in [
        "",
        "balance=least_conn",
        "balance=p2c",
        "balance=hash hash_key=$request_id",
    ] {
        let (port_a, port_b) = (a.port(), b.port());
        let file = format!(
            r#"{{"one.test": {{"backends": ["http://127.0.0.1:{port_a}#max_conns=2", "http://127.0.0.1:{port_b}#max_conns=3"]}}}}"#
        );
        let mut server = Setup::new(env)?
            .file("conf/apps.json", file.as_bytes())?
            .start(&conf(3, "1m", balance))?;
        server.allow("no live upstreams");
        server.allow("exited on signal 9");
        let held = hold(&server, &[&a, &b], 5)?;
        let full = server.get("/", "Host: one.test")?;
        if full.status != 502 {
            return Err(format!("{balance}: a sixth request got {}", full.status));
        }
        server.wait_log("no live upstreams while connecting to upstream", SOON)?;
        drop(held);
        let free = || {
            let answer = server.get("/", "Host: one.test");
            answer.is_ok_and(|r| r.status == 200).then_some(())
        };
        poll::until(SOON, free).ok_or_else(|| format!("{balance}: it stays full"))?;
        // A killed worker's requests do not fill a backend for ever.
        let held = hold(&server, &[&a, &b], 5)?;
        for worker in server.worker_pids() {
            process::send(worker, Signal::SIGKILL)?;
        }
        poll::until(SOON, free).ok_or_else(|| format!("{balance}: it stays full after a kill"))?;
        drop(held);
        server.stop()?;
    }
    Ok(())
}

/// A session stays at its backend while that is there, drained or not, whatever worker serves it.
pub(super) fn sticky(env: &Env) -> Result<(), String> {
    let setup = Setup::new(env)?;
    let urls = [1, 2, 3].map(|number| format!("http://127.0.0.1:{}", setup.port(number)));
    let file = |options: [&str; 3]| {
        let backends = urls
            .iter()
            .zip(options)
            .filter(|(_, options)| *options != "gone");
        let backends = backends.map(|(url, options)| format!("\"{url}{options}\""));
        let list = backends.collect::<Vec<_>>().join(", ");
        format!("{{\"a.test\": {{\"backends\": [{list}]}}}}")
    };
    let server = setup
        .file("conf/apps.json", file(["", "", ""]).as_bytes())?
        .start(&conf(3, "1m", "sticky=srv"))?;
    let first = server.get("/", "Host: a.test")?;
    let (place, cookie) = (first.text(), first.header("Set-Cookie"));
    let cookie = cookie.ok_or("no cookie")?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let stays = |when: &str| -> Result<(), String> {
        for _ in 0..12 {
            // One that another host of the domain has set says nothing.
            let foreign = "srv=0123456789abcdef";
            let headers = format!("Host: a.test\nCookie: theme=dark; {foreign}; {cookie}");
            let answer = server.get("/", &headers)?;
            if answer.text() != place || answer.header("Set-Cookie").is_some() {
                return Err(format!("{when}: at {} instead of {place}", answer.text()));
            }
        }
        Ok(())
    };
    stays("in the beginning")?;
    let others = (0..6).map(|_| Ok(server.get("/", "Host: a.test")?.text()));
    let others = others.collect::<Result<std::collections::BTreeSet<_>, String>>()?;
    if others.len() != 3 {
        return Err(format!("without a cookie: {others:?}"));
    }
    let number = "abc".find(&place).ok_or("no backend's name")?;
    let changed = |options: &'static str| {
        let mut all = [""; 3];
        if let Some(one) = all.get_mut(number) {
            *one = options;
        }
        file(all)
    };
    server.write_file("conf/apps.json", changed("#drain=1").as_bytes())?;
    let drained = || {
        let came = (0..6).map(|_| server.get("/", "Host: a.test").map(|answer| answer.text()));
        let came = came.collect::<Result<Vec<_>, _>>().ok()?;
        (!came.contains(&place)).then_some(())
    };
    poll::until(SOON, drained).ok_or("it is not drained")?;
    stays("while it is drained")?;
    server.reload()?;
    stays("after a reload")?;
    server.write_file("conf/apps.json", changed("gone").as_bytes())?;
    let moved = || {
        let headers = format!("Host: a.test\nCookie: {cookie}");
        let answer = server.get("/", &headers).ok()?;
        (answer.text() != place && answer.header("Set-Cookie").is_some()).then_some(())
    };
    poll::until(SOON, moved).ok_or("the session has no new backend")?;
    server.stop()
}
