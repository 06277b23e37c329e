//! The status page: one file, the same for everybody, which asks the API and the metrics beside it for what it shows.
//!
//! Nothing is put into it here, so it needs no key. Only its own script and style run, by their hashes.

use gatehouse_base::digest::{Algorithm, Digest, Encoding, MAX_ENCODED};
use gatehouse_nginx::Request;
use gatehouse_nginx::http::reply::Reply;
use std::sync::LazyLock;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("page/dom.js"),
    include_str!("page/metrics.js"),
    include_str!("page/plots.js"),
    include_str!("page/overview.js"),
    include_str!("page/routes.js"),
    include_str!("page/main.js"),
);
const BODY: &str = include_str!("page/page.html");

/// The page as it is sent.
struct Page {
    text: String,
    policy: String,
    tag: String,
}

static PAGE: LazyLock<Page> = LazyLock::new(Page::new);

impl Page {
    fn new() -> Self {
        let text = BODY
            .replace("/*style*/", STYLE)
            .replace("/*script*/", SCRIPT);
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
            hash(SCRIPT),
            hash(STYLE),
        );
        let tag = format!("\"{}\"", hash(&text));
        Self { text, policy, tag }
    }
}

/// `sha256-…`
fn hash(text: &str) -> String {
    let mut out = [0; MAX_ENCODED];
    let digest = Digest::new(Algorithm::Sha256, Encoding::Base64, None);
    let length = digest
        .ok()
        .and_then(|digest| digest.encode_into(&[text.as_bytes()], &mut out));
    let written = out.get(..length.unwrap_or(0)).unwrap_or_default();
    format!("sha256-{}", String::from_utf8_lossy(written))
}

/// Whether who asks would rather have a page than JSON: a browser does.
pub(crate) fn is_wanted(r: Request<'_>) -> bool {
    let accept = r.header(b"accept").unwrap_or_default();
    matches!(r.method(), b"GET" | b"HEAD") && takes_page(accept)
}

/// Whether a value of `Accept` names HTML and not JSON.
fn takes_page(accept: &[u8]) -> bool {
    let names = |wanted: &[u8]| {
        let mut kinds = accept.split(|b| *b == b',');
        kinds.any(|kind| {
            let name = kind.split(|b| *b == b';').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(wanted)
        })
    };
    names(b"text/html") && !names(b"application/json")
}

/// Answers with the page.
pub(crate) fn reply(r: Request<'_>) -> Reply {
    let page = &*PAGE;
    let known = r.header(b"if-none-match") == Some(page.tag.as_bytes());
    let reply = Reply::new(if known { 304 } else { 200 })
        .header("Content-Type", "text/html; charset=utf-8")
        .header("Content-Security-Policy", &page.policy)
        .header("X-Content-Type-Options", "nosniff")
        .header("Referrer-Policy", "no-referrer")
        .header("Cache-Control", "no-cache")
        .header("ETag", &page.tag)
        // The same path has JSON for programs.
        .header("Vary", "Accept");
    reply.bytes(if known { "" } else { &page.text })
}
