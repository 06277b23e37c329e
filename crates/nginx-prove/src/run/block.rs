//! One block, from its server root to its verdict.

use std::path::Path;
use std::thread;
use std::time::Duration;

use bstr::ByteSlice;

use super::Outcome;
use super::needs::left_out;
use super::requests::{self, Conversation};
use super::stage::Stage;
use super::websockets;
use crate::checks;
use crate::env::Env;
use crate::format::Block;
use crate::http::{self, Exchange, Response};
use crate::logs::{self, Matcher};
use crate::poll;
use crate::process::{Nginx, Start};
use crate::prologue::Prologue;
use crate::ws::duration;

const LOG_DEADLINE: Duration = Duration::from_secs(3);
const PORT_TRIES: usize = 3;

/// Runs a block and judges it.
#[must_use]
pub fn run_block(env: &Env, prologue: &Prologue, block: &Block) -> Outcome {
    if let Some(outcome) = left_out(env, block) {
        return outcome;
    }
    for _ in 1..PORT_TRIES {
        let outcome = attempt(env, prologue, block);
        if !matches!(&outcome, Outcome::Fail(why) if why.iter().any(|line| line.contains("(98: Address already in use)")))
        {
            return outcome;
        }
    }
    attempt(env, prologue, block)
}

fn attempt(env: &Env, prologue: &Prologue, block: &Block) -> Outcome {
    let stage = match Stage::set(env, prologue, block) {
        Ok(stage) => stage,
        Err(error) => return Outcome::Fail(vec![error]),
    };
    let mut why = match judge(env, prologue, &stage) {
        Ok(why) => why,
        Err(error) => vec![error],
    };
    if why.is_empty() {
        return Outcome::Pass;
    }
    why.push(log_tail(&stage));
    why.push(format!(
        "server root: {}{}",
        stage.root.path().display(),
        if env.keep { "" } else { " (kept with --keep)" }
    ));
    Outcome::Fail(why)
}

/// What nginx says at every start and stop.
const LIFECYCLE: &[&str] = &[
    "using the ",
    "nginx/",
    "OS: ",
    "getrlimit",
    "start worker process",
    "signal ",
    "gracefully shutting",
    "exit",
    "worker process",
];

fn is_noise(line: &[u8]) -> bool {
    let text = line.to_str_lossy();
    let lifecycle = |rest: &str| {
        rest.split_once(": ")
            .is_some_and(|(_, said)| LIFECYCLE.iter().any(|start| said.starts_with(start)))
    };
    text.contains(" [debug] ")
        || (!logs::is_fatal(line)
            && text
                .split_once(" [notice] ")
                .is_some_and(|(_, rest)| lifecycle(rest)))
}

/// The end of the error log, without debug lines and those of every start and stop.
fn log_tail(stage: &Stage) -> String {
    let log = stage.root.error_log();
    let lines: Vec<String> = log
        .lines()
        .filter(|line| !is_noise(line))
        .map(|line| format!("  {}", line.to_str_lossy()))
        .collect();
    let from = lines.len().saturating_sub(15);
    format!(
        "error log:\n{}",
        lines.get(from..).unwrap_or_default().join("\n")
    )
}

fn judge(env: &Env, prologue: &Prologue, stage: &Stage) -> Result<Vec<String>, String> {
    let block = &stage.block;
    let declared = matchers(block, "error_log")?;
    if block.has("config_ok") {
        return config_ok(env, stage);
    }
    let conversations = requests::read(block)?;
    if block.has("must_die") {
        return must_die(env, stage, &declared);
    }
    if conversations.is_empty() && !block.has("ws_connect") {
        return Err("the block has no request, ws_connect, must_die or config_ok".into());
    }
    let nginx = match Nginx::start(env, stage.root.path(), &stage.process_env)? {
        Start::Ready(nginx) => nginx,
        Start::Exited(status) => return Err(format!("nginx did not start: {status}")),
    };
    let mut why = Vec::new();
    for round in 0..prologue.repeat_each {
        if round > 0 {
            stage.write_user_files()?;
        }
        why.extend(converse(stage, &conversations)?);
        if block.has("ws_connect") {
            why.extend(websockets::run(stage, &nginx, conversations.is_empty())?);
        }
        if !why.is_empty() {
            break;
        }
    }
    if let Some(wait) = block.get("wait") {
        thread::sleep(duration(&wait.text()?)?);
    }
    why.extend(missing_lines(stage, "error_log", &declared));
    why.extend(missing_lines(
        stage,
        "access_log",
        &matchers(block, "access_log")?,
    ));
    if let Err(error) = nginx.quit() {
        why.push(error);
    }
    why.extend(unwanted_lines(env, stage, &declared)?);
    Ok(why)
}

fn matchers(block: &Block, section: &str) -> Result<Vec<Matcher>, String> {
    block.get(section).map_or(Ok(Vec::new()), |value| {
        Matcher::read(value).map_err(|e| format!("{section}: {e}"))
    })
}

fn config_ok(env: &Env, stage: &Stage) -> Result<Vec<String>, String> {
    let status = Nginx::test_config(env, stage.root.path(), &stage.process_env)?;
    let mut why = Vec::new();
    if !status.success() {
        why.push(format!("nginx -t must succeed, it gave {status}"));
    }
    why.extend(absent(
        &stage.root.error_log(),
        "error_log",
        &matchers(&stage.block, "error_log")?,
    ));
    why.extend(unwanted_lines(
        env,
        stage,
        &matchers(&stage.block, "error_log")?,
    )?);
    Ok(why)
}

