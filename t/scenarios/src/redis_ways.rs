//! Ways to a store: login, database, prefix, unix sockets, TLS, several servers, Sentinels.

use std::path::Path;
use std::process::Command;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

use crate::redis_server::{Client, Redis};
use crate::redis_site::{
    NOTICED, answer, at, conf, dribble, expect_answer, start, url, wait_answer,
};

/// What the page about Redis says a user needs, and no more.
const ACL: &str = "user gate on >s3cr3t-word %R~app:frontend:* %R~app:dead:* resetchannels -@all +hello +select +client|tracking +scan +lrange +smembers +pttl +ping +role";

/// A user with the rights that are documented, a database, a prefix, a unix socket.
pub(super) fn login(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[ACL])?;
    let one = Backend::http("one")?;
    let mut client = Client::new(redis.port())?;
    let mut ask = |words: &[&str]| {
        client.send(words)?;
        client.answer()
    };
    ask(&["SELECT", "5"])?;
    ask(&["RPUSH", "app:frontend:a.test", "a", &url(one.port())])?;
    ask(&["RPUSH", "frontend:other.test", "a", &url(one.port())])?;
    let socket = format!("unix:{}/redis.sock", redis.dir().display());
    for address in [at(&redis), socket] {
        let way = format!("{address} user=gate password_file=pass db=5 prefix=app:");
        let server = Setup::new(env)?
            .file("conf/pass", b"s3cr3t-word\n")?
            .start(&conf(&way, ""))?;
        wait_answer(&server, "a.test", "one")?;
        expect_answer(&server, "other.test", "404")?;
        ask(&["RPUSH", "app:frontend:b.test", "b", &url(one.port())])?;
        wait_answer(&server, "b.test", "one")?;
        ask(&["DEL", "app:frontend:b.test"])?;
        wait_answer(&server, "b.test", "404")?;
        if server.log().contains("s3cr3t") {
            return Err("a password is in the log".into());
        }
        server.stop()?;
    }
    let way = format!("{} user=gate password_file=pass", at(&redis));
    let server = Setup::new(env)?
        .file("conf/pass", b"wrong")?
        .start(&conf(&way, ""))?;
    server.wait_log(
        r"\[error\] .*not available, serving 0 routes from memory \(HELLO: WRONGPASS",
        NOTICED,
    )?;
    server.stop()
}

fn openssl(dir: &Path, arguments: &str) -> Result<(), String> {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output()
        .map_err(|e| e.to_string())?;
    done.status
        .success()
        .then_some(())
        .ok_or_else(|| String::from_utf8_lossy(&done.stderr).into_owned())
}

/// TLS: a certificate is verified, and another one refused.
pub(super) fn tls(env: &Env) -> Result<(), String> {
    let files = Redis::start(&[])?;
    let dir = files.dir().to_owned();
    for name in ["good", "other"] {
        openssl(
            &dir,
            &format!(
                "req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.crt -days 3 -subj /CN={name} -addext subjectAltName=DNS:redis.test,DNS:localhost"
            ),
        )?;
    }
    let port = nginx_prove::ports::Port::free()?;
    let shown = dir.display();
    let redis = Redis::start(&[
        &format!("tls-port {}", port.number()),
        &format!("tls-cert-file {shown}/good.crt"),
        &format!("tls-key-file {shown}/good.key"),
        "tls-auth-clients no",
    ])?;
    let one = Backend::http("one")?;
    redis.route("a.test", &[&url(one.port())])?;
    let address = format!("127.0.0.1:{}", port.number());
    let good = format!("tls tls_ca={shown}/good.crt");
    for way in [
        format!("{address} {good} tls_name=redis.test"),
        format!("{address} tls tls_verify=off"),
        // A server that is named has the name that is verified.
        format!("localhost:{} {good}", port.number()),
    ] {
        let server = start(env, &conf(&way, ""))?;
        wait_answer(&server, "a.test", "one")?;
        redis.route("b.test", &[&url(one.port())])?;
        wait_answer(&server, "b.test", "one")?;
        redis.ask(&["DEL", "frontend:b.test"])?;
        server.stop()?;
    }
    shows_certificate(
        env,
        &redis,
        &dir,
        &format!("{address} {good} tls_name=redis.test"),
    )?;
    for (more, why) in [
        (
            format!("tls tls_ca={shown}/other.crt tls_name=redis.test"),
            "certificate of redis.test is not valid",
        ),
        (
            format!("{good} tls_name=wrong.test"),
            "certificate is not for wrong.test",
        ),
        (
            "tls tls_name=redis.test".into(),
            "certificate of redis.test is not valid",
        ),
    ] {
        let server = start(env, &conf(&format!("{address} {more}"), ""))?;
        server.wait_log(why, NOTICED)?;
        expect_answer(&server, "a.test", "404")?;
        server.stop()?;
    }
    Ok(())
}

