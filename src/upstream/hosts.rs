//! Addresses of host names in routes.
//!
//! The master asks the system, as nginx does for `server` lines. A worker must not wait for a
//! name server: it knows what the master resolved and what stands in /etc/hosts.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// Names and their addresses.
#[derive(Default)]
pub struct Hosts(HashMap<String, Vec<IpAddr>>);

impl Hosts {
    /// Asks the system, which may take as long as it likes.
    pub fn ask_system(&mut self, name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        if !self.0.contains_key(name) {
            let found = (name, 0)
                .to_socket_addrs()
                .map_err(|e| format!("host not found \"{name}\" ({e})"))?;
            let mut addresses: Vec<IpAddr> = found.map(|a| a.ip()).collect();
            addresses.sort_unstable();
            addresses.dedup();
            self.0.insert(name.to_owned(), addresses);
        }
        Ok(self.known(name, port).unwrap_or_default())
    }

    /// Answers at once, from memory or /etc/hosts.
    pub fn ask_here(&mut self, name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        if !self.0.contains_key(name) {
            let text = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
            let addresses = in_hosts_file(&text, name);
            if addresses.is_empty() {
                return Err(format!(
                    "host \"{name}\" is new and not in /etc/hosts: a name server is asked at a reload only"
                ));
            }
            self.0.insert(name.to_owned(), addresses);
        }
        Ok(self.known(name, port).unwrap_or_default())
    }

    fn known(&self, name: &str, port: u16) -> Option<Vec<SocketAddr>> {
        Some(
            self.0
                .get(name)?
                .iter()
                .map(|ip| SocketAddr::new(*ip, port))
                .collect(),
        )
    }
}

fn in_hosts_file(text: &str, name: &str) -> Vec<IpAddr> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let mut found: Vec<IpAddr> = lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words
                .any(|word| word.eq_ignore_ascii_case(name))
                .then_some(address)
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}
