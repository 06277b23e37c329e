//! Backend URLs: `http://10.0.0.5:3000`, in the short form with options in the fragment.

use super::{Backend, Host, Options, options};
use std::net::{IpAddr, Ipv6Addr};

/// Longest path of a unix socket, in bytes: `sun_path` of Linux without its closing zero.
const UNIX_MAX: usize = 107;
/// The same for `https`: behind the zero the address carries a tag of eight bytes, which keeps
/// connections with another TLS name apart.
const UNIX_MAX_TLS: usize = 99;

/// The options of a short form's fragment.
const OPTIONS: &[&str] = &[
    "weight",
    "backup",
    "drain",
    "sni",
    "service",
    "max_conns",
    "slow_start",
];
/// Longest name of a service.
const SERVICE_MAX: usize = 127;

/// Reads a backend's URL: scheme `http` or `https`, host (name, IPv4, `[IPv6]`, `unix:path`), port; nothing else.
/// With `options`, a fragment such as `#weight=5&drain=1&backup=1&sni=name&service=http` is read too.
///
/// # Errors
/// A human-readable error, without what could be a password.
pub fn parse_backend_url(url: &str, options: bool) -> Result<Backend, String> {
    let read = || {
        let url = read_url(url, options)?;
        finished(url.backend, url.has_port)
    };
    read().map_err(|why| format!("{why} in backend \"{}\"", shown(url)))
}

/// Reads what tells a backend from others: its URL and, if it is one of a service, `#service=NAME`.
///
/// # Errors
/// As [`parse_backend_url`].
pub fn parse_backend_place(url: &str) -> Result<Backend, String> {
    let has_service = url
        .split_once('#')
        .is_some_and(|(_, fragment)| fragment.starts_with("service=") && !fragment.contains('&'));
    parse_backend_url(url, has_service)
}

/// The URL of a backend whose options stand elsewhere.
pub(super) fn parse_bare_url(url: &str) -> Result<BareUrl, String> {
    read_url(url, false).map_err(|why| format!("{why} in backend \"{}\"", shown(url)))
}

/// What a URL says.
pub(super) struct BareUrl {
    pub(super) backend: Backend,
    pub(super) has_port: bool,
}

/// A backend whose options are all known.
pub(super) fn finished(mut backend: Backend, has_port: bool) -> Result<Backend, String> {
    if backend.service.is_none() {
        return Ok(backend);
    }
    if !matches!(backend.host, Host::Name(_)) {
        return Err("service needs a host name".into());
    }
    for (name, is_there) in [
        ("a port", has_port),
        ("weight", backend.weight != 1),
        ("backup", backend.backup),
    ] {
        if is_there {
            return Err(format!("{name} beside service: its records say that"));
        }
    }
    backend.port = 0;
    Ok(backend)
}

fn read_url(url: &str, options: bool) -> Result<BareUrl, String> {
    let (address, fragment) = match url.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (url, None),
    };
    let mut read = parse_authority(address)?;
    match fragment {
        None => {}
        Some(_) if !options => return Err("fragment not allowed".into()),
        // This may be the end of a password; errors of options show what they are about.
        Some(list) if list.contains('@') => return Err("invalid fragment".into()),
        Some(list) => {
            for (number, option) in list.split('&').enumerate() {
                apply_option(&mut read.backend, option)?;
                let name = name_of(option);
                let mut earlier = list.split('&').take(number).map(name_of);
                if earlier.any(|one| one == name) {
                    return Err(format!("duplicate option \"{name}\""));
                }
            }
        }
    }
    Ok(read)
}

/// A URL that is refused, as messages have it: what stands before an `@` is a user's name and password.
fn shown(url: &str) -> String {
    let Some((before, rest)) = url.rsplit_once('@') else {
        return url.to_owned();
    };
    let is_scheme = |text: &&str| text.bytes().all(|b| b.is_ascii_alphanumeric());
    let scheme = before.split_once("://").map(|(scheme, _)| scheme);
    match scheme.filter(is_scheme) {
        Some(scheme) => format!("{scheme}://***@{rest}"),
        None => format!("***@{rest}"),
    }
}

/// `scheme://host:port`, and nothing behind it.
fn parse_authority(address: &str) -> Result<BareUrl, String> {
    let (tls, rest) = match address.split_once("://") {
        Some((s, rest)) if s.eq_ignore_ascii_case("http") => (false, rest),
        Some((s, rest)) if s.eq_ignore_ascii_case("https") => (true, rest),
        _ => return Err("scheme is neither http:// nor https://".into()),
    };
    let (host, written, default) = match rest.strip_prefix("unix:") {
        Some(path) => (unix_path(path, tls)?, None, 0),
        None => {
            let (host, port) = host_port(rest)?;
            (host, port, if tls { 443 } else { 80 })
        }
    };
    let backend = Backend {
        tls,
        host,
        port: written.unwrap_or(default),
        weight: 1,
        backup: false,
        drain: false,
        sni: None,
        service: None,
        options: Options::default(),
    };
    Ok(BareUrl {
        backend,
        has_port: written.is_some(),
    })
}

