//! Rules: how they are read and what they decide.

use std::net::IpAddr;

use super::super::{Action, Code, Eu, Facts, Field, RuleList};
use super::address;

const PLACE: &str = "/etc/nginx/site.conf:12";

fn no_file(name: &str) -> Result<String, String> {
    Err(format!("open() \"{name}\" failed"))
}

fn list(rules: &[(Action, &str)]) -> RuleList {
    let mut list = RuleList::new();
    for (action, text) in rules {
        let words: Vec<&str> = text.split(' ').collect();
        list.push(*action, &words, PLACE, &mut no_file).unwrap();
    }
    list
}

fn refused(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    RuleList::new()
        .push(Action::Deny, &words, PLACE, &mut no_file)
        .unwrap_err()
}

fn from(country: &str, continent: &str, eu: Eu) -> Facts {
    let code = |text: &str| Code::new(text.as_bytes());
    Facts {
        country: code(country),
        continent: code(continent),
        eu,
        found: true,
        ..Facts::UNKNOWN
    }
}

fn verdict(list: &RuleList, ip: Option<&str>, facts: Facts) -> Option<(Action, usize)> {
    list.evaluate(ip.map(address), || facts)
}

#[test]
fn the_first_match_decides() {
    let list = list(&[
        (Action::Allow, "address=192.0.2.1"),
        (Action::Deny, "country=RU,by"),
        (Action::Allow, "continent=EU"),
        (Action::Deny, "all"),
    ]);
    let ru = from("RU", "EU", Eu::No);
    assert_eq!(
        verdict(&list, Some("192.0.2.1"), ru),
        Some((Action::Allow, 0))
    );
    assert_eq!(
        verdict(&list, Some("192.0.2.2"), ru),
        Some((Action::Deny, 1))
    );
    assert_eq!(
        verdict(&list, None, from("BY", "EU", Eu::No)),
        Some((Action::Deny, 1))
    );
    assert_eq!(
        verdict(&list, None, from("FR", "EU", Eu::Yes)),
        Some((Action::Allow, 2))
    );
    assert_eq!(
        verdict(&list, None, Facts::UNKNOWN),
        Some((Action::Deny, 3))
    );
    let rule = &list.rules()[1];
    assert_eq!(
        (rule.action(), rule.text(), rule.place()),
        (Action::Deny, "country=RU,by", PLACE)
    );
}

#[test]
fn no_match_has_no_opinion() {
    let list = list(&[(Action::Deny, "country=RU"), (Action::Allow, "eu=yes")]);
    assert_eq!(
        verdict(&list, Some("192.0.2.1"), from("US", "NA", Eu::No)),
        None
    );
    assert_eq!(
        verdict(&RuleList::new(), None, from("US", "NA", Eu::No)),
        None
    );
}

#[test]
fn all_fields_of_a_rule_must_match() {
    let list = list(&[(
        Action::Deny,
        "country=FR,DE eu=yes address=192.0.2.0/24,2001:db8::/32",
    )]);
    let fr = from("FR", "EU", Eu::Yes);
    assert!(verdict(&list, Some("192.0.2.1"), fr).is_some());
    assert!(verdict(&list, Some("2001:db8::1"), fr).is_some());
    assert!(verdict(&list, Some("192.0.3.1"), fr).is_none());
    assert!(verdict(&list, Some("192.0.2.1"), from("FR", "EU", Eu::Unknown)).is_none());
    assert!(verdict(&list, Some("192.0.2.1"), from("IT", "EU", Eu::Yes)).is_none());
}

#[test]
fn a_code_is_both_of_its_letters() {
    let letters = || (b'A'..=b'Z').map(char::from);
    let every: Vec<String> = letters()
        .flat_map(|first| letters().map(move |second| format!("{first}{second}")))
        .collect();
    for wanted in ["FI", "AA", "ZZ", "AZ", "ZA"] {
        let list = list(&[(Action::Deny, &format!("country={wanted}"))]);
        let matching: Vec<&String> = every
            .iter()
            .filter(|code| verdict(&list, None, from(code, "EU", Eu::No)).is_some())
            .collect();
        assert_eq!(matching, [wanted]);
    }
}

#[test]
fn a_missing_country_matches_no_country() {
    let every: Vec<String> = (b'A'..=b'Z')
        .flat_map(|a| (b'A'..=b'Z').map(move |b| String::from_utf8(vec![a, b]).unwrap()))
        .collect();
    let rule = format!("country={}", every.join(","));
    let list = list(&[(Action::Deny, &rule)]);
    assert_eq!(
        verdict(
            &list,
            None,
            Facts {
                found: true,
                ..Facts::UNKNOWN
            }
        ),
        None
    );
    for country in &every {
        assert!(verdict(&list, None, from(country, "EU", Eu::No)).is_some());
    }
}

