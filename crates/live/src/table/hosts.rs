//! Addresses of host names in routes.
//!
//! The master asks the system, as nginx does for `server` lines. A worker must not wait for a
//! name server: it knows what the master resolved and what stands in /etc/hosts.

use super::local_names::LocalNames;
use crate::world::World;
use gatehouse_table::route::{Answer, Names};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Names and their addresses, one record for all tables of a configuration.
#[derive(Default)]
pub struct Hosts {
    names: Names,
    local: LocalNames,
}

/// The names of the configuration last read, good or bad: their addresses are used when name servers are away.
static LAST: Mutex<Option<Names>> = Mutex::new(None);

impl Hosts {
    /// Those of a configuration that is being read.
    pub fn of_new_configuration() -> Self {
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            names: last.clone().unwrap_or_default(),
            local: LocalNames::default(),
        }
    }

    /// Keeps the names for the next configuration.
    pub(super) fn remember(&self) {
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.names.followed());
    }

    /// Asks the system, which may take its time.
    pub(super) fn ask_system(
        &mut self,
        world: &dyn World,
        name: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, String> {
        let ask = &mut |name: &str| ask(world, name);
        self.names.resolve(name, port, ask)
    }

    /// Answers at once, from memory or /etc/hosts.
    pub(super) fn ask_here(&mut self, name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let local = &mut self.local;
        self.names.recall(name, port, &mut |name| local.find(name))
    }

    /// Looks again at /etc/hosts: once for each reading of a file of routes.
    pub fn refresh(&mut self, world: &dyn World) {
        self.local.refresh(world);
    }

    /// Reads some of /etc/hosts, if it is another one now; false when it has been read.
    pub fn step(&mut self) -> bool {
        self.local.step()
    }

    /// What /etc/hosts says of a name.
    pub fn local(&self, name: &str) -> Vec<IpAddr> {
        self.local.find(name)
    }

    /// What is to be said about names that name servers did not answer for.
    pub(super) fn take_kept(&mut self) -> Vec<String> {
        self.names.take_kept()
    }
}

fn ask(world: &dyn World, name: &str) -> (Answer, Duration) {
    let start = Instant::now();
    let answer = match (name, 0).to_socket_addrs() {
        Ok(found) => {
            let mut addresses: Vec<IpAddr> = found.map(|a| a.ip()).collect();
            addresses.sort_unstable();
            addresses.dedup();
            Answer::Found(addresses)
        }
        Err(error) => why(world, &error),
    };
    (answer, start.elapsed())
}

/// The standard library keeps getaddrinfo's number to itself: EAI_AGAIN is known by its text, that of glibc
/// or of musl.
fn why(world: &dyn World, error: &io::Error) -> Answer {
    let text = world.explain(error);
    let text = text.trim_start_matches("failed to lookup address information: ");
    let silent = error.raw_os_error().is_some()
        || text.contains("Temporary failure")
        || text.contains("Try again");
    if silent {
        Answer::NoAnswer(text.into())
    } else {
        Answer::NotFound(text.into())
    }
}
