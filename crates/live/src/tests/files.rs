//! A table of several files and directories: one set of routes, changed whole or not at all.

use super::site::{Site, Worker};
use crate::Next;

const DIRECTORY: &str = "/apps.d";
const OTHER: &str = "/other.json";

/// A file with one route, which has this variable.
fn one(host: &str, value: &str) -> String {
    format!(r#"{{"{host}": {{"backends": ["http://10.0.0.1:80"], "vars": {{"v": "{value}"}}}}}}"#)
}

fn site() -> Site {
    let mut site = Site::new(4096);
    site.paths = vec![DIRECTORY, OTHER];
    let world = &site.world;
    world.directories.borrow_mut().insert(DIRECTORY.into());
    for (name, host) in [("b", "b.test"), ("a", "a.test")] {
        world.replace(&format!("{DIRECTORY}/{name}.json"), one(host, "1"));
    }
    world.replace(OTHER, one("other.test", "1"));
    for others in [".hidden.json", "a.json.swp", "a.json~", "README", "json"] {
        world.replace(&format!("{DIRECTORY}/{others}"), "not ours");
    }
    world.advance(10_000);
    site
}

fn work(site: &Site, worker: &mut Worker) -> Vec<String> {
    site.world.advance(1_000);
    worker.work();
    site.world.take_lines()
}

fn values(worker: &Worker) -> [Option<String>; 4] {
    ["a.test", "b.test", "c.test", "other.test"].map(|host| worker.value(host))
}

fn some(values: [&str; 4]) -> [Option<String>; 4] {
    values.map(|value| Some(value.to_owned()).filter(|value| value != "-"))
}

#[test]
fn files_come_and_go_while_it_runs() {
    let mut site = site();
    let mut worker = site.start(true).unwrap();
    assert_eq!(values(&worker), some(["1", "1", "-", "1"]));
    assert!(worker.work() < 8, "it looks, and reads nothing");
    site.world.replace("/apps.d/c.json", one("c.test", "1"));
    let said = work(&site, &mut worker);
    assert_eq!(
        said,
        [r#"[Notice] upstream table "apps": files "/apps.d", "/other.json": 4 routes, 1 changed"#]
    );
    assert_eq!(values(&worker), some(["1", "1", "1", "1"]));
    site.world.remove("/apps.d/a.json");
    site.world.overwrite("/apps.d/b.json", one("b.test", "2"));
    work(&site, &mut worker);
    assert_eq!(values(&worker), some(["-", "2", "1", "1"]));
    for name in ["b", "c"] {
        site.world.remove(&format!("/apps.d/{name}.json"));
    }
    work(&site, &mut worker);
    assert_eq!(values(&worker), some(["-", "-", "-", "1"]));
}

/// The same with a route that says how it is checked.
fn checked(host: &str, check: &str) -> String {
    format!(r#"{{"{host}": {{"backends": ["http://10.0.0.1:80"], "check": {check}}}}}"#)
}

#[test]
fn checks_that_nobody_makes_are_said_once() {
    let mut site = site();
    let mut worker = site.start(true).unwrap();
    site.world.take_lines();
    let vain = r#"[Warn] upstream table "apps": files "/apps.d", "/other.json": 1 route with "check", but the table has no "check" line: nobody checks its backends"#;
    let is_said = |said: &[String]| said.iter().filter(|line| *line == vain).count();
    site.world
        .replace("/apps.d/a.json", checked("a.test", r#"{"uri": "/a"}"#));
    site.world.advance(10_000);
    assert_eq!(is_said(&work(&site, &mut worker)), 1);
    // Another change: the route is known by its text, and it was said.
    site.world.replace(OTHER, one("other.test", "2"));
    assert_eq!(is_said(&work(&site, &mut worker)), 0);
    assert_eq!(worker.value("other.test").as_deref(), Some("2"));
    // None, then one again.
    site.world
        .replace("/apps.d/a.json", checked("a.test", "false"));
    assert_eq!(is_said(&work(&site, &mut worker)), 0);
    site.world
        .replace("/apps.d/a.json", checked("a.test", r#"{"uri": "/a"}"#));
    assert_eq!(is_said(&work(&site, &mut worker)), 1);
    site.world.advance(10_000);
    // A reload says it, though all routes are known; a table that checks does not.
    let _ = site.start(true).unwrap();
    assert_eq!(is_said(&site.world.take_lines()), 1);
    site.has_check = true;
    let _ = site.start(true).unwrap();
    assert_eq!(site.world.take_lines(), [""; 0]);
}

#[test]
fn what_a_file_has_wrong_names_it_and_all_routes_stay() {
    let mut site = site();
    let mut worker = site.start(true).unwrap();
    let stays = "the last good routes stay in use";
    for (file, text, why) in [
        (
            "/apps.d/c.json",
            one("A.test", "2"),
            r#"file "/apps.d/c.json": duplicate key "A.test", it is "a.test" at /A.test, file "/apps.d/a.json" has it too"#,
        ),
        (
            "/other.json",
            one("b.test", "2"),
            r#"file "/other.json": duplicate key "b.test" at /b.test, file "/apps.d/b.json" has it too"#,
        ),
        (
            "/apps.d/b.json",
            r#"{"b.test": {"backends": ["http://10.0.0.1"]}"#.to_owned(),
            r#"file "/apps.d/b.json": unexpected end of file at line 1 column 44"#,
        ),
        (
            "/apps.d/b.json",
            r#"{"b.test": {"backend": []}}"#.to_owned(),
            r#"file "/apps.d/b.json": unknown member "backend", it must be "id", "backends", "vars", "keys", "meta" or "check" at /b.test/backend"#,
        ),
    ] {
        let before = site.world.text(file);
        site.world.replace(file, text);
        site.world.replace("/apps.d/a.json", one("a.test", "2"));
        site.world.advance(10_000);
        // Live, and at a reload, in the same words.
        let said = work(&site, &mut worker);
        assert_eq!(
            said,
            [format!(r#"[Error] upstream table "apps": {why}, {stays}"#)]
        );
        worker = site.start(true).unwrap();
        assert_eq!(site.world.take_lines(), said);
        assert_eq!(work(&site, &mut worker), [""; 0], "{why}");
        assert_eq!(values(&worker), some(["1", "1", "-", "1"]), "{why}");
        // A start refuses them.
        let mut new = Site::new(4096);
        (new.world, new.paths) = (site.world.clone(), site.paths.clone());
        assert_eq!(new.start(true).err().unwrap(), why);
        match before {
            Some(before) => site.world.replace(file, before),
            None => site.world.remove(file),
        }
        site.world.replace("/apps.d/a.json", one("a.test", "1"));
        site.world.advance(10_000);
        let good = work(&site, &mut worker);
        assert!(
            good[0].contains(" is good again: ") || good[0].contains(" are good again: "),
            "{good:?}"
        );
    }
}

#[test]
fn a_missing_path_is_an_error_and_a_missing_directory_as_well() {
    let mut site = site();
    let mut worker = site.start(true).unwrap();
    for name in [
        "a.json",
        "b.json",
        ".hidden.json",
        "a.json.swp",
        "a.json~",
        "README",
        "json",
    ] {
        site.world.remove(&format!("{DIRECTORY}/{name}"));
    }
    site.world.directories.borrow_mut().clear();
    let missing = r#"[Error] upstream table "apps": file "/apps.d": cannot be read (NotFound), the last good routes stay in use"#;
    assert_eq!(work(&site, &mut worker), [missing]);
    assert_eq!(work(&site, &mut worker), [""; 0], "once");
    let mut worker = site.start(true).unwrap();
    assert_eq!(site.world.take_lines(), [missing]);
    assert_eq!(work(&site, &mut worker), [""; 0]);
    assert_eq!(values(&worker), some(["1", "1", "-", "1"]));
    // An empty one is no mistake.
    site.world.directories.borrow_mut().insert(DIRECTORY.into());
    work(&site, &mut worker);
    assert_eq!(values(&worker), some(["-", "-", "-", "1"]));
}

#[test]
fn what_the_master_read_of_several_files_is_applied_once_and_then_freed() {
    let mut site = site();
    let old = site.start(true).unwrap();
    site.world.replace("/apps.d/a.json", one("a.test", "2"));
    site.world.replace("/apps.d/c.json", one("c.test", "2"));
    site.world.advance(10_000);
    let (mut one_worker, mut other) = (site.start(true).unwrap(), site.start(true).unwrap());
    assert_eq!(values(&old), some(["1", "1", "-", "1"]));
    assert!(one_worker.kept_bytes() > 0);
    other.work();
    assert_eq!(values(&old), some(["2", "1", "2", "1"]));
    assert_eq!(other.kept_bytes(), 0);
    site.world.take_lines();
    // Of the same files; it is not applied again.
    one_worker.who.generation = other.who.generation + 1;
    one_worker.work();
    assert_eq!(site.world.take_lines(), [""; 0]);
    assert_eq!(values(&old), some(["2", "1", "2", "1"]));
}

#[test]
fn a_file_that_vanishes_during_the_look_is_looked_for_again() {
    let mut vanished = 0;
    for steps in 1..8 {
        let mut site = site();
        let mut worker = site.start(true).unwrap();
        site.world.replace("/apps.d/c.json", one("c.test", "1"));
        site.world.advance(1_000);
        worker.lead();
        (0..steps).for_each(|_| assert_eq!(worker.step(), Next::Soon));
        site.world.remove("/apps.d/c.json");
        worker.work();
        assert_eq!(site.world.take_lines(), [""; 0], "{steps}");
        vanished += usize::from(worker.value("c.test").is_none());
        work(&site, &mut worker);
        assert_eq!(values(&worker), some(["1", "1", "-", "1"]));
    }
    assert!(vanished > 3);
}

#[test]
fn names_of_too_many_addresses_say_in_which_file_they_are() {
    let mut site = site();
    let mut worker = site.start(true).unwrap();
    let hosts: String = (0..300)
        .map(|n| format!("10.0.{}.{} big.test\n", n / 200, n % 200))
        .collect();
    site.world.replace("/etc/hosts", hosts);
    let big = r#"{"c.test": {"backends": ["http://big.test"]}}"#;
    site.world.replace("/apps.d/c.json", big);
    let said = work(&site, &mut worker);
    let wanted = r#"addresses of "big.test" are used, a route has no room for more at /c.test/backends/0 in "/apps.d/c.json""#;
    assert!(said[0].contains(wanted), "{said:?}");
}
