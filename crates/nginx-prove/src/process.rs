//! One nginx: start it, wait until it serves, quit it. Only processes started here are ever signalled.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::env::Env;
use crate::poll;

const START_DEADLINE: Duration = Duration::from_secs(10);
const QUIT_DEADLINE: Duration = Duration::from_secs(5);
const KILL_DEADLINE: Duration = Duration::from_secs(3);

/// nginx misses a signal that comes while it is still starting (it looks at its flags after the next one).
const SIGNAL_AGAIN: Duration = Duration::from_millis(300);

/// The masters that run now, for [`stop_all`].
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A running nginx master, killed when dropped.
#[derive(Debug)]
pub struct Nginx {
    pid: u32,
    /// None for one that is no child of ours: a daemon, or the master that an upgrade has started.
    child: Option<Child>,
    root: PathBuf,
}

/// How a start ended.
#[derive(Debug)]
pub enum Start {
    /// It accepts connections.
    Ready(Nginx),
    /// It exited with this status.
    Exited(ExitStatus),
}

impl Nginx {
    /// Starts nginx with `root` as prefix and `root/conf/nginx.conf`, and waits until it listens or exits.
    ///
    /// # Errors
    /// It cannot be run, or does neither within ten seconds.
    pub fn start(env: &Env, root: &Path, extra_env: &[(String, String)]) -> Result<Start, String> {
        let mut nginx = Nginx::spawn(command(env, root, extra_env, &[])?, root)?;
        let outcome = poll::until(START_DEADLINE, || match nginx.exit_status() {
            Some(status) => Some(Some(status)),
            None => nginx.has_pid_file().then_some(None),
        });
        match outcome {
            Some(Some(status)) => Ok(Start::Exited(status)),
            Some(None) => Ok(Start::Ready(nginx)),
            None => Err(format!(
                "nginx neither started nor exited within {} s",
                START_DEADLINE.as_secs()
            )),
        }
    }

    fn spawn(mut command: Command, root: &Path) -> Result<Nginx, String> {
        // Held over the start, so that `stop_all` sees every child.
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command
            .spawn()
            .map_err(|e| format!("cannot start nginx: {e}"))?;
        running.insert(child.id());
        Ok(Nginx {
            pid: child.id(),
            child: Some(child),
            root: root.to_owned(),
        })
    }

    /// Runs an nginx whose configuration says `daemon on`, and takes over the master it leaves.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_daemon(
        env: &Env,
        root: &Path,
        extra_env: &[(String, String)],
    ) -> Result<Nginx, String> {
        let status = command(env, root, extra_env, &[])?
            .status()
            .map_err(|e| format!("cannot start nginx: {e}"))?;
        if !status.success() {
            return Err(format!("nginx did not start: {status}"));
        }
        // The daemon writes its number when the process started here has ended.
        poll::until(START_DEADLINE, || Nginx::of_pid_file(root).ok())
            .ok_or_else(|| "nginx wrote no pid file".to_owned())
    }

    /// The master that the pid file names; it must have been started by a server of ours.
    ///
    /// # Errors
    /// No pid file.
    pub fn of_pid_file(root: &Path) -> Result<Nginx, String> {
        let path = root.join("logs/nginx.pid");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let pid = text.strip_suffix('\n').unwrap_or_default().parse();
        let pid = pid.map_err(|_| format!("`{text}` is no process id"))?;
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(pid);
        Ok(Nginx {
            pid,
            child: None,
            root: root.to_owned(),
        })
    }

    /// How it ended; a success for one that is no child of ours. None: it runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        match &mut self.child {
            Some(child) => child.try_wait().ok().flatten(),
            None => ended(self.pid).then(ExitStatus::default),
        }
    }

    /// Runs `nginx -t` on the same files.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn test_config(
        env: &Env,
        root: &Path,
        extra_env: &[(String, String)],
    ) -> Result<ExitStatus, String> {
        command(env, root, extra_env, &["-t"])?
            .status()
            .map_err(|e| format!("cannot run nginx -t: {e}"))
    }

    /// nginx writes its pid file once it listens, before it starts workers.
    fn has_pid_file(&self) -> bool {
        fs::read(self.root.join("logs/nginx.pid")).is_ok_and(|text| text.ends_with(b"\n"))
    }

    /// The master's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The ids of its worker processes that are not shutting down.
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        children(self.pid())
            .into_iter()
            .filter(|pid| is_worker(*pid))
            .collect()
    }

    /// Its child processes, those among them that are not called workers yet, when it has started all it wants and waits
    /// for a signal.
    #[must_use]
    pub fn settled_children(&self) -> Option<Vec<u32>> {
        (process_state(self.pid) == Some('S')).then(|| children(self.pid))
    }

    /// Sends the master a signal.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, signal: Signal) -> Result<(), String> {
        send(self.pid(), signal)
    }

    /// Quits gracefully.
    ///
    /// # Errors
    /// It had exited before, did not quit in time (it is killed then), or ended with a failure.
    pub fn quit(mut self) -> Result<(), String> {
        if let Some(status) = self.exit_status() {
            return Err(format!(
                "nginx was gone before it was told to quit: {status}"
            ));
        }
        match self.end(Signal::SIGQUIT, QUIT_DEADLINE) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("nginx quit with {status}")),
            None => Err(format!(
                "nginx did not quit within {} s of SIGQUIT",
                QUIT_DEADLINE.as_secs()
            )),
        }
    }

    /// Sends a signal, and again while it does not exit.
    fn end(&mut self, signal: Signal, deadline: Duration) -> Option<ExitStatus> {
        let mut sent: Option<Instant> = None;
        poll::until(deadline, || {
            let exited = self.exit_status();
            if exited.is_none() && sent.is_none_or(|at| at.elapsed() > SIGNAL_AGAIN) {
                let _ = send(self.pid, signal);
                sent = Some(Instant::now());
            }
            exited
        })
    }

    /// Ends it by force, with its workers.
    fn kill(&mut self) {
        if self.exit_status().is_some() {
            return;
        }
        let workers = children(self.pid());
        if self.end(Signal::SIGTERM, KILL_DEADLINE).is_some() {
            return;
        }
        let _ = send(self.pid, Signal::SIGKILL);
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
        for pid in workers.into_iter().filter(|pid| is_nginx(*pid)) {
            let _ = send(pid, Signal::SIGKILL);
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
        RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.pid);
    }
}

