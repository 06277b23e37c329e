//! Compares what happened with what the model says.

use std::collections::HashMap;

use bstr::ByteSlice;
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};

use super::backends::Record;
use super::client::Reply;
use super::prediction::{Answer, Hit, Prediction, Strip};
use super::request::{Request, Token};
use super::uri;

/// Something that differs from the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// What kind it is, in a few words.
    pub kind: &'static str,
    pub detail: String,
    /// The request that put the wrong page into the cache.
    pub because_of: Option<u64>,
}

fn difference(kind: &'static str, detail: String) -> Difference {
    Difference {
        kind,
        detail,
        because_of: None,
    }
}

/// A request that a backend has answered, as long as the cache may have the answer.
struct Page {
    record: Record,
    request: u64,
}

/// The judge, who knows where every cached page is from.
#[derive(Default)]
pub(super) struct Judge {
    pages: HashMap<u64, Page>,
}

impl Judge {
    /// None: the request went a way that is right. Gives the prediction it fits, else the first.
    pub(super) fn judge(
        &mut self,
        request: &Request,
        predictions: Vec<Prediction>,
        reply: &Reply,
        records: Vec<Record>,
    ) -> (Option<Prediction>, Option<Difference>) {
        for record in &records {
            let page = Page {
                record: record.clone(),
                request: request.number,
            };
            self.pages.insert(record.id, page);
        }
        let mut first = None;
        for prediction in predictions {
            match self.fits(request, &prediction, reply, &records) {
                Ok(()) => return (Some(prediction), None),
                Err(one) => {
                    first.get_or_insert((prediction, one));
                }
            }
        }
        match first {
            Some((prediction, one)) => (Some(prediction), Some(one)),
            None => (None, None),
        }
    }

    /// Forgets pages that requests before this one have made, but those that any epoch may ask for.
    pub(super) fn forget_before(&mut self, number: u64) {
        self.pages
            .retain(|_, page| page.request >= number || !is_of_an_epoch(&page.record.target));
    }

    fn fits(
        &self,
        request: &Request,
        prediction: &Prediction,
        reply: &Reply,
        records: &[Record],
    ) -> Result<(), Difference> {
        let mut rest = records.iter().peekable();
        let mut cached = Vec::new();
        for hit in &prediction.hits {
            match rest.next_if(|record| is_for(hit, record)) {
                Some(record) => fresh(request, hit, record)?,
                None if hit.cached => cached.push(hit),
                None => {
                    let came = rest.peek().map_or("nothing".to_owned(), |r| show(r));
                    return Err(difference(
                        "another upstream request",
                        format!("wanted {}, came {came}", wanted(hit)),
                    ));
                }
            }
        }
        if let Some(more) = rest.next() {
            return Err(self.unwanted(request, prediction, more));
        }
        self.answered(request, prediction, reply, &cached)
    }

    fn unwanted(&self, request: &Request, prediction: &Prediction, record: &Record) -> Difference {
        let wanted: Vec<String> = prediction.hits.iter().map(wanted).collect();
        let leaked = leak(request, &prediction.strips, record).is_err();
        difference(
            if leaked {
                "a token in an upstream request that should not be"
            } else {
                "an upstream request that should not be"
            },
            format!("wanted {wanted:?}, came {}", show(record)),
        )
    }

    fn answered(
        &self,
        request: &Request,
        prediction: &Prediction,
        reply: &Reply,
        cached: &[&Hit],
    ) -> Result<(), Difference> {
        let ids = ids(request, reply);
        for id in &ids {
            let Some(page) = self.pages.get(id) else {
                return Err(difference("an unknown page", format!("id={id}")));
            };
            let known = prediction.hits.iter().any(|hit| is_for(hit, &page.record));
            if page.request == request.number && known {
                continue;
            }
            let fits = cached
                .iter()
                .any(|hit| same_page(hit, &page.record).is_ok());
            if !fits || prediction.answer != Answer::Page {
                let wanted: Vec<String> = prediction.hits.iter().map(wanted).collect();
                return Err(Difference {
                    kind: "a page from the cache that is not this one's",
                    detail: format!(
                        "status {}, wanted {wanted:?}, came {}",
                        reply.status,
                        show(&page.record)
                    ),
                    because_of: Some(page.request),
                });
            }
        }
        if !prediction.statuses.contains(&reply.status) {
            return Err(difference(
                "another status",
                format!("wanted {:?}, came {}", prediction.statuses, reply.status),
            ));
        }
        let good = match prediction.answer {
            Answer::Page => request.method == "HEAD" || !ids.is_empty(),
            Answer::Text(text) => request.method == "HEAD" || reply.body == text.as_bytes(),
            Answer::Builtin => ids.is_empty(),
        };
        if good {
            return Ok(());
        }
        let body = reply.body.as_bstr().escape_ascii().to_string();
        Err(difference(
            "another body",
            format!("wanted {:?}, came {body}", prediction.answer),
        ))
    }
}

/// Whether the path ends in `/pNUMBER-NUMBER`.
fn is_of_an_epoch(target: &[u8]) -> bool {
    let (path, _) = uri::split(target);
    let page = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let digits = page.strip_prefix(b"p").and_then(|rest| rest.first());
    digits.is_some_and(u8::is_ascii_digit)
}

