//! `gatehouse token verify`: the verdict, and what it rests on.

use std::fmt::Write;

use gatehouse_token::{
    Finding, MAX_TARGET, Place, Received, Segment, Status, Template, Unreadable,
};
use serde_json::{Value, json};

use super::Common;
use super::profile::{kind_and_names, word};
use super::request::{View, expiry_variable, variables};
use super::sign::template;
use super::time::{distance, shown};
use crate::geoip::table;
use crate::{Failure, Outcome};

pub(super) fn run(common: &Common, url: &str, leeway: u64) -> Result<Outcome, Failure> {
    let request = common.request(Some(url))?;
    let arguments = &common.profile;
    let profile = arguments.profile(&arguments.places(), leeway)?;
    let texts = request.texts(&profile).map_err(Failure::Wrong)?;
    let view = View {
        profile: &profile,
        request: &request,
        texts,
    };
    let message = arguments.message.as_deref().map(template).transpose()?;
    let report = Report {
        common,
        view: &view,
        message,
        now: common.now(),
    };
    let verdict = profile.verify(&view, report.now);
    let findings: Vec<Finding<'_>> = profile.findings(&view, report.now).collect();
    let text = if common.json {
        format!("{:#}\n", report.json(verdict.status, &findings))
    } else {
        report.text(verdict.status, &findings)
    };
    Ok(Outcome {
        text,
        refused: !verdict.is_ok(),
        warnings: Vec::new(),
    })
}

struct Report<'a> {
    common: &'a Common,
    view: &'a View<'a>,
    message: Option<Template>,
    now: i64,
}

