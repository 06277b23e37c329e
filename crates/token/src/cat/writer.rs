//! A set of claims as a signer is told it.

use std::net::IpAddr;

use ipnet::IpNet;
use minicbor::data::Tag;

use super::names::{
    AUD, CATGEOISO3166, CATM, CATNIP, CATR, CATU, CATV, CTI, EXP, IAT, ISS, NBF, SUB,
};
use super::renewal;
use crate::cose::{Out, Written, write_to};
use crate::error::Error;
use crate::mac;
use crate::scheme::Signing;

/// The parts of a URI and the kinds of a rule, in the order of their numbers.
const PARTS: [&str; 9] = [
    "scheme",
    "host",
    "port",
    "path",
    "query",
    "parent-path",
    "filename",
    "stem",
    "extension",
];
const KINDS: [&str; 4] = ["exact", "prefix", "suffix", "contains"];

/// Writes `exp`, `iat` and `catv`, the issuer and the audience that the profile names first, and what else the token is to
/// say.
///
/// # Errors
/// It cannot say that.
pub(crate) fn write(signing: &Signing<'_>) -> Result<Vec<u8>, Error> {
    let named = |claim: &str, names: &'_ [String]| {
        let given = signing.claim(claim).map(str::to_owned);
        given.or_else(|| names.first().cloned())
    };
    let options = signing.options;
    let mut set = Set::default();
    set.add_text(ISS, named("iss", &options.issuer))?;
    set.add_text(SUB, signing.claim("sub").map(str::to_owned))?;
    set.add_text(AUD, named("aud", &options.audience))?;
    set.add(EXP, |out| out.i64(signing.expires).map(drop))?;
    if let Some(begin) = signing.claim("nbf") {
        let begin = mac::parse_epoch(begin.as_bytes());
        let begin = begin.ok_or_else(|| bad("nbf", "seconds since 1970"))?;
        set.add(NBF, |out| out.i64(begin).map(drop))?;
    }
    set.add(IAT, |out| out.i64(signing.now).map(drop))?;
    if let Some(id) = signing.claim("cti") {
        set.add(CTI, |out| out.bytes(id.as_bytes()).map(drop))?;
    }
    set.add(CATV, |out| out.i64(1).map(drop))?;
    if let Some(list) = signing.claim("catnip") {
        let networks = networks(list).ok_or_else(|| {
            bad(
                "catnip",
                "addresses, networks and numbers of autonomous systems with commas between",
            )
        })?;
        set.add(CATNIP, |out| write_networks(out, &networks))?;
    }
    if let Some(parts) = signing.claim("catu") {
        let parts = uri(parts).ok_or_else(|| {
            bad(
                "catu",
                "a part of the URL, a kind and a text, as in \"path prefix /live/ host exact a.test\"",
            )
        })?;
        set.add(CATU, |out| write_uri(out, &parts))?;
    }
    for (label, name) in [(CATM, "catm"), (CATGEOISO3166, "catgeoiso3166")] {
        if let Some(list) = signing.claim(name) {
            let texts: Vec<&str> = list.split(',').collect();
            set.add(label, |out| write_texts(out, &texts))?;
        }
    }
    if let Some(text) = signing.claim("catr") {
        let how = renewal::parse(text);
        let must_be = "the seconds to add, and maybe behind a comma those before the end";
        let how = how.ok_or_else(|| bad("catr", must_be))?;
        set.add(CATR, |out| renewal::write_claim(out, how))?;
    }
    set.whole()
}

fn bad(claim: &str, must_be: &str) -> Error {
    Error::new(format!("claim \"{claim}\" must be {must_be}"))
}

/// A map that is being written.
#[derive(Default)]
struct Set {
    pairs: u64,
    bytes: Vec<u8>,
}

impl Set {
    fn add(
        &mut self,
        label: i64,
        value: impl FnOnce(Out<'_, '_, '_>) -> Written,
    ) -> Result<(), Error> {
        self.pairs = self.pairs.saturating_add(1);
        write_to(&mut self.bytes, |out| value(out.i64(label)?))
    }

    fn add_text(&mut self, label: i64, text: Option<String>) -> Result<(), Error> {
        text.map_or(Ok(()), |text| {
            self.add(label, |out| out.str(&text).map(drop))
        })
    }

    fn whole(self) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        write_to(&mut all, |out| out.map(self.pairs).map(drop))?;
        all.extend_from_slice(&self.bytes);
        Ok(all)
    }
}

fn len(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

fn write_texts(out: Out<'_, '_, '_>, texts: &[&str]) -> Written {
    out.array(len(texts.len()))?;
    texts.iter().try_for_each(|text| out.str(text).map(drop))
}

/// What a client may be in.
enum Network {
    System(u32),
    Address(IpAddr),
    Prefix(IpNet),
}

fn networks(list: &str) -> Option<Vec<Network>> {
    let one = |text: &str| {
        let number = text.strip_prefix("AS").unwrap_or(text);
        let system = number.parse().ok().map(Network::System);
        let address = || text.parse().ok().map(Network::Address);
        let prefix = || text.parse().ok().map(Network::Prefix);
        system.or_else(address).or_else(prefix)
    };
    list.split(',').map(one).collect()
}

fn write_networks(out: Out<'_, '_, '_>, networks: &[Network]) -> Written {
    out.array(len(networks.len()))?;
    for network in networks {
        match network {
            Network::System(number) => out.u32(*number)?,
            Network::Address(address) => {
                let (tag, octets) = octets(*address);
                out.tag(tag)?.bytes(&octets)?
            }
            Network::Prefix(prefix) => {
                let (tag, octets) = octets(prefix.trunc().addr());
                let end = octets.iter().rposition(|octet| *octet != 0);
                let kept = end.map_or(0, |last| last.saturating_add(1));
                let kept = octets.get(..kept).unwrap_or_default();
                out.tag(tag)?
                    .array(2)?
                    .u8(prefix.prefix_len())?
                    .bytes(kept)?
            }
        };
    }
    Ok(())
}

fn octets(address: IpAddr) -> (Tag, Vec<u8>) {
    match address {
        IpAddr::V4(address) => (Tag::new(52), address.octets().to_vec()),
        IpAddr::V6(address) => (Tag::new(54), address.octets().to_vec()),
    }
}

/// A rule about a part of a URI: their numbers, and a text.
type Part<'t> = (usize, usize, &'t str);

/// Reads `PART KIND TEXT …`, a part at most once.
fn uri(text: &str) -> Option<Vec<Part<'_>>> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let mut parts: Vec<Part<'_>> = Vec::new();
    for three in words.chunks(3) {
        let [part, kind, text] = three else {
            return None;
        };
        let part = PARTS.iter().position(|one| one == part)?;
        let kind = KINDS.iter().position(|one| one == kind)?;
        if parts.iter().any(|one| one.0 == part) {
            return None;
        }
        parts.push((part, kind, text));
    }
    (!parts.is_empty()).then_some(parts)
}

fn write_uri(out: Out<'_, '_, '_>, parts: &[Part<'_>]) -> Written {
    out.map(len(parts.len()))?;
    for (part, kind, text) in parts {
        out.u64(len(*part))?.map(1)?.u64(len(*kind))?.str(text)?;
    }
    Ok(())
}
