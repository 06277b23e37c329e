//! The memory in which the uses of a profile's tokens are counted.

use crate::Gatehouse;
use gatehouse_nginx::shm::ZoneState;
use gatehouse_nginx::{Conf, Counters, Error, Zone, ffi::process};
use gatehouse_token::Limit;
use gatehouse_token::ledger::{self, Charge, Ledger, Use};

/// A profile's `limit`.
pub(super) struct Limited {
    limit: Limit,
    zone: Zone,
    /// Counts tokens that were forgotten too early, once the configuration is complete.
    pub(super) forgotten: Counters,
}

impl Limited {
    /// Takes the memory of a profile into use, for the line that is being read.
    pub(super) fn declare(
        cf: &Conf<'_, Gatehouse>,
        profile: &str,
        limit: &Limit,
    ) -> Result<Self, Error> {
        let width = ledger::width(limit.kept_addresses());
        let shown = format!("token_profile \"{profile}\"");
        // nginx keeps a zone whose size is the same. Entries of another width need another one: it is larger by as much.
        let size = limit.zone.saturating_add(width);
        let zone = cf.zone(
            &format!("token_limit {profile}"),
            size,
            move |zone, state| {
                prepare(zone, state, width).ok_or_else(|| {
                    let needed = zone.size_for(|words| ledger::fits(words, width));
                    format!(
                        "{shown}: \"zone=\" in \"limit\" directive is too small: it has {} bytes, a limit needs {needed} (\"zone={}k\")",
                        zone.size().saturating_sub(width),
                        needed / 1024,
                    )
                })
            },
        )?;
        Ok(Self {
            limit: *limit,
            zone,
            forgotten: Counters::default(),
        })
    }

    /// Counts a use; None when the memory cannot be read.
    pub(super) fn charge(&self, one: &Use) -> Option<Charge> {
        let charge = Ledger::attach(self.zone.words()?)?.charge(one, &self.limit)?;
        if charge.has_displaced {
            self.forgotten.count(0);
        }
        Some(charge)
    }
}

/// Makes a zone a ledger, with what the one before it counts. None when it is too small.
fn prepare(zone: &Zone, state: ZoneState, width: usize) -> Option<()> {
    if zone.is_too_small() {
        return None;
    }
    let words = zone.words()?;
    let kept = Ledger::attach(words).filter(|ledger| ledger.width() == width);
    if state == ZoneState::Inherited && kept.is_some() {
        return Some(());
    }
    let ledger = Ledger::make(words, width)?;
    let old = zone.predecessor();
    let old = old.as_ref().and_then(|old| Ledger::attach(old.words()?));
    if let Some(old) = old {
        ledger.take_over(&old, process::now());
    }
    Some(())
}
