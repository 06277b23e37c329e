//! What a rule asks of an address and of the facts about it.

use std::net::IpAddr;

use super::code::Subdivision;
use super::facts::{Anonymous, Eu, Facts, Field, Lazily};
use super::list::Values;
use super::sets::{AddressSet, CodeSet, Numbers};

/// One field of a rule and the values that match it. All conditions of a rule must hold; `all` has none.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Address(Values<AddressSet>),
    Country(Values<CodeSet>),
    RegisteredCountry(Values<CodeSet>),
    Continent(Values<CodeSet>),
    Subdivision(Values<Numbers>),
    City(Values<Numbers>),
    Asn(Values<Numbers>),
    Eu(Eu),
    Anonymous(Values<Anonymous>),
    Unknown,
}

impl Condition {
    /// Whether it holds. The facts are asked for only if they matter.
    #[inline]
    pub(super) fn holds(
        &self,
        address: Option<IpAddr>,
        known: &mut Lazily<impl FnMut() -> Facts>,
    ) -> bool {
        match self {
            Self::Address(set) => {
                address.is_some_and(|address| set.ask(|set| set.contains(address)))
            }
            Self::Country(set) => set.ask(|set| set.contains(known.facts().country)),
            Self::RegisteredCountry(set) => {
                set.ask(|set| set.contains(known.facts().registered_country))
            }
            Self::Continent(set) => set.ask(|set| set.contains(known.facts().continent)),
            Self::Subdivision(set) => set.ask(|set| {
                let parts = known.facts().subdivisions.into_iter().flatten();
                parts
                    .map(Subdivision::packed)
                    .any(|part| set.contains(part))
            }),
            Self::City(set) => set.ask(|set| set.contains(known.facts().city)),
            Self::Asn(set) => set.ask(|set| set.contains(known.facts().asn)),
            Self::Eu(wanted) => known.facts().eu == *wanted,
            Self::Anonymous(kinds) => kinds.ask(|kinds| kinds.meets(known.facts().anonymous)),
            Self::Unknown => !known.facts().found,
        }
    }

    /// The field that a database must have for it; None for what needs none, or any.
    pub(super) fn field(&self) -> Option<Field> {
        Some(match self {
            Self::Country(_) => Field::Country,
            Self::RegisteredCountry(_) => Field::RegisteredCountry,
            Self::Continent(_) => Field::Continent,
            Self::Subdivision(_) => Field::Subdivision,
            Self::City(_) => Field::City,
            Self::Asn(_) => Field::Asn,
            Self::Eu(_) => Field::Eu,
            Self::Anonymous(_) => Field::Anonymous,
            Self::Address(_) | Self::Unknown => return None,
        })
    }
}
