//! Names that tasks ask for: addresses and how long they hold, services, what fails and how it reads, and that
//! a worker goes though nobody has answered.

use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

use crate::name_server::{NameServer, Said};

const CONF: &str = "http {
    RESOLVER
    test_task resolve one.test;
    test_task resolve two.test.;
    test_task resolve 192.0.2.7;
    test_task resolve [2001:db8::1];
    test_task resolve six.test;
    test_task resolve none.test;
    test_task resolve empty.test;
    test_task resolve refused.test;
    test_task resolve failing.test;
    test_task resolve silent.test;
    test_task service shop.test http;
    test_task hasty_resolve silent.test;
    test_task hasty_resolve quiet.test;
    test_task hasty_service quiet.test http;
    test_task service none.test http;
    server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; }
}";

const SOON: Duration = Duration::from_secs(8);

/// The `resolver` of the configuration.
pub(super) fn configured(env: &Env) -> Result<(), String> {
    let names = NameServer::start(("127.0.0.1", 0))?;
    let resolver = format!(
        "resolver {} ipv6=off; resolver_timeout 1s;",
        names.address()
    );
    let server = start(env, &resolver)?;
    says(&server, r"one.test for (599|600) s: 127.0.0.5:0 0/0$")?;
    says(
        &server,
        r"two.test. for [012] s: 127.0.0.[67]:0 0/0 127.0.0.[67]:0 0/0$",
    )?;
    says(&server, r"192.0.2.7 for \d+ s: 192.0.2.7:0 0/0$")?;
    says(
        &server,
        r"\[2001:db8::1\] for \d+ s: \[2001:db8::1\]:0 0/0$",
    )?;
    says(&server, r"none.test: host not found \[NotFound\]")?;
    says(&server, r"empty.test: host not found \[NotFound\]")?;
    says(
        &server,
        r"refused.test: the name server refuses \[Refused\]",
    )?;
    says(
        &server,
        r"failing.test: the name server failed \[ServerFailed\]",
    )?;
    says(
        &server,
        r"silent.test: the name server timed out \[TimedOut\]",
    )?;
    says(&server, r"silent.test: given up")?;
    says(&server, r"quiet.test: given up")?;
    says(&server, r"shop.test for \d+ s:.* 127.0.0.5:8080 10/3")?;
    says(&server, r"shop.test for \d+ s:.* 127.0.0.[67]:8081 20/1")?;
    asked_again_when_it_ends(&server, &names)?;
    leaves(&server)?;
    server.stop()
}

/// Without one, the servers of a file like /etc/resolv.conf.
pub(super) fn system(env: &Env) -> Result<(), String> {
    let names = NameServer::start(("127.77.0.1", 53))?;
    let six = "2001:db8::5".parse().map_err(|_| "no address")?;
    names.say("six.test", Said::Addresses(600, vec![six]));
    let server = Setup::new(env)?
        .log_level("notice")
        .file(
            "conf/resolv.conf",
            b"# nameserver 127.77.0.9\nsearch test\nnameserver 127.77.0.1\noptions ndots:1\n",
        )?
        .start(&CONF.replace("RESOLVER", "test_resolver resolv.conf;"))?;
    says(&server, r"one.test for (599|600) s: 127.0.0.5:0 0/0$")?;
    says(&server, r"six.test for (599|600) s: \[2001:db8::5\]:0 0/0$")?;
    says(&server, r"none.test: host not found \[NotFound\]")?;
    says(
        &server,
        r"silent.test: the name server timed out \[TimedOut\]",
    )?;
    drop(names);
    leaves(&server)?;
    server.stop()
}

/// Without a `resolver` the name servers of this machine are asked, whatever they say: nginx has a resolver for such a
/// configuration, too, which can ask nobody.
pub(super) fn none(env: &Env) -> Result<(), String> {
    let conf = "http {
        test_task hasty_resolve none.invalid;
        server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; }
    }";
    let server = Setup::new(env)?.log_level("notice").start(conf)?;
    let line = server.wait_log("test_task: none.invalid: ", SOON)?;
    if line.contains("could not be asked for") {
        return Err(format!("nobody is asked: {line}"));
    }
    server.stop()
}

/// What nobody waits for any more is taken back, and leaves nothing behind.
pub(super) fn given_up(env: &Env) -> Result<(), String> {
    let names = NameServer::start(("127.0.0.1", 0))?;
    let conf = format!(
        "http {{
            resolver {} ipv6=off; resolver_timeout 30s;
            test_task hasty_resolve quiet.test;
            server {{ listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; }}
        }}",
        names.address()
    );
    let server = Setup::new(env)?.log_level("notice").start(&conf)?;
    let counts = || {
        let log = server.log();
        let times = log.matches("quiet.test: given up").count();
        (times >= 20).then_some(log)
    };
    let log = poll::until(SOON, counts).ok_or("questions are not given up")?;
    let is_more = |line: &&str| line.contains("given up, ") && !line.contains("given up, 0 open");
    match log.lines().find(is_more) {
        None => server.stop(),
        Some(line) => Err(format!("questions are kept: {line}")),
    }
}

fn start(env: &Env, resolver: &str) -> Result<Server, String> {
    Setup::new(env)?
        .log_level("notice")
        .start(&CONF.replace("RESOLVER", resolver))
}

fn says(server: &Server, pattern: &str) -> Result<(), String> {
    server
        .wait_log(&format!("test_task: {pattern}"), SOON)
        .map(|_| ())
}

/// nginx keeps an answer as long as it holds, and no longer.
fn asked_again_when_it_ends(server: &Server, names: &NameServer) -> Result<(), String> {
    let before = names.asked("two.test");
    poll::until(SOON, || (names.asked("two.test") > before).then_some(()))
        .ok_or("two.test is not asked for again when its 2 seconds are over")?;
    match names.asked("one.test") {
        1 => Ok(()),
        count => Err(format!(
            "one.test, which holds for ten minutes, was asked for {count} times\n{}",
            server.log()
        )),
    }
}

/// The worker goes with its questions unanswered, and leaves nothing.
fn leaves(server: &Server) -> Result<(), String> {
    let workers = server.worker_pids();
    server.reload()?;
    for worker in workers {
        server.wait_log(&format!("worker process {worker} exited with code 0"), SOON)?;
        server.wait_log(
            &format!(r"{worker}#0: test_task: resolve has ended, shutting down"),
            SOON,
        )?;
    }
    says(server, "silent.test: the name server timed out")
}
