//! `test_process`: what a worker knows about processes, and who it is itself.

use crate::Gatehouse;
use crate::family::Family;
use gatehouse_nginx::ffi::log;
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::{Args, Conf, Contexts, Directive, Error, Level};
use std::sync::Mutex;

/// What this family brings; the reference does not tell.
pub(crate) const FAMILY: Family = Family {
    directives: DIRECTIVES,
    start_worker: |main| start_worker(&main.hooks.processes),
    ..Family::NONE
};

const DIRECTIVES: &[Directive<Gatehouse>] = &[Directive {
    name: c"test_process",
    syntax: "pid …",
    default: None,
    contexts: Contexts::MAIN,
    args: Args::OneOrMore,
    text: "When a worker begins: logs which of these processes are alive, what it makes of its own mark and of others with its number, and whether its user and group are those that its zones were told of.",
    set,
}];

/// `http`: the processes that are asked about.
#[derive(Default)]
pub(crate) struct Main(Vec<u32>);

/// Who the workers will be, as the zone is told in the master; workers are forked with it.
static ANNOUNCED: Mutex<Option<(u32, u32)>> = Mutex::new(None);

fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let words = cf.words()?;
    for word in words.iter().skip(1) {
        let pid = word.parse().map_err(|_| cf.invalid(word))?;
        cf.main().hooks.processes.0.push(pid);
    }
    cf.zone("test_process", 1 << 16, |zone, _| {
        if let Ok(mut announced) = ANNOUNCED.lock() {
            *announced = zone.workers();
        }
        Ok(())
    })?;
    Ok(())
}

/// The other time of a mark: what another process of the same number would have.
const LATER: u64 = 1 << 32;

fn start_worker(main: &Main) {
    if main.0.is_empty() {
        return;
    }
    // Those that are gone are asked about first: what the system says of them must not be taken for an answer about others.
    for pid in &main.0 {
        let is_alive = process::is_alive(u64::from(*pid));
        say(&format!("{pid} is alive: {is_alive}"));
    }
    let mark = process::mark();
    let gone = main.0.iter().map(|pid| u64::from(*pid));
    let itself: Vec<bool> = gone
        .map(|pid| !process::is_alive(pid) && process::is_alive(mark))
        .collect();
    say(&format!(
        "itself: alive beside each of them {itself:?}, with a beginning {}, of another beginning {}, of any {}",
        mark >= LATER,
        process::is_alive(mark.wrapping_add(LATER)),
        process::is_alive(mark % LATER),
    ));
    say(&format!("runs as announced: {}", as_announced()));
    say(&format!("begins as {:?}", process::role()));
}

/// Whether user and group of this process are those that the zone was told; a master that keeps its own says nothing.
fn as_announced() -> bool {
    let announced = ANNOUNCED.lock().ok().and_then(|announced| *announced);
    let Some((user, group)) = announced else {
        return !is_root_in("Uid:");
    };
    id("Uid:") == Some(user) && id("Gid:") == Some(group)
}

fn is_root_in(field: &str) -> bool {
    id(field) == Some(0)
}

/// The effective one, as Linux has it in `/proc/self/status` (proc(5)).
fn id(field: &str) -> Option<u32> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn say(text: &str) {
    log::cycle(Level::Notice, &format!("test_process: {text}"));
}
