//! The peers of a table: one for each distinct address, scheme, TLS name and way of being checked, whichever routes use it.
//!
//! A peer has a line of live words ([`peer`](super::peer)) and, behind all lines of its page, three words that only
//! writers use: `references 29 | next line of its chain 27`, and its identity in two words.

use super::layout::{LINE, PAGE, PEER_TAIL, PEERS_PER_PAGE, head};
use super::live::{BELOW, HEALTH};
use super::pages::Kind;
use super::peer::{FAILS, IN_FLIGHT, VALUE};
use super::record::PeerId;
use super::{Table, Word, hash};
use crate::route::{Address, Endpoint, Protocol};
use rapidhash::v3::RapidSecrets;
use std::hint::black_box;
use std::net::SocketAddr;

const LINKS: usize = 0;
const IDENTITY: usize = 1;

/// Bits of a line number among the links.
const NEXT_BITS: u32 = 27;
const NEXT: u64 = (1 << NEXT_BITS) - 1;

const _: () = assert!(super::layout::MAX_WORDS / LINE <= 1 << NEXT_BITS);
const _: () = assert!(PEERS_PER_PAGE * (LINE + PEER_TAIL) <= PAGE);

/// Generations of a line: a record has seven bits for one.
const GENERATIONS: u64 = 0x7f;

/// What makes two endpoints one peer, as twice 56 bits of keyed hash (a peer's words must not look live).
pub(super) type Identity = (u64, u64);

/// An endpoint's identity under a hash key, in a route that has it checked like this.
pub(super) fn identity(
    endpoint: &Endpoint<'_>,
    check: Option<&str>,
    secrets: &RapidSecrets,
) -> Identity {
    let mut bytes = Vec::with_capacity(64);
    let udp = endpoint.options.protocol == Protocol::Udp;
    bytes.extend([0, u8::from(endpoint.tls) | u8::from(udp) << 1]);
    match endpoint.address {
        Address::Ip(SocketAddr::V4(a)) => bytes.extend(a.ip().octets()),
        Address::Ip(SocketAddr::V6(a)) => bytes.extend(a.ip().octets()),
        Address::Unix(path) => bytes.extend(path.as_bytes()),
    }
    let port = match endpoint.address {
        Address::Ip(a) => a.port(),
        Address::Unix(_) => 0,
    };
    bytes.extend(port.to_le_bytes());
    bytes.extend(
        endpoint
            .sni
            .filter(|_| endpoint.tls)
            .unwrap_or("")
            .as_bytes(),
    );
    // What could be read in two ways differs in these lengths.
    let name = endpoint.sni.map_or(0, str::len);
    bytes.extend([
        u8::from(matches!(endpoint.address, Address::Unix(_))),
        u8::try_from(name).unwrap_or(u8::MAX),
    ]);
    // A text has no zero, and what is before it says how long that is.
    if let Some(check) = check {
        bytes.push(0);
        bytes.extend(check.as_bytes());
    }
    let first = hash(&bytes, secrets);
    if let Some(byte) = bytes.first_mut() {
        *byte = 1;
    }
    (first & BELOW, hash(&bytes, secrets) & BELOW)
}

/// The values of a line's live words.
type Values = [u64; LINE];

