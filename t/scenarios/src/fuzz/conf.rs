//! nginx.conf and its files, written from the site's data.

use std::fmt::Write as _;

use super::site::{
    APPS, At, Auth, Content, EDGE, Early, FALLBACK_BACKEND, Key, Loc, PAID_PAGES, POLICIES,
    POLICY_DEFAULT, Page, Policy, Route, Rule, Server, TENANT_DEFAULT, Up,
};
use super::tokens::{PROFILES, Profile, Scheme};

/// Between the columns of the access log; no request has it.
pub(super) const COLUMN: char = '\u{1}';

/// A regular expression without groups has matched before anything is checked.
const MATCHED: &str = "set $matched $slashed;";

const HTTP: &str = r#"
    map $uri $slashed { default 0; ~/ 1; }
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    md5_hash $sum $arg_a:$arg_b;
    digest $mac sha256 $http_host$uri encoding=base64url key_file=digest.key;
    upstream_table apps { zone 2m; file apps.json; passive fails=0; }
    upstream_table edge { zone 2m; file edge.json; passive fails=0; }
    upstream apps { upstream_lookup apps $host; keepalive 16; }
    upstream edge { upstream_lookup edge $host; keepalive 16; }
    proxy_cache_path cache keys_zone=c:16m inactive=8s;
    proxy_cache_valid any 1h;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Test-IP;
    keepalive_requests 1000000;
    proxy_http_version 1.1;
    proxy_connect_timeout 5s;
    client_body_buffer_size 64k;
    proxy_set_header Connection "";
    access_log logs/access.log all;
    map $request_uri $target { default $request_uri; }
    add_header X-Cache $upstream_cache_status always;
"#;

/// The whole `http` context. `ports`: the main server's, its HTTP/2 one, the protected server's.
pub(super) fn http(ports: [u16; 3], backends: &[u16]) -> String {
    let mut out = String::from("http {\n");
    log_format(&mut out);
    out.push_str(HTTP);
    let fallback = backends.get(FALLBACK_BACKEND).copied().unwrap_or_default();
    let _ = writeln!(
        out,
        "    upstream fallback {{ upstream_lookup apps $host; server 127.0.0.1:{fallback}; keepalive 16; }}\n    \
         upstream_variable $tenant apps $host profile default={TENANT_DEFAULT};\n    \
         upstream_variable $policy apps $host policy default={POLICY_DEFAULT};"
    );
    POLICIES.iter().for_each(|(name, list, status)| {
        let _ = writeln!(out, "    geoip_policy {name} {{");
        rules(&mut out, "", list);
        if let Some(status) = status {
            let _ = writeln!(out, "    status {status};");
        }
        out.push_str("    }\n");
    });
    PROFILES.iter().for_each(|one| profile(&mut out, one));
    let [main, h2, paid] = ports;
    let _ = writeln!(
        out,
        "server {{\n    listen 127.0.0.1:{main};\n    listen 127.0.0.1:{h2} http2;\n    {MATCHED}"
    );
    locations(&mut out, Server::Main);
    let _ = writeln!(
        out,
        "}}\nserver {{\n    listen 127.0.0.1:{paid};\n    server_name paid.test;\n    token_auth video;\n    {MATCHED}"
    );
    PAID_PAGES.iter().for_each(|one| page(&mut out, one));
    locations(&mut out, Server::Paid);
    out.push_str("}\n}\n");
    out
}

/// Everything an access log can show of a request, but `$request`.
fn log_format(out: &mut String) {
    let columns = [
        "$http_x_fuzz",
        "$request_method",
        "$request_uri",
        "$args",
        "$query_string",
        "$uri",
        "$document_uri",
        "$is_args",
        "$target",
        "$http_cookie",
        "$http_authorization",
        "$http_x_ss_token",
        "$http_x_ss_expiration",
        "$http_x_live",
        "$http_x_tenant",
        "$cookie_tc",
        "$arg_tk",
        "$geoip_rule",
        "$http_x_secure_link",
        "$http_x_forwarded_for",
        "$proxy_add_x_forwarded_for",
        "$http_content_type",
        "$content_type",
        "$cookie_ss_token",
        "$cookie_lt",
        "$cookie_md5",
        "$cookie_bt",
        "$arg_ss_token",
        "$arg_st",
        "$arg_md5",
        "$status",
        "$token_auth_status",
        "$token_auth_action",
        "$token_auth_profile",
        "$token_auth_key_id",
        "$geoip_country",
        "$geoip_verdict",
        "$upstream_addr",
        "$upstream_cache_status",
        "$upstream_lookup_result",
    ];
    let _ = writeln!(
        out,
        "    log_format all '{}';",
        columns.join(&COLUMN.to_string())
    );
}

