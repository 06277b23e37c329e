//! A copy of the repository that faults can be put into.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::room::Room;

/// The copies: `tree/` as it is, `listing/` for finding faults, `switched/` for building and testing.
pub(crate) struct Tree {
    work: PathBuf,
    /// What git knows of.
    files: Vec<PathBuf>,
}

impl Tree {
    /// Copies what git knows of `root` as it stands there; files already the same keep their time,
    /// so that cargo builds only what has changed.
    pub(crate) fn copy(root: &Path, work: &Path, room: Room) -> Result<Tree, String> {
        let tree = Tree {
            work: work.to_owned(),
            files: tracked(root)?,
        };
        for file in &tree.files {
            let Ok(bytes) = fs::read(root.join(file)) else {
                continue; // Deleted, or a link to nothing.
            };
            write(&tree.path().join(file), &bytes)?;
            // One that faults are put into is written later.
            if !room.is_switched(file) || !tree.switched().join(file).exists() {
                write(&tree.switched().join(file), &bytes)?;
            }
            let bare = if has_extension(file, "rs") {
                without_unsafe(&String::from_utf8_lossy(&bytes)).into_bytes()
            } else {
                bytes
            };
            write(&tree.listing().join(file), &bare)?;
            for copy in [tree.path(), tree.switched()] {
                keep_mode(&root.join(file), &copy.join(file))?;
            }
        }
        for copy in [tree.path(), tree.listing(), tree.switched()] {
            remove_others(&copy, &copy, &tree.files)?;
        }
        Ok(tree)
    }

    /// Where it is built and tested, with all faults in it.
    pub(crate) fn switched(&self) -> PathBuf {
        self.work.join("switched")
    }

    /// The sources as they are.
    pub(crate) fn path(&self) -> PathBuf {
        self.work.join("tree")
    }

    /// Where cargo-mutants looks: it passes over `unsafe fn`, so here none is called so.
    pub(crate) fn listing(&self) -> PathBuf {
        self.work.join("listing")
    }

    /// Where builds and logs go.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    /// A file that no other run beside this one writes: parts of a room may be tested at the same time (`--shard`).
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.work.join(format!("{name}.{}", std::process::id()))
    }

    /// A source file without a fault.
    pub(crate) fn original(&self, file: &str) -> Result<String, String> {
        let path = self.path().join(file);
        fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Gives a source file of the copy that is built another text.
    pub(crate) fn switch(&self, file: &str, text: &str) -> Result<(), String> {
        write(&self.switched().join(file), text.as_bytes())
    }

    /// The source files of a room.
    pub(crate) fn sources(&self, room: Room) -> Vec<String> {
        let files = self.files.iter().filter(|file| room.is_switched(file));
        files
            .map(|file| file.to_string_lossy().into_owned())
            .collect()
    }

    /// The test files, `(those for any build, those for the hooks build)`.
    pub(crate) fn test_files(&self) -> Result<(Vec<String>, Vec<String>), String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path().join("t")).map_err(|e| e.to_string())? {
            let name = entry.map_err(|e| e.to_string())?.file_name();
            let name = name.to_string_lossy().into_owned();
            if name.ends_with(".t") {
                names.push(format!("t/{name}"));
            }
        }
        names.sort();
        let hooks = |name: &String| {
            self.original(name).is_ok_and(|text| {
                text.lines()
                    .any(|line| line.starts_with("# requires:") && line.contains("hooks"))
            })
        };
        let (hooked, plain) = names.into_iter().partition(hooks);
        Ok((plain, hooked))
    }
}

fn tracked(root: &Path) -> Result<Vec<PathBuf>, String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("git: {e}"))?;
    if !output.status.success() {
        return Err(format!("git: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .collect())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, bytes))
        .map_err(|e| format!("{}: {e}", path.display()))
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn keep_mode(from: &Path, to: &Path) -> Result<(), String> {
    fs::metadata(from)
        .and_then(|meta| fs::set_permissions(to, meta.permissions()))
        .map_err(|e| format!("{}: {e}", to.display()))
}

/// Removes files of an earlier copy that the repository no longer has.
fn remove_others(copy: &Path, dir: &Path, files: &[PathBuf]) -> Result<(), String> {
    for entry in fs::read_dir(dir).map_err(|e| e.to_string())? {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.is_dir() {
            remove_others(copy, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(copy) {
            let ours = ["rs", "t", "toml"]
                .iter()
                .any(|extension| has_extension(name, extension));
            if ours && !files.iter().any(|file| file == name) {
                fs::remove_file(&path).map_err(|e| e.to_string())?;
            }
        }
    }
    Ok(())
}

/// The text with `unsafe fn` and `unsafe extern "C" fn` no longer unsafe, every byte else in its
/// place.
fn without_unsafe(text: &str) -> String {
    let mut out = text.to_owned();
    for kind in ["fn ", "extern \"C\" fn ", "extern \"C-unwind\" fn "] {
        let unsafe_kind = format!("unsafe {kind}");
        out = out.replace(
            &unsafe_kind,
            &format!("{kind:>width$}", width = unsafe_kind.len()),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without_unsafe;

    #[test]
    fn unsafe_functions_keep_their_places() {
        let text = "pub unsafe fn a() { unsafe { b() } }\nunsafe extern \"C\" fn c() {}\n";
        let bare = without_unsafe(text);
        assert_eq!(
            bare,
            "pub        fn a() { unsafe { b() } }\n       extern \"C\" fn c() {}\n"
        );
        assert_eq!(bare.len(), text.len());
    }
}
