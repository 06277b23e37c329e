//! Every run of the chosen rows, as many beside each other as there are processors.

use crate::callgrind::{self, Outcome, Place};
use crate::conf::Rig;
use crate::load::Load;
use crate::rows::{Row, Side};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What an nginx is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    conf: &'static str,
    words: &'static [&'static str],
    load: Load,
    status: u16,
    /// How many times it is measured; the median counts.
    times: usize,
}

impl Run {
    fn of(row: &Row, side: &Side) -> Self {
        Self {
            conf: row.conf,
            words: side.words,
            load: row.load,
            status: side.status,
            times: row.times,
        }
    }

    fn measure(&self, rig: &Rig, job: usize) -> Result<Outcome, String> {
        let conf = rig.conf(self.conf, self.words);
        let mut outcomes = Vec::new();
        for attempt in 0..self.times {
            let place = Place { job, attempt };
            let outcome = callgrind::measure(rig, &conf, self.load, self.status, place);
            outcomes.push(outcome.map_err(|e| format!("{:?} {:?}: {e}", self.words, self.load))?);
        }
        outcomes.sort_by_key(|outcome| outcome.cost);
        let median = outcomes.get(outcomes.len() / 2).copied();
        median.ok_or(format!("{:?}: measured no times", self.words))
    }
}

/// What came of the runs. One that was skipped is not there.
pub(crate) struct Figures(Vec<(Run, Outcome)>);

impl Figures {
    /// What a side of a row costs.
    pub(crate) fn of(&self, row: &Row, side: &Side) -> Option<i64> {
        self.outcome(row, side).map(|outcome| outcome.cost)
    }

    fn outcome(&self, row: &Row, side: &Side) -> Option<Outcome> {
        let wanted = Run::of(row, side);
        let found = self.0.iter().find(|(run, _)| *run == wanted);
        found.map(|(_, outcome)| *outcome)
    }

    /// Two modules that let a request pass must give the same answers, else they do other work.
    fn check(&self, row: &Row) -> Result<(), String> {
        let Some((name, peer)) = row.peer.as_ref().filter(|(_, side)| side.status == 200) else {
            return Ok(());
        };
        match (self.outcome(row, &row.ours), self.outcome(row, peer)) {
            (Some(ours), Some(theirs)) if ours.answers != theirs.answers => {
                Err(format!("{}: {name} answers otherwise", row.name))
            }
            _ => Ok(()),
        }
    }
}

/// Measures every side of every row; what two rows have in common is measured once.
pub(crate) fn all(rig: &Rig, rows: &[&Row]) -> Result<Figures, String> {
    let mut runs: Vec<Run> = Vec::new();
    for row in rows {
        for side in row.sides().into_iter().filter(|side| rig.has(side.words)) {
            let run = Run::of(row, side);
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
    }
    let figures = Figures(beside_each_other(rig, &runs)?);
    rows.iter().try_for_each(|row| figures.check(row))?;
    Ok(figures)
}

fn beside_each_other(rig: &Rig, runs: &[Run]) -> Result<Vec<(Run, Outcome)>, String> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for job in 1..=jobs {
            let (next, done) = (&next, &done);
            scope.spawn(move || {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = run.measure(rig, job);
                    if outcome.is_err() {
                        // The others end after what they are at.
                        next.store(runs.len(), Ordering::Relaxed);
                    }
                    if let Ok(mut done) = done.lock() {
                        done.push(outcome.map(|outcome| (*run, outcome)));
                    }
                }
            });
        }
    });
    let done = done.into_inner().map_err(|_| "a run panicked")?;
    done.into_iter().collect()
}
