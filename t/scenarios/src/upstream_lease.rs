//! One worker feeds the upstream table: what happens when it goes away or stands still.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::Setup;
use nix::sys::signal::Signal;

use crate::upstream_site::{
    SOON, TAKEN_OVER, conf, expect_value, lines, routes, wait_value, writer_of,
};

/// A worker that is going away feeds nobody: another one goes on at once, not when the lease runs out.
pub(super) fn exiting(env: &Env) -> Result<(), String> {
    let echo = Backend::echo()?;
    let mut server = Setup::new(env)?
        .file("conf/apps.json", &routes(echo.port(), "0"))?
        .start(&conf("worker_processes 3;").replace(
            "proxy_set_header Host",
            "proxy_set_header X-Worker w$pid.; proxy_set_header Host",
        ))?;
    server.allow("exited on signal");
    server.write_file("conf/apps.json", &routes(echo.port(), "1"))?;
    let line = server.wait_log(r#"apps\.json": 1 route, 1 changed"#, SOON)?;
    let feeder = writer_of(&line).ok_or("no process id in the log")?;
    // An open connection keeps the feeder while it shuts down.
    let mut clients = Vec::new();
    let mark = format!("X-Worker: w{feeder}.");
    let held = || {
        let mut client = server.websocket("/", "Host: a.test").ok()?;
        client.send_text("?headers").ok()?;
        let head = client.recv_text().ok()?;
        clients.push(client);
        head.contains(&mark).then_some(())
    };
    poll::until(SOON, held).ok_or("no connection came to the feeding worker")?;
    process::send(feeder, Signal::SIGQUIT)?;
    server.wait_log(&format!(r"{feeder}#\d+: gracefully shutting down"), SOON)?;
    server.write_file("conf/apps.json", &routes(echo.port(), "2"))?;
    // The lease alone would last three seconds.
    wait_value(&server, "a.test", "2", Duration::from_millis(2_500))?;
    let log = server.log();
    let by = log.lines().filter(|l| l.contains("1 route, 1 changed"));
    if by
        .filter_map(writer_of)
        .filter(|pid| *pid == feeder)
        .count()
        != 1
    {
        return Err("the worker that goes away feeds the table".into());
    }
    drop(clients);
    server.stop()
}

/// A worker that stood still at the lock while another one took over writes nothing any more.
pub(super) fn stopped(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let hooked =
        conf("worker_processes 2;").replace("access_log", "test_stop_feeder stop; access_log");
    let server = Setup::new(env)?
        .file("conf/apps.json", &routes(a.port(), "1"))?
        .start(&hooked)?;
    server.write_file("conf/apps.json", &routes(a.port(), "2"))?;
    let line = server.wait_log(r#"apps\.json": 1 route, 1 changed"#, SOON)?;
    let feeder = writer_of(&line).ok_or("no process id in the log")?;
    let stop = server.root().join("conf/stop");
    fs::write(&stop, b"").map_err(|e| e.to_string())?;
    fs::set_permissions(server.root().join("conf"), Permissions::from_mode(0o777))
        .map_err(|e| e.to_string())?;
    server.write_file("conf/apps.json", &routes(a.port(), "3"))?;
    let still = || (!stop.exists()).then_some(());
    poll::until(SOON, still).ok_or("the feeder did not stop")?;
    server.write_file("conf/apps.json", &routes(a.port(), "4"))?;
    // From the one worker that still answers: a connection to the other one waits.
    server.wait_log(r#"apps\.json": 1 route, 1 changed.*"#, SOON)?;
    let fed = || {
        let log = server.log();
        let by = log.lines().filter(|l| l.contains("1 route, 1 changed"));
        by.filter_map(writer_of)
            .any(|pid| pid != feeder)
            .then_some(())
    };
    let taken_over = poll::until(TAKEN_OVER, fed).ok_or("no other worker took over");
    process::send(feeder, Signal::SIGCONT)?;
    taken_over?;
    expect_value(&server, "a.test", "4", "after the stopped feeder went on")?;
    // It has seen that it lost the lease when it can be taken from the other one.
    let other = server.worker_pids().into_iter().find(|pid| *pid != feeder);
    process::send(other.ok_or("no other worker")?, Signal::SIGQUIT)?;
    server.write_file("conf/apps.json", &routes(a.port(), "5"))?;
    wait_value(&server, "a.test", "5", TAKEN_OVER)?;
    // The line about a change comes after the change itself.
    let told = || lines(&server, "1 route, 1 changed") >= 3;
    poll::until(SOON, || told().then_some(())).ok_or("a change without its line")?;
    if lines(&server, "1 route, 1 changed") != 3 {
        return Err("the feeder that stood still changed the table".into());
    }
    server.stop()
}
