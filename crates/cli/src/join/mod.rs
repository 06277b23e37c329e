//! `gatehouse join`: runs a command, and keeps it registered at an nginx while it runs.

mod address;
mod keeper;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use crate::Failure;
use crate::http::{self, Client};
use keeper::{Keeper, Wanted};

/// Run a command, and register it as a backend while it runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where nginx takes registrations: http://HOST[:PORT]/PATH.
    url: String,
    /// The host that the command serves.
    #[arg(long)]
    host: String,
    /// The port that it listens at.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// A file with the key of the registration.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// How long nginx keeps the registration when it hears nothing; it is renewed after a third of that.
    #[arg(long, default_value = "10s", value_parser = ttl)]
    ttl: Duration,
    /// The command and its arguments, behind `--`.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

fn ttl(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|e| e.to_string())?;
    if time < Duration::from_secs(1) {
        return Err("at least 1s".into());
    }
    Ok(time)
}

/// What happens while the command runs.
enum Event {
    /// Somebody has signalled this program.
    Signalled(Signal),
    /// The command has ended, or cannot be waited for.
    Ended(std::io::Result<ExitStatus>),
}

/// The longest that connecting, sending a request, the head of an answer and its body may take, each.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest that the end of a registration may hold a signal up.
const FAREWELL: Duration = Duration::from_secs(3);

/// Runs the command; its exit code.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let address = address::parse(&arguments.url).map_err(Failure::Wrong)?;
    let client = client(arguments.key_file.as_deref())?;
    let (send, events) = mpsc::channel();
    watch_signals(send.clone())?;
    let child = start(&arguments.command)?;
    // A process number fits.
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    watch_child(child, send);
    let wanted = Wanted {
        host: arguments.host.clone(),
        port: arguments.port,
        ttl: arguments.ttl,
    };
    let keeper = Keeper::start(client, &address, wanted);
    let status = wait(&events, pid, keeper);
    status
        .map(exit_code)
        .map_err(|e| Failure::Wrong(format!("the command cannot be waited for: {e}")))
}

/// One connection for each request, and each has an end: whoever is to leave must not wait for an old answer.
fn client(key_file: Option<&Path>) -> Result<Client, Failure> {
    let settings = http::settings()
        .timeout_connect(Some(PATIENCE))
        .timeout_send_request(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_recv_body(Some(PATIENCE))
        .max_idle_connections(0);
    Client::new(settings.build(), key_file)
}

fn start(command: &[String]) -> Result<Child, Failure> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| Failure::Wrong("no command".into()))?;
    // The command must not inherit the mask of signals that this program waits for: it gets that of the thread it is
    // begun in.
    let begin = || {
        watched().thread_unblock()?;
        Command::new(program).args(arguments).spawn()
    };
    let child = thread::scope(|scope| scope.spawn(begin).join());
    let child = child.unwrap_or_else(|_| Err(std::io::Error::other("it cannot be started")));
    child.map_err(|e| Failure::Wrong(format!("{program}: {e}")))
}

/// Waits for the command. Before a signal is passed on the registration ends, so that no request meets a command that is
/// about to go.
fn wait(events: &Receiver<Event>, pid: Pid, keeper: Keeper) -> std::io::Result<ExitStatus> {
    let mut keeper = Some(keeper);
    let mut leave = || {
        if let Some(keeper) = keeper.take() {
            keeper.leave(FAREWELL);
        }
    };
    loop {
        match events.recv() {
            Ok(Event::Signalled(signal)) => {
                leave();
                // It may have ended just now.
                let _ = kill(pid, signal);
            }
            Ok(Event::Ended(status)) => {
                leave();
                return status;
            }
            Err(error) => return Err(std::io::Error::other(error)),
        }
    }
}

/// The command's own exit code; for one that a signal has ended, what a shell says.
fn exit_code(status: ExitStatus) -> ExitCode {
    let signalled = || status.signal().map(|signal| signal.saturating_add(128));
    let code = status.code().or_else(signalled).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// The signals that are passed on.
fn watched() -> SigSet {
    let mut signals = SigSet::empty();
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGHUP,
    ] {
        signals.add(signal);
    }
    signals
}

/// Has signals wait for a thread of their own: every thread begun later leaves them alone.
fn watch_signals(events: Sender<Event>) -> Result<(), Failure> {
    let signals = watched();
    let blocked = signals.thread_block();
    blocked.map_err(|e| Failure::Wrong(format!("signals cannot be waited for: {e}")))?;
    thread::spawn(move || {
        while let Ok(signal) = signals.wait() {
            if events.send(Event::Signalled(signal)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn watch_child(mut child: Child, events: Sender<Event>) {
    thread::spawn(move || {
        // Nobody listens any more when the program ends.
        let _ = events.send(Event::Ended(child.wait()));
    });
}