/// A server that asks for a certificate is shown the one of `tls_cert`, and serves nobody without.
fn shows_certificate(env: &Env, redis: &Redis, dir: &Path, way: &str) -> Result<(), String> {
    let shown = dir.display();
    redis.ask(&[
        "CONFIG",
        "SET",
        "tls-ca-cert-file",
        &format!("{shown}/other.crt"),
    ])?;
    redis.ask(&["CONFIG", "SET", "tls-auth-clients", "yes"])?;
    let server = start(env, &conf(way, ""))?;
    server.wait_log("alert certificate required", NOTICED)?;
    expect_answer(&server, "a.test", "404")?;
    server.stop()?;
    let own = format!("{way} tls_cert={shown}/other.crt tls_key={shown}/other.key");
    let server = start(env, &conf(&own, ""))?;
    wait_answer(&server, "a.test", "one")?;
    server.stop()?;
    redis.ask(&["CONFIG", "SET", "tls-auth-clients", "no"])?;
    Ok(())
}

pub(super) fn replica_of(master: &Redis) -> Result<Redis, String> {
    let replica = Redis::start(&[
        &format!("replicaof 127.0.0.1 {}", master.port()),
        "repl-diskless-sync-delay 0",
    ])?;
    let is_up = || {
        replica
            .ask(&["INFO", "replication"])
            .ok()?
            .contains("master_link_status:up")
            .then_some(())
    };
    poll::until(NOTICED, is_up).ok_or("the replica does not come up")?;
    Ok(replica)
}

/// Waits, however long a failover takes.
fn wait_late(server: &Server, host: &str, wanted: &str) -> Result<(), String> {
    let shows = || (answer(server, host).ok()? == wanted).then_some(());
    poll::until(NOTICED.saturating_mul(2), shows)
        .ok_or_else(|| format!("{host} did not become {wanted}"))
}

/// Several servers: when the first is lost, the next serves, and the table is not touched.
pub(super) fn several(env: &Env) -> Result<(), String> {
    let mut first = Redis::start(&[])?;
    let (one, two) = (Backend::http("one")?, Backend::http("two")?);
    first.route("a.test", &[&url(one.port())])?;
    let second = replica_of(&first)?;
    let way = format!("{} {}", at(&first), at(&second));
    let server = start(env, &conf(&way, ""))?;
    wait_answer(&server, "a.test", "one")?;
    let load = Load::start(server.port(0), "/", "Host: a.test", 2, 200);
    first.kill();
    second.ask(&["REPLICAOF", "NO", "ONE"])?;
    server.wait_log(
        &format!("redis 127.0.0.1:{} is back: ", second.port()),
        NOTICED,
    )?;
    second.route("b.test", &[&url(two.port())])?;
    wait_answer(&server, "b.test", "two")?;
    let tally = load.stop();
    if tally.bad > 0 {
        return Err(format!("requests failed: {tally:?}"));
    }
    server.stop()
}

