//! Tasks on nginx's loop: they run beside requests, a panic costs one task, and all of them end when their
//! worker is told to go.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

const CONF: &str = "http {
    test_task sleep;
    test_task panic;
    test_task wake;
    test_task busy;
    test_task end;
    test_task thread;
    test_task tick;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location = /wait { test_wait sleep 1500; test_content made; }
        location / { return 200 \"fine\"; }
    }
}";

const SOON: Duration = Duration::from_secs(5);

pub(super) fn run(env: &Env) -> Result<(), String> {
    let mut server = Setup::new(env)?.log_level("notice").start(CONF)?;
    server.allow("test_task panic, while testing a task");
    server.allow("test_task end, while ending");
    let worker = one_worker(&server)?;
    server.wait_log("slept three times, long enough: true", SOON)?;
    server.wait_log("an hour is cut short", SOON)?;
    server.wait_log("on another thread a task begins: false", SOON)?;
    woken_later(&server)?;
    panic_costs_one_task(&server)?;
    if server.get("/", "")?.text() != "fine" || server.worker_pids() != [worker] {
        return Err("the worker does not serve beside its tasks".into());
    }
    let waiting = Waiting::begin(&server)?;
    server.reload()?;
    ended(&server, worker)?;
    rests(worker)?;
    waiting.end(&server, worker)?;
    server.wait_log(
        &format!(r"worker process {worker} exited with code 0"),
        SOON,
    )?;
    let gone = || (!server.worker_pids().contains(&worker)).then_some(());
    poll::until(SOON, gone).ok_or("the worker is kept alive by its tasks")?;
    let next = one_worker(&server)?;
    server.wait_log(&format!(r"{next}#0: test_task: slept three times"), SOON)?;
    server.stop()
}

fn one_worker(server: &Server) -> Result<u32, String> {
    match server.worker_pids().as_slice() {
        [pid] => Ok(*pid),
        others => Err(format!("{} workers instead of one", others.len())),
    }
}

/// A task is polled after whoever woke it has gone on, once for two wakes.
fn woken_later(server: &Server) -> Result<(), String> {
    server.wait_log("the other one has run", SOON)?;
    let log = server.log();
    let (woke, ran) = (
        log.find("woke the other one"),
        log.find("the other one has run"),
    );
    if woke < ran && log.matches("the other one has run").count() == 1 {
        Ok(())
    } else {
        Err(format!(
            "the other task ran on its waker's stack, or twice\n{log}"
        ))
    }
}

fn panic_costs_one_task(server: &Server) -> Result<(), String> {
    server.wait_log(r"test_task: panic has ended", SOON)?;
    server.wait_log(r"\[alert\].*test_task panic, while testing a task", SOON)?;
    match server.log().matches("[alert]").count() {
        1 => Ok(()),
        count => Err(format!("{count} alerts for one panic")),
    }
}

/// The worker of the configuration before has ended its tasks, and began none.
fn ended(server: &Server, worker: u32) -> Result<(), String> {
    for task in ["sleep", "busy"] {
        let line = format!(r"{worker}#0: test_task: {task} has ended, shutting down");
        server.wait_log(&line, SOON)?;
    }
    let line = format!(r"{worker}#0: test_task: another one begins at the end: false");
    server.wait_log(&line, SOON)?;
    // Its panic is its own: the others have ended all the same.
    server.wait_log("test_task end, while ending", SOON)?;
    if server.log().contains("while ending tasks") {
        return Err("a task's panic at its end is not caught where the task ends".into());
    }
    if server.log().contains("ran too late") {
        return Err("a task began in a worker that ends".into());
    }
    Ok(())
}

/// A worker that only waits for its requests does not tick.
fn rests(worker: u32) -> Result<(), String> {
    let turns = || -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{worker}/status")).ok()?;
        let field = "voluntary_ctxt_switches:";
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().parse().ok()
    };
    let counted = || -> Option<u64> {
        let before = turns()?;
        thread::sleep(Duration::from_millis(300));
        turns()?.checked_sub(before)
    };
    match counted() {
        Some(turns) if turns < 50 => Ok(()),
        other => Err(format!("a worker that goes has taken turns: {other:?}")),
    }
}

/// A client whose request keeps its worker.
struct Waiting(TcpStream);

impl Waiting {
    fn begin(server: &Server) -> Result<Self, String> {
        let mut stream =
            TcpStream::connect(("127.0.0.1", server.port(0))).map_err(|e| e.to_string())?;
        stream
            .write_all(b"GET /wait HTTP/1.0\r\n\r\n")
            .map_err(|e| e.to_string())?;
        // Connections are accepted in their order: when this one is answered, the other one waits.
        server.get("/", "")?;
        Ok(Self(stream))
    }

    /// The tasks ended when the worker was told to go, and not with it: before this request was answered.
    fn end(mut self, server: &Server, worker: u32) -> Result<(), String> {
        let mut answer = String::new();
        self.0
            .read_to_string(&mut answer)
            .map_err(|e| e.to_string())?;
        if !answer.starts_with("HTTP/1.1 200 ") {
            return Err(format!("who waited was answered `{answer}`"));
        }
        server.wait_log(&format!("{worker}#0: test_wait: sleep is over"), SOON)?;
        let log = server.log();
        let at = |what: &str| log.find(&format!("{worker}#0: {what}"));
        if at("test_task: sleep has ended") < at("test_wait: sleep is over") {
            Ok(())
        } else {
            Err("the tasks ended with their worker, not when it was told to go".into())
        }
    }
}
