//! A database in a zone, as requests and feeders use it.

use crate::election::Seat;
use crate::memory::Memory;
use gatehouse_geo::{Database, Facts, Fields, Image, Lookup, Out, Path, Shape};
use gatehouse_nginx::Zone;
use gatehouse_nginx::shm::slots::{Published, Slots};
use gatehouse_table::table::Lease;
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;

/// Nodes of a tree that is worth preparing: a smaller one takes less memory than what would be made of it.
const LARGE: u32 = 1 << 14;

/// A database in a zone.
pub struct SharedDatabase {
    pub(super) zone: Zone,
    /// This worker's view of the zone.
    view: RefCell<Option<View>>,
}

/// What a worker knows about the bytes of a generation; the zone lends them for each lookup.
struct View {
    shape: Rc<Shape>,
    image: Image,
    generation: u64,
    /// Where the last record was found that was asked for: the variables of a request ask one after another.
    recent: Cell<Option<(IpAddr, Lookup)>>,
}

impl View {
    #[cold]
    fn of(published: &Published<'_>) -> Option<Self> {
        let bytes = published.as_ref();
        let image = Image::of(bytes);
        let file = bytes.get(..image.file)?;
        let opened = match image.fields() {
            Some(fields) => Database::open_known(file, fields),
            None => Database::open(file),
        };
        let mut database = opened.ok()?;
        if database.node_count() >= LARGE {
            database.prepare();
        }
        Some(Self {
            shape: database.shape(),
            image,
            generation: published.generation,
            recent: Cell::default(),
        })
    }

    /// Where the record of an address is.
    fn lookup(&self, database: &Database<Published<'_>>, address: IpAddr) -> Lookup {
        match self.recent.get() {
            Some((known, found)) if known == address => found,
            _ => {
                let found = database.lookup(address);
                self.recent.set(Some((address, found)));
                found
            }
        }
    }
}

impl SharedDatabase {
    /// The database in that zone.
    pub fn new(zone: Zone) -> Self {
        Self {
            zone,
            view: RefCell::default(),
        }
    }

    /// When the database in use was built, seconds since 1970.
    pub fn build_epoch(&self) -> Option<u64> {
        self.with(|database, _| Some(database.build_epoch()))
    }

    /// Hands what the database in use calls itself (`database_type` of its metadata) to `read`.
    pub fn database_type<T>(&self, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.with(|database, _| read(database.database_type()))
    }

    /// When its file was last looked at, seconds since 1970.
    pub fn last_check(&self) -> Option<u64> {
        Some(self.slots()?.checked()).filter(|at| *at > 0)
    }

    /// When the database in use was taken into use, seconds since 1970.
    pub fn last_change(&self) -> Option<u64> {
        Some(self.slots()?.changed()).filter(|at| *at > 0)
    }

    /// What is known about an address, as far as it is `asked` for.
    pub fn facts(&self, address: IpAddr, asked: Fields) -> Facts {
        let mut facts = Facts::UNKNOWN;
        let found = self.with(|database, view| {
            let Lookup::Found(offset) = database.lookup(address) else {
                return None;
            };
            let image = database.source().as_ref();
            facts = match view.image.facts(image, offset, asked) {
                Some(summarized) => summarized,
                None => database.facts(offset),
            };
            Some(())
        });
        match found {
            Some(()) => facts,
            None => Facts::UNKNOWN,
        }
    }

    /// Hands the value to which a path leads in the record of an address to `read`.
    pub fn value<T>(
        &self,
        address: IpAddr,
        path: &Path,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        self.with(|database, view| {
            let Lookup::Found(offset) = view.lookup(database, address) else {
                return None;
            };
            let image = database.source().as_ref();
            match view.image.value(image, offset, path) {
                Some(code) => read(code?.as_bytes()),
                None => read(database.value(offset, path, &mut Out::new())?),
            }
        })
    }

    /// Uses this worker's view of the current generation: an answer counts when the generation has not moved
    /// meanwhile ([`Published`]).
    fn with<T>(
        &self,
        mut use_it: impl FnMut(&Database<Published<'_>>, &View) -> Option<T>,
    ) -> Option<T> {
        const TRIES: usize = 3;
        let slots = self.zone.slots()?;
        let mut kept = self.view.try_borrow_mut().ok()?;
        for _ in 0..TRIES {
            let published = slots.current()?;
            let generation = published.generation;
            if kept
                .as_ref()
                .is_none_or(|view| view.generation != generation)
            {
                *kept = View::of(&published);
            }
            let answer = kept.as_ref().and_then(|view| {
                let database = Database::with_shape(published, Rc::clone(&view.shape));
                use_it(&database, view)
            });
            if slots.generation() == generation {
                return answer;
            }
        }
        None
    }

    /// Takes a new generation into view, outside of requests.
    pub(super) fn refresh(&self) {
        let _ = self.with(|_, _| Some(()));
    }

    /// The slots of the zone.
    pub(super) fn slots(&self) -> Option<Slots<'_>> {
        self.zone.slots()
    }
}

impl Seat for SharedDatabase {
    fn lease(&self) -> Option<Lease<'_>> {
        Some(Lease::new(self.slots()?.lease()))
    }

    fn try_locked(&self, work: &mut dyn FnMut()) -> bool {
        Memory::try_locked(&self.zone, work)
    }
}

/// `"zone=" is too small: it has 65536 bytes, the database needs 106496 ("zone=104k")`
pub(super) fn too_small(zone: &Zone, length: usize) -> String {
    let needed = zone.size_for(|words| Slots::capacity_of(words) >= length);
    format!(
        "\"zone=\" is too small: it has {} bytes, the database needs {needed} (\"zone={}k\")",
        zone.size(),
        needed / 1024
    )
}
