//! Requests in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::poll;
use crate::server::request_to;

/// Clients that ask again and again until stopped.
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    good: AtomicU64,
    bad: AtomicU64,
}

/// What the clients saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Responses with the wanted status.
    pub good: u64,
    /// Everything else.
    pub bad: u64,
}

impl Load {
    /// Starts `clients` that `GET path` on `port`, each request on a connection of its own, wanting `status`.
    #[must_use]
    pub fn start(port: u16, path: &str, headers: &str, clients: usize, status: u16) -> Load {
        let shared = Arc::new(Shared::default());
        let threads = (0..clients).map(|_| {
            let (shared, request, headers) = (
                Arc::clone(&shared),
                format!("GET {path}"),
                headers.to_owned(),
            );
            thread::spawn(move || {
                while !shared.stop.load(Ordering::Relaxed) {
                    let good = request_to(port, &request, &headers)
                        .is_ok_and(|response| response.status == status);
                    let counter = if good { &shared.good } else { &shared.bad };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        Load {
            threads: threads.collect(),
            shared,
        }
    }

    /// What was seen so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            good: self.shared.good.load(Ordering::Relaxed),
            bad: self.shared.bad.load(Ordering::Relaxed),
        }
    }

    /// Waits until `more` further good responses came.
    ///
    /// # Errors
    /// They did not within ten seconds.
    pub fn wait_good(&self, more: u64) -> Result<(), String> {
        let goal = self.tally().good.saturating_add(more);
        let reached = poll::until(Duration::from_secs(10), || {
            (self.tally().good >= goal).then_some(())
        });
        reached.ok_or_else(|| {
            format!(
                "{more} more good responses did not come: {:?}",
                self.tally()
            )
        })
    }

    /// Stops the clients and gives the final count.
    #[must_use]
    pub fn stop(self) -> Tally {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        Tally {
            good: self.shared.good.load(Ordering::Relaxed),
            bad: self.shared.bad.load(Ordering::Relaxed),
        }
    }
}
