//! `test_task`: what a worker does on nginx's loop beside requests. Each kind is an example of a part of
//! `gatehouse_nginx::event`, and says in the log how it went.

use crate::Gatehouse;
use crate::family::Family;
use gatehouse_nginx::event::address::Address;
use gatehouse_nginx::event::connection::Connection;
use gatehouse_nginx::event::resolver::{Resolver, Service};
use gatehouse_nginx::event::sleep::{TimedOut, sleep, within};
use gatehouse_nginx::event::task;
use gatehouse_nginx::event::timer::{self, Slot, Tick};
use gatehouse_nginx::event::tls::Tls;
use gatehouse_nginx::ffi::log;
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::{Args, Conf, Contexts, Directive, Error, Level};
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// What this family brings; the reference does not tell.
pub(crate) const FAMILY: Family = Family {
    directives: DIRECTIVES,
    complete,
    start_worker: |main| start_worker(&main.hooks.tasks),
    ..Family::NONE
};

const DIRECTIVES: &[Directive<Gatehouse>] = &[
    Directive {
        name: c"test_resolver",
        syntax: "file",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Exactly(1),
        text: "`test_task resolve` asks the name servers of this file, and not those of `resolver`.",
        set: |cf| {
            let words = cf.words()?;
            let path = cf.path(words.get(1).map(String::as_str).unwrap_or_default())?;
            let made = Resolver::from_file(cf, &path, PATIENCE)?;
            cf.main().hooks.tasks.resolver = Some(made);
            Ok(())
        },
    },
    Directive {
        name: c"test_task",
        syntax: "sleep | panic | wake | busy | end | thread | tick | connect address [text] | pour address bytes | tls address name file|any [text] | resolve name | service name service; hasty_connect and the like give up after 20 ms",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::OneOrMore,
        text: "Runs such a task in each worker.",
        set,
    },
];

/// Those who ask the resolver of `http` get it when the whole block is there.
fn complete(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let asks = |one: &Wanted| matches!(one, Wanted::Resolve { .. });
    let main = &cf.main().hooks.tasks;
    if main.resolver.is_none() && main.wanted.iter().any(asks) {
        let made = cf.resolver()?;
        cf.main().hooks.tasks.resolver = Some(made);
    }
    Ok(())
}

/// `http`: the tasks of each worker, and whom they ask for names.
#[derive(Default)]
pub(crate) struct Main {
    wanted: Vec<Wanted>,
    resolver: Option<Resolver>,
}

/// One `test_task`.
#[derive(Clone)]
enum Wanted {
    Sleep,
    Panic,
    Wake,
    Busy,
    End,
    Thread,
    Tick,
    Connect {
        to: Address,
        tls: Option<(Tls, String)>,
        text: String,
        time: Duration,
    },
    Pour {
        to: Address,
        bytes: usize,
    },
    Resolve {
        name: String,
        service: Option<String>,
        time: Duration,
    },
}

fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let words = cf.words()?;
    let word = |n: usize| words.get(n).map(String::as_str).unwrap_or_default();
    let address = || word(2).parse().map_err(|_| cf.invalid(word(2)));
    let (kind, time) = match word(1).strip_prefix("hasty_") {
        Some(kind) => (kind, SHORT),
        None => (word(1), LONG),
    };
    let wanted = match kind {
        "sleep" => Wanted::Sleep,
        "panic" => Wanted::Panic,
        "wake" => Wanted::Wake,
        "busy" => Wanted::Busy,
        "end" => Wanted::End,
        "thread" => Wanted::Thread,
        "tick" => Wanted::Tick,
        "connect" => Wanted::Connect {
            to: address()?,
            tls: None,
            text: word(3).to_owned(),
            time,
        },
        "tls" => {
            let to = address()?;
            let trusted = match word(4) {
                "any" => None,
                file => Some(cf.path(file)?),
            };
            let tls = Tls::client(cf, trusted.as_deref(), None)?;
            Wanted::Connect {
                to,
                tls: Some((tls, word(3).to_owned())),
                text: word(5).to_owned(),
                time,
            }
        }
        "pour" => Wanted::Pour {
            to: address()?,
            bytes: word(3).parse().map_err(|_| cf.invalid(word(3)))?,
        },
        "resolve" | "service" => Wanted::Resolve {
            name: word(2).to_owned(),
            service: words.get(3).cloned(),
            time,
        },
        other => return Err(cf.invalid(other)),
    };
    cf.main().hooks.tasks.wanted.push(wanted);
    Ok(())
}

