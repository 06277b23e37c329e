//! A plain location, while the module is loaded or used elsewhere.

use super::row::{Row, answers};

const CONF: &str = include_str!("../../conf/idle.conf");
const IDLE: Row = Row {
    conf: CONF,
    base: answers(200, &["gif"]),
    times: 3,
    ..Row::USUAL
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "idle",
        title: "module loaded, nothing used",
        ours: answers(200, &["ours", "gif"]),
        main: true,
        ..IDLE
    },
    Row {
        name: "idle_profile",
        title: "plain location, `token_auth` in another one",
        ours: answers(200, &["ours", "gif", "profile"]),
        ..IDLE
    },
    Row {
        name: "idle_rule",
        title: "plain location, `geoip_deny` in another one",
        ours: answers(200, &["ours", "gif", "rule"]),
        ..IDLE
    },
    Row {
        name: "idle_table",
        title: "plain location, `upstream_lookup` in another one",
        ours: answers(200, &["ours", "gif", "table"]),
        ..IDLE
    },
    Row {
        name: "idle_all",
        title: "plain location, all three in another one",
        ours: answers(200, &["ours", "gif", "profile", "rule", "table"]),
        main: true,
        ..IDLE
    },
    Row {
        name: "idle_proxied",
        title: "plain proxied location, all three in another one",
        base: answers(200, &["proxied"]),
        ours: answers(200, &["ours", "proxied", "profile", "rule", "table"]),
        ..IDLE
    },
];
