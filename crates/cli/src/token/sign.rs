//! `gatehouse token sign`.

use gatehouse_base::digest::{Algorithm, Digest, Encoding};
use gatehouse_token::{Place, Profile, Secret, Segment, Template};
use serde_json::json;

use super::Common;
use super::explain::signed_text;
use super::profile::{Format, kind_and_names};
use super::request::{Request, View};
use super::time::{Time, shown};
use crate::{Failure, Outcome};

/// What is needed to make a token.
struct Signer<'a> {
    format: Format,
    message: Option<&'a str>,
    profile: Profile,
    secret: Secret,
    expires: String,
}

/// A token and what it was made of.
struct Signed {
    token: String,
    text: String,
}

pub(super) fn run(common: &Common, url: Option<&str>, time: Time) -> Result<Outcome, Failure> {
    let arguments = &common.profile;
    let expires = time.expiry(common.now()).map_err(Failure::Wrong)?;
    let request = common.request(url)?;
    if url.is_none() && arguments.format == Format::Scalesimple {
        return Err(Failure::Wrong("scalesimple signs a --url".to_owned()));
    }
    // All places are looked at, so that a wrong one is named; the first one is used.
    let all = arguments.places();
    arguments.profile(&all, 0)?;
    let first = all.first().copied().unwrap_or("query");
    let signer = Signer {
        format: arguments.format,
        message: arguments.message.as_deref(),
        profile: arguments.profile(&[first], 0)?,
        secret: arguments.secret()?,
        expires: expires.to_string(),
    };
    let place = signer
        .profile
        .places()
        .first()
        .cloned()
        .unwrap_or(Place::Path);
    let empty = View {
        profile: &signer.profile,
        request: &request,
        texts: Vec::new(),
    };
    if signer.profile.findings(&empty, 0).next().is_some() {
        return Err(Failure::Refused(format!(
            "\"{}\" cannot be signed: there is a token in it already",
            url.unwrap_or_default()
        )));
    }
    let signed = signer.sign(&request, &place)?;
    let carrying = request.carrying(&place, &signed.token, &signer.expires);
    let in_url = matches!(place, Place::Query(_) | Place::Path);
    if carrying.url.is_some() || !in_url {
        signer.check(&carrying, expires, url.unwrap_or("/"))?;
    }
    // A shell may have eaten what protects the link: `$uri` in double quotes.
    let message = signer.message.map(template).transpose()?;
    let doubts = message.map(|message| message.doubts()).unwrap_or_default();
    let lines: Vec<String> = carrying
        .headers
        .iter()
        .skip(request.headers.len())
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    if common.json {
        let (kind, names) = kind_and_names(&place);
        let answer = json!({
            "token": signed.token,
            "expires": expires,
            "expires_at": shown(expires),
            "key": arguments.key_id(0),
            "place": kind,
            "names": names,
            "url": carrying.url.as_ref().map(ToString::to_string),
            "headers": lines,
            "signed": signed.text,
        });
        return Ok(Outcome::done(format!("{answer:#}\n")).with_warnings(doubts));
    }
    let text = match &carrying.url {
        _ if !in_url => format!("{}\n", lines.join("\n")),
        Some(url) => format!("{url}\n"),
        None => format!("{},{expires}\n", signed.token),
    };
    Ok(Outcome::done(text).with_warnings(doubts))
}

impl Signer<'_> {
    fn sign(&self, request: &Request, place: &Place) -> Result<Signed, Failure> {
        // The token may be part of what is signed (as in $request_uri): nobody can sign that. Two
        // that differ show it.
        let [one, other] = [b"1", b"2"].map(|text| self.digest(None, &[text]));
        let one = request.carrying(place, &one?, &self.expires);
        let other = request.carrying(place, &other?, &self.expires);
        let view = self.view(&one)?;
        let differing = one.differing(&other, &self.profile);
        if !differing.is_empty() {
            return Err(Failure::Wrong(format!(
                "the token itself is in \"${}\": it cannot be part of what is signed",
                differing.join("\", \"$")
            )));
        }
        let key = self.secret.as_bytes();
        let expires = self.expires.as_bytes();
        let Some(message) = self.message else {
            let found = self.profile.findings(&view, 0).next();
            let target = found.map(|finding| finding.signed_target());
            let target = target.unwrap_or_default();
            let inner = self.digest(None, &[expires, &target, key])?;
            return Ok(Signed {
                token: self.digest(None, &[key, inner.as_bytes()])?,
                text: signed_text(None, &[target], expires),
            });
        };
        let template = template(message)?;
        let mut texts = view.texts.iter();
        let parts: Vec<&[u8]> = template
            .segments()
            .iter()
            .map(|segment| match segment {
                Segment::Text(_) => texts.next().map(Vec::as_slice).unwrap_or_default(),
                Segment::Key => key,
                Segment::Expires => expires,
            })
            .collect();
        let mac_key = (!template.has_key()).then_some(key);
        Ok(Signed {
            token: self.digest(mac_key, &parts)?,
            text: signed_text(Some(&template), &view.texts, expires),
        })
    }

    fn view<'a>(&'a self, request: &'a Request) -> Result<View<'a>, Failure> {
        let texts = request.texts(&self.profile).map_err(Failure::Wrong)?;
        Ok(View {
            profile: &self.profile,
            request,
            texts,
        })
    }

    fn digest(&self, key: Option<&[u8]>, parts: &[&[u8]]) -> Result<String, Failure> {
        let encoding = match self.format {
            Format::Scalesimple => Encoding::Hex,
            Format::SecureLink => Encoding::Base64Url,
        };
        let refused = || Failure::Refused("the digest could not be made".to_owned());
        let digest = Digest::new(Algorithm::Md5, encoding, key).map_err(|_| refused())?;
        let mut text = vec![0; digest.encoded_len()];
        digest.encode_into(parts, &mut text).ok_or_else(refused)?;
        String::from_utf8(text).map_err(|_| refused())
    }

    /// Asks the module itself, at the last second: no link that it would refuse is given out.
    fn check(&self, carrying: &Request, expires: i64, url: &str) -> Result<(), Failure> {
        let verdict = self.profile.verify(&self.view(carrying)?, expires);
        if verdict.is_ok() {
            return Ok(());
        }
        Err(Failure::Refused(format!(
            "\"{url}\" cannot be signed: the link would be {}",
            verdict.status.as_str()
        )))
    }
}

/// The message, taken apart.
pub(super) fn template(message: &str) -> Result<Template, Failure> {
    Template::parse(message).map_err(|error| Failure::Wrong(error.to_string()))
}
