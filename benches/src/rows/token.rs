//! Signed links.

use super::row::{Beside, Row, Work, answers};
use crate::load::Load;

const TOKEN: Row = Row {
    conf: include_str!("../../conf/token.conf"),
    ..Row::USUAL
};
const PEER: &str = "nginx's secure_link";

/// The same work in Lua, with OpenSSL's HMAC().
const fn lua(words: &'static [&'static str]) -> Beside {
    Beside {
        name: "Lua, `HMAC()`",
        work: Work::Nginx(answers(200, words)),
        goal: Some(0.25),
    }
}

/// The same with a key that is prepared once, as ours is.
const fn lua_prepared(words: &'static [&'static str]) -> Beside {
    Beside {
        name: "Lua, key prepared",
        ..lua(words)
    }
}

const SIGNATURE: &[Beside] = &[Beside {
    name: "the signature alone, aws-lc",
    work: Work::Signature,
    goal: Some(1.15),
}];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "link",
        title: "`token_auth`, secure_link",
        load: Load::Link,
        ours: answers(200, &["ours", "link"]),
        peer: Some((PEER, answers(200, &["secure_link"]))),
        goal: "3,600",
        main: true,
        ..TOKEN
    },
    Row {
        name: "link_forged",
        title: "secure_link refused: forged, with its line in the log",
        load: Load::LinkForged,
        ours: answers(403, &["ours", "link"]),
        ..TOKEN
    },
    Row {
        name: "link_forged_quiet",
        title: "secure_link refused: forged, no line in the log",
        load: Load::LinkForged,
        ours: answers(403, &["ours", "link", "quiet"]),
        peer: Some((PEER, answers(403, &["secure_link"]))),
        main: true,
        ..TOKEN
    },
    Row {
        name: "link_expired",
        title: "secure_link refused: expired, no line in the log",
        load: Load::LinkExpired,
        ours: answers(403, &["ours", "link", "quiet"]),
        peer: Some((PEER, answers(410, &["secure_link"]))),
        ..TOKEN
    },
    Row {
        name: "link_missing",
        title: "secure_link refused: no token, no line in the log",
        ours: answers(403, &["ours", "link", "quiet"]),
        peer: Some((PEER, answers(403, &["secure_link"]))),
        ..TOKEN
    },
    Row {
        name: "scale",
        title: "`token_auth`, ScaleSimple",
        load: Load::Scale,
        ours: answers(200, &["ours", "scale"]),
        goal: "4,500",
        main: true,
        ..TOKEN
    },
    Row {
        name: "edge",
        title: "`token_auth`, edgeauth with SHA-256",
        load: Load::Edge,
        ours: answers(200, &["ours", "edge"]),
        beside: &[
            lua(&["lua", "lua_edge", "lua_once"]),
            lua_prepared(&["lua", "lua_edge", "lua_prepared"]),
        ],
        goal: "11,000",
        main: true,
        ..TOKEN
    },
    Row {
        name: "jwt_hs256",
        title: "`token_auth`, jwt with HS256",
        load: Load::Hs256,
        ours: answers(200, &["ours", "hs256"]),
        beside: &[
            lua(&["lua", "lua_jwt", "lua_once"]),
            lua_prepared(&["lua", "lua_jwt", "lua_prepared"]),
        ],
        goal: "18,000",
        main: true,
        ..TOKEN
    },
    Row {
        name: "jwt_rs256",
        title: "`token_auth`, jwt with RS256",
        load: Load::Rs256,
        ours: answers(200, &["ours", "rs256"]),
        beside: SIGNATURE,
        ..TOKEN
    },
    Row {
        name: "jwt_es256",
        title: "`token_auth`, jwt with ES256",
        load: Load::Es256,
        ours: answers(200, &["ours", "es256"]),
        beside: SIGNATURE,
        ..TOKEN
    },
    Row {
        name: "scale_forged",
        title: "ScaleSimple refused: forged, with its line in the log",
        load: Load::ScaleForged,
        ours: answers(403, &["ours", "scale"]),
        ..TOKEN
    },
    Row {
        name: "scale_forged_quiet",
        title: "ScaleSimple refused: forged, no line in the log",
        load: Load::ScaleForged,
        ours: answers(403, &["ours", "scale", "quiet"]),
        ..TOKEN
    },
    Row {
        name: "scale_missing",
        title: "ScaleSimple refused: no token, no line in the log",
        ours: answers(403, &["ours", "scale", "quiet"]),
        ..TOKEN
    },
];
