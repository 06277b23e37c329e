//! Every run of the chosen rows, as many beside each other as there are processors.

use crate::callgrind;
use crate::conf::Rig;
use crate::load::Load;
use crate::rows::{Row, Side};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What one process of nginx is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    conf: &'static str,
    words: &'static [&'static str],
    load: Load,
    status: u16,
}

/// The figures, by run. A run that was skipped has none.
pub struct Figures(Vec<(Run, i64)>);

impl Figures {
    /// What a side of a row costs.
    pub fn of(&self, row: &Row, side: &Side) -> Option<i64> {
        let wanted = run(row, side);
        self.0
            .iter()
            .find(|(run, _)| *run == wanted)
            .map(|(_, cost)| *cost)
    }
}

fn run(row: &Row, side: &Side) -> Run {
    Run {
        conf: row.conf,
        words: side.words,
        load: row.load,
        status: side.status,
    }
}

/// Measures every side of every row; what two rows have in common is measured once.
pub fn all(rig: &Rig, rows: &[&Row]) -> Result<Figures, String> {
    let mut runs: Vec<Run> = Vec::new();
    for row in rows {
        for side in row.sides().into_iter().filter(|side| rig.has(side.words)) {
            if !runs.contains(&run(row, side)) {
                runs.push(run(row, side));
            }
        }
    }
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Ok(Vec::new())));
    std::thread::scope(|scope| {
        for job in 1..=jobs {
            let (next, done, runs) = (&next, &done, &runs);
            scope.spawn(move || {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cost =
                        callgrind::measure(rig, run.conf, run.words, run.load, run.status, job);
                    let Ok(mut done) = done.lock() else { return };
                    match (done.as_mut(), cost) {
                        (Ok(figures), Ok(cost)) => figures.push((*run, cost)),
                        (Ok(_), Err(e)) => {
                            *done = Err(format!("{:?} {:?}: {e}", run.words, run.load))
                        }
                        (Err(_), _) => return,
                    }
                }
            });
        }
    });
    done.into_inner()
        .map_err(|_| "a run panicked".to_owned())?
        .map(Figures)
}
