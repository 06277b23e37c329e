//! The brake: routes that vanish all at once are more often a mistake than a wish.

/// Refuses what a source says now when most of its routes would go.
///
/// Every source asks it, the file as well as a store: what it refuses is not applied at all, and the routes in use stay
/// until the source says something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Brake {
    /// More than half of 100 or more routes do not go at once.
    #[default]
    On,
    /// `shrink=any`: however many go.
    Off,
}

/// Fewer routes may all go: somebody tries things out, or tidies up.
const MANY: usize = 100;

impl Brake {
    /// A source has `before` routes in the table, and says now that `gone` of them are to go.
    ///
    /// # Errors
    /// These are too many.
    pub fn check(self, before: usize, gone: usize) -> Result<(), String> {
        let are_most = before >= MANY && gone > before / 2;
        if self == Self::Off || !are_most {
            return Ok(());
        }
        Err(format!(
            "would remove {gone} of {before} routes, only \"shrink=any\" allows that"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_half_of_many_do_not_go() {
        for (before, gone) in [
            (0, 0),
            (99, 99),
            (100, 50),
            (101, 50),
            (usize::MAX, usize::MAX / 2),
        ] {
            assert_eq!(Brake::On.check(before, gone), Ok(()), "{gone} of {before}");
        }
        for (before, gone) in [(100, 51), (101, 51), (100, 100), (usize::MAX, usize::MAX)] {
            assert!(Brake::On.check(before, gone).is_err(), "{gone} of {before}");
            assert_eq!(Brake::Off.check(before, gone), Ok(()), "{gone} of {before}");
        }
    }

    #[test]
    fn it_says_how_many_and_what_allows_it() {
        assert_eq!(
            Brake::On.check(1_000, 600).unwrap_err(),
            "would remove 600 of 1000 routes, only \"shrink=any\" allows that"
        );
    }
}
