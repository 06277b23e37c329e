//! Keys and lists of a Redis store: no panic, and what is read can be written and read again.
#![no_main]
use gatehouse_table::hipache::{KeySpace, Named, read_list, write_list};
use gatehouse_table::route::Match;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for mode in [Match::Host, Match::Exact] {
        let keys = KeySpace::new("p", mode);
        match keys.read(data) {
            Named::Route(key) => assert_eq!(keys.route_key(&key), data),
            Named::Marks(host) => assert_eq!(keys.marks_key(&host), data),
            Named::Refused(_) | Named::Other => {}
        }
    }
    let Ok(list) = read_list(data.split(|byte| *byte == 0)) else { return };
    let written = write_list(&list.route).unwrap_or_default();
    let again = read_list(written.iter().map(String::as_bytes));
    assert_eq!(again.map(|again| again.route), Ok(list.route));
});
