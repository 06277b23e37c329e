//! Tests of the GeoIP room.

mod broken;
mod database;
mod fields;
mod files;
mod lists;
mod make;
mod rules;
mod summary;
mod values;

use std::net::IpAddr;

use serde_json::Value;

use super::make::{Builder, parse_network};
use super::{Database, Facts, Lookup};

/// A file with those networks.
fn file(networks: &[(&str, Value)]) -> Vec<u8> {
    let mut builder = Builder::new("Test", 1_700_000_000);
    for (network, record) in networks {
        builder
            .insert(parse_network(network).unwrap(), record)
            .unwrap();
    }
    builder.build().unwrap()
}

fn open(bytes: &[u8]) -> Database<&[u8]> {
    Database::open(bytes).unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The facts of an address, as a request gets them.
fn facts<S: AsRef<[u8]>>(database: &Database<S>, text: &str) -> Facts {
    match database.lookup(address(text)) {
        Lookup::Found(offset) => database.facts(offset),
        Lookup::NotFound => Facts::UNKNOWN,
        Lookup::Broken => panic!("{text} leads outside the file"),
    }
}

/// The whole record of an address.
fn record<S: AsRef<[u8]>>(database: &Database<S>, address: IpAddr) -> Option<Value> {
    match database.lookup(address) {
        Lookup::Found(offset) => Some(database.record(offset).unwrap()),
        Lookup::NotFound => None,
        Lookup::Broken => panic!("{address} leads outside the file"),
    }
}