/// The numbers of the answers that the client got.
fn ids(request: &Request, reply: &Reply) -> Vec<u64> {
    if request.method == "HEAD" {
        return reply.id.into_iter().collect();
    }
    let lines = reply.body.lines();
    lines
        .filter_map(|line| line.strip_prefix(b"id=")?.to_str().ok()?.parse().ok())
        .collect()
}

/// Whether the record is this hit's, right or wrong in its details.
fn is_for(hit: &Hit, record: &Record) -> bool {
    hit.backend == record.backend && hit.loc == record.header("X-Loc")
}

/// Whether the page is what this hit would have got.
fn same_page(hit: &Hit, record: &Record) -> Result<(), Difference> {
    let (path, args) = uri::split(&record.target);
    let same = is_for(hit, record)
        && record.header("Host") == hit.host
        && uri::normal(path).as_deref() == Some(hit.path.as_slice());
    if !same {
        return Err(difference(
            "another path or host at the backend",
            format!("wanted {}, came {}", wanted(hit), show(record)),
        ));
    }
    if args.unwrap_or_default() != hit.args {
        return Err(difference(
            "other arguments at the backend",
            format!("wanted {}, came {}", wanted(hit), show(record)),
        ));
    }
    Ok(())
}

/// A request of now.
fn fresh(request: &Request, hit: &Hit, record: &Record) -> Result<(), Difference> {
    same_page(hit, record)?;
    leak(request, &hit.strips, record)?;
    let came = || format!("wanted {}, came {}", wanted(hit), show(record));
    if record.method != hit.method {
        return Err(difference("another method at the backend", came()));
    }
    if hit
        .exact
        .as_ref()
        .is_some_and(|exact| *exact != record.target)
    {
        return Err(difference("other bytes at the backend", came()));
    }
    if record.header("X-Route") != hit.route {
        return Err(difference("other lookup variables", came()));
    }
    if record.header("X-Sum") != sum(&hit.args) {
        return Err(difference("another digest", came()));
    }
    for name in KEPT {
        if lines(&hit.headers, name) != lines(&record.headers, name) {
            return Err(difference(
                "other headers at the backend",
                format!("{name}: {}", came()),
            ));
        }
    }
    Ok(())
}

/// Headers that arrive as they were sent, unless a profile takes them out.
const KEPT: &[&str] = &[
    "Cookie",
    "Authorization",
    "X-SS-Token",
    "X-SS-Expiration",
    "X-Live",
    "X-Tenant",
    "X-Secure-Link",
    "X-Test-IP",
];

fn lines(headers: &[(String, Vec<u8>)], name: &str) -> Vec<Vec<u8>> {
    let values = headers
        .iter()
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value);
    if name != "Cookie" {
        return values.cloned().collect();
    }
    // HTTP/2 joins the lines.
    values
        .flat_map(|line| line.split(|byte| *byte == b';'))
        .map(|piece| piece.trim_ascii().to_vec())
        .filter(|piece| !piece.is_empty())
        .collect()
}

fn leak(request: &Request, strips: &[Strip], record: &Record) -> Result<(), Difference> {
    for token in hidden(request, strips) {
        let seen = record.target.contains_str(&token.needle)
            || record
                .headers
                .iter()
                .any(|(_, value)| value.contains_str(&token.needle));
        if seen {
            return Err(difference(
                "a token at the backend",
                format!("{:?}: {}", token.carrier, show(record)),
            ));
        }
    }
    Ok(())
}

/// The tokens that nobody behind nginx may see.
pub(super) fn hidden<'a>(
    request: &'a Request,
    strips: &'a [Strip],
) -> impl Iterator<Item = &'a Token> + 'a {
    request
        .tokens
        .iter()
        .filter(|token| strips.iter().any(|strip| strip.covers(&token.carrier)))
}

/// `md5_hash $sum $arg_a:$arg_b`.
fn sum(args: &[u8]) -> String {
    let value = |name| {
        uri::arg_values(args, name)
            .first()
            .copied()
            .unwrap_or_default()
    };
    let mut md5 = Md5::new();
    md5.update([value("a"), b":", value("b")].concat());
    HEXLOWER.encode(&md5.finalize())
}

fn wanted(hit: &Hit) -> String {
    format!(
        "{} {}{} to {} as {} from {} ({})",
        hit.method,
        hit.path.as_bstr().escape_ascii(),
        match hit.args.is_empty() {
            true => String::new(),
            false => format!("?{}", hit.args.as_bstr().escape_ascii()),
        },
        hit.backend,
        hit.host,
        hit.loc,
        hit.route,
    )
}

fn show(record: &Record) -> String {
    let headers: Vec<String> = KEPT
        .iter()
        .flat_map(|name| {
            lines(&record.headers, name)
                .into_iter()
                .map(move |value| format!("{name}: {}", value.as_bstr().escape_ascii()))
        })
        .collect();
    format!(
        "{} {} to {} as {} from {} ({}) {headers:?}",
        record.method,
        record.target.as_bstr().escape_ascii(),
        record.backend,
        record.header("Host"),
        record.header("X-Loc"),
        record.header("X-Route"),
    )
}
