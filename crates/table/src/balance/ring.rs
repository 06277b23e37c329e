//! The points of consistent hashing, as `hash … consistent` of nginx has them, and the rings that a worker keeps.

use crate::route::Address;
use crate::table::RouteView;
use crc32fast::Hasher;
use std::net::SocketAddr;

/// Points of a backend for each unit of its weight.
const POINTS: u32 = 160;
/// The largest sum of weights that is used as it is: what is more is made smaller in proportion, so that no request waits
/// long for a ring.
const MOST_WEIGHT: u32 = 320;

/// The primary backends of a route around a ring. Those of one name and port stand there together.
#[derive(Debug)]
pub(super) struct Ring {
    /// What it was made of.
    words: Box<[u64]>,
    /// `hash 32 | place 32`, by hash, each hash once.
    points: Box<[u64]>,
    places: Box<[Place]>,
    /// The place of each backend; that of none is no place's number.
    place_of: Box<[u16]>,
}

/// A name and port, or an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The first backend there.
    pub(super) first: u16,
    /// It is the only one.
    pub(super) is_alone: bool,
}

/// No place: a backup's.
const NOWHERE: u16 = u16::MAX;

impl Ring {
    /// Follows ngx_http_upstream_update_chash (nginx 1.28.3). A `down` server has its points there, and so have backends
    /// that are drained here: their keys go on to the next ones, and come back.
    fn of(route: &RouteView<'_>) -> Self {
        let mut texts: Vec<(String, u32)> = Vec::new();
        let mut places: Vec<Place> = Vec::new();
        let mut place_of = Vec::with_capacity(route.backend_count());
        for (index, backend) in (0_u16..).zip(route.backends()) {
            if backend.backup() {
                place_of.push(NOWHERE);
                continue;
            }
            let text = text_of(backend.name, backend.address);
            let weight = u32::from(backend.weight());
            let known = texts.iter().position(|(known, _)| *known == text);
            let place = known.unwrap_or(texts.len());
            match (texts.get_mut(place), places.get_mut(place)) {
                // All of a name have the same points, one after the other.
                (Some((_, most)), Some(place)) => {
                    *most = weight.max(*most);
                    place.is_alone = false;
                }
                _ => {
                    texts.push((text, weight));
                    places.push(Place {
                        first: index,
                        is_alone: true,
                    });
                }
            }
            place_of.push(u16::try_from(place).unwrap_or(NOWHERE));
        }
        Self {
            words: route.endpoint_words().into(),
            points: points(&texts),
            places: places.into(),
            place_of: place_of.into(),
        }
    }

    /// Where a key's way around the ring begins: at the first point that is not before its hash.
    pub(super) fn find(&self, key: &[u8]) -> usize {
        let hash = crc32fast::hash(key);
        self.points
            .partition_point(|point| (point >> 32) < hash.into())
    }

    /// The place at a point, counted around the ring; its number too.
    pub(super) fn place(&self, at: usize) -> Option<(u16, Place)> {
        let point = self.points.get(at.checked_rem(self.points.len())?)?;
        let number = *point as u16;
        Some((number, *self.places.get(usize::from(number))?))
    }

    /// Whether a backend is at the place of this number.
    pub(super) fn is_at(&self, index: usize, place: u16) -> bool {
        self.place_of.get(index) == Some(&place)
    }

    /// The part of the ring that each of so many places has.
    #[cfg(test)]
    pub(super) fn arcs(&self, places: usize) -> Vec<f64> {
        let mut arcs = vec![0.0; places];
        let mut before = (self.points.last().unwrap() >> 32) as f64 - 2_f64.powi(32);
        for point in &self.points {
            let at = (point >> 32) as f64;
            arcs[usize::from(*point as u16)] += (at - before) / 2_f64.powi(32);
            before = at;
        }
        arcs
    }

    /// Words of memory, about.
    fn size(&self) -> usize {
        let (words, points) = (self.words.len(), self.points.len());
        words
            .saturating_add(points)
            .saturating_add(self.place_of.len())
    }
}

