//! What a worker knows about processes: who is alive, also where a number is used again or its process waits for its
//! parent, who a worker is, and that nginx's helpers are none.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

const CONF: &str = "worker_processes 1;
http {
    test_process $TEST_NGINX_GONE $TEST_NGINX_ENDED $TEST_NGINX_LIVES;
    proxy_cache_path $TEST_NGINX_SERVROOT/cache keys_zone=cache:1m;
    server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; }
}";

const SOON: Duration = Duration::from_secs(8);

pub(super) fn run(env: &Env) -> Result<(), String> {
    let gone = gone()?;
    let ended = Ended::new()?;
    let server = Setup::new(env)?
        .log_level("notice")
        .name("GONE", &gone.to_string())
        .name("ENDED", &ended.0.id().to_string())
        .name("LIVES", &std::process::id().to_string())
        .start(CONF)?;
    let lives = std::process::id();
    for (pid, is_alive) in [(gone, false), (ended.0.id(), false), (lives, true)] {
        says(&server, &format!("{pid} is alive: {is_alive}"))?;
    }
    says(
        &server,
        r"itself: alive beside each of them \[true, true, false\], with a beginning true, of another beginning false, of any true",
    )?;
    says(&server, "runs as announced: true")?;
    says(&server, "begins as Worker")?;
    // The helper has its name when it has begun.
    let begun = || has_helper(server.master_pid()).then_some(());
    poll::until(SOON, begun).ok_or("nginx has no cache manager")?;
    match server.log().matches("begins as").count() {
        1 => server.stop(),
        count => Err(format!("{count} processes begin as one worker would")),
    }
}

fn says(server: &Server, pattern: &str) -> Result<(), String> {
    server
        .wait_log(&format!("test_process: {pattern}"), SOON)
        .map(|_| ())
}

/// The number of a process that has been waited for.
fn gone() -> Result<u32, String> {
    let mut child = child()?;
    child.wait().map_err(|e| e.to_string())?;
    Ok(child.id())
}

fn child() -> Result<Child, String> {
    Command::new("true").spawn().map_err(|e| e.to_string())
}

/// A process that has ended and that nobody has waited for so far.
struct Ended(Child);

impl Ended {
    fn new() -> Result<Self, String> {
        let ended = Self(child()?);
        let stat = format!("/proc/{}/stat", ended.0.id());
        let has_ended = || {
            let stat = fs::read_to_string(&stat).ok()?;
            stat.contains(") Z ").then_some(())
        };
        poll::until(SOON, has_ended).ok_or("`true` does not end")?;
        Ok(ended)
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.wait();
    }
}

/// Whether a master has a cache manager.
fn has_helper(master: u32) -> bool {
    let children = format!("/proc/{master}/task/{master}/children");
    let children = fs::read_to_string(children).unwrap_or_default();
    children.split_whitespace().any(|pid| {
        let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&title).starts_with("nginx: cache manager")
    })
}
