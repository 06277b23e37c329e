//! Writes MaxMind DB files: for tests, demonstrations and databases of one's own.
//!
//! ```
//! use gatehouse_geo::{Database, make::Builder};
//!
//! let mut builder = Builder::new("Example-Country", 1_700_000_000);
//! builder.insert("192.0.2.0/24".parse().unwrap(), &serde_json::json!({"country": {"iso_code": "FR"}})).unwrap();
//! let database = Database::open(builder.build().unwrap()).unwrap();
//! assert_eq!(database.build_epoch(), 1_700_000_000);
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::database::METADATA_MARKER;
use super::make_data::Data;
use super::tree::{SEPARATOR, Width};

/// Collects networks and their records.
#[derive(Debug)]
pub struct Builder {
    database_type: String,
    build_epoch: u64,
    ip_version: u8,
    width: Option<Width>,
    networks: BTreeMap<IpNet, u32>,
    data: Data,
}

impl Builder {
    /// A database of both families with that type and build time, and no networks.
    pub fn new(database_type: &str, build_epoch: u64) -> Self {
        Self {
            database_type: database_type.to_owned(),
            build_epoch,
            ip_version: 6,
            width: None,
            networks: BTreeMap::new(),
            data: Data::default(),
        }
    }

    /// Makes a database of IPv4 networks only.
    pub fn ipv4_only(&mut self) {
        self.ip_version = 4;
    }

    /// Sets the size of tree records, which is otherwise the smallest that holds the content.
    pub fn width(&mut self, width: Width) {
        self.width = Some(width);
    }

    /// Gives a network a record; within it, smaller networks have their own. Returns whether the
    /// network is new: the last record given to a network stays.
    ///
    /// # Errors
    /// A message when the record has a null or a value too long for the format.
    pub fn insert(&mut self, network: IpNet, record: &Value) -> Result<bool, String> {
        let offset = self.data.record(record)?;
        Ok(self.networks.insert(network.trunc(), offset).is_none())
    }

    /// The file.
    ///
    /// # Errors
    /// A message when there are no networks, when it would be larger than the format allows, or when
    /// the record of an IPv6 network is given to a database of IPv4 networks.
    pub fn build(&self) -> Result<Vec<u8>, String> {
        if self.networks.is_empty() {
            return Err("there are no networks".to_owned());
        }
        let nodes = self.nodes()?;
        let count = u32::try_from(nodes.len()).map_err(|_| too_large())?;
        let width = self.width_for(count)?;
        let mut file = Vec::new();
        for node in &nodes {
            write_node(&mut file, width, node.map(|record| record.number(count)));
        }
        file.resize(file.len().saturating_add(SEPARATOR as usize), 0);
        file.extend_from_slice(&self.data.bytes);
        file.extend_from_slice(METADATA_MARKER);
        file.extend_from_slice(&self.metadata(count, width));
        Ok(file)
    }

    /// The tree's nodes, each network put where its bits lead, large networks first.
    fn nodes(&self) -> Result<Vec<[Record; 2]>, String> {
        let mut networks: Vec<(u8, u128, u32)> = Vec::with_capacity(self.networks.len());
        for (network, offset) in &self.networks {
            let (key, length) = self.key(*network)?;
            networks.push((length, key, *offset));
        }
        networks.sort_unstable();
        let mut nodes = vec![[Record::Nothing; 2]];
        for (length, key, offset) in networks {
            insert(&mut nodes, key, length, Record::Data(offset))?;
        }
        Ok(nodes)
    }

    /// A network's bits from the top, and how many count; IPv4 is `::/96`.
    fn key(&self, network: IpNet) -> Result<(u128, u8), String> {
        let length = network.prefix_len();
        match (network.addr(), self.ip_version) {
            (IpAddr::V4(address), 4) => Ok((u128::from(address.to_bits()) << 96, length)),
            (IpAddr::V4(address), _) => {
                Ok((u128::from(address.to_bits()), length.saturating_add(96)))
            }
            (IpAddr::V6(_), 4) => Err(format!("{network} in a database of IPv4 networks")),
            (IpAddr::V6(address), _) => Ok((address.to_bits(), length)),
        }
    }

    fn width_for(&self, nodes: u32) -> Result<Width, String> {
        let data = u32::try_from(self.data.bytes.len()).map_err(|_| too_large())?;
        let largest = nodes
            .checked_add(SEPARATOR)
            .and_then(|sum| sum.checked_add(data))
            .ok_or_else(too_large)?;
        let fits = |width: &Width| u64::from(largest) >> width.bits() == 0;
        let widths = self
            .width
            .map_or(vec![Width::W24, Width::W28, Width::W32], |width| {
                vec![width]
            });
        widths.into_iter().find(fits).ok_or_else(too_large)
    }

