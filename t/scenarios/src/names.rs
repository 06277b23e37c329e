//! Backends by name: addresses that change, services, name servers that fail, names that nobody knows.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::http::{self, Packet, Response};
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, Setup};
use nix::sys::signal::Signal;

use crate::name_server::{NameServer, Said};
use crate::redis_server::Redis;
use crate::upstream_site::{lines, wait_lines};

/// Answers hold for a second, and nginx keeps them to the end of the second in which they end: they are asked for again
/// a moment later. The rest is for a busy machine.
const FOLLOWED: Duration = Duration::from_secs(5);
/// A name that failed is asked for again after a second, then two, then four.
const FOUND_AGAIN: Duration = Duration::from_secs(12);
/// The lease of a killed leader lasts three seconds.
const TAKEN_OVER: Duration = Duration::from_secs(10);

/// Each backend says its address and its port.
const HTTP: &str = "
    resolver NAMES;
    resolver_timeout 1s;
    upstream_table apps { zone 1m; TABLE }
    upstream backend { upstream_lookup apps $host; keepalive 8; }
    access_log off;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / {
            proxy_pass http://backend;
            proxy_set_header Host $host;
            add_header X-From $upstream_addr always;
        }
        location /_apps/ { upstream_api apps write=WRITE; }
    }
    server {
        listen 127.0.0.21:FIRST;
        listen 127.0.0.22:FIRST;
        listen 127.0.0.21:SECOND;
        listen 127.0.0.22:SECOND;
        location / { return 200 $server_addr:$server_port; }
    }
";

/// An nginx beside its name server.
struct Site {
    names: NameServer,
    server: Server,
    ports: [u16; 2],
}

fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().filter_map(|ip| ip.parse().ok()).collect()
}

fn addresses(list: &[&str]) -> Said {
    Said::Addresses(1, ips(list))
}

