//! Where registrations go.

use crate::http::Uri;

/// Reads `http://HOST[:PORT]/PATH`.
pub(super) fn parse(url: &str) -> Result<Uri, String> {
    let wrong = |why: &str| format!("the URL \"{url}\" {why}");
    if !url.starts_with("http://") {
        return Err(wrong("does not begin with http://"));
    }
    let is_plain = |b: u8| b.is_ascii_graphic() && b != b'#' && b != b'?';
    if !url.bytes().all(is_plain) {
        return Err(wrong("has a character that it cannot have"));
    }
    let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = uri.host().unwrap_or_default();
    let is_port = |rest: &str| match rest.strip_prefix(':') {
        Some(port) => port.parse().is_ok_and(|port: u16| port > 0),
        None => rest.is_empty(),
    };
    if host.is_empty() || !authority.strip_prefix(host).is_some_and(is_port) {
        return Err(wrong("has no host, or more than a host and a port"));
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_refused() {
        for (url, host, port, path) in [
            ("http://router/_join", "router", None, "/_join"),
            (
                "http://10.0.0.1:8081/_join",
                "10.0.0.1",
                Some(8081),
                "/_join",
            ),
            ("http://[::1]:81", "[::1]", Some(81), "/"),
            ("http://[::1]/a/b", "[::1]", None, "/a/b"),
        ] {
            let uri = parse(url).unwrap();
            assert_eq!(
                (uri.host(), uri.port_u16(), uri.path()),
                (Some(host), port, path)
            );
        }
        for url in [
            "https://a/",
            "router/_join",
            "http:///x",
            "http://a:x/",
            "http://a:0/",
            "http://a:65536/",
            "http://a/x?y",
            "http://a/\r\nX: y",
            "http://u@a/",
            "http://a@a/",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
