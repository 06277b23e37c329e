//! Peers: one line of shared memory per distinct address, scheme and TLS name, whichever routes use it.
//!
//! A line: references, identity (two words), next line of its chain; then what workers change ([`live`]), each
//! `tag 8 | generation 8 | value 48`: failures, time of the last one, time of the last check, requests in flight.
//! Health follows ngx_http_upstream_round_robin.c (nginx 1.28.3), with milliseconds for its seconds.

use super::layout::{LINE, head};
use super::live::{self, BELOW, HEALTH};
use super::pages::Kind;
use super::record::PeerId;
use super::{Table, Word, hash};
use crate::route::{Address, Endpoint};
use rapidhash::v3::RapidSecrets;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

const REFERENCES: usize = 0;
const IDENTITY: usize = 1;
const NEXT: usize = 3;
const FAILS: usize = 4;
const ACCESSED: usize = 5;
const CHECKED: usize = 6;
const IN_FLIGHT: usize = 7;

/// When a backend is left out (`passive fails=N window=time`), as nginx's `max_fails` and `fail_timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passive {
    /// Failures that take a backend out; 0 never does.
    pub fails: u32,
    /// For how long, in milliseconds, and within which time failures count together.
    pub window_ms: u64,
}

impl Default for Passive {
    /// nginx's defaults: one failure, ten seconds.
    fn default() -> Self {
        Self {
            fails: 1,
            window_ms: 10_000,
        }
    }
}

/// A peer's health, shared by all workers. Times are milliseconds of one clock for all of them.
pub struct Peer<'a, W = AtomicU64> {
    line: &'a [W],
    life: u64,
}

const VALUE: u64 = (1 << 48) - 1;
/// Generations of a line: a record has seven bits for one.
const GENERATIONS: u64 = 0x7f;

/// The upper bits of the health words of a line in this generation.
fn life(generation: u8) -> u64 {
    HEALTH << 8 | u64::from(generation)
}

impl<W: Word> Peer<'_, W> {
    fn get(&self, word: usize) -> u64 {
        let word = self.line.get(word).map_or(0, |w| w.load(Ordering::Relaxed));
        if word >> 48 == self.life {
            word & VALUE
        } else {
            0
        }
    }

    /// Changes a health word, if the line is still this peer's; gives the value before.
    fn update(&self, word: usize, change: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let word = self.line.get(word)?;
        let updated = live::update(word, |old| {
            let new = change(old & VALUE).filter(|_| old >> 48 == self.life)?;
            Some(self.life << 48 | new & VALUE)
        });
        updated.map(|(before, _)| before & VALUE)
    }

    fn set(&self, word: usize, value: u64) {
        self.update(word, |_| Some(value));
    }

    /// A request failed here. True when this failure takes the peer out (nginx: "upstream server temporarily disabled").
    pub fn failed(&self, now_ms: u64, passive: &Passive) -> bool {
        let before = self.update(FAILS, |fails| Some(fails.saturating_add(1).min(VALUE)));
        self.set(ACCESSED, now_ms);
        self.set(CHECKED, now_ms);
        passive.fails > 0
            && before.is_some_and(|before| before.saturating_add(1) >= passive.fails.into())
    }

    /// A request succeeded here: failures are forgotten if it was let through as a check after the window.
    pub fn succeeded(&self) {
        if self.get(ACCESSED) < self.get(CHECKED) && self.fails() > 0 {
            self.set(FAILS, 0);
        }
    }

    /// Failures counted so far.
    #[must_use]
    pub fn fails(&self) -> u64 {
        self.get(FAILS)
    }

    /// When the last request failed here, 0 for never.
    #[must_use]
    pub fn last_failure_ms(&self) -> u64 {
        self.get(ACCESSED)
    }

    /// Whether it may be used: not failed often enough, or the window is over.
    #[must_use]
    pub fn available(&self, now_ms: u64, passive: &Passive) -> bool {
        !self.over(passive) || self.window_over(now_ms, passive)
    }

    fn over(&self, passive: &Passive) -> bool {
        passive.fails > 0 && self.fails() >= passive.fails.into()
    }

    fn window_over(&self, now_ms: u64, passive: &Passive) -> bool {
        now_ms.saturating_sub(self.get(CHECKED)) > passive.window_ms
    }

    /// A request goes to this peer; [`Peer::request_ended`] follows.
    pub fn request_started(&self) {
        self.update(IN_FLIGHT, |count| Some(count.saturating_add(1)));
    }

    /// A request that went to this peer has ended.
    pub fn request_ended(&self) {
        self.update(IN_FLIGHT, |count| count.checked_sub(1));
    }

    /// Requests that have started and not ended. A worker that is killed leaves its own counted.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.get(IN_FLIGHT)
    }

    /// It was chosen. After the window this is the check of it, and only one worker gets a failed peer for that: false
    /// means another one was quicker.
    pub(crate) fn chosen(&self, now_ms: u64, passive: &Passive) -> bool {
        let checked = self.get(CHECKED);
        let first = now_ms.saturating_sub(checked) > passive.window_ms
            && self
                .update(CHECKED, |found| (found == checked).then_some(now_ms))
                .is_some();
        first || !self.over(passive)
    }
}

/// What makes two endpoints one peer, as twice 56 bits of keyed hash (a line's words must not look like health).
pub(super) type Identity = (u64, u64);

/// An endpoint's identity under a hash key.
pub(super) fn identity(endpoint: &Endpoint<'_>, secrets: &RapidSecrets) -> Identity {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend([0, u8::from(endpoint.tls)]);
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
    let first = hash(&bytes, secrets);
    if let Some(byte) = bytes.first_mut() {
        *byte = 1;
    }
    (first & BELOW, hash(&bytes, secrets) & BELOW)
}

