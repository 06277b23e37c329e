//! README.md: nginx takes every snippet, the requests in their comments and the terminal lines get the answers written there.

use std::process::{Command, Stdio};

use super::examples::{Running, Stage, ask_all, no_warnings};
use nginx_prove::env::Env;

/// What snippets of a server refer to, as the first configuration of the page has it.
const AROUND: &str = "token_profile video { format scalesimple; key file=keys/video.key; }
geoip_db country.mmdb;
upstream_table apps { zone 8m; file apps.json; }
upstream backend { upstream_lookup apps $host; keepalive 16; }";

pub(super) fn run(env: &Env) -> Result<(), String> {
    let path = env.base.join("README.md");
    let page = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let snippets = blocks(&page, "nginx");
    let (first, others) = snippets.split_first().ok_or("no nginx snippet")?;
    let terminal = blocks(&page, "console");
    let terminal = terminal.first().ok_or("no console block")?;
    let server = Stage::new(env)?.start(first)?;
    let (_, said) = server.test_config()?;
    no_warnings(&said)?;
    for (command, answer) in commands(terminal)? {
        check(&server, &command, &answer)?;
    }
    server.stop()?;
    for snippet in others {
        let text = whole(snippet);
        let running = Stage::new(env)?.start(&text);
        running
            .and_then(|server| ask_all(server, &text))
            .map_err(|e| format!("the snippet {snippet}is not right: {e}"))?;
    }
    Ok(())
}

/// The fenced blocks of a language.
pub(super) fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut rest = page;
    let mut found = Vec::new();
    while let Some((_, after)) = rest.split_once(&format!("\n```{language}\n")) {
        let (block, after) = after.split_once("```").unwrap_or((after, ""));
        found.push(block.to_owned());
        rest = after;
    }
    found
}

/// A whole configuration around a snippet: those with a server belong into `http`, those without into a server.
fn whole(snippet: &str) -> String {
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
fn check(server: &Running, command: &str, answer: &str) -> Result<(), String> {
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
    use super::{blocks, commands, whole};

    #[test]
    fn finds_blocks_and_commands() {
        let page = "x\n```nginx\na;\n```\ny\n```console\n$ c\nd\n```\n```nginx\nb;\n```\n";
        assert_eq!(blocks(page, "nginx"), ["a;\n", "b;\n"]);
        let console = blocks(page, "console");
        assert_eq!(
            commands(&console[0]),
            Ok(vec![("c".to_owned(), "d\n".to_owned())])
        );
        assert!(commands("d\n").is_err());
    }

    #[test]
    fn puts_a_snippet_where_it_belongs() {
        assert_eq!(whole("http {\n}\n"), "http {\n}\n");
        assert!(whole("server {\n}\n").starts_with("http {\nserver {"));
        assert!(whole("location / { }\n").contains("8080;\nlocation"));
    }
}
