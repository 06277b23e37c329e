//! A route file from its first byte to its last, read by the master and by workers alike.

use super::source::{Failure, Source};
use gatehouse_table::route::{
    FileReader, Key, KeySet, LeftOut, Match, NameSet, Resolved, Resolver, RouteError,
};
use gatehouse_table::table::{Demand, Owner, Prepared, resolve};

/// A reading under way. Each route is resolved and measured once; nothing of it is kept here.
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
}

/// What a reading calls for each route.
pub(super) struct Caller<'c> {
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
        let Caller {
            resolver,
            asks,
            said,
            take,
        } = caller;
        let ReadOut {
            demand, left_out, ..
        } = &mut self.rest;
        if let Some(file) = source.one_of_several() {
            left_out.enter(&file);
        }
        let read = self.reader.feed(bytes, &mut |entry| {
            let (key, at) = (&entry.key, entry.pointer.as_str());
            let route = resolve(key, &entry.route, resolver, &mut |backend| {
                // Services are asked for by a worker.
                let is_service = entry.route.backends.get(backend.index);
                let is_service = is_service.is_some_and(|one| one.service.is_some());
                if backend.partly || asks && !is_service {
                    left_out.note(at, backend, said);
                }
            });
            let measured = Prepared::new(key, Owner::File, &route)
                .and_then(|prepared| demand.add_prepared(&prepared, &route).map(|()| prepared));
            measured
                .map_err(|error| error.to_string())
                .and_then(|prepared| take(key, &route, &prepared))
                .map_err(|error| RouteError::new(error, at))
        });
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

impl ReadOut {
    /// Frees a part of the memory; false when there is none left.
    pub(super) fn shrink(&mut self) -> bool {
        // Each of these is many small sets, and a part of each goes at once.
        let (demand, keys) = (self.demand.shrink(), self.keys.shrink());
        demand | keys
    }
}
