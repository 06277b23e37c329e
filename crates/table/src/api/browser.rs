//! Who may have made a browser send this: a page of another site must not change routes.

use std::net::{IpAddr, SocketAddr};

/// Whether a request that changes something was sent by a page of another site, as the browser says.
#[must_use]
pub fn is_foreign(origin: Option<&[u8]>, fetch_site: Option<&[u8]>, host: Option<&[u8]>) -> bool {
    if fetch_site.is_some_and(|site| !matches!(site, b"same-origin" | b"none")) {
        return true;
    }
    origin.is_some_and(|origin| !is_of_host(origin, host.unwrap_or_default()))
}

/// Whether a page could have made this machine's name its own: a browser sent the request, and it names neither an
/// address nor `localhost`. Who controls a name can point it here after the page was loaded (DNS rebinding); the
/// browser takes the page for one of this site then. A key, which such a page does not know, is the other way out.
#[must_use]
pub fn may_be_rebound(
    origin: Option<&[u8]>,
    fetch_site: Option<&[u8]>,
    host: Option<&[u8]>,
) -> bool {
    let is_browser = origin.is_some() || fetch_site.is_some_and(|site| site != b"none");
    is_browser && !is_own_name(host.unwrap_or_default())
}

/// Whether nobody else can have a `Host` of this name.
fn is_own_name(host: &[u8]) -> bool {
    let host = std::str::from_utf8(host).unwrap_or_default();
    if host.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        let is_port = port.bytes().all(|b| b.is_ascii_digit());
        if is_port { name } else { host }
    });
    let bare = host.strip_prefix('[').and_then(|v6| v6.strip_suffix(']'));
    bare.unwrap_or(name).parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
}

fn is_of_host(origin: &[u8], host: &[u8]) -> bool {
    let after = |scheme: &[u8]| {
        let start = origin.get(..scheme.len())?;
        let rest = origin.get(scheme.len()..)?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let (authority, port): (_, &[u8]) = match (after(b"http://"), after(b"https://")) {
        (Some(rest), _) => (rest, b":80"),
        (_, Some(rest)) => (rest, b":443"),
        // `null`, an extension, a file.
        _ => return false,
    };
    let bare = |text: &[u8]| text.strip_suffix(port).unwrap_or(text).to_ascii_lowercase();
    !authority.is_empty() && bare(authority) == bare(host)
}

/// Whether a body of this type is one of ours; a form of a page cannot send it. `patches`: merge patches too.
#[must_use]
pub fn is_json(content_type: Option<&[u8]>, patches: bool) -> bool {
    let kind = content_type
        .unwrap_or_default()
        .split(|b| *b == b';')
        .next();
    let kind = kind.unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(b"application/json")
        || patches && kind.eq_ignore_ascii_case(b"application/merge-patch+json")
}
