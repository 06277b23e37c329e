//! The way to a server: its addresses, a connection, TLS.

use super::server::{Place, Server};
use super::store::Login;
use crate::table::hosts::Hosts;
use crate::world::World;
use gatehouse_nginx::event::address::Address;
use gatehouse_nginx::event::connection::Connection;
use gatehouse_nginx::event::resolver::Resolver;
use gatehouse_nginx::event::sleep::within;
use gatehouse_nginx::event::tls::Tls;
use std::cell::{OnceCell, RefCell};
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Where a store is, and how to get there.
#[derive(Clone)]
pub struct Way {
    /// Its servers, or the Sentinels that know its master.
    pub servers: Vec<Server>,
    /// The name that Sentinels know the master by.
    pub master: Option<String>,
    /// Who logs in at Sentinels, if they need that.
    pub login: Option<Rc<Login>>,
    /// TLS, with the name to be verified if it is not that of the server.
    pub tls: Option<(Tls, Option<String>)>,
    /// Whom to ask for names, once the configuration is read.
    pub resolver: Rc<OnceCell<Resolver>>,
}

/// How long one step of making a connection may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// Lets the event loop turn once.
pub(super) async fn turn() {
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

/// Names, and the process around: for whoever makes a connection.
#[derive(Clone)]
pub(super) struct Around {
    pub(super) hosts: Rc<RefCell<Hosts>>,
    pub(super) world: Rc<dyn World>,
}

/// A connection to a server.
pub(super) async fn connect(
    way: &Way,
    server: &Server,
    around: &Around,
) -> Result<Connection, String> {
    let addresses = match &server.place {
        Place::Unix(path) => vec![Address::Unix(path.clone())],
        Place::Inet(address) => vec![Address::Inet(*address)],
        Place::Name(name, port) => {
            let at = |ip: IpAddr| Address::Inet(SocketAddr::new(ip, *port));
            let found = find(way, name, around).await?;
            found.into_iter().map(at).collect()
        }
    };
    let mut why = "no address".to_owned();
    for address in addresses {
        let made = match Connection::connect(&address, PATIENCE).await {
            Ok(connection) => secure(way, server, connection).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(connection) => return Ok(connection),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

async fn secure(way: &Way, server: &Server, connection: Connection) -> std::io::Result<Connection> {
    match &way.tls {
        None => Ok(connection),
        Some((tls, name)) => {
            let name = name.clone().unwrap_or_else(|| server.name());
            connection.secure(tls, &name, PATIENCE).await
        }
    }
}

/// The addresses of a name: from /etc/hosts, else from name servers.
async fn find(way: &Way, name: &str, around: &Around) -> Result<Vec<IpAddr>, String> {
    let hosts = &around.hosts;
    hosts.borrow_mut().refresh(around.world.as_ref());
    while hosts.borrow_mut().step() {
        turn().await;
    }
    let local = hosts.borrow().local(name);
    if !local.is_empty() {
        return Ok(local);
    }
    let resolver = way.resolver.get().ok_or("no resolver")?;
    match within(PATIENCE, resolver.lookup(name)).await {
        Ok(Ok(found)) => Ok(found.addresses.iter().map(|one| one.address.ip()).collect()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the name server timed out".into()),
    }
}
