//! A hash of the URI.

use super::row::{Row, answers};

const DIGEST: Row = Row {
    conf: include_str!("../../conf/digest.conf"),
    ..Row::USUAL
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "md5",
        title: "`md5_hash` of a 40-byte URI",
        ours: answers(200, &["ours", "md5"]),
        peer: Some(("set_md5", answers(200, &["set_misc", "set_md5"]))),
        goal: "1,377",
        main: true,
        ..DIGEST
    },
    Row {
        name: "sha1",
        title: "`digest` sha1 of it",
        ours: answers(200, &["ours", "sha1"]),
        peer: Some(("set_sha1", answers(200, &["set_misc", "set_sha1"]))),
        ..DIGEST
    },
    Row {
        name: "hmac_sha256",
        title: "`digest` sha256 of it with a key",
        ours: answers(200, &["ours", "hmac"]),
        peer: Some(("set_hmac_sha256", answers(200, &["set_misc", "set_hmac"]))),
        ..DIGEST
    },
];
