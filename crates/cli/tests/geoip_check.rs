//! `gatehouse geoip lookup ADDRESS --db …`, `check nginx.conf ADDRESS` and what `make` can write.
#![allow(clippy::unwrap_used)] // helpers outside #[test] functions

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Exit code, and what was said on either output.
fn said(folder: &Path, arguments: &str) -> (i32, String) {
    let output = run(folder, arguments);
    let both = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(both).unwrap(),
    )
}

fn done(folder: &Path, arguments: &str) -> String {
    let (code, text) = said(folder, arguments);
    assert_eq!(code, 0, "{arguments}: {text}");
    text
}

/// A folder with files, of which the last two letters of a `.csv` become a database.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(path.join("sites")).unwrap();
    for (name, content) in files {
        fs::write(path.join(name), content).unwrap();
        if let Some(stem) = name.strip_suffix(".csv") {
            done(&path, &format!("geoip make {name} {stem}.mmdb"));
        }
    }
    path
}

const COUNTRIES: &str =
    "network,country,continent,eu\n192.0.2.0/24,FR,EU,yes\n198.51.100.0/24,US,NA,no\n";
const SYSTEMS: &str =
    "network,asn,as_name,anonymous\n192.0.2.0/25,AS64496,Example,vpn tor\n2001:db8::/32,64511,,\n";

#[test]
fn several_databases_are_looked_at_as_one() {
    let at = folder(
        "lookup",
        &[("country.csv", COUNTRIES), ("asn.csv", SYSTEMS)],
    );
    assert_eq!(
        done(
            &at,
            "geoip lookup 192.0.2.1 --db country.mmdb --db asn.mmdb"
        ),
        "network    192.0.2.0/24\ncountry    FR\ncontinent  EU\neu         yes\nanonymous  vpn,tor\nasn        64496\n"
    );
    assert_eq!(
        done(&at, "geoip lookup --db country.mmdb 198.51.100.7"),
        done(&at, "geoip lookup country.mmdb 198.51.100.7")
    );
    let json: serde_json::Value = serde_json::from_str(&done(
        &at,
        "geoip lookup 192.0.2.1 --db country.mmdb --db asn.mmdb --json",
    ))
    .unwrap();
    assert_eq!(json["known"]["asn"], "64496");
    assert_eq!(json["databases"][1]["network"], "192.0.2.0/25");
    assert_eq!(json["databases"][1]["record"]["is_tor_exit_node"], true);
    let (code, text) = said(&at, "geoip lookup 10.0.0.1 --db country.mmdb --db asn.mmdb");
    assert_eq!(
        (code, text.as_str()),
        (1, "gatehouse: nothing about 10.0.0.1\n")
    );
    for (arguments, why) in [
        ("geoip lookup 192.0.2.1", "name a database: --db FILE"),
        (
            "geoip lookup somewhere --db asn.mmdb",
            "\"somewhere\" is no IP address",
        ),
        (
            "geoip lookup 192.0.2.1 --db gone.mmdb",
            "gone.mmdb: No such file",
        ),
    ] {
        let (code, text) = said(&at, arguments);
        assert!(code == 2 && text.contains(why), "{code} {text}");
    }
}

#[test]
fn a_database_of_the_other_family_has_nothing() {
    let at = folder(
        "family",
        &[("country.csv", COUNTRIES), ("asn.csv", SYSTEMS)],
    );
    done(&at, "geoip make country.csv four.mmdb --ip-version 4");
    assert_eq!(
        said(&at, "geoip lookup 2001:db8::1 --db four.mmdb"),
        (
            1,
            "gatehouse: four.mmdb: nothing about 2001:db8::1\n".to_owned()
        )
    );
    assert_eq!(
        done(&at, "geoip lookup 2001:db8::1 --db four.mmdb --db asn.mmdb"),
        "network    2001:db8::/32\ncountry    -\ncontinent  -\neu         -\nasn        64511\n"
    );
    // An address of IPv4 in the clothes of IPv6 is one.
    assert!(done(&at, "geoip lookup ::ffff:192.0.2.1 --db four.mmdb").contains("country    FR"));
}

