//! What a run is made with: the nginx binary, the modules, the names tests may use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The settings every block and live scenario shares.
#[derive(Clone, Debug)]
pub struct Env {
    /// The nginx binary.
    pub nginx: PathBuf,
    /// Its version, such as `(1, 28, 3)`.
    pub version: (u32, u32, u32),
    /// The text of `nginx -V` after `configure arguments:`.
    pub configure: String,
    /// Modules, one `load_module` line each.
    pub modules: Vec<PathBuf>,
    /// Directory below which server roots are made.
    pub root: PathBuf,
    /// Values of `$TEST_NGINX_…`.
    pub names: BTreeMap<String, String>,
    /// Environment of every nginx started.
    pub process_env: Vec<(String, String)>,
    /// How many workers a scenario's nginx has where its configuration says two.
    pub workers: Option<u32>,
    /// What `# requires: WORD` may ask for, beyond what the runner knows.
    pub provides: BTreeSet<String>,
    /// Texts that the error log of no block may have unless its `error_log` has them itself.
    pub never: Vec<String>,
    /// Whether server roots stay after the run.
    pub keep: bool,
    /// Where relative paths of `# requires: file PATH` begin.
    pub base: PathBuf,
}

impl Env {
    /// Gives `$TEST_NGINX_<name>` a value; the prefix may be there already.
    pub fn set(&mut self, name: &str, value: &str) {
        let name = name.trim_start_matches("TEST_NGINX_");
        self.names
            .insert(format!("TEST_NGINX_{name}"), value.to_owned());
    }

    /// Asks the binary for its version; everything else is empty.
    ///
    /// # Errors
    /// The binary does not run or prints no version.
    pub fn new(nginx: &Path, root: &Path, base: &Path) -> Result<Env, String> {
        let output = Command::new(nginx)
            .arg("-V")
            .output()
            .map_err(|e| format!("cannot run {}: {e}", nginx.display()))?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let version = parse_version(&text)
            .ok_or_else(|| format!("{} -V names no version", nginx.display()))?;
        let configure = text
            .split("configure arguments:")
            .nth(1)
            .unwrap_or("")
            .trim()
            .to_owned();
        Ok(Env {
            nginx: nginx.to_owned(),
            version,
            configure,
            modules: Vec::new(),
            root: root.to_owned(),
            names: BTreeMap::new(),
            process_env: Vec::new(),
            workers: None,
            provides: BTreeSet::new(),
            never: Vec::new(),
            keep: false,
            base: base.to_owned(),
        })
    }
}

fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let version = text.split("nginx/").nth(1)?;
    let version: String = version
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    version_numbers(&version)
}

/// Reads `1.25.1` or `1.25`.
#[must_use]
pub fn version_numbers(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.trim().split('.').map(|part| part.parse().ok());
    let major = parts.next()??;
    let minor = parts.next()??;
    let patch = parts.next().unwrap_or(Some(0))?;
    Some((major, minor, patch))
}

/// Whether `version` meets conditions such as `>= 1.25.1 and < 1.28`, `< 1.22 or 1.25.0`.
///
/// # Errors
/// A condition that cannot be read.
pub fn version_matches(version: (u32, u32, u32), conditions: &str) -> Result<bool, String> {
    for alternative in conditions.split(" or ") {
        let mut all = true;
        for condition in alternative.split(" and ").flat_map(|part| part.split(',')) {
            all = all && compare(version, condition.trim())?;
        }
        if all {
            return Ok(true);
        }
    }
    Ok(false)
}

fn compare(version: (u32, u32, u32), condition: &str) -> Result<bool, String> {
    let split = condition
        .find(|c: char| c.is_ascii_digit())
        .ok_or_else(|| format!("no version in `{condition}`"))?;
    let (operator, number) = condition.split_at(split);
    let wanted = version_numbers(number).ok_or_else(|| format!("no version in `{condition}`"))?;
    match operator.trim() {
        "<" => Ok(version < wanted),
        "<=" => Ok(version <= wanted),
        ">" => Ok(version > wanted),
        ">=" => Ok(version >= wanted),
        "=" | "==" | "" => Ok(version == wanted),
        "!=" => Ok(version != wanted),
        other => Err(format!("unknown comparison `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(
            parse_version("nginx version: nginx/1.22.1 (x)\n"),
            Some((1, 22, 1))
        );
        assert_eq!(version_matches((1, 22, 1), "< 1.25.1"), Ok(true));
        assert_eq!(
            version_matches((1, 22, 1), ">= 1.22.1 and < 1.22.1"),
            Ok(false)
        );
        assert_eq!(version_matches((1, 28, 3), "< 1.20 or >= 1.28"), Ok(true));
        assert!(version_matches((1, 28, 3), "new").is_err());
    }
}
