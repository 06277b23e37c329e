//! Running a configuration of nginx-conf/ as it is shipped.

use std::fs;
use std::path::Path;

use crate::env::Env;
use crate::root::Root;

/// Reads `conf_file`: a name in nginx-conf/, then `text => text` lines that make its ports and addresses the block's.
///
/// Every other file of nginx-conf/ and snippets/ is copied, so that relative paths hold.
///
/// # Errors
/// No such file, or a text to replace that is not in it: the example has changed and the block must too.
pub fn read(env: &Env, section: &str, root: &Root) -> Result<String, String> {
    let mut lines = section
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let name = lines.next().ok_or("conf_file needs a name")?;
    let path = env.repo.join("nginx-conf").join(name);
    let mut text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    for line in lines {
        let (from, to) = line
            .split_once("=>")
            .ok_or_else(|| format!("conf_file: `{line}` is no `text => text`"))?;
        let (from, to) = (from.trim(), to.trim());
        if from.is_empty() || !text.contains(from) {
            return Err(format!("conf_file: `{from}` is not in {name}"));
        }
        text = text.replace(from, to);
    }
    copy(&env.repo.join("nginx-conf"), Path::new("conf"), root)?;
    copy(&env.repo.join("snippets"), Path::new("snippets"), root)?;
    Ok(text)
}

fn copy(from: &Path, to: &Path, root: &Root) -> Result<(), String> {
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target, root)?;
        } else {
            let data = fs::read(&source).map_err(|e| format!("{}: {e}", source.display()))?;
            root.write(&target, &data)?;
        }
    }
    Ok(())
}
