//! Many jobs: side by side where they may, alone where they must, reported in order.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Outcome;

/// Something to run.
pub struct Job<'a> {
    /// What the report calls it.
    pub title: String,
    /// Whether nothing else may run meanwhile.
    pub serial: bool,
    /// The work.
    pub run: Box<dyn Fn() -> Outcome + Send + Sync + 'a>,
}

impl Job<'_> {
    /// Runs it; a panic is a failure of this job only.
    fn outcome(&self) -> Outcome {
        catch_unwind(AssertUnwindSafe(|| (self.run)())).unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned());
            Outcome::Fail(vec![format!(
                "the runner panicked: {}",
                text.unwrap_or_default()
            )])
        })
    }
}

/// Runs all jobs, at most `width` at a time, and reports each in the order given.
///
/// With `fail_fast` no job starts after one has failed, and only what has run is reported.
pub fn run_jobs(
    jobs: &[Job<'_>],
    width: usize,
    fail_fast: bool,
    mut report: impl FnMut(&Job<'_>, &Outcome),
) {
    let stopped = AtomicBool::new(false);
    let stop = fail_fast.then_some(&stopped);
    let (parallel, serial): (VecDeque<usize>, VecDeque<usize>) =
        (0..jobs.len()).partition(|index| !jobs.get(*index).is_some_and(|job| job.serial));
    let (sender, receiver) = mpsc::channel::<(usize, Outcome)>();
    thread::scope(|scope| {
        scope.spawn(move || {
            run_all(jobs, parallel, width.max(1), stop, &sender);
            run_all(jobs, serial, 1, stop, &sender);
        });
        let mut waiting: Vec<Option<Outcome>> = jobs.iter().map(|_| None).collect();
        let mut next = 0_usize;
        for (index, outcome) in receiver {
            if let Some(slot) = waiting.get_mut(index) {
                *slot = Some(outcome);
            }
            while let (Some(job), Some(outcome)) =
                (jobs.get(next), waiting.get_mut(next).and_then(Option::take))
            {
                report(job, &outcome);
                next = next.saturating_add(1);
            }
        }
        for (job, outcome) in jobs.iter().zip(waiting) {
            if let Some(outcome) = outcome {
                report(job, &outcome);
            }
        }
    });
}

fn run_all(
    jobs: &[Job<'_>],
    queue: VecDeque<usize>,
    width: usize,
    stop: Option<&AtomicBool>,
    sender: &Sender<(usize, Outcome)>,
) {
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        for _ in 0..width {
            let (queue, sender) = (&queue, sender.clone());
            scope.spawn(move || {
                loop {
                    if stop.is_some_and(|stopped| stopped.load(Ordering::Relaxed)) {
                        return;
                    }
                    let next = queue
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front();
                    let Some((index, job)) = next.and_then(|index| Some((index, jobs.get(index)?)))
                    else {
                        return;
                    };
                    let outcome = job.outcome();
                    if let (Some(stopped), Outcome::Fail(_)) = (stop, &outcome) {
                        stopped.store(true, Ordering::Relaxed);
                    }
                    let _ = sender.send((index, outcome));
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(title: &str, serial: bool, run: fn() -> Outcome) -> Job<'static> {
        Job {
            title: title.to_owned(),
            serial,
            run: Box::new(run),
        }
    }

    #[test]
    fn stops_at_the_first_failure_when_told_so() {
        let jobs = [
            job("a", true, || Outcome::Pass),
            job("b", false, || Outcome::Pass),
            job("c", false, || Outcome::Fail(Vec::new())),
            job("d", false, || Outcome::Pass),
        ];
        let titles = |fail_fast| {
            let mut seen = Vec::new();
            run_jobs(&jobs, 1, fail_fast, |job, _| seen.push(job.title.clone()));
            seen
        };
        assert_eq!(titles(true), ["b", "c"]);
        assert_eq!(titles(false), ["a", "b", "c", "d"]);
    }

    #[test]
    fn keeps_order_and_survives_panics() {
        let jobs = [
            job("a", true, || Outcome::Pass),
            job("b", false, || panic!("ouch")),
            job("c", false, || Outcome::Skip(String::new())),
        ];
        let mut seen = Vec::new();
        run_jobs(&jobs, 4, false, |job, outcome| {
            seen.push((job.title.clone(), outcome.clone()))
        });
        assert_eq!(
            seen.iter()
                .map(|(title, _)| title.as_str())
                .collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
        assert!(matches!(&seen[1].1, Outcome::Fail(why) if why[0].contains("ouch")));
    }
}
