//! Lists in files: taken at first, and taken again.

use super::super::{Action, Code, Facts, RuleList};

fn list(rule: &str, content: &str) -> RuleList {
    let mut list = RuleList::new();
    let mut read = |_: &str| Ok(content.to_owned());
    list.push(Action::Deny, &[rule], "", &mut read).unwrap();
    list
}

fn from(country: &str) -> Facts {
    Facts {
        country: Code::new(country.as_bytes()),
        found: true,
        ..Facts::UNKNOWN
    }
}

#[test]
fn a_rule_has_the_new_values_when_all_of_them_are_taken() {
    let rules = list("country=@closed", "KP\n");
    let denies = |country: &str| rules.evaluate(None, || from(country)).is_some();
    assert_eq!(rules.lists()[0].name(), "closed");
    let mut filling = rules.lists()[0].begin();
    for line in ["# since today", "RU # and", "  by"] {
        filling.line(line).unwrap();
        assert!(denies("KP") && !denies("RU"));
    }
    assert_eq!(filling.count(), 2);
    filling.finish();
    assert!(!denies("KP") && denies("RU") && denies("BY"));
}

#[test]
fn one_that_is_given_up_changes_nothing() {
    let rules = list("country=@closed", "KP\n");
    let mut filling = rules.lists()[0].begin();
    filling.line("RU").unwrap();
    let (what, hint) = filling.line("RUS").unwrap_err();
    assert_eq!(
        (what.as_str(), hint),
        (
            "invalid country",
            "it must be two letters, ISO 3166-1 alpha-2"
        )
    );
    drop(filling);
    assert!(rules.evaluate(None, || from("KP")).is_some());
    assert!(rules.evaluate(None, || from("RU")).is_none());
}

#[test]
fn copies_of_a_list_have_its_values() {
    let rules = list("address=@office", "192.0.2.0/24\n");
    let copy = rules.clone();
    let mut filling = rules.lists()[0].begin();
    filling.line("2001:db8::/32").unwrap();
    filling.line("198.51.100.7").unwrap();
    filling.finish();
    for one in [&rules, &copy] {
        let denies = |ip: &str| {
            one.evaluate(Some(ip.parse().unwrap()), || Facts::UNKNOWN)
                .is_some()
        };
        assert!(denies("2001:db8::1") && denies("::ffff:198.51.100.7") && !denies("192.0.2.1"));
    }
}

#[test]
fn every_field_can_have_one() {
    let known = Facts {
        asn: 7,
        city: 9,
        ..from("GB")
    };
    for (rule, content, matches) in [
        ("asn=@f", "AS1\n7\n", true),
        ("city=@f", "8\n", false),
        ("registered_country=@f", "GB\n", false),
        ("continent=@f", "eu\n", false),
        ("subdivision=@f", "GB-ENG\n", false),
        ("anonymous=@f", "tor\nvpn\n", false),
    ] {
        let rules = list(rule, content);
        assert_eq!(rules.evaluate(None, || known).is_some(), matches, "{rule}");
        assert_eq!(rules.lists().len(), 1);
    }
}
