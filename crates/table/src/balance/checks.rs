//! What active checks have to say in balancing.

use crate::table::{Lines, Peer, RouteView, Word};

/// Whether a table's backends are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// They are.
    pub on: bool,
    /// A new one waits for its first good answer.
    pub first: bool,
}

impl Checks {
    /// Those of a route's backends: it may say that they are not checked.
    #[inline]
    #[must_use]
    pub fn of(self, route: &RouteView<'_>) -> Self {
        Self {
            on: self.on && !route.is_unchecked(),
            ..self
        }
    }

    /// Whether a backend may be used as far as checks know. One that may not, though a request wants it, stays one that
    /// is checked.
    #[inline]
    pub(super) fn admit<W: Word>(
        self,
        lines: &Lines<'_, W>,
        peer: &Peer<'_, W>,
        now_ms: u64,
    ) -> bool {
        self.allow(peer) || {
            peer.note_wanted(now_ms);
            lines.is_in_panic()
        }
    }

    /// Whether checks have nothing against it.
    #[inline]
    #[must_use]
    pub fn allow<W: Word>(self, peer: &Peer<'_, W>) -> bool {
        !self.on || peer.probe().map_or(!self.first, |probe| probe.up)
    }

    /// A request goes to it.
    #[inline]
    pub(super) fn begin<W: Word>(self, peer: &Peer<'_, W>, now_ms: u64) {
        if self.on {
            peer.note_wanted(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rules;
    use super::super::{Rules, Schemes, Selection, policy};
    use super::*;
    use crate::route::{Match, Resolved};
    use crate::table::tests::{endpoint, memory, put};
    use crate::table::{Passive, Probe, Table};

    /// Backends of a route `a.test`, and which of them requests are sent to.
    struct Site<'m> {
        table: Table<'m>,
        checks: Checks,
    }

    const NOW: u64 = 50_000;
    const USUAL: Passive = Passive::new(1, 10_000);

    fn with_site(backends: u32, checks: Checks, test: impl FnOnce(&Site<'_>)) {
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, 1).unwrap();
        let route = Resolved {
            endpoints: (0..backends).map(|n| endpoint(n, 1)).collect(),
            ..Resolved::default()
        };
        put(&table, "a.test", &route).unwrap();
        test(&Site { table, checks });
    }

    impl Site<'_> {
        fn with_peer(&self, index: usize, act: impl FnOnce(Peer<'_>)) {
            let mut buf = [0; 256];
            let hit = self.table.lookup(b"a.test", &mut buf).unwrap().unwrap();
            let backend = hit.route.backend(index).unwrap();
            act(self.table.peer(backend.peer()).unwrap());
        }

        fn probed(&self, index: usize, up: bool) {
            self.with_peer(index, |peer| {
                peer.set_probe(&Probe {
                    up,
                    contrary: 0,
                    at_ms: NOW,
                });
            });
        }

        fn wanted_ms(&self, index: usize) -> u64 {
            let mut wanted = 0;
            self.with_peer(index, |peer| wanted = peer.wanted_ms());
            wanted
        }

        /// The backends of four requests.
        fn chosen(&self) -> String {
            let policy = policy("round_robin").unwrap();
            let rules = Rules {
                checks: self.checks,
                ..rules(policy.as_ref(), &USUAL)
            };
            let mut buf = [0; 256];
            let route = self.table.lookup(b"a.test", &mut buf).unwrap().unwrap();
            let one = |_| {
                let mut selection = Selection::new(&route.route, Schemes::HTTP);
                let next = selection.choose(&rules, &self.table, &route.route, NOW);
                next.map_or('-', |next| char::from(b'a' + next.index as u8))
            };
            (0..4).map(one).collect()
        }
    }

    const ON: Checks = Checks {
        on: true,
        first: false,
    };

    #[test]
    fn what_is_down_gets_no_request_and_stays_wanted() {
        with_site(3, ON, |site| {
            assert_eq!(site.chosen(), "abca", "nothing is known");
            site.probed(1, false);
            assert!(!site.chosen().contains(['b', '-']));
            assert_eq!(site.wanted_ms(1), NOW);
            site.probed(1, true);
            assert!(site.chosen().contains('b'));
        });
    }

    #[test]
    fn without_checks_nothing_is_heeded_or_noted() {
        with_site(2, Checks::default(), |site| {
            site.probed(1, false);
            assert_eq!(site.chosen(), "abab");
            assert_eq!((site.wanted_ms(0), site.wanted_ms(1)), (0, 0));
        });
    }

    #[test]
    fn a_new_one_waits_only_where_that_is_said() {
        let first = Checks {
            on: true,
            first: true,
        };
        with_site(2, first, |site| {
            assert_eq!(site.chosen(), "----");
            assert_eq!(site.wanted_ms(0), NOW, "so that it is checked");
            site.probed(0, true);
            assert_eq!(site.chosen(), "aaaa");
        });
    }

    #[test]
    fn in_a_panic_all_are_used() {
        with_site(2, ON, |site| {
            site.probed(0, false);
            site.probed(1, false);
            assert_eq!(site.chosen(), "----");
            site.table.set_panic(true);
            assert_eq!(site.chosen(), "abab");
            site.table.set_panic(false);
            assert_eq!(site.chosen(), "----");
        });
    }

    #[test]
    fn a_session_does_not_stay_at_one_that_is_down() {
        with_site(3, ON, |site| {
            let policy = policy("round_robin").unwrap();
            let rules = Rules {
                checks: ON,
                ..rules(policy.as_ref(), &USUAL)
            };
            let mut buf = [0; 256];
            let hit = site.table.lookup(b"a.test", &mut buf).unwrap().unwrap();
            let next = || {
                let mut selection = Selection::new(&hit.route, Schemes::HTTP);
                selection.stick(&hit.route, 1);
                let next = selection.choose(&rules, &site.table, &hit.route, NOW);
                next.map(|next| next.index)
            };
            assert_eq!(next(), Some(1));
            site.probed(1, false);
            assert_ne!(next(), Some(1));
            assert_eq!(site.wanted_ms(1), NOW);
        });
    }

    #[test]
    fn one_alone_is_used_whatever_checks_say() {
        with_site(1, ON, |site| {
            site.probed(0, false);
            assert_eq!(site.chosen(), "aaaa");
            assert_eq!(site.wanted_ms(0), NOW);
        });
    }
}
