//! What the reference says about a `token_profile` block, written from the rows that read it.

use std::fmt::Write;

use crate::scheme::{Carrier, Repeated, Scheme};
use crate::schemes::SCHEMES;
use crate::words::WORDS;

/// The words of a block, as a list in Markdown.
pub fn reference() -> String {
    let mut out = String::new();
    for word in WORDS {
        let takers = names_of(|scheme| scheme.takes(word.name));
        let takers = if takers.is_empty() {
            takers
        } else {
            format!("({takers}) ")
        };
        let text = word
            .text
            .trim()
            .replace("{names}", &default_names())
            .replace(
                "{strict}",
                &names_of(|one| one.repeated == Repeated::Malformed),
            )
            .replace("{public}", &names_of(|one| one.takes("jwks")))
            .replace("{hashes}", &hashes())
            .replace("{requiring}", &names_of(|one| one.requires_exp))
            .replace("{expiring}", &names_of(|one| one.always_expires))
            .replace("{claiming}", &names_of(|one| one.claims_address));
        let text = text.replace('\n', "\n  ");
        let (name, syntax) = (word.name, (word.syntax)());
        let _ = writeln!(out, "- `{name} {syntax};` {takers}{text}");
    }
    out.trim_end().to_owned()
}

/// The schemes of which something holds.
fn names_of(holds: impl Fn(&Scheme) -> bool) -> String {
    let names = SCHEMES.iter().filter(|scheme| holds(scheme));
    let names: Vec<String> = names.map(|scheme| format!("`{}`", scheme.name)).collect();
    names.join(", ")
}

/// The default hash of each scheme that has one.
fn hashes() -> String {
    let default = |scheme: &Scheme| {
        let mut options = scheme.options.iter();
        let hash = options.find(|one| one.word == "algorithm")?.default?;
        (!hash.is_empty()).then(|| format!("`{hash}` for `{}`", scheme.name))
    };
    let all = SCHEMES.iter().filter_map(default);
    all.collect::<Vec<_>>().join(", ")
}

/// The names of each scheme's own.
fn default_names() -> String {
    let of_scheme = |scheme: &Scheme| {
        let mut names: Vec<String> = Vec::new();
        let of: [fn(&Carrier) -> Option<&'static str>; 3] =
            [|one| one.query, |one| one.cookie, |one| one.header];
        for name in of {
            for name in scheme.carriers.iter().filter_map(name) {
                let name = format!("`{name}`");
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        format!("{} for `{}`", names.join(", "), scheme.name)
    };
    let with_tokens = SCHEMES.iter().filter(|scheme| scheme.has_tokens());
    with_tokens.map(of_scheme).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_and_their_names_are_listed() {
        let expiring = names_of(|one| one.has_tokens() && one.always_expires);
        assert!(
            expiring.starts_with("`scalesimple`, `edgeauth`"),
            "{expiring}"
        );
        let others = names_of(|one| one.has_tokens() && !one.always_expires);
        assert!(others.starts_with("`secure_link`, `hmac`"), "{others}");
        let names = default_names();
        let wanted = "`ss_token`, `ss_expiration`, `X-SS-Token`, `X-SS-Expiration` for `scalesimple`; \
                      `md5`, `expires`, `X-Secure-Link` for `secure_link`; \
                      `token`, `expires`, `X-Token` for `hmac`";
        assert!(names.starts_with(wanted), "{names}");
        let text = reference();
        assert!(!text.contains("{names}") && text.contains(&names), "{text}");
        assert!(
            !text.contains("{strict}")
                && !text.contains("{expiring}")
                && !text.contains("{claiming}"),
            "{text}"
        );
        let strict = names_of(|one| one.repeated == Repeated::Malformed);
        assert!(text.contains(&strict), "{text}");
        assert!(!text.contains("()"), "{text}");
    }

    #[test]
    fn every_word_is_described_and_every_option_is_a_word() {
        let text = reference();
        for word in WORDS {
            assert!(text.contains(&format!("- `{} ", word.name)), "{text}");
        }
        for scheme in SCHEMES {
            for option in scheme.options {
                assert!(WORDS.iter().any(|word| word.name == option.word));
            }
        }
        assert!(!text.contains("{names}") && !text.contains("``"), "{text}");
    }
}
