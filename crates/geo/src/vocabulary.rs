//! The values that each field of a rule can have.

use std::net::IpAddr;

use ipnet::IpNet;

use super::code::{Code, Subdivision};
use super::countries;
use super::facts::Anonymous;
use super::sets::{AddressSet, CodeSet, Numbers, Set};
use super::stated;

/// The continents as MaxMind abbreviates them.
const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

/// How the values of a field are written.
pub(super) struct Vocabulary<S: Set> {
    /// The field.
    name: &'static str,
    /// What a value must be.
    hint: &'static str,
    /// Reads one, and says what is odd about it.
    read: fn(&str, &mut Vec<String>) -> Option<S::Item>,
}

impl<S: Set> Vocabulary<S> {
    pub(super) fn item(&self, value: &str, warnings: &mut Vec<String>) -> Option<S::Item> {
        (self.read)(value, warnings)
    }

    /// The sentence about a value that is none: before and behind the place that is named.
    pub(super) fn refused(&self, value: &str) -> (String, &'static str) {
        (format!("invalid {} \"{value}\"", self.name), self.hint)
    }

    /// The same without the value: what stands in a file may be somebody's secret, if it is not the file that was meant.
    pub(super) fn refused_unseen(&self) -> (String, &'static str) {
        (format!("invalid {}", self.name), self.hint)
    }
}

fn country(value: &str, warnings: &mut Vec<String>) -> Option<Code> {
    let code = Code::new(value.as_bytes())?;
    warnings.extend(countries::slip(code));
    Some(code)
}

pub(super) static COUNTRY: Vocabulary<CodeSet> = Vocabulary {
    name: "country",
    hint: "it must be two letters, ISO 3166-1 alpha-2",
    read: country,
};

pub(super) static REGISTERED_COUNTRY: Vocabulary<CodeSet> = Vocabulary {
    name: "registered_country",
    ..COUNTRY
};

pub(super) static CONTINENT: Vocabulary<CodeSet> = Vocabulary {
    name: "continent",
    hint: "it must be AF, AN, AS, EU, NA, OC or SA",
    read: |value, _| continent(value.as_bytes()),
};

pub(super) static SUBDIVISION: Vocabulary<Numbers> = Vocabulary {
    name: "subdivision",
    hint: "it must be a code of ISO 3166-2 such as \"US-CA\"",
    read: |value, warnings| {
        let part = Subdivision::new(value.as_bytes())?;
        warnings.extend(countries::slip(part.country()));
        Some(part.packed())
    },
};

pub(super) static CITY: Vocabulary<Numbers> = Vocabulary {
    name: "city",
    hint: "it must be a GeoNames id, a number",
    read: |value, _| stated::digits(value.as_bytes()).filter(|id| *id != 0),
};

pub(super) static ASN: Vocabulary<Numbers> = Vocabulary {
    name: "asn",
    hint: "it must be a number such as \"64496\" or \"AS64496\"",
    read: |value, _| stated::system(value.as_bytes()).filter(|number| *number != 0),
};

pub(super) static ANONYMOUS: Vocabulary<Anonymous> = Vocabulary {
    name: "anonymous",
    hint: "it must be vpn, proxy, hosting, tor or any",
    read: |value, _| {
        let mut words = Anonymous::WORDS.into_iter();
        words.find(|(word, _)| *word == value).map(|(_, kind)| kind)
    },
};

pub(super) static ADDRESS: Vocabulary<AddressSet> = Vocabulary {
    name: "address",
    hint: "it must be an address or a network in CIDR notation",
    read: |value, warnings| {
        let network = network(value)?;
        if network.trunc() != network {
            warnings.push(format!("low address bits of {value} are meaningless"));
        }
        Some(network.trunc())
    },
};

/// The continent that a code of MaxMind's means, whatever its case; `None` for anything else.
pub fn continent(text: &[u8]) -> Option<Code> {
    Code::new(text).filter(|code| CONTINENTS.contains(&code.as_str()))
}

/// A CIDR, or an address alone.
fn network(value: &str) -> Option<IpNet> {
    value
        .parse()
        .ok()
        .or_else(|| value.parse::<IpAddr>().ok().map(IpNet::from))
}
