//! What is measured: locations of benches/nginx.conf, each with and without a feature.

use crate::data;

/// A location and the requests sent to it.
pub struct Load {
    /// Its path in benches/nginx.conf.
    pub path: &'static str,
    /// The n-th request's target and extra header lines.
    pub request: fn(path: &str, n: usize) -> (String, String),
    /// The status of the n-th answer.
    pub status: fn(n: usize) -> u16,
}

/// One row of the table.
pub struct Column {
    pub name: &'static str,
    pub title: &'static str,
    pub base: Load,
    pub feature: Load,
    pub goal: &'static str,
    pub final_goal: &'static str,
    pub peer: &'static str,
}

fn plain(path: &str, n: usize) -> (String, String) {
    (format!("{path}{}", data::uri_tail(n)), String::new())
}

fn ok(_: usize) -> u16 {
    200
}

fn expiring(path: &str, n: usize) -> (String, String) {
    (data::secure_link(path, n), String::new())
}

fn scalesimple(path: &str, n: usize) -> (String, String) {
    (data::scalesimple(path, n), String::new())
}

fn from_address(path: &str, n: usize) -> (String, String) {
    (
        path.to_owned(),
        format!("X-Real-IP: {}\r\n", data::client(n)),
    )
}

fn for_host(path: &str, n: usize) -> (String, String) {
    (
        path.to_owned(),
        format!("Host: {}\r\n", data::host(n % data::HOSTS)),
    )
}

pub const COLUMNS: &[Column] = &[
    Column {
        name: "md5",
        title: "`md5_hash` of a 40-byte URI",
        base: Load {
            path: "/static/",
            request: plain,
            status: ok,
        },
        feature: Load {
            path: "/md5/",
            request: plain,
            status: ok,
        },
        goal: "1,500",
        final_goal: "1,377",
        peer: "set_md5 1,377",
    },
    Column {
        name: "secure_link",
        title: "`token_auth`, secure_link",
        base: Load {
            path: "/gif_link/",
            request: expiring,
            status: ok,
        },
        feature: Load {
            path: "/link/",
            request: expiring,
            status: ok,
        },
        goal: "4,500",
        final_goal: "3,600",
        peer: "the next row",
    },
    Column {
        name: "secure_link_nginx",
        title: "nginx's own secure_link",
        base: Load {
            path: "/gif_link/",
            request: expiring,
            status: ok,
        },
        feature: Load {
            path: "/nginx_link/",
            request: expiring,
            status: ok,
        },
        goal: "",
        final_goal: "",
        peer: "",
    },
    Column {
        name: "scalesimple",
        title: "`token_auth`, ScaleSimple",
        base: Load {
            path: "/gif_ss/",
            request: scalesimple,
            status: ok,
        },
        feature: Load {
            path: "/ss/",
            request: scalesimple,
            status: ok,
        },
        goal: "6,000",
        final_goal: "4,500",
        peer: "",
    },
    Column {
        name: "country",
        title: "country rule, 300,000 networks",
        base: Load {
            path: "/gif_ip/",
            request: from_address,
            status: ok,
        },
        feature: Load {
            path: "/country/",
            request: from_address,
            status: ok,
        },
        goal: "2,000",
        final_goal: "1,300",
        peer: "geoip2 2,600",
    },
    Column {
        name: "lookup",
        title: "`upstream_lookup`, 1,000 hosts",
        base: Load {
            path: "/fixed/",
            request: for_host,
            status: ok,
        },
        feature: Load {
            path: "/lookup/",
            request: for_host,
            status: ok,
        },
        goal: "2,500",
        final_goal: "1,870",
        peer: "the next row",
    },
    Column {
        name: "lookup_map",
        title: "nginx's own `map` of 1,000 hosts",
        base: Load {
            path: "/fixed/",
            request: for_host,
            status: ok,
        },
        feature: Load {
            path: "/map/",
            request: for_host,
            status: ok,
        },
        goal: "",
        final_goal: "",
        peer: "",
    },
];
