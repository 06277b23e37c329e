//! One MaxMind DB in memory.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use maxminddb::{MaxMindDbError, Metadata, Reader};

use super::facts::{Eu, Facts, Field, Fields};
use super::json;
use super::path::{self, Out, Path};
use super::record::Section;
use super::stated;
use super::tree::{SEPARATOR, Target, Tree, Width};

/// Stands before the metadata, which is the end of the file.
pub(super) const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Tree nodes looked at to learn which fields the records have.
const SAMPLE: usize = 8192;

/// Why a file was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The bytes hold no MaxMind DB metadata.
    NotMaxMind,
    /// They do, and something in them is wrong.
    Invalid(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMaxMind => f.write_str("not a MaxMind DB file"),
            Self::Invalid(reason) => write!(f, "invalid MaxMind DB file: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// [`Error::Invalid`] with that reason.
pub(super) fn invalid(reason: &str) -> Error {
    Error::Invalid(reason.to_owned())
}

impl From<MaxMindDbError> for Error {
    fn from(error: MaxMindDbError) -> Self {
        Self::Invalid(match error {
            MaxMindDbError::InvalidDatabase { message, .. } => message,
            other => other.to_string(),
        })
    }
}

/// What the search tree says about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The offset of the address's record in the data section; many networks share one.
    Found(u32),
    /// The database has no record for the address.
    NotFound,
    /// The tree leads outside the file: its bytes are damaged or being overwritten.
    Broken,
}

/// A MaxMind DB over bytes that somebody else keeps: a `Vec<u8>`, or a view of shared memory.
///
/// The source must give a slice of the same length each time. Its content may change under a
/// reader: answers are then meaningless, never unsafe.
pub struct Database<S: AsRef<[u8]>> {
    source: S,
    shape: Rc<Shape>,
}

/// What [`Database::open`] learned about some bytes; can be kept while the bytes are only lent.
pub struct Shape {
    metadata: Metadata,
    tree: Tree,
    /// Where the search tree ends, the data start and the data end.
    tree_end: usize,
    data_start: usize,
    data_end: usize,
    fields: Fields,
}

impl<S: AsRef<[u8]>> fmt::Debug for Database<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("metadata", &self.shape.metadata)
            .finish_non_exhaustive()
    }
}

impl<S: AsRef<[u8]>> Database<S> {
    /// Reads the metadata and looks at some records; [`Self::verify`] reads the rest.
    ///
    /// # Errors
    /// [`Error::NotMaxMind`] when there is no metadata, [`Error::Invalid`] when it is unusable.
    pub fn open(source: S) -> Result<Self, Error> {
        let mut database = Self::open_known(source, Fields::default())?;
        let fields = database.sample_fields();
        if let Some(shape) = Rc::get_mut(&mut database.shape) {
            shape.fields = fields;
        }
        Ok(database)
    }