    fn metadata(&self, nodes: u32, width: Width) -> Vec<u8> {
        let name = self.database_type.as_str();
        let mut metadata = Data::default();
        // Readers insist on these types.
        metadata.begin_map(9);
        metadata.unsigned16("binary_format_major_version", 2);
        metadata.unsigned16("binary_format_minor_version", 0);
        metadata.unsigned64("build_epoch", self.build_epoch);
        metadata.text("database_type", name);
        metadata.text_map("description", "en", name);
        metadata.unsigned16("ip_version", u16::from(self.ip_version));
        metadata.text_list("languages", "en");
        metadata.unsigned32("node_count", nodes);
        metadata.unsigned16("record_size", width.bits());
        metadata.bytes
    }
}

/// A database from JSON text: an object of networks and their records.
///
/// # Errors
/// A message naming the place in the text or the network that is wrong.
pub fn from_json(text: &str, database_type: &str, build_epoch: u64) -> Result<Vec<u8>, String> {
    from_networks(&networks_of(text)?, database_type, build_epoch)
}

/// What JSON text has: networks and their records, neither of them looked at.
///
/// # Errors
/// A message naming the place in the text that is wrong.
pub fn networks_of(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim_ascii().is_empty() {
        return Err("it is empty".to_owned());
    }
    match serde_json::from_str(text).map_err(|error| error.to_string())? {
        Value::Object(networks) => Ok(networks),
        _ => Err("it is no object of networks and their records".to_owned()),
    }
}

/// A database from networks and their records.
///
/// # Errors
/// A message naming the network that is wrong.
pub fn from_networks(
    networks: &Map<String, Value>,
    database_type: &str,
    build_epoch: u64,
) -> Result<Vec<u8>, String> {
    with_networks(Builder::new(database_type, build_epoch), networks)
}

/// A database from a builder, networks and their records.
///
/// # Errors
/// A message naming the network that is wrong.
pub fn with_networks(
    mut builder: Builder,
    networks: &Map<String, Value>,
) -> Result<Vec<u8>, String> {
    for (name, record) in networks {
        let network = parse_network(name)?;
        if !record.is_object() {
            return Err(format!("the record of {name} is no object"));
        }
        if !builder
            .insert(network, record)
            .map_err(|error| format!("{name}: {error}"))?
        {
            return Err(format!("{network} is there twice"));
        }
    }
    builder.build()
}

/// A network, or an address alone.
///
/// # Errors
/// A message that quotes the text.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    let network = text
        .parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network.ok_or_else(|| format!("invalid network \"{text}\""))
}

fn too_large() -> String {
    "too large for a MaxMind DB".to_owned()
}

/// Where one side of a node leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    Nothing,
    Node(u32),
    Data(u32),
}

impl Record {
    /// The number in the file. That it fits was seen to when the width was chosen.
    fn number(self, nodes: u32) -> u32 {
        match self {
            Self::Nothing => nodes,
            Self::Node(node) => node,
            Self::Data(offset) => nodes.saturating_add(SEPARATOR).saturating_add(offset),
        }
    }
}

/// Puts a record where `length` bits of the key lead. What was there for a larger network is
/// handed down to both sides of the nodes that have to be made.
fn insert(
    nodes: &mut Vec<[Record; 2]>,
    key: u128,
    length: u8,
    record: Record,
) -> Result<(), String> {
    let Some(depth) = length.checked_sub(1) else {
        // Everything: the root's two sides.
        nodes
            .iter_mut()
            .take(1)
            .for_each(|root| *root = [record; 2]);
        return Ok(());
    };
    let mut at = 0usize;
    for level in 0..depth {
        let new = u32::try_from(nodes.len()).map_err(|_| too_large())?;
        let below = slot(nodes, at, key, level)?;
        let node = match *below {
            Record::Node(node) => node,
            inherited => {
                *below = Record::Node(new);
                nodes.push([inherited; 2]);
                new
            }
        };
        at = usize::try_from(node).map_err(|_| too_large())?;
    }
    *slot(nodes, at, key, depth)? = record;
    Ok(())
}

/// The side of a node that the key's bit at that level takes.
fn slot(
    nodes: &mut [[Record; 2]],
    node: usize,
    key: u128,
    level: u8,
) -> Result<&mut Record, String> {
    let right = (key << level) >> 127 == 1;
    nodes
        .get_mut(node)
        .and_then(|sides| sides.get_mut(usize::from(right)))
        .ok_or_else(too_large)
}

fn write_node(file: &mut Vec<u8>, width: Width, sides: [u32; 2]) {
    let [left, right] = sides.map(u32::to_be_bytes);
    match width {
        Width::W24 => {
            file.extend_from_slice(&left[1..]);
            file.extend_from_slice(&right[1..]);
        }
        Width::W28 => {
            file.extend_from_slice(&left[1..]);
            file.push((left[0] << 4) | right[0]);
            file.extend_from_slice(&right[1..]);
        }
        Width::W32 => {
            file.extend_from_slice(&left);
            file.extend_from_slice(&right);
        }
    }
}