impl<'a, W: Word> Table<'a, W> {
    /// A peer's health; `None` when the peer is gone (its line may already serve another one).
    #[must_use]
    pub fn peer(&self, id: PeerId) -> Option<Peer<'a, W>> {
        let line = self
            .mem
            .slice((id.line as usize).checked_mul(LINE)?, LINE)?;
        let life = life(id.generation);
        let fails = line.get(FAILS)?.load(Ordering::Relaxed);
        (fails >> 48 == life).then_some(Peer { line, life })
    }

    pub(super) fn identity(&self, endpoint: &Endpoint<'_>) -> Identity {
        identity(endpoint, &self.secrets)
    }

    pub(super) fn line_at(line: u32) -> usize {
        (line as usize).saturating_mul(LINE)
    }

    fn field(line: u32, field: usize) -> usize {
        Self::line_at(line).saturating_add(field)
    }

    fn chain_at(&self, identity: Identity) -> usize {
        let chain = (identity.0 as usize)
            .checked_rem(self.geo.chains)
            .unwrap_or(0);
        self.geo.chains_at.saturating_add(chain)
    }

    fn identity_of(&self, line: u32) -> Identity {
        (
            self.mem.load(Self::field(line, IDENTITY)),
            self.mem.load(Self::field(line, IDENTITY + 1)),
        )
    }

    /// The peer of this identity, where it is to stay.
    pub(super) fn find_peer(&self, identity: Identity) -> Option<PeerId> {
        let mut line = self.mem.load(self.chain_at(identity)) as u32;
        while line != 0 {
            if self.identity_of(line) == identity && !self.leaves(Self::line_at(line)) {
                return Some(self.peer_id(line));
            }
            line = self.mem.load(Self::field(line, NEXT)) as u32;
        }
        None
    }

    fn peer_id(&self, line: u32) -> PeerId {
        PeerId {
            line,
            generation: (self.mem.load(Self::field(line, FAILS)) >> 48) as u8,
        }
    }

    /// One more reference to the peer of this identity, which is made if there is none.
    pub(super) fn hold_peer(&self, identity: Identity) -> Option<PeerId> {
        self.hold_peer_with(identity, [0; 3])
    }

    /// One more reference to a peer's double outside pages that are being emptied; it is made with the peer's health.
    pub(super) fn hold_double(&self, id: PeerId) -> Option<PeerId> {
        let health = [FAILS, ACCESSED, CHECKED];
        let health = health.map(|field| self.mem.load(Self::field(id.line, field)) & VALUE);
        self.hold_peer_with(self.identity_of(id.line), health)
    }

    /// One more reference to this peer.
    pub(super) fn hold_again(&self, id: PeerId) -> PeerId {
        self.add_reference(id.line);
        id
    }

    fn hold_peer_with(&self, identity: Identity, health: [u64; 3]) -> Option<PeerId> {
        if let Some(id) = self.find_peer(identity) {
            return Some(self.hold_again(id));
        }
        let at = self.take_block(Kind::Peers)?;
        let line = u32::try_from(at.checked_div(LINE)?).ok()?;
        let life = self.next_life(line);
        for (field, value) in [FAILS, ACCESSED, CHECKED].into_iter().zip(health) {
            self.mem.store(Self::field(line, field), life << 48 | value);
        }
        // Requests to a peer that moves end at its old line.
        self.mem.store(Self::field(line, IN_FLIGHT), life << 48);
        self.mem.store(Self::field(line, IDENTITY), identity.0);
        self.mem.store(Self::field(line, IDENTITY + 1), identity.1);
        self.mem.store(Self::field(line, REFERENCES), 1);
        self.link_peer(line);
        Some(self.peer_id(line))
    }

    /// The generation after the line's last one, or any when the line's memory held something else.
    fn next_life(&self, line: u32) -> u64 {
        let last = self.mem.load(Self::field(line, FAILS));
        let last = if last >> 56 == HEALTH {
            last >> 48
        } else {
            self.mem.load(head::GENERATION)
        };
        HEALTH << 8 | last.wrapping_add(1) & GENERATIONS
    }

    fn link_peer(&self, line: u32) {
        let chain = self.chain_at(self.identity_of(line));
        self.mem
            .store(Self::field(line, NEXT), self.mem.load(chain));
        self.mem.store(chain, line.into());
        self.mem.add(head::PEERS, 1);
    }

    fn add_reference(&self, line: u32) {
        self.mem.add(Self::field(line, REFERENCES), 1);
    }

    fn references(&self, line: u32) -> u64 {
        self.mem.load(Self::field(line, REFERENCES))
    }

    /// One reference less; the last one frees the line.
    pub(super) fn drop_peer(&self, id: PeerId) {
        if self.references(id.line) > 0 {
            self.mem.add(Self::field(id.line, REFERENCES), -1);
        }
        if self.references(id.line) == 0 {
            self.unlink_peer(id.line);
            self.free_block(Self::line_at(id.line));
        }
    }

    fn unlink_peer(&self, line: u32) {
        let mut from = self.chain_at(self.identity_of(line));
        loop {
            let next = self.mem.load(from) as u32;
            if next == 0 {
                return;
            }
            if next == line {
                self.mem.store(from, self.mem.load(Self::field(line, NEXT)));
                self.mem.add(head::PEERS, -1);
                return;
            }
            from = Self::field(next, NEXT);
        }
    }

    /// Forgets the references of all lines of a page (repair): health and generation stay.
    pub(super) fn forget_references(&self, page: usize) {
        let first = self.geo.page_at(page);
        for at in (first..first.saturating_add(super::layout::PAGE)).step_by(LINE) {
            self.mem.store(at.saturating_add(REFERENCES), 0);
        }
    }

    /// Counts a reference found in a record (repair); false when the record names no peer line.
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
