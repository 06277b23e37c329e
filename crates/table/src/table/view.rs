//! A copied record, read in place.

use super::record::{
    AttachedRef, EXTRA_CHECK, EXTRA_META, EXTRA_VAR, First, KIND_BOX_V4, KIND_BOX_V6, KIND_V4,
    Owner, Packed, PeerId, bits, from_sevens, options_of,
};
use crate::route::{Address, Endpoint, Imprint, Options, Resolved};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A route read from the table: the caller's copy of a record's words.
#[derive(Clone, Copy, Debug)]
pub struct RouteView<'b> {
    words: &'b [u64],
}

impl<'b> RouteView<'b> {
    /// A view of words a lookup has copied (kept by the caller, for example in the request's pool).
    #[must_use]
    pub fn from_words(words: &'b [u64]) -> Self {
        Self {
            words: words
                .get(..First(words.first().copied().unwrap_or(0)).words())
                .unwrap_or(words),
        }
    }

    pub(super) fn first(&self) -> First {
        First(self.words.first().copied().unwrap_or(0))
    }

    /// The copied words; [`RouteView::from_words`] of them is this view again.
    #[must_use]
    pub fn words(&self) -> &'b [u64] {
        self.words
    }

    fn bytes(&self, word: usize, from: usize, len: usize) -> &'b [u8] {
        let all: &'b [u8] = bytemuck::cast_slice(self.words.get(word..).unwrap_or(&[]));
        all.get(from..from.saturating_add(len)).unwrap_or(&[])
    }

    fn text(&self, word: usize, from: usize, len: usize) -> &'b str {
        std::str::from_utf8(self.bytes(word, from, len)).unwrap_or("")
    }

    /// The key that matched: `shop.example`, `*.example` or `*`.
    #[must_use]
    pub fn key(&self) -> &'b [u8] {
        self.bytes(1, 0, self.first().key_len())
    }

    /// The route's `id`; empty when it has none.
    #[must_use]
    pub fn id(&self) -> &'b str {
        self.text(1, self.first().key_len(), self.first().id_len())
    }

    /// The source that made it; `None` only for words that are no record.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.first().owner()
    }

    /// What the file's route was read from, if that is known.
    pub(super) fn imprint(&self) -> Option<Imprint> {
        let last = self.words.last().filter(|_| self.first().has_imprint());
        last.map(|word| Imprint::from_word(*word))
    }

    /// How many backends it has (addresses, after resolving).
    #[must_use]
    pub fn backend_count(&self) -> usize {
        self.first().backends()
    }

    pub(crate) fn packed(&self) -> impl Iterator<Item = Packed> + Clone + use<'b> {
        let first = self.first();
        self.words
            .get(first.backends_at()..first.attached_at())
            .unwrap_or(&[])
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [a, b] => Some(Packed(*a, *b)),
                _ => None,
            })
    }

    /// Backend `index`, counted from 0 in the route's order.
    #[inline]
    pub(crate) fn packed_at(&self, index: usize) -> Option<Packed> {
        let first = self.first();
        let words = self.words.get(first.backends_at()..first.attached_at());
        let at = index.checked_mul(2)?;
        match words?.get(at..)? {
            [a, b, ..] => Some(Packed(*a, *b)),
            _ => None,
        }
    }

    /// All words that say something of the backends: in the record of a route whose backends have changed, they differ.
    pub(crate) fn endpoint_words(&self) -> &'b [u64] {
        let first = self.first();
        let words = self.words.get(first.backends_at()..first.extras_at());
        words.unwrap_or(&[])
    }

    /// The blocks beside the record.
    pub(super) fn attached(&self) -> impl Iterator<Item = AttachedRef> + use<'b> {
        let from = self.first().attached_at();
        let pairs = self.first().attached().saturating_mul(2);
        let words = self.words.get(from..from.saturating_add(pairs));
        let pairs = words.unwrap_or(&[]).chunks_exact(2);
        pairs.filter_map(|pair| match pair {
            [at, first] => Some(AttachedRef::from_words(*at, *first)),
            _ => None,
        })
    }

    /// Words of the record and of each block beside it.
    pub(super) fn blocks(&self) -> impl Iterator<Item = usize> + use<'b> {
        let attached = self.attached().map(AttachedRef::len);
        std::iter::once(self.words.len()).chain(attached)
    }

    /// Backend `index`, counted from 0 in the route's order.
    #[must_use]
    pub fn backend(&self, index: usize) -> Option<BackendView<'b>> {
        self.packed_at(index).map(|packed| self.unpack(packed))
    }

    /// All backends in the route's order.
    pub fn backends(&self) -> impl Iterator<Item = BackendView<'b>> + use<'b> {
        let view = *self;
        self.packed().map(move |packed| view.unpack(packed))
    }

    #[inline]
    fn unpack(&self, packed: Packed) -> BackendView<'b> {
        if packed.kind() != KIND_V4 {
            return self.unpack_box(packed);
        }
        let ip = Ipv4Addr::from_bits(packed.ipv4());
        BackendView {
            packed,
            address: Address::Ip(SocketAddr::new(ip.into(), packed.port())),
            name: None,
            sni: None,
            service: None,
            drain: packed.drain(),
            options: Options::default(),
        }
    }

    fn unpack_box(&self, packed: Packed) -> BackendView<'b> {
        let options_at = packed.box_at();
        let at = options_at.saturating_add(packed.option_words());
        let word = |n: usize| self.words.get(at.saturating_add(n)).copied().unwrap_or(0);
        let top = |from| (bits(word(0), from, 8) as u64) << 56;
        let (ip, text_at) = match packed.kind() {
            KIND_BOX_V4 => (
                Some(IpAddr::V4(Ipv4Addr::from_bits(bits(word(1), 0, 32) as u32))),
                2,
            ),
            KIND_BOX_V6 => (
                Some(IpAddr::V6(Ipv6Addr::from_bits(
                    u128::from(word(1) | top(39)) << 64 | u128::from(word(2) | top(47)),
                ))),
                3,
            ),
            _ => (None, 1),
        };
        let lengths = word(0);
        let (name, sni, path) = (
            bits(lengths, 0, 13),
            bits(lengths, 13, 13),
            bits(lengths, 26, 13),
        );
        let text = |from, len| self.text(at.saturating_add(text_at), from, len);
        let some = |from, len| (len > 0).then(|| text(from, len));
        let third = some(name.saturating_add(sni), path);
        let is_waiting = name > 0 && ip.is_some_and(|ip| ip.is_unspecified());
        BackendView {
            packed,
            address: match ip {
                Some(ip) => Address::Ip(SocketAddr::new(ip, packed.port())),
                None => Address::Unix(third.unwrap_or("")),
            },
            name: some(0, name),
            sni: some(name, sni),
            service: ip.and(third),
            drain: if is_waiting {
                bits(lengths, 55, 1) != 0
            } else {
                packed.drain()
            },
            options: self.options(packed),
        }
    }

    fn extras(&self) -> Extras<'b> {
        let first = self.first();
        Extras(self.bytes(first.extras_at(), 0, first.extras_len()))
    }

    /// A backend's options.
    #[inline]
    pub(crate) fn options(&self, packed: Packed) -> Options {
        if packed.option_words() == 0 {
            return Options::default();
        }
        options_of(self.words.get(packed.box_at()).copied().unwrap_or(0))
    }

    /// Whether a backend is one by name.
    #[must_use]
    pub fn has_names(&self) -> bool {
        let is_boxed = |packed: &Packed| packed.kind() != KIND_V4;
        let mut boxed = self.packed().filter(is_boxed);
        boxed.any(|packed| self.unpack(packed).name.is_some())
    }

    /// The value of a variable of the route's `vars`.
    #[must_use]
    pub fn var(&self, name: &[u8]) -> Option<&'b str> {
        self.extras()
            .find(|(kind, n, _)| *kind == EXTRA_VAR && n.as_bytes() == name)
            .and_then(|(_, _, v)| std::str::from_utf8(v).ok())
    }

    /// How its backends are checked, where that is not as the table's line says ([`Own`](crate::check::Own)).
    #[must_use]
    pub fn check(&self) -> Option<&'b str> {
        self.extras()
            .find(|(kind, _, _)| *kind == EXTRA_CHECK)
            .and_then(|(_, _, text)| std::str::from_utf8(text).ok())
    }

    /// Whether its backends are not checked, whatever the table's line says.
    #[inline]
    #[must_use]
    pub fn is_unchecked(&self) -> bool {
        self.first().is_unchecked()
    }

    /// The route as it was put, but for its `keys`: [`Table::keys`](super::Table::keys) has them.
    #[must_use]
    pub fn resolved(&self) -> Resolved<'b> {
        let mut route = Resolved {
            id: self.id(),
            ..Resolved::default()
        };
        for (kind, name, value) in self.extras() {
            match kind {
                EXTRA_VAR => route
                    .vars
                    .push((name, std::str::from_utf8(value).unwrap_or(""))),
                EXTRA_META => route.meta = std::str::from_utf8(value).ok(),
                EXTRA_CHECK => route.check = std::str::from_utf8(value).ok(),
                _ => {}
            }
        }
        route.endpoints = self.backends().map(|b| b.endpoint()).collect();
        route
    }
}

