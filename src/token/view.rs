//! The request as received, for the verifier.

use super::conf::Named;
use super::path;
use super::record::{AsReceived, Lacking, Record};
use crate::Gatehouse;
use crate::lender::Lent;
use gatehouse_nginx::Request;
use gatehouse_token::{Area, BadKey, InPath, RequestView, Target, normal, strip as bytes};
use std::cell::Cell;
use std::net::IpAddr;

/// The request as received, for the verifier.
pub(super) struct View<'v, 'r> {
    pub r: Request<'r>,
    pub record: &'v Record<'r>,
    pub named: &'r Named,
    pub as_received: AsReceived<'r>,
    /// Where its path token stands.
    pub in_path: InPath<'r>,
    /// The first key of the request's route that could not be used.
    pub lacks: Cell<Option<Lacking>>,
    /// The token's key is none of the profile's.
    pub lacks_key: Cell<bool>,
    /// A key could not be looked for, or memory is short.
    pub failed: Cell<bool>,
}

impl<'v, 'r> View<'v, 'r> {
    /// None when memory is short.
    pub(super) fn of(r: Request<'r>, record: &'v Record<'r>, named: &'r Named) -> Option<Self> {
        let as_received = record.receive(r);
        let in_path = path::find(r, named, as_received.target, as_received.uri)?;
        Some(Self {
            r,
            record,
            named,
            as_received,
            in_path,
            lacks: Cell::new(None),
            lacks_key: Cell::new(false),
            failed: Cell::new(false),
        })
    }
}

impl View<'_, '_> {
    fn lack(&self, line: usize, why: Option<BadKey>) {
        if self.lacks.get().is_none() {
            self.lacks.set(Some(Lacking { line, why }));
        }
    }

    /// Asks with path, arguments and target as they were received, which are then put back.
    fn with_received<T>(&self, ask: impl FnOnce() -> Option<T>) -> Option<T> {
        let r = self.r;
        let now = (r.uri(), r.args(), r.target());
        r.set_uri(path::signed(r, self.in_path, self.as_received)?);
        r.set_args(self.as_received.pieces().args());
        r.set_target(self.as_received.target);
        let answer = ask();
        r.set_uri(now.0);
        r.set_args(now.1);
        r.set_target(now.2);
        answer
    }
}

impl RequestView for View<'_, '_> {
    fn target(&self) -> &[u8] {
        self.as_received.target
    }

    fn pieces(&self) -> Target<'_> {
        self.as_received.pieces()
    }

    fn header(&self, name: &str, n: usize) -> Option<&[u8]> {
        let name = name.as_bytes();
        let mut rest = n;
        self.record.each_line(self.r, |line, value| {
            let hit = line.eq_ignore_ascii_case(name).then_some(value);
            hit.filter(|_| countdown(&mut rest))
        })
    }

    fn cookie(&self, name: &[u8], n: usize) -> Option<&[u8]> {
        let mut rest = n;
        self.record.each_line(self.r, |line, value| {
            let mut values = line
                .eq_ignore_ascii_case(b"cookie")
                .then(|| bytes::cookies_called(value, name))
                .into_iter()
                .flatten();
            values.find(|_| countdown(&mut rest))
        })
    }

    fn message(&self, text: usize) -> Option<&[u8]> {
        let expression = self.named.message.get(text)?;
        if let Some(constant) = expression.constant() {
            return Some(constant);
        }
        let (r, main) = (self.r, &self.r.main_conf::<Gatehouse>().token);
        self.with_received(|| expression.eval_anew(r, &main.anew))
    }

    fn feed_message(&self, text: usize, sink: &mut dyn FnMut(&[u8])) -> Option<()> {
        let expression = self.named.message.get(text)?;
        if let Some(constant) = expression.constant() {
            sink(constant);
            return Some(());
        }
        let (r, main) = (self.r, &self.r.main_conf::<Gatehouse>().token);
        self.with_received(|| expression.feed_anew(r, &main.anew, sink))
    }

    fn path(&self) -> Option<&[u8]> {
        let AsReceived { target, uri, .. } = self.as_received;
        normal::is_as_spelled(target, uri)
            .then(|| path::signed(self.r, self.in_path, self.as_received))?
    }

    fn address(&self) -> Option<IpAddr> {
        self.r.client()
    }

    fn method(&self) -> &[u8] {
        self.r.method()
    }

    fn is_in(&self, area: Area<'_>) -> Option<bool> {
        let places = self.r.main_conf::<Gatehouse>().places?;
        match area {
            Area::Place(place) => (places.place)(self.r, place),
            Area::Network(number) => (places.network)(self.r, number),
        }
    }

    fn route_key(&self, line: usize, see: &mut dyn FnMut(&[u8]) -> Result<(), BadKey>) {
        let keys = self.named.profile.route_keys().get(line);
        let of = self.named.route_keys.get(line);
        let lent = keys.zip(of).and_then(|(key, of)| {
            let host = of.host.eval(self.r)?;
            let mut see = |text: &[u8]| {
                if let Err(why) = see(text) {
                    self.lack(line, Some(why));
                }
            };
            Some(of.lender.as_ref()?.lend(self.r, host, &key.name, &mut see))
        });
        match lent {
            Some(Lent::Shown) => {}
            Some(Lent::Nothing) => self.lack(line, None),
            Some(Lent::Failed) | None => self.failed.set(true),
        }
    }

    fn lacks_key(&self) {
        self.lacks_key.set(true);
    }

    fn room(&self, len: usize) -> Option<&mut [u8]> {
        let room = self.r.alloc(len);
        if room.is_none() {
            self.failed.set(true);
        }
        room
    }

    fn serves_target(&self) -> bool {
        self.in_path != InPath::Cancelled
    }
}

/// Whether this was the last one to wait for.
fn countdown(rest: &mut usize) -> bool {
    match rest.checked_sub(1) {
        Some(less) => {
            *rest = less;
            false
        }
        None => true,
    }
}