fn profile(out: &mut String, one: &Profile) {
    let (format, more) = match one.scheme {
        Scheme::ScaleSimple => ("scalesimple", ""),
        Scheme::SecureLink => ("secure_link", "message \"{expires}$uri {key}\";"),
        Scheme::SecureLinkAddress => (
            "secure_link",
            "message \"{expires}|$uri|$remote_addr {key}\"; require_exp on;",
        ),
        Scheme::Open => ("open", ""),
    };
    let _ = write!(
        out,
        "    token_profile {} {{ format {format}; {more}",
        one.name
    );
    for (id, _) in one.keys {
        let _ = write!(out, " key id={id} file=keys/{id};");
    }
    if one.route_key {
        out.push_str(" key table=apps name=token;");
    }
    if !one.from.is_empty() {
        let _ = write!(out, " from {};", one.from);
    }
    out.push_str(" }\n");
}

fn page(out: &mut String, page: &Page) {
    let statuses: Vec<String> = page.statuses.iter().map(u16::to_string).collect();
    let own = if page.own_status { "= " } else { "" };
    let _ = writeln!(
        out,
        "    error_page {} {own}{};",
        statuses.join(" "),
        page.to
    );
}

/// Each location, inside of the one it lies below.
fn locations(out: &mut String, server: Server) {
    for loc in server.locations() {
        if parent(server, loc).is_none() {
            location(out, server, loc);
        }
    }
}

fn parent(server: Server, loc: &Loc) -> Option<&'static str> {
    let At::Prefix(own) = loc.at else { return None };
    let mut others = server.locations().iter();
    others.find_map(|other| match other.at {
        At::Prefix(path) if path != "/" && path != own && own.starts_with(path) => Some(path),
        _ => None,
    })
}

fn location(out: &mut String, server: Server, loc: &Loc) {
    let _ = match loc.at {
        At::Prefix(path) => writeln!(out, "location {path} {{"),
        At::Exact(path) => writeln!(out, "location = {path} {{"),
        At::Named(name) => writeln!(out, "location {name} {{"),
    };
    checks(out, loc);
    if loc.internal {
        out.push_str("    internal;\n");
    }
    loc.pages.iter().for_each(|one| page(out, one));
    if let Some(max) = loc.body_max {
        let _ = writeln!(out, "    client_max_body_size {max};");
    }
    let _ = match loc.early {
        Early::Nothing => Ok(()),
        Early::ReturnIfAsked(status) => writeln!(out, "    if ($arg_r) {{ return {status}; }}"),
        Early::ReturnUnlessOk => {
            writeln!(out, "    if ($token_auth_status != ok) {{ return 403; }}")
        }
        Early::Last(from, to) => writeln!(out, "    rewrite ^{from}(.*)$ {to}$1 last;"),
        Early::Break(from, to) => writeln!(out, "    rewrite ^{from}(.*)$ {to}$1 break;"),
        Early::ReadsLookup => writeln!(out, "    set $seen $upstream_lookup_key;"),
    };
    content(out, loc);
    let _ = writeln!(out, "    {}", loc.more);
    for inner in server.locations() {
        if matches!(loc.at, At::Prefix(path) if parent(server, inner) == Some(path)) {
            location(out, server, inner);
        }
    }
    out.push_str("}\n");
}

fn checks(out: &mut String, loc: &Loc) {
    let flag = |on: bool| if on { "on" } else { "off" };
    let auth = match loc.auth {
        Auth::Off => "off",
        Auth::Profile(name) => name,
        Auth::Tenant => "$tenant",
    };
    let _ = writeln!(out, "    token_auth {auth};");
    if loc.dry {
        out.push_str("    token_auth_dry_run on;\n");
    }
    if let Some(strip) = loc.strip {
        let _ = writeln!(out, "    token_auth_strip {};", flag(strip));
    }
    if !loc.statuses.is_empty() {
        let _ = writeln!(out, "    token_auth_status {};", loc.statuses);
    }
    rules(out, "geoip_", loc.geo);
    let _ = match loc.policy {
        Policy::Off => writeln!(out, "    geoip_use off;"),
        Policy::Named(name) => writeln!(out, "    geoip_use {name};"),
        Policy::Tenant => writeln!(out, "    geoip_use $policy;"),
    };
    if loc.geo_dry {
        out.push_str("    geoip_dry_run on;\n");
    }
    if loc.any {
        out.push_str("    satisfy any;\n");
    }
    for line in loc.access {
        let _ = writeln!(out, "    {line};");
    }
    if loc.basic {
        out.push_str("    auth_basic closed;\n    auth_basic_user_file htpasswd;\n");
    }
    if loc.auth_request {
        out.push_str("    auth_request /auth-sub;\n");
    }
}

