//! URLs: what of them is sent, and the path as nginx decodes it.

use std::fmt;

/// A URL, or the path and arguments of one.
#[derive(Clone, Debug)]
pub(crate) struct Url {
    /// Scheme, and host with its port.
    pub(crate) origin: Option<(String, String)>,
    /// The request target: `path?args`.
    pub(crate) target: String,
    /// Stays in the browser, with its `#`.
    fragment: String,
}

impl Url {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// Why no client can ask for it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(odd) = text.chars().find(|char| !char.is_ascii_graphic()) {
            return Err(format!(
                "\"{text}\" is no URL: percent-encode {odd:?}, as clients do"
            ));
        }
        let (text, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
        let scheme = text.split_once("://").filter(|(scheme, _)| {
            scheme.starts_with(|char: char| char.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let (origin, target) = match scheme {
            None => (None, text),
            Some((scheme, rest)) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (host, target) = rest.split_at(end);
                (Some((scheme.to_ascii_lowercase(), host.to_owned())), target)
            }
        };
        let target = match &origin {
            // As clients do: there is always a path.
            Some(_) if !target.starts_with('/') => format!("/{target}"),
            _ => target.to_owned(),
        };
        if !target.starts_with('/') || origin.as_ref().is_some_and(|(_, host)| host.is_empty()) {
            return Err(format!(
                "\"{text}\" is neither a path nor a whole URL such as https://example.com/a?b=c"
            ));
        }
        Ok(Self {
            origin,
            target,
            fragment: fragment.to_owned(),
        })
    }

    /// The same URL with another target.
    pub(crate) fn with_target(&self, target: String) -> Self {
        Self {
            target,
            ..self.clone()
        }
    }

    /// `$args`: empty when there are none.
    pub(crate) fn args(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, args)| args)
    }

    /// `$uri`: decoded, with one slash for several and without `.` and `..`.
    ///
    /// # Errors
    /// Why nginx answers 400.
    pub(crate) fn path(&self) -> Result<Vec<u8>, String> {
        let (path, _) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let refused = |why: &str| format!("\"{path}\" {why}: nginx answers 400");
        let decoded = decode(path.as_bytes()).ok_or_else(|| refused("has a bad %"))?;
        let mut segments: Vec<&[u8]> = Vec::new();
        let mut is_folder = false;
        for segment in decoded.split(|byte| *byte == b'/') {
            is_folder = matches!(segment, b"" | b"." | b"..");
            match segment {
                b"" | b"." => {}
                b".." => {
                    let parent = segments.pop();
                    parent.ok_or_else(|| refused("leaves the root"))?;
                }
                _ => segments.push(segment),
            }
        }
        let mut clean: Vec<u8> = Vec::with_capacity(decoded.len());
        for segment in &segments {
            clean.push(b'/');
            clean.extend_from_slice(segment);
        }
        if is_folder {
            clean.push(b'/');
        }
        Ok(clean)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((scheme, host)) = &self.origin {
            write!(f, "{scheme}://{host}")?;
        }
        write!(f, "{}{}", self.target, self.fragment)
    }
}

/// Percent-decodes a path; `None` when it has a `%` without two digits, or a zero byte.
fn decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                let value = digit()?.checked_mul(16)?.checked_add(digit()?)?;
                u8::try_from(value).ok().filter(|byte| *byte != 0)?
            }
            byte => *byte,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(target: &str) -> Result<String, String> {
        let path = Url::parse(target).and_then(|url| url.path())?;
        Ok(String::from_utf8_lossy(&path).into_owned())
    }

    #[test]
    fn a_path_is_decoded_as_nginx_does() {
        for (target, want) in [
            ("/", "/"),
            ("/a/b?c=/../d", "/a/b"),
            ("//a///b/", "/a/b/"),
            ("/a/./b/.", "/a/b/"),
            ("/a/b/../c", "/a/c"),
            ("/a/b/..", "/a/"),
            ("/a%20b%3Fc%23", "/a b?c#"),
            ("/a%2Fb%2e%2E/c", "/a/b../c"),
            ("/a/b%2f%2e%2e/c", "/a/c"),
            ("/%c3%a9", "é"),
            ("/a+b", "/a+b"),
        ] {
            let want = if want == "é" { "/é" } else { want };
            assert_eq!(path(target).as_deref(), Ok(want), "{target}");
        }
        for bad in ["/%", "/%4", "/%zz", "/a%00", "/..", "/a/../../b"] {
            assert!(path(bad).unwrap_err().contains("400"), "{bad}");
        }
    }

    #[test]
    fn a_url_keeps_its_parts() {
        for (text, target) in [
            ("https://h.test:8443/a?b=c#d", "/a?b=c"),
            ("/a?b=https://x/#d?e", "/a?b=https://x/"),
            ("/https://x", "/https://x"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(
                (url.to_string().as_str(), url.target.as_str()),
                (text, target)
            );
        }
        assert_eq!(
            Url::parse("HTTP://h.test?a#b").unwrap().to_string(),
            "http://h.test/?a#b"
        );
        for bad in [
            "",
            "a/b",
            "https:///a",
            "://h/a",
            "/a b",
            "/é",
            "/a\n",
            "#a",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad:?}");
        }
    }
}
