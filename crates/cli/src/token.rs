//! `gatehouse token sign|verify`: links as the module's schemes have them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand, ValueEnum};
use gatehouse_core::digest::{Algorithm, Digest, Encoding};
use gatehouse_core::token::{
    KeyEncoding, Profile, ProfileBuilder, Received, Secret, Segment, Template, scheme,
};

use crate::Failure;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a link that is good until a time.
    ///
    /// With scalesimple the answer is the signed --url. With secure_link it is the hash and the
    /// expiry with a comma between, or with --url the URL with both as arguments md5 and expires.
    Sign {
        #[command(flatten)]
        common: Common,
        /// The path with its arguments, or a whole URL.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// The last second it is good, since 1970.
        #[arg(long, value_name = "SECONDS")]
        expires: u64,
    },
    /// Check a link; exit code 1 and the reason when it is not good.
    Verify {
        #[command(flatten)]
        common: Common,
        /// The signed path with its arguments, or a whole URL.
        #[arg(long, value_name = "URL")]
        url: String,
        /// The time to check at, in seconds since 1970; now when not given.
        #[arg(long, value_name = "SECONDS")]
        now: Option<i64>,
    },
}

/// What both need: the profile of the configuration.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The scheme.
    #[arg(long, value_name = "NAME")]
    format: Format,
    /// The file that holds the key, as in the configuration.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// How the file spells the key: text, hex, base64 or base64url; the scheme's own when not given.
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// secure_link: the configuration's message with each variable replaced by its value, {expires}
    /// and {key} left as they are.
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
}

/// Schemes this command can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Scalesimple,
    #[value(name = "secure_link")]
    SecureLink,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Scalesimple => "scalesimple",
            Self::SecureLink => "secure_link",
        }
    }
}

/// Does what is asked and gives the text for standard output.
pub(crate) fn run(command: &Command) -> Result<String, Failure> {
    match command {
        Command::Sign {
            common,
            url,
            expires,
        } => sign(common, url.as_deref(), *expires),
        Command::Verify { common, url, now } => {
            let reason = check(common, target(url).1, now.unwrap_or_else(self::now))?;
            if reason == "ok" {
                Ok("ok\n".to_owned())
            } else {
                Err(Failure::Refused(reason.to_owned()))
            }
        }
    }
}

fn sign(common: &Common, url: Option<&str>, expires: u64) -> Result<String, Failure> {
    let key = key(common)?;
    let expires = expires.to_string();
    let hash = match common.format {
        Format::Scalesimple => {
            let url = url.ok_or_else(|| Failure::Wrong("scalesimple signs a --url".to_owned()))?;
            scalesimple(&key, &expires, target(url).1)?
        }
        Format::SecureLink => secure_link(&key, &expires, message(common)?)?,
    };
    let Some(url) = url else {
        return Ok(format!("{hash},{expires}\n"));
    };
    let names = scheme(common.format.name()).map(|scheme| scheme.carriers.query);
    let (name, expiry_name) = names.unwrap_or(("md5", Some("expires")));
    let mark = if url.contains('?') { '&' } else { '?' };
    let signed = format!(
        "{url}{mark}{name}={hash}&{}={expires}",
        expiry_name.unwrap_or("expires")
    );
    // The module itself is asked, at the last second: no link that it would refuse is given out.
    let last = expires.parse().unwrap_or(i64::MAX);
    match check(common, target(&signed).1, last)? {
        "ok" => Ok(format!("{signed}\n")),
        reason => Err(Failure::Refused(format!(
            "\"{url}\" cannot be signed: the link would be {reason}"
        ))),
    }
}

/// A URL's scheme and host, and what is sent as the request's target.
fn target(url: &str) -> (&str, &str) {
    let host = url
        .find("://")
        .and_then(|colon| colon.checked_add(3))
        .unwrap_or(0);
    let path = url
        .get(host..)
        .and_then(|rest| rest.find('/'))
        .and_then(|slash| slash.checked_add(host));
    let split = if host == 0 { Some(0) } else { path };
    split
        .and_then(|at| url.split_at_checked(at))
        .unwrap_or((url, "/"))
}

