//! Country rules and variables, with the client's address out of a header in every run.

use super::row::{Row, Side, answers};
use crate::load::Load;

const GEO: Row = Row {
    conf: include_str!("../../conf/geo.conf"),
    load: Load::Allowed,
    base: answers(200, &["gif"]),
    ours: answers(200, &["ours", "city", "deny", "gif"]),
    ..Row::USUAL
};
const PEER: &str = "geoip2, `map`, `if`";
const PEER_RULE: &[&str] = &["geoip2", "g2_city", "g2_deny", "gif"];
const QUIET: Side = answers(403, &["ours", "city", "deny", "quiet", "gif"]);

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "country",
        title: "country rule, City database with 120,000 records",
        peer: Some((PEER, answers(200, PEER_RULE))),
        goal: "1,300",
        main: true,
        ..GEO
    },
    Row {
        name: "country_again",
        title: "the same, 500 addresses that come again",
        load: Load::Returning,
        peer: Some((PEER, answers(200, PEER_RULE))),
        ..GEO
    },
    Row {
        name: "country_few",
        title: "country rule, Country database with 256 records",
        ours: answers(200, &["ours", "country", "deny", "gif"]),
        peer: Some((
            PEER,
            answers(200, &["geoip2", "g2_country", "g2_deny", "gif"]),
        )),
        main: true,
        ..GEO
    },
    Row {
        name: "country_refused",
        title: "country refused, with its line in the log",
        load: Load::Refused,
        ours: answers(403, &["ours", "city", "deny", "gif"]),
        ..GEO
    },
    Row {
        name: "country_refused_quiet",
        title: "country refused, no line in the log",
        load: Load::Refused,
        ours: QUIET,
        peer: Some((PEER, answers(403, PEER_RULE))),
        main: true,
        ..GEO
    },
    Row {
        name: "country_unknown",
        title: "country rule, an address in no network",
        load: Load::Unknown,
        peer: Some((PEER, answers(200, PEER_RULE))),
        ..GEO
    },
    Row {
        name: "geo_variable",
        title: "`geoip_variable`, one field",
        base: answers(200, &["text"]),
        ours: answers(200, &["ours", "city", "code"]),
        peer: Some(("geoip2", answers(200, &["geoip2", "g2_city", "g2_code"]))),
        main: true,
        ..GEO
    },
    Row {
        name: "geo_variables",
        title: "`geoip_variable`, three fields",
        base: answers(200, &["text"]),
        ours: answers(200, &["ours", "city", "three"]),
        peer: Some(("geoip2", answers(200, &["geoip2", "g2_city", "g2_three"]))),
        ..GEO
    },
];
