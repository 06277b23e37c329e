//! The claims of a token, and what they ask of a request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gatehouse_base::cbor::{Item, Value};
use ipnet::IpNet;

use super::names::{
    AUD, CATGEOISO3166, CATH, CATM, CATNIP, CATR, CATREPLAY, CATU, CATV, CRIT, CTI, EXP, IAT, ISS,
    NBF, NONCE, SCOPE, SUB,
};
use super::{matches, names, uri};
use crate::claims::{AddressBinding, Claims, Unmet};
use crate::request::{Area, Presented, RequestView};

/// What a token asks to be looked at.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a, 'r> {
    /// Where it came from.
    pub(crate) token: &'a Presented<'r>,
    /// The request that carries it.
    pub(crate) request: &'r dyn RequestView,
    /// How much of the client's address must be that of the token.
    pub(crate) binding: AddressBinding,
    /// Whether a token is let in once.
    pub(crate) once: bool,
}

/// More header lines of one name than these are not compared.
const MOST_LINES: usize = 8;

/// Writes down what a set of claims says of a request; None when a claim is of another type than its own, or has a key that
/// is none (RFC 8392 section 1.1: a number or a text) or that the document would take for another one.
pub(crate) fn read(set: Value<'_>, asked: &Asked<'_, '_>, claims: &mut Claims<'_>) -> Option<()> {
    for (key, value) in set.pairs() {
        // Another number than fits is nobody's, and refused as every one that we do not know.
        let label = match key.item() {
            Item::Int(label) => i64::try_from(label).unwrap_or(i64::MAX),
            Item::Text(text) if !names::is_of_number(text) => continue,
            _ => return None,
        };
        match label {
            EXP => {
                claims.expires = Some(seconds(value)?);
                // "On or after" it a token is refused, as a JWT (RFC 8392 section 3.1.4).
                claims.ends = true;
            }
            NBF => claims.not_before = Some(seconds(value)?),
            IAT => {
                seconds(value)?;
            }
            _ => asked.judge(label, value, set, &mut claims.unmet)?,
        }
    }
    Some(())
}

impl Asked<'_, '_> {
    /// Notes what a claim asks of the request that does not hold.
    fn judge(&self, label: i64, value: Value<'_>, set: Value<'_>, unmet: &mut Unmet) -> Option<()> {
        let holds = match label {
            ISS | SUB => value.text().is_some(),
            CTI => value.bytes().is_some(),
            AUD => match value.item() {
                Item::Array(_) => value.items().all(|one| one.text().is_some()),
                _ => value.text().is_some(),
            },
            CATNIP => {
                array(value)?;
                unmet.address |= !self.is_in_network(value);
                return Some(());
            }
            CATU => {
                value.is_map().then_some(())?;
                unmet.path |= !uri::holds(value, self.token, self.request);
                return Some(());
            }
            CATM => has(array(value)?, |method| {
                method.as_bytes() == self.request.method()
            }),
            CATGEOISO3166 => has(array(value)?, |place| self.is_in(Area::Place(place))),
            CATH => {
                value.is_map().then_some(())?;
                unmet.other |= !self.has_headers(value);
                return Some(());
            }
            CRIT => array(value)?.items().all(|one| is_understood(one, set)),
            // Any number of times; once; or so that somebody is told of a second time, whom we do not know.
            CATREPLAY => match value.int()? {
                0 => true,
                1 => self.once,
                _ => false,
            },
            CATV => value.int()? == 1,
            // What they say restricts nothing. `catif` does not either, but who writes it counts on its answers.
            SCOPE | NONCE | CATR => true,
            ..-65_536 => true,
            _ => false,
        };
        // What these are is not for the request to say.
        if matches!(label, ISS | SUB | CTI | AUD) {
            return holds.then_some(());
        }
        unmet.other |= !holds;
        Some(())
    }

    fn is_in(&self, area: Area<'_>) -> bool {
        self.request.is_in(area) == Some(true)
    }

    /// Whether the client is in one of these networks, or in one of these autonomous systems.
    fn is_in_network(&self, list: Value<'_>) -> bool {
        if self.binding == AddressBinding::Off {
            return true;
        }
        let address = self.request.address().map(|address| address.to_canonical());
        list.items().any(|one| match one.item() {
            Item::Int(number) => {
                u32::try_from(number).is_ok_and(|asn| self.is_in(Area::Network(asn)))
            }
            _ => address
                .zip(network(one))
                .is_some_and(|(address, network)| self.binding.widened(network).contains(&address)),
        })
    }

    /// Whether the request has all these headers, and every line of them matches.
    fn has_headers(&self, wanted: Value<'_>) -> bool {
        wanted.pairs().all(|(name, object)| {
            let Some(name) = name.text() else {
                return false;
            };
            let line = |n| self.request.header(name, n);
            line(0).is_some()
                && line(MOST_LINES).is_none()
                && (0..MOST_LINES)
                    .map_while(line)
                    .all(|value| matches::holds(object, value))
        })
    }
}

/// Whether a claim that must be understood is there, and is one that we judge.
fn is_understood(label: Value<'_>, set: Value<'_>) -> bool {
    label.int().is_some_and(|label| {
        let is_known =
            matches!(label, ISS..=CTI | CRIT | CATREPLAY | CATV..=CATM | CATH | CATGEOISO3166);
        is_known && set.get(label).is_some()
    })
}

fn array(value: Value<'_>) -> Option<Value<'_>> {
    value.is_array().then_some(value)
}

/// Whether an array has a text that is one.
fn has(array: Value<'_>, is_one: impl Fn(&str) -> bool) -> bool {
    array.items().any(|one| one.text().is_some_and(&is_one))
}

/// An address or a prefix of one (RFC 9164 section 3). An address of an interface is none of a network.
fn network(value: Value<'_>) -> Option<IpNet> {
    let (tag, value) = value.tagged()?;
    let most: usize = match tag {
        52 => 4,
        54 => 16,
        _ => return None,
    };
    let (bits, bytes) = match value.item() {
        Item::Bytes(bytes) => (most.checked_mul(8)?, bytes),
        _ => {
            array(value)?;
            let mut items = value.items();
            let (bits, bytes) = (items.next()?.int()?, items.next()?.bytes()?);
            if items.next().is_some() {
                return None;
            }
            (usize::try_from(bits).ok()?, bytes)
        }
    };
    // Zeros at the end of a prefix are left out; of an address they are not.
    if bytes.len() > most || (value.bytes().is_some() && bytes.len() != most) {
        return None;
    }
    let mut whole = [0; 16];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let v6 = Ipv6Addr::from(whole);
    let address = match (most, v6.to_ipv4_mapped()) {
        (4, _) => IpAddr::V4(Ipv4Addr::from(*whole.first_chunk::<4>()?)),
        (_, Some(v4)) if bits >= 96 => {
            return IpNet::new(v4.into(), u8::try_from(bits.checked_sub(96)?).ok()?).ok();
        }
        _ => IpAddr::V6(v6),
    };
    IpNet::new(address, u8::try_from(bits).ok()?).ok()
}

/// The first whole second that is not before a time (RFC 8392 section 2: a number without a tag).
pub(super) fn seconds(value: Value<'_>) -> Option<i64> {
    const MOST: f64 = 9_007_199_254_740_992.0; // 2^53
    match value.item() {
        Item::Int(number) => i64::try_from(number).ok(),
        #[allow(clippy::cast_possible_truncation)] // it is whole and small
        Item::Float(number) => (number.abs() < MOST).then(|| number.ceil() as i64),
        _ => None,
    }
}
