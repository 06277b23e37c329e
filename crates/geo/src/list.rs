//! The values of a rule: in the rule itself, or in a file that is read again while nginx runs.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::sets::Set;
use super::vocabulary::Vocabulary;

/// Values of a field.
#[derive(Clone, Debug)]
pub(super) enum Values<T> {
    /// They stand in the rule.
    Here(T),
    /// They stand in a file; whoever reads it again puts the new ones here.
    File(Rc<RefCell<T>>),
}

impl<T> Values<T> {
    /// Asks them something.
    #[inline]
    pub(super) fn ask(&self, question: impl FnOnce(&T) -> bool) -> bool {
        match self {
            Self::Here(values) => question(values),
            // Nothing is put there while a question is asked.
            Self::File(values) => values.try_borrow().is_ok_and(|values| question(&values)),
        }
    }
}

/// A file of values that a rule names.
#[derive(Clone)]
pub struct ListFile {
    name: String,
    begin: Rc<dyn Fn() -> Box<dyn Refill>>,
}

impl fmt::Debug for ListFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.name)
    }
}

impl ListFile {
    pub(super) fn new<S: Set>(
        name: &str,
        words: &'static Vocabulary<S>,
        into: &Rc<RefCell<S>>,
    ) -> Self {
        let into = Rc::clone(into);
        let begin = move || -> Box<dyn Refill> {
            Box::new(Filling {
                words,
                new: S::default(),
                count: 0,
                into: Rc::clone(&into),
            })
        };
        Self {
            name: name.to_owned(),
            begin: Rc::new(begin),
        }
    }

    /// Its name as the rule has it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Begins to take its lines anew; the rule has the old values until [`Refill::finish`].
    pub fn begin(&self) -> Box<dyn Refill> {
        (self.begin)()
    }
}

/// A list on its way from its file into a rule.
pub trait Refill {
    /// Takes a line: a value, a comment behind `#`, or nothing. Gives what to warn about.
    ///
    /// # Errors
    /// What is wrong with the value, which is not shown: before and behind the place that is to be named.
    fn line(&mut self, line: &str) -> Result<Vec<String>, (String, &'static str)>;

    /// How many values there are so far.
    fn count(&self) -> u32;

    /// The rule has the new values from now on.
    fn finish(self: Box<Self>);
}

struct Filling<S: Set> {
    words: &'static Vocabulary<S>,
    new: S,
    count: u32,
    into: Rc<RefCell<S>>,
}

impl<S: Set> Refill for Filling<S> {
    fn line(&mut self, line: &str) -> Result<Vec<String>, (String, &'static str)> {
        let mut warnings = Vec::new();
        let value = line.split('#').next().unwrap_or_default().trim();
        if !value.is_empty() {
            let item = self.words.item(value, &mut warnings);
            self.new
                .put(item.ok_or_else(|| self.words.refused_unseen())?);
            self.count = self.count.saturating_add(1);
        }
        Ok(warnings)
    }

    fn count(&self) -> u32 {
        self.count
    }

    fn finish(mut self: Box<Self>) {
        self.new.finish();
        if let Ok(mut values) = self.into.try_borrow_mut() {
            *values = std::mem::take(&mut self.new);
        }
    }
}
