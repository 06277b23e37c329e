//! Free ports on 127.0.0.1 that no two blocks, and no two runners on this machine, share.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below Linux's range for outgoing connections, so that no client socket takes a port between choice and use.
const FIRST: u16 = 12_000;
const LAST: u16 = 32_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that stays ours until dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// An abstract socket name no other runner can take while we hold it.
    _claim: UnixListener,
}

impl Port {
    /// Claims a port on which nothing listens.
    ///
    /// # Errors
    /// None was free after many tries.
    pub fn free() -> Result<Port, String> {
        for _ in 0..5_000 {
            let number = candidate();
            if let Some(claim) = claim(number) {
                if nobody_listens(number) {
                    return Ok(Port {
                        number,
                        _claim: claim,
                    });
                }
            }
        }
        Err("no free port on 127.0.0.1".into())
    }

    /// The port's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Ports in turn from a random start, so that a port just given back is not reused at once.
fn candidate() -> u16 {
    let span = LAST.saturating_sub(FIRST);
    if NEXT.load(Ordering::Relaxed) == 0 {
        let random = RandomState::new().build_hasher().finish();
        let start = u16::try_from(random.checked_rem(u64::from(span)).unwrap_or(0)).unwrap_or(0);
        let _ = NEXT.compare_exchange(
            0,
            start.saturating_add(1),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }
    let turn = NEXT.fetch_add(1, Ordering::Relaxed);
    FIRST.saturating_add(turn.checked_rem(span).unwrap_or(0))
}

/// Asks by connecting: a listener bound to try would live on for a moment in a process just being forked.
fn nobody_listens(number: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, number)).is_err()
}

fn claim(number: u16) -> Option<UnixListener> {
    let address = SocketAddr::from_abstract_name(format!("nginx-prove-port-{number}")).ok()?;
    UnixListener::bind_addr(&address).ok()
}

#[cfg(test)]
mod tests {
    use super::Port;
    use std::collections::BTreeSet;

    #[test]
    fn held_ports_differ() {
        let held: Vec<Port> = (0..50).map(|_| Port::free().unwrap()).collect();
        let numbers: BTreeSet<u16> = held.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), 50);
        assert!(super::claim(held[0].number()).is_none());
    }
}
