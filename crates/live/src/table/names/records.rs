//! What nginx's resolver says, as routes have it.

use gatehouse_table::route::Located;
use std::net::SocketAddr;
use std::time::Duration;

/// One address; of a service with its port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) at: SocketAddr,
    pub(super) priority: u16,
    pub(super) weight: u16,
}

/// Of a service's records those with the least priority come first, and the others are backups.
pub(super) fn located(
    records: impl Iterator<Item = Record> + Clone,
    is_service: bool,
) -> Vec<Located> {
    let first = records.clone().map(|one| one.priority).min();
    let located = records.map(|one| {
        if is_service {
            Located {
                at: one.at,
                weight: one.weight,
                backup: first.is_some_and(|first| one.priority > first),
            }
        } else {
            Located::from(one.at.ip())
        }
    });
    located.collect()
}

/// For how long an answer holds. nginx keeps it to the end of the second in which it ends, and answers from it until
/// then.
pub(super) fn holds_ms(valid_until: i64, now: Duration) -> u64 {
    let end = u64::try_from(valid_until).unwrap_or(0).saturating_add(1);
    let rest = Duration::from_secs(end).saturating_sub(now);
    u64::try_from(rest.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_a_service_behind_the_first_are_backups() {
        let record = |text: &str, priority, weight| Record {
            at: text.parse().unwrap(),
            priority,
            weight,
        };
        let records = [
            record("10.0.0.1:81", 20, 1),
            record("10.0.0.2:80", 10, 3),
            record("10.0.0.3:80", 10, 0),
        ];
        let shown = |is_service| {
            let located = located(records.into_iter(), is_service);
            let shown = located
                .iter()
                .map(|one| (one.at.to_string(), one.weight, one.backup));
            shown.collect::<Vec<_>>()
        };
        let at = |text: &str, weight, backup| (text.to_owned(), weight, backup);
        let service = [
            at("10.0.0.1:81", 1, true),
            at("10.0.0.2:80", 3, false),
            at("10.0.0.3:80", 0, false),
        ];
        assert_eq!(shown(true), service);
        let plain = ["10.0.0.1:0", "10.0.0.2:0", "10.0.0.3:0"].map(|text| at(text, 0, false));
        assert_eq!(shown(false), plain);
    }

    #[test]
    fn an_answer_holds_to_the_end_of_its_last_second() {
        let at = Duration::from_millis;
        assert_eq!(holds_ms(10, at(8_250)), 2_750);
        assert_eq!(holds_ms(10, at(11_000)), 0);
        assert_eq!(holds_ms(10, at(99_000)), 0);
        assert_eq!(holds_ms(-1, at(0)), 1_000);
        assert_eq!(holds_ms(i64::MAX, at(0)), u64::MAX);
    }
}
