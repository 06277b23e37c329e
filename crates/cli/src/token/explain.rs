//! `gatehouse token verify`: the verdict, and what it rests on.

use std::fmt::Write;

use gatehouse_token::{
    Carrier, Finding, MAX_TARGET, Reason, RequestView, TokenLocation, Unreadable, Verdict,
};
use serde_json::{Value, json};

use super::common::Common;
use super::profile::word;
use super::request::{View, expiry_variable, variables};
use super::time::{distance, shown};
use crate::geoip::table;
use crate::{Failure, Outcome};

pub(super) fn run(common: &Common, url: &str, leeway: u64) -> Result<Outcome, Failure> {
    let request = common.request(Some(url))?;
    let arguments = &common.profile;
    let profile = arguments.profile(&arguments.locations(), leeway)?;
    let texts = request.texts(&profile).map_err(Failure::Wrong)?;
    let view = View::new(&profile, &request, texts);
    let report = Report {
        common,
        view: &view,
        now: common.now(),
    };
    let verdict = profile.verify(&view, report.now);
    let findings: Vec<Finding<'_>> = profile.findings(&view, report.now).collect();
    let text = if common.json {
        format!("{:#}\n", report.json(&verdict, &findings))
    } else {
        report.text(&verdict, &findings)
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
    now: i64,
}

impl Report<'_> {
    fn text(&self, verdict: &Verdict, findings: &[Finding<'_>]) -> String {
        let mut text = table(&[("status", verdict.as_str())]);
        if findings.is_empty() {
            let all: Vec<String> = self.view.profile.locations().iter().map(word).collect();
            text.push_str(&table(&[("place", &format!("none of {}", all.join(" ")))]));
        }
        for finding in findings {
            self.add_finding(&mut text, finding, findings.len() > 1);
        }
        text
    }

    fn add_finding(&self, text: &mut String, finding: &Finding<'_>, several: bool) {
        let mut location = self.location(finding).map(word).unwrap_or_default();
        if several {
            let _ = write!(location, " ({})", finding.verdict.as_str());
        }
        text.push_str(&table(&[("place", &location)]));
        if let Some(token) = finding.token() {
            text.push_str(&table(&[("token", &readable(token))]));
        }
        if let Some(expiry) = finding.expiry() {
            text.push_str(&table(&[("expires", &self.expires(finding, expiry))]));
        } else if let Some(time) = finding.verdict.expires {
            // It is in the token itself.
            let inside = time.to_string();
            text.push_str(&table(&[(
                "expires",
                &self.expires(finding, inside.as_bytes()),
            )]));
        }
        text.push_str(&table(&[("key", &self.key(finding))]));
        if let Some(signed) = self.signed(finding) {
            text.push_str(&table(&[("signed", &signed)]));
        }
    }

    fn json(&self, verdict: &Verdict, findings: &[Finding<'_>]) -> Value {
        let entry = |(index, location): (usize, &TokenLocation)| {
            let names: Vec<&str> = location
                .names()
                .map_or(Vec::new(), |names| names.iter().collect());
            let mut found = findings.iter();
            let found = found.find(|one| one.verdict.location == Some(index));
            let missing = Reason::Missing.as_str();
            let mut entry = json!({
                "place": location.kind(),
                "names": names,
                "status": found.map_or(missing, |one| one.verdict.as_str()),
            });
            if let Some(found) = found {
                self.add_json(&mut entry, found);
            }
            entry
        };
        let locations = self.view.profile.locations().iter().enumerate();
        let all: Vec<Value> = locations.map(entry).collect();
        json!({"status": verdict.as_str(), "now": self.now, "places": all})
    }

    fn add_json(&self, entry: &mut Value, finding: &Finding<'_>) {
        let Some(entry) = entry.as_object_mut() else {
            return;
        };
        if let Some(token) = finding.token() {
            entry.insert("token".to_owned(), lossy(token).into());
            entry.insert("expiry".to_owned(), finding.expiry().map(lossy).into());
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

    fn location(&self, finding: &Finding<'_>) -> Option<&TokenLocation> {
        self.view.profile.locations().get(finding.verdict.location?)
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
        if finding.verdict.refused != Some(Reason::Malformed) {
            return None;
        }
        let missing = |role: &str| format!("the {role} beside the token is missing");
        let scheme = self.view.profile.scheme();
        Some(match finding.unreadable() {
            Some(Unreadable::Without(role)) => missing(role),
            Some(Unreadable::Twice(name)) => format!("\"{name}\" comes twice"),
            Some(Unreadable::Cancelled) => {
                let url = self.view.request.url.as_ref();
                let refused = url.and_then(|url| url.path().err());
                refused.unwrap_or_else(|| "\"..\" takes the token out of the path".to_owned())
            }
            None if self.view.target().len() > MAX_TARGET => {
                format!("the URL is longer than {MAX_TARGET} bytes")
            }
            None if self.lacks_expiry(finding) => missing(Carrier::EXPIRY),
            None => format!("a token is {}", scheme.form),
        })
    }

    /// Whether there is none beside the token, where a token of the scheme has one.
    fn lacks_expiry(&self, finding: &Finding<'_>) -> bool {
        let scheme = self.view.profile.scheme();
        let mut carriers = scheme.carriers.iter();
        let has_one = carriers.any(|carrier| carrier.role == Carrier::EXPIRY);
        has_one && scheme.always_expires && finding.expiry().is_none()
    }

    /// Whether the time beside a token is part of what is hashed, by itself or in a variable.
    fn signs_expiry(&self, finding: &Finding<'_>) -> bool {
        let profile = self.view.profile;
        let name = self.location(finding).and_then(expiry_variable);
        profile.signs_expiry() || name.is_some_and(|name| variables(profile).any(|one| one == name))
    }

    /// What was hashed, with `{key}` for the key; nothing was for a token without its form.
    fn signed(&self, finding: &Finding<'_>) -> Option<String> {
        if finding.verdict.refused == Some(Reason::Malformed) {
            return None;
        }
        finding.signed_text().map(|text| readable(&text))
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A text for a terminal: control characters as `\n` or `\u{1b}`.
pub(super) fn readable(bytes: &[u8]) -> String {
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
