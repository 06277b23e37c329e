//! nginx under callgrind, and the backend beside it.

use crate::client::Client;
use crate::conf::{Rig, free_port};
use crate::load::Load;
use std::net::TcpStream;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WARM_UP: usize = 1_200;
const SMALL: usize = 2_000;
const LARGE: usize = 4_000;
/// Requests that show whether nginx has other work, and how often they are sent at most.
const PROBE: usize = 200;
const PROBES: usize = 100;

/// What came of a run.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    /// Instructions per request.
    pub cost: i64,
    /// The same number for the same answers.
    pub answers: u64,
}

/// Where a run takes place: which job it belongs to, and how often it has been done before.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub job: usize,
    pub attempt: usize,
}

/// A process that ends with us.
pub(crate) struct Running(Child);

impl Running {
    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts what the proxied rows proxy to.
pub(crate) fn backend(rig: &Rig) -> Result<Running, String> {
    let root = fresh(&rig.work.join("backend"))?;
    write(&root.join("nginx.conf"), &rig.backend_conf())?;
    let running = start(Command::new(&rig.nginx), &root)?;
    wait_for(&format!("127.0.0.1:{}", rig.backend))?;
    Ok(running)
}

/// Starts an nginx with this configuration as it runs in life; also where it listens.
pub(crate) fn natively(rig: &Rig, name: &str, conf: &str) -> Result<(Running, String), String> {
    let root = fresh(&rig.work.join(name))?;
    let listen = format!("127.0.2.1:{}", free_port("127.0.2.1")?);
    write(&root.join("nginx.conf"), &conf.replace("{listen}", &listen))?;
    let server = start(Command::new(&rig.nginx), &root)?;
    wait_for(&listen)?;
    wait_at_rest(server.id())?;
    Ok((server, listen))
}

/// What a request of this load costs in an nginx with this configuration, in which `{listen}` is
/// not filled in yet. Each job has a directory and an address of its own, since they run beside each
/// other; each attempt has a directory of another length, since that moves the gaps of the heap.
pub(crate) fn measure(
    rig: &Rig,
    conf: &str,
    load: Load,
    expected: u16,
    place: Place,
) -> Result<Outcome, String> {
    let address = format!("127.0.1.{}", place.job);
    let listen = format!("{address}:{}", free_port(&address)?);
    let name = format!("job{}{}", place.job, "-again".repeat(place.attempt));
    let root = fresh(&rig.work.join(name))?;
    write(&root.join("nginx.conf"), &conf.replace("{listen}", &listen))?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--quiet", "--instr-atstart=no"])
        .arg(format!(
            "--callgrind-out-file={}",
            root.join("callgrind.out").display()
        ))
        .arg(&rig.nginx);
    let server = start(command, &root)?;
    wait_for(&listen)?;
    control(&server, &["--instr=on"])?;
    let mut dumps = 0;
    let mut batch = |client: &mut Client, requests: Range<usize>| -> Result<i64, String> {
        for n in requests {
            client.request(&load.target(n), &load.lines(n), expected)?;
        }
        control(&server, &["--dump"])?;
        dumps += 1;
        total(&root.join(format!("callgrind.out.{dumps}")))
    };
    wait_at_rest(server.0.id())?;
    let connect =
        || Client::connect(&listen).map(|client| client.with_sessions(load.has_sessions()));
    let mut first = connect()?;
    settled(|| batch(&mut first, 0..PROBE))?;
    let mut client = connect()?;
    let (warm, then) = (WARM_UP, WARM_UP + SMALL);
    batch(&mut client, 0..warm)?;
    let small = batch(&mut client, warm..then)?;
    let large = batch(&mut client, then..then + LARGE)?;
    Ok(Outcome {
        cost: (large - small) / (LARGE - SMALL) as i64,
        answers: client.bodies(),
    })
}

/// Waits until a process sleeps nearly all the time: a walk over a large table gives way to requests, and would be in the
/// cost of each. On a busy machine one that has work is seen to wait for a processor.
fn wait_at_rest(pid: u32) -> Result<(), String> {
    const LOOKS: usize = 20;
    let sleeps = || {
        std::thread::sleep(Duration::from_millis(25));
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.contains(") S ")
    };
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        if (0..LOOKS).filter(|_| sleeps()).count() + 2 >= LOOKS {
            return Ok(());
        }
    }
    Err("nginx is never at rest".to_owned())
}

/// Returns when the same requests cost the same twice: what only the first ones bring about is done.
fn settled(mut probe: impl FnMut() -> Result<i64, String>) -> Result<(), String> {
    let mut before = probe()?;
    for _ in 0..PROBES {
        let now = probe()?;
        if (now - before).abs() * 200 < before {
            return Ok(());
        }
        before = now;
    }
    Err("nginx never comes to rest".to_owned())
}

/// An empty directory with a place for logs.
fn fresh(root: &Path) -> Result<std::path::PathBuf, String> {
    let _ = std::fs::remove_dir_all(root);
    std::fs::create_dir_all(root.join("logs")).map_err(|e| e.to_string())?;
    Ok(root.to_owned())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn start(mut command: Command, root: &Path) -> Result<Running, String> {
    command
        .arg("-p")
        .arg(root)
        .arg("-c")
        .arg(root.join("nginx.conf"))
        .stdout(Stdio::null())
        .spawn()
        .map(Running)
        .map_err(|e| format!("{}: {e}", command.get_program().to_string_lossy()))
}

fn wait_for(address: &str) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(120);
    while Instant::now() < until {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!("nothing listens on {address}"))
}

/// Has callgrind count from now on, or write its counters and set them to zero.
fn control(server: &Running, words: &[&str]) -> Result<(), String> {
    let done = Command::new("callgrind_control")
        .args(words)
        .arg(server.0.id().to_string())
        .output()
        .map_err(|e| format!("callgrind_control: {e}"))?;
    if done.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

fn total(path: &Path) -> Result<i64, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let line = text.lines().find_map(|l| {
        l.strip_prefix("totals: ")
            .or_else(|| l.strip_prefix("summary: "))
    });
    line.and_then(|n| n.trim().parse().ok())
        .ok_or(format!("{}: no totals", path.display()))
}