#[test]
fn unknown_is_what_no_database_has() {
    let list = list(&[(Action::Deny, "unknown=yes")]);
    assert!(verdict(&list, None, Facts::UNKNOWN).is_some());
    assert!(verdict(&list, Some("192.0.2.1"), Facts::UNKNOWN).is_some());
    assert!(
        verdict(
            &list,
            None,
            Facts {
                found: true,
                ..Facts::UNKNOWN
            }
        )
        .is_none()
    );
}

#[test]
fn eu_no_is_not_the_absence_of_yes() {
    let list = list(&[(Action::Deny, "eu=no")]);
    assert!(verdict(&list, None, from("US", "NA", Eu::No)).is_some());
    assert!(verdict(&list, None, from("US", "NA", Eu::Unknown)).is_none());
}

#[test]
fn facts_are_asked_once_and_only_when_needed() {
    let list = list(&[
        (Action::Allow, "country=FR address=192.0.2.0/24"),
        (Action::Deny, "country=RU"),
        (Action::Deny, "country=US"),
    ]);
    let mut asked = 0;
    let us = from("US", "NA", Eu::No);
    let verdict = list.evaluate(None, || {
        asked += 1;
        us
    });
    assert_eq!((verdict, asked), (Some((Action::Deny, 2)), 1));
    let only_address = self::list(&[(Action::Allow, "address=192.0.2.0/24")]);
    assert!(
        only_address
            .evaluate(Some(address("192.0.2.1")), || panic!("asked"))
            .is_some()
    );
}

#[test]
fn a_list_says_what_it_needs() {
    let some = list(&[(Action::Allow, "country=FR"), (Action::Deny, "all")]);
    assert!(some.needs(Field::Country) && some.needs_database());
    assert!(!some.needs(Field::Continent) && !some.needs(Field::Eu));
    let own = list(&[
        (Action::Allow, "address=192.0.2.0/24"),
        (Action::Deny, "all"),
    ]);
    assert!(!own.needs_database());
    assert!(list(&[(Action::Deny, "unknown=yes")]).needs_database());
    let rest = list(&[(Action::Deny, "continent=AS"), (Action::Deny, "eu=no")]);
    assert!(rest.needs(Field::Continent) && rest.needs(Field::Eu));
}

#[test]
fn mistakes_are_named() {
    let fields = "it must be \"country\", \"registered_country\", \"continent\", \"subdivision\", \"city\", \"asn\", \"eu\", \
                  \"anonymous\", \"unknown\" or \"address\"";
    let country = "it must be two letters, ISO 3166-1 alpha-2";
    let continent = "it must be AF, AN, AS, EU, NA, OC or SA";
    let network = "it must be an address or a network in CIDR notation";
    for (rule, what, hint) in [
        ("org=Example", "unknown field \"org\"", fields),
        ("Country=RU", "unknown field \"Country\"", fields),
        ("RU", "invalid parameter \"RU\"", ""),
        ("all country=RU", "invalid parameter \"all\"", ""),
        ("country=RUS", "invalid country \"RUS\"", country),
        ("country=RU,", "invalid country \"\"", country),
        ("country=", "invalid country \"\"", country),
        ("country=R1", "invalid country \"R1\"", country),
        ("country=ÄÖ", "invalid country \"ÄÖ\"", country),
        ("continent=XX", "invalid continent \"XX\"", continent),
        (
            "eu=true",
            "invalid value \"eu=true\"",
            "it must be \"eu=yes\" or \"eu=no\"",
        ),
        (
            "unknown=no",
            "invalid value \"unknown=no\"",
            "it must be \"unknown=yes\"",
        ),
        (
            "address=192.0.2.0/33",
            "invalid address \"192.0.2.0/33\"",
            network,
        ),
        (
            "address=example.com",
            "invalid address \"example.com\"",
            network,
        ),
        (
            "country=RU country=BY",
            "duplicate parameter \"country\"",
            "",
        ),
        ("country=@list", "open() \"list\" failed", ""),
        ("", "invalid number of arguments", ""),
    ] {
        let comma = if hint.is_empty() { "" } else { ", " };
        let wanted = format!("{what} in \"geoip_deny\" directive{comma}{hint}");
        assert_eq!(refused(rule), wanted);
    }
}

