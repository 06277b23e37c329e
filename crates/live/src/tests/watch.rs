//! When a file is read, and what is said about it.

use super::world::TestWorld;
use crate::{Found, OpenFile, Stamp, Watch, World};
use std::io::Read;
use std::path::Path;

const FILE: &str = "routes.json";

fn world() -> TestWorld {
    let world = TestWorld::default();
    world.replace(FILE, "one");
    world.advance(10_000);
    world
}

fn open(watch: &mut Watch, world: &TestWorld) -> Option<(Box<dyn OpenFile>, Stamp)> {
    match watch.poll_file(world, Path::new(FILE)) {
        Found::Changed(file, stamp) => Some((file, stamp)),
        _ => None,
    }
}

/// What a look reads, if it finds another content.
fn read(watch: &mut Watch, world: &TestWorld) -> Option<String> {
    let (mut file, stamp) = open(watch, world)?;
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert!(watch.is_at_rest(file.as_ref(), &stamp));
    Some(text)
}

#[test]
fn a_file_is_read_when_it_is_another_one() {
    let (world, mut watch) = (world(), Watch::every(1_000));
    assert_eq!(read(&mut watch, &world).as_deref(), Some("one"));
    world.advance(999);
    world.replace(FILE, "two");
    assert!(matches!(
        watch.poll_file(&world, Path::new(FILE)),
        Found::NotDue
    ));
    assert_eq!(watch.next_in(world.now_ms()), 1);
    world.advance(1);
    // Just written: it may be another one soon without another stamp.
    assert_eq!(read(&mut watch, &world).as_deref(), Some("two"));
    world.advance(1_000);
    assert_eq!(read(&mut watch, &world).as_deref(), Some("two"));
    world.advance(1_000);
    assert!(matches!(
        watch.poll_file(&world, Path::new(FILE)),
        Found::Same
    ));
    // Of the same size, in the same place.
    world.overwrite(FILE, "six");
    world.advance(1_000);
    assert_eq!(read(&mut watch, &world).as_deref(), Some("six"));
    watch.forget();
    world.advance(1_000);
    assert_eq!(read(&mut watch, &world).as_deref(), Some("six"));
}

#[test]
fn a_file_that_nobody_follows_is_not_looked_at() {
    let (world, mut watch) = (world(), Watch::every(0));
    assert!(!watch.is_followed() && watch.next_in(0) == u64::MAX);
    assert!(open(&mut watch, &world).is_none());
}

#[test]
fn what_is_known_is_not_read_and_the_first_look_can_wait() {
    let (world, mut watch) = (world(), Watch::every(1_000));
    let stamp = world.open(Path::new(FILE)).unwrap().stamp().unwrap();
    watch.saw(&world, stamp);
    watch.wait(world.now_ms());
    assert_eq!(watch.next_in(world.now_ms()), 1_000);
    world.advance(1_000);
    assert!(matches!(
        watch.poll_file(&world, Path::new(FILE)),
        Found::Same
    ));
}

#[test]
fn a_look_that_is_asked_for_is_repeated_until_something_is_known() {
    let world = world();
    let mut watch = Watch::every(0);
    assert_eq!(watch.next_in(world.now_ms()), u64::MAX);
    watch.look_once();
    assert!(read(&mut watch, &world).is_some() && watch.is_to_look());
    // It came to nothing: whoever began was overtaken.
    watch.forget();
    assert_eq!(read(&mut watch, &world), None);
    world.advance(1_000);
    assert!(read(&mut watch, &world).is_some());
    watch.accepted();
    watch.forget();
    world.advance(1_000);
    assert_eq!(read(&mut watch, &world), None);
    watch.look_once();
    watch.refused("is bad", 1);
    assert!(!watch.is_to_look());
}

#[test]
fn a_file_that_comes_back_is_read_again() {
    let (world, mut watch) = (world(), Watch::every(1_000));
    let kept = world.open(Path::new(FILE)).unwrap().stamp().unwrap();
    read(&mut watch, &world).unwrap();
    world.remove(FILE);
    world.advance(1_000);
    assert!(matches!(
        watch.poll_file(&world, Path::new(FILE)),
        Found::Unreadable(error) if world.explain(&error) == "NotFound"
    ));
    world.put_back(FILE, "one", kept);
    world.advance(1_000);
    assert_eq!(read(&mut watch, &world).as_deref(), Some("one"));
}

#[test]
fn a_file_that_is_being_written_is_left_alone_until_it_rests() {
    let (world, mut watch) = (world(), Watch::every(1_000));
    for half in 0..2 {
        let (file, stamp) = open(&mut watch, &world).unwrap();
        world.advance(1_000);
        world.overwrite(FILE, "x".repeat(half));
        assert!(!watch.is_at_rest(file.as_ref(), &stamp), "{half}");
    }
    // One that is removed or replaced while it is read is whole.
    let (file, stamp) = open(&mut watch, &world).unwrap();
    world.advance(1_000);
    world.replace(FILE, "y");
    assert!(watch.is_at_rest(file.as_ref(), &stamp));
    assert_eq!(read(&mut watch, &world).as_deref(), Some("y"));
}

#[test]
fn a_file_that_never_rests_is_read_nevertheless() {
    let (world, mut watch) = (world(), Watch::every(1_000));
    let mut rests = 0;
    for n in 0..8 {
        let (file, stamp) = open(&mut watch, &world).unwrap();
        world.advance(1_000);
        world.overwrite(FILE, format!("{n:09}"));
        rests += u32::from(watch.is_at_rest(file.as_ref(), &stamp));
    }
    assert_eq!(rests, 2);
}

#[test]
fn trouble_is_said_once_until_it_is_another_one() {
    let mut watch = Watch::every(1_000);
    assert!(!watch.accepted(), "it was good");
    assert!(watch.refused("is empty", 0));
    assert!(!watch.refused("is empty", 0));
    assert!(watch.refused("is too long", 0));
    assert!(watch.refused("is too long", 7), "another content");
    assert!(watch.refused("is empty", 7));
    assert!(watch.accepted());
    assert!(!watch.accepted());
    assert!(watch.refused("is empty", 7));
}
