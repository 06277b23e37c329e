//! Addresses of host names in routes.
//!
//! The master asks the system, as nginx does for `server` lines. A worker must not wait for a name server: it knows what
//! name servers said last (see [`names`](super::names)), what stands in /etc/hosts, and what the master resolved.

use super::local_names::LocalNames;
use super::names::Answers;
use crate::world::World;
use gatehouse_table::route::{Answer, Located, Names, Sought};
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
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

    /// Asks the system, which may take its time. It does not know of services: a worker asks for those.
    pub(super) fn ask_system(
        &mut self,
        world: &dyn World,
        sought: Sought<'_>,
    ) -> Result<Vec<Located>, String> {
        if sought.service.is_some() {
            return Err("services are asked for by a worker".into());
        }
        let ask = &mut |name: &str| ask(world, name);
        let found = self.names.resolve(sought.name, ask)?;
        Ok(found.into_iter().map(Located::from).collect())
    }

    /// Answers at once: what name servers said last, or /etc/hosts says.
    pub(super) fn ask_here(
        &self,
        answers: &Answers,
        sought: Sought<'_>,
    ) -> Result<Vec<Located>, String> {
        if let Some(found) = answers.get(sought) {
            return Ok(found.to_vec());
        }
        let local = self.located(sought);
        if !local.is_empty() {
            return Ok(local);
        }
        // A name that only the system can resolve. Before all names are asked for, what the table has may be newer.
        let last = self.names.last(sought.name);
        let last = last.filter(|_| answers.is_complete() && sought.service.is_none());
        let last = last.ok_or_else(|| "not known yet".to_owned())?;
        Ok(last.iter().copied().map(Located::from).collect())
    }

    /// The same for what the master has read just now: what the system said then comes first.
    pub(super) fn ask_master(
        &self,
        answers: &Answers,
        sought: Sought<'_>,
    ) -> Result<Vec<Located>, String> {
        let asked = self.names.asked(sought.name);
        match asked.filter(|_| sought.service.is_none()) {
            Some(asked) => Ok(asked.iter().copied().map(Located::from).collect()),
            None => self.ask_here(answers, sought),
        }
    }

    /// Whether the master has said that a name is not found.
    pub(super) fn has_failed(&self, sought: Sought<'_>) -> bool {
        sought.service.is_none() && self.names.has_failed(sought.name)
    }

    /// What /etc/hosts says of a name; it knows of no services.
    pub fn located(&self, sought: Sought<'_>) -> Vec<Located> {
        if sought.service.is_some() {
            return Vec::new();
        }
        let found = self.local.find(sought.name).into_iter();
        found.map(Located::from).collect()
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
