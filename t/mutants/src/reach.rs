//! Which faults a test reaches: bytes that the code of a room sets while a test runs without a fault.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::mutant::Mutant;

/// A folder with what each test reaches, for this very list of faults.
pub(crate) fn folder(work: &Path, mutants: &[Mutant]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    for mutant in mutants {
        (mutant.number, &mutant.key).hash(&mut hasher);
    }
    work.join(format!("known-{:016x}", hasher.finish()))
}

/// Whether any of a folder's tests reaches a fault; None when nothing is known.
pub(crate) fn by_any(folder: &Path) -> Option<impl Fn(&Mutant) -> bool + use<>> {
    let files = std::fs::read_dir(folder).ok()?;
    let tests: Vec<Vec<u8>> = files
        .filter_map(|file| std::fs::read(file.ok()?.path()).ok())
        .collect();
    Some(move |mutant: &Mutant| {
        let number = mutant.number as usize;
        tests
            .iter()
            .any(|marks| marks.get(number).is_some_and(|&mark| mark != 0))
    })
}