/// Rules whose directives begin like that.
fn rules(out: &mut String, begin: &str, list: &[Rule]) {
    for rule in list {
        let _ = match rule {
            Rule::AllowCountry(list) => {
                writeln!(out, "    {begin}allow country={};", list.join(","))
            }
            Rule::DenyCountry(list) => {
                writeln!(out, "    {begin}deny country={};", list.join(","))
            }
            Rule::DenyUnknown => writeln!(out, "    {begin}deny unknown=yes;"),
            Rule::AllowEu => writeln!(out, "    {begin}allow eu=yes;"),
            Rule::DenyAll => writeln!(out, "    {begin}deny all;"),
        };
    }
}

fn content(out: &mut String, loc: &Loc) {
    let (up, path) = match loc.content {
        Content::Proxy(up) => (up, ""),
        Content::ProxyTo(up, path) => (up, path),
        Content::Return(status, text) => {
            let _ = writeln!(out, "    return {status} {text};");
            return;
        }
        Content::Files => return out.push_str("    root html;\n    index page.html;\n"),
        Content::Try(to) => {
            let _ = writeln!(out, "    root html;\n    try_files /none {to};");
            return;
        }
    };
    let up = match up {
        Up::Apps => "apps",
        Up::Edge => "edge",
        Up::Fallback => "fallback",
    };
    let _ = writeln!(
        out,
        "    proxy_pass http://{up}{path};\n    proxy_set_header Host $host;\n    \
         proxy_set_header Connection \"\";\n    proxy_set_header X-Loc {};\n    \
         proxy_set_header X-Route $upstream_lookup_result:$upstream_lookup_key;\n    \
         proxy_set_header X-Sum $sum;\n    proxy_set_header X-Mac $mac;",
        loc.id
    );
    let key = match loc.key {
        Key::NotCached => return,
        Key::Snippet => "    proxy_cache_key $scheme$host$request_uri;\n",
        Key::HttpHost => "    proxy_cache_key $scheme$http_host$request_uri;\n",
        Key::Method => "    proxy_cache_key $request_method$request_uri;\n",
        Key::TargetOnly => "    proxy_cache_key $request_uri;\n",
        Key::Builtin => "",
        Key::Slices => {
            "    proxy_cache_key $scheme$host$request_uri$slice_range;\n    proxy_set_header Range $slice_range;\n"
        }
    };
    let _ = write!(out, "    proxy_cache c;\n{key}");
}

/// A table's file.
pub(super) fn table(routes: &[Route], backends: &[u16], nobody: u16) -> String {
    let rows = routes.iter().map(|route| {
        let port = route.backend.map_or(nobody, |number| {
            backends.get(number).copied().unwrap_or(nobody)
        });
        let vars = [("profile", route.profile), ("policy", route.policy)];
        let named = vars.iter().filter(|(_, value)| !value.is_empty());
        let vars: Vec<String> = named.map(|(name, value)| format!("\"{name}\": \"{value}\"")).collect();
        let keys = match route.secret {
            "" => String::new(),
            secret => format!("\"token\": \"{secret}\""),
        };
        format!(
            "\"{}\": {{\"backends\": [\"http://127.0.0.1:{port}\"], \"vars\": {{{}}}, \"keys\": {{{keys}}}}}",
            route.key,
            vars.join(", ")
        )
    });
    format!("{{{}}}", rows.collect::<Vec<_>>().join(",\n"))
}

/// Both tables' files.
pub(super) fn tables(backends: &[u16], nobody: u16) -> [(&'static str, String); 2] {
    [
        ("conf/apps.json", table(APPS, backends, nobody)),
        ("conf/edge.json", table(EDGE, backends, nobody)),
    ]
}