/// A Sentinel whose answer never ends is left for the next one.
pub(super) fn dribbling(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[])?;
    let one = Backend::http("one")?;
    redis.route("a.test", &[&url(one.port())])?;
    let sentinel = Redis::start(&[&format!(
        "sentinel monitor main 127.0.0.1 {} 1",
        redis.port()
    )])?;
    let (first, second) = (dribble()?, sentinel.port());
    let way = format!("127.0.0.1:{first} 127.0.0.1:{second} sentinel=main");
    let server = start(env, &conf(&way, ""))?;
    wait_answer(&server, "a.test", "one")?;
    let line =
        format!(r"redis 127.0.0.1:{first} not available, .*\(as a Sentinel: does not answer\)");
    server.wait_log(&line, NOTICED)?;
    server.stop()
}

/// A Sentinel that wants a password, with the rights that are documented.
pub(super) fn sentinel_login(env: &Env) -> Result<(), String> {
    let redis = Redis::start(&[])?;
    let one = Backend::http("one")?;
    redis.route("a.test", &[&url(one.port())])?;
    let sentinel = Redis::start(&[
        &format!("sentinel monitor main 127.0.0.1 {} 1", redis.port()),
        "requirepass other-word",
        "user gate on >s3cr3t-word -@all +hello +sentinel|get-master-addr-by-name",
    ])?;
    let way = format!("{} sentinel=main", at(&sentinel));
    for login in [
        "sentinel_user=gate sentinel_password_file=pass",
        "sentinel_password_file=other",
    ] {
        let server = Setup::new(env)?
            .file("conf/pass", b"s3cr3t-word\n")?
            .file("conf/other", b"other-word\n")?
            .start(&conf(&format!("{way} {login}"), ""))?;
        wait_answer(&server, "a.test", "one")?;
        if server.log().contains("-word") {
            return Err("a password is in the log".into());
        }
        server.stop()?;
    }
    let server = start(env, &conf(&way, ""))?;
    server.wait_log(r"\(as a Sentinel: .*NOAUTH", NOTICED)?;
    server.stop()
}

/// A Sentinel that knows both.
pub(super) fn sentinel_of(master: &Redis, replica: &Redis) -> Result<Redis, String> {
    let sentinel = Redis::start(&[
        &format!("sentinel monitor main 127.0.0.1 {} 1", master.port()),
        "sentinel down-after-milliseconds main 1000",
        "sentinel failover-timeout main 5000",
    ])?;
    // It learns of replicas every ten seconds.
    let knows = || {
        let answer = sentinel.ask(&["SENTINEL", "replicas", "main"]).ok()?;
        answer.contains(&replica.port().to_string()).then_some(())
    };
    poll::until(NOTICED, knows).ok_or("the Sentinel knows no replica")?;
    Ok(sentinel)
}

/// Three nginx, a master with a replica, and a Sentinel through a failover.
pub(super) fn failover(env: &Env) -> Result<(), String> {
    let mut master = Redis::start(&[])?;
    let (one, two) = (Backend::http("one")?, Backend::http("two")?);
    master.route("a.test", &[&url(one.port())])?;
    let replica = replica_of(&master)?;
    let sentinel = sentinel_of(&master, &replica)?;
    let way = format!("127.0.0.1:1 {} sentinel=main", at(&sentinel));
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(start(env, &conf(&way, ""))?);
    }
    let mut loads = Vec::new();
    for server in &servers {
        wait_answer(server, "a.test", "one")?;
        loads.push(Load::start(server.port(0), "/", "Host: a.test", 1, 200));
    }
    master.kill();
    for server in &servers {
        server.wait_log(&format!("redis 127.0.0.1:{} lost", master.port()), NOTICED)?;
        let back = format!("redis 127.0.0.1:{} is back: 1 route", replica.port());
        server.wait_log(&back, NOTICED.saturating_mul(2))?;
    }
    replica.route("b.test", &[&url(two.port())])?;
    for server in &servers {
        wait_late(server, "b.test", "two")?;
    }
    // The old master comes back as a replica, and nobody follows it.
    master.run()?;
    for load in loads {
        let tally = load.stop();
        if tally.bad > 0 {
            return Err(format!("requests failed: {tally:?}"));
        }
    }
    servers.into_iter().try_for_each(Server::stop)
}