/// Ends every nginx this process has started, for a runner that was told to stop. No other starts after it.
pub fn stop_all() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let ended = poll::until(KILL_DEADLINE, || {
        let left: Vec<u32> = running.iter().copied().filter(|pid| !ended(*pid)).collect();
        for pid in &left {
            let _ = send(*pid, Signal::SIGTERM);
        }
        left.is_empty().then_some(())
    });
    if ended.is_none() {
        for pid in running.iter() {
            let _ = send(*pid, Signal::SIGKILL);
        }
    }
    // Never released: the process is about to exit.
    std::mem::forget(running);
}

/// Whether a process has ended; nobody need have waited for it.
#[must_use]
pub fn ended(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists() || process_state(pid) == Some('Z')
}

/// Sends a signal to one process.
///
/// # Errors
/// It is gone.
pub fn send(pid: u32, signal: Signal) -> Result<(), String> {
    let raw = i32::try_from(pid).map_err(|e| e.to_string())?;
    kill(Pid::from_raw(raw), signal).map_err(|e| format!("cannot signal process {pid}: {e}"))
}

/// nginx is started through `setpriv --pdeathsig`, so that it ends with the runner however that ends.
fn command(
    env: &Env,
    root: &Path,
    extra_env: &[(String, String)],
    args: &[&str],
) -> Result<Command, String> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(root.join("logs/stdio.log"))
        .map_err(|e| format!("logs/stdio.log: {e}"))?;
    let mut words: Vec<OsString> = Vec::new();
    let guard = Path::new("/usr/bin/setpriv");
    if guard.exists() {
        words.extend([
            guard.as_os_str().to_owned(),
            "--pdeathsig".into(),
            "TERM".into(),
        ]);
    }
    words.push(env.nginx.as_os_str().to_owned());
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().ok_or("no nginx")?);
    command
        .args(words)
        .arg("-p")
        .arg(root)
        .args(["-e", "logs/error.log", "-c", "conf/nginx.conf"])
        .args(args);
    command
        .envs(env.process_env.iter().cloned())
        .envs(extra_env.iter().cloned());
    command.current_dir(root).stdin(Stdio::null());
    command
        .stdout(log.try_clone().map_err(|e| e.to_string())?)
        .stderr(log);
    Ok(command)
}

/// Child processes of `pid`.
fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    match list {
        Ok(text) => text
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect(),
        Err(_) => children_by_scan(pid),
    }
}

/// The slow way, for kernels without `children` files.
fn children_by_scan(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name, in parentheses, may hold spaces.
    stat.rsplit(')')
        .next()?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// The state letter of a process, such as `Z` for one that has ended.
fn process_state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')')
        .next()?
        .split_whitespace()
        .next()?
        .chars()
        .next()
}

fn title(pid: u32) -> String {
    fs::read(format!("/proc/{pid}/cmdline"))
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .unwrap_or_default()
}

fn is_nginx(pid: u32) -> bool {
    title(pid).starts_with("nginx: ")
}

fn is_worker(pid: u32) -> bool {
    let title = title(pid);
    title.starts_with("nginx: worker process") && !title.contains("shutting down")
}
