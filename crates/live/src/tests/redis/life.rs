//! A server that owes something is left in time, and no other one.

use super::*;
use crate::table::redis::Life;

const DEAD: &str = "does not answer";

/// A server that has answered all it was asked, and its life from then on.
fn idle() -> (Site, Life) {
    let mut site = Site::new();
    site.connect().unwrap();
    assert_eq!(site.line().waiting(), 0);
    let mut life = Life::begin(site.world.ms.get());
    life.look(&site.line(), true, site.world.ms.get()).unwrap();
    (site, life)
}

/// One that owes an answer.
fn asked() -> (Site, Life) {
    let (site, life) = idle();
    site.line().ping();
    (site, life)
}

fn work(line: &TestLine) {
    let clock = Ticking::default();
    while line.work(&Slice::new(&clock, Duration::ZERO)).unwrap() == Next::Soon {}
}

/// Looks every `ms`, and hears `bytes` each time; gives after how long the server is left, a minute at most.
fn left_after(site: &Site, life: &mut Life, ms: u64, bytes: &[u8]) -> Option<u64> {
    let line = site.line();
    for turn in 1..=60_000 / ms {
        site.world.advance(ms);
        line.receive(bytes);
        let looked = life.look(&line, !bytes.is_empty(), site.world.ms.get());
        if looked == Err(Lost::Store(DEAD.into())) {
            return Some(turn * ms);
        }
        looked.unwrap();
        work(&line);
    }
    None
}

#[test]
fn a_silent_server_is_left_after_three_seconds() {
    let (site, mut life) = asked();
    assert_eq!(left_after(&site, &mut life, 500, b""), Some(3_000));
    // Also when it had nothing to answer before it was asked for a sign of life.
    let (site, mut life) = idle();
    site.world.advance(3_600_000);
    let looked = life.look(&site.line(), false, site.world.ms.get());
    assert_eq!((looked, site.line().waiting()), (Ok(()), 1));
    assert_eq!(left_after(&site, &mut life, 300, b""), Some(3_000));
}

#[test]
fn a_server_whose_bytes_never_become_an_answer_is_left_after_fifteen() {
    let (site, mut life) = asked();
    site.line().receive(b"$100000\r\n");
    assert_eq!(left_after(&site, &mut life, 250, b"x"), Some(15_000));
}

#[test]
fn a_server_that_answers_slowly_stays() {
    let (site, mut life) = asked();
    assert_eq!(left_after(&site, &mut life, 1_000, b"+PONG\r\n"), None);
}

#[test]
fn the_time_in_which_this_process_stood_still_does_not_count() {
    let (site, mut life) = asked();
    let line = site.line();
    for _ in 0..5 {
        site.world.advance(3_600_000);
        life.look(&line, false, site.world.ms.get()).unwrap();
    }
    site.world.advance(3_600_000);
    assert!(life.look(&line, false, site.world.ms.get()).is_err());
}