/// One route for each of these: host and backend, where `PORT` is that of the backends.
fn document(routes: &[(&str, &str)]) -> String {
    let route =
        |(host, backend): &(&str, &str)| format!(r#""{host}": {{"backends": ["{backend}"]}}"#);
    let routes: Vec<String> = routes.iter().map(route).collect();
    format!("{{{}}}", routes.join(", "))
}

fn conf(workers: usize, table: &str, names: &NameServer, ports: [u16; 2]) -> String {
    let names = format!("{} ipv6=off", names.address());
    let [first, second] = ports.map(|port| port.to_string());
    let http = HTTP
        .replace("NAMES", &names)
        .replace("TABLE", table)
        .replace("WRITE", if table.contains("redis") { "off" } else { "on" })
        .replace("FIRST", &first)
        .replace("SECOND", &second);
    format!("worker_processes {workers};\nhttp {{{http}}}")
}

impl Site {
    fn start(env: &Env, workers: usize, table: &str, names: NameServer) -> Result<Self, String> {
        let setup = Setup::new(env)?;
        let ports = [setup.port(1), setup.port(2)];
        let server = setup
            .file("conf/apps.json", b"{}")?
            .start(&conf(workers, table, &names, ports))?;
        Ok(Self {
            names,
            server,
            ports,
        })
    }

    /// The routes of the file, where `PORT` is that of the backends.
    fn write(&self, routes: &[(&str, &str)]) -> Result<(), String> {
        let text = document(routes).replace("PORT", &self.ports[0].to_string());
        self.server.write_file("conf/apps.json", text.as_bytes())
    }

    /// What answers for a host: the last number of its address, or the status.
    fn answer(&self, host: &str) -> Result<String, String> {
        let response = self.server.get("/", &format!("Host: {host}"))?;
        Ok(match response.status {
            200 => response.text(),
            status => status.to_string(),
        })
    }

    /// The backend of this address.
    fn at(&self, ip: &str) -> String {
        format!("{ip}:{}", self.ports[0])
    }

    /// Waits until this answers for a host.
    fn wait(&self, host: &str, wanted: &str, deadline: Duration) -> Result<(), String> {
        let mut last = Err("nothing was asked".to_owned());
        poll::until(deadline, || {
            last = self.answer(host);
            last.as_ref().is_ok_and(|came| came == wanted).then_some(())
        })
        .ok_or_else(|| {
            format!(
                "{host}: expected {wanted}, came {last:?}\n{}",
                self.server.log()
            )
        })
    }

    fn expect(&self, host: &str, wanted: &str) -> Result<(), String> {
        match self.answer(host)? {
            came if came == wanted => Ok(()),
            came => Err(format!("{host}: expected {wanted}, came {came}")),
        }
    }

    /// Waits until the metrics have so many names in this state.
    fn counts(&self, state: &str, wanted: usize) -> Result<(), String> {
        let line = format!("gatehouse_names{{table=\"apps\",state=\"{state}\"}} {wanted}\n");
        let shows = || {
            let metrics = self.server.get("/_apps/-/metrics", "").ok()?;
            metrics.text().contains(&line).then_some(())
        };
        poll::until(FOLLOWED, shows).ok_or_else(|| format!("the metrics have no {line}"))
    }

    /// A request to the API.
    fn send(&self, request: &str, more: &str) -> Result<Response, String> {
        let request = request.replace("PORT", &self.ports[0].to_string());
        let headers = format!("Content-Type: application/json\n{more}");
        let (headers, chunked) = http::more_headers(headers.as_bytes());
        let data = http::build(request.as_bytes(), &headers, chunked, "close")?;
        let delay = Duration::ZERO;
        let packet = [Packet { data, delay }];
        let received = http::exchange(self.server.port(0), &packet, Duration::from_secs(20))?;
        let parsed = http::parse(&received.bytes, false, true);
        parsed
            .map(|(response, _)| response)
            .map_err(|_| "no whole response".to_owned())
    }

    fn change(&self, request: &str, status: u16) -> Result<Response, String> {
        match self.send(request, "")? {
            answer if answer.status == status => Ok(answer),
            answer => Err(format!("{request}: {} {}", answer.status, answer.text())),
        }
    }

    /// Clients ask for a host while this is done; none of them must see anything but an answer.
    fn under_load(
        &self,
        host: &str,
        what: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        let load = Load::start(self.server.port(0), "/", &format!("Host: {host}"), 2, 200);
        load.wait_good(20)?;
        what()?;
        load.wait_good(20)?;
        match load.stop().bad {
            0 => Ok(()),
            bad => Err(format!(
                "{bad} requests for {host} have failed\n{}",
                self.server.log()
            )),
        }
    }
}

fn on_every_count(run: impl Fn(usize) -> Result<(), String>) -> Result<(), String> {
    [1, 4]
        .into_iter()
        .try_for_each(|workers| run(workers).map_err(|error| format!("{workers} workers: {error}")))
}

const FILE: &str = "file apps.json reload=100ms; passive fails=0;";

/// A name gets other addresses: requests follow, and none fails while both are there.
pub(super) fn change(env: &Env) -> Result<(), String> {
    on_every_count(|workers| {
        let names = NameServer::start(("127.0.0.1", 0))?;
        names.say("app.test", addresses(&["127.0.0.21"]));
        let site = Site::start(env, workers, FILE, names)?;
        site.write(&[("a.test", "http://app.test:PORT")])?;
        site.wait("a.test", &site.at("127.0.0.21"), FOLLOWED)?;
        site.under_load("a.test", || {
            site.names.say("app.test", addresses(&["127.0.0.22"]));
            let begun = Instant::now();
            site.wait("a.test", &site.at("127.0.0.22"), FOLLOWED)?;
            let took = begun.elapsed();
            // A second that the answer holds, and one more.
            if took > Duration::from_millis(2_600) {
                return Err(format!("the new address was followed after {took:?}"));
            }
            site.names
                .say("app.test", addresses(&["127.0.0.21", "127.0.0.22"]));
            site.wait("a.test", &site.at("127.0.0.21"), FOLLOWED)
        })?;
        // Both are peers.
        site.wait("a.test", &site.at("127.0.0.22"), FOLLOWED)?;
        site.wait("a.test", &site.at("127.0.0.21"), FOLLOWED)?;
        site.server.stop()
    })
}

/// Name servers that keep silent, fail, or know a name no more: its last addresses stay, one line when it begins, one
/// when it is over.
pub(super) fn lost(env: &Env) -> Result<(), String> {
    let names = NameServer::start(("127.0.0.1", 0))?;
    names.say("app.test", addresses(&["127.0.0.21"]));
    let site = Site::start(env, 2, FILE, names)?;
    site.write(&[("a.test", "http://app.test:PORT")])?;
    site.wait("a.test", &site.at("127.0.0.21"), FOLLOWED)?;
    let mut times = 0;
    for (said, why) in [
        (Said::Silence, "the name server timed out"),
        (Said::Failure, "the name server failed"),
        (Said::Missing, "there is no such name, or it has no address"),
        // Whoever answers that would have this machine asked.
        (
            addresses(&["0.0.0.0"]),
            "there is no such name, or it has no address",
        ),
    ] {
        times += 1;
        site.names.say("app.test", said);
        let line = format!(r#"host not found "app.test" ({why}), its last addresses stay in use"#);
        let told = lines(&site.server, &line);
        poll::until(FOUND_AGAIN, || {
            (lines(&site.server, &line) > told).then_some(())
        })
        .ok_or_else(|| format!("no line `{line}`\n{}", site.server.log()))?;
        site.expect("a.test", &site.at("127.0.0.21"))?;
        // All that is changed meanwhile is changed, and the name keeps its address.
        let plain = site.at("127.0.0.22");
        let plain = format!("http://{plain}");
        let other = format!("b{times}.test");
        site.write(&[("a.test", "http://app.test:PORT"), (&other, &plain)])?;
        site.wait(&other, &site.at("127.0.0.22"), FOLLOWED)?;
        site.expect("a.test", &site.at("127.0.0.21"))?;
        site.names.say("app.test", addresses(&["127.0.0.21"]));
        let again = r#"host "app.test" is found again"#;
        poll::until(FOUND_AGAIN, || {
            (lines(&site.server, again) == times).then_some(())
        })
        .ok_or_else(|| format!("no line `{again}`\n{}", site.server.log()))?;
        if lines(&site.server, "host not found") != times {
            return Err(format!("a failure is not one line:\n{}", site.server.log()));
        }
    }
    site.server.stop()
}

/// A name that nobody knows holds back its own route, in whatever way it came; and comes in when it is known.
pub(super) fn unknown(env: &Env) -> Result<(), String> {
    let names = NameServer::start(("127.0.0.1", 0))?;
    names.say("app.test", addresses(&["127.0.0.21"]));
    let site = Site::start(env, 2, FILE, names)?;
    site.write(&[
        ("a.test", "http://later.test:PORT"),
        ("b.test", "http://app.test:PORT"),
    ])?;
    site.wait("b.test", &site.at("127.0.0.21"), FOLLOWED)?;
    site.expect("a.test", "502")?;
    let line = r#"host not found "later.test" (there is no such name, or it has no address), first in route "a.test", its backends are left out"#;
    wait_lines(&site.server, line, 1)?;
    site.change(
        "PUT /_apps/c.test\n{\"backends\": [\"http://later.test:PORT\"]}",
        201,
    )?;
    site.expect("c.test", "502")?;
    let shown = site.change("GET /_apps/c.test", 200)?.text();
    let wanted = format!(
        "{{\"backends\":[\"http://later.test:{}\"]}}\n",
        site.ports[0]
    );
    if shown != wanted {
        return Err(format!("a name without an address is shown as {shown}"));
    }
    let bulk = document(&[
        ("d.test", "http://later.test:PORT"),
        ("e.test", "http://app.test:PORT"),
    ]);
    site.change(&format!("PATCH /_apps/\n{bulk}"), 200)?;
    site.expect("d.test", "502")?;
    site.expect("e.test", &site.at("127.0.0.21"))?;
    site.counts("found", 1)?;
    site.counts("lost", 1)?;
    site.names.say("later.test", addresses(&["127.0.0.22"]));
    for host in ["a.test", "c.test", "d.test"] {
        site.wait(host, &site.at("127.0.0.22"), FOUND_AGAIN)?;
    }
    wait_lines(&site.server, r#"host "later.test" is found again"#, 1)?;
    site.counts("lost", 0)?;
    if lines(&site.server, "host not found") != 1 {
        return Err(format!(
            "an unknown name is not one line:\n{}",
            site.server.log()
        ));
    }
    site.server.stop()
}

/// What the API has stored is asked for again, and a client that holds a route's ETag is not refused for that.
pub(super) fn api(env: &Env) -> Result<(), String> {
    let names = NameServer::start(("127.0.0.1", 0))?;
    names.say("app.test", addresses(&["127.0.0.21"]));
    let site = Site::start(env, 4, "", names)?;
    let put = "PUT /_apps/a.test\n{\"backends\": [\"http://app.test:PORT\"], \"keys\": {\"k\": \"secret\"}}";
    let tag = site.change(put, 201)?.header("ETag").ok_or("no ETag")?;
    site.expect("a.test", &site.at("127.0.0.21"))?;
    site.names.say("app.test", addresses(&["127.0.0.22"]));
    site.wait("a.test", &site.at("127.0.0.22"), FOLLOWED)?;
    let now = site.change("GET /_apps/a.test", 200)?.header("ETag");
    if now.as_ref() != Some(&tag) {
        return Err(format!(
            "the ETag was {tag}, and is {now:?} with another address"
        ));
    }
    let patch = "PATCH /_apps/a.test\n{\"id\": \"x\"}";
    let patched = site.send(patch, &format!("If-Match: {tag}"))?;
    if patched.status != 200 {
        return Err(format!("If-Match: {} {}", patched.status, patched.text()));
    }
    site.expect("a.test", &site.at("127.0.0.22"))?;
    site.server.stop()
}

/// SRV records say port, weight and order.
pub(super) fn services(env: &Env) -> Result<(), String> {
    let names = NameServer::start(("127.0.0.1", 0))?;
    names.say("one.shop.test", addresses(&["127.0.0.21"]));
    names.say("two.shop.test", addresses(&["127.0.0.22"]));
    let site = Site::start(env, 2, FILE, names)?;
    let [first, second] = site.ports;
    let say = |records| {
        site.names
            .say("_http._tcp.shop.test", Said::Services(1, records))
    };
    say(vec![
        (10, 1, first, "one.shop.test"),
        (20, 1, second, "two.shop.test"),
    ]);
    site.write(&[("a.test", "http://shop.test#service=http")])?;
    let (at_first, at_second) = (
        format!("127.0.0.21:{first}"),
        format!("127.0.0.22:{second}"),
    );
    site.wait("a.test", &at_first, FOLLOWED)?;
    // The other one is a backup.
    for _ in 0..6 {
        site.expect("a.test", &at_first)?;
    }
    site.under_load("a.test", || {
        say(vec![
            (10, 3, first, "one.shop.test"),
            (10, 1, second, "two.shop.test"),
        ]);
        site.wait("a.test", &at_second, FOLLOWED)
    })?;
    let mut seconds = 0;
    for _ in 0..40 {
        seconds += usize::from(site.answer("a.test")? == at_second);
    }
    if seconds != 10 {
        return Err(format!(
            "a weight of 1 beside 3 got {seconds} of 40 requests"
        ));
    }
    // The preferred port moves, and the target too.
    say(vec![
        (5, 1, second, "two.shop.test"),
        (10, 3, first, "one.shop.test"),
    ]);
    let moved = || {
        let answers: Result<Vec<String>, String> = (0..6).map(|_| site.answer("a.test")).collect();
        answers
            .ok()?
            .iter()
            .all(|one| *one == at_second)
            .then_some(())
    };
    poll::until(FOLLOWED, moved).ok_or("a better priority is not followed")?;
    let shown = site.change("GET /_apps/a.test", 200)?.text();
    if shown != "{\"backends\":[{\"url\":\"http://shop.test\",\"service\":\"http\"}]}\n" {
        return Err(format!("a service is shown as {shown}"));
    }
    // One that is unknown holds back its own route.
    site.change(
        "PUT /_apps/b.test\n{\"backends\": [\"http://none.test#service=http\"]}",
        201,
    )?;
    site.expect("b.test", "502")?;
    let line = r#"host not found "none.test" (service "http") (there is no such name"#;
    wait_lines(&site.server, line, 1)?;
    site.server.stop()
}

/// A reload, a leader that is killed: names go on being asked for.
pub(super) fn leaders(env: &Env) -> Result<(), String> {
    let names = NameServer::start(("127.0.0.1", 0))?;
    names.say("app.test", addresses(&["127.0.0.21"]));
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let state = folder.path().join("apps.state");
    let table = format!("state {}; passive fails=0;", state.display());
    let mut site = Site::start(env, 4, &table, names)?;
    site.server.allow("exited on signal");
    site.change(
        "PUT /_apps/a.test\n{\"backends\": [\"http://app.test:PORT\"]}",
        201,
    )?;
    site.expect("a.test", &site.at("127.0.0.21"))?;
    site.under_load("a.test", || {
        for ip in ["127.0.0.22", "127.0.0.21"] {
            site.server.reload()?;
            site.names.say("app.test", addresses(&[ip]));
            site.wait("a.test", &site.at(ip), FOLLOWED)?;
        }
        Ok(())
    })?;
    // Whoever leads is among these.
    for worker in site.server.worker_pids().into_iter().skip(1) {
        process::send(worker, Signal::SIGKILL)?;
    }
    site.names.say("app.test", addresses(&["127.0.0.22"]));
    site.wait("a.test", &site.at("127.0.0.22"), TAKEN_OVER)?;
    // A start from the state file, while the name server keeps silent and after that.
    site.names.say("app.test", Said::Silence);
    let Site {
        names,
        server,
        ports,
    } = site;
    server.stop()?;
    let server = Setup::new(env)?.start(&conf(4, &table, &names, ports))?;
    let site = Site {
        names,
        server,
        ports,
    };
    site.expect("a.test", &site.at("127.0.0.22"))?;
    site.names.say("app.test", addresses(&["127.0.0.21"]));
    site.wait("a.test", &site.at("127.0.0.21"), FOUND_AGAIN)?;
    site.server.stop()
}

/// A store's names are followed too, and one that nobody knows holds back no other.
pub(super) fn redis(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[])?;
    let names = NameServer::start(("127.0.0.1", 0))?;
    names.say("app.test", addresses(&["127.0.0.21"]));
    let table = format!("redis 127.0.0.1:{}; passive fails=0;", redis.port());
    let site = Site::start(env, 2, &table, names)?;
    let put =
        |host: &str, name: &str| redis.route(host, &[&format!("http://{name}:{}", site.ports[0])]);
    put("later.test", "later.test")?;
    put("a.test", "app.test")?;
    site.wait("a.test", &site.at("127.0.0.21"), FOLLOWED)?;
    site.wait("later.test", "502", FOLLOWED)?;
    site.under_load("a.test", || {
        site.names.say("app.test", addresses(&["127.0.0.22"]));
        site.wait("a.test", &site.at("127.0.0.22"), FOLLOWED)
    })?;
    site.names.say("later.test", addresses(&["127.0.0.21"]));
    site.wait("later.test", &site.at("127.0.0.21"), FOUND_AGAIN)?;
    site.server.stop()
}
