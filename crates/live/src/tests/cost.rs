//! What some work costs: processor time of the longest step, and memory.

use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Figures are those of a release build; a hundredth of everything is enough otherwise.
pub(crate) const IN_FULL: bool = !cfg!(debug_assertions);
pub(crate) const PART: usize = if IN_FULL { 1 } else { 100 };

/// No step of a feeder takes longer than this.
const LONGEST: Duration = Duration::from_millis(5);
/// But for what the machine does meanwhile: on a busy one, its interrupts are counted as ours in a few of the steps.
const DISTURBED: usize = 2;
const AT_ALL: Duration = Duration::from_millis(50);

pub(crate) fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

/// Private memory of this process, MiB.
fn private_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        / 1024
}

/// What some work cost.
pub(crate) struct Cost {
    before_mib: usize,
    peak_mib: usize,
    steps: usize,
    longest: Duration,
    /// Steps longer than [`LONGEST`].
    long: usize,
    /// Which step that was.
    at: usize,
    total: Duration,
}

impl Cost {
    pub(crate) fn start() -> Self {
        let now = private_mib();
        Self {
            before_mib: now,
            peak_mib: now,
            steps: 0,
            longest: Duration::ZERO,
            long: 0,
            at: 0,
            total: Duration::ZERO,
        }
    }

    pub(crate) fn step<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = processor_time();
        let done = work();
        let took = processor_time() - begun;
        if took > self.longest {
            (self.longest, self.at) = (took, self.steps);
        }
        self.long += usize::from(took > LONGEST);
        self.total += took;
        self.steps += 1;
        if self.steps % 1_000 == 0 {
            self.peak_mib = self.peak_mib.max(private_mib());
        }
        done
    }

    pub(crate) fn report(&self, what: &str) {
        println!(
            "{what}: {} steps, the longest {:?} (step {}), {:.1} s of processor; {} MiB more at the peak, {} MiB in the end",
            self.steps,
            self.longest,
            self.at,
            self.total.as_secs_f64(),
            self.peak_mib - self.before_mib,
            private_mib() as i64 - self.before_mib as i64,
        );
        let is_short = self.long <= DISTURBED && self.longest < AT_ALL;
        assert!(!IN_FULL || is_short, "{what}: {} long steps", self.long);
    }
}
