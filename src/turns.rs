//! How long the turns take in which an answer is made: a worker serves nobody else meanwhile.

use gatehouse_live::World;
use gatehouse_live::nginx::Process;
use nix::sys::time::TimeSpec;
use nix::time::ClockId;
use std::time::Duration;

/// The turns of one answer.
#[derive(Default)]
pub(crate) struct Turns {
    count: u64,
    sum_ns: u64,
    longest_ns: u64,
}

impl Turns {
    /// One has ended, which began at this time of the processor's; after the last one a line of the log has all of them.
    pub(crate) fn note(&mut self, what: &str, begun_ns: u64, is_last: bool) {
        let took = processor().saturating_sub(begun_ns);
        self.count = self.count.saturating_add(1);
        self.sum_ns = self.sum_ns.saturating_add(took);
        self.longest_ns = self.longest_ns.max(took);
        if is_last {
            let [sum, longest] = [self.sum_ns, self.longest_ns].map(|ns| ns / 1_000);
            let line = format!(
                "{what}: {} turns took {sum} us of the processor, the longest {longest} us",
                self.count
            );
            Process.log(gatehouse_live::Level::Notice, &line);
        }
    }
}

/// The time that the processor has worked for this thread, in nanoseconds (clock_gettime(2)): that others had the
/// processor in between does not count.
pub(crate) fn processor() -> u64 {
    let time = ClockId::CLOCK_THREAD_CPUTIME_ID.now();
    let time = Duration::from(time.unwrap_or_else(|_| TimeSpec::new(0, 0)));
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
