//! How much of a worker's time its feeders take: what requests leave, and a small part of a worker that has none to
//! spare.

use crate::slice::{SHORT, TURN};
use std::time::Duration;

/// How much of its time a worker may serve requests to count as one that has little else to do, in thousandths.
const LITTLE: u64 = 50;

/// A worker that is busy without a pause serves requests for so many times as long as its feeders work.
const SHARE: u32 = 8;
/// It may share its processor with other processes. Feeders do not wait for ever until it has had its time.
const PATIENCE: u32 = 10 * SHARE;

/// What a worker has used since some moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// The time that went by.
    pub time: Duration,
    /// Of that, the time that the processor worked for it.
    pub processor: Duration,
    /// How often it had nothing to do, and slept.
    pub sleeps: u64,
}

/// Measures out slices and the pauses between them, as long as there is work.
#[derive(Debug, Default)]
pub struct Pace {
    last: Option<Last>,
    /// How busy the worker is with its requests, in thousandths.
    load: u64,
}

/// The slice before.
#[derive(Clone, Copy, Debug)]
struct Last {
    ended: Usage,
    took: Duration,
}

impl Pace {
    /// Feeders have work, and `now` is what the worker has used: how long they may work.
    ///
    /// # Errors
    /// It is not their turn: milliseconds until they ask again.
    pub fn begin(&mut self, now: &Usage) -> Result<Duration, u64> {
        let Some(last) = self.last else {
            return Ok(SHORT);
        };
        let served = now.processor.saturating_sub(last.ended.processor);
        let paused = now.time.saturating_sub(last.ended.time);
        let slept = now.sleeps != last.ended.sleeps;
        let owed = last.took.saturating_mul(SHARE).saturating_sub(served);
        let patient = paused < last.took.saturating_mul(PATIENCE);
        if !slept && patient && !owed.is_zero() {
            return Err(milliseconds(owed));
        }
        self.load = if slept {
            thousandths(served, paused)
        } else {
            1000
        };
        Ok(if self.load < LITTLE { TURN } else { SHORT })
    }

    /// A slice is over that began at `begun`, and there is more to do: milliseconds until the next one.
    pub fn end(&mut self, begun: &Usage, now: &Usage) -> u64 {
        let took = now.processor.saturating_sub(begun.processor);
        self.last = Some(Last { ended: *now, took });
        let pause = took.saturating_mul(SHARE).as_nanos();
        let pause = pause.saturating_mul(u128::from(self.load)) / 1000;
        milliseconds(Duration::from_nanos(
            u64::try_from(pause).unwrap_or(u64::MAX),
        ))
    }

    /// There is nothing to do any more.
    pub fn rest(&mut self) {
        *self = Self::default();
    }
}

/// Whole milliseconds, one at least.
fn milliseconds(time: Duration) -> u64 {
    let whole = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(whole).unwrap_or(u64::MAX).max(1)
}

fn thousandths(part: Duration, whole: Duration) -> u64 {
    let parts = part.as_nanos().saturating_mul(1000);
    let parts = parts.checked_div(whole.as_nanos()).unwrap_or(1000);
    u64::try_from(parts).unwrap_or(1000).min(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker to which requests come all the time that take `load` thousandths of it, and which gets `processor`
    /// thousandths of a processor; time moves in steps of 10 microseconds.
    struct Worker {
        load: u64,
        processor: u64,
        waiting: u64,
        now: Usage,
        step: u64,
    }

    const STEP: Duration = Duration::from_micros(10);

    impl Worker {
        fn new(load: u64, processor: u64) -> Self {
            Self {
                load,
                processor,
                waiting: 0,
                now: Usage::default(),
                step: 0,
            }
        }

        /// A step goes by; true when the worker could use it.
        fn tick(&mut self) -> bool {
            self.now.time += STEP;
            self.waiting += self.load;
            self.step += 1;
            let runs = self.step * self.processor / 1000 > (self.step - 1) * self.processor / 1000;
            self.now.processor += if runs { STEP } else { Duration::ZERO };
            runs
        }

        /// Serves what waits until `until`, longer if the loop does not get to its timers; gives the time served.
        fn serve(&mut self, until: Duration) -> u64 {
            let mut served = 0;
            while self.now.time < until {
                if self.waiting < 1000 {
                    self.now.sleeps += 1;
                    self.now.time += STEP;
                    self.waiting += self.load;
                } else if self.tick() {
                    self.waiting -= 1000;
                    served += 1;
                }
            }
            served
        }

        /// Works until this much is done; gives the time that went by and the steps in which requests were served.
        fn feed(&mut self, work: Duration) -> (Duration, u64) {
            let mut pace = Pace::default();
            let (begin, mut done, mut served) = (self.now.time, Duration::ZERO, 0);
            while done < work {
                let pause = match pace.begin(&self.now) {
                    Err(pause) => pause,
                    Ok(length) => {
                        let begun = self.now;
                        while self.now.time < begun.time + length {
                            done += if self.tick() { STEP } else { Duration::ZERO };
                        }
                        pace.end(&begun, &self.now)
                    }
                };
                served += self.serve(self.now.time + Duration::from_millis(pause));
            }
            (self.now.time - begin, served)
        }
    }

    const WORK: Duration = Duration::from_secs(2);

    fn share_of_requests(mut worker: Worker) -> f64 {
        let before = worker.now.processor;
        let (_, served) = worker.feed(WORK);
        let used = worker.now.processor - before;
        (STEP * u32::try_from(served).unwrap()).as_secs_f64() / used.as_secs_f64()
    }

    #[test]
    fn a_saturated_worker_keeps_most_of_its_time_for_requests() {
        for processor in [1000, 700, 400] {
            let share = share_of_requests(Worker::new(2_000, processor));
            assert!((0.87..0.92).contains(&share), "{processor}: {share}");
        }
    }

    #[test]
    fn an_idle_worker_is_done_soon() {
        let (took, _) = Worker::new(0, 1000).feed(WORK);
        assert!(took < WORK * 3 / 2, "{took:?}");
        let (took, _) = Worker::new(10, 1000).feed(WORK);
        assert!(took < WORK * 2, "{took:?}");
    }

    #[test]
    fn a_worker_at_half_load_gives_a_part_of_what_is_left() {
        let mut worker = Worker::new(500, 1000);
        let (took, served) = worker.feed(WORK);
        assert!(took > WORK * 3 && took < WORK * 8, "{took:?}");
        // All requests are served meanwhile.
        let offered = took.as_secs_f64() / STEP.as_secs_f64() / 2.0;
        assert!(served as f64 > offered * 0.98, "{served} of {offered}");
    }

    #[test]
    fn it_begins_anew_when_there_was_nothing_to_do() {
        let mut pace = Pace::default();
        let mut now = Usage::default();
        assert_eq!(pace.begin(&now), Ok(SHORT));
        let begun = now;
        now.time += SHORT;
        now.processor += SHORT;
        assert_eq!(pace.end(&begun, &now), 1);
        assert_eq!(
            pace.begin(&now),
            Err(8),
            "nothing was served, and it did not sleep"
        );
        pace.rest();
        assert_eq!(pace.begin(&now), Ok(SHORT));
    }
}