/// Starts them.
fn start_worker(main: &Main) {
    for one in &main.wanted {
        let begun = match one.clone() {
            Wanted::Sleep => task::spawn("sleeping", sleeps()),
            Wanted::Panic => task::spawn("testing a task", panics()),
            Wanted::Wake => wakes(),
            Wanted::Busy => task::spawn("yielding", busy()),
            Wanted::End => task::spawn("ending", ends()),
            Wanted::Thread => {
                say(&format!("on another thread a task begins: {}", elsewhere()));
                true
            }
            Wanted::Tick => {
                timer::start::<Quiet>(1);
                true
            }
            Wanted::Connect {
                to,
                tls,
                text,
                time,
            } => task::spawn("connecting", talks(to, tls, text, time)),
            Wanted::Pour { to, bytes } => task::spawn("pouring", pours(to, bytes)),
            Wanted::Resolve {
                name,
                service,
                time,
            } => match main.resolver.clone() {
                Some(resolver) => task::spawn("resolving", resolves(resolver, name, service, time)),
                None => false,
            },
        };
        if !begun {
            say("no task could begin");
        }
    }
}

fn say(text: &str) {
    log::cycle(Level::Notice, &format!("test_task: {text}"));
}

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(2);

/// Says when it is dropped, for whatever reason.
struct Ending(&'static str);

impl Drop for Ending {
    fn drop(&mut self) {
        let last = if process::exiting() {
            ", shutting down"
        } else {
            ""
        };
        say(&format!("{} has ended{last}", self.0));
    }
}

/// `sleep`
async fn sleeps() {
    let _ending = Ending("sleep");
    let before = process::now_ms();
    for _ in 0..3 {
        sleep(SHORT).await;
    }
    let long_enough = process::now_ms() >= before.saturating_add(60);
    say(&format!("slept three times, long enough: {long_enough}"));
    match within(SHORT, sleep(LONG)).await {
        Err(TimedOut) => say("an hour is cut short"),
        Ok(()) => say("an hour has passed"),
    }
    sleep(LONG).await;
}

/// `panic`
async fn panics() {
    let _ending = Ending("panic");
    sleep(SHORT).await;
    panic!("test_task panic");
}

/// `wake`: one task wakes another, which must not run before the first has gone on.
fn wakes() -> bool {
    let shelf: Rc<Cell<Option<Waker>>> = Rc::default();
    let ran = Rc::new(Cell::new(false));
    let (shelf2, ran2) = (Rc::clone(&shelf), Rc::clone(&ran));
    let waits = poll_fn(move |cx| {
        let waker = cx.waker().clone();
        if ran2.replace(true) {
            say("the other one has run");
            return Poll::Ready(());
        }
        ran2.set(false);
        shelf2.set(Some(waker));
        Poll::Pending
    });
    let begun = task::spawn("waiting to be woken", waits);
    begun
        && task::spawn("waking another task", async move {
            sleep(SHORT).await;
            if let Some(waker) = shelf.take() {
                ran.set(true);
                waker.wake_by_ref();
                waker.wake();
                say("woke the other one");
            }
        })
}

/// `busy`: asks for the next turn again and again; requests are served meanwhile.
async fn busy() {
    let _ending = Ending("busy");
    loop {
        let mut asked = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut asked, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// `end`: what a task drops at its end may begin tasks and panic.
async fn ends() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            let begun = task::spawn("too late", async { say("a task ran too late") });
            if process::exiting() {
                say(&format!("another one begins at the end: {begun}"));
                panic!("test_task end");
            }
        }
    }
    let _late = Late;
    sleep(LONG).await;
}