impl<W: Word> Table<'_, W> {
    pub(super) fn identity(&self, endpoint: &Endpoint<'_>, check: Option<&str>) -> Identity {
        identity(endpoint, check, &self.secrets)
    }

    pub(super) fn line_at(line: u32) -> usize {
        (line as usize).saturating_mul(LINE)
    }

    /// Where a live word of a line is.
    fn live_at(line: u32, word: usize) -> usize {
        Self::line_at(line).saturating_add(word)
    }

    /// Where a word of a peer is that only writers use.
    fn tail_at(&self, line: u32, word: usize) -> usize {
        self.geo.peer_tail_at(line).saturating_add(word)
    }

    fn chain_at(&self, identity: Identity) -> usize {
        let chain = (identity.0 as usize)
            .checked_rem(self.geo.chains)
            .unwrap_or(0);
        self.geo.chains_at.saturating_add(chain)
    }

    fn identity_of(&self, line: u32) -> Identity {
        (
            self.mem.load(self.tail_at(line, IDENTITY)),
            self.mem.load(self.tail_at(line, IDENTITY + 1)),
        )
    }

    fn next_of(&self, line: u32) -> u32 {
        (self.mem.load(self.tail_at(line, LINKS)) & NEXT) as u32
    }

    fn set_next(&self, line: u32, next: u32) {
        let at = self.tail_at(line, LINKS);
        self.mem
            .store(at, self.mem.load(at) & !NEXT | u64::from(next) & NEXT);
    }

    /// Asks for the memory that [`Self::find_peer`] will read for each of these, so that the processor waits for all of
    /// it at once: of a large table it has next to nothing in its caches.
    pub(super) fn fetch_peers(&self, identities: &[Identity]) {
        let heads = identities
            .iter()
            .map(|one| self.mem.load(self.chain_at(*one)) as u32);
        let heads: Vec<u32> = heads.collect();
        for line in heads {
            black_box(self.mem.load(self.tail_at(line, IDENTITY)));
            black_box(self.mem.load(Self::live_at(line, FAILS)));
        }
    }

    /// The peer of this identity, where it is to stay.
    pub(super) fn find_peer(&self, identity: Identity) -> Option<PeerId> {
        let mut line = self.mem.load(self.chain_at(identity)) as u32;
        while line != 0 {
            if self.identity_of(line) == identity && !self.leaves(Self::line_at(line)) {
                return Some(self.peer_id(line));
            }
            line = self.next_of(line);
        }
        None
    }

    fn peer_id(&self, line: u32) -> PeerId {
        PeerId {
            line,
            generation: (self.mem.load(Self::live_at(line, FAILS)) >> 48) as u8,
        }
    }

    /// One more reference to the peer of this identity, which is made if there is none.
    pub(super) fn hold_peer(&self, identity: Identity) -> Option<PeerId> {
        self.hold_peer_with(identity, [0; LINE])
    }

    /// One more reference to a peer's double outside pages that are being emptied; it is made with what is known of the
    /// peer. Requests in flight are not: they end at the old line.
    pub(super) fn hold_double(&self, id: PeerId) -> Option<PeerId> {
        let values = std::array::from_fn(|word| {
            if word == IN_FLIGHT {
                0
            } else {
                self.mem.load(Self::live_at(id.line, word)) & VALUE
            }
        });
        self.hold_peer_with(self.identity_of(id.line), values)
    }

    /// One more reference to this peer.
    pub(super) fn hold_again(&self, id: PeerId) -> PeerId {
        self.add_reference(id.line);
        id
    }

    fn hold_peer_with(&self, identity: Identity, values: Values) -> Option<PeerId> {
        if let Some(id) = self.find_peer(identity) {
            return Some(self.hold_again(id));
        }
        let at = self.take_block(Kind::Peers)?;
        let line = u32::try_from(at.checked_div(LINE)?).ok()?;
        let life = self.next_life(line);
        for (word, value) in values.into_iter().enumerate() {
            self.mem
                .store(Self::live_at(line, word), life << 48 | value);
        }
        self.mem.store(self.tail_at(line, IDENTITY), identity.0);
        self.mem.store(self.tail_at(line, IDENTITY + 1), identity.1);
        self.mem.store(self.tail_at(line, LINKS), 1 << NEXT_BITS);
        self.link_peer(line);
        Some(self.peer_id(line))
    }

    /// The generation after the line's last one, or any when the line's memory held something else.
    fn next_life(&self, line: u32) -> u64 {
        let last = self.mem.load(Self::live_at(line, FAILS));
        let last = if last >> 56 == HEALTH {
            last >> 48
        } else {
            self.mem.load(head::GENERATION)
        };
        HEALTH << 8 | last.wrapping_add(1) & GENERATIONS
    }

    fn link_peer(&self, line: u32) {
        let chain = self.chain_at(self.identity_of(line));
        self.set_next(line, self.mem.load(chain) as u32);
        self.mem.store(chain, line.into());
        self.mem.add(head::PEERS, 1);
    }

    fn add_reference(&self, line: u32) {
        self.mem.add(self.tail_at(line, LINKS), 1 << NEXT_BITS);
    }

    fn references(&self, line: u32) -> u64 {
        self.mem.load(self.tail_at(line, LINKS)) >> NEXT_BITS
    }

    /// Whether any route uses a peer now. Anybody may ask; while a broken table is repaired the answer may be no for all.
    #[must_use]
    pub fn is_in_use(&self, id: PeerId) -> bool {
        self.peer(id).is_some() && self.references(id.line) > 0
    }

    /// One reference less; the last one frees the peer.
    pub(super) fn drop_peer(&self, id: PeerId) {
        if self.references(id.line) > 0 {
            self.mem
                .add(self.tail_at(id.line, LINKS), -(1 << NEXT_BITS));
        }
        if self.references(id.line) == 0 {
            self.unlink_peer(id.line);
            self.free_block(Self::line_at(id.line));
        }
    }

    fn unlink_peer(&self, line: u32) {
        let chain = self.chain_at(self.identity_of(line));
        let mut before = None;
        let mut found = self.mem.load(chain) as u32;
        while found != 0 && found != line {
            before = Some(found);
            found = self.next_of(found);
        }
        if found == 0 {
            return;
        }
        match before {
            None => self.mem.store(chain, self.next_of(line).into()),
            Some(before) => self.set_next(before, self.next_of(line)),
        }
        self.mem.add(head::PEERS, -1);
    }

    /// Forgets the references of all peers of a page (repair): their live words stay.
    pub(super) fn forget_references(&self, page: usize) {
        let first = self.geo.page_at(page);
        for unit in 0..PEERS_PER_PAGE {
            let line = first.saturating_add(unit.saturating_mul(LINE)) / LINE;
            let line = u32::try_from(line).unwrap_or(0);
            self.mem.store(self.tail_at(line, LINKS), 0);
        }
    }

    /// Counts a reference found in a record (repair); false when the record names no peer.
    pub(super) fn recount_peer(&self, id: PeerId) -> bool {
        let Some((page, Kind::Peers, unit)) = self.block_of(Self::line_at(id.line)) else {
            return false;
        };
        if self.mark_unit(page, Kind::Peers, unit) {
            self.link_peer(id.line);
        }
        self.add_reference(id.line);
        true
    }
}
