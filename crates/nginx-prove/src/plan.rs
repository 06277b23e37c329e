//! `plan tests => N`: how many checks a file makes, counted as Test::Nginx counts them.
//!
//! Per repetition a block makes one check for its status, one for each header, body and raw-header
//! section, and one for each pattern of a log section; all of it once per request. Sections that
//! only this runner knows (`ws_…`) count nothing.

use std::collections::BTreeSet;

use bstr::ByteSlice;

use crate::format::{Block, TestFile};
use crate::logs::Matcher;
use crate::perl::{self, Scope, Value};
use crate::prologue::Plan;

/// The number of a plan, where `blocks()` is what it is.
fn number(plan: &Plan, scope: &Scope, blocks: usize) -> Result<u64, String> {
    let mut scope = scope.clone();
    scope.set_call("blocks", u64::try_from(blocks).unwrap_or(u64::MAX));
    scope.set_call("repeat_each", u64::from(plan.repeat_each));
    let text = perl::eval(&plan.source, &scope)?.text()?;
    text.parse()
        .map_err(|_| format!("`{text}` is not a number of tests"))
}

/// Compares a file's plan with what its blocks check; `skipped` says for a block with `skip_nginx`
/// whether this nginx skips it.
///
/// # Errors
/// A plan that is wrong or cannot be read.
pub fn check(file: &TestFile, skipped: impl Fn(&Block) -> bool) -> Result<(), String> {
    let Some(plan) = &file.prologue.plan else {
        return Ok(());
    };
    let blocks: Vec<&Block> = file.blocks.iter().filter(|b| !b.has("SKIP")).collect();
    let planned = number(plan, &file.scope, blocks.len()).map_err(|e| format!("plan: {e}"))?;
    let once = blocks.iter().try_fold(0_u64, |sum, block| {
        let checks = if skipped(block) {
            skip_count(block)?
        } else {
            checks(block)?
        };
        Ok::<u64, String>(sum.saturating_add(checks))
    })?;
    let made = once.saturating_mul(u64::from(file.prologue.repeat_each));
    if planned == made {
        return Ok(());
    }
    Err(format!(
        "planned {planned} checks, the file makes {made} (repeat_each {}, {} blocks)",
        file.prologue.repeat_each,
        blocks.len()
    ))
}

/// `skip_nginx: N: …` says how many checks are skipped.
fn skip_count(block: &Block) -> Result<u64, String> {
    let text = block
        .get("skip_nginx")
        .map_or(Ok(String::new()), Value::text)?;
    let count = text.split_once(':').map_or("", |(count, _)| count).trim();
    count
        .parse()
        .map_err(|_| format!("plan: {}: skip_nginx without a number", block.title))
}

fn checks(block: &Block) -> Result<u64, String> {
    let read = || {
        let logs = patterns(block, &["error_log", "no_error_log"])?;
        if block.has("must_die") || block.has("config_ok") {
            return Ok(logs.saturating_add(1));
        }
        let shutdown = patterns(block, &["shutdown_error_log", "no_shutdown_error_log"])?;
        let mut sum = shutdown;
        for index in 0..requests(block) {
            sum = sum.saturating_add(logs);
            if !block.has("ignore_response") {
                let access = patterns(block, &["access_log", "no_access_log"])?;
                sum = sum
                    .saturating_add(access)
                    .saturating_add(response(block, index)?);
            }
        }
        Ok(sum)
    };
    read().map_err(|e: String| format!("plan: {}: {e}", block.title))
}

fn requests(block: &Block) -> usize {
    let listed = |name: &str| match block.get(name) {
        Some(Value::List(items)) => Some(items.len()),
        _ => None,
    };
    if block.has("raw_request") {
        return 1;
    }
    listed("pipelined_requests")
        .or_else(|| listed("request"))
        .unwrap_or(1)
}

fn patterns(block: &Block, sections: &[&str]) -> Result<u64, String> {
    let mut sum = 0_usize;
    for section in sections {
        if let Some(value) = block.get(section) {
            let given = Matcher::read(value).map_err(|e| format!("{section}: {e}"))?;
            sum = sum.saturating_add(given.len());
        }
    }
    Ok(u64::try_from(sum).unwrap_or(u64::MAX))
}