/// `thread`: whether a task can begin where nginx's loop does not run.
fn elsewhere() -> bool {
    let begins = || task::spawn("elsewhere", async { say("a task runs elsewhere") });
    std::thread::spawn(begins).join().unwrap_or(true)
}

/// `tick`: a timer that has nothing to do in a worker that goes.
struct Quiet;

impl Tick for Quiet {
    type Module = Gatehouse;
    const NAME: &'static str = "ticking";

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tick() -> Option<u64> {
        Some(1)
    }
}

/// `connect`, `tls`: writes the text, reads up to the end, again and again.
async fn talks(to: Address, tls: Option<(Tls, String)>, text: String, time: Duration) {
    let _ending = Ending("connect");
    loop {
        match within(time, talk(&to, tls.as_ref(), &text)).await {
            Err(TimedOut) => say(&format!("{to}: given up")),
            Ok(Ok(answer)) => say(&format!("{to} answered {answer}")),
            Ok(Err(error)) => say(&format!("{to}: {error} [{:?}]", error.kind())),
        }
        sleep(SHORT).await;
    }
}

async fn talk(to: &Address, tls: Option<&(Tls, String)>, text: &str) -> io::Result<String> {
    let mut connection = Connection::connect(to, PATIENCE).await?;
    if let Some((tls, name)) = tls {
        connection = connection.secure(tls, name, PATIENCE).await?;
    }
    let request = format!("GET {text} HTTP/1.0\r\n\r\n");
    connection.write_all(request.as_bytes(), PATIENCE).await?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = connection.read(&mut piece, PATIENCE).await?;
        answer.extend(piece.iter().take(count));
        if count == 0 {
            let answer = String::from_utf8_lossy(&answer);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
            let status = head.lines().next().unwrap_or_default();
            return Ok(format!(
                "\"{status}\" and {} bytes: {}",
                body.len(),
                body.get(..20).unwrap_or(body)
            ));
        }
    }
}

/// `pour`: writes so many bytes, which count up to 250 again and again, and reads up to the end.
async fn pours(to: Address, bytes: usize) {
    match pour(&to, bytes).await {
        Ok(answer) => say(&format!("{to} took {bytes} bytes: {answer}")),
        Err(error) => say(&format!("{to}: {error} [{:?}]", error.kind())),
    }
}

async fn pour(to: &Address, bytes: usize) -> io::Result<String> {
    let all: Vec<u8> = (0..=250).cycle().take(bytes).collect();
    let mut connection = Connection::connect(to, PATIENCE).await?;
    connection.write_all(&all, PATIENCE).await?;
    let mut answer = Vec::new();
    let mut piece = [0; 64];
    loop {
        match connection.read(&mut piece, PATIENCE).await? {
            0 => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            count => answer.extend(piece.iter().take(count)),
        }
    }
}

/// `resolve`, `service`: asks again and again.
async fn resolves(resolver: Resolver, name: String, service: Option<String>, time: Duration) {
    let _ending = Ending("resolve");
    loop {
        let found = match &service {
            Some(service) => within(time, resolver.services(service, &name)).await,
            None => within(time, resolver.lookup(&name)).await,
        };
        match found {
            Err(TimedOut) => say(&format!("{name}: given up, {} open", resolver.open())),
            Ok(Ok(found)) => {
                let left = found.valid_until.saturating_sub(process::now());
                let one =
                    |one: &Service| format!(" {} {}/{}", one.address, one.priority, one.weight);
                let all: String = found.addresses.iter().map(one).collect();
                say(&format!("{name} for {left} s:{all}"));
            }
            Ok(Err(error)) => say(&format!("{name}: {error} [{error:?}]")),
        }
        sleep(SHORT).await;
    }
}