impl Report<'_> {
    fn text(&self, status: Status, findings: &[Finding<'_>]) -> String {
        let mut text = table(&[("status", status.as_str())]);
        if findings.is_empty() {
            let places: Vec<String> = self.view.profile.places().iter().map(word).collect();
            text.push_str(&table(&[(
                "place",
                &format!("none of {}", places.join(" ")),
            )]));
        }
        for finding in findings {
            self.add_finding(&mut text, finding, findings.len() > 1);
        }
        text
    }

    fn add_finding(&self, text: &mut String, finding: &Finding<'_>, several: bool) {
        let mut place = self.place(finding).map(word).unwrap_or_default();
        if several {
            let _ = write!(place, " ({})", finding.verdict.status.as_str());
        }
        text.push_str(&table(&[("place", &place)]));
        if let Some((token, expiry)) = finding.presented() {
            text.push_str(&table(&[("token", &readable(token))]));
            if let Some(expiry) = expiry {
                text.push_str(&table(&[("expires", &self.expires(finding, expiry))]));
            }
        }
        text.push_str(&table(&[("key", &self.key(finding))]));
        if let Some(signed) = self.signed(finding) {
            text.push_str(&table(&[("signed", &signed)]));
        }
    }

    fn json(&self, status: Status, findings: &[Finding<'_>]) -> Value {
        let places: Vec<Value> = self
            .view
            .profile
            .places()
            .iter()
            .enumerate()
            .map(|(index, place)| {
                let (kind, names) = kind_and_names(place);
                let found = findings.iter().find(|one| one.verdict.place == Some(index));
                let mut entry = json!({
                    "place": kind,
                    "names": names,
                    "status": found.map_or(Status::Missing, |one| one.verdict.status).as_str(),
                });
                if let Some(found) = found {
                    self.add_json(&mut entry, found);
                }
                entry
            })
            .collect();
        json!({"status": status.as_str(), "now": self.now, "places": places})
    }

    fn add_json(&self, entry: &mut Value, finding: &Finding<'_>) {
        let Some(entry) = entry.as_object_mut() else {
            return;
        };
        if let Some((token, expiry)) = finding.presented() {
            entry.insert("token".to_owned(), lossy(token).into());
            entry.insert("expiry".to_owned(), expiry.map(lossy).into());
        }
        let verdict = finding.verdict;
        let key = verdict
            .key
            .and_then(|key| self.common.profile.key_name(key));
        let expires = verdict.expires.filter(|_| self.signs_expiry(finding));
        let left = expires.map(|expires| expires.saturating_sub(self.now));
        entry.insert("key".to_owned(), key.into());
        entry.insert("expires".to_owned(), expires.into());
        entry.insert("seconds_left".to_owned(), left.into());
        entry.insert("reason".to_owned(), self.malformed(finding).into());
        entry.insert("signed".to_owned(), self.signed(finding).into());
    }

    fn place(&self, finding: &Finding<'_>) -> Option<&Place> {
        self.view.profile.places().get(finding.verdict.place?)
    }

    /// The expiry beside the token; believed only under a right MAC that signs it.
    fn expires(&self, finding: &Finding<'_>, text: &[u8]) -> String {
        match finding.verdict.expires {
            Some(_) if !self.signs_expiry(finding) => format!("{} (not signed)", readable(text)),
            Some(time) => format!(
                "{} ({}, {})",
                readable(text),
                shown(time),
                distance(time, self.now)
            ),
            None => readable(text),
        }
    }

    fn key(&self, finding: &Finding<'_>) -> String {
        let arguments = &self.common.profile;
        let by = finding.verdict.key.and_then(|key| arguments.key_name(key));
        match (self.malformed(finding), by) {
            (Some(reason), _) => format!("not asked: {reason}"),
            (None, Some(name)) => name,
            (None, None) => format!("none of {}", arguments.key_names().join(" ")),
        }
    }

    /// Why a token is malformed, if it is.
    fn malformed(&self, finding: &Finding<'_>) -> Option<String> {
        if finding.verdict.status != Status::Malformed {
            return None;
        }
        let missing = || "the expiry beside the token is missing".to_owned();
        let has_expiry = finding.presented().is_some_and(|one| one.1.is_some());
        Some(match finding.unreadable() {
            Some(Unreadable::NoExpiry) => missing(),
            Some(Unreadable::Twice(name)) => format!("\"{name}\" comes twice"),
            Some(Unreadable::Cancelled) => {
                let url = self.view.request.url.as_ref();
                let refused = url.and_then(|url| url.path().err());
                refused.unwrap_or_else(|| "\"..\" takes the token out of the path".to_owned())
            }
            None if self.view.target().len() > MAX_TARGET => {
                format!("the URL is longer than {MAX_TARGET} bytes")
            }
            None if self.view.profile.scheme().always_expires && !has_expiry => missing(),
            None => format!("a token is {}", self.common.profile.format.form()),
        })
    }

    /// Whether the time beside a token is part of what is hashed; ScaleSimple's always is.
    fn signs_expiry(&self, finding: &Finding<'_>) -> bool {
        let Some(message) = &self.message else {
            return true;
        };
        let name = self.place(finding).and_then(expiry_variable);
        let by_variable =
            || name.is_some_and(|name| variables(self.view.profile).any(|one| one == name));
        message.has_expires() || by_variable()
    }

    /// What was hashed; nothing was for a token without its form.
    fn signed(&self, finding: &Finding<'_>) -> Option<String> {
        let (_, expiry) = finding.presented()?;
        if finding.verdict.status == Status::Malformed {
            return None;
        }
        let expiry = expiry.unwrap_or_default();
        Some(match &self.message {
            Some(_) => signed_text(self.message.as_ref(), &self.view.texts, expiry),
            None => signed_text(None, &[finding.signed_target()], expiry),
        })
    }
}

/// What is hashed, with `{key}` for the key. Without a message it is ScaleSimple's: expiry, URL, key,
/// whose MD5 is hashed once more behind the key.
pub(super) fn signed_text(message: Option<&Template>, texts: &[Vec<u8>], expiry: &[u8]) -> String {
    let mut texts = texts.iter();
    let mut next = || texts.next().map(|text| readable(text)).unwrap_or_default();
    let Some(message) = message else {
        return format!("{}{}{{key}}", readable(expiry), next());
    };
    let segments = message.segments().iter();
    segments
        .map(|segment| match segment {
            Segment::Text(_) => next(),
            Segment::Key => "{key}".to_owned(),
            Segment::Expires => readable(expiry),
        })
        .collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A text for a terminal: control characters as `\n` or `\u{1b}`.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for char in lossy(bytes).chars() {
        if char.is_control() {
            text.extend(char.escape_default());
        } else {
            text.push(char);
        }
    }
    text
}