fn must_die(env: &Env, stage: &Stage, declared: &[Matcher]) -> Result<Vec<String>, String> {
    let mut why = Vec::new();
    match Nginx::start(env, stage.root.path(), &stage.process_env)? {
        Start::Ready(_) => why.push("nginx must die, but it started".into()),
        Start::Exited(status) => {
            let wanted = stage
                .block
                .get("must_die")
                .map_or(Ok(String::new()), |value| value.text())?;
            let died = if wanted.is_empty() {
                !status.success() && status.code().is_some()
            } else {
                status.code().map(|c| c.to_string()).as_ref() == Some(&wanted)
            };
            if !died {
                why.push(format!(
                    "nginx must exit with {}, it gave {status}",
                    if wanted.is_empty() {
                        "a failure"
                    } else {
                        &wanted
                    }
                ));
            }
        }
    }
    let log = stage.root.error_log();
    why.extend(absent(&log, "error_log", declared));
    why.extend(present(
        &log,
        "no_error_log",
        &matchers(&stage.block, "no_error_log")?,
    ));
    why.extend(
        logs::undeclared_at_death(&log, declared, &env.never)
            .into_iter()
            .map(|line| format!("undeclared in the error log: {line}")),
    );
    Ok(why)
}

fn converse(stage: &Stage, conversations: &[Conversation]) -> Result<Vec<String>, String> {
    let timeout = stage.timeout()?;
    let many = conversations.len() > 1;
    let mut why = Vec::new();
    for (index, conversation) in conversations.iter().enumerate() {
        let received = http::exchange(stage.port(), &conversation.packets, timeout)?;
        let failures = answers(&stage.block, conversation, &received, index, many);
        let label = if many {
            format!("request {index}: ")
        } else {
            String::new()
        };
        why.extend(failures.into_iter().map(|failure| label.clone() + &failure));
    }
    Ok(why)
}

/// Judges what one connection gave.
fn answers(
    block: &Block,
    conversation: &Conversation,
    received: &Exchange,
    index: usize,
    many: bool,
) -> Vec<String> {
    let abort = block.has("abort");
    let mut why = Vec::new();
    if received.timed_out && !abort {
        why.push(format!(
            "the client timed out after {} bytes: {}",
            received.bytes.len(),
            checks::shorten(&received.bytes)
        ));
    }
    if block.has("ignore_response") {
        return why;
    }
    let head_only = conversation
        .packets
        .first()
        .is_some_and(|packet| packet.data.starts_with(b"HEAD "));
    if block.has("http09") {
        let response = Response {
            status: 200,
            body: received.bytes.clone(),
            ..Response::default()
        };
        return checks::check(block, &response, index, many, 200);
    }
    let mut rest = received.bytes.as_slice();
    for answer in 0..conversation.responses {
        let (mut response, used) = match http::parse(rest, head_only, true) {
            Ok(found) => found,
            Err(_)
                if abort
                    && !checks::RESPONSE_SECTIONS
                        .iter()
                        .any(|section| block.has(section)) =>
            {
                return why;
            }
            Err(http::ParseError::Bad(error)) => {
                why.push(error);
                return why;
            }
            Err(http::ParseError::Partial) => {
                why.push(format!(
                    "response {answer}: the connection ended without it"
                ));
                return why;
            }
        };
        rest = rest.get(used..).unwrap_or_default();
        response.truncated = response.truncated && !abort;
        let pipelined = conversation.responses > 1;
        let at = if pipelined { answer } else { index };
        why.extend(checks::check(block, &response, at, many || pipelined, 200));
    }
    why
}

fn log_path(section: &str) -> &'static Path {
    Path::new(if section.ends_with("access_log") {
        "logs/access.log"
    } else {
        "logs/error.log"
    })
}

/// Waits for the lines a section asks for; returns those that did not come.
fn missing_lines(stage: &Stage, section: &str, wanted: &[Matcher]) -> Vec<String> {
    let path = log_path(section).display().to_string();
    let come = poll::until(LOG_DEADLINE, || {
        let log = stage.root.read(&path);
        wanted
            .iter()
            .all(|matcher| matcher.find(&log).is_some())
            .then_some(())
    });
    if come.is_some() {
        Vec::new()
    } else {
        absent(&stage.root.read(&path), section, wanted)
    }
}

fn absent(log: &[u8], section: &str, wanted: &[Matcher]) -> Vec<String> {
    wanted
        .iter()
        .filter(|matcher| matcher.find(log).is_none())
        .map(|matcher| format!("{section}: no line with {matcher}"))
        .collect()
}

fn present(log: &[u8], section: &str, unwanted: &[Matcher]) -> Vec<String> {
    let found = unwanted.iter().filter_map(|matcher| {
        matcher
            .find(log)
            .map(|line| format!("{section}: {matcher} is in: {}", line.to_str_lossy()))
    });
    found.collect()
}

fn unwanted_lines(env: &Env, stage: &Stage, declared: &[Matcher]) -> Result<Vec<String>, String> {
    let block = &stage.block;
    let log = stage.root.error_log();
    let mut why = present(&log, "no_error_log", &matchers(block, "no_error_log")?);
    why.extend(present(
        &log,
        "no_shutdown_error_log",
        &matchers(block, "no_shutdown_error_log")?,
    ));
    why.extend(absent(
        &log,
        "shutdown_error_log",
        &matchers(block, "shutdown_error_log")?,
    ));
    why.extend(present(
        &stage.root.read("logs/access.log"),
        "no_access_log",
        &matchers(block, "no_access_log")?,
    ));
    if !block.has("no_check") {
        why.extend(
            logs::undeclared(&log, declared, &env.never)
                .into_iter()
                .map(|line| format!("undeclared in the error log: {line}")),
        );
    }
    Ok(why)
}