#[test]
fn every_column_makes_its_field() {
    let csv = "network,subdivision,country,city_id,city,registered_country,continent,anonymous\n\
        192.0.2.0/24,GB-ENG,GB,2643743,London,US,EU,\n2001:db8::/32,,,,,,,hosting\n";
    let at = folder("columns", &[("a.csv", csv)]);
    assert_eq!(
        done(&at, "geoip lookup 192.0.2.1 --db a.mmdb"),
        "network    192.0.2.0/24\ncountry    GB\ncontinent  EU\neu         -\ncity       2643743\nregistered_country US\nsubdivision GB-ENG\n"
    );
    let check = done(&at, "geoip check a.mmdb");
    assert!(
        check.ends_with(
            "fields     country registered_country continent subdivision city anonymous\n"
        ),
        "{check}"
    );
    for (csv, why) in [
        (
            "network,land\n",
            "line 1: unknown column \"land\", it must be one of network country continent",
        ),
        (
            "network,asn,asn\n",
            "line 1: the column \"asn\" is there twice",
        ),
        (
            "network,asn\n192.0.2.0/24,AS\n",
            "line 2: asn is \"\", not a number",
        ),
        (
            "network,asn\n192.0.2.0/24\n",
            "line 2: 1 fields, not network,asn",
        ),
        (
            "network,country,subdivision\n192.0.2.0/24,FR,US-CA\n",
            "line 2: subdivision is \"US-CA\", not a code of \"FR\" such as US-CA",
        ),
        (
            "network,anonymous\n192.0.2.0/24,vpn relay\n",
            "line 2: anonymous is \"relay\", not vpn, proxy, hosting, tor or any",
        ),
    ] {
        fs::write(at.join("bad.csv"), csv).unwrap();
        let (code, text) = said(&at, "geoip make bad.csv bad.mmdb");
        assert!(code == 1 && text.contains(why), "{text}");
    }
}

#[test]
fn records_of_each_size_and_family() {
    let at = folder("sizes", &[("a.csv", COUNTRIES), ("six.csv", SYSTEMS)]);
    let mut lengths = Vec::new();
    for size in ["24", "28", "32"] {
        for version in ["4", "6"] {
            done(
                &at,
                &format!("geoip make a.csv b.mmdb --record-size {size} --ip-version {version}"),
            );
            let check = done(&at, "geoip check b.mmdb");
            let addresses = if version == "4" {
                "IPv4\n"
            } else {
                "IPv4 and IPv6\n"
            };
            assert!(
                check.contains(&format!("addresses  {addresses}")),
                "{check}"
            );
            assert!(done(&at, "geoip lookup 198.51.100.9 --db b.mmdb").contains("country    US"));
            lengths.push(fs::metadata(at.join("b.mmdb")).unwrap().len());
        }
    }
    assert!(
        lengths.windows(3).all(|three| three[0] < three[2]),
        "{lengths:?}"
    );
    let (code, text) = said(&at, "geoip make six.csv b.mmdb --ip-version 4");
    assert!(
        code == 1 && text.contains("2001:db8::/32 in a database of IPv4 networks"),
        "{text}"
    );
    assert_eq!(said(&at, "geoip make a.csv b.mmdb --record-size 30").0, 2);
}