#[test]
fn allowing_rules_that_refuse_nobody_are_named() {
    use Action::{Allow, Deny};
    let fr = (Allow, "country=FR");
    let said = |rules: &[(Action, &str)]| list(rules).refuses_nobody().map(|(_, text)| text);
    for rules in [
        vec![fr],
        vec![(Deny, "country=RU"), fr],
        vec![fr, (Allow, "all")],
        vec![fr, (Allow, "all"), (Deny, "all")],
    ] {
        assert_eq!(
            said(&rules).unwrap(),
            "\"geoip_allow country=FR\" refuses nobody without a \"geoip_deny all\" behind it"
        );
    }
    for rules in [
        vec![],
        vec![fr, (Deny, "all")],
        vec![fr, (Deny, "continent=EU")],
        vec![(Allow, "all")],
        vec![(Deny, "all"), fr],
        vec![(Deny, "country=RU"), (Allow, "all")],
    ] {
        assert_eq!(said(&rules), None, "{rules:?}");
    }
}

#[test]
fn a_rule_behind_all_and_a_slip_are_warned_about() {
    let mut list = RuleList::new();
    let mut push = |action, words: &[&str]| list.push(action, words, PLACE, &mut no_file).unwrap();
    assert_eq!(push(Action::Deny, &["all"]), Vec::<String>::new());
    assert_eq!(
        push(Action::Allow, &["country=UK", "eu=yes"]),
        [
            "\"UK\" is no country of ISO 3166-1: the United Kingdom is \"GB\"",
            "\"geoip_allow country=UK eu=yes\" is never reached behind \"geoip_deny all\""
        ]
    );
    let mut read = |_: &str| Ok("FR\nUK # slip\n".to_owned());
    let warnings = RuleList::new()
        .push(Action::Deny, &["country=@list"], PLACE, &mut read)
        .unwrap();
    assert!(warnings[0].ends_with(" in list:2"), "{warnings:?}");
}

#[test]
fn a_rule_that_no_address_meets_is_warned_about() {
    let said = |words: &[&str]| {
        let mut list = RuleList::new();
        list.push(Action::Deny, words, PLACE, &mut no_file).unwrap()
    };
    for words in [["country=FR", "unknown=yes"], ["unknown=yes", "eu=no"]] {
        let rule = words.join(" ");
        assert_eq!(
            said(&words),
            [format!(
                "\"geoip_deny {rule}\" matches nobody, since all fields of a rule must match: write \"unknown=yes\" as a rule of its own"
            )]
        );
    }
    assert!(said(&["unknown=yes"]).is_empty());
    assert!(said(&["unknown=yes", "address=192.0.2.0/24"]).is_empty());
}

#[test]
fn low_address_bits_are_warned_about() {
    let mut list = RuleList::new();
    let warnings = list
        .push(Action::Deny, &["address=192.0.2.7/24"], PLACE, &mut no_file)
        .unwrap();
    assert_eq!(
        warnings,
        ["low address bits of 192.0.2.7/24 are meaningless"]
    );
    assert!(verdict(&list, Some("192.0.2.200"), Facts::UNKNOWN).is_some());
}

#[test]
fn values_come_from_a_file() {
    let mut read = |name: &str| match name {
        "lists/bad countries" => Ok("# embargo\nKP\n  sy # and more\r\n\nru".to_owned()),
        "networks" => Ok("192.0.2.0/24\n2001:db8::/32\n".to_owned()),
        "wrong" => Ok("KP\n\nRUS\n".to_owned()),
        _ => Ok(" # nothing\n".to_owned()),
    };
    let mut list = RuleList::new();
    list.push(
        Action::Deny,
        &["country=@lists/bad countries"],
        PLACE,
        &mut read,
    )
    .unwrap();
    list.push(Action::Allow, &["address=@networks"], PLACE, &mut read)
        .unwrap();
    let warnings = list
        .push(Action::Deny, &["country=@empty"], PLACE, &mut read)
        .unwrap();
    assert_eq!(warnings, ["\"empty\" has no values"]);
    for country in ["KP", "SY", "RU"] {
        assert_eq!(
            verdict(&list, None, from(country, "AS", Eu::No)),
            Some((Action::Deny, 0))
        );
    }
    assert_eq!(
        verdict(&list, Some("2001:db8::1"), from("FR", "EU", Eu::Yes)),
        Some((Action::Allow, 1))
    );
    assert_eq!(
        verdict(&list, Some("2001:db9::1"), from("FR", "EU", Eu::Yes)),
        None
    );
    let error = list
        .push(Action::Deny, &["country=@wrong"], PLACE, &mut read)
        .unwrap_err();
    assert_eq!(
        error,
        "invalid country in wrong:3 in \"geoip_deny\" directive, it must be two letters, ISO 3166-1 alpha-2"
    );
    assert_eq!(
        list.rules().len(),
        3,
        "a refused rule leaves nothing behind"
    );
}

