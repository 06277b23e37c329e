//! What strangers may send to the HTTP API: paths, arguments, tags, patches.
#![no_main]

use gatehouse_table::api::{ETag, Place, Query, Tags, is_foreign, is_json, place};
use gatehouse_table::route::{
    BackendPatch, Match, PatchReader, Route, RoutePatch, parse_backend, parse_backend_place, parse_backend_url,
    parse_route,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8], &[u8])| {
    let (first, second, document) = input;
    if place(b"/_apps/", first, second) != Place::Unknown {
        assert!(first.starts_with(b"/_apps/"));
    }
    let _ = Query::parse(first, &["after", "limit", "owner", "url"]);
    assert!(!Tags::new(first).has(None));
    let _ = Tags::new(first).has(Some(ETag(1, 2)));
    let _ = is_foreign(Some(first), None, Some(second));
    let _ = is_json(Some(first), true);
    let mut readers = [PatchReader::new(Match::Host), PatchReader::new(Match::Exact)];
    for reader in &mut readers {
        let fed = reader.feed(document, &mut |entry| {
            sound(entry.patch.apply(None, &entry.pointer));
            Ok(())
        });
        let _ = fed.and_then(|()| reader.check_end());
    }
    let Ok(backend) = parse_backend_url("https://a.test:443#weight=2", true) else {
        return;
    };
    if let Ok(patch) = BackendPatch::parse(document) {
        if let Ok(patched) = patch.apply(&backend) {
            assert!(patched.is_at(&backend));
        }
    }
    if let Ok(backend) = parse_backend(document) {
        assert_eq!(parse_backend_place(&backend.place()).map(|one| one.is_at(&backend)), Ok(true));
    }
    let current = parse_route(first).unwrap_or_default();
    if let Ok(patch) = RoutePatch::parse(document) {
        sound(patch.apply(Some(&current), ""));
    }
});

/// Whatever a patch makes is a route that is read back as it was written.
fn sound(route: Result<Option<Route>, gatehouse_table::route::RouteError>) {
    let Ok(Some(mut route)) = route else {
        return;
    };
    let mut text = Vec::new();
    route.write_json(&mut text);
    let again = parse_route(&text).map(|mut again| {
        again.keys = std::mem::take(&mut route.keys);
        again
    });
    assert_eq!(again, Ok(route));
}
