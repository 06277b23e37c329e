//! README.md and the book: nginx takes every snippet, the requests in their comments and the terminal lines get the answers written there.
//!
//! In a page, `json` blocks are the route file `apps.json` of the `nginx` blocks below them, and a `console` block is run
//! beside the nginx of the block above it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::examples::{Running, Stage, ask_all};
use nginx_prove::env::Env;

/// What snippets without a server refer to, as docs/README.md says.
const AROUND: &str = "token_profile video { format scalesimple; key file=keys/video.key; }
geoip_db country.mmdb;
upstream_table apps { zone 8m; file apps.json; }
upstream backend { upstream_lookup apps $host; keepalive 16; }";

/// Pages that tests of their own follow: one in crates/cli, and the scenario `upgrade`.
const ELSEWHERE: [&str; 2] = ["docs/cli.md", "docs/upgrade.md"];

/// Fewer snippets than this are not all of them.
const LEAST: usize = 20;

pub(super) fn run(env: &Env) -> Result<(), String> {
    let (mut snippets, mut wrong) = (0, Vec::new());
    for name in names(&env.base)? {
        if ELSEWHERE.iter().any(|one| name == Path::new(one)) {
            continue;
        }
        let page = fs::read_to_string(env.base.join(&name)).map_err(|e| e.to_string())?;
        for part in parts(&page).map_err(|e| format!("{}: {e}", name.display()))? {
            snippets += 1;
            let done = run_part(env, &part);
            wrong.extend(
                done.err()
                    .map(|e| format!("{}:\n{}{e}", name.display(), part.snippet)),
            );
        }
    }
    if snippets < LEAST {
        wrong.push(format!("there are only {snippets} snippets"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(wrong.join("\n"))
}

/// README.md and all pages of the book, sorted.
fn names(base: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::from("README.md")];
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(base.join(&folder)).map_err(|e| e.to_string())?;
        for entry in entries.flatten() {
            let name = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(name);
            } else if name.extension().is_some_and(|ending| ending == "md") {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Starts nginx with a snippet, runs its commands and sends its requests.
fn run_part(env: &Env, part: &Part) -> Result<(), String> {
    let mut stage = Stage::new(env)?;
    if let Some(routes) = &part.routes {
        stage = stage.routes(routes)?;
    }
    let text = whole(&part.snippet);
    let server = stage.start(&text)?;
    for (command, answer) in &part.commands {
        ask(&server, command, answer)?;
    }
    ask_all(server, &text).map(drop)
}

/// A configuration of a page, and what is to be done with it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    snippet: String,
    routes: Option<String>,
    commands: Vec<(String, String)>,
}

fn parts(page: &str) -> Result<Vec<Part>, String> {
    let mut found: Vec<Part> = Vec::new();
    let mut routes = None;
    for (language, text) in blocks(page)? {
        match (language.as_str(), found.last_mut()) {
            ("json", _) => routes = Some(text),
            ("nginx", _) => found.push(Part {
                snippet: text,
                routes: routes.clone(),
                commands: Vec::new(),
            }),
            ("console", Some(part)) => part.commands.extend(commands(&text)?),
            ("console", None) => return Err("a console block without a configuration".into()),
            _ => {}
        }
    }
    Ok(found)
}

/// The fenced blocks of a page and their languages.
pub(super) fn blocks(page: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    match open {
        Some((_, text)) => Err(format!("a block does not end: {text}")),
        None => Ok(found),
    }
}

/// A whole configuration around a snippet: those with a server belong into `http`, those without into a server.
pub(super) fn whole(snippet: &str) -> String {
    if snippet.contains("http {") {
        return snippet.to_owned();
    }
    if snippet.contains("server {") {
        return format!("http {{\n{snippet}}}\n");
    }
    format!("http {{\n{AROUND}\nserver {{\nlisten 8080;\n{snippet}}}\n}}\n")
}

/// Lines that begin with `$ `, and what stands below each.
pub(super) fn commands(block: &str) -> Result<Vec<(String, String)>, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command.to_owned(), String::new())),
            (None, Some((_, answer))) => answer.push_str(&format!("{line}\n")),
            (None, None) => return Err("a console block begins with a command".into()),
        }
    }
    Ok(found)
}

/// Runs a command beside the configuration.
fn ask(server: &Running, command: &str, answer: &str) -> Result<(), String> {
    let output = Command::new("sh")
        .args(["-c", &server.with_ports(command)])
        .current_dir(server.root().join("conf"))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("sh: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    if said == answer {
        Ok(())
    } else {
        Err(format!("`{command}` said:\n{said}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, blocks, commands, parts, whole};

    #[test]
    fn finds_blocks_and_commands() {
        let page = "x\n```nginx\na;\n```\ny\n```json\n{}\n```\n```nginx\nb;\n```\n```console\n$ c\nd\n```\n";
        let a = Part {
            snippet: "a;\n".into(),
            ..Part::default()
        };
        let b = Part {
            snippet: "b;\n".into(),
            routes: Some("{}\n".into()),
            commands: vec![("c".into(), "d\n".into())],
        };
        assert_eq!(parts(page), Ok(vec![a, b]));
        assert!(parts("```console\n$ c\n```\n").is_err());
        assert!(blocks("```nginx\na;\n").is_err());
        assert!(commands("d\n").is_err());
    }

    #[test]
    fn puts_a_snippet_where_it_belongs() {
        assert_eq!(whole("http {\n}\n"), "http {\n}\n");
        assert!(whole("server {\n}\n").starts_with("http {\nserver {"));
        assert!(whole("location / { }\n").contains("8080;\nlocation"));
    }
}
