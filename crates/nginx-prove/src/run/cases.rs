//! One row of a `conf_cases` table, from its nginx.conf to its verdict.

use std::path::Path;

use bstr::ByteSlice;

use super::Outcome;
use super::needs::left_out;
use super::stage::Stage;
use crate::cases::{self, Case, Lines};
use crate::env::Env;
use crate::format::Block;
use crate::logs;
use crate::perl::Value;
use crate::process::Nginx;
use crate::prologue::Prologue;

/// The word that a row's lines take the place of.
const CASE: &[u8] = b"CASE";

/// Stands behind a row's lines in nginx.conf until their numbers are known.
const END: char = '\u{e000}';

/// Where the word may stand.
const WHERE: &[&str] = &[
    "main_config",
    "http_config",
    "config",
    "post_main_config",
    "user_files",
];

/// What else such a block may have.
const BESIDE: &[&str] = &[
    "conf_cases",
    "log_level",
    "nginx_env",
    "skip_nginx",
    "SKIP",
    "ONLY",
    "LAST",
];

/// The titles of a block's rows.
///
/// # Errors
/// As [`cases::parse`], or a block that is more than a table.
pub fn titles(block: &Block) -> Result<Option<Vec<String>>, String> {
    let Some(section) = block.get("conf_cases") else {
        return Ok(None);
    };
    let mut names = block.sections.iter().map(|(name, _)| name.as_str());
    if let Some(name) = names.find(|name| !WHERE.contains(name) && !BESIDE.contains(name)) {
        return Err(format!("conf_cases: `{name}` has no meaning beside it"));
    }
    let cases = cases::parse(section)?;
    Ok(Some(cases.into_iter().map(|case| case.title).collect()))
}

/// Runs `nginx -t` on one row of a block and judges what it says.
#[must_use]
pub fn run_case(env: &Env, prologue: &Prologue, block: &Block, row: usize) -> Outcome {
    if let Some(outcome) = left_out(env, block) {
        return outcome;
    }
    match attempt(env, prologue, block, row) {
        Ok(why) if why.is_empty() => Outcome::Pass,
        Ok(why) => Outcome::Fail(why),
        Err(error) => Outcome::Fail(vec![error]),
    }
}

fn attempt(
    env: &Env,
    prologue: &Prologue,
    block: &Block,
    row: usize,
) -> Result<Vec<String>, String> {
    let filled = filled(block, &case(block, row)?.lines)?;
    let stage = Stage::set(env, prologue, &filled)?;
    // The row's own names are values now.
    let case = case(&stage.block, row)?;
    let lines = number(&stage, &case)?;
    let status = Nginx::test_config(env, stage.root.path(), &stage.process_env)?;
    let printed = stage.root.read("logs/stdio.log");
    let mut why = case.differences(&printed, stage.root.path(), lines.as_ref())?;
    if status.code().is_none() || status.success() == case.refused() {
        why.push(format!("nginx -t gave {status}"));
    }
    let log = stage.root.error_log();
    let grave = log
        .lines()
        .filter(|line| logs::is_fatal(line) || has_any(line, &env.never));
    why.extend(grave.map(|line| format!("in the error log: {}", line.to_str_lossy())));
    if !why.is_empty() {
        why.push(format!(
            "nginx said:\n{}",
            printed.to_str_lossy().trim_end()
        ));
        why.push(format!("with:\n{}", case.lines.trim_end()));
    }
    Ok(why)
}

fn has_any(line: &[u8], texts: &[String]) -> bool {
    texts.iter().any(|text| line.contains_str(text))
}

fn case(block: &Block, row: usize) -> Result<Case, String> {
    let section = block.get("conf_cases").unwrap_or(&Value::Undef);
    let case = cases::parse(section)?.into_iter().nth(row);
    case.ok_or_else(|| "no such row".into())
}

/// The block with a row's lines in the place of the word.
fn filled(block: &Block, lines: &str) -> Result<Block, String> {
    let mut filled = block.clone();
    let mut count = 0_usize;
    let lines = lines.strip_suffix('\n').unwrap_or(lines);
    let places = filled.sections.iter_mut();
    for (name, value) in places.filter(|(name, _)| WHERE.contains(&name.as_str())) {
        let marked = if name == "user_files" {
            lines.to_owned()
        } else {
            format!("{lines}{END}")
        };
        count = count.saturating_add(fill(value, marked.as_bytes()));
    }
    match count {
        1 => Ok(filled),
        _ => Err(format!(
            "conf_cases: `CASE` stands {count} times in the other sections"
        )),
    }
}

/// Replaces the word; gives how often.
fn fill(value: &mut Value, lines: &[u8]) -> usize {
    match value {
        Value::Str(text) => {
            let count = text.find_iter(CASE).count();
            *text = text.replace(CASE, lines);
            count
        }
        Value::List(items) => items.iter_mut().map(|item| fill(item, lines)).sum(),
        _ => 0,
    }
}

/// Takes the mark out of nginx.conf; gives the lines that the row has there, if it stands there.
fn number(stage: &Stage, case: &Case) -> Result<Option<Lines>, String> {
    let text = stage.root.read("conf/nginx.conf");
    let mark = END.to_string();
    let Some((before, _)) = text.split_once_str(&mark) else {
        return Ok(None);
    };
    let last = before.lines().count();
    let more = case.lines.lines().count().saturating_sub(1);
    stage
        .root
        .write(Path::new("conf/nginx.conf"), &text.replace(&mark, ""))?;
    Ok(Some(last.saturating_sub(more)..=last))
}