const CONF: &str = r#"
events { }
http {
    geoip_db country.mmdb reload=1s;
    geoip_db "asn.mmdb";
    geoip_policy eu { allow eu=yes; deny all; status 451; }
    geoip_policy open { }
    log_format main '$remote_addr "$request" { not a block; }';
    include sites/*.conf;
    server {
        server_name two.test;
        geoip_deny country=FR asn=64496;   # "inherited"
        location / { }
        location /own { geoip_allow country=FR; geoip_deny all; geoip_dry_run on; }
        location /data { geoip_allow address=203.0.113.0/24; geoip_use $policy; geoip_bypass $arg_key; satisfy any; }
        location /none { geoip_deny address=203.0.113.0/24; geoip_use off; location /none/deep { geoip_use eu; geoip_address $http_x; } }
    }
}
"#;

#[test]
fn a_configuration_is_asked_about_an_address() {
    let at = folder(
        "check",
        &[
            ("country.csv", COUNTRIES),
            ("asn.csv", SYSTEMS),
            ("nginx.conf", CONF),
            ("closed.txt", "KP\nUS # too\n"),
            (
                "sites/one.conf",
                "server {\n  listen 8080;\n  geoip_deny country=@closed.txt;\n  geoip_status 451;\n content_by_lua_block { x = \"}\" ~= {} } }\n",
            ),
            ("sites/.hidden.conf", "junk }"),
        ],
    );
    let lines = |address: &str| {
        let text = done(&at, &format!("geoip check nginx.conf {address}"));
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        lines("192.0.2.1"),
        [
            "192.0.2.1: anonymous=vpn,tor asn=64496 continent=EU country=FR eu=yes",
            "server 8080: none, no rule matches",
            "server two.test, location /: denied by rule \"country=FR asn=64496\" in nginx.conf:12, status 403",
            "server two.test, location /own: allowed by rule \"country=FR\" in nginx.conf:14, dry run",
            "server two.test, location /data: depends",
            "    not evaluated: geoip_bypass $arg_key (no rule is asked where one is neither empty nor 0)",
            "    not evaluated: satisfy any (another check may let the request in)",
            "    not evaluated: geoip_use $policy (the policies below are those it may choose)",
            "      with policy eu: allowed by rule \"eu=yes\" in nginx.conf:6, policy eu",
            "      with policy open: none, no rule matches, policy open",
            "server two.test, location /none: none, no rule matches",
            "server two.test, location /none/deep: allowed by rule \"eu=yes\" in nginx.conf:6, policy eu",
            "    not evaluated: geoip_address $http_x (the given address is taken)",
        ]
    );
    let us = lines("198.51.100.1");
    assert_eq!(
        us[1],
        "server 8080: denied by rule \"country=@closed.txt\" in sites/one.conf:3, status 451"
    );
    assert_eq!(
        us[us.len() - 2],
        "server two.test, location /none/deep: denied by rule \"all\" in nginx.conf:6, policy eu, status 451"
    );
    assert_eq!(lines("203.0.113.7")[0], "203.0.113.7: unknown");
    let json: serde_json::Value =
        serde_json::from_str(&done(&at, "geoip check nginx.conf 198.51.100.1 --json")).unwrap();
    assert_eq!(json["known"]["country"], "US");
    assert_eq!(
        (&json["places"][0]["verdict"], &json["places"][0]["status"]),
        (&"denied".into(), &"451".into())
    );
}

/// What is the same for every request is evaluated, what acts before the rules is named.
#[test]
fn what_needs_no_request_is_evaluated() {
    let conf = r#"events { }
http {
    geoip_db country.mmdb;
    geoip_deny country=FR;
    server {
        server_name one.test;
        if ($arg_old) { return 410; }
        location /bypass { geoip_bypass 0 "" always; }
        location /no { geoip_bypass 0 ""; }
        location /fixed { geoip_address 198.51.100.9; geoip_allow country=US; geoip_deny all; }
        location /junk { geoip_address here; geoip_deny unknown=yes; }
        location /gone { return 403; rewrite ^ /a last; rewrite ^ /b; }
        location /if { if ($arg_a) { set $a 1; } location /if/deep { } }
    }
    server { server_name two.test; location / { if ($arg_a) { set $a 1; } } }
}
"#;
    let at = folder("fixed", &[("country.csv", COUNTRIES), ("nginx.conf", conf)]);
    let text = done(&at, "geoip check nginx.conf 192.0.2.1");
    let denied = "denied by rule \"country=FR\" in nginx.conf:4, status 403";
    let early = "    not evaluated: return (acts before the rules are asked)";
    let both = "    not evaluated: return, rewrite (act before the rules are asked)";
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            &format!("server one.test: {denied}"),
            early,
            "server one.test, location /bypass: none, no rule is asked: geoip_bypass always",
            early,
            &format!("server one.test, location /no: {denied}"),
            early,
            "server one.test, location /fixed: allowed by rule \"country=US\" in nginx.conf:10, geoip_address 198.51.100.9",
            early,
            "server one.test, location /junk: denied by rule \"unknown=yes\" in nginx.conf:11, status 403, geoip_address here",
            early,
            &format!("server one.test, location /gone: {denied}"),
            both,
            &format!("server one.test, location /if: {denied}"),
            early,
            &format!("server one.test, location /if/deep: {denied}"),
            early,
            &format!("server two.test, location /: {denied}"),
        ],
        "{text}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&done(&at, "geoip check nginx.conf 192.0.2.1 --json")).unwrap();
    assert_eq!(json["places"][1]["verdict"], "none");
    assert_eq!(json["places"][1]["bypass"], "always");
    assert_eq!(json["places"][3]["geoip_address"], "198.51.100.9");
    assert_eq!(json["places"][3]["verdict"], "allowed");
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    let at = folder("nonsense", &[("country.csv", COUNTRIES)]);
    for (conf, why) in [
        ("events {}", "there is no \"http\" in it"),
        ("http { server { ", "line 1: unexpected end of file"),
        ("http { }\n}", "line 2: unexpected \"}\""),
        ("http { \"a }", "line 1: unexpected end of a quoted word"),
        ("{ }", "line 1: unexpected \"{\""),
        ("http { ; }", "line 1: unexpected \";\""),
        (
            "http { include nginx.conf; }",
            "files include one another without end",
        ),
        (
            "http { server { geoip_deny country=FRA; } }",
            "invalid country \"FRA\" in \"geoip_deny\" directive",
        ),
        (
            "http { server { geoip_use gone; } }",
            "unknown geoip_policy \"gone\"",
        ),
    ] {
        fs::write(at.join("nginx.conf"), conf).unwrap();
        let (code, text) = said(&at, "geoip check nginx.conf 192.0.2.1");
        assert!(code == 1 && text.contains(why), "{conf}: {code} {text}");
    }
    let deep = "a {".repeat(5_000);
    fs::write(at.join("nginx.conf"), deep).unwrap();
    assert!(
        said(&at, "geoip check nginx.conf 192.0.2.1")
            .1
            .contains("blocks nest too deep")
    );
    assert_eq!(said(&at, "geoip check gone.conf 192.0.2.1").0, 2);
}
