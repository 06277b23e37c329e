//! A source text with all its faults in it, each behind a switch.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::mutant::Mutant;
use crate::sites::{Site, Sites};

/// The variable that names the faults that are on: usually one.
pub(crate) const VARIABLE: &str = "GATEHOUSE_FAULT";

/// The variable that names a file of [`MARKS`] bytes: the n-th becomes 1 when code with the n-th fault is reached.
pub(crate) const REACHED: &str = "GATEHOUSE_FAULTS_REACHED";

/// More than a room has faults.
pub(crate) const MARKS: usize = 1 << 16;

/// What every crate with faults gets: the faults that are on, and the bytes of what was reached, in memory that all of
/// nginx's processes share. Both are looked for when the crate is loaded, since nginx's workers lose the variables.
pub(crate) const SWITCH: &str = r#"
#[doc(hidden)]
pub fn gatehouse_fault(number: u32) -> bool {
    use std::sync::atomic::{AtomicU8, Ordering};
    unsafe extern "C" {
        fn mmap(at: *mut u8, len: usize, prot: i32, flags: i32, fd: i32, from: i64) -> *mut u8;
    }
    static ON: std::sync::OnceLock<(Vec<u32>, usize)> = std::sync::OnceLock::new();
    let on = || {
        let list = std::env::var("GATEHOUSE_FAULT").unwrap_or_default();
        list.split(',').filter_map(|n| n.parse().ok()).collect()
    };
    let reached = || {
        let path = std::env::var_os("GATEHOUSE_FAULTS_REACHED")?;
        let file = std::fs::File::options().read(true).write(true).open(path).ok()?;
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        // PROT_READ | PROT_WRITE, MAP_SHARED
        let at = unsafe { mmap(std::ptr::null_mut(), 1 << 16, 3, 1, fd, 0) } as usize;
        (at != usize::MAX).then_some(at)
    };
    let (on, marks) = ON.get_or_init(|| (on(), reached().unwrap_or(0)));
    let marks = *marks;
    if marks != 0 && (number as usize) < 1 << 16 {
        unsafe { &*((marks + number as usize) as *const AtomicU8) }.store(1, Ordering::Relaxed);
    }
    number != 0 && on.contains(&number)
}

#[used]
#[unsafe(link_section = ".init_array")]
static GATEHOUSE_FAULT_AT_LOAD: extern "C" fn() = {
    extern "C" fn read() {
        gatehouse_fault(0);
    }
    read
};
"#;

/// The text, and where in it what came from.
#[derive(Debug, Default)]
pub(crate) struct Switched {
    /// The text.
    pub text: String,
    /// Where each fault is in it.
    places: Vec<(Range<usize>, u32)>,
    /// Runs of bytes that are as they were: where here, where there.
    copied: Vec<(Range<usize>, usize)>,
}

/// What is done to a range of the text.
#[derive(Default)]
struct Edit {
    /// Written before it.
    before: Vec<(u32, String)>,
    /// The range with each fault in it, instead of it.
    instead: Vec<(u32, String)>,
    /// Arms that are left out by making their guard false.
    unless: Vec<u32>,
}

type Edits = BTreeMap<(usize, Reverse<usize>), Edit>;

/// Puts the faults of one file into its text; the numbers of those that cannot be switched stand beside it.
pub(crate) fn switched(text: &str, mutants: &[&Mutant]) -> Result<(Switched, Vec<u32>), String> {
    let sites = Sites::of(text)?;
    let mut edits = Edits::new();
    let mut apart = Vec::new();
    for mutant in mutants {
        let edit = sites
            .find(mutant)
            .and_then(|site| add(&mut edits, text, mutant, site));
        if edit.is_none() {
            apart.push(mutant.number);
        }
    }
    let edits: Vec<_> = edits.into_iter().collect();
    let mut out = Switched::default();
    out.render(text, 0..text.len(), &edits);
    Ok((out, apart))
}

fn add(edits: &mut Edits, text: &str, mutant: &Mutant, site: Site) -> Option<()> {
    let number = mutant.number;
    match site {
        Site::Body(at) => {
            let entry = edits.entry((at, Reverse(at))).or_default();
            let value = &mutant.replacement;
            let text = format!(" if crate::gatehouse_fault({number}) {{ return {value}; }} ");
            entry.before.push((number, text));
        }
        Site::Expression(around) => {
            let head = text.get(around.start..mutant.part.start)?;
            let tail = text.get(mutant.part.end..around.end)?;
            let faulty = match (head.trim(), tail.trim()) {
                ("", _) | (_, "") => format!("{head}{}{tail}", mutant.replacement),
                // The operands stay what they are, however the new operator binds.
                (left, right) => format!("({left}) {} ({right})", mutant.replacement),
            };
            let entry = edits
                .entry((around.start, Reverse(around.end)))
                .or_default();
            entry.instead.push((number, faulty));
        }
        Site::Arm(_, Some(guard)) => {
            let entry = edits.entry((guard.start, Reverse(guard.end))).or_default();
            entry.unless.push(number);
        }
        Site::Arm(at, None) => {
            let entry = edits.entry((at, Reverse(at))).or_default();
            let text = format!(" if !crate::gatehouse_fault({number})");
            entry.before.push((number, text));
        }
    }
    Some(())
}