    /// Reads the metadata only, of a file whose records are known to have those fields.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_known(source: S, fields: Fields) -> Result<Self, Error> {
        let bytes = source.as_ref();
        let data_end = metadata_at(bytes).ok_or(Error::NotMaxMind)?;
        let reader = Reader::from_source(bytes).map_err(in_metadata)?;
        let metadata = reader.metadata().clone();
        let width = Width::from_bits(metadata.record_size).ok_or_else(|| invalid("record_size"))?;
        let nodes = metadata.node_count;
        let tree_end = usize::try_from(nodes)
            .ok()
            .and_then(|nodes| nodes.checked_mul(width.node_size()));
        let data_start = tree_end
            .zip(usize::try_from(SEPARATOR).ok())
            .and_then(|(end, separator)| end.checked_add(separator))
            .filter(|start| *start <= data_end);
        let (Some(tree_end), Some(data_start)) = (tree_end, data_start) else {
            return Err(invalid("the search tree is larger than the file"));
        };
        let tree = Tree::new(
            tree_bytes(bytes, tree_end),
            width,
            nodes,
            metadata.ip_version,
        );
        let shape = Shape {
            metadata,
            tree,
            tree_end,
            data_start,
            data_end,
            fields,
        };
        Ok(Self {
            source,
            shape: Rc::new(shape),
        })
    }

    /// Spends some memory and a moment on lookups that take half as long.
    pub fn prepare(&mut self) {
        if let Some(shape) = Rc::get_mut(&mut self.shape) {
            let tree = tree_bytes(self.source.as_ref(), shape.tree_end);
            shape.tree.prepare(tree);
        }
    }

    /// What was learned when it was opened.
    pub fn shape(&self) -> Rc<Shape> {
        Rc::clone(&self.shape)
    }

    /// The same bytes as those that `shape` was made of, lent again: nothing is read.
    pub fn with_shape(source: S, shape: Rc<Shape>) -> Self {
        Self { source, shape }
    }

    /// The bytes it was opened over.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The metadata's `database_type`, such as `GeoLite2-Country`.
    pub fn database_type(&self) -> &str {
        &self.shape.metadata.database_type
    }

    /// When the database was built, in seconds since 1970.
    pub fn build_epoch(&self) -> u64 {
        self.shape.metadata.build_epoch
    }

    /// How many nodes the search tree has.
    pub fn node_count(&self) -> u32 {
        self.shape.tree.nodes
    }

    /// 4 when the database holds IPv4 networks only, else 6.
    pub fn ip_version(&self) -> u16 {
        self.shape.metadata.ip_version
    }

    /// Whether records of this database have the field: decided by reading some thousand records
    /// all over the file, all of them in a small one.
    pub fn has_field(&self, field: Field) -> bool {
        self.shape.fields.contains(field)
    }

    /// The fields that records of this database have.
    pub fn fields(&self) -> Fields {
        self.shape.fields
    }

    /// Finds an address's record. An IPv4 address mapped into IPv6 is looked up as IPv4; an IPv6
    /// address is not found in a database of IPv4 networks.
    #[inline]
    pub fn lookup(&self, address: IpAddr) -> Lookup {
        let record = self.shape.tree.find(self.tree_bytes(), address);
        match self.target(record) {
            Target::Data(offset) => Lookup::Found(offset),
            Target::Nothing | Target::Node(_) => Lookup::NotFound,
            Target::Outside => Lookup::Broken,
        }
    }

    /// What the record at an offset (of [`Lookup::Found`]) says. A damaged record has no facts
    /// but is found.
    pub fn facts(&self, offset: u32) -> Facts {
        let mut facts = stated::facts(self.section(), offset);
        if facts.eu == Eu::Unknown && facts.country.is_some() && self.has_field(Field::Eu) {
            facts.eu = Eu::No;
        }
        facts
    }

    /// The text of the value a path leads to in the record at an offset, borrowed from the
    /// database or written to `out`; `None` when there is none or it has no text.
    pub fn value<'o>(&'o self, offset: u32, path: &Path, out: &'o mut Out) -> Option<&'o [u8]> {
        let section = self.section();
        let value = path.find(section, usize::try_from(offset).ok()?)?;
        path::text(section, value, out)
    }

    /// The network an address was found in or missing from, as address and prefix length; for
    /// people to look at.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file is damaged there.
    pub fn network(&self, address: IpAddr) -> Result<(IpAddr, u8), Error> {
        let reader = Reader::from_source(self.source.as_ref())?;
        let network = reader.lookup(address.to_canonical())?.network()?;
        Ok((network.ip(), network.prefix()))
    }

    /// The whole record at an offset as JSON, for people to look at; `None` when it is damaged or
    /// too large for that.
    pub fn record(&self, offset: u32) -> Option<serde_json::Value> {
        json::json(self.section(), usize::try_from(offset).ok()?)
    }

    /// Where one record of a node leads.
    pub(super) fn child(&self, node: u32, right: bool) -> Target {
        match self.shape.tree.record(self.tree_bytes(), node, right) {
            Some(record) => self.target(record),
            None => Target::Outside,
        }
    }

    /// How long a way through the search tree may be.
    pub(super) fn address_bits(&self) -> u8 {
        self.shape.tree.bits
    }

    /// The data section.
    pub(super) fn section(&self) -> Section<'_> {
        Section(
            self.source
                .as_ref()
                .get(self.shape.data_start..self.shape.data_end)
                .unwrap_or_default(),
        )
    }

    /// The bytes between search tree and data section.
    pub(super) fn separator(&self) -> &[u8] {
        self.source
            .as_ref()
            .get(self.shape.tree_end..self.shape.data_start)
            .unwrap_or_default()
    }

    #[inline]
    fn tree_bytes(&self) -> &[u8] {
        tree_bytes(self.source.as_ref(), self.shape.tree_end)
    }

    #[inline]
    fn target(&self, record: u32) -> Target {
        self.shape.tree.target(
            record,
            self.shape.data_end.saturating_sub(self.shape.data_start),
        )
    }

    /// Reads the records of nodes all over the tree and notes which fields they have.
    fn sample_fields(&self) -> Fields {
        let mut fields = Fields::default();
        let stride = usize::try_from(self.shape.tree.nodes)
            .unwrap_or(usize::MAX)
            .div_ceil(SAMPLE)
            .max(1);
        for node in (0..self.shape.tree.nodes).step_by(stride) {
            for right in [false, true] {
                if let Target::Data(offset) = self.child(node, right) {
                    fields.insert_stated(&stated::facts(self.section(), offset));
                }
            }
            if fields.is_all() {
                break;
            }
        }
        fields
    }
}

/// The search tree and one byte more, which is the separator's.
#[inline]
fn tree_bytes(file: &[u8], tree_end: usize) -> &[u8] {
    file.get(..=tree_end).unwrap_or_default()
}

/// A fault that is known before any address is looked up.
fn in_metadata(error: MaxMindDbError) -> Error {
    match Error::from(error) {
        Error::Invalid(reason) => Error::Invalid(format!("metadata: {reason}")),
        other => other,
    }
}

/// Where the metadata begin: by the format's definition they are at most 128 KiB at the end, the marker included.
fn metadata_at(bytes: &[u8]) -> Option<usize> {
    const MOST: usize = 128 * 1024;
    let from = bytes.len().saturating_sub(MOST);
    let found = bytes
        .get(from..)?
        .windows(METADATA_MARKER.len())
        .rposition(|window| window == METADATA_MARKER)?;
    from.checked_add(found)
}
