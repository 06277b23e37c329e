//! Who may have made a browser send this: a page of another site must not change routes.

/// Whether a request that changes something was sent by a page of another site, as the browser says.
#[must_use]
pub fn is_foreign(origin: Option<&[u8]>, fetch_site: Option<&[u8]>, host: Option<&[u8]>) -> bool {
    if fetch_site.is_some_and(|site| !matches!(site, b"same-origin" | b"none")) {
        return true;
    }
    origin.is_some_and(|origin| !is_of_host(origin, host.unwrap_or_default()))
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
