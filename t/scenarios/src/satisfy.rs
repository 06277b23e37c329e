//! `satisfy` with GeoIP, tokens, `allow`/`deny` and `auth_basic`: every verdict of each beside every verdict of the
//! others, with every status.

use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

/// What a check says of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It has no opinion.
    Silent,
    /// It lets the request in.
    Allows,
    /// It refuses; its status stands for `STATUS` in the lines.
    Refuses,
}

use Verdict::{Allows, Refuses, Silent};

/// A check's verdict and the lines that bring it about.
type Row = (&'static str, Verdict, &'static str);

/// The client's address is in JP. Dry run, bypass and no match are no opinion.
const GEOIP: &[Row] = &[
    ("off", Silent, ""),
    ("ok", Allows, "geoip_allow country=JP;"),
    (
        "unmatched",
        Silent,
        "geoip_allow country=FR; geoip_deny country=RU;",
    ),
    ("bypassed", Silent, "geoip_deny all; geoip_bypass 1;"),
    (
        "dry-allow",
        Silent,
        "geoip_allow country=JP; geoip_dry_run on;",
    ),
    (
        "dry-deny",
        Silent,
        "geoip_deny country=JP; geoip_dry_run on; geoip_status STATUS;",
    ),
    (
        "refused",
        Refuses,
        "geoip_deny country=JP; geoip_status STATUS;",
    ),
    ("policy-ok", Allows, "geoip_use jp;"),
    ("policy-silent", Silent, "geoip_use anywhere;"),
    (
        "policy-refused",
        Refuses,
        "geoip_use fr; geoip_status STATUS;",
    ),
];

/// Only with `ok` the request has a token.
const TOKEN: &[Row] = &[
    ("off", Silent, ""),
    ("ok", Allows, "token_auth video;"),
    ("open", Allows, "token_auth $free;"),
    (
        "dry-run",
        Silent,
        "token_auth video; token_auth_dry_run on; token_auth_status default=STATUS;",
    ),
    (
        "refused",
        Refuses,
        "token_auth video; token_auth_status default=STATUS;",
    ),
];

const ACCESS: &[Row] = &[
    ("none", Silent, ""),
    ("ok", Allows, "allow 127.0.0.1;"),
    ("403", Refuses, "deny all;"),
];

/// Only with `ok` the request has a password.
const BASIC: &[Row] = &[
    ("none", Silent, ""),
    (
        "ok",
        Allows,
        "auth_basic realm; auth_basic_user_file users;",
    ),
    (
        "401",
        Refuses,
        "auth_basic realm; auth_basic_user_file users;",
    ),
];

/// Statuses of GeoIP and of the token, where one of them or neither refuses …
const ONE: &[(u16, u16)] = &[(403, 403), (410, 410), (451, 451)];
const NEITHER: &[(u16, u16)] = &[(451, 451)];
/// … and where both do: different ones show who was heard.
const BOTH: &[(u16, u16)] = &[
    (403, 403),
    (410, 410),
    (451, 451),
    (410, 451),
    (451, 410),
    (403, 451),
    (451, 403),
    (401, 410),
    (410, 401),
];

const KEY: &str = "satisfy-test";
/// 2100-01-01.
const EXPIRES: &str = "4102444800";
const PASSWORD: &str = "Authorization: Basic dXNlcjpwYXNzd29yZA==";

/// One server's configuration.
struct Site {
    all: bool,
    geoip: &'static Row,
    token: &'static Row,
    statuses: (u16, u16),
}

pub(super) fn run(env: &Env) -> Result<(), String> {
    let sites = sites();
    let servers: String = (0..).zip(&sites).map(|(n, site)| site.server(n)).collect();
    let conf = format!(
        "http {{ geoip_db $TEST_NGINX_DATA/geo.mmdb;
            token_profile video {{ format scalesimple; key text={KEY}; }}
            token_profile free {{ format open; }}
            map $host $free {{ default free; }}
            geoip_policy jp {{ allow country=JP; deny all; }}
            geoip_policy fr {{ allow country=FR; deny all; }}
            geoip_policy anywhere {{ }}
            {servers} }}"
    );
    let server = Setup::new(env)?
        .file("conf/users", b"user:{PLAIN}password\n")?
        .file("conf/locations.conf", locations().as_bytes())?
        .start(&conf)?;
    let (mut asked, mut wrong) = (0_usize, Vec::new());
    for (number, site) in sites.iter().enumerate() {
        for access in ACCESS {
            for basic in BASIC {
                asked += 1;
                wrong.extend(site.ask(&server, number, access, basic)?);
            }
        }
    }
    println!("# {asked} requests to {} servers", sites.len());
    if wrong.is_empty() {
        return server.stop();
    }
    wrong.insert(0, format!("{} of {asked} answers are wrong:", wrong.len()));
    wrong.truncate(20);
    Err(wrong.join("\n"))
}

