//! Country rules: whatever the words and the lists, reading and asking them ends without a panic, and a rule that was refused
//! leaves nothing behind. The first byte says what comes of a list in a file: lines, or that there is none.
#![no_main]
use gatehouse_geo::{Action, Code, Facts, RuleList, Subdivision};
use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    // Rules, a line each, then behind an empty line the content of every file.
    let (rules, content) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut read = |name: &str| match first & 1 {
        0 => Ok(content.to_owned()),
        _ => Err(format!("cannot read \"{name}\"")),
    };
    let mut list = if first & 2 == 0 { RuleList::new() } else { RuleList::of_policy() };
    for (number, line) in rules.lines().take(64).enumerate() {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let before = (list.rules().len(), list.lists().len());
        let action = if number % 2 == 0 { Action::Deny } else { Action::Allow };
        let after = match list.push(action, &words, "a:1", &mut read) {
            Ok(_) => (before.0 + 1, list.lists().len()),
            Err(text) => {
                assert!(!text.contains('\n') || line.contains('\n') || content.contains('\n'), "{text}");
                before
            }
        };
        assert_eq!((list.rules().len(), list.lists().len()), after);
    }
    let facts = Facts {
        country: Code::new(b"GB"),
        registered_country: Code::new(b"US"),
        subdivisions: [Subdivision::new(b"GB-ENG"), Subdivision::new(rest)],
        city: 1,
        asn: 64_496,
        found: true,
        ..Facts::UNKNOWN
    };
    let addresses: [Option<IpAddr>; 3] = [None, "192.0.2.1".parse().ok(), "::ffff:192.0.2.1".parse().ok()];
    for address in addresses {
        let decided = list.evaluate(address, || facts);
        assert_eq!(decided, list.clone().evaluate(address, || facts));
        assert!(decided.is_none_or(|(action, at)| list.rules()[at].action() == action));
    }
    assert_eq!(list.evaluate(addresses[1], || facts), list.evaluate(addresses[2], || facts), "mapped");
    // The lists once more, as a worker reads them again: the same values.
    let before = list.evaluate(addresses[1], || facts);
    if first & 1 == 0 {
        for file in list.lists() {
            let mut filling = file.begin();
            for line in content.lines() {
                filling.line(line).unwrap();
            }
            filling.finish();
        }
        assert_eq!(list.evaluate(addresses[1], || facts), before);
    }
    let _ = (list.refuses_nobody(), list.last());
});
