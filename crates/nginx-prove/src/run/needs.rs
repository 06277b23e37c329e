//! `# requires:` hints and other reasons to skip.

use std::path::Path;

use super::Outcome;
use crate::env::{Env, version_matches};
use crate::format::Block;
use crate::perl::Value;

/// Why `need` is not met; `None` when it is.
///
/// Needs: `nginx >= 1.25.1`, `with http_ssl_module`, `file PATH`, `root`, or a word that the run may provide.
///
/// # Errors
/// A need that cannot be read.
pub fn unmet(env: &Env, need: &str) -> Result<Option<String>, String> {
    let (kind, rest) = need.split_once(' ').unwrap_or((need, ""));
    let met = match kind {
        "nginx" => version_matches(env.version, rest)?,
        "with" => env.configure.contains(&format!("--with-{}", rest.trim())),
        "file" => env.base.join(Path::new(rest.trim())).exists(),
        "root" => nix::unistd::geteuid().is_root(),
        word if rest.is_empty() && is_word(word) => env.provides.contains(word),
        _ => return Err(format!("`# requires: {need}` is not understood")),
    };
    Ok(if met {
        None
    } else {
        Some(format!("requires {need}"))
    })
}

fn is_word(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Whether a block's `skip_nginx` leaves it out on this nginx.
#[must_use]
pub fn skipped(env: &Env, block: &Block) -> bool {
    let conditions = block.get("skip_nginx").map(Value::text);
    matches!(conditions, Some(Ok(text)) if matches!(skip_nginx(env, &text), Ok(Some(_))))
}

/// Reads `skip_nginx`: `[N:] conditions`, the conditions under which the block is skipped.
///
/// # Errors
/// Conditions that cannot be read.
fn skip_nginx(env: &Env, text: &str) -> Result<Option<String>, String> {
    let conditions = text.split_once(':').map_or(text, |(_, rest)| rest).trim();
    let skip = version_matches(env.version, conditions)?;
    Ok(skip.then(|| format!("nginx {conditions}")))
}

/// Why a block does not run here: it says so, nginx is not one it is for, or its text is wrong.
#[must_use]
pub(super) fn left_out(env: &Env, block: &Block) -> Option<Outcome> {
    if let Some(reason) = block.get("SKIP") {
        let reason = reason.text().unwrap_or_default();
        return Some(Outcome::Skip(if reason.is_empty() {
            "SKIP".into()
        } else {
            reason
        }));
    }
    if !block.errors.is_empty() {
        return Some(Outcome::Fail(block.errors.clone()));
    }
    let conditions = block.get("skip_nginx")?;
    match conditions.text().and_then(|text| skip_nginx(env, &text)) {
        Ok(reason) => reason.map(Outcome::Skip),
        Err(error) => Some(Outcome::Fail(vec![format!("skip_nginx: {error}")])),
    }
}
