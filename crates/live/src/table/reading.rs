//! A route file from its first byte to its last, read by the master and by workers alike.

use super::source::{Failure, Source};
use gatehouse_table::check::own;
use gatehouse_table::route::{
    Entry, FileReader, Imprint, Imprinter, Key, KeySet, LeftOut, Match, NameSet, Reads, Resolved,
    Resolver, RouteError,
};
use gatehouse_table::table::{Demand, MAX_RECORD_WORDS, Owner, Prepared, Table, resolve};
use std::sync::atomic::AtomicU64;

/// A reading under way. Each route is resolved and measured once; nothing of it is kept here. One that the table has from
/// the very same text is only measured.
pub(super) struct Reading {
    reader: FileReader,
    rest: ReadOut,
}

/// What is known when a file has been read.
#[derive(Default)]
pub(super) struct ReadOut {
    /// What its routes need of a zone.
    pub(super) demand: Demand,
    /// The backends that have no address.
    pub(super) left_out: LeftOut,
    /// The keys of its routes.
    pub(super) keys: KeySet,
    /// How many of them the table has from the same text.
    pub(super) recognized: usize,
    /// How many of them say themselves how their backends are checked.
    pub(super) checked: usize,
}

/// What a reading calls for each route.
pub(super) struct Caller<'c> {
    /// The table that has some of the routes perhaps.
    pub(super) known: Option<&'c Table<'c, AtomicU64>>,
    /// That of the table for which they are read.
    pub(super) imprinter: Imprinter,
    /// Addresses of host names.
    pub(super) resolver: &'c mut Resolver<'c>,
    /// The resolver asks for names: one that is not found now is worth a line.
    pub(super) asks: bool,
    /// Host names that were reported before.
    pub(super) said: &'c NameSet,
    /// Takes the route; an error ends the reading.
    pub(super) take: &'c mut Take<'c>,
}

/// Takes a route: its key, itself, and the same ready to be put.
pub(super) type Take<'c> = dyn FnMut(&Key, &Resolved<'_>, &Prepared) -> Result<(), String> + 'c;

impl Reading {
    pub(super) fn new(mode: Match) -> Self {
        Self {
            reader: FileReader::new(mode),
            rest: ReadOut::default(),
        }
    }

    /// A reading whose routes come to others that need this.
    pub(super) fn besides(mode: Match, demand: Demand) -> Self {
        let mut reading = Self::new(mode);
        reading.rest.demand = demand;
        reading
    }

    /// Reads the next bytes of a file.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        source: &Source,
        caller: Caller<'_>,
    ) -> Result<(), Failure> {
        if let Some(file) = source.one_of_several() {
            self.rest.left_out.enter(&file);
        }
        let mut routes = Routes {
            rest: &mut self.rest,
            imprint: caller.imprinter.of(b""),
            caller,
            buf: [0; MAX_RECORD_WORDS],
        };
        let read = self.reader.feed_unknown(bytes, &mut routes);
        read.map_err(|error| source.refuse(&error))
    }

    /// A file ended here.
    pub(super) fn end_file(&mut self, source: &Source) -> Result<(), Failure> {
        self.reader
            .next_file()
            .map_err(|error| source.refuse(&error))
    }

    /// What the routes so far need of a zone.
    pub(super) fn demand(&self) -> &Demand {
        &self.rest.demand
    }

    /// What is known by now.
    pub(super) fn into_parts(self) -> ReadOut {
        ReadOut {
            keys: self.reader.into_keys(),
            ..self.rest
        }
    }
}

/// Takes the routes that a piece of a file has.
struct Routes<'r, 'c> {
    rest: &'r mut ReadOut,
    caller: Caller<'c>,
    /// Of the text that was asked for last.
    imprint: Imprint,
    buf: [u64; MAX_RECORD_WORDS],
}

impl Reads for Routes<'_, '_> {
    fn knows(&mut self, key: &Key, text: &[u8]) -> bool {
        self.imprint = self.caller.imprinter.of(text);
        let Some(table) = self.caller.known else {
            return false;
        };
        let found = table.recognize(key, self.imprint, &mut self.buf);
        let is_known = found.is_some_and(|route| self.rest.demand.add_stored(&route).is_ok());
        if let Some(route) = found.filter(|_| is_known) {
            self.rest.recognized = self.rest.recognized.saturating_add(1);
            self.rest.count_check(route.check());
        }
        is_known
    }

    fn take(&mut self, entry: Entry) -> Result<(), RouteError> {
        self.rest.count_check(entry.route.check.as_deref());
        let Caller {
            resolver,
            asks,
            said,
            take,
            ..
        } = &mut self.caller;
        let ReadOut {
            demand, left_out, ..
        } = &mut *self.rest;
        let (key, at) = (&entry.key, entry.pointer.as_str());
        let route = resolve(key, &entry.route, resolver, &mut |backend| {
            // Services are asked for by a worker.
            let is_service = entry.route.backends.get(backend.index);
            let is_service = is_service.is_some_and(|one| one.service.is_some());
            if backend.partly || *asks && !is_service {
                left_out.note(at, backend, said);
            }
        });
        let route = route.read_from(self.imprint);
        let measured = Prepared::new(key, Owner::File, &route)
            .and_then(|prepared| demand.add_prepared(&prepared, &route).map(|()| prepared));
        measured
            .map_err(|error| error.to_string())
            .and_then(|prepared| take(key, &route, &prepared))
            .map_err(|error| RouteError::new(error, at))
    }
}

impl ReadOut {
    fn count_check(&mut self, check: Option<&str>) {
        let more = usize::from(own::asks(check));
        self.checked = self.checked.saturating_add(more);
    }

    /// Frees a part of the memory; false when there is none left.
    pub(super) fn shrink(&mut self) -> bool {
        // Each of these is many small sets, and a part of each goes at once.
        let (demand, keys) = (self.demand.shrink(), self.keys.shrink());
        demand | keys
    }
}