fn sites() -> Vec<Site> {
    let mut sites = Vec::new();
    for all in [true, false] {
        for geoip in GEOIP {
            for token in TOKEN {
                let statuses = match (geoip.1, token.1) {
                    (Refuses, Refuses) => BOTH,
                    (Refuses, _) | (_, Refuses) => ONE,
                    _ => NEITHER,
                };
                let site = |statuses: &(u16, u16)| Site {
                    all,
                    geoip,
                    token,
                    statuses: *statuses,
                };
                sites.extend(statuses.iter().map(site));
            }
        }
    }
    sites
}

/// A location for each verdict of `allow`/`deny` and of `auth_basic`.
fn locations() -> String {
    let pairs = ACCESS
        .iter()
        .flat_map(|a| BASIC.iter().map(move |b| (a, b)));
    pairs
        .map(|(a, b)| {
            format!(
                "location = {} {{ {} {} empty_gif; }}\n",
                path(a, b),
                a.2,
                b.2
            )
        })
        .collect()
}

fn path(access: &Row, basic: &Row) -> String {
    format!("/{}/{}", access.0, basic.0)
}

impl Site {
    fn server(&self, number: usize) -> String {
        let with = |row: &Row, status: u16| row.2.replace("STATUS", &status.to_string());
        format!(
            "server {{ listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; server_name {number}.test;
                satisfy {}; {} {} include locations.conf; }}\n",
            if self.all { "all" } else { "any" },
            with(self.geoip, self.statuses.0),
            with(self.token, self.statuses.1),
        )
    }

    /// Sends the request of this case; gives what is wrong with its answer.
    fn ask(
        &self,
        server: &Server,
        number: usize,
        access: &Row,
        basic: &Row,
    ) -> Result<Option<String>, String> {
        let path = path(access, basic);
        let mut headers = vec![format!("Host: {number}.test")];
        if basic.1 == Allows {
            headers.push(PASSWORD.to_owned());
        }
        if self.token.1 == Allows {
            headers.push(format!("X-SS-Token: {}", sign(&path)));
            headers.push(format!("X-SS-Expiration: {EXPIRES}"));
        }
        let came = server.get(&path, &headers.join("\n"))?.status;
        let wanted = self.answer(access.1, basic.1);
        let case = || {
            format!(
                "satisfy {}, GeoIP {} {}, token {} {}, allow/deny {}, auth_basic {}: {came} instead of {wanted}",
                if self.all { "all" } else { "any" },
                self.geoip.0,
                self.statuses.0,
                self.token.0,
                self.statuses.1,
                access.0,
                basic.0
            )
        };
        Ok((came != wanted).then(case))
    }

    /// What ngx_http_core_access_phase makes of the verdicts, in the order of the handlers: GeoIP, token, allow/deny,
    /// auth_basic. `all`: the first refusal is the answer. `any`: the first that allows ends the phase; else the
    /// answer is 401 when somebody said so, else the last refusal.
    fn answer(&self, access: Verdict, basic: Verdict) -> u16 {
        let verdicts = [
            (self.geoip.1, self.statuses.0),
            (self.token.1, self.statuses.1),
            (access, 403),
            (basic, 401),
        ];
        let mut heard = None;
        for (verdict, status) in verdicts {
            match verdict {
                Refuses if self.all => return status,
                Allows if !self.all => return 200,
                Refuses if heard != Some(401) => heard = Some(status),
                _ => {}
            }
        }
        heard.unwrap_or(200)
    }
}

/// ScaleSimple: `hex(MD5(key + hex(MD5(expiry + target + key))))`.
fn sign(target: &str) -> String {
    let md5 = |text: String| HEXLOWER.encode(&Md5::digest(text));
    md5(format!("{KEY}{}", md5(format!("{EXPIRES}{target}{KEY}"))))
}
