//! What an answer makes of what was known.

use super::Check;
use crate::table::Probe;

/// What is known of a backend now that a check of it has ended, and whether that takes it in (true) or out (false).
///
/// The first answer decides at once where a backend waits for it (`check_first`), and a good one ends what a backend had
/// against it; else `rise` and `fall` answers in a row that say otherwise turn it.
#[must_use]
pub fn judge(
    before: Option<Probe>,
    is_good: bool,
    check: &Check,
    now_ms: u64,
) -> (Probe, Option<bool>) {
    let known = |up, contrary| Probe {
        up,
        contrary,
        at_ms: now_ms,
    };
    let Some(before) = before else {
        return match (is_good, check.first) {
            (true, _) => (known(true, 0), None),
            (false, true) => (known(false, 0), Some(false)),
            (false, false) => turn(known(true, 0), false, check.fall),
        };
    };
    let needed = if before.up { check.fall } else { check.rise };
    turn(known(before.up, before.contrary), is_good, needed)
}

/// One more answer: `needed` of them that say otherwise turn it.
fn turn(known: Probe, is_good: bool, needed: u8) -> (Probe, Option<bool>) {
    if is_good == known.up {
        let contrary = 0;
        return (Probe { contrary, ..known }, None);
    }
    let contrary = known.contrary.saturating_add(1);
    if contrary < needed.max(1) {
        return (Probe { contrary, ..known }, None);
    }
    let turned = Probe {
        up: is_good,
        contrary: 0,
        ..known
    };
    (turned, Some(is_good))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of these answers turns.
    fn turns(check: &Check, answers: &[bool]) -> Vec<Option<bool>> {
        let (mut known, mut now_ms) = (None, 0);
        let one = |is_good: &bool| {
            now_ms += 5;
            let (probe, turned) = judge(known, *is_good, check, now_ms);
            assert_eq!(probe.at_ms, now_ms);
            known = Some(probe);
            turned
        };
        answers.iter().map(one).collect()
    }

    #[test]
    fn so_many_in_a_row_turn_it() {
        let check = Check {
            rise: 2,
            fall: 3,
            ..Check::default()
        };
        let answers = [
            false, false, true, false, false, false, true, false, true, true, true,
        ];
        let mut wanted = vec![None; answers.len()];
        (wanted[5], wanted[9]) = (Some(false), Some(true));
        assert_eq!(turns(&check, &answers), wanted);
    }

    #[test]
    fn the_first_one_decides_where_it_is_waited_for() {
        let check = Check {
            first: true,
            ..Check::default()
        };
        assert_eq!(
            turns(&check, &[false, true, true]),
            [Some(false), None, Some(true)]
        );
        assert_eq!(
            turns(&check, &[true, false, false, false]),
            [None, None, None, Some(false)]
        );
    }

    #[test]
    fn a_single_failure_may_be_enough() {
        let check = Check {
            fall: 1,
            rise: 1,
            ..Check::default()
        };
        assert_eq!(
            turns(&check, &[false, true, false]),
            [Some(false), Some(true), Some(false)]
        );
    }
}
