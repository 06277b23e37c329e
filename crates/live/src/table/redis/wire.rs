//! The connection to a store, on nginx's event loop.

use super::feeder::Line;
use super::follow::Lost;
use super::life::{LOOK_MS, Life};
use super::sentinel;
use super::server::Server;
use super::way::{PATIENCE, Way, connect, turn};
use crate::feeder::Next;
use crate::memory::Memory;
use crate::slice::{SHORT, Slice, SystemClock, TURN};
use gatehouse_nginx::event::sleep::{sleep, within};
use gatehouse_nginx::event::task;
use gatehouse_nginx::ffi::process;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Bytes read at once.
const PIECE: usize = 32 * 1024;
/// The shortest pause between two slices of work.
const PAUSE: Duration = Duration::from_millis(1);

/// Pauses between attempts: twice as long each time.
const FIRST_MS: u64 = 100;
const LAST_MS: u64 = 5_000;
/// A failover is over soon.
const LAST_SENTINEL_MS: u64 = 1_000;

/// Sentinels are asked so often whether the master is still the same.
const SENTINEL: Duration = Duration::from_secs(5);

/// Begins to follow the store; false if no task can begin.
pub fn begin<M: Memory + 'static>(way: &Way, line: Rc<Line<M>>) -> bool {
    let way = way.clone();
    task::spawn("following redis", async move {
        let end = Ending(line);
        let line = &end.0;
        let mut work = pin!(follow(&way, line));
        poll_fn(|cx| {
            if line.is_over(cx.waker()) {
                return Poll::Ready(());
            }
            work.as_mut().poll(cx)
        })
        .await;
    })
}

/// Says that the task has ended, however it did.
struct Ending<M: Memory>(Rc<Line<M>>);

impl<M: Memory> Drop for Ending<M> {
    fn drop(&mut self) {
        self.0.ended();
    }
}

/// Ends when another worker leads.
async fn follow<M: Memory>(way: &Way, line: &Line<M>) {
    let mut pause_ms = FIRST_MS;
    loop {
        for server in &way.servers {
            let tried = match &way.master {
                None => stay(way, server, line).await,
                Some(name) => stay_with_master(way, server, name, line).await,
            };
            let Err(Stop {
                server,
                lost,
                was_good,
            }) = tried;
            match lost {
                Lost::Lead => return,
                Lost::Store(why) => line.lost(&server, &why),
            }
            if was_good {
                pause_ms = FIRST_MS;
                break;
            }
        }
        sleep(with_jitter(pause_ms)).await;
        let last = if way.master.is_some() {
            LAST_SENTINEL_MS
        } else {
            LAST_MS
        };
        pause_ms = pause_ms.saturating_mul(2).min(last);
    }
}

/// Half to all of it: many nginx that have lost a store do not come back at once.
fn with_jitter(ms: u64) -> Duration {
    let half = ms / 2;
    let random = RandomState::new().hash_one(0);
    let part = random.checked_rem(half.saturating_add(1)).unwrap_or(0);
    Duration::from_millis(half.saturating_add(part))
}

/// Why a server is left.
struct Stop {
    server: String,
    lost: Lost,
    /// It was of use before.
    was_good: bool,
}

fn text(error: std::io::Error) -> Lost {
    Lost::Store(error.to_string())
}

enum Never {}

async fn stay<M: Memory>(way: &Way, server: &Server, line: &Line<M>) -> Result<Never, Stop> {
    let is_moved = Cell::new(false);
    stay_until(way, server, line, &is_moved).await
}

/// Asks a Sentinel for the master and stays with that until Sentinels name another one.
async fn stay_with_master<M: Memory>(
    way: &Way,
    sentinel: &Server,
    name: &str,
    line: &Line<M>,
) -> Result<Never, Stop> {
    let master = match sentinel::master(way, sentinel, name, &line.around()).await {
        Ok(master) => master,
        Err(why) => {
            return Err(Stop {
                server: sentinel.to_string(),
                lost: Lost::Store(format!("as a Sentinel: {why}")),
                was_good: false,
            });
        }
    };
    let is_moved = Cell::new(false);
    let mut watch = pin!(watch(way, name, &master, line, &is_moved));
    let mut stay = pin!(stay_until(way, &master, line, &is_moved));
    poll_fn(|cx| {
        let _ = watch.as_mut().poll(cx);
        stay.as_mut().poll(cx)
    })
    .await
}

/// Notes when Sentinels name another master. Never ready.
async fn watch<M: Memory>(
    way: &Way,
    name: &str,
    master: &Server,
    line: &Line<M>,
    is_moved: &Cell<bool>,
) {
    loop {
        sleep(SENTINEL).await;
        for sentinel in &way.servers {
            if let Ok(now) = sentinel::master(way, sentinel, name, &line.around()).await {
                is_moved.set(now != *master);
                break;
            }
        }
    }
}

async fn stay_until<M: Memory>(
    way: &Way,
    server: &Server,
    line: &Line<M>,
    is_moved: &Cell<bool>,
) -> Result<Never, Stop> {
    let Err(lost) = talk(way, server, line, is_moved).await;
    let was_good = line.is_following();
    Err(Stop {
        server: server.to_string(),
        lost,
        was_good,
    })
}

async fn talk<M: Memory>(
    way: &Way,
    server: &Server,
    line: &Line<M>,
    is_moved: &Cell<bool>,
) -> Result<Never, Lost> {
    let connection = connect(way, server, &line.around()).await;
    let mut connection = connection.map_err(Lost::Store)?;
    line.connected(&server.to_string());
    let mut life = Life::begin(process::now_ms());
    let mut buffer = vec![0; PIECE];
    loop {
        // The first reading is to be over soon; changes come all the time.
        let length = if line.is_following() { SHORT } else { TURN };
        let next = line.work(&Slice::new(&SystemClock::start(), length))?;
        if is_moved.get() {
            return Err(Lost::Store("is the master no more".into()));
        }
        let out = line.take_out();
        if !out.is_empty() {
            connection.write_all(&out, PATIENCE).await.map_err(text)?;
        }
        drop(out);
        let wait_ms = match next {
            Next::Soon => {
                sleep(PAUSE).await;
                continue;
            }
            Next::In(ms) => ms.min(LOOK_MS),
        };
        let read = connection.read(&mut buffer, PATIENCE);
        let heard = match within(Duration::from_millis(wait_ms), read).await {
            Ok(Ok(0)) => return Err(Lost::Store("the connection was closed".into())),
            Ok(Ok(count)) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                line.receive(bytes);
                turn().await;
                true
            }
            Ok(Err(error)) => return Err(text(error)),
            Err(_) => false,
        };
        life.look(line, heard, process::now_ms())?;
    }
}
