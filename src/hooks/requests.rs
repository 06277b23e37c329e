//! `test_content` and `test_wait`: requests that we answer ourselves, and requests that wait. Each kind is an
//! example of a part of `gatehouse_nginx::http`.

use crate::Gatehouse;
use crate::family::Family;
use gatehouse_nginx::event::sleep::sleep;
use gatehouse_nginx::event::task;
use gatehouse_nginx::ffi::log;
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::body::{Body, BodyReader};
use gatehouse_nginx::http::content::{Answer, Content};
use gatehouse_nginx::http::fetch::Fetcher;
use gatehouse_nginx::http::phase::{Handler, Installer, Outcome, Phase};
use gatehouse_nginx::http::reply::{Next, Producer, Reply};
use gatehouse_nginx::http::waiting::{Begin, Waiting};
use gatehouse_nginx::{Args, Conf, Contexts, Directive, Error, Level, Request};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The directives of this file.
pub(crate) const FAMILY: Family = Family {
    directives: DIRECTIVES,
    install,
    ..Family::NONE
};

const DIRECTIVES: &[Directive<Gatehouse>] = &[
    Directive {
        name: c"test_content",
        syntax: "echo | late | lost | stream [pieces] | made | ticks | status code | panic | broken | failing | header name value",
        default: None,
        contexts: Contexts::LOCATION,
        args: Args::Between(1, 3),
        text: "Answers the location in such a way.",
        set: set_content,
    },
    Directive {
        name: c"test_wait",
        syntax: "sleep milliseconds | never | panic | fetch uri",
        default: None,
        contexts: Contexts::LOCATION,
        args: Args::Between(1, 2),
        text: "Has requests wait in the access phase. `fetch`: lets in whom that location answers 200, and logs its body.",
        set: set_wait,
    },
    Directive {
        name: c"test_log",
        syntax: "",
        default: None,
        contexts: Contexts::LOCATION,
        args: Args::Exactly(0),
        text: "Logs the end of a request, when nginx writes its access log.",
        set: |cf| {
            cf.loc().hooks.requests.logs = true;
            Ok(())
        },
    },
];

/// What a location does.
#[derive(Default)]
pub(crate) struct Loc {
    content: Option<Kind>,
    wait: Option<Wait>,
    logs: bool,
}

enum Kind {
    Echo,
    /// What reads the body does so when the request is over.
    Late,
    /// The task that makes the reply panics.
    Lost,
    Stream(usize),
    Made,
    Ticks,
    Status(u16),
    Panic,
    Broken,
    Failing,
    /// A name and a value.
    Header(String, String),
}

enum Wait {
    Sleep(Duration),
    Never,
    Panic,
    Fetch(String),
}

fn set_content(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let words = cf.words()?;
    let word = |n: usize| words.get(n).map(String::as_str).unwrap_or_default();
    let number = || word(2).parse().map_err(|_| cf.invalid(word(2)));
    let kind = match word(1) {
        "echo" => Kind::Echo,
        "late" => Kind::Late,
        "lost" => Kind::Lost,
        "stream" => Kind::Stream(number()?),
        "made" => Kind::Made,
        "ticks" => Kind::Ticks,
        "status" => Kind::Status(u16::try_from(number()?).unwrap_or(0)),
        "panic" => Kind::Panic,
        "broken" => Kind::Broken,
        "failing" => Kind::Failing,
        "header" => Kind::Header(word(2).to_owned(), word(3).to_owned()),
        other => return Err(cf.invalid(other)),
    };
    cf.loc().hooks.requests.content = Some(kind);
    cf.content::<Answers>();
    Ok(())
}

fn set_wait(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let words = cf.words()?;
    let word = |n: usize| words.get(n).map(String::as_str).unwrap_or_default();
    let number = || word(2).parse().map_err(|_| cf.invalid(word(2)));
    let wait = match word(1) {
        "sleep" => Wait::Sleep(Duration::from_millis(number()?)),
        "never" => Wait::Never,
        "panic" => Wait::Panic,
        "fetch" => Wait::Fetch(word(2).to_owned()),
        other => return Err(cf.invalid(other)),
    };
    cf.loc().hooks.requests.wait = Some(wait);
    Ok(())
}

/// Adds the handler of `test_wait`.
fn install(installer: &mut Installer<'_, Gatehouse>) -> Result<(), Error> {
    installer.phase::<Logs>()?;
    installer.waiting_phase::<Waits>()
}

/// `test_log`
struct Logs;

impl Handler for Logs {
    const PHASE: Phase = Phase::Log;
    const NAME: &'static str = "logging the end of a request";

    fn run(r: Request<'_>) -> Outcome<'_> {
        if r.loc::<Gatehouse>().hooks.requests.logs {
            say("test_log: a request is logged");
        }
        Outcome::Declined
    }
}

fn say(text: &str) {
    log::cycle(Level::Notice, text);
}

/// `test_content`
struct Answers;

/// The pieces that `stream` has made.
static MADE: AtomicUsize = AtomicUsize::new(0);

const PIECE: usize = 32 * 1024;
const LIMIT: u64 = 64 * 1024;

impl Content for Answers {
    const NAME: &'static str = "testing an answer";