impl Switched {
    fn mark(&mut self, from: usize, number: u32) {
        self.places.push((from..self.text.len(), number));
    }

    /// Writes a range of the original with the edits inside it.
    fn render(
        &mut self,
        text: &str,
        range: Range<usize>,
        edits: &[((usize, Reverse<usize>), Edit)],
    ) {
        let mut at = range.start;
        let mut rest = edits;
        while let Some((((start, Reverse(end)), edit), later)) = rest.split_first() {
            self.copy(text, at..*start);
            for (number, added) in &edit.before {
                let from = self.text.len();
                self.text.push_str(added);
                self.mark(from, *number);
            }
            let inside = later.partition_point(|((from, _), _)| from < end);
            let (inside, behind) = later.split_at(inside);
            if edit.instead.is_empty() && edit.unless.is_empty() {
                self.render(text, *start..*end, inside);
            } else {
                self.choice(text, *start..*end, edit, inside);
            }
            at = *end;
            rest = behind;
        }
        self.copy(text, at..range.end);
    }

    /// `(if fault(1) { a - b } else { a + b })`
    fn choice(
        &mut self,
        text: &str,
        range: Range<usize>,
        edit: &Edit,
        inside: &[((usize, Reverse<usize>), Edit)],
    ) {
        let from = self.text.len();
        self.text.push('(');
        for number in &edit.unless {
            self.text
                .push_str(&format!("!crate::gatehouse_fault({number}) && "));
        }
        self.text.push('(');
        for (number, faulty) in &edit.instead {
            let begin = self.text.len();
            let chosen = format!("if crate::gatehouse_fault({number}) {{ {faulty} }} else ");
            self.text.push_str(&chosen);
            self.mark(begin, *number);
        }
        self.text.push_str("{ ");
        self.render(text, range, inside);
        self.text.push_str(" }))");
        let numbers = edit
            .unless
            .iter()
            .chain(edit.instead.iter().map(|(n, _)| n));
        for number in numbers {
            self.places.push((from..self.text.len(), *number));
        }
    }

    fn copy(&mut self, text: &str, range: Range<usize>) {
        let Some(part) = text.get(range.clone()) else {
            return;
        };
        let from = self.text.len();
        self.text.push_str(part);
        self.copied.push((from..self.text.len(), range.start));
    }

    /// The fault that an error at this byte is about: the innermost whose code it is in.
    pub(crate) fn at(&self, byte: usize) -> Option<u32> {
        let around = self
            .places
            .iter()
            .filter(|(place, _)| place.contains(&byte));
        around.min_by_key(|(place, _)| place.len()).map(|(_, n)| *n)
    }

    /// The byte of the original that this one is.
    pub(crate) fn original(&self, byte: usize) -> Option<usize> {
        let run = self.copied.iter().find(|(run, _)| run.contains(&byte));
        run.map(|(run, there)| there.saturating_add(byte.saturating_sub(run.start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "fn f(a: u8, b: u8) {\n    match a { 1 if b > 2 => true, 3 => !(a == b), _ => a + 1 < b }\n}\n";

    fn fault(number: u32, part: &str, replacement: &str) -> Mutant {
        let start = TEXT.find(part).expect("the part is there");
        Mutant {
            number,
            file: String::new(),
            what: String::new(),
            line: 1,
            key: String::new(),
            part: start..start + part.len(),
            replacement: replacement.to_owned(),
            function: 0..TEXT.len(),
            returns: number == 1,
        }
    }

    fn with(faults: &[Mutant]) -> (Switched, Vec<u32>) {
        let faults: Vec<&Mutant> = faults.iter().collect();
        switched(TEXT, &faults).expect("a text of Rust")
    }

    #[test]
    fn a_text_without_faults_is_itself() {
        assert_eq!(with(&[]).0.text, TEXT);
    }

    #[test]
    fn each_kind_of_fault_has_its_switch() {
        let faults = [
            fault(1, "match a {", "false"),
            fault(2, ">", "=="),
            fault(3, "1 if b > 2 => true,", ""),
            fault(4, "b > 2", "true"),
            fault(5, "!", ""),
            fault(6, "==", "!="),
            fault(7, "<", ">"),
            fault(8, "+", "-"),
            fault(9, "3 => !(a == b),", ""),
        ];
        let (switched, apart) = with(&faults);
        assert!(apart.is_empty(), "{apart:?}");
        syn::parse_file(&switched.text).expect("still a text of Rust");
        for fault in &faults {
            let switch = format!("gatehouse_fault({})", fault.number);
            let at = switched.text.find(&switch).expect("it has a switch");
            assert_eq!(switched.at(at), Some(fault.number), "{}", switched.text);
        }
        let end = switched.text.rfind('}').expect("it ends");
        assert_eq!(switched.original(end), TEXT.rfind('}'));
    }

    #[test]
    fn an_operator_keeps_its_operands() {
        let (switched, apart) = with(&[fault(2, "<", "*")]);
        assert!(apart.is_empty(), "{apart:?}");
        let text = switched.text;
        assert!(
            text.contains("{ (a + 1) * (b) } else { a + 1 < b }"),
            "{text}"
        );
    }

    #[test]
    fn what_cannot_be_switched_stands_apart() {
        assert_eq!(with(&[fault(2, "a: u8", "")]).1, [2]);
    }
}
