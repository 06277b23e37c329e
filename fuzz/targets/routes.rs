//! Files of routes: no panic, and any division into chunks reads the same.
#![no_main]
use gatehouse_table::route::{FileReader, Match, parse_all};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&step, text)) = data.split_first() else { return };
    for mode in [Match::Host, Match::Exact] {
        let whole = parse_all(text, mode);
        let mut reader = FileReader::new(mode);
        let mut entries = Vec::new();
        let fed = text.chunks(usize::from(step).max(1)).try_for_each(|chunk| {
            reader.feed(chunk, &mut |entry| {
                entries.push(entry);
                Ok(())
            })
        });
        let sliced = fed.and_then(|()| reader.finish());
        assert_eq!(whole.is_ok(), sliced.is_ok());
        if let Ok(whole) = whole {
            assert_eq!(whole, entries);
        }
    }
});
