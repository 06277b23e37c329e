//! The backend of a host.

use super::row::{Row, answers};
use crate::data::hosts;
use crate::load::Load;

const LOOKUP: Row = Row {
    conf: include_str!("../../conf/lookup.conf"),
    load: Load::Host(hosts::FEW),
    times: 3,
    ..Row::USUAL
};
/// Few hosts: each has its ring, and its session, before anything is measured.
const HOSTS: usize = 10;
const BALANCE: Row = Row {
    load: Load::Host(HOSTS),
    ..LOOKUP
};
const PEER: &str = "`map`, 10 upstreams";

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "lookup_one",
        title: "`upstream_lookup`, 1,000 hosts of one backend, as in the base",
        ours: answers(200, &["ours", "table", "tone"]),
        peer: Some(("`map`, 1 upstream", answers(200, &["map", "mone"]))),
        goal: "1,700",
        main: true,
        ..LOOKUP
    },
    Row {
        name: "lookup_100k_one",
        title: "`upstream_lookup`, 100,000 hosts of one backend",
        load: Load::Host(hosts::MANY),
        ours: answers(200, &["ours", "table", "t100k_one"]),
        peer: Some(("`map`, 1 upstream", answers(200, &["map", "m100k_one"]))),
        goal: "1,700",
        ..LOOKUP
    },
    Row {
        name: "lookup",
        title: "`upstream_lookup`, 1,000 hosts",
        ours: answers(200, &["ours", "table", "t1k"]),
        peer: Some((PEER, answers(200, &["map", "m1k"]))),
        main: true,
        ..LOOKUP
    },
    Row {
        name: "lookup_100k",
        title: "`upstream_lookup`, 100,000 hosts",
        load: Load::Host(hosts::MANY),
        ours: answers(200, &["ours", "table", "t100k"]),
        peer: Some((PEER, answers(200, &["map", "m100k"]))),
        main: true,
        ..LOOKUP
    },
    Row {
        name: "lookup_wildcard",
        title: "`upstream_lookup`, found by a wildcard among 1,000",
        load: Load::Below,
        ours: answers(200, &["ours", "table", "twild"]),
        peer: Some((PEER, answers(200, &["map", "mwild"]))),
        ..LOOKUP
    },
    Row {
        name: "lookup_fallback",
        title: "`upstream_lookup`, unknown host, the `server` line serves it",
        load: Load::NoHost,
        ours: answers(200, &["ours", "table", "t1k", "fallback"]),
        peer: Some((PEER, answers(200, &["map", "m1k"]))),
        ..LOOKUP
    },
    Row {
        name: "lookup_miss",
        title: "`upstream_lookup`, unknown host, 404 (base: `return 404`)",
        load: Load::NoHost,
        base: answers(404, &["none"]),
        ours: answers(404, &["ours", "table", "t1k"]),
        ..LOOKUP
    },
    Row {
        name: "balance_turns",
        title: "`balance=round_robin`, ten hosts of four backends",
        ours: answers(200, &["ours", "balanced", "turns"]),
        ..BALANCE
    },
    Row {
        name: "balance_least",
        title: "`balance=least_conn`, the same",
        ours: answers(200, &["ours", "balanced", "least"]),
        goal: BALANCED,
        ..BALANCE
    },
    Row {
        name: "balance_p2c",
        title: "`balance=p2c`, the same",
        ours: answers(200, &["ours", "balanced", "p2c"]),
        goal: BALANCED,
        ..BALANCE
    },
    Row {
        name: "balance_hash",
        title: "`balance=hash hash_key=$request_uri`, the same",
        ours: answers(200, &["ours", "balanced", "ring"]),
        goal: BALANCED,
        ..BALANCE
    },
    Row {
        name: "balance_sticky",
        title: "`sticky=srv`, the same; each request begins a session and gets a cookie",
        ours: answers(200, &["ours", "balanced", "session"]),
        goal: BALANCED,
        ..BALANCE
    },
    Row {
        name: "balance_session",
        title: "`sticky=srv`, the same; each request has the cookie of a session",
        load: Load::Session(HOSTS),
        ours: answers(200, &["ours", "balanced", "session"]),
        goal: BALANCED,
        ..BALANCE
    },
];

/// What a method may cost more.
const BALANCED: &str = "300 above `balance_turns`";
