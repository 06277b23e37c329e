//! `gatehouse token sign`.

use gatehouse_token::{Key, KeyForm, Profile, Signed, TokenLocation, Wanted};
use serde_json::json;

use super::common::Common;
use super::explain::readable;
use super::request::{Request, View};
use super::time::{Time, shown};
use crate::{Failure, Outcome};

/// What is needed to make a token.
struct Signer<'a> {
    profile: Profile,
    key: Key,
    wanted: Wanted<'a>,
}

pub(super) fn run(
    common: &Common,
    url: Option<&str>,
    time: Time,
    claims: &[(String, String)],
) -> Result<Outcome, Failure> {
    let arguments = &common.profile;
    let expires = time.expiry(common.now()).map_err(Failure::Wrong)?;
    let request = common.request(url)?;
    // All locations are looked at, so that a wrong one is named; the first one is used.
    let all = arguments.locations();
    if arguments.profile(&all, 0)?.signs_target() && url.is_none() {
        let name = arguments.scheme()?.name;
        return Err(Failure::Wrong(format!("{name} signs a --url")));
    }
    let own = arguments.scheme()?.places.first();
    let first = all.first().or(own).copied().unwrap_or("query");
    let signer = Signer {
        profile: arguments.profile(&[first], 0)?,
        key: arguments.key()?,
        wanted: Wanted {
            now: common.now(),
            expires,
            claims,
        },
    };
    let location = signer.profile.locations().first().cloned();
    let location = location.unwrap_or(TokenLocation::Path);
    let empty = View::new(&signer.profile, &request, Vec::new());
    if signer.profile.findings(&empty, 0).next().is_some() {
        return Err(Failure::Refused(format!(
            "\"{}\" cannot be signed: there is a token in it already",
            url.unwrap_or_default()
        )));
    }
    let signed = signer.sign(&request, &location)?;
    let carrying = request.carrying(&signer.profile, &location, &signed.values);
    let in_url = matches!(location, TokenLocation::Query(_) | TokenLocation::Path);
    if carrying.url.is_some() || !in_url {
        signer.check(&carrying, url.unwrap_or("/"))?;
    }
    // A shell may have eaten what protects the link: `$uri` in double quotes.
    let doubts = signer.profile.doubts();
    let doubts = doubts.into_iter().map(|doubt| doubt.text);
    let lines: Vec<String> = carrying
        .headers
        .iter()
        .skip(request.headers.len())
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    if common.json {
        let names: Vec<&str> = location
            .names()
            .map_or(Vec::new(), |names| names.iter().collect());
        let answer = json!({
            "token": signed.values.first(),
            "expires": expires,
            "expires_at": shown(expires),
            "key": arguments.key_id(0),
            "place": location.kind(),
            "names": names,
            "url": carrying.url.as_ref().map(ToString::to_string),
            "headers": lines,
            "signed": readable(&signed.text),
        });
        return Ok(Outcome::done(format!("{answer:#}\n")).with_warnings(doubts));
    }
    let text = match &carrying.url {
        _ if !in_url => format!("{}\n", lines.join("\n")),
        Some(url) => format!("{url}\n"),
        None => format!("{}\n", signed.values.join(",")),
    };
    Ok(Outcome::done(text).with_warnings(doubts))
}

impl Signer<'_> {
    fn sign(&self, request: &Request, location: &TokenLocation) -> Result<Signed, Failure> {
        // The token may be part of what is signed (as in $request_uri): nobody can sign that. Two drafts
        // that differ show it.
        let other_key = Key {
            id: None,
            secret: gatehouse_token::Secret::new(b"another key".to_vec()),
            form: KeyForm::Secret,
        };
        let draft = |key: &Key| {
            let draft = self.profile.draft(key, &self.wanted);
            draft.map(|values| request.carrying(&self.profile, location, &values))
        };
        let unusable = |error: gatehouse_token::Error| Failure::Refused(error.to_string());
        let one = draft(&self.key).map_err(unusable)?;
        let view = self.view(&one)?;
        // Where keys are pairs there is no other one; then what is signed has no room for a token anyway.
        let other = draft(&other_key);
        let differing =
            other.map_or_else(|_| Vec::new(), |other| one.differing(&other, &self.profile));
        if !differing.is_empty() {
            return Err(Failure::Wrong(format!(
                "the token itself is in \"${}\": it cannot be part of what is signed",
                differing.join("\", \"$")
            )));
        }
        let signed = self.profile.sign(&self.key, &view, &self.wanted);
        signed.map_err(unusable)
    }

    fn view<'a>(&'a self, request: &'a Request) -> Result<View<'a>, Failure> {
        let texts = request.texts(&self.profile).map_err(Failure::Wrong)?;
        Ok(View::new(&self.profile, request, texts))
    }

    /// Asks the module itself, at the last second: no link that it would refuse is given out.
    fn check(&self, carrying: &Request, url: &str) -> Result<(), Failure> {
        let verdict = self.profile.verify(
            &self.view(carrying)?,
            self.profile.last_second(self.wanted.expires),
        );
        if verdict.is_ok() {
            return Ok(());
        }
        Err(Failure::Refused(format!(
            "\"{url}\" cannot be signed: the link would be {}",
            verdict.as_str()
        )))
    }
}
