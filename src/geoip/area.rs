//! Where a client is, for tokens that are good for some places only: by the databases, and at the address that the rules of
//! its location have.

use super::variables::facts;
use crate::Gatehouse;
use crate::places::Places;
use gatehouse_geo::{Code, Field};
use gatehouse_nginx::Request;

/// What the databases say.
pub(super) const PLACES: Places = Places {
    place: is_in_place,
    network: is_in_network,
};

fn is_in_place(r: Request<'_>, place: &str) -> Option<bool> {
    if place.contains('-') {
        return is_in_part(r, place);
    }
    knows(r, Field::Country).then(|| {
        let country = facts(r, Field::Country).country.map(Code::as_str);
        country.is_some_and(|own| own.eq_ignore_ascii_case(place))
    })
}

fn is_in_part(r: Request<'_>, place: &str) -> Option<bool> {
    knows(r, Field::Subdivision).then(|| {
        let parts = facts(r, Field::Subdivision).subdivisions;
        parts.iter().flatten().any(|part| {
            part.text(&mut [0; 6])
                .eq_ignore_ascii_case(place.as_bytes())
        })
    })
}

fn is_in_network(r: Request<'_>, number: u32) -> Option<bool> {
    knows(r, Field::Asn).then(|| number != 0 && facts(r, Field::Asn).asn == number)
}

fn knows(r: Request<'_>, field: Field) -> bool {
    let databases = &r.main_conf::<Gatehouse>().geoip.databases;
    databases.iter().any(|db| db.has(field))
}