#[test]
fn families_do_not_mix() {
    let list = list(&[
        (Action::Deny, "address=::/0"),
        (Action::Allow, "address=::ffff:192.0.2.0/120"),
    ]);
    assert_eq!(
        verdict(&list, Some("2001:db8::1"), Facts::UNKNOWN),
        Some((Action::Deny, 0))
    );
    assert_eq!(
        verdict(&list, Some("192.0.2.9"), Facts::UNKNOWN),
        Some((Action::Allow, 1))
    );
    assert_eq!(
        verdict(&list, Some("::ffff:192.0.2.9"), Facts::UNKNOWN),
        Some((Action::Allow, 1))
    );
    assert_eq!(verdict(&list, Some("192.0.3.9"), Facts::UNKNOWN), None);
}

proptest::proptest! {
    #[test]
    fn address_sets_agree_with_their_networks(
        networks in proptest::collection::vec((0u32..=0xffff, 16u8..=32), 1..40),
        probes in proptest::collection::vec(0u32..=0xffff, 1..40),
    ) {
        let nets: Vec<ipnet::Ipv4Net> = networks.iter()
            .map(|(low, length)| ipnet::Ipv4Net::new((0x0a00_0000 | low).into(), *length).unwrap().trunc())
            .collect();
        let words: Vec<String> = nets.iter().map(ToString::to_string).collect();
        let list = list(&[(Action::Deny, &format!("address={}", words.join(",")))]);
        for probe in probes {
            let ip = std::net::Ipv4Addr::from(0x0a00_0000 | probe);
            let expected = nets.iter().any(|net| net.contains(&ip));
            proptest::prop_assert_eq!(list.evaluate(Some(IpAddr::V4(ip)), || Facts::UNKNOWN).is_some(), expected);
        }
    }

    #[test]
    fn no_words_make_the_parser_panic(words in proptest::collection::vec("(country=|address=|eu=|continent=|@|,|all|[a-zA-Z0-9:./=]){0,6}", 0..4)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let _ = RuleList::new().push(Action::Deny, &words, PLACE, &mut no_file);
    }
}

#[test]
fn the_database_is_asked_only_when_the_address_has_matched() {
    let list = list(&[(Action::Deny, "country=FR address=192.0.2.0/24")]);
    assert!(!list.is_empty() && RuleList::new().is_empty());
    let mut asked = 0;
    for (ip, wanted, times) in [
        (Some("198.51.100.1"), None, 0),
        (None, None, 0),
        (Some("192.0.2.1"), Some((Action::Deny, 0)), 1),
    ] {
        let verdict = list.evaluate(ip.map(address), || {
            asked += 1;
            from("FR", "EU", Eu::Yes)
        });
        assert_eq!((verdict, asked), (wanted, times), "{ip:?}");
    }
}

#[test]
fn rules_of_a_policy_have_their_own_names() {
    let mut list = RuleList::of_policy();
    let mut push = |action, words: &[&str]| list.push(action, words, PLACE, &mut no_file);
    assert_eq!(
        push(Action::Allow, &["planet=mars"]).unwrap_err(),
        "unknown field \"planet\" in \"allow\" directive, it must be \"country\", \"registered_country\", \"continent\", \"subdivision\", \"city\", \"asn\", \"eu\", \"anonymous\", \"unknown\" or \"address\""
    );
    assert_eq!(push(Action::Allow, &["eu=yes"]), Ok(vec![]));
    let (rule, text) = list.refuses_nobody().unwrap();
    assert_eq!(rule.text(), "eu=yes");
    assert_eq!(
        text,
        "\"allow eu=yes\" refuses nobody without a \"deny all\" behind it"
    );
    assert!(list.last().is_none());
    list.push(Action::Deny, &["all"], PLACE, &mut no_file)
        .unwrap();
    assert_eq!(list.last().map(|rule| rule.text()), Some("all"));
    let behind = list.push(Action::Allow, &["eu=no"], PLACE, &mut no_file);
    let want = "\"allow eu=no\" is never reached behind \"deny all\"";
    assert_eq!(behind, Ok(vec![want.to_owned()]));
}
