//! Checks over nginx's connections: each a task.

use super::asked::{Checked, Place, Probing, Target};
use gatehouse_nginx::event::address::Address;
use gatehouse_nginx::event::connection::Connection;
use gatehouse_nginx::event::sleep::within;
use gatehouse_nginx::event::spare::connections;
use gatehouse_nginx::event::task;
use gatehouse_nginx::event::tls::Tls;
use gatehouse_table::check::{Answer, Check, Kind, Question, Verdict};
use gatehouse_table::table::PeerId;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Connections are for clients first: checks have so small a part of a worker's, so many at most, and only one where
/// the worker has no more than that left.
const SHARE: usize = 8;
const MOST_OPEN: usize = 256;
/// Bytes read at once.
const PIECE: usize = 2 * 1024;

type Ended = Rc<RefCell<VecDeque<Checked>>>;

/// Asks backends.
pub struct Prober {
    /// None in an nginx without TLS.
    tls: Option<Tls>,
    ended: RefCell<Ended>,
    nonce: RandomState,
    number: Cell<u64>,
}

impl Prober {
    /// One with what `https` backends need.
    #[must_use]
    pub fn new(tls: Option<Tls>) -> Self {
        Self {
            tls,
            ended: RefCell::default(),
            nonce: RandomState::new(),
            number: Cell::new(0),
        }
    }

    fn nonce(&self) -> u128 {
        let number = self.number.get();
        self.number.set(number.wrapping_add(1));
        let [high, low] = [0, 1].map(|half: u8| self.nonce.hash_one((number, half)));
        u128::from(high) << 64 | u128::from(low)
    }
}

impl Probing for Prober {
    fn begin(&self, id: PeerId, target: &Target, check: &Rc<Check>) -> bool {
        let (check, tls) = (Rc::clone(check), self.tls.clone());
        let (target, nonce) = (target.clone(), self.nonce());
        let ended = Rc::clone(&self.ended.borrow());
        task::spawn("checking a backend", async move {
            let time = Duration::from_millis(check.timeout_ms);
            let asking = ask(&check, &target, tls, nonce, time);
            let result = within(time, asking).await;
            let result = result.unwrap_or_else(|_| Err("timed out".into()));
            ended.borrow_mut().push_back((id, result));
        })
    }

    fn most_open(&self) -> usize {
        let (free, all) = connections();
        let share = all / SHARE;
        if free < share {
            // Where none is left nginx logs an [alert], and the backend would be blamed.
            free.min(1)
        } else {
            share.clamp(1, MOST_OPEN)
        }
    }

    fn ended(&self) -> Option<Checked> {
        self.ended.borrow().borrow_mut().pop_front()
    }

    fn forget(&self) {
        // Tasks under way have the queue of before.
        self.ended.replace(Ended::default());
    }
}

async fn ask(
    check: &Check,
    target: &Target,
    tls: Option<Tls>,
    nonce: u128,
    time: Duration,
) -> Result<(), String> {
    let mut connection = connect(target, tls, time).await?;
    if check.kind == Kind::Tcp {
        return Ok(());
    }
    let question = Question::new(check, &target.host(), nonce);
    let sent = connection.write_all(&question.bytes, time).await;
    sent.map_err(|error| error.to_string())?;
    let mut answer = Answer::new(check, question.accept);
    let mut piece = [0; PIECE];
    loop {
        let count = connection.read(&mut piece, time).await;
        let count = count.map_err(|error| error.to_string())?;
        if count == 0 {
            return Err(answer.ended());
        }
        match answer.push(piece.get(..count).unwrap_or_default()) {
            Verdict::Good => return Ok(()),
            Verdict::Bad(why) => return Err(why),
            Verdict::Open => {}
        }
    }
}

async fn connect(target: &Target, tls: Option<Tls>, time: Duration) -> Result<Connection, String> {
    let address = match &target.place {
        Place::Inet(address) => Address::Inet(*address),
        Place::Unix(path) => Address::Unix(path.to_string()),
    };
    let connected = Connection::connect(&address, time).await;
    let connection = connected.map_err(|error| error.to_string())?;
    let Some(name) = &target.tls else {
        return Ok(connection);
    };
    let tls = tls.ok_or("this nginx has no TLS")?;
    let name = match (name, &target.place) {
        (Some(name), _) => name.to_string(),
        (None, Place::Inet(address)) => ip(address),
        (None, Place::Unix(_)) => "localhost".into(),
    };
    let secured = connection.secure(&tls, &name, time).await;
    secured.map_err(|error| error.to_string())
}

fn ip(address: &SocketAddr) -> String {
    address.ip().to_string()
}
