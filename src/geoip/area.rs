//! Where a client is, for tokens that are good for some places only.

use super::variables::facts;
use crate::Gatehouse;
use gatehouse_geo::{Code, Facts, Field};
use gatehouse_nginx::Request;
use gatehouse_token::Area;

/// Whether the client is there, by the databases and at the address that the rules of its location have. None: no database
/// has this field.
pub(crate) fn is_in(r: Request<'_>, area: Area<'_>) -> Option<bool> {
    let databases = &r.main_conf::<Gatehouse>().geoip.databases;
    let (field, widely) = match area {
        Area::Place(place) if place.contains('-') => (Field::Subdivision, true),
        Area::Place(_) => (Field::Country, false),
        Area::Network(_) => (Field::Asn, true),
    };
    let is_known = databases.iter().any(|db| db.has(field));
    is_known.then(|| is_there(&facts(r, widely), area))
}

fn is_there(facts: &Facts, area: Area<'_>) -> bool {
    match area {
        Area::Place(place) if place.contains('-') => {
            let mut parts = facts.subdivisions.iter().flatten();
            parts.any(|part| {
                part.text(&mut [0; 6])
                    .eq_ignore_ascii_case(place.as_bytes())
            })
        }
        Area::Place(place) => {
            let country = facts.country.as_ref().map(Code::as_str);
            country.is_some_and(|own| own.eq_ignore_ascii_case(place))
        }
        Area::Network(number) => number != 0 && facts.asn == number,
    }
}