/// Status, headers and body of one response.
fn response(block: &Block, index: usize) -> Result<u64, String> {
    let raw = ["raw_response_headers_like", "raw_response_headers_unlike"];
    let mut sum = raw
        .iter()
        .filter(|section| block.has(section))
        .fold(1_u64, |sum, _| sum.saturating_add(1));
    if let Some(value) = block.get("response_headers") {
        let value = match value {
            Value::List(items) => items.get(index).unwrap_or(&Value::Undef),
            other => other,
        };
        sum = sum.saturating_add(headers(value)?);
    }
    // Test::Nginx looks at one of the three.
    let body = [
        "response_body",
        "response_body_like",
        "response_body_unlike",
    ];
    if body.iter().any(|section| block.has(section)) {
        sum = sum.saturating_add(1);
    }
    Ok(sum)
}

/// One check for each name; a name that comes twice is one, since Test::Nginx keeps them in a hash.
fn headers(value: &Value) -> Result<u64, String> {
    if matches!(value, Value::Undef) {
        return Ok(0);
    }
    let text = value.bytes()?;
    let names: BTreeSet<&[u8]> = text
        .lines()
        .map(|line| {
            let line = line.trim_ascii();
            let name = line.strip_prefix(b"!").unwrap_or(line);
            name.split_str(b":").next().unwrap_or_default().trim_ascii()
        })
        .filter(|name| !name.is_empty())
        .collect();
    Ok(u64::try_from(names.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format;

    fn plan(prologue: &str, blocks: &str) -> Result<(), String> {
        let text = format!("{prologue}\nrun_tests();\n__DATA__\n{blocks}");
        let file = format::parse(text.as_bytes(), []).unwrap();
        check(&file, |block| block.has("skip_nginx"))
    }

    const TWO: &str = "=== a\n--- config\n--- request\nGET /\n--- response_body\nx\n--- no_error_log\n[error]\n\
                       === b\n--- config\n--- request\nGET /\n--- response_headers\nA: 1\n! B\n";

    #[test]
    fn counts_as_test_nginx_does() {
        assert_eq!(
            plan("plan tests => repeat_each() * (blocks() * 3);", TWO),
            Ok(())
        );
        assert_eq!(plan("plan(tests => 6);", TWO), Ok(()));
        assert_eq!(
            plan(
                "repeat_each(2);\nplan tests => repeat_each() * blocks() * 3;",
                TWO
            ),
            Ok(())
        );
        assert_eq!(plan("use Test::Nginx::Socket tests => 6;", TWO), Ok(()));
        assert_eq!(plan("use Test::Nginx::Socket 'no_plan';", TWO), Ok(()));
        assert_eq!(plan("plan 'no_plan';", TWO), Ok(()));
    }

    #[test]
    fn a_wrong_number_is_an_error() {
        let wrong = plan("plan tests => repeat_each() * (blocks() * 2);", TWO);
        assert_eq!(
            wrong.unwrap_err(),
            "planned 4 checks, the file makes 6 (repeat_each 1, 2 blocks)"
        );
        // Perl reads from above: the plan is made for one repetition.
        assert!(plan("plan tests => repeat_each() * 6;\nrepeat_each(2);", TWO).is_err());
        assert!(plan("plan tests => 5;", TWO).is_err());
        assert!(plan("use Test::Nginx::Socket tests => 7;", TWO).is_err());
        let unread = plan("plan tests => scalar(@cases);", TWO).unwrap_err();
        assert!(unread.starts_with("plan: "), "{unread}");
    }

    #[test]
    fn every_request_is_checked() {
        let many = "=== a\n--- config\n--- request eval\n[\"GET /\", \"GET /\"]\n--- error_code eval\n[200, 404]\n\
                    --- response_headers eval\n[\"A: 1\\nB: 2\", undef]\n--- error_log eval\n[\"x\", qr/y/]\n--- access_log\nz\n";
        assert_eq!(
            plan("plan tests => 1 + 2 + 2 + 1 + 1 + 2 + 1;", many),
            Ok(())
        );
        let dies = "=== a\n--- config\n--- must_die\n--- error_log\na\nb\n--- no_error_log\nc\n";
        assert_eq!(plan("plan tests => 4;", dies), Ok(()));
        let unseen = "=== a\n--- config\n--- request\nGET /\n--- ignore_response\n--- no_error_log\nc\n--- access_log\nz\n";
        assert_eq!(plan("plan tests => 1;", unseen), Ok(()));
    }

    #[test]
    fn skipped_blocks() {
        let skipped = "=== a\n--- SKIP\n--- config\n--- request\nGET /\n=== b\n--- skip_nginx\n3: < 99\n--- config\n--- request\nGET /\n";
        assert_eq!(plan("plan tests => blocks() * 3;", skipped), Ok(()));
    }
}