    fn body_limit(r: Request<'_>) -> Option<u64> {
        match r.loc::<Gatehouse>().hooks.requests.content {
            Some(Kind::Echo | Kind::Late) => Some(LIMIT),
            _ => None,
        }
    }

    fn run(r: Request<'_>, body: Body<'_>) -> Answer {
        let plain = Reply::new(200).header("Content-Type", "text/plain");
        let reply = match &r.loc::<Gatehouse>().hooks.requests.content {
            Some(Kind::Echo) => match body.bytes(LIMIT) {
                Ok(bytes) => plain
                    .header("X-Length", &bytes.len().to_string())
                    .bytes(bytes),
                Err(error) => Reply::new(500).bytes(error.to_string()),
            },
            Some(Kind::Late) => match body.reader() {
                Ok(reader) => {
                    task::spawn("reading late", reads_late(reader));
                    plain
                }
                Err(error) => Reply::new(500).bytes(error.to_string()),
            },
            Some(Kind::Lost) => return Answer::later(async { panic!("test_content lost") }),
            Some(Kind::Stream(pieces)) => plain.stream(Pieces(0, *pieces)),
            Some(Kind::Made) => plain.bytes(MADE.load(Ordering::Relaxed).to_string()),
            Some(Kind::Ticks) => plain.stream(ticks()),
            Some(Kind::Status(status)) => Reply::new(*status),
            Some(Kind::Broken) => {
                let mut begun = false;
                plain.stream(move |out: &mut Vec<u8>| {
                    if std::mem::replace(&mut begun, true) {
                        panic!("test_content broken");
                    }
                    out.extend_from_slice(b"the beginning");
                    Next::More
                })
            }
            Some(Kind::Failing) => plain.stream(|_: &mut Vec<u8>| Next::Failed),
            Some(Kind::Header(name, value)) => plain.header(name, value),
            Some(Kind::Panic) | None => panic!("test_content panic"),
        };
        reply.into()
    }
}

/// Reads a body again and again, up to the time when there is none: its request is over.
async fn reads_late(mut reader: BodyReader) {
    let error = loop {
        sleep(Duration::from_millis(20)).await;
        if let Err(error) = reader.read(PIECE) {
            break error;
        }
    };
    say(&format!("test_content: too late: {error}"));
}

/// Counts what has been made; says when it is dropped.
struct Pieces(usize, usize);

impl Producer for Pieces {
    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        self.0 = self.0.saturating_add(1);
        MADE.fetch_add(1, Ordering::Relaxed);
        let line = format!("{:08}\n", self.0);
        out.extend(line.bytes().cycle().take(PIECE));
        if self.0 == self.1 {
            Next::End
        } else {
            Next::More
        }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        say(&format!(
            "test_content: a stream has ended after {} pieces",
            self.0
        ));
    }
}

/// A piece every now and then, until the worker is told to go.
fn ticks() -> impl FnMut(&mut Vec<u8>) -> Next {
    |out| {
        if process::exiting() {
            out.extend_from_slice(b"the end\n");
            return Next::End;
        }
        out.extend_from_slice(b"tick\n");
        Next::Later(Duration::from_millis(50))
    }
}

/// `test_wait`
struct Waits;

/// What is waited for: whom to let in.
struct Verdict(bool);

/// Says when it is dropped.
struct Waiter(&'static str);

impl Drop for Waiter {
    fn drop(&mut self) {
        say(&format!("test_wait: {} is over", self.0));
    }
}

impl Waiting for Waits {
    const PHASE: Phase = Phase::Access;
    const NAME: &'static str = "testing a wait";
    const PATIENCE: Duration = Duration::from_secs(2);
    type Answer = Verdict;

    fn begin<'r>(r: Request<'r>, fetcher: &Fetcher<'r>) -> Begin<'r, Verdict> {
        match &r.loc::<Gatehouse>().hooks.requests.wait {
            None => Begin::Decided(Outcome::Declined),
            Some(Wait::Sleep(time)) => {
                let time = *time;
                Begin::wait(async move {
                    let _waiter = Waiter("sleep");
                    sleep(time).await;
                    Verdict(true)
                })
            }
            Some(Wait::Never) => Begin::wait(async {
                let _waiter = Waiter("never");
                std::future::pending().await
            }),
            Some(Wait::Panic) => Begin::wait(async {
                sleep(Duration::from_millis(1)).await;
                panic!("test_wait panic")
            }),
            Some(Wait::Fetch(uri)) => {
                let answer = fetcher.fetch(uri.as_bytes(), r.args());
                Begin::wait(async move {
                    let _waiter = Waiter("fetch");
                    let answer = answer.await;
                    match &answer {
                        Ok(found) => {
                            let body = String::from_utf8_lossy(&found.body);
                            say(&format!("test_wait: {} {body}", found.status));
                        }
                        Err(error) => say(&format!("test_wait: {error}")),
                    }
                    Verdict(answer.is_ok_and(|found| found.status == 200))
                })
            }
        }
    }

    fn end(_: Request<'_>, answer: Option<Verdict>) -> Outcome<'_> {
        match answer {
            Some(Verdict(true)) => Outcome::Declined,
            Some(Verdict(false)) => Outcome::Refused(403),
            None => Outcome::Refused(504),
        }
    }
}
