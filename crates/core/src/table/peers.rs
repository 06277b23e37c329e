//! Peers: one line of shared memory per distinct address, scheme and TLS name, whichever routes use it.
//!
//! A line: `references 32 | generation 32`, identity (two words), next line of its chain; then what workers update:
//! failures, time of the last one, time of the last check. Its last word is spare.
//! Health follows ngx_http_upstream_round_robin.c (nginx 1.28.3), with milliseconds for its seconds.

use super::layout::{LINE, head};
use super::pages::Kind;
use super::record::PeerId;
use super::{Table, Word, hash};
use crate::route::{Address, Endpoint};
use rapidhash::v3::RapidSecrets;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

const STATE: usize = 0;
const IDENTITY: usize = 1;
const NEXT: usize = 3;
const FAILS: usize = 4;
const ACCESSED: usize = 5;
const CHECKED: usize = 6;

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
}

impl<W: Word> Peer<'_, W> {
    fn get(&self, word: usize) -> u64 {
        self.line.get(word).map_or(0, |w| w.load(Ordering::Relaxed))
    }

    fn set(&self, word: usize, value: u64) {
        if let Some(w) = self.line.get(word) {
            w.store(value, Ordering::Relaxed);
        }
    }

    /// A request failed here. True when this failure takes the peer out (nginx: "upstream server temporarily disabled").
    pub fn failed(&self, now_ms: u64, passive: &Passive) -> bool {
        let before = self
            .line
            .get(FAILS)
            .map_or(0, |w| w.fetch_add(1, Ordering::Relaxed));
        self.set(ACCESSED, now_ms);
        self.set(CHECKED, now_ms);
        passive.fails > 0 && before.saturating_add(1) >= passive.fails.into()
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

    /// It was chosen. After the window this is the check of it, and only one worker gets a failed peer for that: false
    /// means another one was quicker.
    pub(super) fn chosen(&self, now_ms: u64, passive: &Passive) -> bool {
        let checked = self.get(CHECKED);
        let first = now_ms.saturating_sub(checked) > passive.window_ms
            && self.line.get(CHECKED).is_some_and(|w| {
                w.compare_exchange(checked, now_ms, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
            });
        first || !self.over(passive)
    }
}

/// What makes two endpoints one peer, as 128 bits of keyed hash.
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
    (first, hash(&bytes, secrets))
}

impl<'a, W: Word> Table<'a, W> {
    /// A peer's health; `None` when the peer is gone (its line may already serve another one).
    #[must_use]
    pub fn peer(&self, id: PeerId) -> Option<Peer<'a, W>> {
        let line = self
            .mem
            .slice((id.line as usize).checked_mul(LINE)?, LINE)?;
        let state = line.get(STATE)?.load(Ordering::Relaxed);
        (state & 0xff == u64::from(id.generation)).then_some(Peer { line })
    }

    pub(super) fn identity(&self, endpoint: &Endpoint<'_>) -> Identity {
        identity(endpoint, &self.secrets)
    }

    fn line_at(line: u32) -> usize {
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

    /// The peer of this identity.
    pub(super) fn find_peer(&self, identity: Identity) -> Option<PeerId> {
        let mut line = self.mem.load(self.chain_at(identity)) as u32;
        while line != 0 {
            if self.identity_of(line) == identity {
                return Some(self.peer_id(line));
            }
            line = self.mem.load(Self::field(line, NEXT)) as u32;
        }
        None
    }

    fn peer_id(&self, line: u32) -> PeerId {
        PeerId {
            line,
            generation: self.mem.load(Self::field(line, STATE)) as u8,
        }
    }

    /// One more reference to the peer of this identity, which is made if there is none.
    pub(super) fn hold_peer(&self, identity: Identity) -> Option<PeerId> {
        if let Some(id) = self.find_peer(identity) {
            self.add_reference(id.line);
            return Some(id);
        }
        let at = self.take_block(Kind::Peers)?;
        let line = u32::try_from(at.checked_div(LINE)?).ok()?;
        let generation = self.mem.load(at).wrapping_add(1) & 0xffff_ffff;
        for field in [FAILS, ACCESSED, CHECKED] {
            self.mem.store(Self::field(line, field), 0);
        }
        self.mem.store(Self::field(line, IDENTITY), identity.0);
        self.mem.store(Self::field(line, IDENTITY + 1), identity.1);
        self.mem.store(at, generation | 1 << 32);
        self.link_peer(line);
        Some(self.peer_id(line))
    }

    fn link_peer(&self, line: u32) {
        let chain = self.chain_at(self.identity_of(line));
        self.mem
            .store(Self::field(line, NEXT), self.mem.load(chain));
        self.mem.store(chain, line.into());
        self.mem.add(head::PEERS, 1);
    }

    fn add_reference(&self, line: u32) {
        self.mem.add(Self::field(line, STATE), 1 << 32);
    }

    fn references(&self, line: u32) -> u64 {
        self.mem.load(Self::field(line, STATE)) >> 32
    }

    /// One reference less; the last one frees the line.
    pub(super) fn drop_peer(&self, id: PeerId) {
        if self.references(id.line) > 0 {
            self.mem.add(Self::field(id.line, STATE), -(1 << 32));
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

    /// Forgets the references of all lines of a page (repair): the generation stays.
    pub(super) fn forget_references(&self, page: usize) {
        let first = self.geo.page_at(page);
        for at in (first..first.saturating_add(super::layout::PAGE)).step_by(LINE) {
            self.mem.store(at, self.mem.load(at) & 0xffff_ffff);
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