/// A server as nginx's hash sees it: `host \0 port`.
fn text_of(name: Option<&str>, address: Address<'_>) -> String {
    match (name, address) {
        (Some(name), Address::Ip(ip)) => format!("{name}\0{}", ip.port()),
        (_, Address::Ip(SocketAddr::V4(v4))) => format!("{}\0{}", v4.ip(), v4.port()),
        (_, Address::Ip(SocketAddr::V6(v6))) => format!("[{}]\0{}", v6.ip(), v6.port()),
        (_, Address::Unix(path)) => format!("{path}\0"),
    }
}

fn points(texts: &[(String, u32)]) -> Box<[u64]> {
    let total: u32 = texts
        .iter()
        .map(|(_, weight)| *weight)
        .fold(0, u32::saturating_add);
    let mut points = Vec::new();
    for (place, (text, weight)) in (0_u64..).zip(texts) {
        let weight = if total > MOST_WEIGHT {
            let part = u64::from(*weight).saturating_mul(MOST_WEIGHT.into());
            (part.checked_div(total.into()).unwrap_or(1) as u32).max(1)
        } else {
            *weight
        };
        let mut base = Hasher::new();
        base.update(text.as_bytes());
        let mut hash: u32 = 0;
        for _ in 0..weight.saturating_mul(POINTS) {
            let mut next = base.clone();
            next.update(&hash.to_le_bytes());
            hash = next.finalize();
            points.push(u64::from(hash) << 32 | place);
        }
    }
    points.sort_unstable();
    // Of two backends at one point the first one has it.
    points.dedup_by_key(|point| *point >> 32);
    points.into()
}

/// Places for rings that a worker keeps: so many sets, and so many in each for the routes that fall there.
const SETS: usize = 512;
const WAYS: usize = 8;
const SLOTS: usize = SETS * WAYS;
/// Words of all of them: 16 MiB.
const MOST_WORDS: usize = 2 << 20;

/// The rings of routes that were asked for lately.
#[derive(Debug, Default)]
pub(super) struct Rings {
    slots: Vec<Option<Ring>>,
    words: usize,
    /// The slot that gives way next.
    hand: usize,
}

impl Rings {
    /// The ring of a route as it is now.
    pub(super) fn of(&mut self, route: &RouteView<'_>) -> Option<&Ring> {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let set = crc32fast::hash(route.key()) as usize % SETS;
        let first = set.saturating_mul(WAYS);
        let words = route.endpoint_words();
        let mut slots = self.slots.iter().skip(first).take(WAYS);
        let is_of = |slot: &Option<Ring>| slot.as_ref().is_some_and(|ring| *ring.words == *words);
        let slot = match slots.position(is_of) {
            Some(way) => first.saturating_add(way),
            None => self.make(first, route),
        };
        self.slots.get(slot)?.as_ref()
    }

    /// Makes a ring, in a set that begins at this slot: where.
    #[cold]
    fn make(&mut self, first: usize, route: &RouteView<'_>) -> usize {
        let ring = Ring::of(route);
        self.make_room(ring.size());
        let mut slots = self.slots.iter().skip(first).take(WAYS);
        let free = slots.position(Option::is_none);
        let slot = first.saturating_add(free.unwrap_or(self.hand % WAYS));
        self.hand = self.hand.wrapping_add(1) % SLOTS;
        self.drop_ring(slot);
        self.words = self.words.saturating_add(ring.size());
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(ring);
        }
        slot
    }

    fn make_room(&mut self, words: usize) {
        for _ in 0..SLOTS {
            if self.words.saturating_add(words) <= MOST_WORDS {
                return;
            }
            self.drop_ring(self.hand);
            self.hand = self.hand.wrapping_add(1) % SLOTS;
        }
    }

    fn drop_ring(&mut self, slot: usize) {
        let ring = self.slots.get_mut(slot).and_then(Option::take);
        let words = ring.map_or(0, |ring| ring.size());
        self.words = self.words.saturating_sub(words);
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> (usize, usize) {
        (self.slots.iter().flatten().count(), self.words)
    }

    #[cfg(test)]
    pub(super) fn points(&self) -> usize {
        self.slots
            .iter()
            .flatten()
            .map(|ring| ring.points.len())
            .sum()
    }
}
