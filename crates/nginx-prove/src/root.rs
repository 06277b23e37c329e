//! A server root: `conf/`, `logs/`, `html/` and the files a test asks for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use bstr::ByteSlice;

use crate::env::Env;

/// A directory for one nginx, removed when dropped unless kept.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    keep: bool,
}

impl Root {
    /// Makes a fresh server root below the run's.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn new(env: &Env, label: &str) -> Result<Root, String> {
        let label: String = label
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(40)
            .collect();
        let path = tempfile::Builder::new()
            .prefix(&format!("{label}."))
            .tempdir_in(&env.root)
            .map_err(|e| format!("server root: {e}"))?
            .keep();
        open_to_workers(&path)?;
        let root = Root {
            path,
            keep: env.keep,
        };
        for directory in ["conf", "logs", "html"] {
            fs::create_dir(root.path.join(directory)).map_err(|e| format!("{directory}: {e}"))?;
        }
        let page = "<html><head><title>It works!</title></head><body>It works!</body></html>";
        root.write(Path::new("html/index.html"), page.as_bytes())?;
        Ok(root)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the directory after the run.
    pub fn keep(&mut self) {
        self.keep = true;
    }

    /// Writes a file below the root, replacing it in one step, with the directories it needs.
    ///
    /// # Errors
    /// A path that leaves the root, or the system's error.
    pub fn write(&self, path: &Path, data: &[u8]) -> Result<(), String> {
        let target = self.resolve(path)?;
        let parent = target.parent().ok_or("no directory")?;
        let failed = |e: std::io::Error| format!("{}: {e}", target.display());
        fs::create_dir_all(parent).map_err(failed)?;
        let mut name = target.file_name().ok_or("no file name")?.to_owned();
        name.push(".new");
        let fresh = parent.join(name);
        fs::write(&fresh, data).map_err(failed)?;
        if is_key(&target) {
            // As an operator keeps it; nginx -t warns about others.
            fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        }
        fs::rename(&fresh, &target).map_err(failed)
    }

    /// The absolute path of `path`, which may be relative or absolute but must stay inside the root.
    fn resolve(&self, path: &Path) -> Result<PathBuf, String> {
        let mut clean = PathBuf::new();
        for part in self.path.join(path).components() {
            match part {
                Component::ParentDir => {
                    clean.pop();
                }
                Component::CurDir => {}
                other => clean.push(other),
            }
        }
        if clean.starts_with(&self.path) && clean != self.path {
            return Ok(clean);
        }
        Err(format!("{} is outside the server root", path.display()))
    }

    /// The text of a file below the root, lossily; empty when it is not there.
    #[must_use]
    pub fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.path.join(path)).unwrap_or_default()
    }

    /// The error log and what nginx printed.
    #[must_use]
    pub fn error_log(&self) -> Vec<u8> {
        let mut log = self.read("logs/stdio.log");
        log.extend(self.read("logs/error.log"));
        log
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A file called `key` or `….key`.
fn is_key(path: &Path) -> bool {
    path.extension()
        .or(path.file_name())
        .is_some_and(|name| name == "key")
}

/// Temporary directories are private; workers of another user (`user nobody;`) must reach the files in them.
///
/// # Errors
/// The system's.
pub fn open_to_workers(path: &Path) -> Result<(), String> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// Splits a `user_files` text: `>>> path` lines, each followed by the file's bytes.
///
/// As in Test::Nginx, `>>> path` counts wherever it stands in a line; `eval` arrays are free of that.
#[must_use]
pub fn user_files(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for line in text.split_inclusive(|b| *b == b'\n') {
        if let Some(path) = file_header(line) {
            files.push((path, Vec::new()));
        } else if let Some((_, body)) = files.last_mut() {
            body.extend_from_slice(line);
        }
    }
    files
}

/// The path of a `>>> path [date]` line. The date is Test::Nginx's `touch`; nothing of ours depends on it.
fn file_header(line: &[u8]) -> Option<String> {
    let (_, rest) = line.split_once_str(">>> ")?;
    let path: Vec<u8> = rest
        .iter()
        .copied()
        .take_while(|b| !b.is_ascii_whitespace())
        .collect();
    if path.is_empty() {
        None
    } else {
        Some(path.to_str_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::user_files;

    #[test]
    fn splits_files_byte_exactly() {
        let files =
            user_files(b">>> a.txt 199801171935.33\none\ntwo\n>>> ../conf/b\n\x00\xff>>>c\r");
        assert_eq!(files[0], ("a.txt".to_owned(), b"one\ntwo\n".to_vec()));
        assert_eq!(
            files[1],
            ("../conf/b".to_owned(), b"\x00\xff>>>c\r".to_vec())
        );
        assert_eq!(files.len(), 2);
    }
}
