//! A walk over all keys with `SCAN`.

/// How far the walk has come. One that has not begun is over.
#[derive(Default)]
pub(super) struct Scan {
    /// Where it goes on.
    next: Option<Vec<u8>>,
    /// The command is on its way.
    is_asked: bool,
    /// A cursor of before: one that comes again leads round in a circle, without an end.
    seen: Vec<u8>,
    /// Steps since then, and after how many a later cursor is remembered instead: twice as many each time.
    steps: u64,
    lap: u64,
}

impl Scan {
    /// A walk at its beginning.
    pub(super) fn begin() -> Self {
        Self {
            next: Some(b"0".to_vec()),
            ..Self::default()
        }
    }

    /// The cursor to ask for, unless the command is on its way or nothing is left to ask for.
    pub(super) fn ask(&mut self) -> Option<Vec<u8>> {
        let cursor = self.next.take()?;
        self.is_asked = true;
        Some(cursor)
    }

    /// The answer has come, with the next cursor if there is one.
    ///
    /// # Errors
    /// It leads round in a circle: the walk never comes to its end.
    pub(super) fn go_on(&mut self, next: Option<Vec<u8>>) -> Result<(), String> {
        if let Some(cursor) = &next {
            if *cursor == self.seen {
                return Err("SCAN: never ends".into());
            }
            if self.steps >= self.lap {
                self.seen.clone_from(cursor);
                self.lap = self.lap.saturating_mul(2).max(1);
                self.steps = 0;
            }
            self.steps = self.steps.saturating_add(1);
        }
        self.is_asked = false;
        self.next = next;
        Ok(())
    }

    /// Whether all keys have been seen.
    pub(super) fn is_over(&self) -> bool {
        self.next.is_none() && !self.is_asked
    }
}
