//! Changes of the store, from any worker: over connections of their own, each for one change at a time.

use super::client::{Client, Gone};
use super::commands::{Answer, Commands};
use super::dialogue::items;
use super::found::{self, COMMANDS, Found, Registered, check, made, odd};
use super::sentinel;
use super::server::Server;
use super::store::Store;
use super::transaction::Transaction;
use super::unwritten::Unwritten;
use super::way::{Around, Way, connect};
use crate::table::hosts::Hosts;
use crate::world::World;
use gatehouse_nginx::event::sleep::{sleep, within};
use gatehouse_nginx::event::task;
use gatehouse_nginx::ffi::process;
use gatehouse_table::hipache::KeySpace;
use gatehouse_table::route::Key;
use redis_protocol::resp3::types::Resp3Frame;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Connections of a worker at the same time.
const MOST: usize = 8;
/// How long a change waits for a connection.
const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(2);
/// No connection is used for longer: another server may be the master by then.
const LIFE_MS: u64 = 10_000;
/// How often those that nobody uses any more are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Writes to a store.
pub struct StoreWriter {
    way: Way,
    store: Rc<Store>,
    around: Around,
    idle: RefCell<Vec<Open>>,
    /// Connections in use.
    used: Cell<usize>,
    is_closing: Cell<bool>,
}

/// An open connection.
struct Open {
    client: Client,
    since_ms: u64,
}

impl Open {
    fn is_old(&self) -> bool {
        process::now_ms().saturating_sub(self.since_ms) >= LIFE_MS
    }
}

/// A connection while somebody has it. Dropped between [`Session::read`] and [`Session::commit`], it is closed.
pub struct Session {
    writer: Rc<StoreWriter>,
    open: Option<Open>,
    /// Somebody else had it before, and the server may have closed it since.
    was_idle: bool,
    is_watching: bool,
}

impl StoreWriter {
    /// Writes to this store.
    pub fn new(
        way: Way,
        store: Rc<Store>,
        hosts: Rc<RefCell<Hosts>>,
        world: Rc<dyn World>,
    ) -> Self {
        Self {
            way,
            store,
            around: Around { hosts, world },
            idle: RefCell::default(),
            used: Cell::new(0),
            is_closing: Cell::new(false),
        }
    }

    /// The store's keys.
    pub fn keys(&self) -> &KeySpace {
        &self.store.keys
    }

    /// A connection.
    ///
    /// # Errors
    /// [`Unwritten`]
    pub async fn session(self: &Rc<Self>) -> Result<Session, Unwritten> {
        let begun = within(PATIENCE, async {
            while self.used.get() >= MOST {
                sleep(PAUSE).await;
            }
            let mut session = Session {
                writer: Rc::clone(self),
                open: None,
                was_idle: false,
                is_watching: false,
            };
            self.used.set(self.used.get().saturating_add(1));
            self.close_old();
            session.open = self.idle.borrow_mut().pop();
            session.was_idle = session.open.is_some();
            if let Some(open) = &mut session.open {
                open.client.set_idle(false);
            } else {
                session.open = Some(self.connect().await?);
            }
            Ok(session)
        });
        let late = || Unwritten::Away("no connection in time".into());
        begun.await.unwrap_or_else(|_| Err(late()))
    }