fn scalesimple(key: &Secret, expires: &str, url: &str) -> Result<String, Failure> {
    let key = key.as_bytes();
    let inner = digest(
        Encoding::Hex,
        None,
        &[expires.as_bytes(), url.as_bytes(), key],
    )?;
    digest(Encoding::Hex, None, &[key, inner.as_bytes()])
}

fn secure_link(key: &Secret, expires: &str, message: &str) -> Result<String, Failure> {
    let template = Template::parse(message).map_err(|error| Failure::Wrong(error.to_string()))?;
    let parts: Vec<&[u8]> = template
        .segments()
        .iter()
        .map(|segment| match segment {
            Segment::Text(text) => text.as_bytes(),
            Segment::Key => key.as_bytes(),
            Segment::Expires => expires.as_bytes(),
        })
        .collect();
    let mac_key = (!template.has_key()).then_some(key.as_bytes());
    digest(Encoding::Base64Url, mac_key, &parts)
}

fn digest(encoding: Encoding, key: Option<&[u8]>, parts: &[&[u8]]) -> Result<String, Failure> {
    let refused = || Failure::Refused("the digest could not be made".to_owned());
    let digest = Digest::new(Algorithm::Md5, encoding, key).map_err(|_| refused())?;
    let mut text = vec![0; digest.encoded_len()];
    digest.encode_into(parts, &mut text).ok_or_else(refused)?;
    String::from_utf8(text).map_err(|_| refused())
}

fn message(common: &Common) -> Result<&str, Failure> {
    let message = common.message.as_deref();
    message.ok_or_else(|| Failure::Wrong("secure_link signs a --message".to_owned()))
}

fn key(common: &Common) -> Result<Secret, Failure> {
    let own = scheme(common.format.name()).map_or(KeyEncoding::Text, |scheme| scheme.key_encoding);
    let encoding = match &common.encoding {
        None => own,
        Some(name) => KeyEncoding::parse(name)
            .ok_or_else(|| Failure::Wrong(format!("unknown key encoding \"{name}\"")))?,
    };
    let file = read_key(&common.key_file)?;
    encoding
        .decode(&file)
        .map_err(|error| refused(&common.key_file, &error))
}

fn read_key(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| refused(path, &error))
}

fn refused(path: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::Refused(format!("{}: {reason}", path.display()))
}

/// What the module makes of a request for that target: `ok` or the reason of the refusal.
fn check(common: &Common, target: &str, now: i64) -> Result<&'static str, Failure> {
    let profile = profile(common)?;
    let request = Request {
        target,
        texts: profile.message_texts().collect(),
    };
    Ok(profile.verify(&request, now).status.as_str())
}

fn profile(common: &Common) -> Result<Profile, Failure> {
    let wrong = |error: gatehouse_core::token::Error| Failure::Wrong(error.to_string());
    let mut builder = ProfileBuilder::new();
    builder.format(common.format.name()).map_err(wrong)?;
    builder.from(["query"]).map_err(wrong)?;
    let file = read_key(&common.key_file)?;
    let refused = |error: gatehouse_core::token::Error| refused(&common.key_file, &error);
    builder
        .key(None, file, common.encoding.as_deref())
        .map_err(refused)?;
    if common.format == Format::SecureLink {
        builder.message(message(common)?).map_err(wrong)?;
    }
    builder.finish().map_err(wrong)
}

/// A request for a target with nothing else in it.
struct Request<'a> {
    target: &'a str,
    texts: Vec<&'a str>,
}

impl Received for Request<'_> {
    fn target(&self) -> &[u8] {
        self.target.as_bytes()
    }

    fn header(&self, _: &str) -> Option<&[u8]> {
        None
    }

    fn cookie(&self, _: &[u8]) -> Option<&[u8]> {
        None
    }

    fn message(&self, text: usize) -> Option<&[u8]> {
        self.texts.get(text).map(|text| text.as_bytes())
    }
}

fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}