struct Extras<'b>(&'b [u8]);

impl<'b> Iterator for Extras<'b> {
    type Item = (u8, &'b str, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&kind, rest) = self.0.split_first()?;
        let (name_len, rest) = rest.split_first_chunk::<2>()?;
        let (value_len, rest) = rest.split_first_chunk::<2>()?;
        let (name, rest) = rest.split_at_checked(from_sevens(name_len) as usize)?;
        let (value, rest) = rest.split_at_checked(from_sevens(value_len) as usize)?;
        self.0 = rest;
        Some((kind, std::str::from_utf8(name).unwrap_or(""), value))
    }
}

/// One backend of a route read from the table.
#[derive(Clone, Copy)]
pub struct BackendView<'b> {
    packed: Packed,
    /// Where to connect; its `Display` is what nginx writes to `$upstream_addr`.
    pub address: Address<'b>,
    /// The host name as written, when it was one.
    pub name: Option<&'b str>,
    /// SNI and verified name, for TLS backends that have one.
    pub sni: Option<&'b str>,
    /// The service that its name is one of.
    pub service: Option<&'b str>,
    /// Gets no new requests. (One that waits for an address gets none either.)
    pub drain: bool,
    /// Its other options.
    pub options: Options,
}

impl<'b> BackendView<'b> {
    /// The shared peer: its health is kept there.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.packed.peer()
    }

    /// Share of requests, 1 to 65535.
    #[must_use]
    pub fn weight(&self) -> u16 {
        self.packed.weight()
    }

    /// An `https://` backend.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.packed.tls()
    }

    /// Used only when no other is left.
    #[must_use]
    pub fn backup(&self) -> bool {
        self.packed.backup()
    }

    /// The backend as it was put.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint<'b> {
        Endpoint {
            address: self.address,
            tls: self.tls(),
            weight: self.weight(),
            backup: self.backup(),
            drain: self.drain,
            name: self.name,
            sni: self.sni,
            service: self.service,
            options: self.options,
        }
    }
}