    async fn connect(&self) -> Result<Open, Unwritten> {
        let mut why = Unwritten::Away("no address".into());
        for server in &self.way.servers {
            let login = match &self.way.master {
                None => self.login(server).await,
                Some(name) => match sentinel::master(&self.way, server, name, &self.around).await {
                    Ok(master) => self.login(&master).await,
                    Err(why) => Err(Unwritten::Away(format!("{server} as a Sentinel: {why}"))),
                },
            };
            match login {
                Ok(client) => {
                    let since_ms = process::now_ms();
                    return Ok(Open { client, since_ms });
                }
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// A connection to a server that is a master.
    async fn login(&self, server: &Server) -> Result<Client, Unwritten> {
        let connection = connect(&self.way, server, &self.around).await;
        let connection = connection.map_err(|why| Unwritten::Away(format!("{server}: {why}")))?;
        let mut client = Client::new(connection);
        client.set_idle(false);
        let mut commands = Commands::default();
        commands.push(&self.store.hello());
        commands.push(&[b"ROLE"]);
        if self.store.db > 0 {
            commands.push(&[b"SELECT", self.store.db.to_string().as_bytes()]);
        }
        let answers = client
            .ask(&commands)
            .await
            .map_err(|gone| away(server, &gone))?;
        answers.iter().try_for_each(check)?;
        let role = answers.get(1).cloned().flatten().and_then(items);
        let role = role.and_then(|items| items.into_iter().next());
        match role.as_ref().and_then(Resp3Frame::as_bytes) {
            Some(b"master") => Ok(client),
            Some(_) => Err(Unwritten::Forbidden(format!("{server} is a replica"))),
            None => Err(odd()),
        }
    }

    fn close_old(&self) {
        let idle = self.idle.take();
        let (old, young): (Vec<Open>, Vec<Open>) = idle.into_iter().partition(Open::is_old);
        drop(self.idle.replace(young));
        drop(old);
    }

    /// Keeps a connection for the next one who wants to write, for some seconds.
    fn keep(self: &Rc<Self>, mut open: Open) {
        if process::exiting() || open.is_old() {
            return;
        }
        open.client.set_idle(true);
        self.idle.borrow_mut().push(open);
        if self.is_closing.replace(true) {
            return;
        }
        let closing = Closing(Rc::clone(self));
        task::spawn("closing connections to redis", async move {
            while !closing.0.idle.borrow().is_empty() {
                sleep(LOOK).await;
                closing.0.close_old();
            }
        });
    }
}

/// Nobody looks after idle connections any more: the worker is told to go, or there is none.
struct Closing(Rc<StoreWriter>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.is_closing.set(false);
        let idle = self.0.idle.take();
        drop(idle);
    }
}

fn away(server: &Server, gone: &Gone) -> Unwritten {
    Unwritten::Away(format!("{server}: {}", gone.why))
}

impl Session {
    /// Reads what the store has of these hosts. If any of it has changed by then, [`Session::commit`] does nothing.
    ///
    /// # Errors
    /// [`Unwritten`]
    pub async fn read(&mut self, keys: &[Key]) -> Result<Vec<Found>, Unwritten> {
        let mut commands = Commands::default();
        for key in keys {
            found::ask(&mut commands, &self.writer.store.keys, key);
        }
        let answers = self.first(&commands).await?;
        let answers = answers.chunks(COMMANDS).map(found::read);
        answers.collect()
    }

    /// Reads the registrations of a host, as [`Session::read`] does. The inner error: what is there are none.
    pub(super) async fn read_registered(
        &mut self,
        host: &Key,
    ) -> Result<Result<Registered, String>, Unwritten> {
        let mut commands = Commands::default();
        found::ask_registered(&mut commands, &self.writer.store.keys, host);
        let answers = self.first(&commands).await?;
        let read = found::read_registered(&answers);
        self.judged(read)
    }

    /// Hosts with registrations that are over, some of them.
    pub(super) async fn over(&mut self) -> Result<Vec<Vec<u8>>, Unwritten> {
        let mut commands = Commands::default();
        let hosts = self.writer.store.keys.registered_key();
        commands.push(&[b"TIME"]);
        commands.push(&[b"ZRANGE", &hosts, b"0", b"31", b"WITHSCORES"]);
        let answers = self.first(&commands).await?;
        self.is_watching = false;
        let read = found::over(&answers);
        self.judged(read)
    }

    /// Makes changes, if nothing of what was read has changed; whether it made them.
    ///
    /// # Errors
    /// [`Unwritten`]
    pub async fn commit(&mut self, mut transaction: Transaction) -> Result<bool, Unwritten> {
        transaction.commands.push(&[b"EXEC"]);
        let answers = self.ask(&transaction.commands).await;
        let answers = answers.map_err(|gone| Unwritten::Unknown(gone.why))?;
        self.is_watching = false;
        self.judged(made(&answers))
    }

    /// The elements of a host's list now.
    ///
    /// # Errors
    /// [`Unwritten`]
    pub async fn list(&mut self, key: &Key) -> Result<Vec<Vec<u8>>, Unwritten> {
        let mut commands = Commands::default();
        commands.push(&[
            b"LRANGE",
            &self.writer.store.keys.route_key(key),
            b"0",
            b"-1",
        ]);
        let answers = self.ask(&commands).await;
        let answers = answers.map_err(|gone| Unwritten::Away(gone.why))?;
        let answer = answers.into_iter().next().flatten();
        self.judged(found::elements(&answer))
            .map(Result::unwrap_or_default)
    }

    /// Nothing is to be changed after all.
    pub async fn forget(mut self) {
        let mut commands = Commands::default();
        commands.push(&[b"UNWATCH"]);
        self.is_watching = self.ask(&commands).await.is_err();
    }

    /// Begins: a connection that the server has closed meanwhile is replaced.
    async fn first(&mut self, commands: &Commands) -> Result<Vec<Answer>, Unwritten> {
        self.is_watching = true;
        let was_idle = std::mem::take(&mut self.was_idle);
        let answers = match self.ask(commands).await {
            Err(gone) if gone.is_closed && was_idle => {
                drop(self.writer.idle.take());
                self.open = Some(self.writer.connect().await?);
                self.ask(commands).await
            }
            answers => answers,
        };
        answers.map_err(|gone| Unwritten::Away(gone.why))
    }

    async fn ask(&mut self, commands: &Commands) -> Result<Vec<Answer>, Gone> {
        // Whoever gives up in the middle leaves a connection of no use.
        let open = self.open.take();
        let mut open = open.ok_or_else(|| "the connection was closed".to_owned())?;
        let answers = open.client.ask(commands).await?;
        self.open = Some(open);
        Ok(answers)
    }

    /// A server that refuses changes may have another role now: the next one asks again.
    fn judged<T>(&mut self, result: Result<T, Unwritten>) -> Result<T, Unwritten> {
        if result.is_err() {
            self.open = None;
            let idle = self.writer.idle.take();
            drop(idle);
        }
        result
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let used = &self.writer.used;
        used.set(used.get().saturating_sub(1));
        if let Some(open) = self.open.take().filter(|_| !self.is_watching) {
            self.writer.keep(open);
        }
    }
}