/// `path`, or nginx's own `path:` with the URI left empty.
fn unix_path(path: &str, tls: bool) -> Result<Host, String> {
    let path = path.strip_suffix(':').unwrap_or(path);
    let max = if tls { UNIX_MAX_TLS } else { UNIX_MAX };
    if path.len() > max {
        return Err(format!("unix socket path longer than {max} bytes"));
    }
    if !is_unix_path(path, tls) {
        return Err("invalid unix socket path".into());
    }
    Ok(Host::Unix(path.into()))
}

/// Whether a backend may have this path of a unix socket.
#[must_use]
pub fn is_unix_path(path: &str, tls: bool) -> bool {
    let max = if tls { UNIX_MAX_TLS } else { UNIX_MAX };
    let is_odd = |b: u8| b < 0x20 || b == 0x7f || b == b':';
    path.len() <= max && path.starts_with('/') && !path.bytes().any(is_odd)
}

/// Whether a backend may have this name, for itself or for TLS.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    check_name(name).is_ok()
}

/// The host, and the port if there is one.
fn host_port(rest: &str) -> Result<(Host, Option<u16>), String> {
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    for (sign, what) in [('@', "user name"), ('/', "path"), ('?', "query")] {
        if authority.contains(sign) {
            return Err(format!("{what} not allowed"));
        }
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (ip, port) = rest.split_once(']').ok_or("invalid IPv6 address")?;
            let ip: Ipv6Addr = ip.parse().map_err(|_| "invalid IPv6 address")?;
            (
                Host::Ip(IpAddr::V6(ip)),
                if port.is_empty() {
                    None
                } else {
                    Some(port.strip_prefix(':').ok_or("invalid port")?)
                },
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (named_host(host)?, Some(port)),
            None => (named_host(authority)?, None),
        },
    };
    Ok((host, port.map(parse_port).transpose()?))
}

/// An IPv4 address or a host name; what looks like neither is refused, not asked for.
fn named_host(host: &str) -> Result<Host, String> {
    if let Ok(ip) = host.parse() {
        return Ok(Host::Ip(IpAddr::V4(ip)));
    }
    check_name(host).map_err(|()| "invalid host")?;
    Ok(Host::Name(host.to_ascii_lowercase()))
}

/// A DNS name; its last label is not a number (`10.0.0.256` is a mistake, not a name).
fn check_name(name: &str) -> Result<(), ()> {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let bare = name.strip_suffix('.').unwrap_or(name);
    let number = bare
        .rsplit('.')
        .next()
        .is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    if bare.len() <= super::HOST_MAX && !number && bare.split('.').all(label) {
        Ok(())
    } else {
        Err(())
    }
}

fn parse_port(port: &str) -> Result<u16, String> {
    match port.parse() {
        Ok(n) if n > 0 && port.bytes().all(|b| b.is_ascii_digit()) => Ok(n),
        _ => Err("invalid port".into()),
    }
}

/// The name of an option.
fn name_of(option: &str) -> &str {
    option.split_once('=').map_or(option, |(name, _)| name)
}

fn apply_option(backend: &mut Backend, option: &str) -> Result<(), String> {
    let (name, value) = option
        .split_once('=')
        .ok_or_else(|| format!("invalid option \"{option}\""))?;
    match name {
        "weight" => backend.weight = parse_weight(value)?,
        "drain" => backend.drain = parse_flag(option, value)?,
        "backup" => backend.backup = parse_flag(option, value)?,
        "sni" => backend.sni = Some(parse_sni(value)?),
        "service" => backend.service = Some(parse_service(value)?),
        "max_conns" => backend.options.max_conns = options::max_conns(digits(value))?,
        "slow_start" => backend.options.slow_start_ms = options::slow_start(value)?,
        _ => {
            let known = super::error::one_of(OPTIONS);
            return Err(format!("unknown option \"{name}\", it must be {known}"));
        }
    }
    Ok(())
}

/// A number of digits alone.
fn digits(value: &str) -> Option<u64> {
    let number = value.parse().ok()?;
    value.bytes().all(|b| b.is_ascii_digit()).then_some(number)
}

fn parse_weight(value: &str) -> Result<u16, String> {
    match value.parse() {
        Ok(n) if n > 0 && value.bytes().all(|b| b.is_ascii_digit()) => Ok(n),
        _ => Err("weight is not 1 to 65535".into()),
    }
}

fn parse_flag(option: &str, value: &str) -> Result<bool, String> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => {
            let legal = super::error::one_of(&["0", "1"]);
            Err(format!("invalid option \"{option}\", it must be {legal}"))
        }
    }
}

/// A name for SNI: RFC 6066 section 3 allows DNS host names only.
pub(super) fn parse_sni(value: &str) -> Result<String, String> {
    check_name(value).map_err(|()| format!("invalid sni \"{value}\""))?;
    Ok(value.trim_end_matches('.').to_ascii_lowercase())
}

/// A service as nginx's `service=` has it: `http`, `_http._tcp`, `_http._tcp.eu`.
pub(super) fn parse_service(value: &str) -> Result<String, String> {
    if is_service(value) {
        Ok(value.to_ascii_lowercase())
    } else {
        Err(format!("invalid service \"{value}\""))
    }
}

/// Whether a backend may have this service.
#[must_use]
pub fn is_service(value: &str) -> bool {
    let label = |label: &str| {
        let is_good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(is_good)
    };
    value.len() <= SERVICE_MAX && value.split('.').all(label)
}
